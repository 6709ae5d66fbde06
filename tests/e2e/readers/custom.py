"""What our own custom resources have done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.e2e.compare import differences


def closed_default_group(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    of_vpc = [{"Name": "vpc-id", "Values": [wanted["VpcId"]]}, {"Name": "group-name", "Values": ["default"]}]
    (group,) = client("ec2").describe_security_groups(Filters=of_vpc)["SecurityGroups"]
    assert not group["IpPermissions"], f"something may come in: {group['IpPermissions']}"
    assert not group["IpPermissionsEgress"], f"something may go out: {group['IpPermissionsEgress']}"
    return {"VpcId": group["VpcId"]}


def prefix_lists(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What it found is in the rules of the security groups, which are compared for themselves."""
    return {}


def service_linked_role(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    roles = client("iam").list_roles(PathPrefix=f"/aws-service-role/{wanted['Service']}/")["Roles"]
    assert len(roles) == 1, f"{len(roles)} roles are linked to {wanted['Service']}"
    return {"Service": wanted["Service"]}


def inspector_scans(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    (account,) = client("inspector2").batch_get_account_status()["accounts"]
    state = account["resourceState"]
    return {"ResourceTypes": [name for name in wanted["ResourceTypes"] if state[name.lower()]["status"] == "ENABLED"]}


def kept_log_groups(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    pages = client("logs").get_paginator("describe_log_groups").paginate()
    every = [each for page in pages for each in page["logGroups"]]
    groups = [
        each for name in wanted["LogGroups"] for each in every if not any(differences(name, each["logGroupName"]))
    ]
    ((retention, key),) = {(each["retentionInDays"], each["kmsKeyId"]) for each in groups}
    return {"LogGroups": [each["logGroupName"] for each in groups], "RetentionInDays": retention, "KmsKeyArn": key}


READERS = {
    "Custom::ClosedDefaultSecurityGroup": closed_default_group,
    "Custom::InspectorScans": inspector_scans,
    "Custom::KeptLogGroups": kept_log_groups,
    "Custom::PrefixLists": prefix_lists,
    "Custom::ServiceLinkedRole": service_linked_role,
}
_OURS = {
    "Action": "an instruction to our own function",
    "Region": "likewise",
    "ServiceTimeout": "told to CloudFormation, not to a service",
    "ServiceToken": "likewise",
}
NOT_READ = dict.fromkeys(READERS, _OURS)
