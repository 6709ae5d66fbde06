"""Networks in which everything is reached: the proof finds nothing, whichever of AWS's many ways leads there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Environment, Size, Stack
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_rds as rds
from aws_cdk import aws_sqs as sqs

from secure_containers.check.loader import load
from secure_containers.rules import Finding
from secure_containers.rules.network.services import service_of_endpoint
from tests.rules.network.samples import (
    INTERFACES,
    LAYERS,
    REGION,
    ZONES,
    Resources,
    acl,
    add_nat,
    allow,
    container,
    default_route,
    document,
    grant,
    group,
    instances,
    interface,
    judge,
    let_out,
    nat_only,
    only,
    placed,
    props,
    resource,
    sound,
    subnet,
    tcp,
    template,
    told,
    without_endpoints,
)
from tests.rules.network.test_broken_networks import (
    balanced,
    bridged,
    by_default,
    database,
    joined,
    managed_instances,
    task_set,
)
from tests.rules.support import ACCOUNT, att, join, ref, sub

CASES: list[Any] = []


def case(
    *, waives: tuple[str, ...] = (), **sections: Any
) -> Callable[[Callable[[], Resources]], Callable[[], Resources]]:
    """A sound template; `waives` are findings that its author would accept."""

    def register(make: Callable[[], Resources]) -> Callable[[], Resources]:
        CASES.append(pytest.param(make, waives, sections, id=make.__name__))
        return make

    return register


@case()
def everything() -> Resources:
    return sound()


@pytest.mark.parametrize("name", [sub("${AWS::StackName}-{data}"), "{data}", ref("AWS::StackName")])
def test_names_of_buckets(name: Any) -> None:
    found = only("Service")
    props(found, "Bucket")["BucketName"] = name
    resources = [join(att("Bucket"), "/*"), att("Bucket", "{DomainName}")]
    props(found, "S3")["PolicyDocument"] = document(allow("s3:*", resources, Principal="*"), LAYERS)
    judged = judge(template(found))
    assert not judged, told(judged)


# Who runs the tasks


@case()
def a_task_set() -> Resources:
    return task_set()


@case()
def instances_that_are_managed() -> Resources:
    return managed_instances()


@case()
def instances_by_the_default_of_the_cluster() -> Resources:
    return by_default(instances(), ref("Provider"))


@case()
def instances_by_the_default_that_the_cluster_itself_names() -> Resources:
    found = bridged(instances())
    strategy = props(found, "Service").pop("CapacityProviderStrategy")
    props(found, "Cluster").update(ClusterName="ours", DefaultCapacityProviderStrategy=strategy)
    props(found, "Service")["Cluster"] = "ours"
    return found


@case()
def a_scheduled_task_by_the_default_of_its_cluster() -> Resources:
    found = instances()
    del found["Service"]
    found["Nightly"] = sound()["Nightly"]
    strategy = [{"CapacityProvider": ref("Provider"), "Weight": 1}]
    props(found, "Cluster")["DefaultCapacityProviderStrategy"] = strategy
    del props(found, "Nightly")["Targets"][0]["EcsParameters"]["LaunchType"]
    return found


@pytest.mark.parametrize(
    "setting",
    [
        "echo ECS_CLUSTER=%s >> /etc/ecs/ecs.config",
        "echo 'ECS_CLUSTER=\"%s\"' >> /etc/ecs/ecs.config",
        '[settings.ecs]\ncluster = "%s"\n',
        "Initialize-ECSAgent -Cluster '%s' -EnableTaskIAMRole",
    ],
)
@pytest.mark.parametrize("cluster", [ref("Cluster"), "ours"])
@pytest.mark.parametrize("launch", ["EC2", None])
def test_instances_that_join_a_cluster_themselves(setting: str, cluster: Any, launch: str | None) -> None:
    found = joined(cluster, setting)
    props(found, "Cluster")["ClusterName"] = "ours"
    props(found, "Service")["LaunchType"] = launch
    judged = judge(template(found))
    assert not judged, told(judged)


@case()
def a_service_on_machines_outside_of_aws() -> Resources:
    found = bridged(only("Service"))
    props(found, "Service")["LaunchType"] = "EXTERNAL"
    props(found, "Task")["RequiresCompatibilities"] = ["EXTERNAL"]
    return found


@case()
def sessions_by_the_instances() -> Resources:
    found = bridged(instances())
    props(found, "Service")["EnableExecuteCommand"] = True
    found["SsmMessages"] = interface("ssmmessages")
    return found


# Security groups


@case()
def a_group_for_each_endpoint() -> Resources:
    found = sound()
    for name in INTERFACES:
        found[f"{name}Group"] = group(SecurityGroupIngress=[tcp(SourceSecurityGroupId=att("WorkloadGroup", "GroupId"))])
        props(found, name)["SecurityGroupIds"] = [att(f"{name}Group", "GroupId")]
        found[f"OutTo{name}"] = resource(
            "EC2::SecurityGroupEgress",
            GroupId=att("WorkloadGroup", "GroupId"),
            **tcp(DestinationSecurityGroupId=att(f"{name}Group", "GroupId")),
        )
    del found["OutToEndpoints"]
    return found


@case()
def rules_by_blocks() -> Resources:
    found = sound()
    del found["OutToEndpoints"]
    let_out(found, CidrIp="10.0.0.0/16")
    props(found, "EndpointGroup")["SecurityGroupIngress"] = [tcp(CidrIp="10.0.0.0/22")]
    return found


@case()
def rules_by_a_block_for_each_subnet() -> Resources:
    found = sound()
    rules = [tcp(CidrIp=f"10.0.{number}.0/24") for number in range(3)]
    props(found, "EndpointGroup")["SecurityGroupIngress"] = rules
    return found


@case()
def rules_by_the_block_of_the_vpc() -> Resources:
    found = sound()
    del found["OutToEndpoints"]
    let_out(found, CidrIp=att("Vpc", "CidrBlock"))
    props(found, "EndpointGroup")["SecurityGroupIngress"] = [tcp(CidrIp=att("Vpc", "CidrBlock"))]
    return found


@case()
def all_protocols_and_all_ports() -> Resources:
    found = sound()
    found["OutToEndpoints"]["Properties"].update(IpProtocol="-1", FromPort=-1, ToPort=-1)
    props(found, "EndpointGroup")["SecurityGroupIngress"] = [{"IpProtocol": -1, "CidrIp": "10.0.0.0/8"}]
    return found


@case()
def two_groups_of_which_one_opens() -> Resources:
    found = sound()
    found["More"] = group(SecurityGroupEgress=[tcp(5432, CidrIp="10.0.0.0/16")])
    groups = [att("More", "GroupId"), att("WorkloadGroup", "GroupId")]
    props(found, "Service")["NetworkConfiguration"] = {"AwsvpcConfiguration": placed(SecurityGroups=groups)}
    return found


@case(Parameters={"Https": {"Type": "Number", "Default": 443, "AllowedValues": [443]}})
def port_by_a_bounded_parameter() -> Resources:
    found = sound()
    props(found, "EndpointGroup")["SecurityGroupIngress"][0] |= {"FromPort": ref("Https"), "ToPort": ref("Https")}
    return found


@case()
def everything_in_the_default_group() -> Resources:
    found = only("Function")
    del props(found, "Function")["VpcConfig"]["SecurityGroupIds"]
    found["Sqs"] = interface("sqs")
    del props(found, "Sqs")["SecurityGroupIds"]
    props(found, "Function")["Environment"]["Variables"]["QUEUE"] = ref("Queue")
    return found


@case()
def the_default_group_lets_the_workloads_in() -> Resources:
    found = only("Service")
    default = att("Vpc", "DefaultSecurityGroup")
    for name in INTERFACES:
        del props(found, name)["SecurityGroupIds"]
    props(found, "OutToEndpoints")["DestinationSecurityGroupId"] = default
    found["In"] = resource(
        "EC2::SecurityGroupIngress", GroupId=default, **tcp(SourceSecurityGroupId=att("WorkloadGroup", "GroupId"))
    )
    return found


@case()
def the_known_prefix_lists_of_the_region() -> Resources:
    found = sound()
    props(found, "WorkloadGroup")["SecurityGroupEgress"] = [
        tcp(DestinationPrefixListId="pl-6ea54007"),
        tcp(DestinationPrefixListId="pl-66a5400f"),
    ]
    return found


@case(Mappings={"Lists": {REGION: {"s3": "pl-6ea54007"}, "us-east-1": {"s3": "pl-63a5400a"}}})
def a_prefix_list_by_mapping() -> Resources:
    found = only("Service")
    chosen = {"Fn::FindInMap": ["Lists", ref("AWS::Region"), "s3"]}
    props(found, "WorkloadGroup")["SecurityGroupEgress"] = [tcp(DestinationPrefixListId=chosen)]
    return found


@case(waives=("SC-NET-02",))
def a_prefix_list_of_ones_own() -> Resources:
    found = only("Service")
    del found["OutToEndpoints"]
    found["List"] = resource("EC2::PrefixList", AddressFamily="IPv4", Entries=[{"Cidr": "10.0.0.0/16"}])
    props(found, "WorkloadGroup")["SecurityGroupEgress"].append(tcp(DestinationPrefixListId=ref("List")))
    return found


@case(
    waives=("SC-NET-02",),
    Parameters={"Https": {"Type": "Number", "Default": 443}},
)
def port_by_a_parameter() -> Resources:
    found = sound()
    props(found, "EndpointGroup")["SecurityGroupIngress"][0] |= {"FromPort": ref("Https"), "ToPort": ref("Https")}
    return found


# Databases


@case()
def an_open_database() -> Resources:
    return database(tcp(5432, SourceSecurityGroupId=att("WorkloadGroup", "GroupId")))


@case()
def a_database_by_blocks() -> Resources:
    found = database(tcp(5432, CidrIp="10.0.0.0/16"))
    del found["OutToDatabase"]
    props(found, "WorkloadGroup")["SecurityGroupEgress"].append(tcp(5432, CidrIp="10.0.0.0/16"))
    return found


@case()
def an_instance_of_a_cluster() -> Resources:
    found = database(tcp(5432, SourceSecurityGroupId=att("WorkloadGroup", "GroupId")))
    properties = props(found, "Database")
    groups = properties.pop("VPCSecurityGroups")
    found["DatabaseCluster"] = resource(
        "RDS::DBCluster", Engine="aurora-postgresql", Port=5432, VpcSecurityGroupIds=groups
    )
    properties.update(Engine="aurora-postgresql", DBClusterIdentifier=ref("DatabaseCluster"))
    return found


# Endpoints


@case()
def endpoints_in_other_subnets() -> Resources:
    found = sound()
    for number, zone in enumerate(ZONES):
        found[f"Endpoints{zone}"] = subnet(f"10.0.{50 + number}.0/24", zone)
    for name in INTERFACES:
        props(found, name)["SubnetIds"] = [ref(f"Endpoints{zone}") for zone in ZONES]
    return found


@case()
def an_interface_endpoint_of_s3() -> Resources:
    found = only("Service")
    found["S3"] = interface("s3", DnsOptions={"PrivateDnsOnlyForInboundResolverEndpoint": "AllResolvers"})
    props(found, "WorkloadGroup")["SecurityGroupEgress"].clear()
    return found


@case(waives=("SC-NET-03",))
def an_endpoint_without_private_dns_beside_a_nat() -> Resources:
    found = nat_only("Service")
    found["EcrApi"] = interface("ecr.api", PrivateDnsEnabled=False)
    return found


@case()
def a_gateway_endpoint_without_a_type() -> Resources:
    found = sound()
    del props(found, "S3")["VpcEndpointType"]
    return found


@case()
def endpoints_that_cover_all_cases() -> Resources:
    found = sound()
    found["OtherLogs"] = interface("logs") | {"Condition": "NotProd"}
    found["Logs"]["Condition"] = "Prod"
    return found


@case()
def endpoints_and_their_groups_that_cover_all_cases() -> Resources:
    found = sound()
    for name, condition in {"Logs": "Prod", "OtherLogs": "NotProd"}.items():
        found[f"{name}Group"] = group(
            SecurityGroupIngress=[tcp(SourceSecurityGroupId=att("WorkloadGroup", "GroupId"))]
        ) | {"Condition": condition}
        found[name] = interface("logs", SecurityGroupIds=[att(f"{name}Group", "GroupId")]) | {"Condition": condition}
        found[f"OutTo{name}"] = resource(
            "EC2::SecurityGroupEgress",
            GroupId=att("WorkloadGroup", "GroupId"),
            **tcp(DestinationSecurityGroupId=att(f"{name}Group", "GroupId")),
        ) | {"Condition": condition}
    return found


@case()
def workload_and_endpoint_under_the_same_condition() -> Resources:
    found = only("Service")
    found["Logs"]["Condition"] = "Prod"
    found["Service"]["Condition"] = "Prod"
    return found


@case(
    waives=("SC-NET-02",),
    Parameters={"Name": {"Type": "String"}},
)
def endpoint_of_a_service_by_parameter() -> Resources:
    found = only("Service")
    props(found, "Logs")["ServiceName"] = ref("Name")
    return found


@case(waives=("SC-NET-02",))
def endpoints_of_another_network_by_a_hosted_zone() -> Resources:
    found = only("Service")
    without_endpoints(found, "Logs")
    found["Zone"] = resource(
        "Route53::HostedZone", Name=f"logs.{REGION}.amazonaws.com", VPCs=[{"VPCId": ref("Vpc"), "VPCRegion": REGION}]
    )
    for zone in ZONES:
        found[f"Out{zone}"] = default_route(f"Table{zone}", TransitGatewayId="tgw-0a1b2c3d")
        props(found, f"Out{zone}")["DestinationCidrBlock"] = "10.0.0.0/8"
    let_out(found, CidrIp="10.0.0.0/8")
    return found


# Endpoint policies


@case()
def ecr_policy_of_the_repository_of_the_image() -> Resources:
    found = only("Service")
    found["Repository"] = resource("ECR::Repository")
    arn = att("Repository")
    part = lambda index: {"Fn::Select": [index, {"Fn::Split": [":", arn]}]}  # noqa: E731 - as the CDK writes it
    props(found, "Task")["ContainerDefinitions"][0]["Image"] = join(
        part(4), ".dkr.ecr.", part(3), ".", ref("AWS::URLSuffix"), "/", ref("Repository"), ":1.0"
    )
    for name in ("EcrApi", "EcrDkr"):
        props(found, name)["PolicyDocument"] = document(
            allow("ecr:GetAuthorizationToken", Principal="*"),
            allow(["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], arn, Principal="*"),
        )
    return found


@case()
def s3_policy_names_the_bucket_by_its_name() -> Resources:
    found = only("Service")
    ours = allow("s3:*", sub("arn:${AWS::Partition}:s3:::${Bucket}/*"), Principal="*")
    props(found, "S3")["PolicyDocument"] = document(ours, LAYERS)
    return found


@case()
def s3_policy_names_the_bucket_by_its_arn() -> Resources:
    found = only("Service")
    props(found, "S3")["PolicyDocument"] = document(allow("s3:*", join(att("Bucket"), "/*"), Principal="*"), LAYERS)
    return found


@case()
def policies_that_deny_what_is_not_asked() -> Resources:
    found = sound()
    deny = allow("s3:DeleteBucket", Principal="*") | {"Effect": "Deny"}
    props(found, "S3")["PolicyDocument"]["Statement"].append(deny)
    return found


@case()
def a_policy_as_text_of_actions_in_capitals() -> Resources:
    found = sound()
    props(found, "Sqs")["PolicyDocument"] = document(allow("SQS:Send*", Principal={"AWS": "*"}))
    return found


# Network ACLs


@case()
def an_acl_with_answers() -> Resources:
    found = sound()
    acl(
        found,
        (100, True, "allow", "0.0.0.0/0", (443, 443)),
        (100, False, "allow", "0.0.0.0/0", (1024, 65535)),
        (110, False, "allow", "10.0.0.0/16", (443, 443)),
        (110, True, "allow", "10.0.0.0/16", (1024, 65535)),
        of=("SubnetA", "SubnetB", "SubnetC"),
    )
    return found


OUT, IN = (100, True, "allow", "0.0.0.0/0", (0, 65535)), (100, False, "allow", "0.0.0.0/0", (0, 65535))


@case()
def an_acl_that_denies_one_address() -> Resources:
    found = sound()
    acl(found, (50, True, "deny", "203.0.113.7/32", (0, 65535)), OUT, IN)
    return found


@case(waives=("SC-NET-02",))
def an_acl_with_the_addresses_of_s3() -> Resources:
    found = sound()
    acl(
        found,
        (100, True, "allow", "10.0.0.0/16", (0, 65535)),
        (100, False, "allow", "10.0.0.0/16", (0, 65535)),
        (110, True, "allow", "52.92.0.0/14", (443, 443)),
        (110, False, "allow", "52.92.0.0/14", (1024, 65535)),
    )
    return found


@case()
def an_acl_whose_entries_share_the_ports() -> Resources:
    found = sound()
    acl(found, OUT, (100, False, "allow", "0.0.0.0/0", (0, 49151)), (110, False, "allow", "0.0.0.0/0", (49152, 65535)))
    return found


@case()
def an_acl_of_a_subnet_whose_block_is_computed() -> Resources:
    found = only("Service")
    for name in ("S3", "DynamoDb"):
        del found[name]
    found["S3"] = interface("s3")
    for number, zone in enumerate(ZONES):
        blocks = {"Fn::Cidr": [att("Vpc", "CidrBlock"), 3, 8]}
        props(found, f"Subnet{zone}")["CidrBlock"] = {"Fn::Select": [number, blocks]}
    acl(
        found,
        (100, True, "allow", "10.0.0.0/16", (0, 65535)),
        (100, False, "allow", "10.0.0.0/16", (0, 65535)),
    )
    return found


# Routes


@case(waives=("SC-NET-03",))
def only_nat_gateways() -> Resources:
    return nat_only()


@case(waives=("SC-NET-03",))
def only_nat_gateways_and_every_kind_of_image() -> Resources:
    found = nat_only()
    props(found, "Job")["ContainerProperties"]["Image"] = "public.ecr.aws/docker/library/python:3.12"
    props(found, "Task")["ContainerDefinitions"].append(container(Name="side", Image="nginx"))
    return found


@case(waives=("SC-NET-03",))
def only_nat_gateways_and_a_service_that_nobody_knows() -> Resources:
    found = nat_only("Service")
    grant(found, "TaskRole", allow("ses:SendEmail"))
    return found


@case(waives=("SC-NET-03",))
def public_addresses() -> Resources:
    found = nat_only("Service")
    for zone in ZONES:
        found[f"Route{zone}"] = default_route(f"Table{zone}", GatewayId=ref("Internet"))
    props(found, "Service")["NetworkConfiguration"] = {"AwsvpcConfiguration": placed(AssignPublicIp="ENABLED")}
    return found


@case()
def nat_gateway_without_open_groups() -> Resources:
    found = sound()
    add_nat(found)
    return found


@case()
def an_internal_load_balancer() -> Resources:
    found = balanced("application")
    props(found, "Balancer")["Scheme"] = "internal"
    return found


@case()
def a_load_balancer_for_one_office() -> Resources:
    found = balanced("application")
    found["Office"] = group(SecurityGroupIngress=[tcp(CidrIp="203.0.113.0/24")])
    props(found, "Balancer")["SecurityGroups"] = [att("Office", "GroupId")]
    return found


# What a service does for the workload


@case()
def what_lambda_does_for_a_function() -> Resources:
    found = only("Function")
    without_endpoints(found, "Logs")
    grant(
        found,
        "FunctionRole",
        allow(["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]),
        allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords"]),
        allow(["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface"]),
    )
    return found


@case()
def a_key_for_a_bucket() -> Resources:
    found = sound()
    grant(found, "TaskRole", allow(["kms:Decrypt", "kms:GenerateDataKey*"]))
    return found


POLLS = [
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueUrl",
    "sqs:GetQueueAttributes",
    "sqs:ChangeMessageVisibility",
]


@case()
def a_function_that_is_polled_for() -> Resources:
    found = only("Function")
    without_endpoints(found, "Sqs")
    found["Source"] = resource("Lambda::EventSourceMapping", FunctionName=ref("Function"), EventSourceArn=att("Queue"))
    grant(found, "FunctionRole", allow(POLLS, att("Queue")))
    return found


@case()
def an_alias_that_is_polled_for() -> Resources:
    found = only("Function")
    without_endpoints(found, "Sqs")
    found["Alias"] = resource("Lambda::Alias", FunctionName=ref("Function"), Name="live")
    found["Source"] = resource("Lambda::EventSourceMapping", FunctionName=ref("Alias"), EventSourceArn=att("Queue"))
    grant(found, "FunctionRole", allow(POLLS, att("Queue")))
    return found


@case()
def a_queue_for_dead_letters() -> Resources:
    found = only("Function")
    without_endpoints(found, "Sqs")
    props(found, "Function")["DeadLetterConfig"] = {"TargetArn": att("Queue")}
    grant(found, "FunctionRole", allow("sqs:SendMessage", att("Queue")))
    return found


@case()
def a_destination_of_a_function() -> Resources:
    found = only("Function")
    without_endpoints(found, "Sqs")
    found["Destination"] = resource(
        "Lambda::EventInvokeConfig",
        FunctionName=ref("Function"),
        Qualifier="$LATEST",
        DestinationConfig={"OnFailure": {"Destination": att("Queue")}},
    )
    grant(found, "FunctionRole", allow(["sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"], att("Queue")))
    return found


@case()
def a_destination_of_what_is_polled() -> Resources:
    found = only("Function")
    without_endpoints(found, "Sqs")
    found["Source"] = resource(
        "Lambda::EventSourceMapping",
        FunctionName=ref("Function"),
        EventSourceArn=att("Table", "StreamArn"),
        DestinationConfig={"OnFailure": {"Destination": att("Queue")}},
    )
    grant(found, "FunctionRole", allow("sqs:SendMessage", att("Queue")))
    return found


@case()
def actions_in_capitals() -> Resources:
    found = sound()
    grant(found, "TaskRole", allow("SQS:SendMessage"))
    return found


@case()
def rights_to_mount_a_file_system() -> Resources:
    found = sound()
    grant(found, "TaskRole", allow(["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]))
    return found


@case()
def a_task_that_says_where_people_run_it() -> Resources:
    found = only("Service")
    del found["Service"]
    where = {"Subnets": [ref("SubnetA")], "SecurityGroups": [att("WorkloadGroup", "GroupId")]}
    found["Task"]["Metadata"] = {"SecureContainersRunsIn": where}
    return found


@case(waives=("SC-NET-02",))
def a_task_of_which_nobody_says_where_it_runs() -> Resources:
    found = only("Service")
    del found["Service"]
    return found


@case()
def a_service_on_instances() -> Resources:
    return instances()


@case()
def a_service_on_instances_of_a_mixed_policy() -> Resources:
    found = instances()
    launch = {"LaunchTemplateSpecification": props(found, "Hosts").pop("LaunchTemplate")}
    props(found, "Hosts")["MixedInstancesPolicy"] = {"LaunchTemplate": launch}
    return found


@case()
def a_scheduled_task_on_instances_that_are_there() -> Resources:
    found = instances()
    parameters = props(sound(), "Nightly")["Targets"][0]["EcsParameters"]
    del parameters["LaunchType"]
    parameters["CapacityProviderStrategy"] = [{"CapacityProvider": ref("Provider")}]
    rule = {"Targets": [{"Id": "Task", "Arn": att("Cluster"), "EcsParameters": parameters}]}
    return found | {"Nightly": resource("Events::Rule", ScheduleExpression="rate(1 day)", **rule)}


@case()
def tasks_in_the_network_of_their_instances() -> Resources:
    """Which are let to the queue, and not the tasks."""
    found = instances()
    del props(found, "Task")["NetworkMode"]
    del props(found, "Service")["NetworkConfiguration"]
    props(found, "HostGroup")["SecurityGroupEgress"].append(tcp(CidrIp="10.0.0.0/16"))
    return found


@case(waives=("SC-NET-02",))
def a_service_on_instances_that_are_not_here() -> Resources:
    found = instances()
    props(found, "Service")["CapacityProviderStrategy"] = [{"CapacityProvider": "elsewhere"}]
    return found


@case(waives=("SC-NET-02",))
def a_scheduled_task_on_instances() -> Resources:
    found = only("Nightly")
    without_endpoints(found, "EcrApi", "EcrDkr")
    props(found, "Task")["RequiresCompatibilities"] = ["EC2"]
    props(found, "Nightly")["Targets"][0]["EcsParameters"]["LaunchType"] = "EC2"
    return found


@pytest.mark.parametrize(("make", "waives", "sections"), CASES)
def test_sound(make: Callable[[], Resources], waives: tuple[str, ...], sections: dict[str, Any]) -> None:
    findings = judge(template(make(), **sections))
    assert {each.id for each in findings} == set(waives), told(findings) or "no finding"


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("com.amazonaws.eu-central-1.ecr.api", "ecr.api"),
        ("com.amazonaws.${AWS::Region}.ecr.dkr", "ecr.dkr"),
        ("cn.com.amazonaws.cn-north-1.ecr.api", "ecr.api"),
        ("com.amazonaws.us-gov-west-1.sqs-fips", "sqs-fips"),
        ("gov.ic.c2s.us-iso-east-1.sqs", "sqs"),
        ("uk.adc-e.cloud.eu-isoe-west-1.ecr.api", "ecr.api"),
        ("gov.ic.hci.csp.us-isof-south-1.ebs", "ebs"),
        ("com.amazonaws.vpce.eu-central-1.vpce-svc-0a1b2c3d", "vpce-svc-0a1b2c3d"),
        ("eu.amazonaws.eusc-de-east-1.ecr.api", "ecr.api"),
    ],
)
def test_services_of_endpoints(name: str, service: str) -> None:
    assert service_of_endpoint(name) == service


# What the CDK makes


def of_app(app: App) -> list[Finding]:
    loaded = load([app.synth().directory])
    assert not loaded.errors
    return judge(*loaded.templates)


class TestCdk:
    @pytest.fixture
    def stack(self, app: App) -> Stack:
        return Stack(app, "Test", env=Environment(account=ACCOUNT, region=REGION))

    def judged(self, stack: Stack) -> set[str]:
        findings = of_app(stack.node.root)  # type: ignore[arg-type]  # the root is the app
        print(told(findings))
        return {finding.id for finding in findings}

    def test_the_default_vpc_and_an_internal_service(self, stack: Stack) -> None:
        vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
        ecs_patterns.ApplicationLoadBalancedFargateService(
            stack,
            "Service",
            vpc=vpc,
            public_load_balancer=False,
            task_image_options=ecs_patterns.ApplicationLoadBalancedTaskImageOptions(
                image=ecs.ContainerImage.from_ecr_repository(ecr.Repository(stack, "Repository"))
            ),
        )
        assert self.judged(stack) == {"SC-NET-03"}

    def test_the_default_vpc_and_a_public_service(self, stack: Stack) -> None:
        ecs_patterns.ApplicationLoadBalancedFargateService(
            stack,
            "Service",
            task_image_options=ecs_patterns.ApplicationLoadBalancedTaskImageOptions(
                image=ecs.ContainerImage.from_registry("nginx")
            ),
        )
        assert self.judged(stack) == {"SC-NET-03", "SC-NET-04"}

    def test_jobs(self, stack: Stack) -> None:
        vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
        queue = batch.JobQueue(stack, "Queue")
        queue.add_compute_environment(batch.FargateComputeEnvironment(stack, "Environment", vpc=vpc), 1)
        batch.EcsJobDefinition(
            stack,
            "Job",
            container=batch.EcsFargateContainerDefinition(
                stack,
                "Container",
                image=ecs.ContainerImage.from_ecr_repository(ecr.Repository(stack, "Repository")),
                cpu=1,
                memory=Size.gibibytes(2),
            ),
        )
        assert self.judged(stack) == {"SC-NET-03"}

    def test_a_function_that_is_polled_for(self, stack: Stack) -> None:
        vpc = ec2.Vpc(
            stack,
            "Vpc",
            nat_gateways=0,
            max_azs=2,
            subnet_configuration=[ec2.SubnetConfiguration(name="I", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)],
        )
        function = cdk_function(stack, vpc)
        function.add_event_source(event_sources.SqsEventSource(sqs.Queue(stack, "Queue")))
        assert self.judged(stack) == set()

    def test_an_isolated_service(self, stack: Stack) -> None:
        isolated_service(stack)
        assert self.judged(stack) == set()

    @pytest.mark.parametrize("left_out", ["ECR", "ECR_DOCKER", "CLOUDWATCH_LOGS"])
    def test_an_isolated_service_without_an_endpoint(self, stack: Stack, left_out: str) -> None:
        isolated_service(stack, left_out)
        services = {"ECR": "ecr.api", "ECR_DOCKER": "ecr.dkr", "CLOUDWATCH_LOGS": "logs"}
        assert self.judged(stack) == {f"SC-NET-01[{services[left_out]}]"}

    def test_an_isolated_service_and_its_database(self, stack: Stack) -> None:
        vpc, service = isolated_service(stack)
        cluster = rds.DatabaseCluster(
            stack,
            "Database",
            engine=rds.DatabaseClusterEngine.aurora_postgres(version=rds.AuroraPostgresEngineVersion.VER_16_4),
            writer=rds.ClusterInstance.serverless_v2("Writer"),
            vpc=vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
        )
        container = service.task_definition.default_container
        assert container is not None
        container.add_environment("DB_HOST", cluster.cluster_endpoint.hostname)
        found = self.judged(stack)
        assert found == {"SC-NET-01[DatabaseB269D8BB]"}, "nobody opened it yet"

    def test_an_isolated_service_and_its_open_database(self, stack: Stack) -> None:
        vpc, service = isolated_service(stack)
        cluster = rds.DatabaseCluster(
            stack,
            "Database",
            engine=rds.DatabaseClusterEngine.aurora_postgres(version=rds.AuroraPostgresEngineVersion.VER_16_4),
            writer=rds.ClusterInstance.serverless_v2("Writer"),
            vpc=vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
        )
        container = service.task_definition.default_container
        assert container is not None
        container.add_environment("DB_HOST", cluster.cluster_endpoint.hostname)
        cluster.connections.allow_default_port_from(service)
        assert self.judged(stack) == set()

    def test_a_network_in_another_stack(self, app: App) -> None:
        env = Environment(account=ACCOUNT, region=REGION)
        network, workload = Stack(app, "Network", env=env), Stack(app, "Workload", env=env)
        isolated_service(workload, network=network)
        assert self.judged(workload) == set()

    def test_a_network_in_another_stack_without_an_endpoint(self, app: App) -> None:
        env = Environment(account=ACCOUNT, region=REGION)
        network, workload = Stack(app, "Network", env=env), Stack(app, "Workload", env=env)
        isolated_service(workload, "ECR", network=network)
        assert self.judged(workload) == {"SC-NET-01[ecr.api]"}


def cdk_function(stack: Stack, vpc: ec2.IVpc) -> lambda_.Function:
    return lambda_.Function(
        stack,
        "Function",
        runtime=lambda_.Runtime.PYTHON_3_12,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): pass"),
        vpc=vpc,
        vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
    )


def isolated_service(stack: Stack, *left_out: str, network: Stack | None = None) -> tuple[ec2.Vpc, ecs.FargateService]:
    """A service in isolated subnets, with the endpoints that the CDK makes; their groups are open to the VPC."""
    vpc = ec2.Vpc(
        network or stack,
        "Vpc",
        nat_gateways=0,
        max_azs=2,
        subnet_configuration=[ec2.SubnetConfiguration(name="I", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)],
    )
    vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
    for name in {"ECR", "ECR_DOCKER", "CLOUDWATCH_LOGS"} - set(left_out):
        vpc.add_interface_endpoint(name, service=getattr(ec2.InterfaceVpcEndpointAwsService, name))
    task = ecs.FargateTaskDefinition(stack, "Task")
    task.add_container(
        "work",
        image=ecs.ContainerImage.from_ecr_repository(ecr.Repository(stack, "Repository")),
        logging=ecs.LogDrivers.aws_logs(stream_prefix="work"),
    )
    service = ecs.FargateService(
        stack,
        "Service",
        cluster=ecs.Cluster(stack, "Cluster", vpc=vpc),
        task_definition=task,
        vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
    )
    return vpc, service


# How the work grows


def many(count: int, *, jobs: bool) -> Resources:
    """A network with `count` services and functions, each with a group of its own; or with environments and jobs."""
    found = sound()
    rules = props(found, "EndpointGroup")["SecurityGroupIngress"]
    for number in range(count):
        own = f"Group{number}"
        found[own] = group(
            SecurityGroupEgress=[
                tcp(DestinationSecurityGroupId=att("EndpointGroup", "GroupId")),
                tcp(DestinationPrefixListId=att("PrefixLists", "s3")),
                tcp(DestinationPrefixListId=att("PrefixLists", "dynamodb")),
            ]
        )
        rules.append(tcp(SourceSecurityGroupId=att(own, "GroupId")))
        groups = [att(own, "GroupId")]
        if jobs:
            found[f"Jobs{number}"] = {"Type": found["Jobs"]["Type"], "Properties": props(found, "Jobs") | {}}
            compute = props(found, "Jobs")["ComputeResources"] | {"SecurityGroupIds": groups}
            props(found, f"Jobs{number}")["ComputeResources"] = compute
            found[f"Job{number}"] = found["Job"]
        else:
            configuration = {"AwsvpcConfiguration": placed(SecurityGroups=groups)}
            found[f"Service{number}"] = {
                "Type": found["Service"]["Type"],
                "Properties": props(found, "Service") | {"NetworkConfiguration": configuration},
            }
            place = props(found, "Function")["VpcConfig"] | {"SecurityGroupIds": groups}
            found[f"Function{number}"] = {
                "Type": found["Function"]["Type"],
                "Properties": props(found, "Function") | {"VpcConfig": place},
            }
    return found


def calls(work: Callable[[], object]) -> int:
    """How many Python functions are called, which no clock and no busy machine changes."""
    counted = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted


@pytest.mark.parametrize(
    "jobs",
    [
        False,
        True,
    ],
)
def test_the_work_grows_with_the_workloads(jobs: bool) -> None:
    few, more = (template(many(count, jobs=jobs)) for count in (75, 300))
    assert calls(lambda: judge(more)) <= 4.4 * calls(lambda: judge(few))


def test_the_work_grows_with_the_stacks() -> None:
    def stacks(count: int) -> list[Any]:
        return [template(sound(), stack=f"S{number}") for number in range(count)]

    few, more = stacks(10), stacks(40)
    assert calls(lambda: judge(*more)) <= 4.4 * calls(lambda: judge(*few))
