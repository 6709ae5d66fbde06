"""The resource policy of a repository: who of the outside gets in, and what nobody may do.

Sources: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policies.html and, for the perimeter,
https://github.com/aws-samples/data-perimeter-policy-examples
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import Aws, BootstraplessSynthesizer, DefaultStackSynthesizer, Fn, Stack, Token
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam

from secure_containers.ecr.actions import LOOSENING_ACTIONS, PULL_ACTIONS
from secure_containers.errors import invalid

ORGANIZATION_ID: Final = re.compile(r"o-[a-z0-9]{10,32}")
ACCOUNT_ID: Final = re.compile(r"[0-9]{12}")
_FUNCTION_ARN: Final = re.compile(r"arn:[^:]+:lambda:[a-z0-9-]+:(?P<account>[0-9]{12}):function:[A-Za-z0-9_*?:-]+")
_ROLE_NAME: Final = re.compile(r"[\w+=,.@/*?-]+")
"""With its path, if it has one; an ARN has colons."""


class RepositoryPolicy:
    """Builds the statements of one repository's policy, and keeps the perimeter in step with whom they let in."""

    def __init__(self, repository: ecr.Repository, path: str) -> None:
        self._repository = repository
        self._path = path
        self._perimeter: iam.PolicyStatement | None = None
        self._inside: dict[str, list[str]] = {"aws:PrincipalOrgID": [], "aws:PrincipalAccount": []}
        self._inside_roles: list[str] = []

    def keep_inside(self, organization_id: str) -> None:
        """Deny everything to principals outside the organization, except to AWS services and those let in by name.

        Services such as Lambda call with a principal of their own; replication and scanning use service-linked roles
        of the owner's account, which belongs to the organization."""
        check_organization(self._path, "organization_id", organization_id)
        self._inside["aws:PrincipalOrgID"].append(organization_id)
        self._perimeter = iam.PolicyStatement(
            sid="DenyOutsideOrganization",
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=["ecr:*"],
            conditions={"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}},
        )
        self._repository.add_to_resource_policy(self._perimeter)
        self._draw_perimeter()

    def require_mfa(self, exempt: Sequence[str]) -> None:
        """Deny deletion and policy changes without multi-factor authentication, except to the roles of these ARNs."""
        self._repository.add_to_resource_policy(
            iam.PolicyStatement(
                sid="DenyChangesWithoutMfa",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=list(LOOSENING_ACTIONS),
                conditions={
                    "BoolIfExists": {"aws:MultiFactorAuthPresent": "false", "aws:PrincipalIsAWSService": "false"},
                    "ArnNotLike": {"aws:PrincipalArn": [*exempt, _role_arn("aws-service-role/*")]},
                },
            )
        )

    def allow_pull(
        self,
        *,
        accounts: Sequence[str],
        organizations: Sequence[str],
        roles: Sequence[iam.IRole],
        lambda_functions: Sequence[str],
    ) -> None:
        """Let others pull; see `SecureEcrRepository.allow_pull_from`."""
        for argument, given in (
            ("accounts", accounts),
            ("organizations", organizations),
            ("lambda_functions", lambda_functions),
        ):
            if isinstance(given, str):
                raise invalid(self._path, argument, given, allowed="a list of texts", write=f"{argument}=[{given!r}]")
        for account in accounts:
            check_account(self._path, "accounts", account)
        for organization in organizations:
            check_organization(self._path, "organizations", organization)
        function_accounts = [self._account_of(arn) for arn in lambda_functions]
        if accounts or roles:
            self._allow(
                [
                    *(iam.AccountPrincipal(account) for account in accounts),
                    *(iam.ArnPrincipal(role.role_arn) for role in roles),
                ],
                {},
            )
        if organizations:
            self._allow([iam.AnyPrincipal()], {"StringEquals": {"aws:PrincipalOrgID": list(organizations)}})
        if lambda_functions:
            # Lambda reads the image as a service when it creates and optimizes the function; the account's principals
            # check it before.
            self._allow(
                [iam.ServicePrincipal("lambda.amazonaws.com")], {"ArnLike": {"aws:SourceArn": list(lambda_functions)}}
            )
            self._allow([iam.AccountPrincipal(account) for account in dict.fromkeys(function_accounts)], {})
        self._inside["aws:PrincipalAccount"] += [*accounts, *function_accounts]
        self._inside["aws:PrincipalOrgID"] += organizations
        self._inside_roles += [role.role_arn for role in roles]
        self._draw_perimeter()

    def _allow(self, principals: Sequence[iam.IPrincipal], conditions: Mapping[str, object]) -> None:
        self._repository.add_to_resource_policy(
            iam.PolicyStatement(principals=list(principals), actions=list(PULL_ACTIONS), conditions=conditions)
        )

    def _draw_perimeter(self) -> None:
        if self._perimeter is None:
            return
        inside = {key: list(dict.fromkeys(values)) for key, values in self._inside.items() if values}
        self._perimeter.add_condition("StringNotEqualsIfExists", inside)
        if self._inside_roles:
            self._perimeter.add_condition(
                "ArnNotLikeIfExists", {"aws:PrincipalArn": list(dict.fromkeys(self._inside_roles))}
            )

    def _account_of(self, arn: str) -> str:
        if Token.is_unresolved(arn):
            # An ARN put together with Aws.PARTITION: its account is plain text nevertheless.
            parts = arn.replace("${Token[", "").split(":")
            account = next((part for part in parts if ACCOUNT_ID.fullmatch(part)), None)
            if account:
                return account
        found = _FUNCTION_ARN.fullmatch(arn)
        if not found:
            raise invalid(
                self._path,
                "lambda_functions",
                arn,
                allowed="ARNs of functions with their account written out; `*` may stand in the name",
                write='lambda_functions=[f"arn:{Aws.PARTITION}:lambda:eu-central-1:111122223333:function:*"]',
            )
        return found["account"]


def mfa_exempt_arns(path: str, stack: Stack, role_names: Sequence[str]) -> list[str]:
    """The ARNs of the roles that may go without multi-factor authentication: those named, and CloudFormation's of
    this stack.

    A Deny that hit CloudFormation's role would block every later update of the policy.
    """
    if isinstance(role_names, str):
        raise invalid(
            path, "mfa_exempt_roles", role_names, allowed="a list of names", write=f"mfa_exempt_roles=[{role_names!r}]"
        )
    for name in role_names:
        if not Token.is_unresolved(name) and not _ROLE_NAME.fullmatch(name):
            allowed = "names of roles of this account, with their path if they have one"
            raise invalid(path, "mfa_exempt_roles", name, allowed=allowed, write='mfa_exempt_roles=["release-bot"]')
    synthesizer = stack.synthesizer
    named = [_role_arn(name) for name in role_names]
    if isinstance(synthesizer, DefaultStackSynthesizer) and not isinstance(synthesizer, BootstraplessSynthesizer):
        return [Fn.sub(synthesizer.cloud_formation_execution_role_arn), *named]
    if not named:
        allowed = "the role that deploys this stack at least: without it, no update could change the policy"
        raise invalid(path, "mfa_exempt_roles", [], allowed=allowed, write='mfa_exempt_roles=["<deployment role>"]')
    return named


def _role_arn(name: str) -> str:
    return f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/{name}"


def check_account(path: str, argument: str, account: str) -> None:
    if not Token.is_unresolved(account) and not ACCOUNT_ID.fullmatch(account):
        raise invalid(path, argument, account, allowed="account ids of 12 digits", write=f'{argument}=["111122223333"]')


def check_organization(path: str, argument: str, organization: str) -> None:
    if not Token.is_unresolved(organization) and not ORGANIZATION_ID.fullmatch(organization):
        raise invalid(
            path,
            argument,
            organization,
            allowed="an organization id: o- and 10 to 32 lower-case letters and digits",
            write=f'{argument} "o-a1b2c3d4e5"',
        )
