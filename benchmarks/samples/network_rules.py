"""Times rules SC-NET-01 to SC-NET-12 over templates of so many workloads: `network_rules.py NUMBER`.

Every process judges the same number of workloads, after a first template that takes what is made once. The templates
are new each time, so that nothing kept from one serves the next. Process time: a busy machine is not counted.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from typing import Any, Final

from secure_containers.rules import RULES, Template, evaluate

_RULES: Final = tuple(rule for rule in RULES if rule.id.startswith("SC-NET-"))
_IN_ALL: Final = 1_000
_FLAWED: Final = 10
"""One of so many workloads is not let in by the endpoints."""
_CALLED: Final = ("ecr.api", "ecr.dkr", "logs", "secretsmanager", "sqs")
_OWN: Final = {
    "StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}},
    "StringEqualsIfExists": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}},
}

Resources = dict[str, dict[str, Any]]


def main(number: int) -> dict[str, Any]:
    _judge(10, "Once")
    times = [_judge(number, f"Round{each}") for each in range(_IN_ALL // number)]
    return {"seconds": sum(times) / (len(times) * number)}


def _judge(number: int, name: str) -> float:
    judged = Template(template(number), name)
    gc.collect()
    began = time.process_time()
    report = evaluate([judged], _RULES)
    seconds = time.process_time() - began
    unreachable = {each.logical_id for each in report.findings if each.rule.id == "SC-NET-01"}
    if len(unreachable) != number // _FLAWED or any(each.rule.id != "SC-NET-01" for each in report.findings):
        raise RuntimeError(f"not the findings that are built in: {[each.message for each in report.findings][:5]}")
    return seconds


def template(number: int) -> dict[str, Any]:
    """A private network and so many Fargate services in it: pure data, the same at every run."""
    resources = _network()
    for each in range(number):
        resources |= _workload(f"Worker{each:04}", flawed=each % _FLAWED == _FLAWED - 1)
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def _network() -> Resources:
    dns = {"EnableDnsSupport": True, "EnableDnsHostnames": True}
    resources: Resources = {
        "Vpc": _resource("AWS::EC2::VPC", CidrBlock="10.0.0.0/16", **dns),
        "Closed": _resource("Custom::ClosedDefaultSecurityGroup", VpcId={"Ref": "Vpc"}),
        "Lists": _resource("Custom::PrefixLists"),
        "Flows": _resource("AWS::EC2::FlowLog", ResourceType="VPC", ResourceId={"Ref": "Vpc"}, TrafficType="ALL"),
        "Endpoints": _group("endpoints", {"IpProtocol": "icmp", "CidrIp": "255.255.255.255/32", "FromPort": 252}),
        "S3": _endpoint("s3", VpcEndpointType="Gateway", RouteTableIds=[{"Ref": f"Table{zone}"} for zone in "abc"]),
    }
    for index, zone in enumerate("abc"):
        resources |= {
            f"Subnet{zone}": _resource(
                "AWS::EC2::Subnet",
                VpcId={"Ref": "Vpc"},
                CidrBlock=f"10.0.{index * 32}.0/19",
                AvailabilityZone={"Fn::Select": [index, {"Fn::GetAZs": ""}]},
                MapPublicIpOnLaunch=False,
            ),
            f"Table{zone}": _resource("AWS::EC2::RouteTable", VpcId={"Ref": "Vpc"}),
            f"TableOf{zone}": _resource(
                "AWS::EC2::SubnetRouteTableAssociation",
                SubnetId={"Ref": f"Subnet{zone}"},
                RouteTableId={"Ref": f"Table{zone}"},
            ),
        }
    for service in _CALLED:
        resources["".join(part.capitalize() for part in service.split("."))] = _endpoint(
            service,
            VpcEndpointType="Interface",
            SubnetIds=_subnets(),
            SecurityGroupIds=[_attribute("Endpoints", "GroupId")],
            PrivateDnsEnabled=True,
        )
    return resources


def _endpoint(service: str, **properties: object) -> dict[str, Any]:
    own = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": _OWN}
    layers = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": {"Fn::Sub": "arn:${AWS::Partition}:s3:::prod-${AWS::Region}-starport-layer-bucket/*"},
    }
    return _resource(
        "AWS::EC2::VPCEndpoint",
        VpcId={"Ref": "Vpc"},
        ServiceName={"Fn::Join": ["", ["com.amazonaws.", {"Ref": "AWS::Region"}, f".{service}"]]},
        PolicyDocument=_policy(own, layers) if service == "s3" else _policy(own),
        **properties,
    )


def _workload(name: str, *, flawed: bool) -> Resources:
    group, endpoints = _attribute(f"{name}Group", "GroupId"), _attribute("Endpoints", "GroupId")
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    log = {
        "LogDriver": "awslogs",
        "Options": {"awslogs-region": {"Ref": "AWS::Region"}, "awslogs-group": name, "awslogs-stream-prefix": "main"},
    }
    container = {
        "Name": "main",
        "Image": {"Fn::Sub": f"${{AWS::AccountId}}.dkr.ecr.${{AWS::Region}}.${{AWS::URLSuffix}}/{name.lower()}:1"},
        "LogConfiguration": log,
        "Secrets": [{"Name": "TOKEN", "ValueFrom": _arn("secretsmanager", f"secret:{name}")}],
        "Environment": [{"Name": "QUEUE", "Value": {"Ref": f"{name}Queue"}}],
    }
    call = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": _attribute(f"{name}Queue", "Arn")}
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name.lower()}/*"}
    network = {"Subnets": _subnets(), "SecurityGroups": [group], "AssignPublicIp": "DISABLED"}
    resources = {
        f"{name}Queue": _resource("AWS::SQS::Queue"),
        f"{name}Group": _group(name, {**https, "DestinationPrefixListId": _attribute("Lists", "s3")}),
        f"{name}Out": _resource(
            "AWS::EC2::SecurityGroupEgress", GroupId=group, DestinationSecurityGroupId=endpoints, **https
        ),
        f"{name}Role": _resource(
            "AWS::IAM::Role",
            AssumeRolePolicyDocument=_policy(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ),
            Policies=[{"PolicyName": "calls", "PolicyDocument": _policy(call, read)}],
        ),
        f"{name}Task": _resource(
            "AWS::ECS::TaskDefinition",
            RequiresCompatibilities=["FARGATE"],
            TaskRoleArn=_attribute(f"{name}Role", "Arn"),
            ContainerDefinitions=[container],
        ),
        f"{name}Service": _resource(
            "AWS::ECS::Service",
            LaunchType="FARGATE",
            TaskDefinition={"Ref": f"{name}Task"},
            NetworkConfiguration={"AwsvpcConfiguration": network},
        ),
    }
    if not flawed:
        resources[f"{name}In"] = _resource(
            "AWS::EC2::SecurityGroupIngress", GroupId=endpoints, SourceSecurityGroupId=group, **https
        )
    return resources


def _group(description: str, egress: dict[str, Any]) -> dict[str, Any]:
    return _resource(
        "AWS::EC2::SecurityGroup", VpcId={"Ref": "Vpc"}, GroupDescription=description, SecurityGroupEgress=[egress]
    )


def _subnets() -> list[dict[str, str]]:
    return [{"Ref": f"Subnet{zone}"} for zone in "abc"]


def _arn(service: str, resource: str) -> dict[str, str]:
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}"}


def _attribute(logical_id: str, name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, name]}


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _resource(type_: str, **properties: object) -> dict[str, Any]:
    return {"Type": type_, "Properties": properties}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
