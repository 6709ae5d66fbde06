"""`SecureEcrRepository`: a private image repository whose defaults are the guidance."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack, Tags, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from secure_containers.ecr.actions import DELETE_ACTIONS, PULL_ACTIONS, PUSH_ACTIONS
from secure_containers.ecr.image import DIGEST, TAG, EcrImage
from secure_containers.ecr.lifecycle import LifecycleRule
from secure_containers.ecr.login import grant_login
from secure_containers.ecr.repository_policy import RepositoryPolicy, check_organization, mfa_exempt_arns
from secure_containers.ecr.settings import (
    check_name,
    check_region,
    check_types,
    encryption_setting,
    lifecycle_setting,
    mutability_setting,
)
from secure_containers.ecr.tag_scheme import TagScheme
from secure_containers.errors import check_list, check_type, invalid
from secure_containers.tasks.parts import CpuArchitecture
from secure_containers.waivers import DefaultsOff, Waiver

_LONGEST_DESCRIPTION: Final = 512
_TYPES: Final = ("AWS::ECR::Repository", "AWS::KMS::Key")


class ScanSeverity(StrEnum):
    """Severities of findings in an image scan, the worst first."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    INFORMATIONAL = "INFORMATIONAL"


class SecureEcrRepository(Construct):
    """A private repository: encrypted with a key of yours, scanned, immutable, bounded, kept.

    Unasked:

    - images are encrypted with a customer-managed KMS key that rotates;
    - tags are immutable, every pushed image is scanned;
    - untagged images expire after 30 days, and of all images the newest 500 are kept;
    - repository and key stay when the stack is deleted;
    - nobody of another account gets in; given an organization, nobody outside it does, whatever other policies say.

    Each of these can be turned off by a waiver that names its rule and gives a reason, and by nothing else.

    Args:
        scope: the parent.
        id: the construct id.
        repository_name: a fixed name, 2 to 256 characters; needed if stacks of another account or Region refer to the
            repository (`PhysicalName.GENERATE_IF_NEEDED` lets CDK choose it). Give it from the start: a later one
            replaces the repository. A fixed name blocks replacement: rule SC-NAM-01 warns of it. Left out,
            CloudFormation names the repository.
        encryption: `KMS`, or `KMS_DSSE` (two layers; GovCloud only). Left out: `KMS`.
        encryption_key: the key to encrypt with, of the same Region. Left out, the repository gets one of its own.
        lifecycle_rules: what replaces the default lifecycle. Untagged images and images of any tag have to be bounded.
        tag_scheme: a tag scheme from which lifecycle and exceptions to immutability follow, in place of giving
            `lifecycle_rules` and `mutable_tag_patterns`.
        mutable_tag_patterns: 1 to 5 patterns of tags that may move, such as `dev-*`. Left out, none may.
        organization_id: the AWS Organization outside of which every call is denied, except from AWS services and from
            whom `allow_pull_from` lets in. Left out, no such statement is written.
        require_mfa: deny deletion and policy changes to callers without multi-factor authentication. CloudFormation's
            own role of the stack is excepted, so that updates go on working. Sessions of IAM Identity Center may carry
            no such mark: read docs/mfa.md before you turn it on.
        mfa_exempt_roles: names of automation roles of this account that `require_mfa` lets pass.
        tags: tags of the repository and its key, such as `{"owner": "payments"}`.
        waivers: defaults to turn off and findings to accept, each with its reason.

    Raises:
        ValueError: an argument is wrong, contradicts another or weakens a default without a waiver.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/security-best-practices.html
    """

    repository: ecr.Repository
    """The repository itself, for everything that takes an `ecr.IRepository`."""
    encryption_key: kms.IKey | None
    """The key that encrypts the images; None only if SC-ECR-03 is waived."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        repository_name: str | None = None,
        encryption: ecr.RepositoryEncryption | None = None,
        encryption_key: kms.IKey | None = None,
        lifecycle_rules: Sequence[LifecycleRule] | None = None,
        tag_scheme: TagScheme | None = None,
        mutable_tag_patterns: Sequence[str] = (),
        organization_id: str | None = None,
        require_mfa: bool = False,
        mfa_exempt_roles: Sequence[str] = (),
        tags: Mapping[str, str] | None = None,
        waivers: Sequence[Waiver] = (),
    ) -> None:
        path = f"{scope.node.path}/{id}".lstrip("/")
        check_types(
            path,
            repository_name=repository_name,
            encryption=encryption,
            encryption_key=encryption_key,
            lifecycle_rules=lifecycle_rules,
            tag_scheme=tag_scheme,
            mutable_tag_patterns=mutable_tag_patterns,
            organization_id=organization_id,
            require_mfa=require_mfa,
            mfa_exempt_roles=mfa_exempt_roles,
            tags=tags,
            waivers=waivers,
        )
        if tag_scheme is not None and (lifecycle_rules is not None or mutable_tag_patterns):
            raise invalid(
                path,
                "tag_scheme",
                tag_scheme,
                allowed="a tag scheme, or lifecycle_rules and mutable_tag_patterns",
                write="only one of the two",
            )
        if mfa_exempt_roles and not require_mfa:
            raise invalid(
                path,
                "mfa_exempt_roles",
                list(mfa_exempt_roles),
                allowed="exceptions to require_mfa only",
                write="require_mfa=True",
            )
        if organization_id is not None:
            check_organization(path, "organization_id", organization_id)
        check_name(path, repository_name)
        super().__init__(scope, id)
        try:
            off = DefaultsOff(self, path, waivers, types=_TYPES if encryption_key is None else _TYPES[:1])
            rules = tag_scheme.lifecycle_rules() if tag_scheme else lifecycle_rules
            lifecycle = lifecycle_setting(path, rules, off)
            patterns = tag_scheme.mutable_patterns if tag_scheme else mutable_tag_patterns
            mutability = mutability_setting(path, patterns, off)
            kind = encryption_setting(path, encryption, encryption_key, off)
            check_region(path, self, kind, encryption_key)
            exempt_from_mfa = mfa_exempt_arns(path, Stack.of(self), mfa_exempt_roles) if require_mfa else []
        except Exception:
            scope.node.try_remove_child(id)  # a wrong argument leaves nothing behind
            raise
        # Kept on update and deletion, not when its own creation fails: the next try would find the name taken.
        removal = RemovalPolicy.DESTROY if off.waived("SC-DEL-01") else RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE

        self.encryption_key = encryption_key
        if kind != "AES256" and encryption_key is None:
            self.encryption_key = kms.Key(
                self,
                "Key",
                description=f"Encrypts the images of {path}",
                enable_key_rotation=not off.waived("SC-KMS-01"),
                removal_policy=removal,
            )
        self.repository = ecr.Repository(
            self,
            "Repository",
            repository_name=repository_name,
            encryption_key=self.encryption_key,
            image_scan_on_push=not off.waived("SC-ECR-02"),
            image_tag_mutability=mutability.setting,
            image_tag_mutability_exclusion_filters=mutability.filters,
            removal_policy=removal,
            empty_on_delete=off.waived("SC-DEL-01") or None,
        )
        l1 = self.repository.node.default_child
        assert isinstance(l1, ecr.CfnRepository)
        if lifecycle is not None:
            # The L2's own rules lack pulls, archiving and transitions (aws-cdk#36824).
            l1.lifecycle_policy = ecr.CfnRepository.LifecyclePolicyProperty(lifecycle_policy_text=lifecycle)
        if kind == "KMS_DSSE":
            # The L2 takes a key with KMS only, which a key stands for.
            l1.add_property_override("EncryptionConfiguration.EncryptionType", kind)
        self._named = repository_name is not None
        self._functions_admitted = False
        self._mutable_patterns = mutability.patterns
        self._policy = RepositoryPolicy(self.repository, path)
        if organization_id is not None:
            self._policy.keep_inside(organization_id)
        if require_mfa:
            self._policy.require_mfa(exempt_from_mfa)
        for key, value in (tags or {}).items():
            Tags.of(self).add(key, value)
        off.apply()

    def grant_pull(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a principal pull from this repository, and sign in to the registry.

        Args:
            grantee: a role, group or service; a principal of another account is let in by the repository's policy too.

        Raises:
            ValueError: the grantee is of another account or Region, and the repository has no name.
        """
        return self._grant(grantee, PULL_ACTIONS, login=True)

    def grant_push(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a principal push to this repository, and sign in to the registry. It can neither pull layers nor delete.

        Args:
            grantee: the principal, usually a build's role. One that reads its build cache here needs `grant_pull` too.

        Raises:
            ValueError: the grantee is of another account or Region, and the repository has no name.
        """
        return self._grant(grantee, PUSH_ACTIONS, login=True)

    def grant_delete(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a principal find and delete images of this repository; not the repository.

        Args:
            grantee: the principal, usually a clean-up's role.

        Raises:
            ValueError: the grantee is of another account or Region, and the repository has no name.
        """
        return self._grant(grantee, DELETE_ACTIONS, login=False)

    def allow_pull_from(
        self,
        *,
        accounts: Sequence[str] = (),
        organizations: Sequence[str] = (),
        roles: Sequence[iam.IRole] = (),
        lambda_functions: Sequence[str] = (),
    ) -> None:
        """Let others pull, by the repository's policy. Their own policies have to allow it too.

        Whoever is named here is excepted from the denial for principals outside `organization_id`.

        Args:
            accounts: account ids, 12 digits.
            organizations: organization ids, such as `o-a1b2c3d4e5`.
            roles: roles; of other accounts by `iam.Role.from_role_arn`.
            lambda_functions: ARNs of functions that run from an image of this repository. `*` may stand in the name.
                Lambda may read the image for them, and principals of their account may, to create them. Functions of
                this account belong here too, unless CDK makes them: the statement that Lambda adds for them by itself
                is gone with the next change of the policy.

        Raises:
            ValueError: nothing is given, or an id or ARN is not one.
        """
        if not (accounts or organizations or roles or lambda_functions):
            raise invalid(
                self.node.path,
                "allow_pull_from",
                "nothing",
                allowed="accounts, organizations, roles or lambda_functions",
                write='allow_pull_from(accounts=["111122223333"])',
            )
        self._policy.allow_pull(
            accounts=accounts, organizations=organizations, roles=roles, lambda_functions=lambda_functions
        )

    def image(
        self, *, digest: str | None = None, tag: str | None = None, architecture: CpuArchitecture | None = None
    ) -> EcrImage:
        """An image for a task, job, service or function; by digest, or by a tag that cannot move.

        Args:
            digest: `sha256:` and 64 hexadecimal digits, as `docker push` prints it.
            tag: a tag, in place of a digest. `latest` and tags that may move are refused.
            architecture: for what processors it is built: a task for others then refuses it. Left out, nobody compares.

        Raises:
            ValueError: neither or both are given, the digest or tag is none, or the tag may move.
        """
        path = self.node.path
        write = f'image(digest="sha256:{"0123456789abcdef" * 4}")'
        if (digest is None) == (tag is None):
            raise invalid(path, "image", {"digest": digest, "tag": tag}, allowed="a digest or a tag", write=write)
        for argument, given in (("image(digest)", digest), ("image(tag)", tag)):
            check_type(path, argument, given, str, allowed="a text", write=write)
        if digest is not None:
            if not Token.is_unresolved(digest) and not DIGEST.fullmatch(digest):
                raise invalid(path, "image(digest)", digest, allowed="sha256: and 64 hexadecimal digits", write=write)
            return self._image(digest, by_digest=True, architecture=architecture)
        assert tag is not None
        if not Token.is_unresolved(tag):
            if not TAG.fullmatch(tag):
                raise invalid(path, "image(tag)", tag, allowed="1 to 128 letters, digits, '_', '.', '-'", write=write)
            if tag == "latest" or self._may_move(tag):
                raise invalid(
                    path,
                    "image(tag)",
                    tag,
                    allowed="a tag that cannot move; this one may be another image tomorrow",
                    write=write,
                )
        elif self._mutable_patterns:
            raise invalid(
                path,
                "image(tag)",
                tag,
                allowed="a tag that is known at synthesis, since some tags here may move",
                write=write,
            )
        return self._image(tag, by_digest=False, architecture=architecture)

    def on_image_pushed(
        self, id: str, *, target: events.IRuleTarget | None = None, tag_prefixes: Sequence[str] = ()
    ) -> events.Rule:
        """Send an event to a target whenever an image was pushed.

        Args:
            id: the construct id of the rule.
            target: where the event goes; more can be added to the rule.
            tag_prefixes: only tags that start with one of these. Left out: every tag.
        """
        check_list(
            self.node.path,
            "on_image_pushed(tag_prefixes)",
            tag_prefixes,
            str,
            allowed="a list of texts",
            write='tag_prefixes=["prod-"]',
        )
        detail: dict[str, object] = {
            "action-type": ["PUSH"],
            "result": ["SUCCESS"],
            "repository-name": [self.repository.repository_name],
        }
        if tag_prefixes:
            detail["image-tag"] = [{"prefix": prefix} for prefix in tag_prefixes]
        pattern = events.EventPattern(source=["aws.ecr"], detail_type=["ECR Image Action"], detail=detail)
        return self._rule(id, f"Images pushed to {self.node.path}", pattern, target)

    def on_scan_completed(
        self, id: str, *, target: events.IRuleTarget | None = None, severity: ScanSeverity | None = ScanSeverity.HIGH
    ) -> events.Rule:
        """Send an event to a target whenever the scan of an image found something, in basic or enhanced scanning.

        Args:
            id: the construct id of the rule.
            target: where the event goes; more can be added to the rule.
            severity: the least severity that counts; None for every completed scan, findings or not.
        """
        # Basic scanning names the repository, Amazon Inspector gives its ARN.
        detail: dict[str, object] = {
            "repository-name": [self.repository.repository_name, self.repository.repository_arn],
            "scan-status": ["COMPLETE", "INITIAL_SCAN_COMPLETE"],
        }
        if severity is not None:
            counted = _from(self.node.path, severity)
            found = [{"finding-severity-counts": {each: [{"numeric": [">", 0]}]}} for each in counted]
            # EventBridge refuses an $or of one.
            detail |= found[0] if len(found) == 1 else {"$or": found}
        pattern = events.EventPattern(
            source=["aws.ecr", "aws.inspector2"], detail_type=["ECR Image Scan", "Inspector2 Scan"], detail=detail
        )
        return self._rule(
            id, f"Scans of {self.node.path} with findings of {severity or 'any severity or none'}", pattern, target
        )

    def on_finding(
        self,
        id: str,
        *,
        target: events.IRuleTarget | None = None,
        severity: ScanSeverity = ScanSeverity.HIGH,
    ) -> events.Rule:
        """Send an event to a target whenever Amazon Inspector finds something in an image, also long after its push.

        Enhanced scanning goes on after the first scan, which is all that `on_scan_completed` hears of; in basic
        scanning there are no such events.

        Args:
            id: the construct id of the rule.
            target: where the event goes; more can be added to the rule.
            severity: the least severity that counts.
        """
        images = {"awsEcrContainerImage": {"repositoryName": [self.repository.repository_name]}}
        detail = {"status": ["ACTIVE"], "severity": _from(self.node.path, severity), "resources": {"details": images}}
        pattern = events.EventPattern(source=["aws.inspector2"], detail_type=["Inspector2 Finding"], detail=detail)
        return self._rule(id, f"Findings of {severity} or worse in {self.node.path}", pattern, target)

    def metric_pull_count(self, *, period: Duration | None = None, statistic: str = "Sum") -> cloudwatch.Metric:
        """How often images were pulled: `AWS/ECR` `RepositoryPullCount`, the one metric that ECR has for a repository.

        Args:
            period: the period; left out, 5 minutes.
            statistic: the statistic.
        """
        return cloudwatch.Metric(
            namespace="AWS/ECR",
            metric_name="RepositoryPullCount",
            dimensions_map={"RepositoryName": self.repository.repository_name},
            period=period,
            statistic=statistic,
        )

    def _image(self, reference: str, *, by_digest: bool, architecture: CpuArchitecture | None) -> EcrImage:
        return EcrImage(
            self.repository,
            reference,
            by_digest=by_digest,
            admit_functions=self._admit_functions,
            let_pull=self.grant_pull,
            architecture=architecture,
        )

    def _grant(self, grantee: iam.IGrantable, actions: Sequence[str], *, login: bool) -> iam.Grant:
        principal = grantee.grant_principal
        self._check_reach(principal)
        grant = self.repository.grant(grantee, *actions)
        self._policy.admit_principal(principal)
        if login:
            grant_login(grantee)
        return grant

    def _admit_functions(self) -> None:
        """Let Lambda read images for this account's functions; CDK's own statement would let it for anybody's."""
        if not self._functions_admitted:
            self._functions_admitted = True
            functions = Stack.of(self).format_arn(
                service="lambda", resource="function", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
            )
            self._policy.allow_lambda([functions])

    def _check_reach(self, principal: iam.IPrincipal) -> None:
        """Another environment refers to the repository by its name, which must not come and go with its users."""
        if self._named or not isinstance(principal, Construct):
            return
        if Stack.of(self).environment != Stack.of(principal).environment:
            raise invalid(
                self.node.path,
                "repository_name",
                None,
                allowed=f"a name, since {principal.node.path} of another account or Region refers to it; "
                "one that is given later replaces the repository",
                write='repository_name="payments/api", or repository_name=PhysicalName.GENERATE_IF_NEEDED',
            )

    def _may_move(self, tag: str) -> bool:
        return any(
            re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), tag)
            for pattern in self._mutable_patterns
        )

    def _rule(
        self, id: str, description: str, pattern: events.EventPattern, target: events.IRuleTarget | None
    ) -> events.Rule:
        return events.Rule(
            self,
            id,
            description=description[:_LONGEST_DESCRIPTION],
            event_pattern=pattern,
            targets=[target] if target else None,
        )


def _from(path: str, severity: ScanSeverity) -> list[str]:
    """A severity and those worse than it."""
    order = [each.value for each in ScanSeverity]
    if severity not in order:
        raise invalid(path, "severity", severity, allowed=", ".join(order), write="severity=ScanSeverity.HIGH")
    return order[: order.index(severity) + 1]
