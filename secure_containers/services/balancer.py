"""The internal load balancer before a service: TLS only, one host name only, every request logged.

Sources: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html and
https://docs.aws.amazon.com/securityhub/latest/userguide/elb-controls.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

from aws_cdk import Duration, Names, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from secure_containers.buckets import load_balancer_log_bucket
from secure_containers.network import PrivateNetwork
from secure_containers.security_groups import closed_group
from secure_containers.services.parts import Domain, HealthCheck
from secure_containers.waivers import DefaultsOff, Waiver, waive

HTTPS: Final = 443
ACCEPTED_POLICIES: Final = {
    policy.name: policy
    for policy in (
        elbv2.SslPolicy.TLS13_RES,
        elbv2.SslPolicy.TLS13_12_RES_PQ,
        elbv2.SslPolicy.TLS13_13,
        elbv2.SslPolicy.TLS13_13_PQ,
        elbv2.SslPolicy.FIPS_TLS13_12_RES,
        elbv2.SslPolicy.FIPS_TLS13_12_RES_PQ,
        elbv2.SslPolicy.FIPS_TLS13_13,
        elbv2.SslPolicy.FIPS_TLS13_13_PQ,
    )
}
"""Those that control ELB.17 of AWS's Foundational Security Best Practices accepts."""
_LOGS: Final = {"access_logs": "requests", "connection_logs": "connections"}
_HEADERS: Final = "routing.http.drop_invalid_header_fields.enabled"
_DRAIN: Final = Duration.seconds(30)


class InternalLoadBalancer(Construct):
    """A load balancer in private subnets, its listener for one host name, and the tasks behind it."""

    load_balancer: elbv2.ApplicationLoadBalancer
    listener: elbv2.ApplicationListener
    target_group: elbv2.ApplicationTargetGroup
    alternate: elbv2.ApplicationTargetGroup | None
    """Where the other half of a deployment by traffic is; None for a rolling one."""
    rule: elbv2.ApplicationListenerRule
    """Sends requests for the host name to the tasks."""
    log_bucket: s3.IBucket | None
    """Where requests and connections are logged."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        network: PrivateNetwork,
        domain: Domain,
        port: int,
        health: HealthCheck,
        target_tls: bool,
        tls_policy: elbv2.SslPolicy,
        two_groups: bool,
        web_acl: wafv2.CfnWebACL | str | None,
        off: DefaultsOff,
        removal: RemovalPolicy,
    ) -> None:
        super().__init__(scope, id)
        group = closed_group(self, "SecurityGroup", vpc=network.vpc, description=f"Clients of {scope.node.path}")
        self._connections = ec2.Connections(security_groups=[group], default_port=ec2.Port.tcp(HTTPS))
        self.load_balancer = elbv2.ApplicationLoadBalancer(
            self,
            "LoadBalancer",
            vpc=network.vpc,
            vpc_subnets=_one_per_zone(network),
            internet_facing=False,
            security_group=group,
            deletion_protection=not off.waived("SC-ELB-04[deletion_protection.enabled]"),
            desync_mitigation_mode=elbv2.DesyncMitigationMode.STRICTEST,
            drop_invalid_header_fields=not off.waived(f"SC-ELB-05[{_HEADERS}]"),
        )
        logged = {kind: prefix for kind, prefix in _LOGS.items() if not off.waived(f"SC-ELB-03[{kind}.s3.enabled]")}
        self.log_bucket = self._log(logged, removal) if logged else None
        for kind in (each for each in _LOGS if each not in logged):  # as what an update leaves out stays as it was
            self.load_balancer.set_attribute(f"{kind}.s3.enabled", "false")
        groups = [self._target_group(name, port, health, target_tls=target_tls) for name in _names(two=two_groups)]
        self.target_group, self.alternate = groups[0], groups[1] if two_groups else None
        self.listener = elbv2.ApplicationListener(
            self,
            "Listener",
            load_balancer=cast("elbv2.IApplicationLoadBalancer", self.load_balancer),
            port=HTTPS,
            protocol=elbv2.ApplicationProtocol.HTTPS,
            certificates=[elbv2.ListenerCertificate.from_arn(domain.certificate.certificate_arn)],
            ssl_policy=tls_policy,
            open=False,
            default_action=elbv2.ListenerAction.fixed_response(404, content_type="text/plain"),
        )
        self.rule = elbv2.ApplicationListenerRule(
            self,
            "Rule",
            listener=self.listener,
            priority=1,
            conditions=[elbv2.ListenerCondition.host_headers([domain.name])],
            action=_forward(groups),
        )
        if web_acl is not None:
            wafv2.CfnWebACLAssociation(
                self,
                "WebAcl",
                resource_arn=self.load_balancer.load_balancer_arn,
                web_acl_arn=web_acl if isinstance(web_acl, str) else web_acl.attr_arn,
            )
        self._accept(with_acl=web_acl is not None, target_tls=target_tls)
        if domain.zone is not None:
            self._name(domain, domain.zone)

    @property
    def connections(self) -> ec2.Connections:
        """The clients' way in."""
        return self._connections

    def let_out(self, tasks: ec2.IConnectable, port: int) -> None:
        """Let requests through to the tasks."""
        self._connections.allow_to(tasks, ec2.Port.tcp(port), "requests and health checks")

    def _target_group(
        self, id: str, port: int, health: HealthCheck, *, target_tls: bool
    ) -> elbv2.ApplicationTargetGroup:
        plain, tls = elbv2.ApplicationProtocol.HTTP, elbv2.ApplicationProtocol.HTTPS
        return elbv2.ApplicationTargetGroup(
            self,
            id,
            vpc=self.load_balancer.vpc,
            port=port,
            protocol=tls if target_tls else plain,
            target_type=elbv2.TargetType.IP,
            deregistration_delay=_DRAIN,
            health_check=elbv2.HealthCheck(
                path=health.path,
                protocol=elbv2.Protocol.HTTPS if target_tls else elbv2.Protocol.HTTP,
                interval=Duration.seconds(health.interval_seconds),
                timeout=Duration.seconds(health.timeout_seconds),
                healthy_threshold_count=health.healthy_count,
                unhealthy_threshold_count=health.unhealthy_count,
                healthy_http_codes="200",
            ),
        )

    def _log(self, logged: Mapping[str, str], removal: RemovalPolicy) -> s3.Bucket:
        # RETAIN also when its own creation fails: with what AWS writes at once it cannot be deleted.
        kept = removal if removal is RemovalPolicy.DESTROY else RemovalPolicy.RETAIN
        bucket = load_balancer_log_bucket(self, "Logs", prefixes=tuple(logged.values()), removal=kept)
        # By attributes: CDK's own method asks for a Region and lets in more than AWS writes with.
        for kind, prefix in logged.items():
            self.load_balancer.set_attribute(f"{kind}.s3.enabled", "true")
            self.load_balancer.set_attribute(f"{kind}.s3.bucket", bucket.bucket_name)
            self.load_balancer.set_attribute(f"{kind}.s3.prefix", prefix)
        if bucket.policy is not None:  # AWS writes a file at once, to see whether it may
            self.load_balancer.node.default_child.node.add_dependency(bucket.policy)  # type: ignore[union-attr] # an L2 has one
        return bucket

    def _accept(self, *, with_acl: bool, target_tls: bool) -> None:
        if not with_acl:
            reason = (
                "internal, for clients whose security groups are named one by one; web_acl= associates a web ACL where "
                "requests come from people"
            )
            waive(self.load_balancer, Waiver("NIST.800.53.R5-ALBWAFEnabled", reason=reason))
        if not target_tls:
            reason = (
                "TLS ends at the load balancer, whose security group leads to these tasks only, in private subnets; "
                "target_tls=True encrypts this way too"
            )
            groups = [self.target_group, *([self.alternate] if self.alternate is not None else [])]
            for group in groups:
                waive(group, Waiver("SC-ELB-02", reason=reason))

    def _name(self, domain: Domain, zone: route53.IHostedZone) -> None:
        """By the L1, which lets Python ask for the targets' health, so that a name leaves out what is down."""
        route53.CfnRecordSet(
            self,
            "Name",
            hosted_zone_id=zone.hosted_zone_id,
            name=f"{domain.name}.",
            type="A",
            alias_target=route53.CfnRecordSet.AliasTargetProperty(
                dns_name=self.load_balancer.load_balancer_dns_name,
                hosted_zone_id=self.load_balancer.load_balancer_canonical_hosted_zone_id,
                # With two groups one of them is empty, which counts as ill.
                evaluate_target_health=self.alternate is None,
            ),
            weight=domain.weight,
            set_identifier=Names.unique_resource_name(self, max_length=128, separator="-")
            if domain.weight is not None
            else None,
        )


def _one_per_zone(network: PrivateNetwork) -> ec2.SubnetSelection:
    """A load balancer takes one subnet of each zone; an existing VPC may have more."""
    first: dict[str, ec2.ISubnet] = {}
    for subnet in network.subnets.subnets or []:
        first.setdefault(subnet.availability_zone, subnet)
    return ec2.SubnetSelection(subnets=list(first.values()))


def _names(*, two: bool) -> Sequence[str]:
    return ("Targets", "OtherTargets") if two else ("Targets",)


def _forward(groups: Sequence[elbv2.ApplicationTargetGroup]) -> elbv2.ListenerAction:
    """To the first group; in a deployment by traffic Amazon ECS moves the weights from one to the other."""
    if len(groups) == 1:
        return elbv2.ListenerAction.forward([cast("elbv2.IApplicationTargetGroup", groups[0])])
    return elbv2.ListenerAction.weighted_forward(
        [
            elbv2.WeightedTargetGroup(target_group=cast("elbv2.IApplicationTargetGroup", group), weight=weight)
            for group, weight in zip(groups, (100, 0), strict=True)
        ]
    )
