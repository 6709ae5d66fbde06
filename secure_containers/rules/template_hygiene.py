"""Rules that hold for every resource: what is written in the open, what binds to one place, what will not deploy."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from secure_containers.rules.contents import besides, contents, properties
from secure_containers.rules.engine import Observations, Severity, resource_rule, template_rule
from secure_containers.rules.intrinsics import placeholders
from secure_containers.rules.partitions import partition_of, suffix_of
from secure_containers.rules.template import Observation, Resource, Template
from secure_containers.rules.waiver_metadata import METADATA_KEY, read_waivers

_SENSITIVE: Final[Mapping[str, re.Pattern[str]]] = {
    # Whoever clones from git@host is nobody's address; the look-behind keeps the search linear.
    "an e-mail address": re.compile(
        r"(?<![A-Za-z0-9._%+-])(?!git@)[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
    ),
    "a US social security number": re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"),
    # The look-behind passes over ARNs (`...:secret:name`) and paths.
    "something that calls itself a secret": re.compile(
        r"(?i)(?<![\w:/-])(?:password|passwd|secret|token|api[_-]?key)\s*[:=]\s*\S+"
    ),
}
_CARD: Final = re.compile(r"(?<![\w-])(?:\d[ -]?){12,18}\d(?![\w-])")
_CARD_LENGTHS: Final[Mapping[str, frozenset[int]]] = {
    "2": frozenset({16}),
    "3": frozenset({14, 15, 16}),
    "4": frozenset({13, 16, 19}),
    "5": frozenset({16}),
    "6": frozenset(range(16, 20)),
}
"""How long card numbers are, by their first digit; what starts otherwise is a time or a number of something else."""
_CREDENTIALS: Final[Mapping[str, re.Pattern[str]]] = {
    "an AWS access key": re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Z0-9])"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY(?: BLOCK)?-----"),
}
_FREE_TEXT: Final = frozenset({"Description", "AlarmDescription", "Comment"})

_PARTITION: Final = re.compile(r"(?<![\w$}-])arn:(aws[a-z-]*):")
_HOST: Final = re.compile(r"\.(amazonaws\.(?:com(?:\.cn)?|eu))(?![\w.-])")
_SERVICE_PRINCIPAL: Final = re.compile(
    r"(?!.*\.(?:dkr\.ecr|execute-api|s3)[.-])[a-z0-9][a-z0-9.-]*\.amazonaws\.com(?:\.cn)?|.*:role/aws-service-role/.*",
    re.DOTALL,
)
"""A service as a principal, as an event's source or in its own role's path; hosts of images, APIs, buckets are none."""
_ACCOUNT: Final = re.compile(r"(?:arn:(?:(?:\$\{[^}]*\}|[^:$])*:){3}|^|//)(\d{12})(?=:|\.dkr\.ecr)")
_TRANSPARENT: Final = "AWS::LanguageExtensions"
"""The one transform that changes only what functions there are."""

_NAMES: Final[Mapping[str, str]] = {
    "AWS::AutoScaling::AutoScalingGroup": "AutoScalingGroupName",
    "AWS::Batch::ComputeEnvironment": "ComputeEnvironmentName",
    "AWS::Batch::JobQueue": "JobQueueName",
    "AWS::Batch::SchedulingPolicy": "Name",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::EC2::SecurityGroup": "GroupName",
    "AWS::ECR::Repository": "RepositoryName",
    "AWS::ECS::Cluster": "ClusterName",
    "AWS::ECS::Service": "ServiceName",
    "AWS::EKS::Cluster": "Name",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "Name",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SecretsManager::Secret": "Name",
}
"""Resource types whose name is fixed when they are created, and the property that sets it. Job definitions of AWS Batch
are not among them: nothing else of theirs needs a replacement, they get revisions."""


@template_rule("SC-TXT-01", guidelines=("no-sensitive-data-in-tags-or-names",))
def sensitive_data(template: Template) -> Observations:
    """A name, tag or description holds confidential data.

    ## Why
    Names, tags and descriptions end up in bills, logs, metrics and tickets, readable to many who may not read the data
    itself.

    ## Fix
    Write a role, a team or an id in its place, and keep the data where access to it is controlled.

    ## Bad
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Properties:
          Tags:
            - Key: owner
              Value: maria.lopez@example.com
    ```

    ## Good
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Properties:
          Tags:
            - Key: owner
              Value: team-payments
    ```
    """
    for resource, path, text in _property_texts(template):
        last = path.rpartition(".")[2]
        if last in _FREE_TEXT or last.endswith(("Name", "Tags")) or "Tags." in path:
            for what in _sensitive_parts(text):
                yield resource.violates(f"the text holds {what}", at=path)
    for resource in template.resources.values():
        for what in _sensitive_parts(resource.logical_id):
            yield resource.violates(f"the logical id holds {what}", at="")
    description = template.body.get("Description")
    for what in _sensitive_parts(description if isinstance(description, str) else ""):
        yield Observation(None, f"the template's description holds {what}", at="Description")


@template_rule("SC-TXT-02", guidelines=("signed-requests-temporary-credentials",))
def embedded_credentials(template: Template) -> Observations:
    """A credential stands in the template.

    ## Why
    Templates are stored in buckets, repositories, build logs and the console. A key in one has leaked already.

    ## Fix
    Withdraw the credential now. Let the workload act by its role, and read other secrets from Secrets Manager.

    ## Bad
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Environment:
              - Name: AWS_ACCESS_KEY_ID
                Value: AKIAIOSFODNN7EXAMPLE
    ```

    ## Good
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            JobRoleArn: !GetAtt JobRole.Arn
    ```
    """
    for section in ("Metadata", "Parameters", "Mappings", "Outputs"):
        for path, text in contents(template.body.get(section), section).texts:
            for what in _credential_parts(text):
                yield Observation(None, f"the text holds {what}", at=path)
    for what, pattern in _CREDENTIALS.items():
        for resource, path, text in chain(_property_texts(template), _other_texts(template)):
            if pattern.search(text):
                yield resource.violates(f"the text holds {what}", at=path)


@template_rule("SC-PRT-01", guidelines=("every-partition",))
def hard_coded_partition(template: Template) -> Observations:
    """An ARN or host name is bound to one partition.

    ## Why
    `arn:aws:` names nothing in GovCloud (`aws-us-gov`) or China (`aws-cn`), and hosts there end in another suffix. The
    stack fails to deploy, or its policy silently allows nothing.

    ## Fix
    Write `${AWS::Partition}` and `${AWS::URLSuffix}`; in CDK `Aws.PARTITION`, `Stack.of(self).format_arn(...)`. A
    template made for one known Region may hold that Region's partition. Service principals end in `amazonaws.com`
    everywhere and are no finding.

    ## Bad
    ```yaml
    Resources:
      Policy:
        Type: AWS::IAM::ManagedPolicy
        Properties:
          PolicyDocument:
            Statement:
              - Effect: Allow
                Action: ecr:BatchGetImage
                Resource: !Sub arn:aws:ecr:${AWS::Region}:${AWS::AccountId}:repository/app
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
                Action: ecr:BatchGetImage
                Resource: !Sub arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/app
    ```
    """
    here, ending = (partition_of(template.region), suffix_of(template.region)) if template.region else (None, None)
    for resource, path, text in _property_texts(template):
        for partition in _PARTITION.findall(text):
            if partition != here:
                yield resource.violates(f"the ARN is bound to the partition {partition}", at=path)
        if not _names_whom(path) and ".FilterPattern" not in path and not _SERVICE_PRINCIPAL.fullmatch(text):
            for suffix in _HOST.findall(text):
                if suffix != ending:
                    yield resource.violates(f"the host name is bound to the suffix {suffix}", at=path)


@template_rule("SC-PRT-02", guidelines=("every-partition",), severity=Severity.WARNING)
def hard_coded_account(template: Template) -> Observations:
    """An account number is written into an ARN or an image's address.

    ## Why
    The template then works for one account only, and deployed to another it reaches back into the first.

    ## Fix
    Write `${AWS::AccountId}` where the own account is meant. Whom a policy names (its principals and conditions) is no
    finding.

    ## Bad
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: 111122223333.dkr.ecr.eu-central-1.amazonaws.com/app
    ```

    ## Good
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: !Sub ${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/app
    ```
    """
    for resource, path, text in _property_texts(template):
        if not _names_whom(path):
            for account in _ACCOUNT.findall(text):
                if account != template.account:
                    yield resource.violates("an account number is written out", at=path)


@template_rule("SC-REF-01", guidelines=("deployable-templates",))
def reference_cycle(template: Template) -> Observations:
    """Resources refer to each other in a circle.

    ## Why
    CloudFormation cannot tell which to create first and refuses the template. Key policies that name a role or bucket
    by its ARN are the usual cause: the role's policy names the key in turn.

    ## Fix
    Break the circle at the policy: name a service principal with `aws:SourceAccount`, or put the statement into a
    policy resource of its own.

    ## Bad
    ```yaml
    Resources:
      Key:
        Type: AWS::KMS::Key
        DeletionPolicy: Retain
        UpdateReplacePolicy: Retain
        Properties:
          EnableKeyRotation: true
          KeyPolicy:
            Statement:
              - {Effect: Allow, Principal: {AWS: !GetAtt Role.Arn}, Action: kms:Decrypt, Resource: '*'}
      Role:
        Type: AWS::IAM::Role
        Properties:
          AssumeRolePolicyDocument:
            Statement:
              - {Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}
          Policies:
            - PolicyName: decrypt
              PolicyDocument:
                Statement:
                  - {Effect: Allow, Action: kms:Decrypt, Resource: !GetAtt Key.Arn}
    ```

    ## Good
    ```yaml
    Resources:
      Key:
        Type: AWS::KMS::Key
        DeletionPolicy: Retain
        UpdateReplacePolicy: Retain
        Properties:
          EnableKeyRotation: true
      Role:
        Type: AWS::IAM::Role
        Properties:
          AssumeRolePolicyDocument:
            Statement:
              - {Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}
          Policies:
            - PolicyName: decrypt
              PolicyDocument:
                Statement:
                  - {Effect: Allow, Action: kms:Decrypt, Resource: !GetAtt Key.Arn}
    ```
    """
    for cycle in cycles(template):
        yield template.resources[cycle[0]].violates(
            "the resources refer to each other: " + " -> ".join([*cycle, cycle[0]]), at=""
        )


@resource_rule("SC-NAM-01", types=tuple(_NAMES), guidelines=("deployable-templates",), severity=Severity.WARNING)
def replacement_blocking_name(resource: Resource) -> Observations:
    """A physical name blocks replacement.

    ## Why
    An update that has to replace the resource creates the new one first, and the name is taken: the deployment fails.
    The same name also keeps the template from being deployed twice, or again after a deletion that kept the resource.

    ## Fix
    Leave the name out and let CloudFormation choose one; pass it on by reference. Where people or other accounts must
    know the name, waive this rule and say who depends on it. A name made of another resource's is no finding.

    ## Bad
    ```yaml
    Resources:
      Role:
        Type: AWS::IAM::Role
        Properties:
          RoleName: publisher
          AssumeRolePolicyDocument:
            Statement:
              - {Effect: Allow, Principal: {Service: codebuild.amazonaws.com}, Action: sts:AssumeRole}
    ```

    ## Good
    ```yaml
    Resources:
      Role:
        Type: AWS::IAM::Role
        Properties:
          AssumeRolePolicyDocument:
            Statement:
              - {Effect: Allow, Principal: {Service: codebuild.amazonaws.com}, Action: sts:AssumeRole}
    ```
    """
    for value in resource.get(_NAMES[resource.type]):
        # A name with that of another resource in it changes when that one is replaced.
        derived = any(name.partition(".")[0] in resource.template.resources for name in placeholders(value.text))
        if not value.absent and not derived:
            yield resource.violates(f"the name is fixed: {value.text}", at=value.path)


@template_rule("SC-TPL-01", guidelines=("deployable-templates",))
def unreadable_template_part(template: Template) -> Observations:
    """A part of the template is made by a transform that the rules cannot follow.

    ## Why
    `Fn::ForEach`, `Fn::Transform`, macros and modules write resources while the stack is deployed. What is not in the
    text cannot be judged, and must not look like a pass.

    ## Fix
    Judge the expanded template: `aws cloudformation get-template --template-stage Processed`, or write the resources
    out.

    ## Bad
    ```yaml
    Transform: AWS::LanguageExtensions
    Resources:
      Fn::ForEach::Repositories:
        - Name
        - [app, base]
        - ${Name}Repository:
            Type: AWS::ECR::Repository
    ```

    ## Good
    ```yaml
    Resources:
      AppRepository:
        Type: AWS::ECR::Repository
      BaseRepository:
        Type: AWS::ECR::Repository
    ```
    """
    entries = template.body.get("Resources")
    for name, entry in (entries if isinstance(entries, dict) else {}).items():
        if name.startswith("Fn::") or not isinstance(entry, dict) or not isinstance(entry.get("Type"), str):
            yield Observation(
                None,
                f"cannot be decided: Resources.{name} is no resource that can be read",
                at=f"Resources.{name}",
                decided=False,
            )
    for transform in _listed(template.body.get("Transform")):
        if transform != _TRANSPARENT:
            message = f"cannot be decided: the transform {transform} may write or change any resource"
            yield Observation(None, message, at="Transform", decided=False)
    for stack in template.unread:
        message = "cannot be decided: the nested stack's template is not at hand"
        yield Observation(stack, message, at="Properties.TemplateURL", decided=False)
    for resource in template.resources.values():
        if resource.type.endswith("::MODULE"):
            yield Observation(resource, "cannot be decided: the module's resources stand elsewhere", decided=False)
    for found in (template.once(properties), template.once(besides)):
        for resource, each in found.items():
            for path in each.transforms:
                yield Observation(resource, f"cannot be decided: {path} is made by a transform", at=path, decided=False)


@template_rule("SC-WVR-01", guidelines=("compliance-evidence",))
def invalid_waiver(template: Template) -> Observations:
    """A waiver does not count.

    ## Why
    A waiver is read by auditors. Without a rule, a reason that can be judged and a date that can be read it says
    nothing, so it waives nothing.

    ## Fix
    Give `Rule` and a `Reason` of at least 20 characters that says why the weakness is acceptable here; write `Until`
    like 2027-03-31.

    ## Bad
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Metadata:
          SecureContainers:
            Waivers:
              - Rule: SC-ECR-01
                Reason: false positive
    ```

    ## Good
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Metadata:
          SecureContainers:
            Waivers:
              - Rule: SC-ECR-01
                Reason: preview images are rebuilt under one tag in the development account
    ```
    """
    metadata = template.body.get("Metadata")
    for problem in _waiver_problems(metadata if isinstance(metadata, dict) else {}):
        yield Observation(None, problem, at=f"Metadata.{METADATA_KEY}")
    for resource in template.resources.values():
        for problem in _waiver_problems(resource.metadata):
            yield resource.violates(problem, at=f"Metadata.{METADATA_KEY}")


def cycles(template: Template) -> Iterator[list[str]]:
    """The circles of references and `DependsOn` among resources, each once (Tarjan's strongly connected components)."""
    graph = {
        resource.logical_id: [
            name
            for name in dict.fromkeys([*_listed(resource.body.get("DependsOn")), *found.references])
            if name in template.resources
        ]
        for resource, found in template.once(properties).items()
    }
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_: list[str] = []
    is_open: set[str] = set()
    for root, first in graph.items():
        if root in order:
            continue
        path = [(root, iter(first))]
        order[root] = lowest[root] = len(order)
        open_.append(root)
        is_open.add(root)
        while path:
            name, needs = path[-1]
            successor = next(needs, None)
            if successor is not None:
                if successor not in order:
                    order[successor] = lowest[successor] = len(order)
                    open_.append(successor)
                    is_open.add(successor)
                    path.append((successor, iter(graph[successor])))
                elif successor in is_open:
                    lowest[name] = min(lowest[name], order[successor])
                continue
            path.pop()
            if path:
                lowest[path[-1][0]] = min(lowest[path[-1][0]], lowest[name])
            if lowest[name] == order[name]:
                component = {open_.pop()}
                while name not in component:
                    component.add(open_.pop())
                is_open -= component
                if len(component) > 1 or name in graph[name]:
                    yield _circle(name, component, graph)


def _circle(start: str, component: set[str], graph: Mapping[str, list[str]]) -> list[str]:
    """The shortest way from a resource back to itself."""
    came_from: dict[str, str] = {}
    open_ = deque([start])
    while start not in came_from:
        name = open_.popleft()
        for need in graph[name]:
            if need in component and need not in came_from:
                came_from[need] = name
                open_.append(need)
    way = [came_from[start]]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return way[::-1]


def _listed(node: Any) -> list[str]:
    """A text or a list of texts; of anything else, how it looks."""
    return (
        []
        if node is None
        else [each if isinstance(each, str) else str(each) for each in (node if isinstance(node, list) else [node])]
    )


def _property_texts(template: Template) -> Iterator[tuple[Resource, str, str]]:
    return ((each, path, text) for each, found in template.once(properties).items() for path, text in found.texts)


def _other_texts(template: Template) -> Iterator[tuple[Resource, str, str]]:
    return ((each, path, text) for each, found in template.once(besides).items() for path, text in found.texts)


def _names_whom(path: str) -> bool:
    """Whether a place of a policy says whom it is about: there accounts and services are named as such."""
    return ".Principal" in path or ".Condition" in path


def _waiver_problems(metadata: Mapping[str, Any]) -> Iterator[str]:
    from secure_containers.rules import find_rule  # noqa: PLC0415 - the package's list of rules holds this module's

    for waiver in read_waivers(metadata):
        if isinstance(waiver, str):
            yield waiver
        elif waiver.rule.upper().startswith("SC-"):
            id = waiver.rule.split("[", 1)[0]
            rule = find_rule(id)
            if rule is None or rule.id != id:
                yield f"Metadata.{METADATA_KEY}.Waivers names {waiver.rule!r}, which is no rule"


@lru_cache(maxsize=8192)
def _sensitive_parts(text: str) -> tuple[str, ...]:
    card = ("a card number",) if any(_passes_luhn(found.group()) for found in _CARD.finditer(text)) else ()
    return (*_matches(_SENSITIVE, text), *_credential_parts(text), *card)


@lru_cache(maxsize=8192)
def _credential_parts(text: str) -> tuple[str, ...]:
    """What of a text is a credential; most texts of a template stand in it many times."""
    return tuple(_matches(_CREDENTIALS, text))


def _matches(patterns: Mapping[str, re.Pattern[str]], text: str) -> Iterator[str]:
    return (what for what, pattern in patterns.items() if pattern.search(text))


def _passes_luhn(text: str) -> bool:
    digits = [int(character) for character in reversed(text) if character.isdecimal()]
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2]]
    plausible = len(digits) in _CARD_LENGTHS.get(str(digits[-1]), frozenset())
    return plausible and (sum(digits[::2]) + sum(doubled)) % 10 == 0
