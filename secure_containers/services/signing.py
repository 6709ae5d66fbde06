"""Images are deployed only if somebody trusted has signed them: asked by Amazon ECS before it starts new tasks.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html and
https://docs.aws.amazon.com/signer/latest/developerguide/container-workflow.html
"""

from __future__ import annotations

from typing import Any, Final, cast

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from secure_containers.function import own_function
from secure_containers.packaging import function_code
from secure_containers.services.parts import TrustedSigners
from secure_containers.tasks.roles import ecs_principal, own_role
from secure_containers.waivers import Waiver, as_found, waive

_HANDLER: Final = "secure_containers.runtime.functions.signatures.handler"
_STAGE: Final = "PRE_SCALE_UP"
_TIMEOUT: Final = Duration.minutes(5)
_MEMORY_MIB: Final = 512
_PATIENCE_MINUTES: Final = 30
"""ECS asks again for ten minutes at most, while ECR is still signing."""
_READ_SIGNATURES: Final = ("ecr:BatchGetImage", "ecr:DescribeImageSigningStatus", "ecr:GetDownloadUrlForLayer")
"""The list of an image's signatures is let by ecr:BatchGetImage too."""


class SignatureCheck(Construct):
    """A function that Amazon ECS asks before a deployment, and that lets through what trusted profiles have signed."""

    function: lambda_.Function

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        trusted: TrustedSigners,
        cluster: ecs.ICluster,
        key: kms.IKey,
        retention: logs.RetentionDays,
        removal: RemovalPolicy,
    ) -> None:
        super().__init__(scope, id)
        stack = Stack.of(self)
        archive, digest = function_code()
        # The service's own name is known only after the service, which waits for this.
        revisions = stack.format_arn(
            service="ecs", resource="service-revision", resource_name=f"{cluster.cluster_name}/*"
        )
        profiles = [profile.signing_profile_arn for profile in trusted.profiles]
        homes = {profile.env.account for profile in trusted.profiles}
        jobs = [f"arn:{stack.partition}:signer:{stack.region}:{home}:/signing-jobs/*" for home in sorted(homes)]
        unsigned = [image.uri for image in trusted.unsigned]
        self.function = own_function(
            self,
            name="SignatureCheck",
            description=f"Verifies who signed the images of {scope.node.path}"[:256],
            code=lambda_.Code.from_asset(str(archive), asset_hash=digest),
            handler=_HANDLER,
            key=key,
            environment={
                "POWERTOOLS_LOG_LEVEL": "INFO",
                "POWERTOOLS_SERVICE_NAME": "signatures",
                "TRUSTED_PROFILES": ",".join(profiles),
                **({"UNSIGNED_ALLOWED": ",".join(unsigned)} if unsigned else {}),
                **({"TRUST_ANCHORS": trusted.trust_anchors} if trusted.trust_anchors else {}),
            },
            timeout=_TIMEOUT,
            unbound_actions=("ecs:DescribeTaskDefinition",),
            statements=[
                iam.PolicyStatement(actions=["ecs:DescribeServiceRevisions"], resources=[revisions]),
                iam.PolicyStatement(actions=["signer:GetRevocationStatus"], resources=[*profiles, *jobs]),
            ],
            reasons={
                "NIST.800.53.R5-LambdaConcurrency": "one call a deployment; what it reserves, the account's other "
                "functions lose",
                "NIST.800.53.R5-LambdaDLQ": "Amazon ECS waits for its answer: a call that fails stops the deployment",
                "NIST.800.53.R5-LambdaInsideVPC": "it asks AWS alone and takes no traffic; AWS names no endpoint of a "
                "network for what says whether a signature is revoked",
            },
            traced=True,
            memory_mib=_MEMORY_MIB,
            retention=retention,
            removal=removal,
        )
        self._policy = cast("iam.ManagedPolicy", self.node.find_child("Role").node.find_child("Policy"))
        reason = "the revisions of this cluster's services, whose names are known after this is made"
        any_job = "revocation is asked for a profile and the job that signed, whose id the signature tells"
        waive(
            self._policy,
            Waiver(f"AwsSolutions-IAM5[Resource::{as_found(stack, revisions)}]", reason=reason),
            Waiver("SC-IAM-02[signer:GetRevocationStatus]", reason=any_job),
            *(Waiver(f"AwsSolutions-IAM5[Resource::{as_found(stack, each)}]", reason=any_job) for each in jobs),
        )
        self._role = own_role(
            self,
            "HookRole",
            description=f"Asks about the images of {scope.node.path}"[:1000],
            principal=ecs_principal(),
        )
        self._role.add_to_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[self.function.function_arn])
        )

    def admit(self, repository: ecr.IRepository) -> None:
        """Let it read the signatures of a repository's images."""
        self._policy.add_statements(
            iam.PolicyStatement(actions=list(_READ_SIGNATURES), resources=[repository.repository_arn])
        )

    @property
    def hook(self) -> dict[str, Any]:
        """As a deployment names it."""
        return {
            "hookTargetArn": self.function.function_arn,
            "roleArn": self._role.role_arn,
            "lifecycleStages": [_STAGE],
            "timeoutConfiguration": {"timeoutInMinutes": _PATIENCE_MINUTES, "action": "ROLLBACK"},
        }
