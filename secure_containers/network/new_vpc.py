"""A new VPC from the L1s: the L2 asks an account for its zones as soon as the stack names one, and synth is offline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aws_cdk import Fn, Tags
from aws_cdk import aws_ec2 as ec2
from constructs import Construct, DependencyGroup

from secure_containers.network.addresses import Egress, Plan
from secure_containers.waivers import Waiver, waive

_IPV6_BLOCKS: Final = 64
"""As many /64 blocks as are cut out of the VPC's /56: one a subnet, and egress subnets start at half."""
_ROUTE_REASON: Final = (
    "this subnet holds the NAT gateway and nothing else: constructs that look for public subnets are not told of it"
)


def new_vpc(
    scope: Construct,
    zones: Sequence[str],
    plan: Plan,
    egress: Egress | None,
    ready: DependencyGroup,
    *,
    dual_stack: bool,
) -> tuple[ec2.IVpc, list[ec2.ISubnet]]:
    """Make the VPC, and subnets that lead out; what needs its way out waits for `ready`.

    The VPC is told of its isolated subnets only: the CDK places what names no subnets in private ones, if there are,
    and so would move everything when egress is added.
    """
    vpc = ec2.CfnVPC(scope, "Resource", cidr_block=plan.whole, enable_dns_support=True, enable_dns_hostnames=True)
    Tags.of(vpc).add("Name", scope.node.path)
    made = _Made(scope, vpc, zones)
    if dual_stack:
        made.ipv6 = ec2.CfnVPCCidrBlock(scope, "Ipv6", vpc_id=vpc.ref, amazon_provided_ipv6_cidr_block=True)
    isolated = [made.subnet(f"Isolated{index + 1}", index, cidr) for index, cidr in enumerate(plan.isolated)]
    leading = [
        made.subnet(f"Egress{index + 1}", index, cidr, block=_IPV6_BLOCKS // 2)
        for index, cidr in enumerate(plan.egress)
    ]
    if leading and egress is not None:
        made.lead_out(leading, plan.public, ready=ready)
    seen = ec2.Vpc.from_vpc_attributes(
        scope,
        "Vpc",
        vpc_id=vpc.ref,
        vpc_cidr_block=plan.whole,
        availability_zones=list(zones),
        isolated_subnet_ids=[subnet.subnet_id for subnet in isolated],
        isolated_subnet_route_table_ids=[subnet.route_table.route_table_id for subnet in isolated],
        isolated_subnet_ipv4_cidr_blocks=list(plan.isolated),
    )
    return seen, [*leading]


@dataclass(slots=True)
class _Made:
    scope: Construct
    vpc: ec2.CfnVPC
    zones: Sequence[str]
    ipv6: ec2.CfnVPCCidrBlock | None = None

    def subnet(self, id: str, index: int, cidr: str, *, block: int = 0) -> ec2.PrivateSubnet:
        blocks = Fn.cidr(Fn.select(0, self.vpc.attr_ipv6_cidr_blocks), _IPV6_BLOCKS, "64") if self.ipv6 else None
        subnet = ec2.PrivateSubnet(
            self.scope,
            id,
            vpc_id=self.vpc.ref,
            availability_zone=self.zones[index],
            cidr_block=cidr,
            map_public_ip_on_launch=False,
            ipv6_cidr_block=Fn.select(block + index, blocks) if blocks else None,
        )
        if self.ipv6 is not None:
            subnet.node.add_dependency(self.ipv6)
        return subnet

    def lead_out(
        self,
        leading: Sequence[ec2.PrivateSubnet],
        public: Sequence[str],
        *,
        ready: DependencyGroup,
    ) -> None:
        """NAT gateways in subnets of their own, and routes to them."""
        gateway = ec2.CfnInternetGateway(self.scope, "InternetGateway")
        attached = ec2.CfnVPCGatewayAttachment(
            self.scope, "InternetGatewayAttachment", vpc_id=self.vpc.ref, internet_gateway_id=gateway.ref
        )
        nats: list[ec2.CfnNatGateway] = []
        for index, cidr in enumerate(public):
            subnet = ec2.PublicSubnet(
                self.scope,
                f"Nat{index + 1}",
                vpc_id=self.vpc.ref,
                availability_zone=self.zones[index],
                cidr_block=cidr,
                map_public_ip_on_launch=False,
            )
            subnet.add_default_internet_route(gateway.ref, attached)
            waive(subnet, Waiver("NIST.800.53.R5-VPCNoUnrestrictedRouteToIGW", reason=_ROUTE_REASON))
            nats.append(subnet.add_nat_gateway())
        for index, private in enumerate(leading):
            private.add_default_nat_route(nats[index % len(nats)].ref)
            ready.add(private)
        if self.ipv6 is not None:
            only_out = ec2.CfnEgressOnlyInternetGateway(self.scope, "EgressOnlyGateway", vpc_id=self.vpc.ref)
            for private in leading:
                private.add_ipv6_default_egress_only_internet_route(only_out.ref)
