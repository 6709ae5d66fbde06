"""The endpoints of a network: which exist, what their policies let through, who reaches them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Final
from weakref import WeakKeyDictionary

import jsii
from aws_cdk import Annotations, IStableListProducer, Lazy, Reference, Stack, Token, Tokenization
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from secure_containers.ecr.actions import PULL_ACTIONS
from secure_containers.errors import invalid
from secure_containers.rules.network.services import (
    FIPS_REGIONS,
    HOST_SERVICES,
    PULL_SERVICES,
    SERVICES,
    Service,
    layer_bucket,
    service_of_endpoint,
)
from secure_containers.security_groups import closed_group

_BY_AGENTS: Final = (*PULL_SERVICES, *HOST_SERVICES, "logs", "ssmmessages", "guardduty-data", "secretsmanager", "ssm")
"""What agents of AWS call, which no SDK setting turns to FIPS host names."""
GUARDDUTY_AGENT: Final = "aws-guardduty-agent-fargate"
"""The repository of GuardDuty's agent, in accounts of AWS, which runs beside Fargate tasks under their role."""
WRITE_RESOURCES: Final = 'resources=[bucket.bucket_arn, bucket.arn_for_objects("*")]'
_HTTPS: Final = ec2.Port.tcp(443)
_READ_PARAMETERS: Final = ("ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath")
AnyEndpoint = ec2.IInterfaceVpcEndpoint | ec2.IGatewayVpcEndpoint


def known_service(path: str, argument: str, name: str) -> Service:
    """The service of that name.

    Raises:
        ValueError: no service has it.
    """
    if not isinstance(name, str) or str(name) not in SERVICES:
        close = difflib.get_close_matches(name, SERVICES, 1) if isinstance(name, str) else []
        write = f'"{close[0]}"' if close else "each service by its name, *IMAGE_PULL with its star"
        raise invalid(path, argument, name, allowed=", ".join(sorted(SERVICES)), write=write)
    return SERVICES[str(name)]


class Endpoints:
    """Adds each endpoint of a network once, and uses those that are there already."""

    def __init__(
        self,
        scope: Construct,
        *,
        vpc: ec2.IVpc,
        subnets: Sequence[ec2.ISubnet],
        gateway_subnets: Sequence[ec2.SubnetSelection],
        zones: Mapping[str, Sequence[int]],
        organization_id: str | None,
        fips: bool,
        given: Mapping[str, AnyEndpoint],
        unrestricted: bool,
        rules_per_group: int,
    ) -> None:
        self._scope = scope
        self._path = scope.node.path
        self._vpc = vpc
        self._subnets = subnets
        self._gateway_subnets = gateway_subnets
        self._zones = zones
        self._organization_id = organization_id
        self._fips = fips
        self._unrestricted = unrestricted
        self._rules_left = rules_per_group - 2  # one is for everybody, one is free while rules change places
        self._let_in: dict[int, tuple[int, ec2.ISecurityGroup]] = {}
        self._given = dict(given)
        self._endpoints: dict[str, list[AnyEndpoint]] = {}
        self._group: ec2.SecurityGroup | None = None
        self._stack = Stack.of(scope)
        self._account, self._region, self._partition = self._stack.account, self._stack.region, self._stack.partition

    @property
    def group(self) -> ec2.SecurityGroup:
        """The security group of the endpoints that are added here."""
        if self._group is None:
            description = "Endpoints of AWS services: HTTPS from the workloads that need them"
            self._group = closed_group(self._scope, "Endpoints", vpc=self._vpc, description=description)
        return self._group

    def named(self, service: Service) -> list[AnyEndpoint]:
        """The endpoints of a service, of which FIPS may take two; they are added if there are none."""
        if service.name not in self._endpoints:
            self._endpoints[service.name] = [self._find_or_add(service, name) for name in self._names(service)]
        return self._endpoints[service.name]

    def doors(self, service: Service) -> list[ec2.ISecurityGroup]:
        """The security groups of a service's endpoints. Gateways have none."""
        if service.gateway:
            return []
        return [door for endpoint in self.named(service) for door in self._doors(service, endpoint)]

    def _doors(self, service: Service, endpoint: AnyEndpoint) -> Sequence[ec2.ISecurityGroup]:
        if endpoint in _OWN:
            return [self.group] if _OWN[endpoint] is self else [_OWN[endpoint].group]
        groups: Sequence[ec2.ISecurityGroup] = endpoint.connections.security_groups  # type: ignore[union-attr]  # no gateway
        if not groups:
            raise invalid(
                self._path,
                "endpoints",
                service.name,
                allowed="endpoints with their security groups, which have to let workloads in",
                write="from_interface_vpc_endpoint_attributes(..., security_groups=[...])",
            )
        return groups

    def addresses(self) -> str:
        """The addresses of the VPC."""
        try:
            return self._vpc.vpc_cidr_block
        except RuntimeError as error:
            allowed = "a VPC whose addresses are told, which GuardDuty's agent comes from"
            write = "vpc_cidr_block=... where the VPC is imported, or runtime_monitoring=False on the service"
            raise invalid(self._path, "vpc", "no addresses", allowed=allowed, write=write) from error

    def _find_or_add(self, service: Service, name: str) -> AnyEndpoint:
        found = self._given.get(name) or self._of_vpc().get((name, service.gateway))
        if found is None:
            found = self._add_gateway(service) if service.gateway else self._add_interface(service, name)
            _OWN[found] = self
        return found

    def _of_vpc(self) -> dict[tuple[str, bool], AnyEndpoint]:
        """The endpoints that others added to the VPC, by service and whether they are gateways.

        Those without private DNS, to which the service's host names do not lead, are left out.
        """
        found: dict[tuple[str, bool], AnyEndpoint] = {}
        for construct in self._scope.node.root.node.find_all():
            if not isinstance(construct, ec2.InterfaceVpcEndpoint | ec2.GatewayVpcEndpoint):
                continue
            l1 = construct.node.default_child if _OWN.get(construct) is not self else None
            if not isinstance(l1, ec2.CfnVPCEndpoint) or l1.vpc_id != self._vpc.vpc_id or not l1.service_name:
                continue
            gateway = isinstance(construct, ec2.GatewayVpcEndpoint)
            service = service_of_endpoint(_text(Stack.of(construct).resolve(l1.service_name)))
            known = SERVICES.get((service or "").removesuffix("-fips"))
            if service and (gateway or l1.private_dns_enabled or (known and not known.private_dns)):
                found.setdefault((service, gateway), construct)
        return found

    def let_in(self, group: ec2.ISecurityGroup, door: ec2.ISecurityGroup, description: str) -> None:
        """Let a workload's group in, where it stands: the network must not depend on who is placed in it."""
        if door is self._group:
            number = self._let_in.setdefault(id(group), (len(self._let_in), group))[0]
            if number == self._rules_left:
                self._open_to_all(door)
            if number >= self._rules_left:
                return
        door.add_ingress_rule(group, _HTTPS, description, True)  # noqa: FBT003 - jsii takes it by position only

    def _open_to_all(self, door: ec2.ISecurityGroup) -> None:
        """AWS bounds the rules of a group, so what comes after is let in by the VPC's addresses."""
        door.add_ingress_rule(ec2.Peer.ipv4(self.addresses()), _HTTPS, "HTTPS from the VPC")
        Annotations.of(self._scope).add_warning_v2(
            "secure-containers:rulesPerGroup",
            f"{self._path}: more workloads than a security group can have rules for; the endpoints let in the whole "
            "VPC, and the workloads' own groups say who gets there. If your account's quota is higher, give "
            "rules_per_group",
        )

    def narrow(self, service: Service, resources: Sequence[str]) -> None:
        """Let the endpoints' policies through to some resources, or to all of the owner's where none are named."""
        for resource in resources:
            if not Token.is_unresolved(resource) and not resource.startswith("arn:"):
                raise invalid(self._path, "require(resources)", resource, allowed="ARNs", write=WRITE_RESOURCES)
            self._refuse_circle(resource)
        for endpoint in self.named(service):
            if endpoint in _USED:  # not an endpoint of somebody else's, or one without a policy
                _USED[endpoint].add(resources or ["*"])

    def _refuse_circle(self, resource: str) -> None:
        """A resource of a stack that stands on this network would make the two depend on each other."""
        for token in Tokenization.reverse_string(resource).tokens if Token.is_unresolved(resource) else ():
            if isinstance(token, Reference) and Stack.of(token.target) is not self._stack:
                raise invalid(
                    self._path,
                    "require(resources)",
                    Stack.of(token.target).node.path,
                    allowed="resources of the network's own stack, or ARNs as text",
                    write="resources=[] for everything of this account",
                )

    def _names(self, service: Service) -> list[str]:
        """What endpoints to a service are called: with FIPS another one, while agents of AWS call the standard one."""
        if not self._fips or service.gateway:
            return [service.name]
        names = [f"{service.name}-fips"] if service.fips else []
        names += [service.name] if service.name in _BY_AGENTS else []
        if names:
            return names
        there = ", ".join(sorted(each.name for each in SERVICES.values() if each.fips or each.gateway))
        raise invalid(
            self._path,
            "require",
            service.name,
            allowed=f"services with a FIPS endpoint for VPCs: {there}",
            write="fips=False, or an egress subnet for what calls it",
        )

    def _add_gateway(self, service: Service) -> ec2.GatewayVpcEndpoint:
        endpoint = ec2.GatewayVpcEndpoint(
            self._scope,
            _construct_id(service.name),
            vpc=self._vpc,
            service=ec2.GatewayVpcEndpointAwsService(service.name),
            subnets=list(self._gateway_subnets),
        )
        self._restrict(service, endpoint)
        return endpoint

    def _add_interface(self, service: Service, name: str) -> ec2.InterfaceVpcEndpoint:
        endpoint = ec2.InterfaceVpcEndpoint(
            self._scope,
            _construct_id(name),
            vpc=self._vpc,
            service=ec2.InterfaceVpcEndpointAwsService(name),
            subnets=ec2.SubnetSelection(subnets=self._in_zones(service)),
            security_groups=[self.group],
            private_dns_enabled=service.private_dns,
            open=False,
        )
        if service.policy:
            self._restrict(service, endpoint)
        if self._fips and name == service.name:
            Annotations.of(self._scope).add_info(
                f"{self._path}: there is no FIPS endpoint of {name} for VPCs; AWS's agents call its standard one"
            )
        return endpoint

    def _in_zones(self, service: Service) -> list[ec2.ISubnet]:
        """The subnets of an endpoint: AWS does not have every service in every zone."""
        zones = self._zones.get(service.name)
        if zones is None:
            return list(self._subnets)
        if not zones or any(zone not in range(len(self._subnets)) for zone in zones):
            raise invalid(
                self._path,
                "endpoint_zones",
                list(zones),
                allowed=f"numbers of zones, 0 to {len(self._subnets) - 1}",
                write=f'endpoint_zones={{"{service.name}": [0, 1]}}',
            )
        return [self._subnets[zone] for zone in zones]

    def _restrict(self, service: Service, endpoint: ec2.InterfaceVpcEndpoint | ec2.GatewayVpcEndpoint) -> None:
        if self._unrestricted:
            return
        if self._organization_id is None:
            caller, owner = ("aws:PrincipalAccount", self._account), ("aws:ResourceAccount", self._account)
        else:
            caller = ("aws:PrincipalOrgID", self._organization_id)
            owner = ("aws:ResourceOrgID", self._organization_id)
        actions = [f"{prefix}:*" for prefix in service.iam] or ["*"]
        if service.name == "ecr.dkr":
            actions = ["ecr:*"]
        used = _USED[endpoint] = _Resources()
        own = iam.PolicyStatement(
            sid="OwnCallersAndResources",
            principals=[iam.AnyPrincipal()],
            actions=actions,
            resources=Lazy.list(used),
            # Not every call has a resource whose owner AWS could compare.
            conditions={"StringEquals": dict([caller]), "StringEqualsIfExists": dict([owner])},
        )
        endpoint.add_to_policy(own)
        for statement in self._exceptions(service, dict([caller])):
            endpoint.add_to_policy(statement)

    def _exceptions(self, service: Service, caller: Mapping[str, str]) -> list[iam.PolicyStatement]:
        """What workloads need besides: resources that belong to AWS, and calls without a resource."""
        arn, own = f"arn:{self._partition}", {"StringEquals": dict(caller)}
        if service.name == "s3":
            # ECR gives layers out by pre-signed URLs of an account of AWS, which no condition on the caller meets.
            return [_allow("ImageLayers", ["s3:GetObject"], layer_bucket(self._partition, self._region))]
        if service.name in ("ecr.api", "ecr.dkr"):
            agent = f"{arn}:ecr:{self._region}:*:repository/{GUARDDUTY_AGENT}"
            return [
                _allow("SignIn", ["ecr:GetAuthorizationToken"], "*", own),
                _allow("GuardDutyAgent", PULL_ACTIONS, agent, own),
            ]
        if service.name == "ssm":
            public = f"{arn}:ssm:{self._region}::parameter/aws/*"
            return [_allow("PublicParameters", _READ_PARAMETERS, public, own)]
        return []


def _allow(
    sid: str, actions: Sequence[str], resource: str, conditions: Mapping[str, object] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid,
        principals=[iam.AnyPrincipal()],
        actions=list(actions),
        resources=[resource],
        conditions=dict(conditions or {}),
    )


@jsii.implements(IStableListProducer)
class _Resources:
    """What workloads use of a service, as far as all of them say; known when everybody has been placed."""

    def __init__(self) -> None:
        self._named: set[str] = set()

    def add(self, resources: Sequence[str]) -> None:
        self._named |= set(resources)

    def produce(self) -> list[str]:
        return ["*"] if "*" in self._named or not self._named else sorted(self._named)


def check_fips(path: str, region: str) -> None:
    """Refuse FIPS endpoints where there are none.

    Raises:
        ValueError: the Region has none.
    """
    if not Token.is_unresolved(region) and not FIPS_REGIONS.fullmatch(region):
        raise invalid(
            path,
            "fips",
            f"True in {region}",
            allowed="Regions of the United States, Canada and GovCloud, which have FIPS endpoints",
            write="fips=False",
        )


def _text(written: object) -> str:
    """A service's name with the Region in it, however it was put together."""
    if isinstance(written, dict) and "Fn::Join" in written:
        return "".join(part if isinstance(part, str) else "${AWS::Region}" for part in written["Fn::Join"][1])
    return written if isinstance(written, str) else ""


_OWN: Final[WeakKeyDictionary[AnyEndpoint, Endpoints]] = WeakKeyDictionary()
"""Which network added an endpoint: another one over the same VPC uses it too."""
_USED: Final[WeakKeyDictionary[AnyEndpoint, _Resources]] = WeakKeyDictionary()
"""What the policy of each endpoint of ours lets through to."""


def _construct_id(name: str) -> str:
    """`ecr.api` as `EcrApi`."""
    return "".join(part.capitalize() for part in name.replace("-", ".").split("."))
