"""On what jobs run.

Sources: https://docs.aws.amazon.com/batch/latest/userguide/fargate.html,
https://docs.aws.amazon.com/batch/latest/userguide/batch-ami-options.html and
https://docs.aws.amazon.com/batch/latest/userguide/eks.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from aws_cdk import Fn, Size, Token

from secure_containers.errors import check_type, invalid
from secure_containers.tasks.hosts import check_instance_types, check_volume_size
from secure_containers.tasks.parts import CpuArchitecture, check_architecture

if TYPE_CHECKING:
    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_iam as iam

_INSTANCE_TYPE: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)?|default_(x86_64|arm64)|optimal")
_WITH_GPU: Final = re.compile(r"(p[2-9]|g[3-9])(?!ad)[a-z0-9-]*(\..*)?")
"""Of NVIDIA, for which there is an image."""
_NAMESPACE: Final = re.compile(r"(?!default$|kube-)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LEAST_VOLUME_GIB: Final = 30
"""What the image of Amazon ECS needs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fargate:
    """Jobs without servers: nothing to patch, nobody else on the machine.

    Args:
        cpu_architecture: for what the images are built.
    """

    cpu_architecture: CpuArchitecture = CpuArchitecture.X86_64

    def __post_init__(self) -> None:
        check_architecture("Fargate", self.cpu_architecture)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ec2:
    """Jobs on instances of Amazon ECS with Amazon Linux 2023: only IMDSv2, one hop far; encrypted volumes; no key pair.

    Bottlerocket is not there: AWS Batch has no image type for it, and its instances do not join.

    Args:
        cpu_architecture: for what the images are built.
        instance_types: types such as `"c7g.2xlarge"` or families such as `"g5"`, all of the same architecture. Left
            out: the recent general families that AWS chooses for the architecture.
        gpu: jobs may ask for GPUs. Needs `instance_types` of families that have some.
        volume_size: the size of each instance's volume, 30 GiB at least.
        session_manager: let people with permission open a shell by AWS Systems Manager. Left out, nobody can.
    """

    cpu_architecture: CpuArchitecture = CpuArchitecture.X86_64
    instance_types: Sequence[str] = ()
    gpu: bool = False
    volume_size: Size = field(default_factory=lambda: Size.gibibytes(_LEAST_VOLUME_GIB))
    session_manager: bool = False

    def __post_init__(self) -> None:
        check_architecture("Ec2", self.cpu_architecture)
        _check_instances("Ec2", self)
        for name in ("gpu", "session_manager"):
            check_type("Ec2", name, getattr(self, name), bool, allowed="True or False", write=f"{name}=True")

    @property
    def image_type(self) -> str:
        """As AWS Batch calls the image of the instances."""
        return "ECS_AL2023_NVIDIA" if self.gpu else "ECS_AL2023"


@dataclass(frozen=True, kw_only=True, slots=True)
class Eks:
    """Jobs as pods of a cluster that is there already, on instances of Amazon Linux 2023 which Batch adds to it.

    What the cluster has to have stands in docs/batch.md: the namespace, Batch's access to it, the agent of EKS Pod
    Identity, a collector of logs, and a service account for each job.

    Args:
        cluster_arn: the cluster.
        namespace: where the pods are; not `default`, and not one of Kubernetes's own.
        node_role: the role of the cluster's nodes, which the cluster lets join. It pulls the jobs' images.
        cluster_security_group: the security group by which control plane and nodes of the cluster reach each other.
        cpu_architecture: for what the images are built.
        instance_types: types or families, all of the same architecture. Left out: AWS's choice for the architecture.
        gpu: jobs may ask for GPUs. Needs `instance_types` of families that have some.
        volume_size: the size of each instance's volume, 30 GiB at least.
    """

    cluster_arn: str
    namespace: str
    node_role: iam.IRole
    cluster_security_group: ec2.ISecurityGroup
    cpu_architecture: CpuArchitecture = CpuArchitecture.X86_64
    instance_types: Sequence[str] = ()
    gpu: bool = False
    volume_size: Size = field(default_factory=lambda: Size.gibibytes(_LEAST_VOLUME_GIB))

    def __post_init__(self) -> None:
        check_architecture("Eks", self.cpu_architecture)
        _check_instances("Eks", self)
        if not Token.is_unresolved(self.cluster_arn) and ":cluster/" not in self.cluster_arn:
            write = 'cluster_arn="arn:aws:eks:eu-central-1:111122223333:cluster/jobs"'
            raise invalid("Eks", "cluster_arn", self.cluster_arn, allowed="the ARN of a cluster", write=write)
        if not Token.is_unresolved(self.namespace) and not _NAMESPACE.fullmatch(self.namespace):
            allowed = "a namespace of Kubernetes, neither default nor kube-..."
            raise invalid("Eks", "namespace", self.namespace, allowed=allowed, write='namespace="batch"')
        for name, attribute, allowed, write in (
            ("node_role", "role_arn", "a role", 'iam.Role.from_role_name(self, "Nodes", "...")'),
            ("cluster_security_group", "security_group_id", "a security group", "cluster.cluster_security_group"),
        ):
            if not hasattr(getattr(self, name), attribute):
                raise invalid("Eks", name, getattr(self, name), allowed=allowed, write=f"{name}={write}")

    @property
    def image_type(self) -> str:
        """As AWS Batch calls the image of the instances."""
        return "EKS_AL2023_NVIDIA" if self.gpu else "EKS_AL2023"

    @property
    def cluster_name(self) -> str:
        """The cluster's name, from its ARN."""
        if Token.is_unresolved(self.cluster_arn):
            return Fn.select(1, Fn.split(":cluster/", self.cluster_arn))
        return self.cluster_arn.partition(":cluster/")[2]


Platform = Fargate | Ec2 | Eks


def instance_types(platform: Ec2 | Eks) -> list[str]:
    """The instance types of a platform, those that AWS chooses if none are named."""
    chosen = {CpuArchitecture.X86_64: "default_x86_64", CpuArchitecture.ARM64: "default_arm64"}
    return list(platform.instance_types) or [chosen[platform.cpu_architecture]]


def _check_instances(where: str, platform: Ec2 | Eks) -> None:
    types = platform.instance_types
    check_instance_types(
        where,
        types,
        platform.cpu_architecture,
        pattern=_INSTANCE_TYPE,
        allowed="instance types or families",
        write='instance_types=["m7i.2xlarge", "c7i"]',
        argument="cpu_architecture",
    )
    without = [each for each in types if not Token.is_unresolved(each) and not _WITH_GPU.fullmatch(each)]
    if platform.gpu and (without or not types):
        allowed = "families with GPUs of NVIDIA only, with gpu=True"
        raise invalid(where, "instance_types", without, allowed=allowed, write='instance_types=["g5"]')
    check_volume_size(where, platform.volume_size, least=_LEAST_VOLUME_GIB)
