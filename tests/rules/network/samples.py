"""A network in which everything reaches what it needs, as plain data, and the parts to break or extend it."""

from __future__ import annotations

from typing import Any

from secure_containers.rules import Finding, Kind, Template, evaluate
from secure_containers.rules.reachability import (
    endpoint_outside_zone,
    internet_egress,
    internet_ingress,
    unproven_reachability,
    unreachable_service,
)
from tests.rules.support import ACCOUNT, CONDITIONS, PARAMETERS, att, join, ref, sub

REGION = "eu-central-1"
NETWORK_RULES = (
    unreachable_service,
    unproven_reachability,
    internet_egress,
    internet_ingress,
    endpoint_outside_zone,
)
ZONES = ("A", "B", "C")
INTERFACES = {
    "EcrApi": "ecr.api",
    "EcrDkr": "ecr.dkr",
    "Logs": "logs",
    "SecretsManager": "secretsmanager",
    "Sqs": "sqs",
}
"""The interface endpoints of the sound network, and their services."""
OWN_ACCOUNT = {"StringEquals": {"aws:PrincipalAccount": ref("AWS::AccountId")}}
LAYERS = {
    "Effect": "Allow",
    "Principal": "*",
    "Action": "s3:GetObject",
    "Resource": sub("arn:${AWS::Partition}:s3:::prod-${AWS::Region}-starport-layer-bucket/*"),
}

Resources = dict[str, dict[str, Any]]


def resource(type_: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{type_}", "Properties": properties}


def props(resources: Resources, name: str) -> dict[str, Any]:
    found: dict[str, Any] = resources[name]["Properties"]
    return found


def allow(actions: Any, resources: Any = "*", **elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources} | elements


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def role(service: str, *statements: Any) -> dict[str, Any]:
    trust = document({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})
    policies = [{"PolicyName": "Work", "PolicyDocument": document(*statements)}] if statements else []
    return resource("IAM::Role", AssumeRolePolicyDocument=trust, Policies=policies)


def grant(resources: Resources, role: str, *statements: Any) -> None:
    """Let a role of the sound network do more."""
    props(resources, role)["Policies"].append({"PolicyName": "More", "PolicyDocument": document(*statements)})


def subnet(cidr: str, zone: str, vpc: str = "Vpc", **properties: Any) -> dict[str, Any]:
    return resource(
        "EC2::Subnet", VpcId=ref(vpc), CidrBlock=cidr, AvailabilityZone=f"{REGION}{zone.lower()}", **properties
    )


def table(resources: Resources, name: str, subnet: str, vpc: str = "Vpc") -> None:
    """Add a route table, and lead a subnet to it."""
    resources[name] = resource("EC2::RouteTable", VpcId=ref(vpc))
    resources[f"{name}Of{subnet}"] = resource(
        "EC2::SubnetRouteTableAssociation", SubnetId=ref(subnet), RouteTableId=ref(name)
    )


def group(vpc: str = "Vpc", **rules: Any) -> dict[str, Any]:
    return resource("EC2::SecurityGroup", GroupDescription="test", VpcId=ref(vpc), **rules)


def tcp(port: int = 443, **peer: Any) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **peer}


def interface(service: str, **properties: Any) -> dict[str, Any]:
    return resource(
        "EC2::VPCEndpoint",
        **{
            "VpcEndpointType": "Interface",
            "ServiceName": sub(f"com.amazonaws.${{AWS::Region}}.{service}"),
            "VpcId": ref("Vpc"),
            "SubnetIds": [ref(f"Subnet{zone}") for zone in ZONES],
            "SecurityGroupIds": [ref("EndpointGroup")],
            "PrivateDnsEnabled": True,
        }
        | properties,
    )


def gateway(service: str, **properties: Any) -> dict[str, Any]:
    return resource(
        "EC2::VPCEndpoint",
        **{
            "VpcEndpointType": "Gateway",
            "ServiceName": sub(f"com.amazonaws.${{AWS::Region}}.{service}"),
            "VpcId": ref("Vpc"),
            "RouteTableIds": [ref(f"Table{zone}") for zone in ZONES],
        }
        | properties,
    )


def network() -> Resources:
    """A VPC of three isolated subnets, with the endpoints that its workloads need."""
    found: Resources = {
        "Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/16", EnableDnsSupport=True, EnableDnsHostnames=True),
        "EndpointGroup": group(SecurityGroupIngress=[tcp(SourceSecurityGroupId=att("WorkloadGroup", "GroupId"))]),
        "PrefixLists": {
            "Type": "Custom::PrefixLists",
            "Properties": {"ServiceToken": "arn:aws:lambda:eu-central-1:111122223333:function:prefix-lists"},
        },
        "WorkloadGroup": group(
            SecurityGroupEgress=[
                tcp(DestinationPrefixListId=att("PrefixLists", "s3")),
                tcp(DestinationPrefixListId=att("PrefixLists", "dynamodb")),
            ]
        ),
        "OutToEndpoints": resource(
            "EC2::SecurityGroupEgress",
            GroupId=att("WorkloadGroup", "GroupId"),
            **tcp(DestinationSecurityGroupId=att("EndpointGroup", "GroupId")),
        ),
        "S3": gateway("s3", PolicyDocument=document(allow("s3:*", Principal="*", Condition=OWN_ACCOUNT), LAYERS)),
        "DynamoDb": gateway("dynamodb"),
    }
    for number, zone in enumerate(ZONES):
        found[f"Subnet{zone}"] = subnet(f"10.0.{number}.0/24", zone)
        table(found, f"Table{zone}", f"Subnet{zone}")
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    for name, service in INTERFACES.items():
        found[name] = interface(service)
        if service.startswith("ecr"):
            props(found, name)["PolicyDocument"] = document(
                allow(["ecr:GetAuthorizationToken", *pull], Principal="*", Condition=OWN_ACCOUNT)
            )
    return found


def placed(**names: Any) -> dict[str, Any]:
    return {
        "Subnets": [ref(f"Subnet{zone}") for zone in ZONES],
        "SecurityGroups": [att("WorkloadGroup", "GroupId")],
        **names,
    }


def container(**properties: Any) -> dict[str, Any]:
    return {
        "Name": "work",
        "Image": sub("${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/work:1.0"),
        "LogConfiguration": {
            "LogDriver": "awslogs",
            "Options": {
                "awslogs-group": ref("LogGroup"),
                "awslogs-region": ref("AWS::Region"),
                "awslogs-stream-prefix": "work",
            },
        },
        **properties,
    }


def workloads() -> Resources:
    """A service, a scheduled task, a function and jobs."""
    return {
        "LogGroup": resource("Logs::LogGroup"),
        "Secret": resource("SecretsManager::Secret"),
        "Queue": resource("SQS::Queue"),
        "Bucket": resource("S3::Bucket"),
        "Items": resource("DynamoDB::Table"),
        "Cluster": resource("ECS::Cluster"),
        "TaskRole": role(
            "ecs-tasks.amazonaws.com",
            allow("s3:GetObject", join(att("Bucket"), "/*")),
            allow("sqs:SendMessage", att("Queue")),
        ),
        "ExecutionRole": role("ecs-tasks.amazonaws.com"),
        "Task": resource(
            "ECS::TaskDefinition",
            RequiresCompatibilities=["FARGATE"],
            NetworkMode="awsvpc",
            TaskRoleArn=att("TaskRole"),
            ExecutionRoleArn=att("ExecutionRole"),
            ContainerDefinitions=[
                container(
                    Environment=[{"Name": "QUEUE", "Value": ref("Queue")}],
                    Secrets=[{"Name": "PASSWORD", "ValueFrom": join(ref("Secret"), ":password::")}],
                )
            ],
        ),
        "Service": resource(
            "ECS::Service",
            Cluster=ref("Cluster"),
            LaunchType="FARGATE",
            TaskDefinition=ref("Task"),
            NetworkConfiguration={"AwsvpcConfiguration": placed(AssignPublicIp="DISABLED")},
        ),
        "Nightly": resource(
            "Events::Rule",
            ScheduleExpression="cron(0 3 * * ? *)",
            Targets=[
                {
                    "Id": "Task",
                    "Arn": att("Cluster"),
                    "EcsParameters": {
                        "LaunchType": "FARGATE",
                        "TaskDefinitionArn": ref("Task"),
                        "NetworkConfiguration": {"AwsVpcConfiguration": placed()},
                    },
                }
            ],
        ),
        "FunctionRole": role(
            "lambda.amazonaws.com",
            allow(["logs:CreateLogStream", "logs:PutLogEvents"], att("LogGroup")),
            allow("dynamodb:PutItem", att("Items")),
        ),
        "Function": resource(
            "Lambda::Function",
            Role=att("FunctionRole"),
            Environment={"Variables": {"ITEMS": ref("Items")}},
            VpcConfig={
                "SubnetIds": [ref(f"Subnet{zone}") for zone in ZONES],
                "SecurityGroupIds": [att("WorkloadGroup", "GroupId")],
            },
        ),
        "JobRole": role("ecs-tasks.amazonaws.com", allow("s3:PutObject", join(att("Bucket"), "/*"))),
        "Jobs": resource(
            "Batch::ComputeEnvironment",
            Type="MANAGED",
            ComputeResources={
                "Type": "FARGATE",
                "MaxvCpus": 4,
                "Subnets": [ref(f"Subnet{zone}") for zone in ZONES],
                "SecurityGroupIds": [att("WorkloadGroup", "GroupId")],
            },
        ),
        "Job": resource(
            "Batch::JobDefinition",
            Type="container",
            PlatformCapabilities=["FARGATE"],
            ContainerProperties=container(
                JobRoleArn=att("JobRole"),
                ExecutionRoleArn=att("ExecutionRole"),
                LogConfiguration={"LogDriver": "awslogs"},
            ),
        ),
    }


def add_host_endpoints(resources: Resources) -> None:
    """Let instances reach what the agents of containers call."""
    for name, service in {"Ecs": "ecs", "EcsAgent": "ecs-agent", "EcsTelemetry": "ecs-telemetry"}.items():
        resources[name] = interface(service)


def instances() -> Resources:
    """A service on instances, which start its tasks."""
    found = only("Service")
    add_host_endpoints(found)
    del props(found, "Service")["LaunchType"]
    props(found, "Service")["CapacityProviderStrategy"] = [{"CapacityProvider": ref("Provider"), "Weight": 1}]
    props(found, "Task")["RequiresCompatibilities"] = ["EC2"]
    return found | {
        "Provider": resource("ECS::CapacityProvider", AutoScalingGroupProvider={"AutoScalingGroupArn": ref("Hosts")}),
        "Hosts": resource(
            "AutoScaling::AutoScalingGroup",
            MinSize="0",
            MaxSize="4",
            VPCZoneIdentifier=[ref(f"Subnet{zone}") for zone in ZONES],
            LaunchTemplate={"LaunchTemplateId": ref("Launch"), "Version": att("Launch", "LatestVersionNumber")},
        ),
        "Launch": resource(
            "EC2::LaunchTemplate",
            LaunchTemplateData={"NetworkInterfaces": [{"DeviceIndex": 0, "Groups": [att("HostGroup", "GroupId")]}]},
        ),
        "HostGroup": group(
            SecurityGroupEgress=[
                tcp(DestinationSecurityGroupId=att("EndpointGroup", "GroupId")),
                tcp(DestinationPrefixListId=att("PrefixLists", "s3")),
            ]
        ),
        "HostsToEndpoints": resource(
            "EC2::SecurityGroupIngress",
            GroupId=att("EndpointGroup", "GroupId"),
            **tcp(SourceSecurityGroupId=att("HostGroup", "GroupId")),
        ),
    }


def sound() -> Resources:
    return network() | workloads()


def only(*names: str) -> Resources:
    """The sound network with some of its workloads only."""
    found = sound()
    for name in {"Service", "Nightly", "Function", "Jobs"} - set(names):
        del found[name]
    if not {"Service", "Nightly"} & set(names):
        del found["Task"]
    return found


def add_nat(resources: Resources, *zones: str) -> None:
    """Lead subnets to the internet by a NAT gateway, and let the workloads out there."""
    resources["Internet"] = resource("EC2::InternetGateway")
    resources["Public"] = subnet("10.0.100.0/24", "A", MapPublicIpOnLaunch=True)
    table(resources, "PublicTable", "Public")
    resources["PublicRoute"] = default_route("PublicTable", GatewayId=ref("Internet"))
    resources["Nat"] = resource("EC2::NatGateway", SubnetId=ref("Public"), AllocationId="eipalloc-0a1b2c3d")
    for zone in zones or ZONES:
        resources[f"Route{zone}"] = default_route(f"Table{zone}", NatGatewayId=ref("Nat"))


def default_route(table: str, **target: Any) -> dict[str, Any]:
    return resource("EC2::Route", RouteTableId=ref(table), DestinationCidrBlock="0.0.0.0/0", **target)


def make_public(resources: Resources) -> None:
    """Lead every subnet straight to an internet gateway."""
    resources["Internet"] = resource("EC2::InternetGateway")
    for zone in ZONES:
        resources[f"Route{zone}"] = default_route(f"Table{zone}", GatewayId=ref("Internet"))


def let_out(resources: Resources, **peer: Any) -> None:
    """Let the workloads out to more."""
    props(resources, "WorkloadGroup")["SecurityGroupEgress"].append(tcp(**(peer or {"CidrIp": "0.0.0.0/0"})))


def without_endpoints(resources: Resources, *names: str) -> None:
    for name in names or (*INTERFACES, "S3", "DynamoDb"):
        del resources[name]


def nat_only(*names: str) -> Resources:
    """No endpoint, but NAT gateways and open egress."""
    found = only(*names) if names else sound()
    without_endpoints(found)
    add_nat(found)
    let_out(found)
    return found


def acl(
    resources: Resources, *entries: tuple[int, bool, str, str, tuple[int, int]], of: tuple[str, ...] = ("SubnetA",)
) -> None:
    """Guard subnets by a network ACL; its entries are number, egress, action, block and ports."""
    resources["Acl"] = resource("EC2::NetworkAcl", VpcId=ref("Vpc"))
    for each in of:
        resources[f"AclOf{each}"] = resource(
            "EC2::SubnetNetworkAclAssociation", SubnetId=ref(each), NetworkAclId=ref("Acl")
        )
    for index, (number, egress, action, cidr, ports) in enumerate(entries):
        resources[f"Entry{index}"] = resource(
            "EC2::NetworkAclEntry",
            NetworkAclId=ref("Acl"),
            RuleNumber=number,
            Egress=egress,
            RuleAction=action,
            CidrBlock=cidr,
            Protocol=6,
            PortRange={"From": ports[0], "To": ports[1]},
        )


def body(resources: Resources, **sections: Any) -> dict[str, Any]:
    return {
        "Parameters": PARAMETERS | sections.pop("Parameters", {}),
        "Conditions": CONDITIONS | sections.pop("Conditions", {}),
        "Resources": resources,
        **sections,
    }


def template(
    resources: Resources, *, region: str | None = REGION, stack: str | None = None, **sections: Any
) -> Template:
    return Template(body(resources, **sections), f"{stack or 'test'}.yaml", account=ACCOUNT, region=region, stack=stack)


def judge(*templates: Template) -> list[Finding]:
    """What the network's rules find and nobody waived."""
    found = [finding for finding in evaluate(templates, NETWORK_RULES).findings if not finding.waived]
    assert all(finding.kind is not Kind.ENGINE for finding in found), [finding.message for finding in found]
    return found


def told(findings: list[Finding]) -> str:
    """Findings as the report of a failing test."""
    return "\n".join(f"{each.id} {each.logical_id}: {each.message}" for each in findings)
