"""The roles of pods and of the instances that jobs run on: each for one purpose, and taken by nobody else's.

Source: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
"""

from __future__ import annotations

from typing import Final

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from secure_containers.batch.platforms import Ec2, Eks
from secure_containers.tasks.hosts import host_role
from secure_containers.tasks.roles import own_role

_CLUSTERS: Final = ("AWSBatch-*", "*_Batch_*")
"""How AWS Batch calls the clusters of its compute environments, now and before; their names end in random letters."""


def pod_role(scope: Construct, id: str, *, description: str, platform: Eks) -> iam.Role:
    """A role for pods of one cluster, by EKS Pod Identity."""
    source = {"aws:SourceAccount": Stack.of(scope).account, "aws:SourceArn": platform.cluster_arn}
    principal = iam.ServicePrincipal("pods.eks.amazonaws.com", conditions={"StringEquals": source})
    return own_role(scope, id, description=description, principal=iam.SessionTagsPrincipal(principal))


def job_host_role(scope: Construct, platform: Ec2) -> iam.Role:
    """A role by which instances join the cluster that AWS Batch makes for them."""
    return host_role(
        scope,
        clusters=_CLUSTERS,
        description="Joins the clusters of AWS Batch",
        reason="AWS Batch names its clusters itself, with random letters at the end",
        session_manager=platform.session_manager,
    )
