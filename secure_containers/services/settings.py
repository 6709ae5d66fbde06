"""What arguments of services have to be, whatever engine runs them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from aws_cdk import Size, Stack, Token
from aws_cdk import aws_kms as kms
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from secure_containers.errors import KEY, TOPIC, check_arguments, check_type, invalid
from secure_containers.logs import LOG_RETENTION
from secure_containers.network import PrivateNetwork
from secure_containers.network.endpoints import known_service
from secure_containers.network.private_network import check_network
from secure_containers.services.parts import HealthCheck, Scaling, ServiceLimits, Tracing
from secure_containers.services.task import RESERVED
from secure_containers.tasks.checks import check_secrets, check_variables
from secure_containers.waivers import DefaultsOff, waiver_line

_PORTS: Final = (1, 65_535)
_PRIVILEGED_PORTS: Final = 1024
_ARN: Final = re.compile(r"arn:[^:]+:[^:]+:(?P<region>[^:]*):(?P<account>\d{12}):.+")
_REGIONAL_ACL: Final = re.compile(r"arn:[^:]+:wafv2:[^:]+:\d{12}:regional/webacl/.+")


def check_shared(path: str, scope: Construct, **given: Any) -> None:
    """Refuse what is wrong for every engine, before anything is made of it.

    Args:
        path: the path that the service will have.
        scope: where it will stand.
        given: the arguments that all engines have.
    """
    _check_types(path, given)
    network, stack = given["network"], Stack.of(scope)
    for argument, arn, write in (
        ("topic", "topic_arn", 'sns.Topic(self, "Topic")'),
        ("encryption_key", "key_arn", 'kms.Key(self, "Key")'),
    ):
        if given[argument] is not None:
            check_same_place(path, argument, getattr(given[argument], arn), stack, write=write, accounts=False)
    if given["port"] is not None:
        _check_port(path, given["port"])
    check_variables(path, given["environment"], given["secrets"], set_already=network.environment, reserved=RESERVED)
    check_secrets(path, given["secrets"], stack)
    for service in given["services"]:
        known_service(path, "services", service)
    check_private(path, network)


def check_private(path: str, network: PrivateNetwork) -> None:
    """Refuse subnets from which a way leads out to the internet and back."""
    public = {subnet.subnet_id for subnet in network.vpc.public_subnets}
    found = [subnet for subnet in network.subnets.subnets or [] if subnet.subnet_id in public]
    if found:
        mixed = len(found) < len(network.subnets.subnets or [])
        raise invalid(
            path,
            "network",
            f"{found[0].node.path}, a public subnet{' among private ones' if mixed else ''}",
            allowed="private or isolated subnets only",
            write="PrivateNetwork(self, 'Network', vpc=vpc), which takes the isolated ones",
        )


def check_scaling(path: str, scaling: Scaling, off: DefaultsOff, *, measures: Mapping[str, str]) -> None:
    """Refuse a measure that an engine does not scale by, and one copy alone without a waiver."""
    check_measures(path, scaling, measures)
    if scaling.min < 2 and not off.waived("SC-ECS-13"):
        allowed = "2 at least, so that one is there while another is replaced"
        write = f"Scaling(min=2), or {waiver_line('SC-ECS-13')}"
        raise invalid(path, "scaling", f"Scaling(min={scaling.min})", allowed=allowed, write=write)


def check_measures(path: str, scaling: Scaling, measures: Mapping[str, str]) -> None:
    """Refuse a measure that an engine does not scale by.

    Args:
        path: where the scaling is given.
        scaling: what is given.
        measures: those of no use here, and what to write in their place.
    """
    for measure, write in measures.items():
        if getattr(scaling, measure) is not None:
            allowed = "what this engine measures"
            raise invalid(path, "scaling", f"Scaling({measure}=...)", allowed=allowed, write=write)


def check_same_place(path: str, argument: str, arn: str, stack: Stack, *, write: str, accounts: bool = True) -> None:
    """Refuse the ARN of something in another Region or account, where that is known.

    Args:
        path: where, for messages.
        argument: what has it.
        arn: the ARN.
        stack: whose Region and account it has to be of.
        write: what to write in its place.
        accounts: whether another account is refused too.
    """
    found = None if Token.is_unresolved(arn) else _ARN.fullmatch(arn)
    for part, own in (("Region", stack.region), *([("account", stack.account)] if accounts else [])):
        there = found[part.lower()] if found else ""
        if there and not Token.is_unresolved(own) and there != own:
            raise invalid(path, argument, arn, allowed=f"one of the service's own {part}, {own}", write=write)


def check_plain_key(path: str, key: kms.IKey | None) -> None:
    """Refuse an alias and a key of several Regions, where AWS wants the key itself and in one Region."""
    if key is None:
        return
    made = getattr(key.node.default_child, "multi_region", None)
    if made is True or "/mrk-" in key.key_arn or hasattr(key, "alias_name"):
        allowed = "a key of one Region, by its ARN: neither a multi-Region key nor an alias"
        raise invalid(path, "encryption_key", key.node.path, allowed=allowed, write='kms.Key(self, "Key")')


def check_web_acl(path: str, acl: object, stack: Stack) -> None:
    """Refuse what is no web ACL, and one of another Region."""
    write = 'wafv2.CfnWebACL(..., scope="REGIONAL")'
    check_type(path, "web_acl", acl, (str, wafv2.CfnWebACL), allowed="a CfnWebACL, or an ARN", write="web_acl=acl")
    if isinstance(acl, str):
        check_same_place(path, "web_acl", acl, stack, write=write)
        if not Token.is_unresolved(acl) and not _REGIONAL_ACL.fullmatch(acl):
            raise invalid(path, "web_acl", acl, allowed="the ARN of a regional web ACL", write=write)
    if isinstance(acl, wafv2.CfnWebACL) and acl.scope == "CLOUDFRONT":
        raise invalid(path, "web_acl", acl.scope, allowed="a web ACL of the scope REGIONAL", write=write)


def _check_types(path: str, given: Mapping[str, Any]) -> None:
    check_network(path, given["network"])
    check_arguments(
        path,
        given,
        singles={
            "cpu": ((int, float), "a number of vCPUs", "cpu=0.5"),
            "memory": (Size, "a size", "memory=Size.gibibytes(1)"),
            "health_check": (HealthCheck, "a HealthCheck", 'health_check=HealthCheck(path="/health")'),
            "environment": (Mapping, "variables and their values", 'environment={"LEVEL": "info"}'),
            "secrets": (Mapping, "variables and their secrets", 'secrets={"DB_PASSWORD": secret}'),
            "scaling": (Scaling, "Scaling", "scaling=Scaling(min=2, max=10)"),
            "tracing": (Tracing, "Tracing", "tracing=Tracing(collector=...)"),
            "limits": (ServiceLimits, "ServiceLimits", "limits=ServiceLimits(error_percent=1)"),
            "log_retention": LOG_RETENTION,
        },
        lists={
            "command": (str, "a list of texts", '["serve", "--port", "8080"]'),
            "services": (str, "services as endpoints are named", '["dynamodb"]'),
        },
        objects={"topic": TOPIC, "encryption_key": KEY},
        optional=("command",),
    )


def _check_port(path: str, port: object) -> None:
    least, most = _PORTS
    if not isinstance(port, int) or isinstance(port, bool) or not least <= port <= most:
        raise invalid(path, "port", port, allowed=f"a TCP port, {least} to {most}", write="port=8080")
    if port < _PRIVILEGED_PORTS:
        allowed = f"{_PRIVILEGED_PORTS} or more: without root and without capabilities a program cannot listen below"
        raise invalid(path, "port", port, allowed=allowed, write="port=8080, and the program listening there")


def check_zones(path: str, network: PrivateNetwork) -> None:
    """Refuse a network of one zone, in which a load balancer cannot stand."""
    subnets = network.subnets.subnets or []
    if len({subnet.availability_zone for subnet in subnets}) < 2:
        allowed = "a network in two zones at least, as a load balancer needs"
        raise invalid(path, "network", f"{len(subnets)} subnet(s)", allowed=allowed, write="PrivateNetwork(zones=2)")
