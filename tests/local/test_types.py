"""Each resource type of ours: created, read back by its API, changed in place or by another one, and deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from secure_containers.local.kinds import Kind, kind_of
from secure_containers.local.types import TYPES
from tests.local.conftest import Cloud

Properties = dict[str, Any]
VPC = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}
GROUP = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "a", "VpcId": {"Ref": "Vpc"}}}
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
            ]
        }
    },
}
ROLE_ARN = {"Fn::GetAtt": ["Role", "Arn"]}
BUCKET = {"Type": "AWS::S3::Bucket"}
LOGS = {"Type": "AWS::Logs::LogGroup"}
CLUSTER = {
    "Type": "AWS::EKS::Cluster",
    "Properties": {"RoleArn": ROLE_ARN, "ResourcesVpcConfig": {"SubnetIds": ["subnet-1"]}},
}
FARGATE = {"Type": "MANAGED", "State": "ENABLED", "ReplaceComputeEnvironment": False}
CAPACITY = {"Type": "FARGATE", "MaxvCpus": 4, "Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
ENVIRONMENT = {"Type": "AWS::Batch::ComputeEnvironment", "Properties": {**FARGATE, "ComputeResources": CAPACITY}}
QUEUE = {"Priority": 1, "ComputeEnvironmentOrder": [{"Order": 1, "ComputeEnvironment": {"Ref": "Environment"}}]}
JOB = {"Type": "container", "ContainerProperties": {"Image": "a", "Command": ["b"], "ResourceRequirements": []}}


@dataclass(frozen=True)
class Case:
    """A type's life.

    Args:
        made: its properties at first.
        changed: and then.
        read: what its API tells of it, by the physical id; it fails or is empty once the resource is gone.
        has: what is to be found there at first.
        then: and then.
        replaced: the change makes another resource.
        attributes: what `Fn::GetAtt` has to give.
        beside: what else the stack needs.
    """

    made: Properties
    changed: Properties
    read: Callable[[Cloud, str], Any]
    has: Mapping[str, Any]
    then: Mapping[str, Any]
    replaced: bool = False
    attributes: tuple[str, ...] = ()
    beside: Mapping[str, Any] = field(default_factory=dict)


def environment(cloud: Cloud, id: str) -> Any:
    return cloud.client("batch").describe_compute_environments(computeEnvironments=[id])["computeEnvironments"][0]


def queue(cloud: Cloud, id: str) -> Any:
    return cloud.client("batch").describe_job_queues(jobQueues=[id])["jobQueues"][0]


def definition(cloud: Cloud, id: str) -> Any:
    (found,) = cloud.client("batch").describe_job_definitions(jobDefinitions=[id])["jobDefinitions"]
    return found if found["status"] == "ACTIVE" else {}


def policy(cloud: Cloud, id: str) -> Any:
    return cloud.client("batch").describe_scheduling_policies(arns=[id])["schedulingPolicies"][0]


def trail(cloud: Cloud, id: str) -> Any:
    trails = cloud.client("cloudtrail")
    status = trails.get_trail_status(Name=id)
    selectors = trails.get_event_selectors(TrailName=id)["EventSelectors"]
    return {**trails.get_trail(Name=id)["Trail"], "IsLogging": status["IsLogging"], "EventSelectors": selectors}


def recorder(cloud: Cloud, id: str) -> Any:
    config = cloud.client("config")
    (status,) = config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]
    (found,) = config.describe_configuration_recorders(ConfigurationRecorderNames=[id])["ConfigurationRecorders"]
    return {**found, "recording": status["recording"]}


def channel(cloud: Cloud, id: str) -> Any:
    return cloud.client("config").describe_delivery_channels(DeliveryChannelNames=[id])["DeliveryChannels"][0]


def rule(cloud: Cloud, id: str) -> Any:
    return cloud.client("config").describe_config_rules(ConfigRuleNames=[id])["ConfigRules"][0]


def flow_log(cloud: Cloud, id: str) -> Any:
    return cloud.client("ec2").describe_flow_logs(FlowLogIds=[id])["FlowLogs"][0]


def acl(cloud: Cloud, id: str) -> Any:
    return cloud.client("ec2").describe_network_acls(NetworkAclIds=[id])["NetworkAcls"][0]


def acl_entry(cloud: Cloud, id: str) -> Any:
    acl, side, number = id.split("|")
    entries = cloud.client("ec2").describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]
    (found,) = [each for each in entries if (each["RuleNumber"], each["Egress"]) == (int(number), side == "egress")]
    return found


def group_rule(cloud: Cloud, id: str) -> Any:
    (found,) = cloud.client("ec2").describe_security_group_rules(SecurityGroupRuleIds=[id])["SecurityGroupRules"]
    return found


def registry_policy(cloud: Cloud, _: str) -> Any:
    return cloud.client("ecr").get_registry_policy()


def scanning(cloud: Cloud, _: str) -> Any:
    found = cloud.client("ecr").get_registry_scanning_configuration()["scanningConfiguration"]
    return found if found["rules"] else {}


def replication(cloud: Cloud, _: str) -> Any:
    found = cloud.client("ecr").describe_registry()["replicationConfiguration"]
    return found if found["rules"] else {}


def cache_rule(cloud: Cloud, id: str) -> Any:
    return cloud.client("ecr").describe_pull_through_cache_rules(ecrRepositoryPrefixes=[id])["pullThroughCacheRules"][0]


def addon(cloud: Cloud, id: str) -> Any:
    cluster, name = id.split("|")
    return cloud.client("eks").describe_addon(clusterName=cluster, addonName=name)["addon"]


def plan(cloud: Cloud, id: str) -> Any:
    return cloud.client("guardduty").get_malware_protection_plan(MalwareProtectionPlanId=id)


def scans(*prefixes: str) -> Properties:
    return {"S3Bucket": {"BucketName": "a", "ObjectPrefixes": list(prefixes)}}


def detector(cloud: Cloud, id: str) -> Any:
    guardduty = cloud.client("guardduty")
    (only,) = guardduty.list_detectors()["DetectorIds"]
    assert only == id
    return guardduty.get_detector(DetectorId=id)


def identity(cloud: Cloud, id: str) -> Any:
    (cluster,) = cloud.client("eks").list_clusters()["clusters"]
    found = cloud.client("eks").describe_pod_identity_association(clusterName=cluster, associationId=id)
    return found["association"]


def of_rule(number: int, statement: str) -> Properties:
    return {
        "Rules": [
            {"ScanFrequency": statement, "RepositoryFilters": [{"Filter": f"{number}*", "FilterType": "WILDCARD"}]}
        ]
    }


def to(region: str) -> Properties:
    return {
        "ReplicationConfiguration": {"Rules": [{"Destinations": [{"Region": region, "RegistryId": "123456789012"}]}]}
    }


def allows(action: str) -> Properties:
    return {"PolicyText": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action}]}}


CASES = {
    "AWS::Batch::ComputeEnvironment": Case(
        {**FARGATE, "ComputeResources": CAPACITY},
        {**FARGATE, "ComputeResources": {**CAPACITY, "MaxvCpus": 8, "Type": "FARGATE_SPOT"}},
        environment,
        {
            "state": "ENABLED",
            "status": "VALID",
            "type": "MANAGED",
            "computeResources": {"maxvCpus": 4, "type": "FARGATE"},
        },
        {"computeResources": {"maxvCpus": 8, "type": "FARGATE_SPOT", "subnets": ["subnet-1"]}},
        attributes=("ComputeEnvironmentArn",),
    ),
    "AWS::Batch::JobQueue": Case(
        QUEUE,
        {**QUEUE, "Priority": "7"},
        queue,
        {"priority": 1, "state": "ENABLED"},
        {"priority": 7},
        attributes=("JobQueueArn",),
        beside={"Environment": ENVIRONMENT},
    ),
    "AWS::Batch::JobDefinition": Case(
        {**JOB, "Timeout": {"AttemptDurationSeconds": "60"}, "Tags": {"a": "b"}},
        {**JOB, "Timeout": {"AttemptDurationSeconds": "70"}},
        definition,
        {"revision": 1, "timeout": {"attemptDurationSeconds": 60}, "tags": {"a": "b"}},
        {"revision": 2, "timeout": {"attemptDurationSeconds": 70}},
        replaced=True,
        attributes=("JobDefinitionArn",),
    ),
    "AWS::Batch::SchedulingPolicy": Case(
        {"FairsharePolicy": {"ShareDistribution": [{"ShareIdentifier": "a", "WeightFactor": 1}]}},
        {"FairsharePolicy": {"ShareDistribution": [{"ShareIdentifier": "a", "WeightFactor": 0.5}]}},
        policy,
        {"fairsharePolicy": {"shareDistribution": [{"shareIdentifier": "a", "weightFactor": 1.0}]}},
        {"fairsharePolicy": {"shareDistribution": [{"shareIdentifier": "a", "weightFactor": 0.5}]}},
        attributes=("Arn",),
    ),
    "AWS::CloudTrail::Trail": Case(
        {
            "S3BucketName": {"Ref": "Bucket"},
            "IsLogging": True,
            "IsMultiRegionTrail": True,
            "EnableLogFileValidation": True,
            "KMSKeyId": "arn:aws:kms:eu-central-1:123456789012:key/a",
            "CloudWatchLogsLogGroupArn": {"Fn::GetAtt": ["Logs", "Arn"]},
            "CloudWatchLogsRoleArn": ROLE_ARN,
            "EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "All"}],
            "Tags": [{"Key": "a", "Value": "b"}],
        },
        {
            "S3BucketName": {"Ref": "Bucket"},
            "IsLogging": False,
            "EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "WriteOnly"}],
        },
        trail,
        {
            "IsLogging": True,
            "IsMultiRegionTrail": True,
            "LogFileValidationEnabled": True,
            "KmsKeyId": "arn:aws:kms:eu-central-1:123456789012:key/a",
            "EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "All"}],
        },
        {"IsLogging": False, "EventSelectors": [{"ReadWriteType": "WriteOnly"}]},
        attributes=("Arn",),
        beside={"Bucket": BUCKET, "Logs": LOGS, "Role": ROLE},
    ),
    "AWS::Config::ConfigurationRecorder": Case(
        {"RoleARN": ROLE_ARN, "RecordingGroup": {"AllSupported": True, "IncludeGlobalResourceTypes": "true"}},
        {"RoleARN": ROLE_ARN, "RecordingGroup": {"AllSupported": False, "ResourceTypes": ["AWS::EC2::VPC"]}},
        recorder,
        {"recordingGroup": {"allSupported": True, "includeGlobalResourceTypes": True}},
        {"recordingGroup": {"allSupported": False, "resourceTypes": ["AWS::EC2::VPC"]}},
        beside={"Role": ROLE},
    ),
    "AWS::Config::DeliveryChannel": Case(
        {"S3BucketName": {"Ref": "Bucket"}, "S3KeyPrefix": "a"},
        {"S3BucketName": {"Ref": "Bucket"}, "S3KeyPrefix": "b"},
        channel,
        {"s3KeyPrefix": "a"},
        {"s3KeyPrefix": "b"},
        beside={"Bucket": BUCKET},
    ),
    "AWS::Config::ConfigRule": Case(
        {"Source": {"Owner": "AWS", "SourceIdentifier": "A"}, "InputParameters": {"a": "1"}},
        {"Source": {"Owner": "AWS", "SourceIdentifier": "A"}, "InputParameters": {"a": "2"}},
        rule,
        {"InputParameters": '{"a": "1"}', "ConfigRuleState": "ACTIVE"},
        {"InputParameters": '{"a": "2"}'},
        attributes=("Arn", "ConfigRuleId"),
    ),
    "AWS::EC2::FlowLog": Case(
        {
            "ResourceId": {"Ref": "Vpc"},
            "ResourceType": "VPC",
            "TrafficType": "ALL",
            "LogGroupName": {"Ref": "Logs"},
            "DeliverLogsPermissionArn": ROLE_ARN,
            "MaxAggregationInterval": 60,
            "Tags": [{"Key": "a", "Value": "b"}],
        },
        {
            "ResourceId": {"Ref": "Vpc"},
            "ResourceType": "VPC",
            "TrafficType": "REJECT",
            "LogGroupName": {"Ref": "Logs"},
            "DeliverLogsPermissionArn": ROLE_ARN,
        },
        flow_log,
        {"TrafficType": "ALL", "FlowLogStatus": "ACTIVE", "MaxAggregationInterval": 60},
        {"TrafficType": "REJECT"},
        replaced=True,
        attributes=("Id",),
        beside={"Vpc": VPC, "Logs": LOGS, "Role": ROLE},
    ),
    "AWS::EC2::NetworkAcl": Case(
        {"VpcId": {"Ref": "Vpc"}},
        {"VpcId": {"Ref": "Other"}},
        acl,
        {"IsDefault": False},
        {"IsDefault": False},
        replaced=True,
        attributes=("Id",),
        beside={"Vpc": VPC, "Other": VPC},
    ),
    "AWS::EC2::NetworkAclEntry": Case(
        {
            "NetworkAclId": {"Ref": "Acl"},
            "RuleNumber": 1,
            "Protocol": -1,
            "RuleAction": "deny",
            "CidrBlock": "10.0.0.0/8",
        },
        {
            "NetworkAclId": {"Ref": "Acl"},
            "RuleNumber": 2,
            "Protocol": -1,
            "RuleAction": "deny",
            "CidrBlock": "10.0.0.0/8",
        },
        acl_entry,
        {"RuleAction": "deny", "CidrBlock": "10.0.0.0/8"},
        {"RuleNumber": 2},
        replaced=True,
        attributes=("Id",),
        beside={"Vpc": VPC, "Acl": {"Type": "AWS::EC2::NetworkAcl", "Properties": {"VpcId": {"Ref": "Vpc"}}}},
    ),
    "AWS::EC2::SecurityGroupEgress": Case(
        {
            "GroupId": {"Ref": "Group"},
            "IpProtocol": "tcp",
            "FromPort": 443,
            "ToPort": "443",
            "DestinationPrefixListId": "pl-1",
            "Description": "a",
        },
        {"GroupId": {"Ref": "Group"}, "IpProtocol": "tcp", "FromPort": 444, "ToPort": 444, "CidrIp": "10.0.0.0/8"},
        group_rule,
        {"IsEgress": True, "FromPort": 443, "ToPort": 443, "PrefixListId": "pl-1", "Description": "a"},
        {"IsEgress": True, "FromPort": 444, "CidrIpv4": "10.0.0.0/8"},
        replaced=True,
        attributes=("Id",),
        beside={"Vpc": VPC, "Group": GROUP},
    ),
    "AWS::EC2::SecurityGroupIngress": Case(
        {
            "GroupId": {"Ref": "Group"},
            "IpProtocol": "tcp",
            "FromPort": 443,
            "ToPort": 443,
            "SourceSecurityGroupId": {"Ref": "Group"},
        },
        {"GroupId": {"Ref": "Group"}, "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv6": "::/0"},
        group_rule,
        {"IsEgress": False, "FromPort": 443},
        {"IsEgress": False, "CidrIpv6": "::/0"},
        replaced=True,
        attributes=("Id",),
        beside={"Vpc": VPC, "Group": GROUP},
    ),
    "AWS::ECR::PullThroughCacheRule": Case(
        {"EcrRepositoryPrefix": "aa", "UpstreamRegistryUrl": "public.ecr.aws"},
        {"EcrRepositoryPrefix": "bb", "UpstreamRegistryUrl": "public.ecr.aws"},
        cache_rule,
        {"upstreamRegistryUrl": "public.ecr.aws"},
        {"ecrRepositoryPrefix": "bb"},
        replaced=True,
    ),
    "AWS::ECR::RegistryPolicy": Case(
        allows("ecr:ReplicateImage"),
        allows("ecr:CreateRepository"),
        registry_policy,
        {"registryId": "123456789012"},
        {
            "policyText": '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecr:CreateRepository"}]}'
        },
        attributes=("RegistryId",),
    ),
    "AWS::ECR::RegistryScanningConfiguration": Case(
        {"ScanType": "BASIC", **of_rule(1, "SCAN_ON_PUSH")},
        {"ScanType": "ENHANCED", **of_rule(2, "CONTINUOUS_SCAN")},
        scanning,
        {"scanType": "BASIC", "rules": [{"scanFrequency": "SCAN_ON_PUSH"}]},
        {"scanType": "ENHANCED", "rules": [{"repositoryFilters": [{"filter": "2*", "filterType": "WILDCARD"}]}]},
        attributes=("RegistryId",),
    ),
    "AWS::ECR::ReplicationConfiguration": Case(
        to("eu-west-1"),
        to("eu-west-2"),
        replication,
        {"rules": [{"destinations": [{"region": "eu-west-1", "registryId": "123456789012"}]}]},
        {"rules": [{"destinations": [{"region": "eu-west-2"}]}]},
        attributes=("RegistryId",),
    ),
    "AWS::EKS::Addon": Case(
        {"ClusterName": {"Ref": "Cluster"}, "AddonName": "vpc-cni", "AddonVersion": "v1.1.1-eksbuild.1"},
        {"ClusterName": {"Ref": "Cluster"}, "AddonName": "vpc-cni", "AddonVersion": "v1.2.1-eksbuild.1"},
        addon,
        {"addonVersion": "v1.1.1-eksbuild.1"},
        {"addonVersion": "v1.2.1-eksbuild.1"},
        attributes=("Arn",),
        beside={"Role": ROLE, "Cluster": CLUSTER},
    ),
    "AWS::EKS::PodIdentityAssociation": Case(
        {"ClusterName": {"Ref": "Cluster"}, "Namespace": "a", "ServiceAccount": "b", "RoleArn": ROLE_ARN},
        {"ClusterName": {"Ref": "Cluster"}, "Namespace": "c", "ServiceAccount": "b", "RoleArn": ROLE_ARN},
        identity,
        {"namespace": "a"},
        {"namespace": "c"},
        replaced=True,
        attributes=("AssociationArn", "AssociationId"),
        beside={"Role": ROLE, "Cluster": CLUSTER},
    ),
    "AWS::GuardDuty::Detector": Case(
        {"Enable": True, "Features": [{"Name": "RUNTIME_MONITORING", "Status": "ENABLED"}]},
        {"Enable": "false", "FindingPublishingFrequency": "ONE_HOUR"},
        detector,
        {"Status": "ENABLED", "Features": [{"Name": "RUNTIME_MONITORING", "Status": "ENABLED"}]},
        {"Status": "DISABLED", "FindingPublishingFrequency": "ONE_HOUR"},
        attributes=("Id",),
    ),
    "AWS::GuardDuty::MalwareProtectionPlan": Case(
        {
            "Role": "arn:aws:iam::123456789012:role/a",
            "ProtectedResource": scans("in/"),
            "Actions": {"Tagging": {"Status": "ENABLED"}},
            "Tags": [{"Key": "a", "Value": "b"}],
        },
        {"Role": "arn:aws:iam::123456789012:role/b", "ProtectedResource": scans("in/", "other/")},
        plan,
        {"ProtectedResource": scans("in/"), "Actions": {"Tagging": {"Status": "ENABLED"}}, "Status": "ACTIVE"},
        {"ProtectedResource": scans("in/", "other/"), "Role": "arn:aws:iam::123456789012:role/b"},
        attributes=("Arn", "CreatedAt", "MalwareProtectionPlanId", "Status"),
    ),
}
RECORDS = {
    "AWS::AppRunner::AutoScalingConfiguration": ({"MaxSize": 3}, ("AutoScalingConfigurationArn",)),
    "AWS::AppRunner::ObservabilityConfiguration": ({}, ("ObservabilityConfigurationArn",)),
    "AWS::AppRunner::Service": ({"SourceConfiguration": {}}, ("ServiceArn", "ServiceId", "ServiceUrl", "Status")),
    "AWS::AppRunner::VpcConnector": ({"Subnets": ["subnet-1"]}, ("VpcConnectorArn", "VpcConnectorRevision")),
    "AWS::ApplicationAutoScaling::ScalableTarget": (
        {"ResourceId": "a", "ScalableDimension": "b", "ServiceNamespace": "c"},
        ("Id",),
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ({"PolicyName": "a"}, ("Arn",)),
    "AWS::EKS::FargateProfile": ({"ClusterName": "a", "Selectors": []}, ("Arn",)),
}


def holds(found: Any, wanted: Any) -> bool:
    """Whether what is wanted is all there; there may be more."""
    if isinstance(wanted, Mapping):
        return all(name in found and holds(found[name], value) for name, value in wanted.items())
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(holds(*each) for each in zip(found, wanted, strict=True))
    return bool(found == wanted)


def is_gone(case: Case, cloud: Cloud, id: str) -> bool:
    try:
        return not case.read(cloud, id)
    except (IndexError, ValueError, cloud.client("sts").exceptions.ClientError):
        return True
    except Exception as error:
        if type(error).__name__.endswith(("Exception", "NotFound", "ClientError")):
            return True
        raise


@pytest.mark.parametrize("type_", CASES)
def test_life_of_a_resource(cloud: Cloud, type_: str) -> None:
    case, name = CASES[type_], type_.replace("::", "-")
    asked = {each: {"Fn::GetAtt": ["Thing", each]} for each in case.attributes}
    made = cloud.deploy(
        name, {**case.beside, "Thing": {"Type": type_, "Properties": case.made}}, Ref={"Ref": "Thing"}, **asked
    )
    assert all(made[each] for each in case.attributes)
    assert holds(case.read(cloud, made["Ref"]), case.has), case.read(cloud, made["Ref"])

    changed = cloud.deploy(
        name, {**case.beside, "Thing": {"Type": type_, "Properties": case.changed}}, Ref={"Ref": "Thing"}, **asked
    )
    assert (changed["Ref"] != made["Ref"]) == case.replaced
    assert holds(case.read(cloud, changed["Ref"]), case.then), case.read(cloud, changed["Ref"])
    if case.replaced:
        assert is_gone(case, cloud, made["Ref"])

    cloud.delete(name)
    assert is_gone(case, cloud, changed["Ref"])


@pytest.mark.parametrize("type_", RECORDS)
def test_records_have_their_attributes_and_keep_them(cloud: Cloud, type_: str) -> None:
    (properties, attributes), name = RECORDS[type_], type_.replace("::", "-")
    asked = {each: {"Fn::GetAtt": ["Thing", each]} for each in attributes}
    made = cloud.deploy(name, {"Thing": {"Type": type_, "Properties": properties}}, Ref={"Ref": "Thing"}, **asked)
    assert all(made.values())
    cloud.delete(name)
    assert kind_of(type_) == Kind.RECORD


def test_every_type_of_ours_has_a_test() -> None:
    assert {*CASES, *RECORDS} == set(TYPES)


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("AWS::S3::Bucket", Kind.REAL),
        ("AWS::Batch::JobDefinition", Kind.REAL),
        ("Custom::Anything", Kind.REAL),
        ("AWS::ECS::Service", Kind.RECORD),
        ("AWS::Batch::ComputeEnvironment", Kind.RECORD),
        ("AWS::Bedrock::Nothing", Kind.UNKNOWN),
    ],
)
def test_kinds(type_: str, kind: Kind) -> None:
    assert kind_of(type_) == kind


def test_a_property_that_nobody_knows_fails_with_its_name(cloud: Cloud) -> None:
    with pytest.raises(AssertionError, match="CreateTrail does not know Surprise"):
        cloud.deploy(
            "surprise",
            {"Trail": {"Type": "AWS::CloudTrail::Trail", "Properties": {"S3BucketName": "a", "Surprise": 1}}},
        )
    cloud.delete("surprise")


def test_an_environment_is_replaced_if_its_template_says_so(cloud: Cloud) -> None:
    name, type_ = "replaced", "AWS::Batch::ComputeEnvironment"
    first = {"Type": "MANAGED", "ComputeResources": CAPACITY}
    second = {"Type": "MANAGED", "ComputeResources": {**CAPACITY, "Subnets": ["subnet-2"]}}
    third = {"Type": "MANAGED", "ComputeResources": {**CAPACITY, "Subnets": ["subnet-2"], "MaxvCpus": 9}}
    ids = [
        cloud.deploy(name, {"Thing": {"Type": type_, "Properties": each}}, Ref={"Ref": "Thing"})["Ref"]
        for each in (first, second, third)
    ]
    assert ids[0] != ids[1] == ids[2]
    assert is_gone(CASES[type_], cloud, ids[0])
    cloud.delete(name)


def test_a_queue_cannot_lose_its_environment(cloud: Cloud) -> None:
    batch = cloud.client("batch")
    resources = {"Environment": ENVIRONMENT, "Queue": {"Type": "AWS::Batch::JobQueue", "Properties": QUEUE}}
    told = cloud.deploy("order", resources, Environment={"Ref": "Environment"}, Queue={"Ref": "Queue"})
    with pytest.raises(batch.exceptions.ClientException, match="ENABLED"):
        batch.delete_compute_environment(computeEnvironment=told["Environment"])
    batch.update_compute_environment(computeEnvironment=told["Environment"], state="DISABLED")
    with pytest.raises(batch.exceptions.ClientException, match="existing JobQueue relationship"):
        batch.delete_compute_environment(computeEnvironment=told["Environment"])
    cloud.delete("order")


def test_a_group_with_a_rule_of_its_own_does_not_allow_everything_out(cloud: Cloud) -> None:
    rule_ = {
        "GroupId": {"Ref": "Group"},
        "IpProtocol": "tcp",
        "FromPort": 443,
        "ToPort": 443,
        "DestinationPrefixListId": "pl-1",
    }
    resources = {
        "Vpc": VPC,
        "Group": GROUP,
        "Rule": {"Type": "AWS::EC2::SecurityGroupEgress", "Properties": rule_},
    }
    told = cloud.deploy("egress", resources, Group={"Ref": "Group"}, Cidr={"Fn::GetAtt": ["Vpc", "CidrBlock"]})
    (group,) = cloud.client("ec2").describe_security_groups(GroupIds=[told["Group"]])["SecurityGroups"]
    (only,) = group["IpPermissionsEgress"]
    assert only["PrefixListIds"] == [{"PrefixListId": "pl-1"}]
    assert told["Cidr"] == "10.0.0.0/16"
    cloud.delete("egress")


@pytest.mark.parametrize("first", ["Recorder", "Channel"])
def test_the_recorder_runs_once_there_is_a_channel(cloud: Cloud, first: str) -> None:
    resources: dict[str, Any] = {
        "Recorder": {"Type": "AWS::Config::ConfigurationRecorder", "Properties": {"RoleARN": ROLE_ARN}},
        "Channel": {"Type": "AWS::Config::DeliveryChannel", "Properties": {"S3BucketName": "a"}},
    }
    (second,) = resources.keys() - {first}
    resources[second]["DependsOn"] = first
    told = cloud.deploy("recording", {"Role": ROLE, **resources}, Recorder={"Ref": "Recorder"})
    assert recorder(cloud, told["Recorder"])["recording"]
    cloud.delete("recording")
