"""What arguments of a job environment have to be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aws_cdk import Duration, Size, Stack, Token
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from secure_containers.batch.parts import Fleet, QueueLimits, Retries, Share
from secure_containers.batch.platforms import Ec2, Eks, Fargate, Platform
from secure_containers.errors import KEY, TOPIC, check_arguments, invalid
from secure_containers.logs import LOG_RETENTION
from secure_containers.network.endpoints import known_service
from secure_containers.network.private_network import check_network
from secure_containers.tasks.checks import (
    check_ephemeral_storage,
    check_fargate_size,
    check_image,
    check_known,
    check_paths,
    check_user,
    check_variables,
)
from secure_containers.tasks.parts import FileMount
from secure_containers.waivers import DefaultsOff, Waiver, waiver_line

_JOB_TYPES: Final = (
    "AWS::Batch::JobDefinition",
    "AWS::CloudWatch::Alarm",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
)
"""What a waiver of a job can be about."""
_SHORTEST_TIMEOUT: Final = 60
_ARRAY: Final = (2, 10_000)
_NODES: Final = (2, 1000)
_LEAST_MEMORY_MIB: Final = 4
_MOST_SHARES: Final = 500
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")
_PARTS_OF_JOBS: Final = (
    "Definition",
    "Errors",
    "ExecutionRole",
    "Failed",
    "Logs",
    "PodIdentity",
    "Role",
    "SchedulerRole",
)


def check_environment(path: str, **given: Any) -> None:
    """Refuse arguments of other types, and shares that contradict each other, before anything is made of them."""
    check_network(path, given["network"])
    check_arguments(
        path,
        given,
        singles={
            "platform": ((Fargate, Ec2, Eks), "Fargate(), Ec2(...) or Eks(...)", "platform=Fargate()"),
            "subnets": (ec2.SubnetSelection, "subnets of the network", "subnets=network.egress_subnets"),
            "fleet": (Fleet, "a Fleet", "fleet=Fleet(critical=64, spot=256)"),
            "queue_limits": (QueueLimits, "QueueLimits", "queue_limits=QueueLimits(jobs=500)"),
            "log_retention": LOG_RETENTION,
        },
        lists={
            "shares": (Share, "a list of Share", '[Share(identifier="research")]'),
            "waivers": (Waiver, "a list of Waiver", '[Waiver("SC-DEL-01", reason="...")]'),
        },
        objects={
            "topic": TOPIC,
            "encryption_key": KEY,
        },
    )
    if given["subnets"] is not None and not given["subnets"].subnets:
        allowed = "subnets, one by one"
        write = "subnets=network.egress_subnets, or ec2.SubnetSelection(subnets=[...])"
        raise invalid(path, "subnets", given["subnets"], allowed=allowed, write=write)
    _check_shares(path, given["shares"])


def check_fleet(path: str, fleet: Fleet, off: DefaultsOff) -> None:
    """Refuse spot alone, since jobs then wait for ever where there is none, unless that is waived."""
    if not fleet.fallback and not off.waived("SC-BAT-11"):
        raise invalid(
            path,
            "fleet",
            fleet,
            allowed="on-demand capacity behind spot, without which jobs wait until there is spot again",
            write=f"Fleet(fallback=64), or {waiver_line('SC-BAT-11')}",
        )


def check_job(where: Construct, path: str, platform: Platform, **given: Any) -> DefaultsOff:
    """Refuse what AWS Batch or the platform would refuse, and what weakens a default without a waiver.

    Returns:
        the defaults that waivers turn off.
    """
    _check_job_types(path, given)
    off = DefaultsOff(where, path, given["waivers"], types=_JOB_TYPES)
    check_image(path, given["image"], Stack.of(where))
    _check_size(path, platform, given["vcpus"], given["memory"], given["gpus"])
    _check_storage(path, platform, given["ephemeral_storage"])
    _check_nodes(path, platform, given["nodes"], critical=given["critical"])
    _check_times(path, given["timeout"], given["retries"], off)
    check_user(path, given["user"], off, "SC-BAT-03", numbers=isinstance(platform, Eks))
    check_variables(
        path,
        given["environment"],
        given["secrets"],
        given["set_already"],
        reserved={"AWS_BATCH": "which AWS Batch sets itself"},
    )
    check_paths(path, given["scratch"], given["file_mounts"])
    if isinstance(platform, Eks):
        _check_pod(path, given)
    for name in given["error_patterns"]:
        if not _NAME.fullmatch(name) or name in _PARTS_OF_JOBS:
            allowed = f"names of letters and digits, none of {', '.join(_PARTS_OF_JOBS)}"
            raise invalid(path, "error_patterns", name, allowed=allowed, write='error_patterns={"DiskFull": "..."}')
    for service in given["services"]:
        known_service(path, "services", service)
    return off


def check_name(path: str, name: object, where: Construct, taken: Mapping[str, object]) -> None:
    """Refuse an id of a job that cannot serve as a name of metrics, or that something else has already."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid(path, "id", name, allowed="letters and digits, 63 at most", write='add_job("Render", ...)')
    if name in taken:
        allowed = "each kind of job once"
        raise invalid(path, "id", name, allowed=allowed, write="another id, or the job that was returned before")
    if where.node.try_find_child(name) is not None:
        allowed = f"an id that nothing in {where.node.path} has"
        raise invalid(path, "id", name, allowed=allowed, write=f'add_job("{name}Job", ...)')
    account = service_account_name(name)
    other = next((each for each in taken if service_account_name(each) == account), None)
    if other is not None:
        allowed = f"ids that differ by more than capitals from {other!r}"
        raise invalid(path, "id", name, allowed=allowed, write="another id")


def check_scope(path: str, where: Construct, environment: Construct) -> None:
    """Refuse a stack of another account or Region, to which nothing here can refer."""
    if where is environment:
        return
    here, there = Stack.of(environment), Stack.of(where)
    for got, own in ((there.account, here.account), (there.region, here.region)):
        if got != own and not Token.is_unresolved(got) and not Token.is_unresolved(own):
            raise invalid(
                path,
                "scope",
                f"{where.node.path} in {got}",
                allowed=f"a stack of the environment's own account and Region, here {own}",
                write="scope of such a stack, or an environment there",
            )


def check_outputs(path: str, bucket: object, prefix: object) -> None:
    """Refuse what is no bucket, and prefixes that a policy would read as more than one."""
    if bucket is not None and not hasattr(bucket, "bucket_arn"):
        write = 's3.Bucket.from_bucket_name(self, "Outputs", "...")'
        raise invalid(path, "bucket", bucket, allowed="a bucket", write=write)
    if prefix is not None and (not isinstance(prefix, str) or not re.fullmatch(r"[\w!.'()/-]*", prefix, re.ASCII)):
        allowed = "letters, digits and _ ! . ' ( ) / -"
        raise invalid(path, "prefix", prefix, allowed=allowed, write='prefix="simulations"')


def check_share(path: str, share: object, shares: Sequence[Share]) -> None:
    """Refuse a share that the environment has not, or none where it has some."""
    known = ", ".join(each.identifier for each in shares) or "none, since the environment has no shares"
    if not isinstance(share, str) or not re.fullmatch(r"[A-Za-z0-9]+", share):
        raise invalid(path, "share", share, allowed=f"an identifier of {known}", write='share="research"')
    if not any(each.covers(share) for each in shares):
        raise invalid(path, "share", share, allowed=known, write=f'shares=[Share(identifier="{share}")]')


def check_array_size(path: str, size: object) -> None:
    if size is not None and (not isinstance(size, int) or not _ARRAY[0] <= size <= _ARRAY[1]):
        allowed = f"{_ARRAY[0]} to {_ARRAY[1]} children, or none"
        raise invalid(path, "array_size", size, allowed=allowed, write="array_size=100")


def service_account_name(name: str) -> str:
    """The service account of a job in Kubernetes: its id in small letters, with dashes between words."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def _check_shares(path: str, shares: Sequence[Share]) -> None:
    if len(shares) > _MOST_SHARES:
        write = "fewer shares, or one that ends in *"
        raise invalid(path, "shares", f"{len(shares)} shares", allowed=f"{_MOST_SHARES} at most", write=write)
    for index, share in enumerate(shares):
        for other in shares[:index]:
            if share.covers(other.identifier.rstrip("*")) or other.covers(share.identifier.rstrip("*")):
                allowed = f"identifiers that do not overlap; {other.identifier!r} does"
                raise invalid(path, "shares", share.identifier, allowed=allowed, write="another identifier")


def _check_job_types(path: str, given: Mapping[str, Any]) -> None:
    check_arguments(
        path,
        given,
        singles={
            "critical": (bool, "True or False", "critical=True"),
            "memory": (Size, "a size", "memory=Size.gibibytes(2)"),
            "ephemeral_storage": (Size, "a size", "ephemeral_storage=Size.gibibytes(50)"),
            "timeout": (Duration, "a duration", "timeout=Duration.hours(1)"),
            "retries": (Retries, "Retries", "retries=Retries(attempts=3)"),
            "user": (str, "a user", 'user="65532:65532"'),
            "vcpus": ((int, float), "a number of vCPUs", "vcpus=1"),
            "gpus": (int, "a number of GPUs", "gpus=1"),
            "nodes": (int, "a number of nodes", "nodes=4"),
            "environment": (Mapping, "variables and their values", 'environment={"LEVEL": "info"}'),
            "secrets": (Mapping, "variables and their secrets", 'secrets={"DB_PASSWORD": secret}'),
            "parameters": (Mapping, "parameters and their values", 'parameters={"input": "none"}'),
            "error_patterns": (Mapping, "names and filter patterns", 'error_patterns={"DiskFull": "..."}'),
        },
        lists={
            "command": (str, "a list of texts", '["render", "--all"]'),
            "scratch": (str, "a list of paths", '["/tmp"]'),
            "file_mounts": (FileMount, "a list of FileMount", '[FileMount(access_point=..., path="/data")]'),
            "services": (str, "services as endpoints are named", '["dynamodb"]'),
            "waivers": (Waiver, "a list of Waiver", '[Waiver("SC-BAT-04", reason="...")]'),
        },
        objects={},
        optional=("command",),
    )


def _check_size(path: str, platform: Platform, vcpus: float, memory: Size, gpus: int) -> None:
    check_known(path, "vcpus", vcpus, "vcpus=1")
    mebibytes = memory.to_mebibytes()
    if isinstance(platform, Fargate):
        if gpus:
            allowed = "0 on Fargate, which has none"
            raise invalid(path, "gpus", gpus, allowed=allowed, write='platform=Ec2(gpu=True, instance_types=["g5"])')
        check_fargate_size(path, "vcpus", vcpus, memory)
        return
    if vcpus <= 0 or vcpus % (0.25 if isinstance(platform, Eks) else 1):
        allowed = "quarters of a vCPU" if isinstance(platform, Eks) else "a whole number of vCPUs, at least 1"
        raise invalid(path, "vcpus", vcpus, allowed=allowed, write="vcpus=1")
    if mebibytes < _LEAST_MEMORY_MIB:
        allowed = f"{_LEAST_MEMORY_MIB} MiB at least"
        raise invalid(path, "memory", f"{mebibytes:g} MiB", allowed=allowed, write="memory=Size.gibibytes(2)")
    if gpus < 0 or (gpus and not platform.gpu):
        allowed = "0, since the environment's platform has no GPUs"
        raise invalid(path, "gpus", gpus, allowed=allowed, write='Ec2(gpu=True, instance_types=["g5"])')


def _check_storage(path: str, platform: Platform, storage: Size | None) -> None:
    if storage is not None and not isinstance(platform, Fargate):
        gibibytes = storage.to_gibibytes()
        write = f"{type(platform).__name__}(volume_size=Size.gibibytes({gibibytes:g}))"
        allowed = "on Fargate only"
        raise invalid(path, "ephemeral_storage", f"{gibibytes:g} GiB", allowed=allowed, write=write)
    check_ephemeral_storage(path, storage)


def _check_nodes(path: str, platform: Platform, nodes: int, *, critical: bool) -> None:
    if nodes == 1:
        return
    if not _NODES[0] <= nodes <= _NODES[1]:
        raise invalid(path, "nodes", nodes, allowed=f"1, or {_NODES[0]} to {_NODES[1]}", write="nodes=4")
    if not isinstance(platform, Ec2):
        allowed = "1: jobs of several nodes run on instances of Amazon ECS only"
        raise invalid(path, "nodes", nodes, allowed=allowed, write="platform=Ec2()")
    if not critical:
        allowed = "critical jobs only: AWS Batch runs jobs of several nodes on demand, not on spot"
        raise invalid(path, "nodes", nodes, allowed=allowed, write=f"nodes={nodes}, critical=True")


def _check_times(path: str, timeout: Duration | None, retries: Retries | None, off: DefaultsOff) -> None:
    if timeout is None and not off.waived("SC-BAT-06"):
        allowed = "a duration, after which AWS Batch ends the job"
        write = f"timeout=Duration.hours(1), or {waiver_line('SC-BAT-06')}"
        raise invalid(path, "timeout", timeout, allowed=allowed, write=write)
    if timeout is not None:
        seconds = timeout.to_seconds()
        check_known(path, "timeout", seconds, "timeout=Duration.hours(1)")
        if seconds < _SHORTEST_TIMEOUT:
            allowed = f"{_SHORTEST_TIMEOUT} seconds at least"
            raise invalid(path, "timeout", f"{seconds:g} seconds", allowed=allowed, write="timeout=Duration.minutes(1)")
    if retries is None and not off.waived("SC-BAT-07"):
        allowed = "Retries, so that reclaimed capacity loses no job"
        write = f"retries=Retries(attempts=3), or {waiver_line('SC-BAT-07')}"
        raise invalid(path, "retries", retries, allowed=allowed, write=write)


def _check_pod(path: str, given: Mapping[str, Any]) -> None:
    for argument, what in (
        ("secrets", "AWS Batch gives pods no secrets: read them in the program, with the job's role"),
        ("file_mounts", "mount file systems by volumes of the cluster"),
        ("error_patterns", "the cluster collects the logs: make metric filters on its log group"),
    ):
        if given[argument]:
            raise invalid(path, argument, given[argument], allowed=f"none on EKS; {what}", write="platform=Fargate()")
