"""The same network in two ways: with `PrivateNetwork`, and as somebody writes it in plain aws_cdk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

from aws_cdk import App, CfnTag, CustomResource, Duration, Fn, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from plain_parts import allow, lambda_function, log_group, log_key
from two_ways import Add, TwoWays

import secure_containers
from secure_containers import IMAGE_PULL, PrivateNetwork

_PER_STACK: Final = 125
"""A workload's group, two rules out of it and one into the endpoints are four resources, and a stack takes 500."""
_RULES: Final = 58
"""AWS's quota of rules in a group, less one for everybody who comes later and one that stays free."""
_CODE: Final = Path(secure_containers.__file__).parent / "custom_resources"
_HTTPS: Final = ec2.Port.tcp(443)
_AGENT: Final = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


@contextmanager
def secured(app: App) -> Iterator[Add]:
    network = PrivateNetwork(Stack(app, "Network"), "Network")

    def add(stack: Stack, id: str) -> None:
        network.require(_group(stack, id, network.vpc), *IMAGE_PULL, "logs", "secretsmanager")

    yield add


@contextmanager
def plain(app: App) -> Iterator[Add]:
    stack = Stack(app, "Network")
    vpc = _vpc(stack)
    key = log_key(stack, "Key", description="Encrypts the logs of the network")
    function = _function(stack, key)
    _closed(stack, vpc, function)
    _flow_log(stack, vpc, key)
    s3 = _prefix_list(stack, function)
    group = ec2.SecurityGroup(
        stack, "Endpoints", vpc=vpc, description="Endpoints: HTTPS from the workloads", allow_all_outbound=False
    )
    _endpoints(stack, vpc, group)
    group_id = group.security_group_id

    numbers = count()

    def add(workloads: Stack, id: str) -> None:
        workload = _group(workloads, id, vpc)
        workload.add_egress_rule(group, _HTTPS, "HTTPS to the endpoints")
        workload.add_egress_rule(s3, _HTTPS, "HTTPS to S3")
        number = next(numbers)
        if number == _RULES:
            group.add_ingress_rule(ec2.Peer.ipv4("10.0.0.0/16"), _HTTPS, "HTTPS from the VPC")
        if number >= _RULES:
            return
        # Below the workload's group, so that the network does not depend on who is placed in it.
        ec2.CfnSecurityGroupIngress(
            workload,
            "EndpointAccess",
            group_id=group_id,
            source_security_group_id=workload.security_group_id,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            description="HTTPS from a workload",
        )

    yield add


NETWORKS: Final = TwoWays(
    flavours={"plain": plain, "ours": secured}, stacks="Workloads", each="Group", per_stack=_PER_STACK
)


def _group(stack: Stack, id: str, vpc: ec2.IVpc) -> ec2.SecurityGroup:
    return ec2.SecurityGroup(stack, id, vpc=vpc, description="A workload", allow_all_outbound=False)


def _vpc(stack: Stack) -> ec2.IVpc:
    cidr, cidrs = "10.0.0.0/16", ["10.0.0.0/20", "10.0.16.0/20", "10.0.32.0/20"]
    tags = [CfnTag(key="Name", value="Network")]
    vpc = ec2.CfnVPC(stack, "Vpc", cidr_block=cidr, enable_dns_support=True, enable_dns_hostnames=True, tags=tags)
    names = Fn.get_azs()
    zones = [Fn.select(index, names) for index in range(len(cidrs))]
    subnets = [
        ec2.PrivateSubnet(
            stack,
            f"Isolated{index + 1}",
            vpc_id=vpc.ref,
            availability_zone=zones[index],
            cidr_block=block,
            map_public_ip_on_launch=False,
        )
        for index, block in enumerate(cidrs)
    ]
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Known",
        vpc_id=vpc.ref,
        vpc_cidr_block=cidr,
        availability_zones=zones,
        isolated_subnet_ids=[subnet.subnet_id for subnet in subnets],
        isolated_subnet_route_table_ids=[subnet.route_table.route_table_id for subnet in subnets],
        isolated_subnet_ipv4_cidr_blocks=cidrs,
    )


def _function(stack: Stack, key: kms.IKey) -> lambda_.Function:
    return lambda_function(
        stack,
        "Settings",
        description="Closes default security groups and finds prefix lists",
        code=_CODE,
        handler="answer.handler",
        key=key,
        environment={"JOB": "network"},
        timeout=Duration.minutes(2),
        unbound_actions=["ec2:DescribeManagedPrefixLists", "ec2:DescribeSecurityGroups"],
    )


def _closed(stack: Stack, vpc: ec2.IVpc, function: lambda_.Function) -> None:
    groups = stack.format_arn(service="ec2", resource="security-group", resource_name="*")
    vpc_arn = stack.format_arn(service="ec2", resource="vpc", resource_name=vpc.vpc_id)
    assert function.role is not None
    policy = iam.ManagedPolicy(
        stack,
        "ClosedPolicy",
        description="Closes the default security group",
        roles=[function.role],
        statements=[
            iam.PolicyStatement(
                actions=["ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"],
                resources=[groups],
                conditions={"ArnEquals": {"ec2:Vpc": vpc_arn}},
            )
        ],
    )
    closed = CustomResource(
        stack,
        "Closed",
        resource_type="Custom::ClosedDefaultSecurityGroup",
        service_token=function.function_arn,
        properties={"Action": "ClosedDefaultSecurityGroup", "VpcId": vpc.vpc_id},
        service_timeout=Duration.minutes(4),
    )
    closed.node.add_dependency(policy)


def _prefix_list(stack: Stack, function: lambda_.Function) -> ec2.IPeer:
    lists = CustomResource(
        stack,
        "PrefixLists",
        resource_type="Custom::PrefixLists",
        service_token=function.function_arn,
        properties={"Action": "PrefixLists", "Region": stack.region},
        service_timeout=Duration.minutes(4),
    )
    return ec2.Peer.prefix_list(lists.get_att_string("s3"))


def _flow_log(stack: Stack, vpc: ec2.IVpc, key: kms.IKey) -> None:
    group = log_group(stack, "FlowLogGroup", key)
    source = stack.format_arn(service="ec2", resource="vpc-flow-log", resource_name="*")
    conditions = {"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": source}}
    role = iam.Role(
        stack,
        "FlowLogRole",
        description="Writes the flow logs",
        assumed_by=iam.ServicePrincipal("vpc-flow-logs.amazonaws.com", conditions=conditions),
    )
    actions = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    policy = iam.ManagedPolicy(
        stack,
        "FlowLogPolicy",
        description="Writes flow logs to one log group",
        roles=[role],
        statements=[allow(actions, [group.log_group_arn])],
    )
    log = ec2.CfnFlowLog(
        stack,
        "FlowLog",
        resource_id=vpc.vpc_id,
        resource_type="VPC",
        traffic_type="ALL",
        log_destination_type="cloud-watch-logs",
        log_group_name=group.log_group_name,
        deliver_logs_permission_arn=role.role_arn,
    )
    log.node.add_dependency(policy)


def _endpoints(stack: Stack, vpc: ec2.IVpc, group: ec2.ISecurityGroup) -> None:
    subnets = ec2.SubnetSelection(subnets=vpc.isolated_subnets)
    for name in ("s3", "dynamodb"):
        gateway = ec2.GatewayVpcEndpoint(
            stack, name, vpc=vpc, service=ec2.GatewayVpcEndpointAwsService(name), subnets=[subnets]
        )
        gateway.add_to_policy(_own(stack, f"{name}:*"))
        if name == "s3":
            bucket = f"arn:{stack.partition}:s3:::prod-{stack.region}-starport-layer-bucket/*"
            gateway.add_to_policy(_anybody("ImageLayers", ["s3:GetObject"], bucket))
    for name in ("ecr.api", "ecr.dkr", "logs", "secretsmanager"):
        interface = ec2.InterfaceVpcEndpoint(
            stack,
            name,
            vpc=vpc,
            service=ec2.InterfaceVpcEndpointAwsService(name),
            subnets=subnets,
            security_groups=[group],
            private_dns_enabled=True,
            open=False,
        )
        interface.add_to_policy(_own(stack, f"{name.split('.')[0]}:*"))
        if name.startswith("ecr."):
            agent = f"arn:{stack.partition}:ecr:{stack.region}:*:repository/aws-guardduty-agent-fargate"
            caller = {"StringEquals": {"aws:PrincipalAccount": stack.account}}
            interface.add_to_policy(_anybody("SignIn", ["ecr:GetAuthorizationToken"], "*", caller))
            interface.add_to_policy(_anybody("GuardDutyAgent", _AGENT, agent, caller))


def _own(stack: Stack, action: str) -> iam.PolicyStatement:
    account = stack.account
    conditions = {
        "StringEquals": {"aws:PrincipalAccount": account},
        "StringEqualsIfExists": {"aws:ResourceAccount": account},
    }
    return _anybody("OwnCallersAndResources", [action], "*", conditions)


def _anybody(
    sid: str, actions: Sequence[str], resource: str, conditions: Mapping[str, Any] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid, principals=[iam.AnyPrincipal()], actions=list(actions), resources=[resource], conditions=conditions
    )
