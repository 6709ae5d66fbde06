"""The rules about services of App Runner."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, CfnOutput, Environment, Stack
from aws_cdk import aws_apprunner as apprunner

from secure_containers.rules import Rule, Template, evaluate
from secure_containers.rules.app_runner import (
    aws_owned_app_runner_encryption,
    public_app_runner_service,
    unbounded_app_runner_scaling,
    unchecked_app_runner_service,
    unrouted_app_runner_egress,
    unwatched_app_runner_service,
)
from secure_containers.rules.app_runner_deployment import movable_app_runner_image, undeployable_app_runner
from secure_containers.rules.app_runner_roles import broad_app_runner_role
from secure_containers.rules.app_runner_sizes import SIZES, memory_for
from tests.rules.support import ACCOUNT, FOREIGN, NO_VALUE, att, either, join, ref, said, sub, template
from tests.support import synthesized

Resources = dict[str, Any]
REGION = "eu-central-1"
REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop"
DIGEST = "sha256:" + "a" * 64
PARAMETERS = {
    "Off": {"Type": "String", "AllowedValues": ["false"]},
    "Digest": {"Type": "String", "AllowedPattern": "sha256:[0-9a-f]{64}"},
    "Arn": {"Type": "String", "AllowedPattern": "arn:.+"},
    "Port": {"Type": "Number", "MinValue": 1024, "MaxValue": 65535},
    "AnyPort": {"Type": "Number"},
}


def resource(type_: str, **properties: Any) -> Resources:
    return {"Type": f"AWS::{type_}", "Properties": properties}


def service(**properties: Any) -> Resources:
    return resource("AppRunner::Service", **{"SourceConfiguration": image(), **properties})


def image(name: Any = f"{REPOSITORY}:1.4.2", *, kind: str = "ECR", **configuration: Any) -> Resources:
    return {
        "ImageRepository": {
            "ImageIdentifier": name,
            "ImageRepositoryType": kind,
            "ImageConfiguration": configuration or NO_VALUE,
        },
        "AuthenticationConfiguration": {"AccessRoleArn": att("Access")} if kind == "ECR" else NO_VALUE,
        "AutoDeploymentsEnabled": False,
    }


def code(**configuration: Any) -> Resources:
    values = {"CodeConfigurationValues": configuration, "ConfigurationSource": "API"}
    return {
        "CodeRepository": {"RepositoryUrl": "https://github.com/shop/shop", "CodeConfiguration": values},
        "AuthenticationConfiguration": {"ConnectionArn": ref("Arn")},
        "AutoDeploymentsEnabled": False,
    }


def network(*, public: Any = False, **egress: Any) -> Resources:
    return {
        "NetworkConfiguration": {
            "IngressConfiguration": {"IsPubliclyAccessible": public},
            "EgressConfiguration": egress or NO_VALUE,
        }
    }


def role(**properties: Any) -> Resources:
    return resource("IAM::Role", AssumeRolePolicyDocument={"Statement": []}, **properties)


def made(resources: Resources, **sections: Any) -> Template:
    return template({"Access": role(), **resources}, Parameters=PARAMETERS, **sections)


def judged(rule: Rule, resources: Resources, **sections: Any) -> str:
    """What a rule says: `bad` for each finding, with what it is about, `?` where it cannot decide."""
    found = said(rule, made(resources, **sections))
    return " ".join(each.replace(rule.id, "bad") if not each.endswith("?") else "?" for each in found)


def messages(rule: Rule, resources: Resources, **sections: Any) -> str:
    return "\n".join(finding.message for finding in evaluate([made(resources, **sections)], [rule]).findings)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, "bad"),
        ({"NetworkConfiguration": {}}, "bad"),
        (network(public=True), "bad"),
        (network(public=either("Prod", False)), "bad"),
        (network(public=ref("Free")), "?"),
        ({"NetworkConfiguration": ref("Free")}, "?"),
        (network(public=False), ""),
        (network(public="false"), ""),
        (network(public=ref("Off")), ""),
    ],
)
def test_public_app_runner_service(properties: Resources, expected: str) -> None:
    assert judged(public_app_runner_service, {"Service": service(**properties)}) == expected


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, "bad"),
        (network(EgressType="DEFAULT"), "bad"),
        (network(EgressType=either("Prod", "VPC", "DEFAULT")), "bad"),
        (network(EgressType=ref("Free")), "?"),
        (network(EgressType="VPC"), ""),
    ],
)
def test_unrouted_app_runner_egress(properties: Resources, expected: str) -> None:
    assert judged(unrouted_app_runner_egress, {"Service": service(**properties)}) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (NO_VALUE, "bad"),
        (either("Prod", att("Key")), "bad"),
        (ref("Free"), "?"),
        (ref("Arn"), ""),
        (att("Key"), ""),
        ({"Fn::ImportValue": "Stack:ExportsOutputFnGetAttKeyArn1234"}, ""),
    ],
)
def test_aws_owned_app_runner_encryption(key: Any, expected: str) -> None:
    resources = {"Service": service(EncryptionConfiguration={"KmsKey": key}), "Key": resource("KMS::Key")}
    assert judged(aws_owned_app_runner_encryption, resources) == expected


BOUNDS = {"MinSize": 1, "MaxSize": 4, "MaxConcurrency": 50}


@pytest.mark.parametrize(
    ("arn", "bounds", "expected"),
    [
        (NO_VALUE, BOUNDS, "bad"),
        (either("Prod", ref("Scaling")), BOUNDS, "bad"),
        (sub("arn:aws:apprunner:x:y:autoscalingconfiguration/DefaultConfiguration/1/0001"), BOUNDS, "bad"),
        (ref("Scaling"), {}, "bad[MaxConcurrency] bad[MaxSize] bad[MinSize]"),
        (ref("Scaling"), BOUNDS | {"MaxSize": either("Prod", 4)}, "bad[MaxSize]"),
        (ref("Free"), BOUNDS, "?"),
        (ref("Scaling"), BOUNDS, ""),
        (ref("Scaling"), BOUNDS | {"MaxSize": ref("AnyPort")}, ""),
        (ref("Arn"), BOUNDS, ""),
    ],
)
def test_unbounded_app_runner_scaling(arn: Any, bounds: Resources, expected: str) -> None:
    scaling = resource("AppRunner::AutoScalingConfiguration", **bounds)
    resources = {"Service": service(AutoScalingConfigurationArn=arn), "Scaling": scaling}
    assert judged(unbounded_app_runner_scaling, resources) == expected


BY_ID = [{"Name": "ServiceID", "Value": att("Service", "ServiceId")}]
METRIC = {"Namespace": "AWS/AppRunner", "MetricName": "5xxStatusResponses", "Dimensions": BY_ID}


def expression(metric: Any) -> Resources:
    return {"Metrics": [{"Id": "rate", "Expression": "bad / all"}, {"Id": "bad", "MetricStat": {"Metric": metric}}]}


@pytest.mark.parametrize("form", [dict, expression])
@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ({}, "bad"),
        ({"MetricName": "4xxStatusResponses"}, "bad"),
        ({"Namespace": "AWS/ECS"}, "bad"),
        ({"Dimensions": NO_VALUE}, "bad"),
        ({"Dimensions": [{"Name": "ServiceName", "Value": "other"}]}, "bad"),
        ({"Dimensions": [{"Name": "Other", "Value": ref("Service")}]}, "bad"),
        ({"Dimensions": either("Prod", BY_ID)}, "bad"),
        ({"MetricName": ref("Free")}, "?"),
        ({"Dimensions": ref("Free")}, "?"),
        ({"Dimensions": [{"Name": "ServiceName", "Value": ref("Free")}]}, "?"),
        (METRIC, ""),
        ({"Dimensions": [{"Name": "ServiceName", "Value": "shop"}]}, ""),
        ({"Dimensions": [{"Name": "ServiceName", "Value": ref("Free")}, *BY_ID]}, ""),
    ],
)
def test_unwatched_app_runner_service(form: Any, metric: Resources, expected: str) -> None:
    alarm = resource("CloudWatch::Alarm", **(form(METRIC | metric) if metric else {}))
    resources = {"Service": service(ServiceName="shop"), "Alarm": alarm}
    assert judged(unwatched_app_runner_service, resources) == expected


def test_an_alarm_under_a_condition_and_one_in_another_stack() -> None:
    alarm = resource("CloudWatch::Alarm", **METRIC)
    assert judged(unwatched_app_runner_service, {"Service": service(), "Alarm": alarm | {"Condition": "Prod"}}) == "bad"
    dimensions = [{"Name": "ServiceID", "Value": {"Fn::ImportValue": "id"}}]
    elsewhere = template({"Alarm": resource("CloudWatch::Alarm", **(METRIC | {"Dimensions": dimensions}))})
    outputs = {"Id": {"Value": att("Service", "ServiceId"), "Export": {"Name": "id"}}}
    here = made({"Service": service()}, Outputs=outputs)
    assert said(unwatched_app_runner_service, here, elsewhere) == []
    assert said(unwatched_app_runner_service, here) == ["SC-APR-05"]


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (NO_VALUE, "bad"),
        ({"Protocol": "TCP", "Path": "/health"}, "bad"),
        ({"Protocol": "HTTP"}, "bad"),
        ({"Protocol": "HTTP", "Path": either("Prod", "/health")}, "bad"),
        ({"Protocol": either("Prod", "HTTP"), "Path": "/health"}, "bad"),
        ({"Protocol": ref("Free"), "Path": "/health"}, "?"),
        ({"Protocol": "HTTP", "Path": ref("Free")}, "?"),
        ({"Protocol": "HTTP", "Path": "/health"}, ""),
    ],
)
def test_unchecked_app_runner_service(check: Any, expected: str) -> None:
    resources = {"Service": service(HealthCheckConfiguration=check)}
    assert judged(unchecked_app_runner_service, resources) == expected


def of_aws(name: str) -> Resources:
    return {"ManagedPolicyArns": [sub(f"arn:${{AWS::Partition}}:iam::aws:policy/{name}")]}


PULLS_ALL = "service-role/AWSAppRunnerServicePolicyForECRAccess"


def acting(**roles: Any) -> Resources:
    """A service with an access role and an instance role, as far as they are given."""
    source = image() | {"AuthenticationConfiguration": {"AccessRoleArn": roles.get("access", NO_VALUE)}}
    instance = {"InstanceRoleArn": roles.get("instance", NO_VALUE)}
    return service(SourceConfiguration=source, InstanceConfiguration=instance)


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"Service": acting(access=att("Access")), "Access": role(**of_aws(PULLS_ALL))}, "policy"),
        ({"Service": acting(instance=att("Access")), "Access": role(**of_aws("AmazonS3FullAccess"))}, "policy"),
        ({"Service": acting(access=att("Access")), "Access": role(ManagedPolicyArns=[ref("Free")])}, "?"),
        ({"Service": acting(access=att("Access"), instance=att("Access"))}, "access role is the instance role"),
        ({"Service": acting(instance=ref("Free"), access=ref("Free"))}, "access role is the instance role"),
        (
            {"Service": acting(instance=att("Access")), "Other": acting(instance=att("Access"))},
            "instance role is the instance role of",
        ),
        ({"Service": acting(instance=ref("Free"))}, "?"),
        ({"Service": acting(access=att("Access"))}, ""),
        ({"Service": acting(access=att("Access")), "Other": acting(access=att("Access"))}, ""),
        ({"Service": acting(access=att("Access"), instance=att("Own")), "Own": role()}, ""),
        (
            {
                "Service": acting(access=att("Access"), instance=att("Own")),
                "Own": role(**of_aws("AWSXRayDaemonWriteAccess")),
            },
            "",
        ),
        (
            {
                "Service": acting(
                    access=either("Prod", att("Access"), att("Own")), instance=either("Prod", att("Own"), att("Access"))
                ),
                "Own": role(),
            },
            "",
        ),
        ({"Service": acting(), "Access": role(**of_aws(PULLS_ALL))}, ""),
    ],
)
def test_broad_app_runner_role(resources: Resources, expected: str) -> None:
    found = messages(broad_app_runner_role, resources)
    wanted = {"policy": "has AWS's policy", "?": "cannot be decided"}.get(expected, expected)
    assert wanted in found
    assert bool(wanted) == bool(found), found


def test_a_waiver_names_the_policy() -> None:
    resources = {"Service": acting(access=att("Access")), "Access": role(**of_aws(PULLS_ALL))}
    assert judged(broad_app_runner_role, resources) == "bad[AWSAppRunnerServicePolicyForECRAccess]"


AUTOMATIC = "bad[AutoDeploymentsEnabled]"
OF_THIS = sub("${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/shop:1")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (image(REPOSITORY), "bad"),
        (image(f"{REPOSITORY}:latest"), "bad"),
        (image("public.ecr.aws/x/y:latest", kind="ECR_PUBLIC"), "bad"),
        (image(join(att("Repository", "RepositoryUri"), ":latest")), "bad"),
        (image(att("Repository", "RepositoryUri")), "bad"),
        (image(f"{REPOSITORY}:1") | {"AutoDeploymentsEnabled": True}, AUTOMATIC),
        (image(f"{REPOSITORY}:1") | {"AutoDeploymentsEnabled": NO_VALUE}, "?"),
        (image(join(att("Repository", "RepositoryUri"), ":1")) | {"AutoDeploymentsEnabled": NO_VALUE}, AUTOMATIC),
        (image(either("Prod", f"{REPOSITORY}:1", OF_THIS)) | {"AutoDeploymentsEnabled": NO_VALUE}, AUTOMATIC),
        (code() | {"AutoDeploymentsEnabled": NO_VALUE}, AUTOMATIC),
        (code() | {"AutoDeploymentsEnabled": "true"}, AUTOMATIC),
        (code() | {"AutoDeploymentsEnabled": either("Prod", False)}, AUTOMATIC),
        (code() | {"AutoDeploymentsEnabled": ref("Free")}, "?"),
        (image(ref("Free")), "?"),
        (image(f"{REPOSITORY}@{DIGEST}"), ""),
        (image(join(att("Repository", "RepositoryUri"), "@", ref("Digest"))), ""),
        (image(f"{REPOSITORY}:1.4.2"), ""),
        (image("public.ecr.aws/x/y:1", kind="ECR_PUBLIC") | {"AutoDeploymentsEnabled": NO_VALUE}, ""),
        (code(), ""),
        (code() | {"AutoDeploymentsEnabled": ref("Off")}, ""),
    ],
)
def test_movable_app_runner_image(source: Resources, expected: str) -> None:
    resources = {"Service": service(SourceConfiguration=source), "Repository": resource("ECR::Repository")}
    assert judged(movable_app_runner_image, resources) == expected


@pytest.mark.parametrize(
    ("name", "account", "expected"),
    [
        (f"{REPOSITORY}:1", ACCOUNT, ["SC-APR-08[AutoDeploymentsEnabled]"]),
        (OF_THIS, ACCOUNT, ["SC-APR-08[AutoDeploymentsEnabled]"]),
        (OF_THIS, None, ["SC-APR-08[AutoDeploymentsEnabled]"]),
        (f"{REPOSITORY}:1", None, ["SC-APR-08?"]),
        (f"{REPOSITORY}:1", FOREIGN, []),
    ],
)
def test_only_an_image_of_the_own_account_is_watched(name: Any, account: str | None, expected: list[str]) -> None:
    source = image(name) | {"AutoDeploymentsEnabled": NO_VALUE}
    it = template({"Service": service(SourceConfiguration=source)}, account=account)
    assert said(movable_app_runner_image, it) == expected


PUBLIC = image("public.ecr.aws/x/y:1", kind="ECR_PUBLIC")
VPC_ENDPOINT = resource("EC2::VPCEndpoint", ServiceName=sub("com.amazonaws.${AWS::Region}.apprunner.requests"))
OTHERS = {
    "Key": resource("KMS::Key"),
    "Replicated": resource("KMS::Key", MultiRegion=True),
    "Alias": resource("KMS::Alias"),
    "Deep": role(Path="/apps/"),
    "Flat": role(Path="/"),
    "Custom": {"Type": "Custom::Key"},
}


@pytest.mark.parametrize(
    ("properties", "says"),
    [
        ({"InstanceConfiguration": {"Cpu": "1 vCPU", "Memory": "8 GB"}}, "no size of 1 vCPUs and 8192 MiB"),
        ({"InstanceConfiguration": {"Cpu": "1024", "Memory": "512"}}, "2048, 3072, 4096 MiB with 1 vCPUs"),
        ({"InstanceConfiguration": {"Cpu": "4 vCPU"}}, "no size of 4 vCPUs and 2048 MiB"),
        ({"InstanceConfiguration": {"Memory": "8192"}}, "no size of 1 vCPUs and 8192 MiB"),
        ({"InstanceConfiguration": {"Cpu": "8 vCPU", "Memory": "16 GB"}}, "there are 0.25, 0.5, 1, 2, 4 vCPUs"),
        ({"InstanceConfiguration": {"Cpu": "much", "Memory": "2 GB"}}, "no size of 0 vCPUs"),
        ({"InstanceConfiguration": {"Cpu": "1.2.3", "Memory": "2 GB"}}, "no size of 0 vCPUs"),
        ({"InstanceConfiguration": {"Cpu": either("Prod", "2 vCPU"), "Memory": "4 GB"}}, ""),
        ({"InstanceConfiguration": {"Cpu": either("Prod", "4 vCPU"), "Memory": "4 GB"}}, "no size of 4 vCPUs"),
        ({"InstanceConfiguration": {"Cpu": ref("Free")}}, "cannot be decided"),
        ({"InstanceConfiguration": {"Cpu": "0.25 vCPU", "Memory": "512"}}, ""),
        ({"SourceConfiguration": image() | {"AuthenticationConfiguration": NO_VALUE}}, "needs an AccessRoleArn"),
        ({"SourceConfiguration": PUBLIC}, ""),
        ({"SourceConfiguration": code() | {"AuthenticationConfiguration": NO_VALUE}}, "needs a ConnectionArn"),
        ({"SourceConfiguration": code() | image()}, "an image and a source repository"),
        ({"SourceConfiguration": NO_VALUE}, "neither an image nor a source repository"),
        ({"SourceConfiguration": either("Prod", code(), image())}, ""),
        ({"SourceConfiguration": ref("Free")}, "cannot be decided"),
        ({"SourceConfiguration": image(Port="0")}, "0 is not a port: 1 to 65535"),
        ({"SourceConfiguration": code(Port="65536")}, "65536 is not a port"),
        ({"SourceConfiguration": image(Port=ref("AnyPort"))}, "cannot be decided"),
        ({"SourceConfiguration": image(Port=ref("Port"))}, ""),
        ({"SourceConfiguration": image(Port="8080")}, ""),
        ({"HealthCheckConfiguration": {"Interval": 0}}, "0 is not a number for Interval: 1 to 20"),
        ({"HealthCheckConfiguration": {"UnhealthyThreshold": 21}}, "21 is not a number for UnhealthyThreshold"),
        ({"HealthCheckConfiguration": {"Interval": 20, "Timeout": 1, "Path": "/health"}}, ""),
        ({"HealthCheckConfiguration": {"Path": "health"}}, "is health: it begins with /"),
        (network(EgressType="VPC"), "needs a VpcConnectorArn"),
        (network(EgressType="VPC", VpcConnectorArn=either("Prod", ref("Arn"))), "needs a VpcConnectorArn"),
        (network(EgressType="VPC", VpcConnectorArn=ref("Arn")), ""),
        ({"SourceConfiguration": image(RuntimeEnvironmentSecrets=[{"Name": "A"}])}, "need an InstanceRoleArn"),
        ({"EncryptionConfiguration": {"KmsKey": ref("Key")}}, "write !GetAtt Key.Arn"),
        ({"EncryptionConfiguration": {"KmsKey": ref("Alias")}}, "is not the ARN of a key"),
        ({"EncryptionConfiguration": {"KmsKey": att("Replicated")}}, "Replicated is a multi-Region key"),
        ({"EncryptionConfiguration": {"KmsKey": "alias/own"}}, "KmsKey is alias/own"),
        ({"EncryptionConfiguration": {"KmsKey": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/mrk-1"}}, "key/mrk-1"),
        ({"EncryptionConfiguration": {"KmsKey": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"}}, ""),
        ({"EncryptionConfiguration": {"KmsKey": att("Key")}}, ""),
        ({"EncryptionConfiguration": {"KmsKey": att("Custom", "KeyArn")}}, ""),
        ({"EncryptionConfiguration": {"KmsKey": join(ref("Arn"), "/1")}}, ""),
        ({"EncryptionConfiguration": {"KmsKey": ref("Arn")}}, ""),
        ({"InstanceConfiguration": {"InstanceRoleArn": att("Deep")}}, "the role Deep has the path /apps/"),
        ({"InstanceConfiguration": {"InstanceRoleArn": att("Flat")}}, ""),
    ],
)
def test_what_app_runner_refuses_of_a_service(properties: Resources, says: str) -> None:
    found = messages(undeployable_app_runner, {"Service": service(**properties), **OTHERS})
    assert says in found
    assert bool(says) == bool(found), found


@pytest.mark.parametrize("vcpus", SIZES)
def test_every_size_in_both_spellings(vcpus: float) -> None:
    for mib in SIZES[vcpus]:
        gb = f"{mib / 1024:g} GB"
        for cpu, memory in ((f"{vcpus:g} vCPU", gb), (f"{vcpus * 1024:g}", str(mib))):
            resources = {"Service": service(InstanceConfiguration={"Cpu": cpu, "Memory": memory})}
            assert judged(undeployable_app_runner, resources) == ""
    assert f"with {vcpus:g} vCPUs" in memory_for(vcpus)


def test_two_choices_are_one_finding_that_counts() -> None:
    sizes = {"Type": "String", "AllowedValues": ["1024", "2048", "4096"]}
    size = {"InstanceConfiguration": {"Cpu": ref("Cpu"), "Memory": ref("Memory")}}
    it = template({"Service": service(**size)}, Parameters={"Cpu": sizes, "Memory": sizes})
    assert said(undeployable_app_runner, it) == ["SC-APR-09"]


def test_a_size_is_of_one_row_of_a_mapping() -> None:
    table = {"Size": {"dev": {"Cpu": "256", "Memory": "512"}, "prod": {"Cpu": "1024", "Memory": "4096"}}}
    size = {name: {"Fn::FindInMap": ["Size", ref("Environment"), name]} for name in ("Cpu", "Memory")}
    it = template({"Service": service(InstanceConfiguration=size)}, Mappings=table)
    assert said(undeployable_app_runner, it) == []


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        ({"MinSize": 0}, "0 is not a number for MinSize: 1 to 25"),
        ({"MinSize": 26}, "26 is not"),
        ({"MaxConcurrency": 201}, "201 is not a number for MaxConcurrency: 1 to 200"),
        ({"MaxSize": 0}, "0 is not a number for MaxSize: 1 at least"),
        ({"MinSize": 5, "MaxSize": 4}, "MinSize is 5, and MaxSize is 4"),
        ({"MaxSize": ref("AnyPort")}, "cannot be decided"),
        ({"MinSize": 4, "MaxSize": 4, "MaxConcurrency": 200}, ""),
        ({"MinSize": either("Prod", 5, 1), "MaxSize": either("Prod", 9, 2)}, ""),
        ({}, ""),
    ],
)
def test_what_app_runner_refuses_of_scaling(bounds: Resources, says: str) -> None:
    found = messages(undeployable_app_runner, {"Scaling": resource("AppRunner::AutoScalingConfiguration", **bounds)})
    assert says in found
    assert bool(says) == bool(found), found


def ingress(service_arn: Any = None, **configuration: Any) -> Resources:
    where = {"VpcId": ref("Vpc"), "VpcEndpointId": ref("Requests")} | configuration
    arn = ref("Service") if service_arn is None else service_arn
    return resource("AppRunner::VpcIngressConnection", ServiceArn=arn, IngressVpcConfiguration=where)


def endpoint(name: str = "apprunner.requests", vpc: str = "Vpc") -> Resources:
    return resource("EC2::VPCEndpoint", ServiceName=sub(f"com.amazonaws.${{AWS::Region}}.{name}"), VpcId=ref(vpc))


WAY_IN = {
    "Vpc": resource("EC2::VPC"),
    "Other": resource("EC2::VPC"),
    "Requests": endpoint(),
    "Service": service(**network()),
    "Ingress": ingress(),
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"Service": service()}, "the service Service is public"),
        ({"Service": service(**network(public=either("Prod", False, True)))}, "is public"),
        (
            {
                "Service": service(**network(public=either("Prod", False, True))),
                "Ingress": ingress() | {"Condition": "Prod"},
            },
            "",
        ),
        ({"Requests": endpoint("apprunner")}, "an endpoint of apprunner: clients come in by one of apprunner.requests"),
        ({"Requests": endpoint(vpc="Other")}, "an endpoint of another VPC"),
        ({"Second": ingress()}, "is an ingress connection of the same service"),
        (
            {"Ingress": ingress() | {"Condition": "Prod"}, "Second": ingress() | {"Condition": "NotProd"}},
            "",
        ),
        ({"Ingress": ingress(VpcEndpointId="vpce-0a1b2c3d")}, ""),
        ({"Ingress": ingress(ref("Free"))}, ""),
        ({"Service": service(**network(public=ref("Free")))}, ""),
        ({}, ""),
    ],
)
def test_what_app_runner_refuses_of_the_way_in(change: Resources, says: str) -> None:
    found = messages(undeployable_app_runner, WAY_IN | change)
    assert says in found
    assert bool(says) == bool(found), found


URL = att("Service", "ServiceUrl")


@pytest.mark.parametrize(
    "value", [URL, {"Fn::GetAtt": "Service.ServiceUrl"}, sub("https://${Service.ServiceUrl}/"), join("https://", URL)]
)
@pytest.mark.parametrize("public", [True, False])
def test_a_private_service_has_no_url(value: Any, public: bool) -> None:
    function = resource("Lambda::Function", Environment={"Variables": {"SHOP": value}})
    resources = {"Service": service(**network(public=public)), "Function": function}
    outputs = {"Url": {"Value": value}}
    findings = evaluate([made(resources, Outputs=outputs)], [undeployable_app_runner]).findings
    assert [finding.logical_id for finding in findings] == ([] if public else ["Function", None])
    assert all("has no ServiceUrl" in finding.message for finding in findings)


def test_the_name_of_another_service_that_ends_alike() -> None:
    resources = {"Service": service(**network()), "MyService": service()}
    outputs = {"Url": {"Value": att("MyService", "ServiceUrl")}, "Other": {"Value": sub("${MyService.ServiceUrl}")}}
    assert judged(undeployable_app_runner, resources, Outputs=outputs) == ""


RULES = (
    public_app_runner_service,
    unrouted_app_runner_egress,
    aws_owned_app_runner_encryption,
    unbounded_app_runner_scaling,
    unwatched_app_runner_service,
    unchecked_app_runner_service,
    movable_app_runner_image,
    undeployable_app_runner,
)


def test_every_rule_finds_something_in_the_least_that_the_cdk_takes(app: App) -> None:
    stack = Stack(app, "Stack", env=Environment(account=ACCOUNT, region=REGION))
    repository = apprunner.CfnService.ImageRepositoryProperty(
        image_identifier=f"{REPOSITORY}:latest", image_repository_type="ECR"
    )
    made_by_cdk = apprunner.CfnService(
        stack,
        "Service",
        source_configuration=apprunner.CfnService.SourceConfigurationProperty(image_repository=repository),
    )
    CfnOutput(stack, "Url", value=made_by_cdk.attr_service_url)
    body = Template(synthesized(app)["Stack"], "stack.json", account=ACCOUNT, region=REGION)
    assert [rule.id for rule in RULES if not said(rule, body)] == []
