"""The rules about load balancers."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_s3 as s3

from secure_containers.rules import Rule, Severity, Template, evaluate
from secure_containers.rules.elb import (
    plaintext_targets,
    smuggled_requests,
    unchecked_targets,
    unlogged_requests,
    unprotected_load_balancer,
    weak_tls_policy,
)
from tests.rules.support import ACCOUNT, NO_VALUE, either, join, ref, said, template
from tests.support import synthesized

RULES = (
    weak_tls_policy,
    plaintext_targets,
    unlogged_requests,
    unprotected_load_balancer,
    smuggled_requests,
    unchecked_targets,
)
PARAMETERS = {
    "Strong": {"Type": "String", "AllowedValues": ["ELBSecurityPolicy-TLS13-1-3-2021-06"]},
    "Policy": {"Type": "String", "AllowedValues": ["ELBSecurityPolicy-TLS13-1-3-2021-06", "ELBSecurityPolicy-2016-08"]},
    "Switch": {"Type": "String", "AllowedValues": ["true", "false"]},
    "On": {"Type": "String", "AllowedValues": ["true"]},
    "Bucket": {"Type": "String", "AllowedPattern": ".+"},
}


def judged(rule: Rule, type_: str, **properties: Any) -> list[str]:
    resources = {
        "Judged": {"Type": f"AWS::ElasticLoadBalancingV2::{type_}", "Properties": properties},
        "Logs": {"Type": "AWS::S3::Bucket"},
    }
    return said(rule, template(resources, Parameters=PARAMETERS))


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"Protocol": "HTTPS"}, "SC-ELB-01"),
        ({"Protocol": "TLS"}, "SC-ELB-01"),
        ({"Protocol": "HTTPS", "SslPolicy": "ELBSecurityPolicy-2016-08"}, "SC-ELB-01"),
        ({"Protocol": "HTTPS", "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"}, "SC-ELB-01"),
        ({"Protocol": "HTTPS", "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-PQ-2025-09"}, "SC-ELB-01"),
        ({"Protocol": "HTTPS", "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06"}, "SC-ELB-01"),
        ({"Protocol": "HTTPS", "SslPolicy": "ELBSecurityPolicy-FS-1-2-Res-2020-10"}, "SC-ELB-01"),
        ({"Protocol": "HTTPS", "SslPolicy": either("Prod", ref("Strong"))}, "SC-ELB-01"),
        ({"Protocol": "HTTPS", "SslPolicy": ref("Policy")}, "SC-ELB-01"),
        ({"Protocol": "HTTPS", "SslPolicy": ref("Free")}, "SC-ELB-01?"),
        ({"Protocol": "HTTPS", "SslPolicy": {"Fn::ImportValue": "policy"}}, "SC-ELB-01?"),
        ({"Protocol": ref("Free")}, "SC-ELB-01?"),
        ({"Protocol": "HTTPS", "SslPolicy": ref("Strong")}, ""),
        ({"Protocol": ref("Free"), "SslPolicy": ref("Strong")}, ""),
        ({"Protocol": "HTTP"}, ""),
        ({"Protocol": either("Prod", "HTTPS", "HTTP"), "SslPolicy": either("Prod", ref("Strong"))}, ""),
        *(
            ({"Protocol": "TLS", "SslPolicy": f"ELBSecurityPolicy-TLS13-1-{each}"}, "")
            for each in (
                "3-2021-06",
                "3-FIPS-2023-04",
                "2-Res-2021-06",
                "2-Res-FIPS-2023-04",
                "2-Res-PQ-2025-09",
                "3-PQ-2025-09",
                "2-Res-FIPS-PQ-2025-09",
                "3-FIPS-PQ-2025-09",
            )
        ),
    ],
)
def test_weak_tls_policy(properties: dict[str, Any], expected: str) -> None:
    assert judged(weak_tls_policy, "Listener", **properties) == expected.split()


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"Protocol": "HTTP"}, "SC-ELB-02"),
        ({"Protocol": "HTTP", "TargetType": "ip"}, "SC-ELB-02"),
        ({"Protocol": either("Prod", "HTTPS", "HTTP")}, "SC-ELB-02"),
        ({"Protocol": ref("Free")}, "SC-ELB-02?"),
        ({"Protocol": "HTTPS"}, ""),
        ({"Protocol": "TLS"}, ""),
        ({"Protocol": "GENEVE"}, ""),
        ({"Protocol": "TCP"}, ""),
        ({"TargetType": "lambda"}, ""),
        ({"Protocol": "TCP", "TargetType": "alb"}, ""),
    ],
)
def test_plaintext_targets(properties: dict[str, Any], expected: str) -> None:
    assert judged(plaintext_targets, "TargetGroup", **properties) == expected.split()
    assert plaintext_targets.severity is Severity.WARNING


@pytest.mark.parametrize(("listens", "expected"), [("TLS", ["SC-ELB-02"]), ("TCP", [])])
@pytest.mark.parametrize("by_rule", [True, False])
def test_tcp_where_tls_ends_at_the_load_balancer(listens: str, expected: list[str], *, by_rule: bool) -> None:
    forward = [{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": ref("Targets")}]}}]
    listener = {"Protocol": listens, "DefaultActions": [] if by_rule else forward}
    resources: dict[str, Any] = {
        "Targets": {"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": {"Protocol": "TCP"}},
        "Listener": {"Type": "AWS::ElasticLoadBalancingV2::Listener", "Properties": listener},
    }
    if by_rule:
        properties = {"ListenerArn": ref("Listener"), "Actions": forward}
        resources["Rule"] = {"Type": "AWS::ElasticLoadBalancingV2::ListenerRule", "Properties": properties}
    assert said(plaintext_targets, template(resources)) == expected


def attributes(**values: Any) -> list[dict[str, Any]]:
    return [{"Key": key.replace("__", "."), "Value": value} for key, value in values.items()]


ACCESS = attributes(access_logs__s3__enabled="true", access_logs__s3__bucket=ref("Logs"))
CONNECTIONS = attributes(connection_logs__s3__enabled=True, connection_logs__s3__bucket=join("logs-", ref("Free")))
NO_ACCESS, NO_CONNECTIONS = "SC-ELB-03[access_logs.s3.enabled]", "SC-ELB-03[connection_logs.s3.enabled]"


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (NO_VALUE, [NO_ACCESS, NO_CONNECTIONS]),
        ([], [NO_ACCESS, NO_CONNECTIONS]),
        (ACCESS, [NO_CONNECTIONS]),
        (CONNECTIONS, [NO_ACCESS]),
        ([*CONNECTIONS, ACCESS[0]], ["SC-ELB-03[access_logs.s3.bucket]"]),
        ([*CONNECTIONS, ACCESS[0], *attributes(access_logs__s3__bucket="")], ["SC-ELB-03[access_logs.s3.bucket]"]),
        ([*CONNECTIONS, *attributes(access_logs__s3__enabled="false"), ACCESS[1]], [NO_ACCESS]),
        ([*CONNECTIONS, either("Prod", ACCESS[0]), ACCESS[1]], [NO_ACCESS]),
        (either("Prod", [*ACCESS, *CONNECTIONS]), [NO_ACCESS, NO_CONNECTIONS]),
        ([*CONNECTIONS, *attributes(access_logs__s3__enabled=ref("Switch")), ACCESS[1]], [NO_ACCESS]),
        ([*CONNECTIONS, *attributes(access_logs__s3__enabled=ref("Free")), ACCESS[1]], ["SC-ELB-03?"]),
        ([*CONNECTIONS, {"Key": ref("Free"), "Value": "true"}, ACCESS[1]], ["SC-ELB-03?"]),
        ([*CONNECTIONS, ACCESS[0], *attributes(access_logs__s3__bucket=ref("Free"))], ["SC-ELB-03?"]),
        ([*CONNECTIONS, ACCESS[0], {"Key": ref("Bucket"), "Value": "logs"}], ["SC-ELB-03?"]),
        (ref("Free"), ["SC-ELB-03?", "SC-ELB-03?"]),
        ([*ACCESS, *CONNECTIONS], []),
        ([*CONNECTIONS, ref("Free"), *ACCESS], []),
        ([*CONNECTIONS, ACCESS[0], *attributes(access_logs__s3__bucket=ref("Bucket"))], []),
        ([*CONNECTIONS, *attributes(access_logs__s3__enabled=ref("On")), ACCESS[1]], []),
        ([*CONNECTIONS, either("Prod", ACCESS[0]), either("NotProd", ACCESS[0]), ACCESS[1]], []),
    ],
)
def test_unlogged_requests(listed: Any, expected: list[str]) -> None:
    assert judged(unlogged_requests, "LoadBalancer", LoadBalancerAttributes=listed) == expected


@pytest.mark.parametrize(("kind", "expected"), [("application", 2), (ref("Free"), 2), ("network", 0), ("gateway", 0)])
def test_only_application_load_balancers_have_these_logs(kind: Any, expected: int) -> None:
    assert len(judged(unlogged_requests, "LoadBalancer", Type=kind)) == expected


UNPROTECTED = "SC-ELB-04[deletion_protection.enabled]"


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (NO_VALUE, [UNPROTECTED]),
        (attributes(deletion_protection__enabled="false"), [UNPROTECTED]),
        (attributes(deletion_protection__enabled=either("Prod", "true", "false")), [UNPROTECTED]),
        (attributes(deletion_protection__enabled=ref("Free")), ["SC-ELB-04?"]),
        (attributes(deletion_protection__enabled="true"), []),
    ],
)
@pytest.mark.parametrize("kind", ["application", "network", "gateway"])
def test_unprotected_load_balancer(listed: Any, expected: list[str], kind: str) -> None:
    assert judged(unprotected_load_balancer, "LoadBalancer", Type=kind, LoadBalancerAttributes=listed) == expected


DROPS = attributes(routing__http__drop_invalid_header_fields__enabled="true")
KEEPS_HEADERS = "SC-ELB-05[routing.http.drop_invalid_header_fields.enabled]"
MONITORS = "SC-ELB-05[routing.http.desync_mitigation_mode]"


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (NO_VALUE, [KEEPS_HEADERS]),
        (attributes(routing__http__desync_mitigation_mode="strictest"), [KEEPS_HEADERS]),
        ([*DROPS, *attributes(routing__http__desync_mitigation_mode="monitor")], [MONITORS]),
        ([*DROPS, either("Prod", attributes(routing__http__desync_mitigation_mode="monitor")[0])], [MONITORS]),
        ([*DROPS, *attributes(routing__http__desync_mitigation_mode=ref("Free"))], ["SC-ELB-05?"]),
        ([*DROPS, *attributes(routing__http__desync_mitigation_mode="strictest")], []),
        ([*DROPS, *attributes(routing__http__desync_mitigation_mode="defensive")], []),
        (DROPS, []),
    ],
)
def test_smuggled_requests(listed: Any, expected: list[str]) -> None:
    assert judged(smuggled_requests, "LoadBalancer", LoadBalancerAttributes=listed) == expected


def test_a_network_load_balancer_reads_no_requests() -> None:
    assert judged(smuggled_requests, "LoadBalancer", Type="network") == []


CHECKED = {"HealthCheckPath": "/health", "HealthCheckProtocol": "HTTPS"}


@pytest.mark.parametrize(
    ("properties", "count"),
    [
        ({"Protocol": "HTTP"}, 1),
        ({"Protocol": "HTTPS"}, 2),
        ({"Protocol": "HTTPS", "HealthCheckPath": "/health"}, 1),
        ({"Protocol": "HTTPS"} | CHECKED | {"HealthCheckProtocol": "HTTP"}, 1),
        ({"Protocol": "HTTPS"} | CHECKED | {"HealthCheckEnabled": False}, 1),
        ({"Protocol": "HTTPS"} | CHECKED | {"HealthCheckPath": either("Prod", "/health")}, 1),
        ({"Protocol": "TLS"}, 1),
        ({"Protocol": "TCP", "HealthCheckEnabled": "false"}, 1),
        ({"Protocol": "HTTPS"} | CHECKED, 0),
        ({"Protocol": "HTTPS"} | CHECKED | {"HealthCheckEnabled": "true"}, 0),
        ({"Protocol": "HTTP", "HealthCheckPath": "/health"}, 0),
        ({"Protocol": "TLS", "HealthCheckProtocol": "HTTPS"}, 0),
        ({"Protocol": "TCP"}, 0),
        ({"TargetType": "lambda", "HealthCheckEnabled": False}, 0),
        ({"TargetType": "alb", "Protocol": "TCP"}, 0),
    ],
)
def test_unchecked_targets(properties: dict[str, Any], count: int) -> None:
    found = judged(unchecked_targets, "TargetGroup", **properties)
    assert set(found) <= {"SC-ELB-06"}
    assert len(found) == count


@pytest.mark.parametrize("name", ["HealthCheckEnabled", "HealthCheckPath", "HealthCheckProtocol"])
def test_a_check_that_nobody_tells(name: str) -> None:
    properties = {"Protocol": "HTTPS"} | CHECKED | {name: ref("Free")}
    assert judged(unchecked_targets, "TargetGroup", **properties) == ["SC-ELB-06?"]


def template_of(app: App, *, hardened: bool) -> Template:
    """A load balancer as the CDK makes it, and with what it takes to harden it."""
    stack = Stack(app, "Stack", env=Environment(account=ACCOUNT, region="eu-central-1"))
    vpc = ec2.Vpc(stack, "Vpc")
    balancer = elbv2.ApplicationLoadBalancer(
        stack, "Balancer", vpc=vpc, deletion_protection=hardened, drop_invalid_header_fields=hardened
    )
    if hardened:
        logs = s3.Bucket(stack, "Logs")
        balancer.log_access_logs(logs)
        balancer.log_connection_logs(logs)
    targets = elbv2.ApplicationTargetGroup(
        stack,
        "Targets",
        vpc=vpc,
        target_type=elbv2.TargetType.IP,
        protocol=elbv2.ApplicationProtocol.HTTPS if hardened else elbv2.ApplicationProtocol.HTTP,
        health_check=elbv2.HealthCheck(path="/health", protocol=elbv2.Protocol.HTTPS) if hardened else None,
    )
    balancer.add_listener(
        "Https",
        port=443,
        certificates=[elbv2.ListenerCertificate.from_arn(f"arn:aws:acm:eu-central-1:{ACCOUNT}:certificate/1")],
        ssl_policy=elbv2.SslPolicy.TLS13_12_RES_PQ if hardened else elbv2.SslPolicy.RECOMMENDED_TLS,
        default_target_groups=[targets],
    )
    return Template(synthesized(app)["Stack"], "stack.json", account=ACCOUNT, region="eu-central-1")


def test_every_rule_finds_something_in_what_the_cdk_makes_unasked(app: App) -> None:
    unasked = template_of(app, hardened=False)
    assert [rule.id for rule in RULES if not said(rule, unasked)] == []


def test_a_hardened_load_balancer_of_the_cdk(app: App) -> None:
    hardened = template_of(app, hardened=True)
    assert [found for rule in RULES for found in said(rule, hardened)] == []


def test_what_is_asked_of_grpc_by_default() -> None:
    it = {
        "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
        "Properties": {"Protocol": "HTTP", "ProtocolVersion": "GRPC"},
    }
    (finding,) = evaluate([template({"It": it})], [unchecked_targets]).findings
    assert finding.message == "HealthCheckPath is not set, which means /AWS.ALB/healthcheck"
