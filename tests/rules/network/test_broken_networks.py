"""Networks that are broken in one place each, as people broke theirs: the finding names the piece and who misses it.

The sources are public complaints, some of which tell the symptom only. A case without one follows AWS's own pages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from secure_containers.rules import Kind
from tests.rules.network.samples import (
    INTERFACES,
    LAYERS,
    OWN_ACCOUNT,
    REGION,
    ZONES,
    Resources,
    acl,
    add_host_endpoints,
    add_nat,
    allow,
    default_route,
    document,
    grant,
    group,
    instances,
    interface,
    judge,
    let_out,
    make_public,
    nat_only,
    only,
    placed,
    props,
    resource,
    sound,
    subnet,
    table,
    tcp,
    template,
    told,
    without_endpoints,
)
from tests.rules.support import ACCOUNT, FOREIGN, ORGANIZATION, att, either, join, ref, sub

CASES: list[Any] = []
SERVICE, NIGHTLY, FUNCTION, JOBS, HOSTS = (
    "the service Service",
    "the task of Nightly",
    "the function Function",
    "the compute environment Jobs",
    "the instances of Hosts",
)
EVERYTHING_OUT = (True, "allow", "0.0.0.0/0", (0, 65535))
EVERYTHING_IN = (False, "allow", "0.0.0.0/0", (0, 65535))


def case(
    *ids: str,
    says: tuple[str, ...] = (),
    on: str = "Service",
    source: str = "",
    region: str | None = REGION,
    **sections: Any,
) -> Callable[[Callable[[], Resources]], Callable[[], Resources]]:
    """A broken template: the ids of all its findings, and words of the one that is `ids[0]` on the resource `on`."""

    def register(make: Callable[[], Resources]) -> Callable[[], Resources]:
        name = f"{make.__name__}-{source}" if source else make.__name__
        CASES.append(pytest.param(make, ids, says, on, region, sections, id=name))
        return make

    return register


# Missing endpoints


@case(
    "SC-NET-01[logs]",
    says=(SERVICE, "write its logs", "Vpc has no endpoint of logs"),
)
def no_logs_endpoint() -> Resources:
    found = sound()
    without_endpoints(found, "Logs")
    return found


@case("SC-NET-01[logs]", on="Jobs", says=(JOBS, "write its logs", "no endpoint of logs"))
def no_logs_endpoint_for_jobs() -> Resources:
    found = only("Jobs")
    without_endpoints(found, "Logs")
    return found


@case(
    "SC-NET-01[ecr.api]",
    says=(SERVICE, "pull its image", "no endpoint of ecr.api"),
    source="doctorray117/minecraft-ondemand#74",
)
def no_ecr_api_endpoint() -> Resources:
    found = sound()
    without_endpoints(found, "EcrApi")
    return found


@case(
    "SC-NET-01[ecr.dkr]",
    on="Nightly",
    says=(NIGHTLY, "pull its image", "no endpoint of ecr.dkr"),
    source="aws/amazon-ecs-agent#2235",
)
def no_ecr_dkr_endpoint() -> Resources:
    found = sound()
    without_endpoints(found, "EcrDkr")
    return found


@case(
    "SC-NET-01[secretsmanager]",
    says=(SERVICE, "read its secrets", "no endpoint of secretsmanager"),
    source="aws-samples/keycloak-on-aws#222",
)
def no_secrets_manager_endpoint() -> Resources:
    found = sound()
    without_endpoints(found, "SecretsManager")
    return found


@case(
    "SC-NET-01[sqs]",
    says=(SERVICE, "reach Queue", "call sqs, as its role may", "no endpoint of sqs"),
)
def no_endpoint_of_what_the_role_calls() -> Resources:
    found = sound()
    without_endpoints(found, "Sqs")
    return found


@case("SC-NET-01[sns]", on="Jobs", says=(JOBS, "call sns, as its role may", "no endpoint of sns"))
def job_role_calls_a_service_without_endpoint() -> Resources:
    found = sound()
    grant(found, "JobRole", allow("sns:Publish", "*"))
    return found


@case("SC-NET-01[kms]", says=(SERVICE, "call kms", "no endpoint of kms"))
def role_signs_with_a_key() -> Resources:
    found = sound()
    grant(found, "TaskRole", allow("kms:Sign", "*"))
    return found


@case(
    "SC-NET-01[s3]",
    says=(SERVICE, "pull the layers of its image", "no endpoint of s3"),
    source="7thzero.com/limiting-outbound-egress",
)
def no_s3_endpoint() -> Resources:
    found = sound()
    without_endpoints(found, "S3")
    return found


@case(
    "SC-NET-01[dynamodb]",
    on="Function",
    says=(FUNCTION, "reach Items", "no endpoint of dynamodb"),
    source="awslabs/aws-lambda-redshift-loader#150",
)
def no_dynamodb_endpoint() -> Resources:
    found = sound()
    without_endpoints(found, "DynamoDb")
    return found


@case(
    "SC-NET-01[ssm]",
    says=(SERVICE, "read its secrets", "no endpoint of ssm"),
    source="umotif-public/terraform-aws-ecs-fargate#50",
)
def ssm_parameter_without_endpoint() -> Resources:
    found = sound()
    props(found, "Task")["ContainerDefinitions"][0]["Secrets"] = [
        {"Name": "KEY", "ValueFrom": sub("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/key")}
    ]
    return found


@case("SC-NET-01[ssm]", says=(SERVICE, "read its secrets", "no endpoint of ssm"))
def ssm_parameter_by_its_name() -> Resources:
    found = sound()
    props(found, "Task")["ContainerDefinitions"][0]["Secrets"] = [{"Name": "KEY", "ValueFrom": "/work/key"}]
    return found


@case(
    "SC-NET-01[ssmmessages]",
    says=(SERVICE, "open ECS Exec sessions", "no endpoint of ssmmessages"),
    source="aws-containers/amazon-ecs-exec-checker#47",
)
def exec_without_ssmmessages() -> Resources:
    found = sound()
    props(found, "Service")["EnableExecuteCommand"] = True
    return found


def hosts() -> Resources:
    """A compute environment of EC2 instances, with the endpoints that their agents need."""
    found = only("Jobs")
    props(found, "Jobs")["ComputeResources"]["Type"] = "EC2"
    props(found, "Job")["PlatformCapabilities"] = ["EC2"]
    add_host_endpoints(found)
    return found


def test_instances_with_the_endpoints_of_their_agents() -> None:
    found = judge(template(hosts()))
    assert not found, told(found)


@case(
    "SC-NET-01[ecs-agent]",
    on="Jobs",
    says=(JOBS, "join the cluster", "no endpoint of ecs-agent"),
    source="Netflix/metaflow#110",
)
def instances_without_ecs_agent() -> Resources:
    found = hosts()
    without_endpoints(found, "EcsAgent")
    return found


@case("SC-NET-01[ecs-telemetry]", on="Jobs", says=(JOBS, "no endpoint of ecs-telemetry"))
def instances_without_ecs_telemetry() -> Resources:
    found = hosts()
    without_endpoints(found, "EcsTelemetry")
    return found


@case("SC-NET-01[sqs]", on="Task", says=("the task of Task", "call sqs, as its role may", "no endpoint of sqs"))
def a_task_that_people_run_in_vain() -> Resources:
    found = only("Service")
    del found["Service"]
    where = {"Subnets": [ref("SubnetA")], "SecurityGroups": [att("WorkloadGroup", "GroupId")]}
    found["Task"]["Metadata"] = {"SecureContainersRunsIn": where}
    without_endpoints(found, "Sqs")
    return found


@case("SC-NET-01[ecs-agent]", on="Hosts", says=(HOSTS, "join their cluster", "no endpoint of ecs-agent"))
def hosts_of_services_without_ecs_agent() -> Resources:
    found = instances()
    without_endpoints(found, "EcsAgent")
    return found


@case("SC-NET-01[ecr.api]", on="Hosts", says=(HOSTS, "pull its image", "no endpoint of ecr.api"))
def hosts_of_services_that_pull_nothing() -> Resources:
    found = instances()
    without_endpoints(found, "EcrApi")
    return found


@case("SC-NET-01[secretsmanager]", on="Hosts", says=(HOSTS, "read its secrets", "no endpoint of secretsmanager"))
def hosts_of_services_that_read_no_secret() -> Resources:
    found = instances()
    without_endpoints(found, "SecretsManager")
    return found


@case(
    *(f"SC-NET-01[{name}]" for name in ("ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "logs")),
    "SC-NET-01[secretsmanager]",
    on="Hosts",
    says=(HOSTS, "pull its image", "does not let it in on port 443"),
)
def hosts_of_services_that_endpoints_do_not_let_in() -> Resources:
    found = instances()
    del found["HostsToEndpoints"]
    return found


@case("SC-NET-01[sqs]", says=(SERVICE, "call sqs, as its role may", "no endpoint of sqs"))
def a_service_on_instances_that_calls_in_vain() -> Resources:
    found = instances()
    without_endpoints(found, "Sqs")
    return found


@case("SC-NET-01[sqs]", on="Hosts", says=(HOSTS, "call sqs, as its role may"))
def tasks_in_the_network_of_their_instances_that_call_in_vain() -> Resources:
    found = bridged(instances())
    without_endpoints(found, "Sqs")
    return found


@case("SC-NET-03", "SC-NET-04", on="Hosts", says=(HOSTS,))
def hosts_of_services_with_public_addresses() -> Resources:
    found = instances()
    make_public(found)
    interfaces = props(found, "Launch")["LaunchTemplateData"]["NetworkInterfaces"]
    interfaces[0]["AssociatePublicIpAddress"] = True
    props(found, "HostGroup")["SecurityGroupEgress"].append(tcp(CidrIp="0.0.0.0/0"))
    props(found, "HostGroup")["SecurityGroupIngress"] = [tcp(22, CidrIp="0.0.0.0/0")]
    return found


@case("SC-NET-01[s3]", says=(SERVICE, "read its environment files", "no endpoint of s3"), source="aws/aws-cdk#12720")
def environment_file_without_s3() -> Resources:
    found = sound()
    without_endpoints(found, "S3")
    props(found, "Task")["ContainerDefinitions"][0]["EnvironmentFiles"] = [
        {"Type": "s3", "Value": "arn:aws:s3:::configuration/work.env"}
    ]
    return found


# Security groups


@case(
    "SC-NET-01[s3]",
    says=(SERVICE, "pull the layers", "lets nothing out to the prefix list of s3", "another destination"),
    source="GuardBench/guardbench-iac#4",
)
def no_egress_to_the_prefix_list() -> Resources:
    found = sound()
    del props(found, "WorkloadGroup")["SecurityGroupEgress"][0]
    return found


@case("SC-NET-01[dynamodb]", on="Function", says=(FUNCTION, "lets nothing out to the prefix list of dynamodb"))
def no_egress_to_the_prefix_list_of_dynamodb() -> Resources:
    found = sound()
    del props(found, "WorkloadGroup")["SecurityGroupEgress"][1]
    return found


@case(
    "SC-NET-01[s3]",
    region="us-west-1",
    says=("lets nothing out to the prefix list of s3",),
    source="aws/aws-cdk#33606",
)
def prefix_list_that_means_another_service_here() -> Resources:
    found = only("Service")
    rules = props(found, "WorkloadGroup")["SecurityGroupEgress"]
    rules[:] = [tcp(DestinationPrefixListId="pl-6ea54007")]  # S3's in eu-central-1, DynamoDB's in us-west-1
    return found


@case("SC-NET-02", says=("not visible here", "WorkloadGroup", "pull the layers"))
def prefix_list_of_another_region() -> Resources:
    found = only("Service")
    props(found, "WorkloadGroup")["SecurityGroupEgress"] = [tcp(DestinationPrefixListId="pl-63a5400a")]
    return found


@case(
    "SC-NET-01[s3]",
    says=("lets nothing out to the prefix list of s3",),
)
def egress_to_the_prefix_list_on_another_port() -> Resources:
    found = sound()
    props(found, "WorkloadGroup")["SecurityGroupEgress"][0] |= {"FromPort": 80, "ToPort": 80}
    return found


INTERFACE_FINDINGS = tuple(f"SC-NET-01[{service}]" for service in INTERFACES.values())


@case(
    *INTERFACE_FINDINGS,
    says=(SERVICE, "lets nothing out to the endpoint EcrApi of ecr.api on port 443"),
    source="aws-samples/generative-ai-sagemaker-cdk-demo#4",
)
def no_egress_to_the_endpoints() -> Resources:
    found = sound()
    del found["OutToEndpoints"]
    return found


@case(*INTERFACE_FINDINGS, says=("the security group of the endpoint EcrApi of ecr.api does not let it in",))
def endpoint_group_lets_in_another_port() -> Resources:
    found = sound()
    props(found, "EndpointGroup")["SecurityGroupIngress"] = [
        tcp(80, SourceSecurityGroupId=att("WorkloadGroup", "GroupId"))
    ]
    return found


@case(*INTERFACE_FINDINGS, says=("the security group of the endpoint EcrApi of ecr.api does not let it in",))
def endpoint_group_lets_in_udp() -> Resources:
    found = sound()
    props(found, "EndpointGroup")["SecurityGroupIngress"][0]["IpProtocol"] = "udp"
    return found


@case(
    *INTERFACE_FINDINGS,
    says=("the security group of the endpoint EcrApi of ecr.api does not let it in",),
    source="aws/copilot-cli#5927",
)
def endpoint_group_lets_in_another_group() -> Resources:
    found = sound()
    found["Others"] = group()
    props(found, "EndpointGroup")["SecurityGroupIngress"] = [tcp(SourceSecurityGroupId=att("Others", "GroupId"))]
    return found


@case(*INTERFACE_FINDINGS, says=("the security group of the endpoint EcrApi of ecr.api does not let it in",))
def endpoint_group_lets_in_a_block_without_the_third_subnet() -> Resources:
    found = sound()
    props(found, "EndpointGroup")["SecurityGroupIngress"] = [tcp(CidrIp="10.0.0.0/23")]
    return found


@case(*INTERFACE_FINDINGS, says=("lets nothing out to the endpoint EcrApi of ecr.api",))
def egress_to_a_block_without_the_endpoints() -> Resources:
    found = sound()
    del found["OutToEndpoints"]
    let_out(found, CidrIp="10.1.0.0/16")
    return found


@case(
    "SC-NET-01[ecr.api]",
    says=("lets nothing out to the endpoint EcrApi",),
    source="7thzero.com/limiting-outbound-egress",
)
def endpoint_without_groups() -> Resources:
    """It takes the VPC's default group, to which nobody is let out."""
    found = sound()
    del props(found, "EcrApi")["SecurityGroupIds"]
    return found


@case("SC-NET-01[ecr.api]", says=("the security group of the endpoint EcrApi of ecr.api does not let it in",))
def endpoint_without_groups_and_open_egress() -> Resources:
    found = only("Service")
    del props(found, "EcrApi")["SecurityGroupIds"]
    props(found, "WorkloadGroup")["SecurityGroupEgress"].append(tcp(CidrIp="0.0.0.0/0"))
    return found


@case(
    *INTERFACE_FINDINGS,
    "SC-NET-01[dynamodb]",
    "SC-NET-01[s3]",
    says=("lets nothing out to the endpoint EcrApi",),
    on="Service",
)
def workload_in_a_closed_default_group() -> Resources:
    found = sound()
    found["Closes"] = {"Type": "Custom::VpcRestrictDefaultSG", "Properties": {"VpcId": ref("Vpc")}}
    for name in ("Service", "Nightly"):
        parent = props(found, name)
        target = parent["Targets"][0]["EcsParameters"] if name == "Nightly" else parent
        del next(iter(target["NetworkConfiguration"].values()))["SecurityGroups"]
    del props(found, "Function")["VpcConfig"]["SecurityGroupIds"]
    del props(found, "Jobs")["ComputeResources"]["SecurityGroupIds"]
    return found


@case(*INTERFACE_FINDINGS, says=("does not let it in",))
def rule_of_the_endpoint_group_under_a_condition() -> Resources:
    found = sound()
    del props(found, "EndpointGroup")["SecurityGroupIngress"]
    found["In"] = resource(
        "EC2::SecurityGroupIngress",
        GroupId=att("EndpointGroup", "GroupId"),
        **tcp(SourceSecurityGroupId=att("WorkloadGroup", "GroupId")),
    ) | {"Condition": "Prod"}
    return found


@case(
    "SC-NET-01[Database]",
    says=(SERVICE, "reach Database", "does not let it in on port 5432"),
    source="binxio/cfn-postgresql-user-provider#11",
)
def database_group_closed() -> Resources:
    return database(tcp(5432, SourceSecurityGroupId=att("Others", "GroupId")))


@case("SC-NET-01[Database]", says=(SERVICE, "reach Database", "does not let it in on port 5432"))
def database_group_open_on_the_port_of_another_engine() -> Resources:
    return database(tcp(3306, SourceSecurityGroupId=att("WorkloadGroup", "GroupId")))


@case("SC-NET-01[Database]", says=(SERVICE, "reach Database", "lets nothing out to Database on port 5432"))
def no_egress_to_the_database() -> Resources:
    found = database(tcp(5432, SourceSecurityGroupId=att("WorkloadGroup", "GroupId")))
    del found["OutToDatabase"]
    return found


def database(*ingress: dict[str, Any]) -> Resources:
    found = only("Service")
    found["Others"] = group()
    found["DatabaseGroup"] = group(SecurityGroupIngress=list(ingress))
    found["OutToDatabase"] = resource(
        "EC2::SecurityGroupEgress",
        GroupId=att("WorkloadGroup", "GroupId"),
        **tcp(5432, DestinationSecurityGroupId=att("DatabaseGroup", "GroupId")),
    )
    found["Database"] = resource(
        "RDS::DBInstance", Engine="postgres", VPCSecurityGroups=[att("DatabaseGroup", "GroupId")]
    )
    environment(found, "DB_HOST", att("Database", "Endpoint.Address"))
    return found


def environment(resources: Resources, name: str, value: Any) -> None:
    props(resources, "Task")["ContainerDefinitions"][0]["Environment"].append({"Name": name, "Value": value})


# Endpoint policies


def s3_policy(*statements: Any) -> Resources:
    found = sound()
    props(found, "S3")["PolicyDocument"] = document(*statements)
    return found


LAYER_WORDS = (
    SERVICE,
    "pull the layers",
    "the policy of the endpoint S3 lacks s3:GetObject",
    "prod-eu-central-1-starport-layer-bucket",
    "no condition on account or organization",
)


@case(
    "SC-NET-01[s3]",
    says=LAYER_WORDS,
    source="awsdocs/amazon-ecr-user-guide#8",
)
def s3_policy_without_the_layers() -> Resources:
    return s3_policy(allow("s3:*", [att("Bucket"), join(att("Bucket"), "/*")], Principal="*"))


@case("SC-NET-01[s3]", says=LAYER_WORDS, source="margince/margince#5281")
def s3_policy_asks_for_the_account_of_the_principal() -> Resources:
    return s3_policy(allow("*", Principal="*", Condition=OWN_ACCOUNT))


@case("SC-NET-01[s3]", says=LAYER_WORDS, source="cloudformation-coverage-roadmap#752")
def s3_policy_asks_for_the_organization() -> Resources:
    condition = {"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION}}
    return s3_policy(allow("*", Principal="*", Condition=condition))


@case("SC-NET-01[s3]", says=LAYER_WORDS, source="braintrustdata/terraform-aws-braintrust-data-plane#320")
def s3_policy_asks_for_the_account_of_the_resource() -> Resources:
    condition = {"StringEquals": {"aws:ResourceAccount": ref("AWS::AccountId")}}
    return s3_policy(allow("*", Principal="*", Condition=condition))


@case("SC-NET-01[s3]", says=LAYER_WORDS, source="aws-samples/data-perimeter-policy-examples#20")
def s3_policy_denies_other_organizations() -> Resources:
    condition = {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": ORGANIZATION}}
    return s3_policy(
        allow("*", Principal="*"),
        allow("*", Principal="*", Condition=condition) | {"Effect": "Deny"},
    )


@case("SC-NET-01[s3]", says=LAYER_WORDS)
def s3_policy_with_the_layers_of_another_region() -> Resources:
    return s3_policy(
        allow("s3:*", Principal="*", Condition=OWN_ACCOUNT),
        LAYERS | {"Resource": "arn:aws:s3:::prod-us-east-1-starport-layer-bucket/*"},
    )


@case(
    "SC-NET-01[s3]",
    says=(SERVICE, "the policy of the endpoint S3 lacks s3:GetObject on", "Bucket"),
)
def s3_policy_names_another_bucket() -> Resources:
    found = s3_policy(allow("s3:*", join(att("Others"), "/*"), Principal="*"), LAYERS)
    found["Others"] = resource("S3::Bucket")
    return found


@case("SC-NET-01[s3]", on="Jobs", says=(JOBS, "the policy of the endpoint S3 lacks s3:PutObject"))
def s3_policy_is_read_only() -> Resources:
    return s3_policy(allow("s3:Get*", Principal="*"))


@case(
    "SC-NET-01[s3]",
    says=(SERVICE, "the policy of the endpoint S3 lacks s3:GetObject"),
)
def s3_policy_denies_explicitly() -> Resources:
    return s3_policy(
        allow("*", Principal="*"), allow("s3:GetObject*", join(att("Bucket"), "/*"), Principal="*") | {"Effect": "Deny"}
    )


@case(
    "SC-NET-01[ecr.api]",
    says=(SERVICE, "the policy of the endpoint EcrApi lacks ecr:GetAuthorizationToken on *"),
    source="awsdocs/amazon-ecr-user-guide#4",
)
def ecr_policy_without_the_token() -> Resources:
    found = sound()
    props(found, "EcrApi")["PolicyDocument"] = document(
        allow(["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], Principal="*")
    )
    return found


@case(
    "SC-NET-01[ecr.api]",
    says=(SERVICE, "lacks ecr:GetAuthorizationToken on *"),
    source="awsdocs/amazon-ecr-user-guide#4",
)
def ecr_policy_with_the_token_of_one_repository() -> Resources:
    found = sound()
    arn = sub("arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/work")
    props(found, "EcrApi")["PolicyDocument"] = document(allow("ecr:*", arn, Principal="*"))
    return found


@case("SC-NET-01[ecr.dkr]", says=(SERVICE, "the policy of the endpoint EcrDkr lacks", "repository/work"))
def ecr_policy_of_another_repository() -> Resources:
    found = sound()
    arn = sub("arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/other")
    props(found, "EcrDkr")["PolicyDocument"] = document(allow("ecr:*", arn, Principal="*"))
    return found


@case("SC-NET-01[ecr.api]", "SC-NET-01[ecr.dkr]", says=(SERVICE, "the policy of the endpoint EcrApi lacks"))
def ecr_policy_of_another_account() -> Resources:
    found = sound()
    for name in ("EcrApi", "EcrDkr"):
        condition = {"StringEquals": {"aws:PrincipalAccount": FOREIGN}}
        props(found, name)["PolicyDocument"] = document(allow("*", Principal="*", Condition=condition))
    return found


@case("SC-NET-01[sqs]", says=(SERVICE, "the policy of the endpoint Sqs lacks sqs:SendMessage"))
def sqs_policy_lets_receive_only() -> Resources:
    found = sound()
    props(found, "Sqs")["PolicyDocument"] = document(allow("sqs:ReceiveMessage", Principal="*"))
    return found


@case("SC-NET-01[secretsmanager]", says=(SERVICE, "lacks secretsmanager:GetSecretValue"))
def secrets_policy_lets_describe_only() -> Resources:
    found = sound()
    props(found, "SecretsManager")["PolicyDocument"] = document(allow("secretsmanager:DescribeSecret", Principal="*"))
    return found


# Names


@case(
    "SC-NET-01[logs]",
    says=(SERVICE, "private DNS is off on its endpoint Logs"),
    source="CloudSnorkel/cdk-github-runners#327",
)
def private_dns_off() -> Resources:
    found = sound()
    props(found, "Logs")["PrivateDnsEnabled"] = False
    return found


@case(
    "SC-NET-01[ecr.dkr]",
    says=(SERVICE, "private DNS is off on its endpoint EcrDkr"),
    source="7thzero.com/limiting-outbound-egress",
)
def private_dns_left_out() -> Resources:
    found = sound()
    del props(found, "EcrDkr")["PrivateDnsEnabled"]
    return found


@case(
    *INTERFACE_FINDINGS,
    says=(SERVICE, "the VPC Vpc does not resolve names"),
    source="terraform-community-modules/tf_aws_vpc#6",
)
def dns_host_names_left_out() -> Resources:
    found = sound()
    del props(found, "Vpc")["EnableDnsHostnames"]
    return found


@case(*INTERFACE_FINDINGS, says=("the VPC Vpc does not resolve names",), source="codefresh-io/eks-installer#3")
def dns_support_off() -> Resources:
    found = only("Service", "Jobs")
    props(found, "Vpc")["EnableDnsSupport"] = "false"
    return found


# Routes


@case(
    "SC-NET-01[s3]",
    says=(SERVICE, "no route table of the subnet SubnetC leads to the s3 gateway endpoint S3"),
)
def gateway_endpoint_not_in_one_route_table() -> Resources:
    found = sound()
    props(found, "S3")["RouteTableIds"].pop()
    return found


@case("SC-NET-01[s3]", "SC-NET-01[dynamodb]", says=("no route table of the subnet SubnetB leads to the s3 gateway",))
def subnet_without_route_table() -> Resources:
    found = sound()
    del found["TableBOfSubnetB"]
    return found


def other_vpc(resources: Resources) -> None:
    resources["Other"] = resource("EC2::VPC", CidrBlock="10.9.0.0/16", EnableDnsHostnames=True)
    resources["OtherSubnet"] = subnet("10.9.0.0/24", "A", "Other")
    table(resources, "OtherTable", "OtherSubnet", "Other")


@case("SC-NET-01[s3]", says=(SERVICE, "the VPC Vpc has no endpoint of s3"))
def gateway_endpoint_in_another_vpc() -> Resources:
    found = sound()
    other_vpc(found)
    props(found, "S3").update(VpcId=ref("Other"), RouteTableIds=[ref("OtherTable")])
    return found


@case("SC-NET-01[logs]", says=(SERVICE, "the VPC Vpc has no endpoint of logs"))
def endpoint_in_another_vpc() -> Resources:
    found = sound()
    other_vpc(found)
    found["OtherGroup"] = group("Other", SecurityGroupIngress=[tcp(CidrIp="10.9.0.0/16")])
    props(found, "Logs").update(
        VpcId=ref("Other"), SubnetIds=[ref("OtherSubnet")], SecurityGroupIds=[att("OtherGroup", "GroupId")]
    )
    return found


@case(
    "SC-NET-05",
    on="Logs",
    says=("no interface in the zone of the subnet SubnetC",),
    source="docs.sentasity.com/vpc_endpoint_multi_az_enabled",
)
def endpoint_in_two_of_three_zones() -> Resources:
    found = sound()
    props(found, "Logs")["SubnetIds"].pop()
    return found


@case("SC-NET-01[logs]", "SC-NET-05", says=("the endpoint Logs of logs is in no subnet",))
def endpoint_in_no_subnet() -> Resources:
    found = sound()
    del props(found, "Logs")["SubnetIds"]
    return found


def public_service() -> Resources:
    found = nat_only("Service")
    for zone in ZONES:
        props(found, f"Route{zone}").pop("NatGatewayId")
        props(found, f"Route{zone}")["GatewayId"] = ref("Internet")
    return found


@case(
    *INTERFACE_FINDINGS,
    "SC-NET-01[s3]",
    says=(SERVICE, "no endpoint of ecr.api", "of no use without a public address"),
    source="awslabs/ecs-refarch-continuous-deployment#35",
)
def public_subnet_without_public_address() -> Resources:
    return public_service()


@case(
    "SC-NET-01[dynamodb]",
    on="Function",
    says=(FUNCTION, "no endpoint of dynamodb", "internet gateway", "of no use without a public address"),
    source="awslabs/aws-lambda-redshift-loader#140",
)
def function_in_a_public_subnet() -> Resources:
    found = only("Function")
    without_endpoints(found)
    make_public(found)
    let_out(found)
    return found


@case(
    *INTERFACE_FINDINGS,
    "SC-NET-01[s3]",
    says=(SERVICE, "no endpoint of ecr.api", "no route leads to the internet"),
    source="HHS/simpler-grants-gov#1062",
)
def nat_gateway_in_a_private_subnet() -> Resources:
    found = nat_only("Service")
    props(found, "Nat")["SubnetId"] = ref("SubnetA")
    return found


@case(
    *INTERFACE_FINDINGS,
    "SC-NET-01[s3]",
    "SC-NET-03",
    says=(SERVICE, "no endpoint of ecr.api"),
    source="widdix/aws-cf-templates#499",
)
def nat_route_in_one_subnet_only() -> Resources:
    found = nat_only("Service")
    del found["RouteB"], found["RouteC"]
    return found


@case(
    *INTERFACE_FINDINGS,
    "SC-NET-01[s3]",
    "SC-NET-03",
    says=(SERVICE, "no endpoint of ecr.api"),
)
def nat_route_under_a_condition() -> Resources:
    found = nat_only("Service")
    for zone in ZONES:
        found[f"Route{zone}"]["Condition"] = "Prod"
    return found


@case(
    "SC-NET-01[ecr.api]",
    "SC-NET-03",
    says=(SERVICE, "the security group of the endpoint EcrApi of ecr.api does not let it in"),
    source="CloudSnorkel/cdk-github-runners#325",
)
def endpoint_breaks_the_way_by_nat() -> Resources:
    found = nat_only("Service")
    found["Closed"] = group(SecurityGroupIngress=[tcp(CidrIp="10.0.100.0/24")])
    found["EcrApi"] = interface("ecr.api", SecurityGroupIds=[att("Closed", "GroupId")])
    return found


@case(
    "SC-NET-01[docker.io]",
    on="Jobs",
    says=(JOBS, "pull its image python:3.12", "SubnetA has no route to the internet"),
    source="aws/amazon-ecs-agent#1128",
)
def image_of_docker_hub() -> Resources:
    found = sound()
    props(found, "Job")["ContainerProperties"]["Image"] = "python:3.12"
    return found


@case("SC-NET-01[public.ecr.aws]", on="Jobs", says=(JOBS, "pull its image public.ecr.aws/docker/library/python"))
def image_of_the_public_gallery() -> Resources:
    found = sound()
    props(found, "Job")["ContainerProperties"]["Image"] = "public.ecr.aws/docker/library/python:3.12"
    return found


@case("SC-NET-01[ecr.us-east-1]", on="Jobs", says=(JOBS, "pull its image from us-east-1, another Region"))
def image_of_another_region() -> Resources:
    found = sound()
    props(found, "Job")["ContainerProperties"]["Image"] = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/work:1.0"
    return found


@case("SC-NET-01[logs.us-east-1]", says=(SERVICE, "write its logs in another Region"))
def logs_of_another_region() -> Resources:
    found = sound()
    options = props(found, "Task")["ContainerDefinitions"][0]["LogConfiguration"]["Options"]
    options["awslogs-region"] = "us-east-1"
    return found


@case("SC-NET-01[api.example.com]", on="Function", says=(FUNCTION, "reach api.example.com", "no route to the internet"))
def environment_names_a_site() -> Resources:
    found = sound()
    props(found, "Function")["Environment"]["Variables"]["API"] = "https://api.example.com/v1"
    return found


@case("SC-NET-01[sqs-fips]", region="us-east-1", says=(SERVICE, "call sqs", "no endpoint of sqs-fips"))
def fips_without_its_endpoint() -> Resources:
    found = only("Service")
    environment(found, "AWS_USE_FIPS_ENDPOINT", "true")
    return found


@case("SC-NET-01[sns-fips]", region="us-east-1", says=(SERVICE, "call sns", "there is no FIPS endpoint of sns"))
def fips_of_a_service_that_has_no_endpoint() -> Resources:
    found = only("Service")
    found["SqsFips"] = interface("sqs-fips")
    found["Sns"] = interface("sns")
    environment(found, "AWS_USE_FIPS_ENDPOINT", "true")
    grant(found, "TaskRole", allow("sns:Publish"))
    return found


@case("SC-NET-01[logs]", says=(SERVICE, "the endpoint Logs of logs is there under a condition only"))
def endpoint_under_a_condition() -> Resources:
    found = sound()
    found["Logs"]["Condition"] = "Prod"
    return found


@case("SC-NET-01[s3]", says=(SERVICE, "the s3 gateway endpoint S3 is there under a condition only"))
def gateway_endpoint_under_a_condition() -> Resources:
    found = sound()
    found["S3"]["Condition"] = "Open"
    return found


@case("SC-NET-01[logs]", says=(SERVICE, "the endpoint Logs of logs is there under a condition only"))
def endpoint_under_the_opposite_condition() -> Resources:
    found = only("Service")
    found["Logs"]["Condition"] = "NotProd"
    found["Service"]["Condition"] = "Prod"
    return found


# Network ACLs


@case(
    *INTERFACE_FINDINGS,
    "SC-NET-01[dynamodb]",
    "SC-NET-01[s3]",
    says=(SERVICE, "the network ACL of the subnet SubnetA does not let in the answers"),
    source="MaterializeInc/materialize#37016",
)
def acl_without_answers() -> Resources:
    found = sound()
    acl(found, (100, *EVERYTHING_OUT), (100, False, "allow", "0.0.0.0/0", (443, 443)))
    return found


@case(
    *INTERFACE_FINDINGS,
    "SC-NET-01[dynamodb]",
    "SC-NET-01[s3]",
    says=(SERVICE, "the network ACL of the subnet SubnetA does not let out to the endpoint EcrApi"),
    source="clouddrove/terraform-aws-subnet#103",
)
def acl_denies_https() -> Resources:
    found = sound()
    acl(found, (90, True, "deny", "0.0.0.0/0", (443, 443)), (100, *EVERYTHING_OUT), (100, *EVERYTHING_IN))
    return found


@case(
    *INTERFACE_FINDINGS,
    "SC-NET-01[dynamodb]",
    "SC-NET-01[s3]",
    says=("does not let out to the endpoint EcrApi",),
)
def acl_without_entries() -> Resources:
    found = sound()
    acl(found)
    return found


@case(
    *INTERFACE_FINDINGS,
    "SC-NET-01[dynamodb]",
    "SC-NET-01[s3]",
    says=("the network ACL of the subnet SubnetA does not let in the answers",),
    source="ministryofjustice/modernisation-platform#917",
)
def acl_whose_lower_number_denies() -> Resources:
    found = sound()
    acl(
        found,
        (200, *EVERYTHING_IN),
        (100, False, "deny", "0.0.0.0/0", (1024, 65535)),
        (100, *EVERYTHING_OUT),
    )
    return found


@case(
    "SC-NET-01[s3]",
    "SC-NET-01[dynamodb]",
    says=("does not let out on port 443 to addresses of AWS",),
    source="ministryofjustice/modernisation-platform#1199",
)
def acl_keeps_to_the_network() -> Resources:
    found = sound()
    acl(found, (100, True, "allow", "10.0.0.0/16", (0, 65535)), (100, False, "allow", "10.0.0.0/16", (0, 65535)))
    return found


@case(*INTERFACE_FINDINGS, says=("does not let back the answers of the endpoint EcrApi",))
def acl_of_the_endpoints_keeps_the_answers() -> Resources:
    found = sound()
    found["Endpoints"] = subnet("10.0.50.0/24", "A")
    for name in INTERFACES:
        props(found, name)["SubnetIds"] = [ref("Endpoints"), ref("SubnetB"), ref("SubnetC")]
    acl(found, (100, *EVERYTHING_IN), (100, True, "allow", "10.0.0.0/16", (443, 443)), of=("Endpoints",))
    return found


# What stands elsewhere


@case(
    "SC-NET-02",
    says=("not visible here", "the subnet subnet-0a1b2c3d", SERVICE),
    source="aws-samples/keycloak-on-aws#222",
)
def imported_subnets() -> Resources:
    found = only("Service")
    props(found, "Service")["NetworkConfiguration"] = {"AwsvpcConfiguration": placed(Subnets=["subnet-0a1b2c3d"])}
    return found


@case(
    "SC-NET-02",
    says=("not visible here", "the subnet ${Subnet}"),
    Parameters={"Subnet": {"Type": "AWS::EC2::Subnet::Id"}},
)
def subnets_by_parameter() -> Resources:
    found = only("Service")
    props(found, "Service")["NetworkConfiguration"] = {"AwsvpcConfiguration": placed(Subnets=[ref("Subnet")])}
    return found


@case("SC-NET-02", says=("not visible here", "what the security group sg-0a1b2c3d lets out"))
def unknown_group_of_the_workload() -> Resources:
    found = only("Service")
    props(found, "Service")["NetworkConfiguration"] = {"AwsvpcConfiguration": placed(SecurityGroups=["sg-0a1b2c3d"])}
    return found


@case("SC-NET-02", says=("not visible here", "whom the security group sg-0a1b2c3d lets in", "write its logs"))
def unknown_group_of_the_endpoint() -> Resources:
    found = only("Service")
    let_out(found, CidrIp="10.0.0.0/16")
    props(found, "Logs")["SecurityGroupIds"] = ["sg-0a1b2c3d"]
    return found


@case(
    "SC-NET-02",
    says=("not visible here", "where the default route of the subnet SubnetA leads in the end"),
    source="ministryofjustice/modernisation-platform#13725",
)
def default_route_to_a_transit_gateway() -> Resources:
    found = nat_only("Service")
    for zone in ZONES:
        found[f"Route{zone}"] = default_route(f"Table{zone}", TransitGatewayId="tgw-0a1b2c3d")
    return found


@case("SC-NET-02", on="Task", says=("not visible here", "where this task runs"))
def task_that_nothing_runs() -> Resources:
    found = only("Service")
    del found["Service"]
    return found


@case("SC-NET-02", says=("not visible here", "its image ${Image}"), Parameters={"Image": {"Type": "String"}})
def image_by_parameter() -> Resources:
    found = only("Service")
    props(found, "Task")["ContainerDefinitions"][0]["Image"] = ref("Image")
    return found


@case("SC-NET-02", says=("not visible here", "its task definition"))
def task_definition_of_elsewhere() -> Resources:
    found = only("Service")
    del found["Task"]
    props(found, "Service")["TaskDefinition"] = "work:7"
    return found


@case("SC-NET-02", says=("not visible here", "how translate, which its role may call, is reached"))
def role_calls_a_service_that_nobody_knows() -> Resources:
    found = only("Service")
    grant(found, "TaskRole", allow("translate:TranslateText"))
    return found


# The internet, out and in


@case("SC-NET-03", says=(SERVICE, "can reach the internet", "SubnetA", "a NAT gateway"))
def out_by_nat() -> Resources:
    return nat_only("Service")


@case("SC-NET-03", on="Function", says=(FUNCTION, "can reach the internet", "a NAT gateway"))
def out_by_nat_where_cloudformation_opens_the_group() -> Resources:
    found = only("Function")
    add_nat(found)
    del props(found, "WorkloadGroup")["SecurityGroupEgress"], found["OutToEndpoints"]
    return found


@case("SC-NET-03", says=(SERVICE, "can reach the internet", "an internet gateway"))
def out_by_a_public_address() -> Resources:
    found = public_service()
    props(found, "Service")["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] = "ENABLED"
    return found


@case("SC-NET-03", says=(SERVICE, "can reach the internet", "an egress-only internet gateway"))
def out_by_ipv6() -> Resources:
    found = only("Service")
    found["EgressOnly"] = resource("EC2::EgressOnlyInternetGateway", VpcId=ref("Vpc"))
    found["Route6"] = resource(
        "EC2::Route",
        RouteTableId=ref("TableB"),
        DestinationIpv6CidrBlock="::/0",
        EgressOnlyInternetGatewayId=ref("EgressOnly"),
    )
    let_out(found, CidrIpv6="::/0")
    return found


@case(
    "SC-NET-04",
    "SC-NET-03",
    says=(SERVICE, "can be reached from the internet", "public address", "WorkloadGroup lets 0.0.0.0/0 in"),
)
def in_by_a_public_address() -> Resources:
    found = out_by_a_public_address()
    props(found, "WorkloadGroup")["SecurityGroupIngress"] = [tcp(8443, CidrIp="0.0.0.0/0")]
    return found


@case("SC-NET-04", says=(SERVICE, "can be reached from the internet", "load balancer Balancer leads to it"))
def in_by_an_application_load_balancer() -> Resources:
    return balanced("application")


@case("SC-NET-04", says=(SERVICE, "load balancer Balancer leads to it"))
def in_by_a_network_load_balancer() -> Resources:
    return balanced("network")


@case("SC-NET-04", says=(SERVICE, "load balancer Balancer leads to it"))
def in_by_a_rule_of_a_listener() -> Resources:
    found = balanced("application")
    props(found, "Listener")["DefaultActions"] = [{"Type": "fixed-response"}]
    found["Rule"] = resource(
        "ElasticLoadBalancingV2::ListenerRule",
        ListenerArn=ref("Listener"),
        Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": ref("Targets")}]}}],
    )
    return found


@case("SC-NET-04", says=(SERVICE, "load balancer Balancer leads to it"))
def in_by_a_classic_load_balancer() -> Resources:
    found = only("Service")
    found["Balancer"] = resource("ElasticLoadBalancing::LoadBalancer", Scheme="internet-facing")
    props(found, "Service")["LoadBalancers"] = [{"LoadBalancerName": ref("Balancer"), "ContainerName": "work"}]
    return found


def balanced(kind: str) -> Resources:
    found = only("Service")
    found["Balancer"] = resource("ElasticLoadBalancingV2::LoadBalancer", Type=kind, Scheme="internet-facing")
    found["Targets"] = resource("ElasticLoadBalancingV2::TargetGroup", VpcId=ref("Vpc"), TargetType="ip")
    found["Listener"] = resource(
        "ElasticLoadBalancingV2::Listener",
        LoadBalancerArn=ref("Balancer"),
        DefaultActions=[{"Type": "forward", "TargetGroupArn": ref("Targets")}],
    )
    props(found, "Service")["LoadBalancers"] = [{"TargetGroupArn": ref("Targets"), "ContainerName": "work"}]
    return found


# What an earlier form of the proof let pass


@case("SC-NET-01[docker.io]", on="Jobs", says=(JOBS, "pull its image library/python:3"))
def image_of_docker_hub_whose_tag_has_no_dot() -> Resources:
    found = sound()
    props(found, "Job")["ContainerProperties"]["Image"] = "library/python:3"
    return found


@case("SC-NET-01[s3]", says=LAYER_WORDS)
def s3_policy_names_one_bucket_and_no_layers() -> Resources:
    return s3_policy(
        allow("s3:*", "arn:aws:s3:::our-data/*", Principal="*"),
        allow("s3:*", "*", Principal="*", Condition=OWN_ACCOUNT),
    )


@case(
    "SC-NET-01[logs]",
    says=(SERVICE, "the policy of the endpoint Logs lacks logs:CreateLogStream"),
)
def logs_policy_lets_read_only() -> Resources:
    found = sound()
    props(found, "Logs")["PolicyDocument"] = document(allow("logs:DescribeLogGroups", Principal="*"))
    return found


@case("SC-NET-01[ssmmessages]", says=(SERVICE, "open ECS Exec sessions"))
def exec_with_a_policy_that_denies_it() -> Resources:
    found = exec_without_ssmmessages()
    found["SsmMessages"] = interface("ssmmessages")
    props(found, "SsmMessages")["PolicyDocument"] = document(allow("*", Principal="*") | {"Effect": "Deny"})
    return found


@case(
    "SC-NET-01[secretsmanager]",
    says=(SERVICE, "lacks secretsmanager:GetSecretValue"),
)
def secrets_policy_of_another_secret() -> Resources:
    found = sound()
    found["Other"] = resource("SecretsManager::Secret")
    props(found, "SecretsManager")["PolicyDocument"] = document(
        allow("secretsmanager:GetSecretValue", ref("Other"), Principal="*")
    )
    return found


@case(
    "SC-NET-01[s3]",
    says=(SERVICE, "the policy of the endpoint S3 lacks s3:GetObject"),
    source="docs.aws.amazon.com/vpc-endpoints-access",
)
def gateway_policy_of_the_accounts_root() -> Resources:
    root = {"AWS": sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")}
    return s3_policy(allow("s3:*", Principal=root), LAYERS)


@case(
    "SC-NET-01[s3]",
    says=LAYER_WORDS,
    source="aws-samples/data-perimeter-policy-examples",
)
def s3_policy_of_the_data_perimeter_examples() -> Resources:
    organization = {"aws:PrincipalOrgID": ORGANIZATION}
    return s3_policy(
        allow("*", Principal="*", Condition={"StringEquals": organization | {"aws:ResourceOrgID": ORGANIZATION}}),
        allow("*", Principal="*", Condition={"Bool": {"aws:PrincipalIsAWSService": "true"}}),
        allow(
            "*",
            Principal="*",
            Condition={"StringEquals": organization | {"aws:PrincipalTag/dp:exclude:resource": "true"}},
        ),
    )


@case("SC-NET-01[s3]", says=("pull the layers",))
def layers_in_the_s3_policy_under_a_condition() -> Resources:
    return s3_policy(allow("s3:*", Principal="*", Condition=OWN_ACCOUNT), either("Prod", LAYERS))


@case("SC-NET-01[s3]", says=("S3",))
def route_table_of_the_gateway_endpoint_under_a_condition() -> Resources:
    found = only("Service")
    props(found, "S3")["RouteTableIds"] = [ref("TableA"), ref("TableB"), either("Prod", ref("TableC"))]
    return found


@case(*INTERFACE_FINDINGS, "SC-NET-01[s3]", says=(SERVICE,))
def group_of_the_workload_by_a_condition() -> Resources:
    found = only("Service")
    found["Closed"] = group(SecurityGroupEgress=[tcp(5432, CidrIp="10.0.0.0/16")])
    groups = [either("Prod", att("WorkloadGroup", "GroupId"), att("Closed", "GroupId"))]
    props(found, "Service")["NetworkConfiguration"] = {"AwsvpcConfiguration": placed(SecurityGroups=groups)}
    return found


@case(
    *INTERFACE_FINDINGS,
    "SC-NET-01[s3]",
    says=(SERVICE,),
)
def group_open_by_default_under_a_condition() -> Resources:
    found = only("Service")
    del found["OutToEndpoints"]
    props(found, "WorkloadGroup")["SecurityGroupEgress"] = either("Prod", [tcp(5432, CidrIp="10.0.0.0/16")])
    return found


@case(
    *INTERFACE_FINDINGS,
    "SC-NET-01[s3]",
    "SC-NET-03",
    says=(SERVICE, "of no use without a public address"),
)
def public_address_under_a_condition() -> Resources:
    found = public_service()
    configuration = props(found, "Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
    configuration["AssignPublicIp"] = either("Prod", "DISABLED", "ENABLED")
    return found


@case(
    *INTERFACE_FINDINGS,
    "SC-NET-01[s3]",
    "SC-NET-03",
    says=(SERVICE,),
)
def association_with_the_table_of_the_nat_under_a_condition() -> Resources:
    found = nat_only("Service")
    found["TableAOfSubnetA"]["Condition"] = "Prod"
    return found


@case(*INTERFACE_FINDINGS, "SC-NET-01[s3]", says=(SERVICE,))
def acl_entry_under_a_condition() -> Resources:
    found = only("Service")
    acl(found, (100, *EVERYTHING_OUT), (100, *EVERYTHING_IN))
    found["Entry1"]["Condition"] = "Prod"
    return found


@case(
    *INTERFACE_FINDINGS,
    "SC-NET-01[s3]",
    says=(SERVICE, "network ACL"),
)
def entry_of_the_default_acl_denies() -> Resources:
    found = only("Service")
    found["Deny"] = resource(
        "EC2::NetworkAclEntry",
        NetworkAclId=att("Vpc", "DefaultNetworkAcl"),
        RuleNumber=50,
        Egress=True,
        RuleAction="deny",
        Protocol=-1,
        CidrBlock="0.0.0.0/0",
    )
    return found


@case(
    "SC-NET-01[s3]",
    says=(SERVICE, "S3Interface"),
    source="terraform-aws-modules/terraform-aws-vpc#1012",
)
def s3_interface_endpoint_takes_the_names_from_the_gateway() -> Resources:
    found = only("Service")
    found["Closed"] = group(SecurityGroupIngress=[tcp(CidrIp="192.168.0.0/16")])
    found["S3Interface"] = interface(
        "s3",
        SecurityGroupIds=[att("Closed", "GroupId")],
        DnsOptions={"PrivateDnsOnlyForInboundResolverEndpoint": "AllResolvers"},
    )
    return found


@case(
    "SC-NET-01[s3]",
    says=(SERVICE,),
    source="terraform-aws-modules/terraform-aws-vpc#1012",
)
def s3_interface_endpoint_for_the_inbound_resolver_only() -> Resources:
    found = gateway_endpoint_not_in_one_route_table()
    del found["Nightly"], found["Jobs"], found["Function"]
    found["S3Interface"] = interface(
        "s3", DnsOptions={"PrivateDnsOnlyForInboundResolverEndpoint": "OnlyInboundResolver"}
    )
    return found


@case(
    "SC-NET-01[sqs]",
    says=(SERVICE, "no endpoint of sqs"),
)
def endpoint_of_another_region() -> Resources:
    found = only("Service")
    props(found, "Sqs").update(ServiceName="com.amazonaws.us-east-1.sqs", ServiceRegion="us-east-1")
    return found


@case(
    "SC-NET-01[ec2]",
    on="Function",
    says=(FUNCTION, "call ec2"),
)
def function_stops_instances() -> Resources:
    found = sound()
    grant(found, "FunctionRole", allow("ec2:StopInstances"))
    return found


@case(
    "SC-NET-01[logs]",
    on="Function",
    says=(FUNCTION, "call logs"),
)
def function_reads_logs() -> Resources:
    found = only("Function")
    without_endpoints(found, "Logs")
    grant(found, "FunctionRole", allow("logs:FilterLogEvents"))
    return found


@case(
    "SC-NET-01[kinesis-streams]",
    on="Function",
    says=(FUNCTION, "call kinesis-streams"),
)
def function_reads_a_stream_and_writes_another() -> Resources:
    found = sound()
    found["Stream"], found["Next"] = resource("Kinesis::Stream"), resource("Kinesis::Stream")
    found["Source"] = resource("Lambda::EventSourceMapping", FunctionName=ref("Function"), EventSourceArn=att("Stream"))
    grant(found, "FunctionRole", allow("kinesis:PutRecord", att("Next")))
    return found


@case(
    "SC-NET-01[ecs-agent]",
    says=(SERVICE, "ecs-agent"),
    source="docs.aws.amazon.com/AmazonECS/vpc-endpoints",
)
def service_connect_without_ecs_agent() -> Resources:
    found = sound()
    props(found, "Service")["ServiceConnectConfiguration"] = {"Enabled": True, "Namespace": "work"}
    return found


@case(
    "SC-NET-01[sqs-fips]",
    on="Jobs",
    region="us-east-1",
    says=(JOBS, "no endpoint of sqs-fips"),
)
def fips_of_a_job() -> Resources:
    found = only("Jobs")
    props(found, "Job")["ContainerProperties"]["Environment"] = [{"Name": "AWS_USE_FIPS_ENDPOINT", "Value": "true"}]
    grant(found, "JobRole", allow("sqs:SendMessage"))
    return found


@case(
    "SC-NET-01[sqs-fips]",
    says=(SERVICE, "FIPS"),
)
def fips_in_a_region_that_has_none() -> Resources:
    found = only("Service")
    environment(found, "AWS_USE_FIPS_ENDPOINT", "true")
    return found


@case(
    "SC-NET-02",
    on="Function",
    says=("cognito-idp",),
)
def environment_names_a_host_of_a_service_that_nobody_knows() -> Resources:
    found = only("Function")
    variables = props(found, "Function")["Environment"]["Variables"]
    variables["ISSUER"] = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_abc"
    return found


@case(
    "SC-NET-01[Database]",
    says=(SERVICE, "does not let it in on port 5432"),
)
def connection_string_of_a_closed_database() -> Resources:
    found = database_group_closed()
    environment(found, "DB_HOST", join("postgres://", att("Database", "Endpoint.Address"), ":5432/work"))
    props(found, "Task")["ContainerDefinitions"][0]["Environment"].pop(-2)
    return found


@case(
    "SC-NET-01[Documents]",
    says=(SERVICE, "does not let it in on port 27017"),
)
def documents_closed() -> Resources:
    found = only("Service")
    found["DatabaseGroup"] = group()
    found["Documents"] = resource("DocDB::DBCluster", VpcSecurityGroupIds=[att("DatabaseGroup", "GroupId")])
    props(found, "WorkloadGroup")["SecurityGroupEgress"].append(tcp(27017, CidrIp="0.0.0.0/0"))
    environment(found, "DB_HOST", att("Documents", "Endpoint"))
    return found


@case(
    "SC-NET-01[Database]",
    says=(SERVICE, "network ACL"),
)
def acl_between_workload_and_database() -> Resources:
    found = database(tcp(5432, SourceSecurityGroupId=att("WorkloadGroup", "GroupId")))
    found["Data"] = subnet("10.0.60.0/24", "A")
    found["DataSubnets"] = resource("RDS::DBSubnetGroup", SubnetIds=[ref("Data")])
    props(found, "Database")["DBSubnetGroupName"] = ref("DataSubnets")
    acl(found, of=("Data",))
    return found


@case(
    *INTERFACE_FINDINGS,
    "SC-NET-01[s3]",
    "SC-NET-03",
    says=(SERVICE, "does not resolve names"),
)
def dns_support_off_on_the_way_by_nat() -> Resources:
    found = nat_only("Service")
    props(found, "Vpc")["EnableDnsSupport"] = False
    return found


@case(
    "SC-NET-02",
    says=(SERVICE,),
    source="7thzero.com/limiting-outbound-egress",
)
def name_servers_of_ones_own() -> Resources:
    found = only("Service")
    found["Options"] = resource("EC2::DHCPOptions", DomainNameServers=["10.0.0.53"])
    found["OptionsOfVpc"] = resource("EC2::VPCDHCPOptionsAssociation", VpcId=ref("Vpc"), DhcpOptionsId=ref("Options"))
    return found


@case(
    *INTERFACE_FINDINGS,
    "SC-NET-01[s3]",
    says=(SERVICE,),
    source="docs.aws.amazon.com/security-vpc-bpa-basics",
)
def public_access_is_blocked() -> Resources:
    found = nat_only("Service")
    found["Block"] = resource("EC2::VPCBlockPublicAccessOptions", InternetGatewayBlockMode="block-bidirectional")
    return found


@case("SC-NET-02", on="Function", says=("how dax, which its role may call, is reached",))
def dax_is_not_dynamodb() -> Resources:
    found = only("Function")
    grant(found, "FunctionRole", allow("dax:GetItem"))
    return found


@case(
    *INTERFACE_FINDINGS,
    says=(SERVICE, "does not let it in"),
)
def subnet_in_the_second_block_of_the_vpc() -> Resources:
    found = only("Service")
    found["Second"] = resource("EC2::VPCCidrBlock", VpcId=ref("Vpc"), CidrBlock="100.64.0.0/16")
    props(found, "SubnetC")["CidrBlock"] = "100.64.0.0/24"
    props(found, "EndpointGroup")["SecurityGroupIngress"] = [tcp(CidrIp=att("Vpc", "CidrBlock"))]
    return found


@case(
    "SC-NET-04",
    says=(SERVICE, "load balancer Front"),
)
def in_by_two_load_balancers() -> Resources:
    found = balanced("application")
    props(found, "Balancer")["Scheme"] = "internal"
    found["Front"] = resource("ElasticLoadBalancingV2::LoadBalancer", Type="network", Scheme="internet-facing")
    found["Chain"] = resource(
        "ElasticLoadBalancingV2::TargetGroup", TargetType="alb", Targets=[{"Id": ref("Balancer"), "Port": 443}]
    )
    found["FrontListener"] = resource(
        "ElasticLoadBalancingV2::Listener",
        LoadBalancerArn=ref("Front"),
        DefaultActions=[{"Type": "forward", "TargetGroupArn": ref("Chain")}],
    )
    return found


@case(
    "SC-NET-04",
    on="Function",
    says=(FUNCTION, "load balancer Balancer"),
)
def function_behind_a_load_balancer() -> Resources:
    found = balanced("application")
    found |= only("Function")
    del found["Service"], found["Task"]
    props(found, "Targets").update(TargetType="lambda", Targets=[{"Id": att("Function")}])
    return found


@case(
    "SC-NET-04",
    on="Function",
    says=(FUNCTION, "can be reached from the internet"),
)
def function_with_an_open_url() -> Resources:
    found = only("Function")
    found["Url"] = resource("Lambda::Url", TargetFunctionArn=att("Function"), AuthType="NONE")
    return found


@case(
    "SC-NET-01[elasticfilesystem]",
    says=(SERVICE, "FileSystem"),
)
def mount_target_closed() -> Resources:
    found = only("Service")
    found["FileSystem"] = resource("EFS::FileSystem")
    found["MountGroup"] = group()
    found["Mount"] = resource(
        "EFS::MountTarget",
        FileSystemId=ref("FileSystem"),
        SubnetId=ref("SubnetA"),
        SecurityGroups=[att("MountGroup", "GroupId")],
    )
    props(found, "Task")["Volumes"] = [
        {"Name": "data", "EFSVolumeConfiguration": {"FilesystemId": ref("FileSystem"), "TransitEncryption": "ENABLED"}}
    ]
    return found


@case("SC-NET-02", says=(SERVICE, "not visible here: its task definition"))
def a_task_definition_of_a_nested_stack() -> Resources:
    found = only("Service")
    del found["Task"]
    found["Tasks"] = resource("CloudFormation::Stack", TemplateURL="tasks.yaml")
    props(found, "Service")["TaskDefinition"] = att("Tasks", "Outputs.Task")
    return found


@case("SC-NET-02", says=(SERVICE, "not visible here: its task definition"))
def a_task_definition_that_is_none() -> Resources:
    found = only("Service")
    del found["Task"]
    found["Name"] = resource("SSM::Parameter", Type="String", Value="work:3")
    props(found, "Service")["TaskDefinition"] = att("Name", "Value")
    return found


@case("SC-NET-02", says=("whom the security group", "${Groups.Endpoints} lets in"))
def two_groups_of_one_custom_resource() -> Resources:
    found = only("Service")
    found["Groups"] = {"Type": "Custom::Groups", "Properties": {"ServiceToken": "arn"}}
    for name in INTERFACES:
        props(found, name)["SecurityGroupIds"] = [att("Groups", "Endpoints")]
    props(found, "OutToEndpoints")["DestinationSecurityGroupId"] = att("Groups", "Endpoints")
    return found


@case("SC-NET-01[logs]", on="Set", says=("the service Set", "write its logs", "no endpoint of logs"))
def no_logs_endpoint_for_a_task_set() -> Resources:
    found = task_set()
    without_endpoints(found, "Logs")
    return found


@case("SC-NET-01[Set]", on="Balancer", says=("the load balancer Balancer cannot reach Set", "does not let it in"))
def a_task_set_that_does_not_let_its_load_balancer_in() -> Resources:
    found = balanced("application") | task_set()
    props(found, "Balancer").update(Scheme="internal", Subnets=[ref("SubnetA")])
    props(found, "Balancer")["SecurityGroups"] = [att("WorkloadGroup", "GroupId")]
    let_out(found, CidrIp="10.0.0.0/16")
    entry = {"TargetGroupArn": ref("Targets"), "ContainerName": "work", "ContainerPort": 443}
    props(found, "Set")["LoadBalancers"] = [entry]
    return found


@case("SC-NET-01[ecs-agent]", on="Provider", says=("the instances of Provider", "join their cluster"))
def managed_instances_without_ecs_agent() -> Resources:
    found = managed_instances()
    without_endpoints(found, "EcsAgent")
    return found


@case("SC-NET-01[ecr.api]", on="Provider", says=("the instances of Provider", "pull its image"))
def managed_instances_that_pull_nothing() -> Resources:
    found = managed_instances()
    without_endpoints(found, "EcrApi")
    return found


@case("SC-NET-03", "SC-NET-04", on="Provider", says=("the instances of Provider",))
def managed_instances_in_public_subnets() -> Resources:
    found = managed_instances()
    make_public(found)
    for zone in ZONES:
        props(found, f"Subnet{zone}")["MapPublicIpOnLaunch"] = True
    props(found, "HostGroup")["SecurityGroupEgress"].append(tcp(CidrIp="0.0.0.0/0"))
    props(found, "HostGroup")["SecurityGroupIngress"] = [tcp(22, CidrIp="0.0.0.0/0")]
    return found


@case("SC-NET-01[logs]", says=(SERVICE, "write its logs"))
def a_service_on_fargate_by_the_default_of_its_cluster() -> Resources:
    found = by_default(only("Service"), "FARGATE_SPOT")
    del props(found, "Service")["LaunchType"], props(found, "Task")["RequiresCompatibilities"]
    without_endpoints(found, "Logs")
    return found


@case("SC-NET-01[ssmmessages]", on="Hosts", says=(HOSTS, "open ECS Exec sessions"))
def sessions_in_the_network_of_instances() -> Resources:
    found = bridged(instances())
    props(found, "Service")["EnableExecuteCommand"] = True
    return found


@case("SC-NET-01[ssmmessages]", on="Nightly", says=(NIGHTLY, "open ECS Exec sessions"))
def sessions_in_a_scheduled_task() -> Resources:
    found = only("Nightly")
    props(found, "Nightly")["Targets"][0]["EcsParameters"]["EnableExecuteCommand"] = True
    return found


def task_set() -> Resources:
    """The service of the sound network, with its task in a set of its own."""
    found = only("Service")
    service = props(found, "Service")
    configuration = service["NetworkConfiguration"]["AwsvpcConfiguration"]
    found["Set"] = resource(
        "ECS::TaskSet",
        Cluster=ref("Cluster"),
        Service=att("Service", "Name"),
        LaunchType=service.pop("LaunchType"),
        TaskDefinition=service.pop("TaskDefinition"),
        NetworkConfiguration={"AwsVpcConfiguration": configuration},
    )
    service["DeploymentController"] = {"Type": "EXTERNAL"}
    del service["NetworkConfiguration"]
    return found


def managed_instances() -> Resources:
    """A service on instances that Amazon ECS manages."""
    found = instances()
    del found["Hosts"], found["Launch"]
    props(found, "Task")["RequiresCompatibilities"] = ["MANAGED_INSTANCES"]
    placement = {"Subnets": [ref("SubnetA")], "SecurityGroups": [att("HostGroup", "GroupId")]}
    template = {"Ec2InstanceProfileArn": "arn", "NetworkConfiguration": placement}
    managed = {"InfrastructureRoleArn": "arn", "InstanceLaunchTemplate": template}
    found["Provider"]["Properties"] = {"ClusterName": ref("Cluster"), "ManagedInstancesProvider": managed}
    return found


def joined(cluster: Any = None, setting: str = "echo ECS_CLUSTER=%s >> /etc/ecs/ecs.config") -> Resources:
    """A service on instances that join the cluster by themselves."""
    found = bridged(instances())
    del found["Provider"], props(found, "Service")["CapacityProviderStrategy"]
    props(found, "Service")["LaunchType"] = "EC2"
    data = join(setting.partition("%s")[0], cluster or ref("Cluster"), setting.partition("%s")[2])
    props(found, "Launch")["LaunchTemplateData"]["UserData"] = {"Fn::Base64": data}
    return found


@case("SC-NET-01[ecr.api]", on="Hosts", says=(HOSTS, "pull its image", "no endpoint of ecr.api"))
def instances_of_no_provider_that_pull_nothing() -> Resources:
    found = joined()
    without_endpoints(found, "EcrApi")
    return found


@case("SC-NET-02", says=(SERVICE, "not visible here: the instances that it runs on"))
def instances_that_join_another_cluster() -> Resources:
    return joined(ref("Other")) | {"Other": resource("ECS::Cluster", ClusterName="other")}


def by_default(resources: Resources, provider: Any) -> Resources:
    """With the service on what its cluster takes by default."""
    props(resources, "Service").pop("CapacityProviderStrategy", None)
    resources["Defaults"] = resource(
        "ECS::ClusterCapacityProviderAssociations",
        Cluster=ref("Cluster"),
        CapacityProviders=[provider],
        DefaultCapacityProviderStrategy=[{"CapacityProvider": provider, "Weight": 1}],
    )
    return resources


def bridged(resources: Resources) -> Resources:
    """With the service's tasks in the network of their instances."""
    del props(resources, "Task")["NetworkMode"]
    del props(resources, "Service")["NetworkConfiguration"]
    return resources


@case("SC-NET-02", says=(SERVICE, "not visible here: the instances that it runs on"))
def task_on_instances() -> Resources:
    found = only("Service")
    props(found, "Service")["LaunchType"] = "EC2"
    props(found, "Task")["RequiresCompatibilities"] = ["EC2"]
    return found


@case(
    "SC-NET-01[s3]",
    on="Jobs",
    says=("the compute environment Jobs cannot call s3, as its role may: the policy",),
)
def s3_policy_without_what_the_role_may() -> Resources:
    return s3_policy_is_read_only()


@pytest.mark.parametrize(("make", "ids", "says", "on", "region", "sections"), CASES)
def test_broken(
    make: Callable[[], Resources],
    ids: tuple[str, ...],
    says: tuple[str, ...],
    on: str,
    region: str | None,
    sections: dict[str, Any],
) -> None:
    findings = judge(template(make(), region=region, **sections))
    report = told(findings) or "no finding"
    assert {each.id for each in findings} == set(ids), report
    messages = [each.message for each in findings if each.id == ids[0] and each.logical_id == on]
    assert any(all(word in message for word in says) for message in messages), report
    assert all(each.kind is Kind.VIOLATION for each in findings), report


@pytest.mark.parametrize(
    "make", [out_by_nat, in_by_a_public_address, imported_subnets, no_logs_endpoint, endpoint_in_two_of_three_zones]
)
def test_what_is_waived_is_not_open(make: Callable[[], Resources]) -> None:
    found = make()
    for finding in judge(template(found)):
        metadata = found[finding.logical_id or ""].setdefault("Metadata", {})
        waivers = metadata.setdefault("SecureContainers", {}).setdefault("Waivers", [])
        waivers.append({"Rule": finding.id, "Reason": "tried in the network itself, and agreed with its owner"})
    left = judge(template(found))
    assert not left, told(left)
