"""Services behind load balancers, of ECS Express Mode and of App Runner: what they reach, and who reaches them."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns

from secure_containers.rules import Template
from tests.rules.network.samples import (
    REGION,
    Resources,
    acl,
    add_nat,
    group,
    interface,
    judge,
    let_out,
    make_public,
    only,
    placed,
    props,
    resource,
    role,
    sound,
    tcp,
    template,
    told,
    without_endpoints,
)
from tests.rules.network.samples import allow as allows
from tests.rules.support import ACCOUNT, att, either, join, ref, sub
from tests.support import new_app, synthesized

PORT = 8080
SUBNETS = [ref("SubnetA"), ref("SubnetB")]


def found(*templates: Template) -> set[str]:
    return {f"{each.id} {each.logical_id}" for each in judge(*templates)}


def message(of: str, *templates: Template) -> str:
    return "\n".join(each.message for each in judge(*templates) if f"{each.id} {each.logical_id}" == of)


# Load balancers

BLOCKED = "SC-NET-01[Service] Balancer"


def balanced(**properties: Any) -> Resources:
    """The sound network with a service behind a load balancer that reaches it."""
    resources = only("Service")
    resources["BalancerGroup"] = group(
        SecurityGroupIngress=[tcp(CidrIp="10.0.0.0/16")],
        SecurityGroupEgress=[tcp(PORT, DestinationSecurityGroupId=att("WorkloadGroup", "GroupId"))],
    )
    props(resources, "WorkloadGroup")["SecurityGroupIngress"] = [
        tcp(PORT, SourceSecurityGroupId=att("BalancerGroup", "GroupId"))
    ]
    resources["Balancer"] = resource(
        "ElasticLoadBalancingV2::LoadBalancer",
        **{
            "Scheme": "internal",
            "Subnets": SUBNETS,
            "SecurityGroups": [att("BalancerGroup", "GroupId")],
            **properties,
        },
    )
    resources["Targets"] = resource("ElasticLoadBalancingV2::TargetGroup", VpcId=ref("Vpc"), TargetType="ip")
    resources["Listener"] = resource(
        "ElasticLoadBalancingV2::Listener",
        LoadBalancerArn=ref("Balancer"),
        DefaultActions=[{"Type": "forward", "TargetGroupArn": ref("Targets")}],
    )
    lead(resources, "Targets")
    return resources


def lead(resources: Resources, targets: str, **properties: Any) -> None:
    entry = {"TargetGroupArn": ref(targets), "ContainerName": "work", "ContainerPort": PORT}
    props(resources, "Service")["LoadBalancers"] = [entry | properties]


def test_a_load_balancer_reaches_its_service() -> None:
    assert found(template(balanced())) == set()


def test_nothing_lets_the_load_balancer_out() -> None:
    resources = balanced()
    props(resources, "BalancerGroup")["SecurityGroupEgress"] = [tcp(443, CidrIp="10.0.0.0/16")]
    assert found(template(resources)) == {BLOCKED}
    assert message(BLOCKED, template(resources)) == (
        "the load balancer Balancer cannot reach Service: its security group lets nothing out to Service on port 8080"
    )


@pytest.mark.parametrize("rules", [[], [tcp(80, CidrIp="10.0.0.0/16")], [tcp(PORT, CidrIp="10.0.2.0/24")]])
def test_the_service_does_not_let_the_load_balancer_in(rules: list[Any]) -> None:
    resources = balanced()
    props(resources, "WorkloadGroup")["SecurityGroupIngress"] = rules
    assert found(template(resources)) == {BLOCKED}
    assert "the security group of Service does not let it in on port 8080" in message(BLOCKED, template(resources))


@pytest.mark.parametrize("source", [{"CidrIp": "10.0.0.0/16"}, {"CidrIp": att("Vpc", "CidrBlock")}])
def test_rules_by_addresses(source: dict[str, Any]) -> None:
    resources = balanced()
    props(resources, "WorkloadGroup")["SecurityGroupIngress"] = [tcp(PORT, **source)]
    props(resources, "BalancerGroup")["SecurityGroupEgress"] = [tcp(PORT, **source)]
    assert found(template(resources)) == set()


def test_the_health_check_has_a_port_of_its_own() -> None:
    resources = balanced()
    props(resources, "Targets")["HealthCheckPort"] = "9000"
    assert "on port 9000" in message(BLOCKED, template(resources))
    for name, rules, peer in (
        ("WorkloadGroup", "SecurityGroupIngress", "SourceSecurityGroupId"),
        ("BalancerGroup", "SecurityGroupEgress", "DestinationSecurityGroupId"),
    ):
        other = "BalancerGroup" if name == "WorkloadGroup" else "WorkloadGroup"
        props(resources, name)[rules].append(tcp(9000, **{peer: att(other, "GroupId")}))
    assert found(template(resources)) == set()
    props(resources, "Targets")["HealthCheckPort"] = "traffic-port"
    assert found(template(resources)) == set()


def test_without_groups_both_have_the_default_group_of_the_vpc() -> None:
    resources = balanced()
    del props(resources, "Balancer")["SecurityGroups"]
    assert found(template(resources)) == {BLOCKED}
    only_default = balanced()
    for name in ("Balancer", "Service"):
        configuration = props(only_default, name)
        configuration.pop("SecurityGroups", None)
    props(only_default, "Service")["NetworkConfiguration"] = {"AwsvpcConfiguration": {"Subnets": SUBNETS}}
    assert not [each for each in found(template(only_default)) if each.endswith("Balancer")]


def test_a_network_load_balancer_is_judged_by_its_groups_if_it_has_any() -> None:
    resources = balanced(Type="network")
    assert found(template(resources)) == set()
    props(resources, "WorkloadGroup")["SecurityGroupIngress"] = []
    assert found(template(resources)) == {BLOCKED}


def test_a_network_load_balancer_without_groups_has_the_addresses_of_its_subnets() -> None:
    resources = balanced(Type="network")
    del props(resources, "Balancer")["SecurityGroups"]
    assert found(template(resources)) == {BLOCKED}, "no rule by groups lets it in"
    props(resources, "WorkloadGroup")["SecurityGroupIngress"] = [tcp(PORT, CidrIp="10.0.0.0/23")]
    assert found(template(resources)) == set()
    props(resources, "WorkloadGroup")["SecurityGroupIngress"] = [tcp(PORT, CidrIp="10.0.0.0/24")]
    assert found(template(resources)) == {BLOCKED}, "one of its subnets is shut out"


def test_the_told_addresses_of_a_load_balancer_may_be_let_in_one_by_one() -> None:
    mappings = [{"SubnetId": each, "PrivateIPv4Address": ref("Free")} for each in SUBNETS]
    resources = balanced(Type="network", SubnetMappings=mappings)
    for name in ("Subnets", "SecurityGroups"):
        del props(resources, "Balancer")[name]
    assert found(template(resources)) == set()


def test_subnets_by_mappings() -> None:
    resources = balanced(SubnetMappings=[{"SubnetId": each} for each in SUBNETS])
    del props(resources, "Balancer")["Subnets"]
    props(resources, "WorkloadGroup")["SecurityGroupIngress"] = []
    assert found(template(resources)) == {BLOCKED}


def test_a_rule_of_a_listener_leads_there_too() -> None:
    resources = balanced()
    props(resources, "WorkloadGroup")["SecurityGroupIngress"] = []
    props(resources, "Listener")["DefaultActions"] = [{"Type": "fixed-response"}]
    assert found(template(resources)) == set()
    resources["Rule"] = resource(
        "ElasticLoadBalancingV2::ListenerRule",
        ListenerArn=ref("Listener"),
        Actions=[{"Type": "forward", "TargetGroupArn": ref("Targets")}],
    )
    assert found(template(resources)) == {BLOCKED}


def test_the_green_target_group_leads_there_too() -> None:
    resources = balanced()
    props(resources, "WorkloadGroup")["SecurityGroupIngress"] = []
    resources["Green"] = resource("ElasticLoadBalancingV2::TargetGroup", VpcId=ref("Vpc"), TargetType="ip")
    props(resources, "Listener")["DefaultActions"] = [{"Type": "forward", "TargetGroupArn": ref("Green")}]
    lead(resources, "Targets", AdvancedConfiguration={"AlternateTargetGroupArn": ref("Green")})
    assert found(template(resources)) == {BLOCKED}


def test_a_network_acl_between_them() -> None:
    resources = balanced()
    acl(resources, (100, False, "allow", "10.0.0.0/16", (443, 443)), (100, True, "allow", "0.0.0.0/0", (0, 65535)))
    assert "network ACL of the subnet SubnetA" in message(BLOCKED, template(resources))


def test_what_is_there_under_a_condition() -> None:
    resources = balanced()
    rule = props(resources, "WorkloadGroup").pop("SecurityGroupIngress")[0]
    resources["In"] = resource("EC2::SecurityGroupIngress", GroupId=att("WorkloadGroup", "GroupId"), **rule)
    assert found(template(resources)) == set()
    resources["In"]["Condition"] = "Prod"
    assert found(template(resources)) == {BLOCKED}
    resources["Service"]["Condition"] = "Prod"
    assert found(template(resources)) == set(), "where there is no service nobody has to be let in"


def test_a_service_on_instances_whose_tasks_have_their_own_addresses() -> None:
    resources = balanced()
    props(resources, "Service")["LaunchType"] = "EC2"
    props(resources, "WorkloadGroup")["SecurityGroupIngress"] = []
    assert BLOCKED in found(template(resources))
    del props(resources, "Service")["NetworkConfiguration"]
    assert BLOCKED not in found(template(resources)), "the ports of its hosts are not told"


def test_a_load_balancer_of_another_stack() -> None:
    resources = balanced()
    props(resources, "WorkloadGroup")["SecurityGroupIngress"] = []
    service = {name: resources.pop(name) for name in ("Service", "Task", "TaskRole", "ExecutionRole")}
    exported = [*SUBNETS, ref("Targets"), ref("SubnetC"), att("WorkloadGroup", "GroupId"), ref("Cluster")]
    text = {str(each): f"Out{number}" for number, each in enumerate(exported)}
    outputs = {
        name: {"Value": value, "Export": {"Name": name}} for value, name in zip(exported, text.values(), strict=True)
    }

    def imported(node: Any) -> Any:
        if str(node) in text:
            return {"Fn::ImportValue": text[str(node)]}
        if isinstance(node, dict):
            return {key: imported(child) for key, child in node.items()}
        return [imported(child) for child in node] if isinstance(node, list) else node

    network = template(resources, stack="network", Outputs=outputs)
    workload = template(imported(service), stack="workload")
    assert BLOCKED in found(network, workload)
    assert not [each for each in found(network) if each.endswith("Balancer")]


# Ways in for everybody, past the load balancer's scheme

OPENED = "SC-NET-04 Service"


def with_http_api(resources: Resources, uri: Any, **route: Any) -> Resources:
    resources["Link"] = resource("ApiGatewayV2::VpcLink", SubnetIds=SUBNETS)
    resources["Api"] = resource("ApiGatewayV2::Api", ProtocolType="HTTP")
    resources["Integration"] = resource(
        "ApiGatewayV2::Integration",
        ApiId=ref("Api"),
        ConnectionType="VPC_LINK",
        ConnectionId=ref("Link"),
        IntegrationUri=uri,
    )
    resources["Route"] = resource(
        "ApiGatewayV2::Route", ApiId=ref("Api"), Target=join("integrations/", ref("Integration")), **route
    )
    return resources


@pytest.mark.parametrize("route", [{}, {"AuthorizationType": "NONE"}])
def test_an_http_api_that_asks_nobody_who_calls(route: dict[str, str]) -> None:
    resources = with_http_api(balanced(), ref("Listener"), **route)
    assert found(template(resources)) == {OPENED}
    assert "the open route Route of an API leads to it" in message(OPENED, template(resources))


def test_an_http_api_and_a_registry() -> None:
    resources = with_http_api(only("Service"), att("Registry"))
    resources["Registry"] = resource("ServiceDiscovery::Service", Name="orders")
    assert found(template(resources)) == set(), "the service is not in that registry"
    props(resources, "Service")["ServiceRegistries"] = [{"RegistryArn": att("Registry")}]
    assert found(template(resources)) == {OPENED}


@pytest.mark.parametrize("kind", ["AWS_IAM", "JWT", "CUSTOM", ref("Free")])
def test_an_http_api_that_asks(kind: Any) -> None:
    assert found(template(with_http_api(balanced(), ref("Listener"), AuthorizationType=kind))) == set()


def with_rest_api(method: dict[str, Any] | None = None, **api: Any) -> Resources:
    resources = balanced()
    resources["Link"] = resource("ApiGateway::VpcLink", TargetArns=[ref("Balancer")])
    resources["Api"] = resource("ApiGateway::RestApi", **api)
    resources["Get"] = resource(
        "ApiGateway::Method",
        **{
            "RestApiId": ref("Api"),
            "HttpMethod": "GET",
            "AuthorizationType": "NONE",
            "Integration": {"Type": "HTTP_PROXY", "ConnectionType": "VPC_LINK", "ConnectionId": ref("Link")},
            **(method or {}),
        },
    )
    return resources


def test_a_rest_api_that_asks_nobody_who_calls() -> None:
    assert found(template(with_rest_api())) == {OPENED}
    assert "the open method Get of an API leads to it" in message(OPENED, template(with_rest_api()))


@pytest.mark.parametrize(
    "resources",
    [
        with_rest_api({"AuthorizationType": "COGNITO_USER_POOLS"}),
        with_rest_api({"ApiKeyRequired": True}),
        with_rest_api({"RestApiId": "0a1b2c3d4e"}),
        with_rest_api({"Integration": {"Type": "MOCK"}}),
        with_rest_api(EndpointConfiguration={"Types": ["PRIVATE"]}),
        with_rest_api(Policy={"Statement": []}),
    ],
)
def test_a_rest_api_that_asks(resources: Resources) -> None:
    assert found(template(resources)) == set()


def test_a_distribution_in_front_of_an_internal_load_balancer() -> None:
    resources = balanced()
    origin = {"Arn": ref("Balancer"), "Name": "web", "OriginProtocolPolicy": "https-only"}
    resources["Origin"] = resource("CloudFront::VpcOrigin", VpcOriginEndpointConfig=origin)
    assert found(template(resources)) == {OPENED}
    assert "CloudFront leads to it by Origin" in message(OPENED, template(resources))


# Private names

HOST = "orders.example.com"
CALLER = "SC-NET-01[Balancer] Function"
BY_ALIAS = resource(
    "Route53::RecordSet", Name=f"{HOST}.", Type="A", AliasTarget={"DNSName": att("Balancer", "DNSName")}
)
BY_ALIAS_OF_THE_CDK = resource(
    "Route53::RecordSet",
    Name="Orders.example.com",
    AliasTarget={"DNSName": join("dualstack.", att("Balancer", "DNSName"))},
)
BY_VALUE = resource("Route53::RecordSet", Name=HOST, Type="CNAME", ResourceRecords=[att("Balancer", "DNSName")])
BY_GROUP = resource("Route53::RecordSetGroup", RecordSets=[BY_VALUE["Properties"]])
BY_WILDCARD = resource("Route53::RecordSet", Name="*.example.com", ResourceRecords=[att("Balancer", "DNSName")])


def rule(listener: Any = None, **condition: Any) -> dict[str, Any]:
    condition = condition or {"HostHeaderConfig": {"Values": ["else.example.com", HOST]}}
    return resource(
        "ElasticLoadBalancingV2::ListenerRule",
        ListenerArn=listener or ref("Listener"),
        Conditions=[{"Field": "path-pattern", "Values": ["/"]}, {"Field": "host-header"} | condition],
        Actions=[{"Type": "forward", "TargetGroupArn": ref("Targets")}],
    )


def calling(url: Any = f"https://{HOST}/v1", *, port: int = 443, **names: dict[str, Any]) -> Resources:
    """A function that calls the service behind the load balancer by a URL, and is let there."""
    resources = only("Function") | balanced()
    props(resources, "Function")["Environment"]["Variables"]["ORDERS"] = url
    props(resources, "WorkloadGroup")["SecurityGroupEgress"].append(
        tcp(port, DestinationSecurityGroupId=att("BalancerGroup", "GroupId"))
    )
    props(resources, "BalancerGroup")["SecurityGroupIngress"] = [
        tcp(port, SourceSecurityGroupId=att("WorkloadGroup", "GroupId"))
    ]
    return resources | names


WAYS_TO_NAME = [
    calling(Name=BY_ALIAS),
    calling(Name=BY_ALIAS_OF_THE_CDK),
    calling(Name=BY_VALUE),
    calling(Name=BY_GROUP),
    calling(Name=BY_WILDCARD),
    calling(Name=rule()),
    calling(Name=rule(Values=[HOST])),
    calling(Name=rule(HostHeaderConfig={"Values": ["*.example.com"]})),
    calling(f"http://{HOST}", port=80, Name=BY_ALIAS),
    calling(f"wss://{HOST}:8443", port=8443, Name=BY_ALIAS),
    calling(join("https://", att("Balancer", "DNSName"))),
    calling(
        sub("https://${Free}"), Name=resource("Route53::RecordSet", **BY_VALUE["Properties"] | {"Name": ref("Free")})
    ),
    calling("https://orders.prod.internal", Name=rule(Values=["orders.prod.internal"])),
]


@pytest.mark.parametrize("resources", WAYS_TO_NAME)
def test_a_private_name_is_no_need_of_the_internet(resources: Resources) -> None:
    findings = judge(template(resources))
    assert not findings, told(findings)


@pytest.mark.parametrize("resources", WAYS_TO_NAME)
@pytest.mark.parametrize("side", ["out", "in"])
def test_nothing_lets_the_caller_through(resources: Resources, side: str) -> None:
    resources = deepcopy(resources)
    if side == "out":
        props(resources, "WorkloadGroup")["SecurityGroupEgress"].pop()
    else:
        props(resources, "BalancerGroup")["SecurityGroupIngress"] = [tcp(22, CidrIp="10.0.0.0/16")]
    assert found(template(resources)) == {CALLER}
    words = "lets nothing out to Balancer on port" if side == "out" else "does not let it in on port"
    assert words in message(CALLER, template(resources))


def test_the_port_of_the_url_decides() -> None:
    resources = calling(f"https://{HOST}:8443", Name=BY_ALIAS)
    assert "on port 8443" in message(CALLER, template(resources))


@pytest.mark.parametrize("port", ["²", ref("Free")])
def test_a_port_of_the_url_that_is_not_told(port: Any) -> None:
    resources = calling(join(f"https://{HOST}:", port), Name=BY_ALIAS)
    assert "the ports of Balancer" in message("SC-NET-02 Function", template(resources))


def test_a_record_of_another_stack() -> None:
    resources = calling()
    outputs = {"Dns": {"Value": att("Balancer", "DNSName"), "Export": {"Name": "dns"}}}
    record = resource("Route53::RecordSet", Name=HOST, ResourceRecords=[{"Fn::ImportValue": "dns"}])
    alias = {"DNSName": join("dualstack.", {"Fn::ImportValue": "dns"})}
    for name in (record, resource("Route53::RecordSet", Name=HOST, AliasTarget=alias)):
        names = template({"Name": name}, stack="names")
        assert found(template(resources, stack="network", Outputs=outputs), names) == set()
        props(resources, "BalancerGroup")["SecurityGroupIngress"] = []
        assert found(template(resources, stack="network", Outputs=outputs), names) == {CALLER}
        resources = calling()


@pytest.mark.parametrize("closed", [True, False])
def test_a_network_load_balancer_without_groups(closed: bool) -> None:
    resources = calling(Name=BY_ALIAS)
    del props(resources, "Balancer")["SecurityGroups"]
    props(resources, "Balancer")["Type"] = "network"
    props(resources, "WorkloadGroup")["SecurityGroupIngress"] = [tcp(PORT, CidrIp="10.0.0.0/16")]
    props(resources, "WorkloadGroup")["SecurityGroupEgress"][-1] = tcp(80 if closed else 443, CidrIp="10.0.0.0/16")
    assert found(template(resources)) == ({CALLER} if closed else set())


def test_a_service_that_knows_its_own_name() -> None:
    resources = balanced() | {"Name": BY_ALIAS}
    variables = [{"Name": "OWN_URL", "Value": f"https://{HOST}"}]
    props(resources, "Task")["ContainerDefinitions"][0]["Environment"] = variables
    assert found(template(resources)) == set()
    resources["Others"] = resource("ElasticLoadBalancingV2::TargetGroup", VpcId=ref("Vpc"), TargetType="ip")
    resources["Rule"] = rule(Values=["else.example.com"])
    props(resources, "Rule")["Actions"] = [{"Type": "forward", "TargetGroupArn": ref("Others")}]
    assert found(template(resources)) == {"SC-NET-01[Balancer] Service"}, "others answer there as well"


def test_the_same_name_in_another_network() -> None:
    """As where the stacks of two environments are judged together."""
    one, other = (template(calling(Name=BY_ALIAS), stack=stack) for stack in ("dev", "prod"))
    assert found(one, other) == set()


def test_a_job_calls_it() -> None:
    resources = calling(Name=BY_ALIAS) | {name: sound()[name] for name in ("Jobs", "Job", "JobRole")}
    variables = [{"Name": "ORDERS", "Value": f"https://{HOST}:9443"}]
    props(resources, "Job")["ContainerProperties"]["Environment"] = variables
    assert found(template(resources)) == {"SC-NET-01[Balancer] Jobs"}


ZONE = resource("Route53::HostedZone", Name="example.com.", VPCs=[{"VPCId": ref("Vpc"), "VPCRegion": REGION}])


@pytest.mark.parametrize(
    "name",
    [
        ZONE,
        resource("ServiceDiscovery::PrivateDnsNamespace", Name="example.com", Vpc=ref("Vpc")),
        resource("Route53::RecordSet", Name=HOST, AliasTarget={"DNSName": ref("Free")}),
        rule("arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/shared/0a1b2c3d/0a1b2c3d"),
    ],
)
def test_a_private_name_of_which_nobody_sees_what_answers(name: dict[str, Any]) -> None:
    resources = calling(Name=name)
    assert found(template(resources)) == {"SC-NET-02 Function"}
    assert f"what answers to the private name {HOST}" in message("SC-NET-02 Function", template(resources))


@pytest.mark.parametrize(
    "names",
    [
        {},
        {"Name": resource("Route53::HostedZone", Name="example.com")},
        {"Name": resource("Route53::HostedZone", **ZONE["Properties"] | {"Name": "other.example.com"})},
        {"Name": resource("ServiceDiscovery::PrivateDnsNamespace", Name="ple.com", Vpc=ref("Vpc"))},
        {"Name": resource("Route53::RecordSet", Name=HOST, ResourceRecords=["site.example.net"])},
        {"Name": rule(Values=["else.example.com"])},
        {"Name": BY_ALIAS, "Balancer": resource("ElasticLoadBalancingV2::LoadBalancer", Subnets=SUBNETS)},
    ],
)
def test_a_name_that_is_not_private(names: dict[str, Any]) -> None:
    assert f"SC-NET-01[{HOST}] Function" in found(template(calling() | names))


class TestWhatIsNotSeen:
    def test_a_group_of_another_network(self) -> None:
        resources = balanced(SecurityGroups=["sg-0a1b2c3d"])
        assert found(template(resources)) == {"SC-NET-02 Balancer"}

    def test_a_port_that_nobody_tells(self) -> None:
        resources = balanced()
        lead(resources, "Targets", ContainerPort=ref("Free"))
        assert "the ports of Service" in message("SC-NET-02 Balancer", template(resources))

    def test_subnets_of_another_network_are_said_of_the_service_alone(self) -> None:
        resources = balanced(Subnets=["subnet-0a1b2c3d"])
        configuration = placed(Subnets=["subnet-0a1b2c3d"])
        props(resources, "Service")["NetworkConfiguration"] = {"AwsvpcConfiguration": configuration}
        assert found(template(resources)) == {"SC-NET-02 Service"}

    def test_a_load_balancer_that_stands_elsewhere(self) -> None:
        resources = balanced()
        props(resources, "WorkloadGroup")["SecurityGroupIngress"] = []
        del resources["Balancer"], resources["BalancerGroup"]
        props(resources, "Listener")["LoadBalancerArn"] = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:x"
        assert found(template(resources)) == set()


def test_a_load_balancer_that_lets_out_everything_does_not_go_out_itself() -> None:
    resources = balanced()
    props(resources, "BalancerGroup")["SecurityGroupEgress"] = [tcp(0, CidrIp="0.0.0.0/0") | {"ToPort": 65535}]
    add_nat(resources)
    assert found(template(resources)) == set()


def pattern_of_the_cdk(stack: Stack) -> ecs_patterns.NetworkLoadBalancedFargateService:
    image = ecs.ContainerImage.from_registry("public.ecr.aws/docker/library/httpd:2.4.66")
    return ecs_patterns.NetworkLoadBalancedFargateService(
        stack,
        "Web",
        vpc=ec2.Vpc(stack, "Vpc"),
        public_load_balancer=False,
        task_image_options=ecs_patterns.NetworkLoadBalancedTaskImageOptions(image=image, container_port=PORT),
    )


@pytest.mark.parametrize("with_group", [True, False])
def test_the_pattern_of_the_cdk_that_never_gets_healthy(tmp_path: Path, with_group: bool) -> None:
    """Its network load balancer is let in by nobody, with a security group of its own or without."""
    flag = "@aws-cdk/aws-elasticloadbalancingv2:networkLoadBalancerWithSecurityGroupByDefault"
    for name, opened in (("closed", False), ("open", True)):
        app = new_app(tmp_path / name, **{flag: with_group})
        web = pattern_of_the_cdk(Stack(app, "Stack", env=Environment(account=ACCOUNT, region=REGION)))
        if opened and with_group:
            web.load_balancer.connections.allow_to(web.service, ec2.Port.tcp(PORT))
        elif opened:
            web.service.connections.allow_from(ec2.Peer.ipv4("10.0.0.0/16"), ec2.Port.tcp(PORT))
        judged = judge(Template(synthesized(app)["Stack"], "stack.json", account=ACCOUNT, region=REGION))
        expected = {"SC-NET-03"} if opened else {"SC-NET-01", "SC-NET-03"}
        assert {finding.rule.id for finding in judged} == expected


# ECS Express Mode


def express(**properties: Any) -> Resources:
    resources = only("Service")
    del resources["Service"]
    resources["Infrastructure"] = role("ecs.amazonaws.com")
    network = {"Subnets": SUBNETS, "SecurityGroups": [att("WorkloadGroup", "GroupId")]}
    resources["Express"] = resource(
        "ECS::ExpressGatewayService",
        **{
            "InfrastructureRoleArn": att("Infrastructure"),
            "TaskDefinitionArn": ref("Task"),
            "NetworkConfiguration": network,
            **properties,
        },
    )
    return resources


def container(**properties: Any) -> dict[str, Any]:
    image = sub("${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/work:1.0")
    return {"Image": image, **properties}


def test_an_express_service_reaches_what_its_task_needs() -> None:
    assert found(template(express())) == set()


@pytest.mark.parametrize(
    ("endpoint", "service"),
    [("EcrApi", "ecr.api"), ("Logs", "logs"), ("SecretsManager", "secretsmanager"), ("Sqs", "sqs")],
)
def test_an_express_service_needs_the_endpoints_of_its_task(endpoint: str, service: str) -> None:
    resources = express()
    without_endpoints(resources, endpoint)
    assert found(template(resources)) == {f"SC-NET-01[{service}] Express"}


@pytest.mark.parametrize(
    ("primary", "missing", "expected"),
    [
        ({}, (), set()),
        ({}, ("EcrDkr",), {"ecr.dkr"}),
        ({}, ("Logs",), {"logs"}),
        ({"Secrets": [{"Name": "KEY", "ValueFrom": ref("Secret")}]}, ("SecretsManager",), {"secretsmanager"}),
        ({"Environment": [{"Name": "QUEUE", "Value": ref("Queue")}]}, ("Sqs",), {"sqs"}),
        ({}, ("Sqs",), {"sqs"}),
    ],
)
def test_an_express_service_of_a_primary_container(
    primary: dict[str, Any], missing: tuple[str, ...], expected: set[str]
) -> None:
    resources = express(PrimaryContainer=container(**primary), TaskRoleArn=att("TaskRole"))
    del props(resources, "Express")["TaskDefinitionArn"]
    del resources["Task"]
    if missing:
        without_endpoints(resources, *missing)
    assert found(template(resources)) == {f"SC-NET-01[{service}] Express" for service in expected}


def test_ecs_lets_an_express_service_out_and_the_endpoints_have_to_let_it_in() -> None:
    resources = express()
    props(resources, "WorkloadGroup")["SecurityGroupEgress"] = [tcp(5432, CidrIp="10.0.0.0/16")]
    del resources["OutToEndpoints"]
    assert found(template(resources)) == set()
    del props(resources, "Express")["NetworkConfiguration"]["SecurityGroups"]
    assert "does not let it in on port 443" in message("SC-NET-01[logs] Express", template(resources))
    made = att("Express", "ECSManagedResourceArns.ServiceSecurityGroups")
    selected = tcp(SourceSecurityGroupId={"Fn::Select": [0, made]})
    props(resources, "EndpointGroup")["SecurityGroupIngress"] = [selected]
    assert found(template(resources)) == {"SC-NET-02 Express"}, "which group that is only the deployment tells"


def test_an_express_service_in_public_subnets_faces_the_internet() -> None:
    resources = express()
    make_public(resources)
    assert found(template(resources)) == {"SC-NET-03 Express", "SC-NET-04 Express"}
    assert "gives it an internet-facing load balancer" in message("SC-NET-04 Express", template(resources))


def test_an_express_service_behind_a_nat_gateway_goes_out_only() -> None:
    resources = express()
    add_nat(resources)
    assert found(template(resources)) == {"SC-NET-03 Express"}


@pytest.mark.parametrize("configuration", [{}, None])
def test_an_express_service_without_subnets(configuration: Any) -> None:
    resources = express(NetworkConfiguration=configuration)
    assert found(template(resources)) == {"SC-NET-02 Express", "SC-NET-04 Express"}


@pytest.mark.parametrize("subnets", [["subnet-0a1b2c3d"], ref("Free")])
def test_an_express_service_in_another_network(subnets: Any) -> None:
    resources = express(NetworkConfiguration={"Subnets": subnets})
    assert found(template(resources)) == {"SC-NET-02 Express"}


# App Runner


def app_runner(**properties: Any) -> Resources:
    resources = only("Service")
    del resources["Service"], resources["Task"]
    resources["InstanceRole"] = role("tasks.apprunner.amazonaws.com", allows("sqs:SendMessage", att("Queue")))
    resources["Connector"] = resource(
        "AppRunner::VpcConnector", Subnets=SUBNETS, SecurityGroups=[att("WorkloadGroup", "GroupId")]
    )
    resources["Web"] = resource(
        "AppRunner::Service",
        **{
            "SourceConfiguration": image(),
            "InstanceConfiguration": {"InstanceRoleArn": att("InstanceRole")},
            "NetworkConfiguration": {
                "IngressConfiguration": {"IsPubliclyAccessible": False},
                "EgressConfiguration": {"EgressType": "VPC", "VpcConnectorArn": ref("Connector")},
            },
            **properties,
        },
    )
    return resources


def image(**configuration: Any) -> dict[str, Any]:
    return {
        "ImageRepository": {
            **container(),
            "ImageRepositoryType": "ECR",
            "ImageConfiguration": {"Port": str(PORT), **configuration},
        }
    }


def code(**configuration: Any) -> dict[str, Any]:
    values = {"CodeConfigurationValues": configuration, "ConfigurationSource": "API"}
    return {"CodeRepository": {"CodeConfiguration": values}}


def test_app_runner_pulls_and_logs_past_the_vpc() -> None:
    resources = app_runner()
    without_endpoints(resources, "EcrApi", "EcrDkr", "Logs", "SecretsManager", "S3")
    assert found(template(resources)) == set()


def test_a_service_of_app_runner_calls_what_its_role_may_through_the_vpc() -> None:
    resources = app_runner()
    without_endpoints(resources, "Sqs")
    assert found(template(resources)) == {"SC-NET-01[sqs] Web"}
    assert message("SC-NET-01[sqs] Web", template(resources)).startswith(
        "the service Web cannot call sqs, as its role may"
    )


@pytest.mark.parametrize("source", [image, code])
def test_a_service_of_app_runner_calls_what_its_environment_names(source: Any) -> None:
    variables = [{"Name": "PARAMETER", "Value": ref("Items")}]
    resources = app_runner(SourceConfiguration=source(RuntimeEnvironmentVariables=variables))
    assert found(template(resources)) == set()
    without_endpoints(resources, "DynamoDb")
    assert found(template(resources)) == {"SC-NET-01[dynamodb] Web"}


def test_app_runner_fetches_the_secrets_itself() -> None:
    read = allows(["secretsmanager:GetSecretValue", "kms:Decrypt"], ref("Secret"))
    secrets = [{"Name": "KEY", "Value": ref("Secret")}]
    resources = app_runner(SourceConfiguration=image(RuntimeEnvironmentSecrets=secrets))
    props(resources, "InstanceRole")["Policies"][0]["PolicyDocument"]["Statement"] = [read]
    without_endpoints(resources, "SecretsManager")
    assert found(template(resources)) == set()
    props(resources, "Web")["SourceConfiguration"] = image()
    assert found(template(resources)) == {"SC-NET-01[secretsmanager] Web"}, "then the code calls it"


def test_a_connector_in_a_public_subnet_leads_nowhere() -> None:
    resources = app_runner()
    without_endpoints(resources, "Sqs")
    make_public(resources)
    let_out(resources)
    assert "of no use without a public address" in message("SC-NET-01[sqs] Web", template(resources))


def test_a_service_of_app_runner_goes_out_by_a_nat_gateway() -> None:
    resources = app_runner()
    add_nat(resources)
    let_out(resources)
    assert found(template(resources)) == {"SC-NET-03 Web"}


def test_fips_endpoints_that_the_region_has_not() -> None:
    variables = [{"Name": "AWS_USE_FIPS_ENDPOINT", "Value": "true"}]
    resources = app_runner(SourceConfiguration=image(RuntimeEnvironmentVariables=variables))
    assert found(template(resources)) == {"SC-NET-01[sqs-fips] Web"}


@pytest.mark.parametrize("connector", ["arn:aws:apprunner:eu-central-1:111122223333:vpcconnector/x/1/y", ref("Free")])
def test_a_connector_that_stands_elsewhere(connector: Any) -> None:
    egress = {"EgressType": "VPC", "VpcConnectorArn": connector}
    resources = app_runner(NetworkConfiguration={"EgressConfiguration": egress})
    assert found(template(resources)) == {"SC-NET-02 Web"}


def test_a_service_of_app_runner_without_a_vpc_is_no_matter_of_the_network() -> None:
    resources = app_runner(NetworkConfiguration={})
    without_endpoints(resources)
    assert found(template(resources)) == set()


# Clients of a private service of App Runner


def client() -> Resources:
    resources = sound()
    resources |= app_runner()
    for name in ("Nightly", "Jobs", "Job"):
        resources.pop(name, None)
    resources |= {name: each for name, each in sound().items() if name in ("Service", "Task")}
    resources["RequestsGroup"] = group(
        SecurityGroupIngress=[tcp(SourceSecurityGroupId=att("WorkloadGroup", "GroupId"))], SecurityGroupEgress=[]
    )
    resources["Requests"] = interface(
        "apprunner.requests", PrivateDnsEnabled=False, SecurityGroupIds=[att("RequestsGroup", "GroupId")]
    )
    resources["Ingress"] = resource(
        "AppRunner::VpcIngressConnection",
        ServiceArn=ref("Web"),
        IngressVpcConfiguration={"VpcId": ref("Vpc"), "VpcEndpointId": ref("Requests")},
    )
    variables = [{"Name": "WEB", "Value": join("https://", att("Ingress", "DomainName"))}]
    props(resources, "Task")["ContainerDefinitions"][0]["Environment"] = variables
    del resources["Function"], resources["Web"], resources["Connector"]
    resources["OutToRequests"] = resource(
        "EC2::SecurityGroupEgress",
        GroupId=att("WorkloadGroup", "GroupId"),
        **tcp(DestinationSecurityGroupId=att("RequestsGroup", "GroupId")),
    )
    return resources


def test_a_client_reaches_a_private_service_by_its_endpoint() -> None:
    findings = judge(template(client()))
    assert not findings, told(findings)


@pytest.mark.parametrize("closed", ["out", "in"])
def test_a_client_that_nobody_lets_through(closed: str) -> None:
    resources = client()
    if closed == "out":
        del resources["OutToRequests"]
    else:
        props(resources, "RequestsGroup")["SecurityGroupIngress"] = []
    assert found(template(resources)) == {"SC-NET-01[Ingress] Service"}


def test_an_endpoint_of_another_network() -> None:
    resources = client()
    props(resources, "Ingress")["IngressVpcConfiguration"]["VpcEndpointId"] = "vpce-0a1b2c3d"
    assert found(template(resources)) == {"SC-NET-02 Service"}


def test_what_stands_under_a_condition_is_reached_under_it() -> None:
    resources = client()
    for name in ("Ingress", "OutToRequests"):
        resources[name]["Condition"] = "Prod"
    variables = [{"Name": "WEB", "Value": either("Prod", att("Ingress", "DomainName"), "none")}]
    props(resources, "Task")["ContainerDefinitions"][0]["Environment"] = variables
    assert found(template(resources)) == set()
