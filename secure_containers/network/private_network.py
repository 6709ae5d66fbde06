"""`PrivateNetwork`: a VPC in which nothing needs the internet, and endpoints for what is placed in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import CfnResource, Names, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct, DependencyGroup

from secure_containers.custom_resource import default_security_group_closed, prefix_lists
from secure_containers.ecr.repository_policy import check_organization
from secure_containers.errors import KEY, check_arguments, check_list, invalid
from secure_containers.logs import LOG_RETENTION, encrypted_log_group
from secure_containers.network.addresses import Egress, WayOut, plan, zone_names
from secure_containers.network.endpoints import WRITE_RESOURCES, AnyEndpoint, Endpoints, check_fips, known_service
from secure_containers.network.new_vpc import new_vpc
from secure_containers.rules.network.services import GATEWAYS, SERVICES
from secure_containers.security_groups import closed_group
from secure_containers.waivers import DefaultsOff, Waiver, waive

IMAGE_PULL: Final = ("ecr.api", "ecr.dkr")
"""The services that pulling an image from a private registry takes, for `PrivateNetwork.require`, which opens the way
to the image's layers in S3 with them."""
_HTTPS: Final = ec2.Port.tcp(443)
_SAID: Final = "HTTPS to endpoints of AWS services"
_MOST_RULES: Final = 1000
"""Of all groups of an interface together; AWS raises no quota above it."""
_TYPES: Final = (
    "AWS::EC2::VPC",
    "AWS::EC2::Subnet",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::VPCEndpoint",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
)


class PrivateNetwork(Construct):
    """A VPC without a way to the internet, and endpoints for what is placed in it.

    Unasked:

    - isolated subnets in three zones; no internet gateway, no NAT gateway, no public address;
    - the default security group is closed, and flow logs go to an encrypted log group that is kept for a year;
    - gateway endpoints of S3 and DynamoDB; an interface endpoint for each service that a workload declares by
      `require`, added once, with a security group that lets in those workloads only;
    - endpoint policies let through callers and resources of this account (or of an organization) only, besides the
      bucket from which ECR gives out layers.

    Addresses for egress subnets are kept free, so that `egress` can be added later without moving what runs.

    Args:
        scope: the parent.
        id: the construct id.
        cidr: the addresses of a new VPC, /16 at most. Left out: `10.0.0.0/16`.
        zones: how many zones, 1 to 6, or their names. Left out: three, or two in us-west-1. More can be added later;
            the others and their order cannot be changed, since AWS moves no subnet.
        egress: a way to the internet for workloads in `egress_subnets`; it shows in the template and in the costs.
            Left out, there is none.
        vpc: an existing VPC, imported or of another construct, in place of a new one. Its endpoints are found by
            service if they are constructs of this app; its flow logs, default security group and DNS settings are its
            owner's.
        subnets: where workloads and endpoints go in an existing VPC. Left out: its isolated subnets, or its private
            ones where it has none.
        endpoints: endpoints that an existing VPC has and that this app does not make, by service, such as
            `{"logs": ec2.InterfaceVpcEndpoint.from_interface_vpc_endpoint_attributes(...)}`. They are used, not
            doubled.
        endpoint_zones: numbers of the zones, from 0, for services that AWS does not have in every one, such as
            `{"guardduty-data": [0, 2]}`. Left out: every zone.
        organization_id: the AWS Organization whose callers and resources the endpoints let through. Left out: those of
            this account.
        dual_stack: give a new VPC IPv6 addresses too; egress subnets then lead out by an egress-only gateway.
        fips: use FIPS endpoints, where AWS has them for VPCs. `environment` tells SDKs to.
        rules_per_group: how many inbound rules a security group of this account can have, by AWS's quota. Left out: 60,
            the quota of every account at first. So many workloads are let in to the endpoints one by one; further ones
            by the VPC's addresses, with a warning, while each still needs its own rule to get out to the endpoints.
        encryption_key: encrypts the flow logs and the logs of what sets up the network. Left out, a key of its own.
        log_retention: how long flow logs are kept. Left out: a year.
        waivers: defaults to turn off and findings to accept, each with its reason.

    Raises:
        ValueError: an argument is wrong, contradicts another or weakens a default without a waiver.

    Source: https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html
    """

    vpc: ec2.IVpc
    """The VPC, for everything that takes one. Its public subnets, which only NAT gateways use, are not told."""
    subnets: ec2.SubnetSelection
    """Where workloads go: no route leads out of these subnets."""
    environment: Mapping[str, str]
    """Variables that workloads in this network need: which endpoints the AWS SDKs call."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cidr: str | None = None,
        zones: int | Sequence[str] | None = None,
        egress: Egress | None = None,
        vpc: ec2.IVpc | None = None,
        subnets: ec2.SubnetSelection | None = None,
        endpoints: Mapping[str, AnyEndpoint] | None = None,
        endpoint_zones: Mapping[str, Sequence[int]] | None = None,
        organization_id: str | None = None,
        dual_stack: bool = False,
        fips: bool = False,
        rules_per_group: int = 60,
        encryption_key: kms.IKey | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        waivers: Sequence[Waiver] = (),
    ) -> None:
        path = f"{scope.node.path}/{id}".lstrip("/")
        stack = Stack.of(scope)
        _check_types(
            path,
            vpc=vpc,
            subnets=subnets,
            egress=egress,
            dual_stack=dual_stack,
            fips=fips,
            encryption_key=encryption_key,
            log_retention=log_retention,
            rules_per_group=rules_per_group,
            waivers=waivers,
        )
        through = egress is not None and egress.way is WayOut.GIVEN_SUBNETS
        _refuse_mixture(
            path,
            vpc,
            of_new={
                "cidr": cidr,
                "zones": zones,
                "dual_stack": dual_stack or None,
                "egress": None if through else egress,
            },
            of_existing={"subnets": subnets, "endpoints": endpoints, "egress": egress if through else None},
        )
        _check_endpoints(path, endpoints or {}, endpoint_zones or {})
        if organization_id is not None:
            check_organization(path, "organization_id", organization_id)
        if fips:
            check_fips(path, stack.region)
        names = zone_names(path, stack, zones)
        gateways = {WayOut.ONE_NAT_GATEWAY: 1, WayOut.NAT_GATEWAY_PER_ZONE: len(names)}
        addresses = plan(
            path,
            cidr if cidr is not None else "10.0.0.0/16",
            len(names),
            gateways=gateways.get(egress.way, 0) if egress else 0,
        )
        placed = [] if vpc is None else _own_subnets(path, vpc, subnets)
        super().__init__(scope, id)
        try:
            self._off = DefaultsOff(self, path, waivers, types=_TYPES)
        except ValueError:
            scope.node.try_remove_child(id)  # a wrong argument leaves nothing behind
            raise
        self._removal = (
            RemovalPolicy.DESTROY if self._off.waived("SC-DEL-01") else RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
        )
        self._path, self._key, self._dual_stack = path, encryption_key, dual_stack
        self._way_out_ready = DependencyGroup()
        self._prefix_lists: Mapping[str, str] | None = None
        self._egress: list[ec2.ISubnet] = list(egress.subnets) if egress else []
        self.environment = {"AWS_USE_FIPS_ENDPOINT": "true"} if fips else {}
        if vpc is None:
            self.vpc, self._egress = new_vpc(self, names, addresses, egress, self._way_out_ready, dual_stack=dual_stack)
            placed = self.vpc.isolated_subnets
            self._watch(log_retention)
        else:
            self.vpc = vpc
        self.subnets = ec2.SubnetSelection(subnets=placed)
        leading = [self.egress_subnets] if self._egress and vpc is None else []
        self._endpoints = Endpoints(
            self,
            vpc=self.vpc,
            subnets=placed,
            gateway_subnets=[self.subnets, *leading],
            zones=endpoint_zones or {},
            organization_id=organization_id,
            fips=fips,
            given=dict(endpoints or {}),
            unrestricted=self._off.waived("SC-NET-06"),
            rules_per_group=rules_per_group,
        )
        if vpc is None:
            for name in GATEWAYS:
                self._endpoints.named(known_service(path, "require", name))
        self._off.apply()

    @property
    def egress_subnets(self) -> ec2.SubnetSelection:
        """Where workloads go that need the internet.

        Raises:
            ValueError: the network has no way out.
        """
        if not self._egress:
            raise invalid(
                self._path,
                "egress_subnets",
                "no subnets",
                allowed="networks with a way to the internet",
                write="egress=Egress.one_nat_gateway()",
            )
        return ec2.SubnetSelection(subnets=self._egress)

    def add_security_group(self, id: str, *, description: str) -> ec2.SecurityGroup:
        """A security group for a workload, which lets nothing in and nothing out until somebody asks.

        Args:
            id: the construct id.
            description: what the workload is.
        """
        return closed_group(self, id, vpc=self.vpc, description=description)

    def require(self, workload: ec2.IConnectable, *services: str, resources: Sequence[str] = ()) -> None:
        """Let a workload reach services of AWS: adds the endpoints that are missing, and opens the way to them.

        What it opens stands in the workload's stack, so that the network can be shared over stacks.

        Args:
            workload: a service, function, job environment or security group of this network.
            services: what the workload calls, as endpoints are named: `"logs"`, `"secretsmanager"`, or `*IMAGE_PULL`,
                which opens the way to the layers of images in S3 too.
            resources: ARNs of the only resources that the workload uses of these services. The endpoint's policy lets
                through to no others, if everybody who requires the service names theirs. Left out: everything of this
                account or organization.

        Raises:
            ValueError: a service is not known or has no endpoint of the kind that the network needs, a resource is no
                ARN, or the workload has no security group.
        """
        groups = self._groups_of(workload, "require")
        if not services:
            raise invalid(
                self._path,
                "require",
                "no service",
                allowed="a workload, and the services that it calls",
                write='require(service, *IMAGE_PULL, "logs")',
            )
        check_list(self._path, "require(resources)", resources, str, allowed="ARNs", write=WRITE_RESOURCES)
        known = [known_service(self._path, "require", name) for name in dict.fromkeys(services)]
        for service in known:
            self._endpoints.narrow(service, resources)
        if "ecr.dkr" in services and "s3" not in services:
            known.append(
                SERVICES["s3"]
            )  # for layers, which need none of the resources that its policy can be narrowed to
        doors = {id(door): door for service in known for door in self._endpoints.doors(service)}
        for group in groups:
            for door in doors.values():
                group.add_egress_rule(door, _HTTPS, _SAID)
                self._endpoints.let_in(group, door, _SAID)
            for service in known:
                if service.gateway:
                    self._open_prefix_list(group, service.name)
        if not isinstance(workload, ec2.SecurityGroup):
            self._wait(workload, [each for service in known for each in self._endpoints.named(service)], groups)

    def require_internet(self, workload: ec2.IConnectable, *, ports: Sequence[int] = (443,)) -> None:
        """Let a workload in `egress_subnets` reach the internet. Rule SC-NET-03 then asks for a waiver on it.

        Args:
            workload: a service, function, job environment or security group.
            ports: TCP ports. Left out: HTTPS.

        Raises:
            ValueError: the network has no way out, or the workload has no security group.
        """
        if not self._egress:
            raise invalid(
                self._path,
                "require_internet",
                "no way out",
                allowed="networks with a way to the internet",
                write="egress=Egress.one_nat_gateway()",
            )
        check_list(self._path, "require_internet(ports)", ports, int, allowed="TCP ports", write="ports=[443]")
        peers = [ec2.Peer.any_ipv4(), *([ec2.Peer.any_ipv6()] if self._dual_stack else [])]
        for group in self._groups_of(workload, "require_internet"):
            for port in ports:
                for peer in peers:
                    group.add_egress_rule(peer, ec2.Port.tcp(port), "to the internet")
        if isinstance(workload, Construct):
            workload.node.add_dependency(self._way_out_ready)

    def require_runtime_monitoring(self, workload: ec2.IConnectable) -> None:
        """Let GuardDuty's agent beside a workload report, by the endpoint that GuardDuty makes in the VPC by itself.

        The endpoint has a security group of GuardDuty's, which nobody can name: HTTPS is opened to the VPC's addresses.

        Args:
            workload: a service, job environment or security group.

        Raises:
            ValueError: the VPC's addresses are not told, or the workload has no security group.
        """
        for group in self._groups_of(workload, "require_runtime_monitoring"):
            group.add_egress_rule(ec2.Peer.ipv4(self._endpoints.addresses()), _HTTPS, "HTTPS to GuardDuty's endpoint")

    def _groups_of(self, workload: ec2.IConnectable, method: str) -> Sequence[ec2.ISecurityGroup]:
        if isinstance(workload, ec2.SecurityGroup):
            return [workload]
        try:
            groups = workload.connections.security_groups
        except (AttributeError, RuntimeError):  # of another kind, or a function without a VPC
            groups = []
        if not groups:
            raise invalid(
                self._path,
                method,
                workload.node.path if isinstance(workload, Construct) else workload,
                allowed="a workload with a security group in this network",
                write=f"{method}(service, ...)",
            )
        return groups

    def _wait(
        self, workload: ec2.IConnectable, endpoints: Sequence[AnyEndpoint], groups: Sequence[ec2.ISecurityGroup]
    ) -> None:
        """Let a workload of the network's own stack start when the way is open: its first pull would fail."""
        l1 = workload.node.default_child if isinstance(workload, Construct) else None
        if isinstance(l1, CfnResource) and l1.stack is Stack.of(self):
            l1.node.add_dependency(*endpoints, *groups)

    @property
    def _kms_key(self) -> kms.IKey:
        if self._key is None:
            self._key = kms.Key(
                self,
                "Key",
                description=f"Encrypts the logs of {self.node.path}",
                enable_key_rotation=not self._off.waived("SC-KMS-01"),
                removal_policy=self._removal,
            )
        return self._key

    def _open_prefix_list(self, group: ec2.ISecurityGroup, service: str) -> None:
        """By the L1: the L2 counts prefix lists that it does not know, so that a rule's name would depend on the order
        of calls, and a second call would write it twice."""
        if group.allow_all_outbound:
            return  # as the L2 does: a rule beside the open one would take the open one away
        scope, id = (group, f"To{service.capitalize()}") if isinstance(group, Construct) else _beside(group, service)
        if scope.node.try_find_child(id) is None:
            ec2.CfnSecurityGroupEgress(
                scope,
                id,
                group_id=group.security_group_id,
                destination_prefix_list_id=self._prefix_list(service),
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                description=_SAID,
            )

    def _prefix_list(self, service: str) -> str:
        if self._prefix_lists is None:
            lists = prefix_lists(self, "PrefixLists", key=self._kms_key)
            self._prefix_lists = {name: lists.get_att_string(name) for name in GATEWAYS}
        return self._prefix_lists[service]

    def _watch(self, retention: logs.RetentionDays) -> None:
        """Close the default security group, and log every flow."""
        if not self._off.waived("SC-NET-09"):
            default_security_group_closed(self, "DefaultSecurityGroup", vpc_id=self.vpc.vpc_id, key=self._kms_key)
            waive(
                self.node.find_child("Resource"),
                Waiver(
                    "NIST.800.53.R5-VPCDefaultSecurityGroupClosed",
                    reason="a custom resource of ours takes the rules out; cdk-nag knows only the one of the CDK",
                ),
            )
        if not self._off.waived("SC-NET-10"):
            group = encrypted_log_group(
                self, "FlowLogGroup", key=self._kms_key, retention=retention, removal_policy=self._removal
            )
            _add_flow_log(self, self.vpc.vpc_id, group)


def check_network(path: str, network: object) -> None:
    """Refuse what is no network of ours; of a VPC, say how it becomes one."""
    if not isinstance(network, PrivateNetwork):
        of_vpc = ", vpc=vpc" if hasattr(network, "vpc_id") else ""
        allowed = "a PrivateNetwork, which finds or makes the endpoints of any VPC"
        write = f'network=PrivateNetwork(self, "Network"{of_vpc})'
        raise invalid(path, "network", network, allowed=allowed, write=write)


def _check_types(path: str, **given: object) -> None:
    """Refuse arguments of other types, before anything is made of them."""
    check_arguments(
        path,
        given,
        singles={
            "subnets": (ec2.SubnetSelection, "a selection of subnets", "subnets=ec2.SubnetSelection(subnets=[...])"),
            "egress": (Egress, "a way out", "egress=Egress.one_nat_gateway()"),
            "dual_stack": (bool, "True or False", "dual_stack=True"),
            "fips": (bool, "True or False", "fips=True"),
            "log_retention": LOG_RETENTION,
        },
        lists={"waivers": (Waiver, "a list of Waiver", '[Waiver("SC-NET-10", reason="...")]')},
        objects={
            "vpc": ("isolated_subnets", "a VPC", "ec2.Vpc.from_vpc_attributes(...)"),
            "encryption_key": KEY,
        },
    )
    rules = given["rules_per_group"]
    if not isinstance(rules, int) or not 3 <= rules <= _MOST_RULES:
        raise invalid(
            path,
            "rules_per_group",
            rules,
            allowed=f"AWS's quota in this account, 3 to {_MOST_RULES}",
            write="rules_per_group=60",
        )


def _refuse_mixture(
    path: str, vpc: ec2.IVpc | None, *, of_new: Mapping[str, object], of_existing: Mapping[str, object]
) -> None:
    """Arguments of a new VPC and of an existing one exclude each other."""
    for name, value in (of_new if vpc else of_existing).items():
        if value is not None:
            raise invalid(
                path,
                name,
                value,
                allowed="only for a new VPC" if vpc else "only for an existing VPC",
                write=f"{name} without vpc" if vpc else f"vpc=..., {name}=...",
            )


def _check_endpoints(path: str, endpoints: Mapping[str, AnyEndpoint], zones: Mapping[str, Sequence[int]]) -> None:
    for name, endpoint in endpoints.items():
        known_service(path, "endpoints", name.removesuffix("-fips"))
        if not hasattr(endpoint, "vpc_endpoint_id"):
            write = "ec2.InterfaceVpcEndpoint.from_interface_vpc_endpoint_attributes(...)"
            raise invalid(path, f"endpoints[{name!r}]", endpoint, allowed="an endpoint", write=write)
    for name in zones:
        known_service(path, "endpoint_zones", name)


def _own_subnets(path: str, vpc: ec2.IVpc, subnets: ec2.SubnetSelection | None) -> list[ec2.ISubnet]:
    """The subnets of an existing VPC in which workloads and endpoints go."""
    if subnets is None:
        found = vpc.isolated_subnets or vpc.private_subnets
    else:
        found = vpc.select_subnets(
            availability_zones=subnets.availability_zones,
            one_per_az=subnets.one_per_az,
            subnet_filters=subnets.subnet_filters,
            subnet_group_name=subnets.subnet_group_name,
            subnets=subnets.subnets,
            subnet_type=subnets.subnet_type,
        ).subnets
    if not found:
        raise invalid(
            path,
            "vpc",
            vpc.node.path,
            allowed="a VPC with isolated or private subnets",
            write="subnets=ec2.SubnetSelection(subnets=[...])",
        )
    return found


def _beside(group: ec2.ISecurityGroup, service: str) -> tuple[Construct, str]:
    """Where a rule of an imported group stands, which has no construct of its own in Python."""
    return Stack.of(group), f"{service.capitalize()}From{Names.node_unique_id(group.node)}"


def _add_flow_log(scope: Construct, vpc_id: str, group: logs.LogGroup) -> None:
    stack = Stack.of(scope)
    role = iam.Role(
        scope,
        "FlowLogRole",
        description=f"Writes the flow logs of {scope.node.path}",
        assumed_by=iam.ServicePrincipal(
            "vpc-flow-logs.amazonaws.com",
            conditions={
                "StringEquals": {"aws:SourceAccount": stack.account},
                "ArnLike": {
                    "aws:SourceArn": stack.format_arn(service="ec2", resource="vpc-flow-log", resource_name="*")
                },
            },
        ),
    )
    actions = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    policy = iam.ManagedPolicy(
        role,
        "Policy",
        roles=[role],
        description="Writes flow logs to one log group",
        statements=[iam.PolicyStatement(actions=actions, resources=[group.log_group_arn])],
    )
    log = ec2.CfnFlowLog(
        scope,
        "FlowLog",
        resource_id=vpc_id,
        resource_type="VPC",
        traffic_type="ALL",
        log_destination_type="cloud-watch-logs",
        log_group_name=group.log_group_name,
        deliver_logs_permission_arn=role.role_arn,
    )
    log.node.add_dependency(policy)
