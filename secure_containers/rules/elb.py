"""Rules about load balancers in front of containers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from secure_containers.rules.engine import Controls, Observations, Severity, resource_rule, template_rule
from secure_containers.rules.network.exposure import BALANCER, LISTENER, led_by_listeners
from secure_containers.rules.template import (
    Place,
    Resource,
    Template,
    Value,
    Verdict,
    World,
    is_left_out,
    is_true,
    surely,
    where,
)

_TARGETS: Final = "AWS::ElasticLoadBalancingV2::TargetGroup"
_CONTROLS: Final = "https://docs.aws.amazon.com/securityhub/latest/userguide/elb-controls.html"
_STRONG: Final = re.compile(r"ELBSecurityPolicy-TLS13-1-(3|2-Res)(-FIPS)?(-PQ)?-\d{4}-\d{2}")
"""The policies of ELB.17: TLS 1.3 alone, or with the ciphers of TLS 1.2 that have forward secrecy and GCM."""
_TLS: Final = ("HTTPS", "TLS")


@resource_rule(
    "SC-ELB-01",
    types=(LISTENER,),
    guidelines=("tls-everywhere",),
    controls=Controls(
        fsbp=("ELB.17",),
        nist_800_53_r5=(
            "AC-17(2)",
            "AC-4",
            "IA-5(1)",
            "SC-12(3)",
            "SC-13",
            "SC-23",
            "SC-23(3)",
            "SC-7(4)",
            "SC-8",
            "SC-8(1)",
            "SC-8(2)",
            "SI-7(6)",
        ),
        source=_CONTROLS,
    ),
)
def weak_tls_policy(listener: Resource) -> Observations:
    """A listener agrees to weak TLS.

    ## Why
    Without `SslPolicy` a listener takes `ELBSecurityPolicy-2016-08`, which speaks TLS 1.0 with whoever asks for it. The
    policy that the CDK calls recommended still takes ciphers in CBC mode, which have been broken again and again.

    ## Fix
    Set `SslPolicy` to a policy of `ELBSecurityPolicy-TLS13-1-3-*` or `ELBSecurityPolicy-TLS13-1-2-Res-*`: in CDK
    `SslPolicy.TLS13_12_RES_PQ` or `TLS13_RES`. Security Hub accepts no others.

    ## Bad
    ```yaml
    Resources:
      Listener:
        Type: AWS::ElasticLoadBalancingV2::Listener
        Properties:
          LoadBalancerArn: !Ref LoadBalancer
          Protocol: HTTPS
          Port: 443
          Certificates: [{CertificateArn: !Ref Certificate}]
          SslPolicy: ELBSecurityPolicy-TLS13-1-2-2021-06
          DefaultActions: [{Type: forward, TargetGroupArn: !Ref Targets}]
    ```

    ## Good
    ```yaml
    Resources:
      Listener:
        Type: AWS::ElasticLoadBalancingV2::Listener
        Properties:
          LoadBalancerArn: !Ref LoadBalancer
          Protocol: HTTPS
          Port: 443
          Certificates: [{CertificateArn: !Ref Certificate}]
          SslPolicy: ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09
          DefaultActions: [{Type: forward, TargetGroupArn: !Ref Targets}]
    ```
    """
    for protocol in listener.get("Protocol"):
        if protocol.unknown or protocol.text in _TLS:
            for policy in protocol.beside("SslPolicy"):
                if not _STRONG.fullmatch(policy.text):
                    place = protocol if protocol.unknown else policy
                    yield place.violates(
                        f"SslPolicy is {policy.text or 'not set, which means ELBSecurityPolicy-2016-08'}"
                    )


@template_rule(
    "SC-ELB-02",
    types=(_TARGETS,),
    guidelines=("tls-everywhere",),
    severity=Severity.WARNING,
    controls=Controls(fsbp=("ELB.22",), source=_CONTROLS),
)
def plaintext_targets(template: Template) -> Observations:
    """The last hop, from the load balancer to the container, is plain.

    ## Why
    TLS that ends at the load balancer leaves the rest of the way readable to whoever gets into the network: requests,
    cookies and answers. Many regulations ask for encryption on every hop.

    ## Fix
    Set the target group's `Protocol` to `HTTPS` (`TLS` behind a network load balancer) and let the container, or a
    proxy beside it, answer with a certificate; the load balancer takes a self-signed one. A target group of `TCP` is a
    finding only behind a listener that ends TLS: otherwise the container may.

    ## Bad
    ```yaml
    Resources:
      Targets:
        Type: AWS::ElasticLoadBalancingV2::TargetGroup
        Properties: {TargetType: ip, Protocol: HTTP, Port: 8080, HealthCheckPath: /health, VpcId: vpc-0a1b2c3d}
    ```

    ## Good
    ```yaml
    Resources:
      Targets:
        Type: AWS::ElasticLoadBalancingV2::TargetGroup
        Properties:
          TargetType: ip
          Protocol: HTTPS
          Port: 8443
          HealthCheckProtocol: HTTPS
          HealthCheckPath: /health
          VpcId: vpc-0a1b2c3d
    ```
    """
    ending = template.world.once(_groups_behind_tls)
    for group in template.of_type(_TARGETS):
        for protocol in _protocols(group):
            if protocol.unknown or protocol.text == "HTTP" or (protocol.text == "TCP" and group in ending):
                yield protocol.violates(f"the targets are reached by {protocol.text}")


@resource_rule(
    "SC-ELB-03",
    types=(BALANCER,),
    guidelines=("cloudwatch-logs-and-alarms",),
    controls=Controls(
        fsbp=("ELB.5",),
        nist_800_53_r5=(
            "AC-4(26)",
            "AU-10",
            "AU-12",
            "AU-2",
            "AU-3",
            "AU-6(3)",
            "AU-6(4)",
            "CA-7",
            "SC-7(9)",
            "SI-7(8)",
        ),
        source=_CONTROLS,
    ),
)
def unlogged_requests(balancer: Resource) -> Observations:
    """A load balancer keeps no record of who asked for what.

    ## Why
    Its access log is the only place that has every request with its client, path and answer, also of those that never
    reached a container. Connections that fail at TLS stand in the connection log alone. Neither can be had afterwards.

    ## Fix
    Set `access_logs.s3.enabled` and `connection_logs.s3.enabled` to `true`, each with its `bucket`: in CDK
    `log_access_logs` and `log_connection_logs`. Only application load balancers are judged.

    ## Bad
    ```yaml
    Resources:
      LoadBalancer:
        Type: AWS::ElasticLoadBalancingV2::LoadBalancer
        Properties:
          Scheme: internal
          LoadBalancerAttributes:
            - {Key: access_logs.s3.enabled, Value: 'true'}
            - {Key: access_logs.s3.bucket, Value: !Ref Logs}
    ```

    ## Good
    ```yaml
    Resources:
      LoadBalancer:
        Type: AWS::ElasticLoadBalancingV2::LoadBalancer
        Properties:
          Scheme: internal
          LoadBalancerAttributes:
            - {Key: access_logs.s3.enabled, Value: 'true'}
            - {Key: access_logs.s3.bucket, Value: !Ref Logs}
            - {Key: connection_logs.s3.enabled, Value: 'true'}
            - {Key: connection_logs.s3.bucket, Value: !Ref Logs}
      Logs:
        Type: AWS::S3::Bucket
    ```
    """
    if _is_application(balancer):
        for log in ("access_logs", "connection_logs"):
            found = [*_unless(balancer, f"{log}.s3.enabled", _is_on), *_unless(balancer, f"{log}.s3.bucket", _is_named)]
            yield from found[:1]


@resource_rule(
    "SC-ELB-04",
    types=(BALANCER,),
    guidelines=("services-recover",),
    controls=Controls(
        fsbp=("ELB.6",),
        nist_800_53_r5=("CA-9(1)", "CM-2", "CM-2(2)", "CM-3", "SC-5(2)"),
        source=_CONTROLS,
    ),
)
def unprotected_load_balancer(balancer: Resource) -> Observations:
    """A load balancer can be deleted by one call.

    ## Why
    With it goes its host name, which clients and records point to, and all services behind it are out of reach at once.
    A new one has another name.

    ## Fix
    Set `deletion_protection.enabled` to `true`: in CDK `deletion_protection=True`. Whoever wants to delete the stack
    turns it off before.

    ## Bad
    ```yaml
    Resources:
      LoadBalancer:
        Type: AWS::ElasticLoadBalancingV2::LoadBalancer
        Properties: {Type: network, Scheme: internal}
    ```

    ## Good
    ```yaml
    Resources:
      LoadBalancer:
        Type: AWS::ElasticLoadBalancingV2::LoadBalancer
        Properties:
          Type: network
          Scheme: internal
          LoadBalancerAttributes: [{Key: deletion_protection.enabled, Value: 'true'}]
    ```
    """
    yield from _unless(balancer, "deletion_protection.enabled", _is_on)


@resource_rule(
    "SC-ELB-05",
    types=(BALANCER,),
    guidelines=("tls-everywhere",),
    controls=Controls(
        fsbp=("ELB.4", "ELB.12"),
        nist_800_53_r5=("AC-4(21)", "CA-9(1)", "CM-2", "SC-7(4)", "SC-8(2)"),
        pci_dss_4=("6.2.4",),
        source=_CONTROLS,
    ),
)
def smuggled_requests(balancer: Resource) -> Observations:
    """A load balancer lets ambiguous requests through.

    ## Why
    A request that the load balancer and the container read differently carries a second one in its body. That one runs
    with somebody else's session, or poisons a cache.

    ## Fix
    Set `routing.http.drop_invalid_header_fields.enabled` to `true`, and `routing.http.desync_mitigation_mode` to
    `strictest`. `defensive`, which is the default, is no finding either; `monitor` only counts such requests.

    ## Bad
    ```yaml
    Resources:
      LoadBalancer:
        Type: AWS::ElasticLoadBalancingV2::LoadBalancer
        Properties: {Scheme: internal}
    ```

    ## Good
    ```yaml
    Resources:
      LoadBalancer:
        Type: AWS::ElasticLoadBalancingV2::LoadBalancer
        Properties:
          Scheme: internal
          LoadBalancerAttributes:
            - {Key: routing.http.drop_invalid_header_fields.enabled, Value: 'true'}
            - {Key: routing.http.desync_mitigation_mode, Value: strictest}
    ```
    """
    if _is_application(balancer):
        yield from _unless(balancer, "routing.http.drop_invalid_header_fields.enabled", _is_on)
        yield from _unless(balancer, "routing.http.desync_mitigation_mode", _mitigates, by_default=True)


@resource_rule(
    "SC-ELB-06",
    types=(_TARGETS,),
    guidelines=("services-recover", "tls-everywhere"),
    controls=Controls(fsbp=("ELB.21",), source=_CONTROLS),
)
def unchecked_targets(group: Resource) -> Observations:
    """Nobody asks the targets properly whether they are well.

    ## Why
    A container whose port is open but whose work fails gets its share of the requests, and a deployment of broken
    containers is taken for a success. The path `/`, which is asked if nothing is said, is a page, a redirect or an
    error, and tells little; so does `/AWS.ALB/healthcheck` of gRPC, which no service answers. A check in the clear
    tells whoever listens how the service is made, and can be answered by somebody else.

    ## Fix
    Set `HealthCheckPath` to a path of the service that fails when the service cannot do its work, and
    `HealthCheckProtocol` to `HTTPS` where the targets speak TLS. Leave `HealthCheckEnabled` out.

    ## Bad
    ```yaml
    Resources:
      Targets:
        Type: AWS::ElasticLoadBalancingV2::TargetGroup
        Properties: {TargetType: ip, Protocol: HTTPS, Port: 8443, VpcId: vpc-0a1b2c3d}
    ```

    ## Good
    ```yaml
    Resources:
      Targets:
        Type: AWS::ElasticLoadBalancingV2::TargetGroup
        Properties:
          TargetType: ip
          Protocol: HTTPS
          Port: 8443
          HealthCheckProtocol: HTTPS
          HealthCheckPath: /health
          VpcId: vpc-0a1b2c3d
    ```
    """
    for protocol in _protocols(group):
        for enabled in protocol.beside("HealthCheckEnabled"):
            if not enabled.absent and not is_true(enabled.data):
                yield enabled.violates(f"HealthCheckEnabled is {enabled.text}")
        for path in protocol.beside("HealthCheckPath") if protocol.text in ("HTTP", "HTTPS") else ():
            if is_left_out(path):
                versions = path.beside("ProtocolVersion")
                default = "/AWS.ALB/healthcheck" if any(each.text == "GRPC" for each in versions) else "/"
                yield path.violates(f"HealthCheckPath is not set, which means {default}")
        for asked in protocol.beside("HealthCheckProtocol") if protocol.text in _TLS else ():
            if asked.text != "HTTPS":
                told = asked.text or f"not set, which means {'HTTP' if protocol.text == 'HTTPS' else 'TCP'}"
                yield asked.violates(f"the targets speak {protocol.text}, and HealthCheckProtocol is {told}")


def _is_application(balancer: Resource) -> bool:
    return any(kind.unknown or kind.text in ("", "application") for kind in balancer.get("Type"))


def _is_on(value: Value) -> bool:
    return is_true(value.data)


def _is_named(value: Value) -> bool:
    return not is_left_out(value)


def _mitigates(value: Value) -> bool:
    return value.text in ("defensive", "strictest")


def _unless(
    balancer: Resource, key: str, is_good: Callable[[Value], bool], *, by_default: bool = False
) -> Observations:
    """A finding, unless an attribute of a load balancer is set well wherever it is deployed, or well by default."""
    for listed in balancer.get("LoadBalancerAttributes"):
        found = list(_verdicts(listed, key, is_good))
        bad = next((value for verdict, value in found if verdict is False), None)
        untold = next((value for verdict, value in found if verdict is None), None)
        if bad is not None:
            yield balancer.violates(f"{key} is {bad.text or 'empty'}", at=bad.path, about=key)
        elif surely(found, listed):
            continue
        elif untold is not None:
            yield untold.undecided(f"is {key} set?")
        elif not by_default:
            yield balancer.violates(f"{key} is not set", at=listed.path, about=key)


def _verdicts(listed: Value, key: str, is_good: Callable[[Value], bool]) -> Iterator[Verdict]:
    """Whether a list of attributes has a good value under a key."""
    for entry in listed.items():
        for name in entry.get("Key"):
            if name.unknown:
                yield None, name
            elif name.text == key:
                for value in where(entry, name).get("Value"):
                    yield is_good(value) or (None if value.unknown else False), value


def _protocols(group: Resource) -> Iterator[Value]:
    """How targets are reached that are containers or hosts."""
    for protocol in group.get("Protocol"):
        if all(kind.text not in ("lambda", "alb") for kind in protocol.beside("TargetType")):
            yield protocol


def _groups_behind_tls(world: World) -> frozenset[Place]:
    """The target groups to which listeners lead that end TLS."""
    return frozenset(
        group
        for listener, groups in world.once(led_by_listeners).items()
        for group in groups
        if any(protocol.text in _TLS for protocol in listener.get("Protocol"))
    )
