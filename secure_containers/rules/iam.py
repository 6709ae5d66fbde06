"""Rules about who may do what, on every policy of a template."""

from __future__ import annotations

import re
from typing import Final

from secure_containers.rules.engine import Controls, Observations, resource_rule, statement_rule
from secure_containers.rules.partitions import PLACEHOLDER, arn_parts
from secure_containers.rules.policies import PolicyKind, Statement, has_resource_level, narrows
from secure_containers.rules.template import Resource, Value

_IAM_CONTROLS: Final = "https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html"
_ACCESS_MANAGEMENT_HIPAA: Final = (
    "164.308(a)(3)(i)",
    "164.308(a)(3)(ii)(A)",
    "164.308(a)(3)(ii)(B)",
    "164.308(a)(4)(i)",
    "164.308(a)(4)(ii)(A)",
    "164.308(a)(4)(ii)(B)",
    "164.308(a)(4)(ii)(C)",
    "164.312(a)(1)",
)

_WHOLE_TYPE: Final = re.compile(r"[\w-]+[/:][*?]+([/:]([\w-]+[/:])?[*?]+)*")
"""The resource part of an ARN that names no resource: `repository/*`, `log-group:*`, `log-group:*:log-stream:*`."""
_NO_TYPE_IN_ARN: Final = frozenset({"s3", "execute-api", "sns", "sqs", "codepipeline"})
"""Services whose ARN starts with a name, not with a type: `bucket/*` is one bucket's objects."""

_RESOURCE_CONDITIONS: Final = re.compile(
    r"^(aws:resourcetag/|[a-z0-9-]+:resourcetag/|aws:resourceaccount$|aws:resourceorgid$|cloudwatch:namespace$|ec2:vpc$|ecs:cluster$"
    r"|kms:encryptioncontext:"
    r"|kms:resourcealiases$|secretsmanager:resourcetag/|sts:externalid$)"
)
"""Condition keys that say which resources a wildcard means."""

_PRINCIPAL_CONDITIONS: Final = re.compile(
    r"^(aws:principal(orgid|orgpaths|account|arn)|aws:source(account|arn|orgid|orgpaths|owner|vpc|vpce)|aws:userid|kms:calleraccount"
    r"|s3:dataaccesspointaccount)$"
)
"""Condition keys that say whom a wildcard principal means. A principal's tags do not: every account sets its own."""


@statement_rule(
    "SC-IAM-01",
    kinds=(PolicyKind.IDENTITY, PolicyKind.RESOURCE),
    guidelines=("least-privilege", "ecr-precise-permissions"),
    controls=Controls(
        fsbp=("IAM.1", "IAM.21"),
        nist_800_53_r5=(
            "AC-2",
            "AC-2(1)",
            "AC-3",
            "AC-3(7)",
            "AC-3(15)",
            "AC-5",
            "AC-6",
            "AC-6(2)",
            "AC-6(3)",
            "AC-6(10)",
        ),
        hipaa=_ACCESS_MANAGEMENT_HIPAA,
        cis=("v1.4.0/1.16", "v1.2.0/1.22"),
        source=_IAM_CONTROLS,
    ),
)
def wildcard_actions(statement: Statement) -> Observations:
    """A policy allows every action, or every action of a service.

    ## Why
    `ecr:*` lets a publisher delete images and open the repository to others; and it grows with each action that AWS
    adds.

    ## Fix
    Name the actions. Grants such as `repository.grant_pull(role)` write the minimal list. In a key policy, `kms:*` for
    the own account's root is AWS's default (it leaves the decision to IAM) and is no finding.

    ## Bad
    ```yaml
    Resources:
      Policy:
        Type: AWS::IAM::ManagedPolicy
        Properties:
          PolicyDocument:
            Statement:
              - Effect: Allow
                Action: ecr:*
                Resource: !Sub arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/app
    ```

    ## Good
    ```yaml
    Resources:
      Policy:
        Type: AWS::IAM::ManagedPolicy
        Properties:
          PolicyDocument:
            Statement:
              - Effect: Allow
                Action: [ecr:BatchGetImage, ecr:GetDownloadUrlForLayer]
                Resource: !Sub arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/app
    ```
    """
    if not statement.allows or _leaves_key_to_own_account(statement):
        return
    for action in statement.actions:
        service, colon, name = PLACEHOLDER.sub("$", action.text).partition(":")
        if action.unknown or _is_wildcard(name if colon else service) or set("*?") & set(service):
            yield action.violates(f"the statement allows {action.text}", about=action.text)
        elif name == "$":
            yield action.undecided("the statement allows it")
    for action in statement.excluded_actions:
        yield action.violates(
            f"the statement allows everything but {action.text} (NotAction)", about=f"NotAction {action.text}"
        )


@statement_rule(
    "SC-IAM-02",
    kinds=(PolicyKind.IDENTITY,),
    guidelines=("least-privilege", "ecr-precise-permissions"),
    controls=Controls(
        fsbp=("IAM.1", "KMS.1", "KMS.2"),
        nist_800_53_r5=("AC-2", "AC-2(1)", "AC-3", "AC-3(7)", "AC-3(15)", "AC-5", "AC-6", "AC-6(3)"),
        hipaa=_ACCESS_MANAGEMENT_HIPAA,
        source=_IAM_CONTROLS,
    ),
)
def wildcard_resources(statement: Statement) -> Observations:
    """A policy allows an action on every resource.

    ## Why
    The role for one repository, queue or key can then be used on all others of the account, today's and tomorrow's.

    ## Fix
    Name the resource's ARN. A `*` is no finding for actions that have no resource level (`ecr:GetAuthorizationToken`),
    nor where a condition says which resources are meant (`aws:ResourceTag/...`). A parameter for the ARN needs an
    `AllowedPattern` that leaves no room for `*`, such as `arn:.+:secret:.+`.

    ## Bad
    ```yaml
    Resources:
      Policy:
        Type: AWS::IAM::ManagedPolicy
        Properties:
          PolicyDocument:
            Statement:
              - Effect: Allow
                Action: [ecr:BatchGetImage, ecr:GetDownloadUrlForLayer]
                Resource: '*'
    ```

    ## Good
    ```yaml
    Resources:
      Policy:
        Type: AWS::IAM::ManagedPolicy
        Properties:
          PolicyDocument:
            Statement:
              - Effect: Allow
                Action: ecr:GetAuthorizationToken
                Resource: '*'
              - Effect: Allow
                Action: [ecr:BatchGetImage, ecr:GetDownloadUrlForLayer]
                Resource: !Sub arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/app
    ```
    """
    if not statement.allows:
        return
    for resource in statement.resources:
        wide = names_no_resource(resource.text)
        if not (wide or resource.may_be("*")) or statement.limited(_says_which_resources, where=resource):
            continue
        actions = [action for action in statement.actions if action.unknown or has_resource_level(action.text)]
        if actions and not wide:
            yield resource.undecided("the resources of the statement")
        for action in actions if wide else ():
            if action.meets(resource):
                yield resource.violates(f"the statement allows {action.text} on {resource.text}", about=action.text)
    for resource in statement.excluded_resources:
        if not statement.limited(_says_which_resources, where=resource):
            yield resource.violates(
                f"the statement allows all resources but {resource.text} (NotResource)",
                about=f"NotResource {resource.text}",
            )


@statement_rule(
    "SC-IAM-03",
    kinds=(PolicyKind.RESOURCE, PolicyKind.TRUST),
    guidelines=("ecr-cross-account-by-repository-policy", "ecr-private-by-default", "least-privilege"),
    controls=Controls(
        fsbp=("KMS.5", "Lambda.1", "S3.2", "S3.3", "SNS.4", "SQS.3"),
        nist_800_53_r5=(
            "AC-21",
            "AC-3",
            "AC-3(7)",
            "AC-4",
            "AC-4(21)",
            "AC-6",
            "SC-7",
            "SC-7(3)",
            "SC-7(4)",
            "SC-7(9)",
            "SC-7(11)",
            "SC-7(16)",
            "SC-7(20)",
            "SC-7(21)",
        ),
        pci_dss_4=("7.2.1",),
        hipaa=("164.308(a)(3)(i)", "164.308(a)(4)(ii)(A)", "164.308(a)(4)(ii)(C)", "164.312(a)(1)", "164.312(e)(1)"),
        source="https://docs.aws.amazon.com/securityhub/latest/userguide/s3-controls.html",
    ),
)
def wildcard_principal(statement: Statement) -> Observations:
    """A policy lets anybody in.

    ## Why
    `Principal: '*'` means every AWS account, and for some services everybody on the internet.

    ## Fix
    Name the account, role or service; or keep `*` with a condition that says whom it means, such as `StringEquals` on
    `aws:PrincipalOrgID`. A condition with `...IfExists` or `ForAllValues:` does not narrow: it holds when the key is
    missing. A parameter for the principal needs an `AllowedPattern` that leaves no room for `*`.

    ## Bad
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Properties:
          RepositoryPolicyText:
            Statement:
              - Effect: Allow
                Principal: '*'
                Action: [ecr:BatchGetImage, ecr:GetDownloadUrlForLayer]
    ```

    ## Good
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Properties:
          RepositoryPolicyText:
            Statement:
              - Effect: Allow
                Principal: '*'
                Action: [ecr:BatchGetImage, ecr:GetDownloadUrlForLayer]
                Condition:
                  StringEquals:
                    aws:PrincipalOrgID: o-a1b2c3d4e5
    ```
    """
    if not statement.allows:
        return
    for kind, principal in statement.principals:
        anybody = isinstance(principal.data, str) and "*" in principal.text
        if not (anybody or (kind == "AWS" and principal.may_be("*"))):
            continue
        if not statement.limited(_says_who, where=principal):
            yield principal.violates(
                f"the statement lets in {principal.text} without a condition that says who that is"
            )
    for principal in statement.excluded_principals:
        if not statement.limited(_says_who, where=principal):
            yield principal.violates("the statement lets in everybody but some (NotPrincipal)")


@resource_rule(
    "SC-IAM-04",
    types=("AWS::IAM::AccessKey", "AWS::IAM::User"),
    guidelines=("signed-requests-temporary-credentials",),
)
def long_lived_credentials(resource: Resource) -> Observations:
    """A user or an access key is created.

    ## Why
    Its credentials never expire by themselves. They leak by logs, laptops and images, and work from anywhere.

    ## Fix
    Let workloads act by roles, build systems by OpenID Connect federation, and people by IAM Identity Center.

    ## Bad
    ```yaml
    Resources:
      Publisher:
        Type: AWS::IAM::User
      Key:
        Type: AWS::IAM::AccessKey
        Properties:
          UserName: !Ref Publisher
    ```

    ## Good
    ```yaml
    Resources:
      Publisher:
        Type: AWS::IAM::Role
        Properties:
          AssumeRolePolicyDocument:
            Statement:
              - Effect: Allow
                Principal: {Service: codebuild.amazonaws.com}
                Action: sts:AssumeRole
    ```
    """
    yield resource.violates(
        "an access key is created" if resource.type == "AWS::IAM::AccessKey" else "an IAM user is created"
    )


@resource_rule(
    "SC-IAM-05",
    types=("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::UserPolicy", "AWS::IAM::User"),
    guidelines=("registry-groups-not-users",),
    controls=Controls(
        fsbp=("IAM.2",),
        nist_800_53_r5=("AC-2", "AC-2(1)", "AC-3", "AC-3(7)", "AC-3(15)", "AC-6", "AC-6(3)"),
        hipaa=_ACCESS_MANAGEMENT_HIPAA,
        cis=("v5.0.0/1.14", "v3.0.0/1.15", "v1.2.0/1.16"),
        source=_IAM_CONTROLS,
    ),
)
def permissions_to_users(resource: Resource) -> Observations:
    """Permissions are given to a user.

    ## Why
    What one person may do is then found nowhere but on that person, and stays there when the job changes.

    ## Fix
    Give them to a role or a group for the job (reader, publisher, administrator), and let people take it.

    ## Bad
    ```yaml
    Resources:
      Policy:
        Type: AWS::IAM::Policy
        Properties:
          PolicyName: pull
          Users: [maria]
          PolicyDocument:
            Statement:
              - {Effect: Allow, Action: ecr:GetAuthorizationToken, Resource: '*'}
    ```

    ## Good
    ```yaml
    Resources:
      Policy:
        Type: AWS::IAM::Policy
        Properties:
          PolicyName: pull
          Groups: [readers]
          PolicyDocument:
            Statement:
              - {Effect: Allow, Action: ecr:GetAuthorizationToken, Resource: '*'}
    ```
    """
    if resource.type == "AWS::IAM::UserPolicy":
        yield resource.violates("an inline policy is attached to a user")
    for name in ("Policies", "ManagedPolicyArns") if resource.type == "AWS::IAM::User" else ("Users",):
        for value in resource.get(name):
            if any(True for _ in value.items()):
                yield value.violates(
                    "the policy is attached to users" if name == "Users" else f"the user has {name} of its own"
                )


def names_no_resource(arn: str) -> bool:
    """Whether an ARN in a policy means everything of a service, or of one of its types."""
    parts = arn_parts(arn)
    if not parts:
        return _is_wildcard(arn) or (arn.startswith("arn:") and arn.endswith("*"))
    resource = parts[5].lstrip("/")
    if parts[2] in _NO_TYPE_IN_ARN:
        return _is_wildcard(re.split("[/:]", resource)[0])
    return _is_wildcard(re.sub("[/:]", "", resource)) or _WHOLE_TYPE.fullmatch(resource) is not None


def _says_which_resources(operator: str, key: str, values: list[Value]) -> bool:
    return _RESOURCE_CONDITIONS.match(key) is not None and narrows(
        operator, values, lambda text: not names_no_resource(text)
    )


def _says_who(operator: str, key: str, values: list[Value]) -> bool:
    return _PRINCIPAL_CONDITIONS.match(key) is not None and narrows(operator, values, _names_somebody)


def _names_somebody(text: str) -> bool:
    """Whether an account, organization, network or the ARN of one is named: what stands first must hold no wildcard."""
    parts = arn_parts(text)
    if text.startswith("arn:"):
        return bool(parts) and _names_somebody(parts[4] or parts[5].lstrip("/"))
    first = re.split("[/:]", PLACEHOLDER.sub("$", text))[0]
    return bool(first) and not set("*?") & set(first)


def _is_wildcard(text: str) -> bool:
    return bool(text) and not text.strip("*?")


def _leaves_key_to_own_account(statement: Statement) -> bool:
    """AWS's default key policy: without it nobody could mend a key policy that locks everybody out."""
    if statement.resource.type not in ("AWS::KMS::Key", "AWS::KMS::ReplicaKey"):
        return False
    account = statement.resource.template.account or "${AWS::AccountId}"
    principals = statement.principals
    return bool(principals) and all(
        kind == "AWS" and (value.text == account or arn_parts(value.text)[2:] == ["iam", "", account, "root"])
        for kind, value in principals
    )
