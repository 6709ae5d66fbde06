"""Rules about one container repository."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from secure_containers.rules.ecr_lifecycle import bounds_every_tag, expires_untagged, lifecycle_problems
from secure_containers.rules.engine import Controls, Observations, Severity, resource_rule
from secure_containers.rules.intrinsics import Unknown
from secure_containers.rules.template import Observation, Resource, Value, is_true

REPOSITORY: Final = "AWS::ECR::Repository"
_ECR_CONTROLS: Final = "https://docs.aws.amazon.com/securityhub/latest/userguide/ecr-controls.html"


@resource_rule(
    "SC-ECR-01",
    types=(REPOSITORY,),
    guidelines=("ecr-immutable-tags",),
    controls=Controls(fsbp=("ECR.2",), nist_800_53_r5=("CA-9(1)", "CM-2", "CM-8(1)"), source=_ECR_CONTROLS),
)
def mutable_image_tags(repository: Resource) -> Observations:
    """Image tags can be moved to another image.

    ## Why
    What was tested under a tag is then not what runs under it: whoever may push can replace a released image without
    anybody changing a deployment.

    ## Fix
    Set `ImageTagMutability` to `IMMUTABLE`, or to `IMMUTABLE_WITH_EXCLUSION` with 1 to 5 patterns for the tags that
    have to move. A pattern of `*` alone excludes every tag and counts as mutable.

    ## Bad
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Properties:
          ImageTagMutability: MUTABLE
    ```

    ## Good
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Properties:
          ImageTagMutability: IMMUTABLE_WITH_EXCLUSION
          ImageTagMutabilityExclusionFilters:
            - ImageTagMutabilityExclusionFilterType: WILDCARD
              ImageTagMutabilityExclusionFilterValue: dev-*
    ```
    """
    for value in repository.get("ImageTagMutability"):
        if value.data not in ("IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION"):
            yield value.violates(f"ImageTagMutability is {value.text or 'not set, which means MUTABLE'}")
    for filters in repository.get("ImageTagMutabilityExclusionFilters"):
        for each in filters.items():
            for pattern in each.get("ImageTagMutabilityExclusionFilterValue"):
                if pattern.unknown or not pattern.text.strip("*"):
                    yield pattern.violates(f"the exclusion '{pattern.text}' leaves every tag mutable")


@resource_rule(
    "SC-ECR-02",
    types=(REPOSITORY,),
    guidelines=("ecr-scan-on-push",),
    controls=Controls(fsbp=("ECR.1",), nist_800_53_r5=("RA-5",), pci_dss_4=("6.2.3", "6.2.4"), source=_ECR_CONTROLS),
)
def unscanned_images(repository: Resource) -> Observations:
    """Pushed images are not scanned.

    ## Why
    An image with known vulnerabilities is found by whoever looks for it first. Without a scan at the push that is not
    you.

    ## Fix
    Set `ImageScanningConfiguration.ScanOnPush` to `true`. A registry scanning configuration in the same template whose
    filter is `*` serves as well.

    ## Bad
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Properties:
          ImageScanningConfiguration:
            ScanOnPush: false
    ```

    ## Good
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Properties:
          ImageScanningConfiguration:
            ScanOnPush: true
    ```
    """
    if _registry_scans(repository):
        return
    for value in repository.get("ImageScanningConfiguration", "ScanOnPush"):
        if not is_true(value.data):
            setting = value.text or "not set"
            yield value.violates(
                f"ScanOnPush is {setting}, and no registry scan of this template covers all repositories"
            )


@resource_rule(
    "SC-ECR-03",
    types=(REPOSITORY,),
    guidelines=("ecr-encrypt-with-kms", "encryption-at-rest"),
    controls=Controls(
        security_hub=("ECR.5",),
        nist_800_53_r5=("AU-9", "CA-9(1)", "CM-3(6)", "SC-12(2)", "SC-13", "SC-28", "SC-28(1)", "SC-7(10)", "SI-7(6)"),
        source=_ECR_CONTROLS,
    ),
)
def aws_owned_image_encryption(repository: Resource) -> Observations:
    """Images are not encrypted with a key of yours.

    ## Why
    With the default (AES256) or the AWS managed key `aws/ecr` nobody can restrict, watch, rotate or withdraw the key.
    Encryption is fixed when a repository is created: a later change means a new repository.

    ## Fix
    Set `EncryptionConfiguration.EncryptionType` to `KMS` (`KMS_DSSE` in GovCloud) and `KmsKey` to a customer managed
    key. A parameter for the key needs an `AllowedPattern` that leaves no room for the alias `aws/ecr`, such as
    `arn:.+:key/.+`.

    ## Bad
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Properties:
          EncryptionConfiguration:
            EncryptionType: KMS
    ```

    ## Good
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Properties:
          EncryptionConfiguration:
            EncryptionType: KMS
            KmsKey: !GetAtt Key.Arn
      Key:
        Type: AWS::KMS::Key
        DeletionPolicy: Retain
        UpdateReplacePolicy: Retain
        Properties:
          EnableKeyRotation: true
    ```
    """
    for encryption in repository.get("EncryptionConfiguration", "EncryptionType"):
        if encryption.data not in ("KMS", "KMS_DSSE"):
            yield encryption.violates(f"EncryptionType is {encryption.text or 'not set, which means AES256'}")
            return
    for key in repository.get("EncryptionConfiguration", "KmsKey"):
        if not key.text:
            yield key.violates("KmsKey is not set, so that AWS's own key for ECR is used")
        elif key.text.endswith("alias/aws/ecr") or key.may_be("alias/aws/ecr"):
            yield key.violates("KmsKey is AWS's own key for ECR")


@resource_rule(
    "SC-ECR-04",
    types=(REPOSITORY,),
    guidelines=("ecr-lifecycle",),
    controls=Controls(fsbp=("ECR.3",), nist_800_53_r5=("CA-9(1)", "CM-2", "CM-2(2)"), source=_ECR_CONTROLS),
)
def missing_image_lifecycle(repository: Resource) -> Observations:
    """Nothing ever removes an image.

    ## Why
    Old images keep their old vulnerabilities and can still be pulled and run, and their storage is paid for.

    ## Fix
    Give the repository a lifecycle policy that expires untagged images and bounds the number or the age of the others.

    ## Bad
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Properties:
          ImageTagMutability: IMMUTABLE
    ```

    ## Good
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Properties:
          LifecyclePolicy:
            LifecyclePolicyText: |
              {"rules": [
                {"rulePriority": 1, "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed",
                  "countUnit": "days", "countNumber": 30}, "action": {"type": "expire"}},
                {"rulePriority": 2, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan",
                  "countNumber": 500}, "action": {"type": "expire"}}]}
    ```
    """
    for text in repository.get("LifecyclePolicy", "LifecyclePolicyText"):
        if text.absent or text.unknown:
            yield text.violates("the repository has no lifecycle policy")


@resource_rule("SC-ECR-05", types=(REPOSITORY,), guidelines=("ecr-lifecycle",))
def kept_untagged_images(repository: Resource) -> Observations:
    """The lifecycle policy keeps untagged images.

    ## Why
    An image loses its tag when a newer one takes it. Nobody looks at it any more, and it stays pullable by its digest
    with whatever vulnerabilities it has.

    ## Fix
    Add a rule that expires images of `tagStatus` `untagged` (or `any`).

    ## Bad
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Properties:
          LifecyclePolicy:
            LifecyclePolicyText: |
              {"rules": [{"rulePriority": 1, "selection": {"tagStatus": "tagged", "tagPatternList": ["*"],
                "countType": "imageCountMoreThan", "countNumber": 500}, "action": {"type": "expire"}}]}
    ```

    ## Good
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Properties:
          LifecyclePolicy:
            LifecyclePolicyText: |
              {"rules": [
                {"rulePriority": 1, "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed",
                  "countUnit": "days", "countNumber": 30}, "action": {"type": "expire"}},
                {"rulePriority": 2, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan",
                  "countNumber": 500}, "action": {"type": "expire"}}]}
    ```
    """
    for place, policy in _lifecycle_policies(repository):
        if not expires_untagged(policy):
            yield place.violates("no rule of the lifecycle policy expires untagged images")


@resource_rule("SC-ECR-06", types=(REPOSITORY,), guidelines=("ecr-lifecycle",))
def unbounded_images(repository: Resource) -> Observations:
    """The lifecycle policy lets tagged images pile up.

    ## Why
    Rules for some tags leave all others to live for ever: the mistyped tag, the branch of two years ago, the base image
    nobody rebuilds.

    ## Fix
    Add a last rule for `tagStatus` `any` (or a `tagPatternList` of `*`) that expires images by count or by age.

    ## Bad
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Properties:
          LifecyclePolicy:
            LifecyclePolicyText: |
              {"rules": [{"rulePriority": 1, "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed",
                "countUnit": "days", "countNumber": 30}, "action": {"type": "expire"}}]}
    ```

    ## Good
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Properties:
          LifecyclePolicy:
            LifecyclePolicyText: |
              {"rules": [
                {"rulePriority": 1, "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed",
                  "countUnit": "days", "countNumber": 30}, "action": {"type": "expire"}},
                {"rulePriority": 2, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan",
                  "countNumber": 500}, "action": {"type": "expire"}}]}
    ```
    """
    for place, policy in _lifecycle_policies(repository):
        if not bounds_every_tag(policy):
            yield place.violates("no rule of the lifecycle policy bounds the images of every tag")


@resource_rule("SC-ECR-07", types=(REPOSITORY,), guidelines=("ecr-lifecycle", "deployable-templates"))
def invalid_lifecycle_policy(repository: Resource) -> Observations:
    """ECR will refuse the lifecycle policy.

    ## Why
    The policy is text to CloudFormation, so a mistake in it shows only in the deployment, which then rolls back.

    ## Fix
    Write what the message says is allowed. `secure_containers.ecr.LifecycleRule` says it at the line where a rule is
    written.

    ## Bad
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Properties:
          LifecyclePolicy:
            LifecyclePolicyText: |
              {"rules": [{"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "sinceImagePulled",
                "countUnit": "days", "countNumber": 30}, "action": {"type": "expire"}}]}
    ```

    ## Good
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Properties:
          LifecyclePolicy:
            LifecyclePolicyText: |
              {"rules": [{"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "sinceImagePulled",
                "countUnit": "days", "countNumber": 30},
                "action": {"type": "transition", "targetStorageClass": "archive"}}]}
    ```
    """
    for text in repository.get("LifecyclePolicy", "LifecyclePolicyText"):
        if text.absent or text.unknown:
            continue  # SC-ECR-04 speaks of these
        for document in text.parsed():
            if isinstance(document.data, Unknown):
                yield document.undecided("is it JSON?") if "${" in text.text else _not_json(document)
                continue
            for problem in lifecycle_problems(document.data, text=text.data if isinstance(text.data, str) else None):
                yield document.violates(str(problem))


@resource_rule("SC-ECR-08", types=("AWS::ECR::PublicRepository",), guidelines=("ecr-private-by-default",))
def public_repository(repository: Resource) -> Observations:
    """A repository is public.

    ## Why
    Anybody on the internet can pull its images without signing in, and mirrors keep what was once published.

    ## Fix
    Use `AWS::ECR::Repository`. Where publishing is meant, waive this rule on the repository and say who decided it.

    ## Bad
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::PublicRepository
    ```

    ## Good
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
    ```
    """
    yield repository.violates("the repository is in ECR Public")


@resource_rule("SC-ECR-09", types=(REPOSITORY,), guidelines=("ecr-repository-tags",), severity=Severity.WARNING)
def untagged_repository(repository: Resource) -> Observations:
    """A repository carries no tags.

    ## Why
    Permissions by tag and cost reports pass over a resource without tags, and nobody can tell who owns it.

    ## Fix
    Tag it: `SecureEcrRepository(tags={"owner": "payments"})`, or the whole app with
    `Tags.of(app).add("owner", "payments")`.

    ## Bad
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
    ```

    ## Good
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        Properties:
          Tags:
            - Key: owner
              Value: payments
    ```
    """
    for tags in repository.get("Tags"):
        if tags.absent or not any(True for _ in tags.items()):
            yield tags.violates("the repository has no tags")


def _registry_scans(repository: Resource) -> bool:
    """Whether, in every deployment with this repository, a registry scan of the template covers all repositories."""
    return any(
        all(pattern.text == "*" for pattern in each.get("Filter"))
        for registry in repository.template.of_type("AWS::ECR::RegistryScanningConfiguration")
        for rules in registry.get("Rules")
        for rule in rules.items()
        if all(frequency.data in ("SCAN_ON_PUSH", "CONTINUOUS_SCAN") for frequency in rule.get("ScanFrequency"))
        for filters in rule.get("RepositoryFilters")
        for each in filters.items()
        if repository.stands_with(each)
    )


def _not_json(document: Value) -> Observation:
    return document.resource.violates("LifecyclePolicyText is not JSON", at=document.path)


def _lifecycle_policies(repository: Resource) -> Iterator[tuple[Value, list[dict[str, Any]]]]:
    """The rules of every lifecycle policy that the repository can have and that can be read."""
    for text in repository.get("LifecyclePolicy", "LifecyclePolicyText"):
        for document in text.parsed():
            rules = document.data.get("rules") if isinstance(document.data, dict) else None
            if isinstance(rules, list):
                yield document, [rule for rule in rules if isinstance(rule, dict)]
