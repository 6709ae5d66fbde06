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
from secure_containers.errors import check_list, invalid
from secure_containers.waivers import Waiver, waive

ORGANIZATION_ID: Final = re.compile(r"o-[a-z0-9]{10,32}")
ACCOUNT_ID: Final = re.compile(r"[0-9]{12}")
_FUNCTION_ARN: Final = re.compile(r"arn:[^:]+:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_*?:-]+")
_ROLE_NAME: Final = re.compile(r"[\w+=,.@/*?-]+")
"""With its path, if it has one; an ARN has colons."""


class RepositoryPolicy:
    """Builds the statements of one repository's policy, and keeps the perimeter in step with whom they let in."""

    def __init__(self, repository: ecr.Repository, path: str) -> None:
        self._repository = repository
        self._path = path
        self._perimeter: tuple[iam.PolicyStatement, ...] = ()
        self._organizations: list[str] = []
        self._accounts: list[str] = []
        self._roles: list[str] = []
        self._condition_accepted = False

    def keep_inside(self, organization_id: str) -> None:
        """Deny everything to principals outside the organization, and to AWS services that act for outsiders.

        Those let in by name are excepted. Replication and scanning use service-linked roles of the owner's account;
        services that call with a principal of their own, such as Lambda, tell for whom they do.
        """
        self._organizations.append(organization_id)
        self._perimeter = (
            _denial("DenyOutsideOrganization", {"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}),
            _denial(
                "DenyServicesForOutsiders",
                {"Bool": {"aws:PrincipalIsAWSService": "true"}, "Null": {"aws:SourceAccount": "false"}},
            ),
        )
        self._repository.add_to_resource_policy(self._perimeter[0])
        self._repository.add_to_resource_policy(self._perimeter[1])
        self._draw_perimeter()

    def admit(
        self, *, accounts: Sequence[str] = (), organizations: Sequence[str] = (), roles: Sequence[str] = ()
    ) -> None:
        """Except others from the denial; what they may do, other statements say."""
        self._accounts += accounts
        self._organizations += organizations
        self._roles += roles
        self._draw_perimeter()

    def admit_principal(self, principal: iam.IPrincipal) -> None:
        """Except a principal of another account, to which something was granted, from the denial."""
        if isinstance(principal, iam.OrganizationPrincipal):
            self.admit(organizations=[principal.organization_id])
            return
        account = principal.principal_account
        if account is None and isinstance(principal, iam.ArnPrincipal):
            account = _account_in(principal.arn)
        if account is not None and not Token.is_unresolved(account):
            self.admit(accounts=[account])

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
        given = {"accounts": accounts, "organizations": organizations, "lambda_functions": lambda_functions}
        for argument, texts in given.items():
            check_list(self._path, argument, texts, str, allowed="a list of texts", write=f"{argument}=[...]")
        if any(isinstance(role, str) for role in roles):
            write = 'roles=[iam.Role.from_role_arn(self, "Partner", "arn:...")]'
            raise invalid(self._path, "roles", list(roles), allowed="a list of roles", write=write)
        for account in accounts:
            check_account(self._path, "accounts", account)
        for organization in organizations:
            check_organization(self._path, "organizations", organization)
        function_accounts = [self._function_account(arn) for arn in lambda_functions]
        if accounts:
            self._allow([iam.AccountPrincipal(account) for account in accounts], {})
        for role in roles:
            # By its account and a condition: a principal that is named has to exist, and to go on existing.
            account = _account_in(role.role_arn) or role.principal_account or Aws.ACCOUNT_ID
            self._allow([iam.AccountPrincipal(account)], {"ArnEquals": {"aws:PrincipalArn": role.role_arn}})
        if organizations:
            self._allow([iam.AnyPrincipal()], {"StringEquals": {"aws:PrincipalOrgID": list(organizations)}})
            self._accept_condition()
        if lambda_functions:
            # Lambda reads the image as a service; whoever creates the function has to be able to as well.
            self.allow_lambda(lambda_functions)
            self._allow([iam.AccountPrincipal(account) for account in dict.fromkeys(function_accounts)], {})
        self.admit(
            accounts=[*accounts, *function_accounts],
            organizations=organizations,
            roles=[role.role_arn for role in roles],
        )

    def _accept_condition(self) -> None:
        """cdk-nag finds any wildcard principal; SC-IAM-03, which reads the condition, goes on judging."""
        if not self._condition_accepted:
            self._condition_accepted = True
            reason = "the wildcard principal is narrowed to named organizations by a condition on aws:PrincipalOrgID"
            waive(self._repository, Waiver("AwsSolutions-ECR1", reason=reason))

    def allow_lambda(self, function_arns: Sequence[str]) -> None:
        """Let Lambda itself read images for these functions."""
        self._allow([iam.ServicePrincipal("lambda.amazonaws.com")], {"ArnLike": {"aws:SourceArn": list(function_arns)}})

    def _allow(self, principals: Sequence[iam.IPrincipal], conditions: Mapping[str, object]) -> None:
        self._repository.add_to_resource_policy(
            iam.PolicyStatement(principals=list(principals), actions=list(PULL_ACTIONS), conditions=conditions)
        )

    def _draw_perimeter(self) -> None:
        if not self._perimeter:
            return
        outsiders, services = self._perimeter
        organizations = list(dict.fromkeys(self._organizations))
        # The owner is never outside: with a mistyped organization id nobody could mend the policy any more.
        accounts = list(dict.fromkeys([Stack.of(self._repository).account, *self._accounts]))
        outsiders.add_condition(
            "StringNotEqualsIfExists", {"aws:PrincipalOrgID": organizations, "aws:PrincipalAccount": accounts}
        )
        services.add_condition(
            "StringNotEqualsIfExists", {"aws:SourceOrgID": organizations, "aws:SourceAccount": accounts}
        )
        if self._roles:
            outsiders.add_condition("ArnNotLikeIfExists", {"aws:PrincipalArn": list(dict.fromkeys(self._roles))})

    def _function_account(self, arn: str) -> str:
        account = _account_in(arn) if Token.is_unresolved(arn) or _FUNCTION_ARN.fullmatch(arn) else None
        if account is None:
            raise invalid(
                self._path,
                "lambda_functions",
                arn,
                allowed="ARNs of functions with their account written out; `*` may stand in the name",
                write='lambda_functions=[f"arn:{Aws.PARTITION}:lambda:eu-central-1:111122223333:function:*"]',
            )
        return account


def mfa_exempt_arns(path: str, stack: Stack, role_names: Sequence[str]) -> list[str]:
    """The ARNs of the roles that may go without multi-factor authentication: those named, and CloudFormation's of
    this stack.

    A Deny that hit CloudFormation's role would block every later update of the policy.
    """
    for name in role_names:
        if not Token.is_unresolved(name) and not (_ROLE_NAME.fullmatch(name) and name.strip("*?/")):
            allowed = "names of roles of this account, with their path if they have one"
            raise invalid(path, "mfa_exempt_roles", name, allowed=allowed, write='mfa_exempt_roles=["release-bot"]')
    named = [_role_arn(name) for name in role_names]
    deploying = _deploying_role(stack)
    if deploying is None and not named:
        allowed = (
            "the role that deploys this stack at least, since its synthesizer does not tell it and, without it, "
            "no update could change the policy"
        )
        raise invalid(path, "mfa_exempt_roles", [], allowed=allowed, write='mfa_exempt_roles=["<deployment role>"]')
    return [deploying, *named] if deploying is not None else named


def _deploying_role(stack: Stack) -> str | None:
    """The role by which CloudFormation deploys a stack, as far as its synthesizer tells."""
    outermost = stack
    while outermost.nested_stack_parent is not None:
        outermost = outermost.nested_stack_parent
    synthesizer = outermost.synthesizer
    if not isinstance(synthesizer, DefaultStackSynthesizer) or isinstance(synthesizer, BootstraplessSynthesizer):
        return None
    try:
        return Fn.sub(synthesizer.cloud_formation_execution_role_arn)
    except RuntimeError:
        # It was told to use no role, or it was passed to the stack: jsii then gives it back unbound, without its role.
        return None


def _denial(sid: str, conditions: Mapping[str, object]) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid, effect=iam.Effect.DENY, principals=[iam.AnyPrincipal()], actions=["ecr:*"], conditions=conditions
    )


def _account_in(arn: str) -> str | None:
    """The account of an ARN; its partition may be a token, its account plain text."""
    return next((part for part in arn.split(":") if ACCOUNT_ID.fullmatch(part)), None)


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
