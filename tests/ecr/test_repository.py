"""What `SecureEcrRepository` promises."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from aws_cdk import (
    App,
    Aws,
    BootstraplessSynthesizer,
    DefaultStackSynthesizer,
    Environment,
    NestedStack,
    PhysicalName,
    Stack,
    Stage,
    Tags,
)
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from secure_containers import EnvironmentTags, LifecycleRule, ScanSeverity, SecureEcrRepository, TagScheme, Waiver
from tests.support import (
    ACCOUNT,
    DIGEST,
    ORGANIZATION,
    OTHER_ACCOUNT,
    REGION,
    STRANGER,
    concrete,
    decision,
    findings,
    of_type,
    only,
    open_ids,
    permissions,
    synthesized,
)

REPOSITORY = "AWS::ECR::Repository"
REASON = "preview images are rebuilt under one tag and never leave the development account"
PULL = {"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
PUSH = {
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
}
DELETE = {"ecr:BatchDeleteImage", "ecr:DescribeImages", "ecr:ListImages"}


def repository_of(app: App, stack: str = "Test") -> dict[str, Any]:
    return only(synthesized(app)[stack], REPOSITORY)


def policy_of(app: App) -> dict[str, Any]:
    return repository_of(app)["Properties"]["RepositoryPolicyText"]


def lifecycle_of(app: App) -> list[dict[str, Any]]:
    return json.loads(repository_of(app)["Properties"]["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]


class TestDefaults:
    def test_images_are_encrypted_with_a_rotating_key_of_its_own(self, app: App, stack: Stack) -> None:
        SecureEcrRepository(stack, "Images")
        template = synthesized(app)["Test"]
        ((key_id, key),) = of_type(template, "AWS::KMS::Key").items()
        assert key["Properties"]["EnableKeyRotation"] is True
        encryption = only(template, REPOSITORY)["Properties"]["EncryptionConfiguration"]
        assert encryption == {"EncryptionType": "KMS", "KmsKey": {"Fn::GetAtt": [key_id, "Arn"]}}

    def test_tags_are_immutable_and_images_are_scanned(self, app: App, stack: Stack) -> None:
        SecureEcrRepository(stack, "Images")
        properties = repository_of(app)["Properties"]
        assert properties["ImageTagMutability"] == "IMMUTABLE"
        assert properties["ImageScanningConfiguration"] == {"ScanOnPush": True}

    def test_untagged_images_expire_and_old_ones_are_bounded(self, app: App, stack: Stack) -> None:
        SecureEcrRepository(stack, "Images")
        untagged, rest = lifecycle_of(app)
        assert untagged["selection"] == {
            "tagStatus": "untagged",
            "countType": "sinceImagePushed",
            "countUnit": "days",
            "countNumber": 30,
        }
        assert rest["selection"] == {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 500}
        assert untagged["action"] == rest["action"] == {"type": "expire"}

    def test_repository_and_key_are_kept_on_deletion(self, app: App, stack: Stack) -> None:
        SecureEcrRepository(stack, "Images")
        template = synthesized(app)["Test"]
        for resource in template["Resources"].values():
            assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
        assert "EmptyOnDelete" not in only(template, REPOSITORY)["Properties"]

    def test_it_has_no_name_and_no_policy(self, app: App, stack: Stack) -> None:
        SecureEcrRepository(stack, "Images")
        assert not {"RepositoryName", "RepositoryPolicyText"} & set(repository_of(app)["Properties"])

    def test_no_rule_finds_anything_but_missing_tags(self, app: App, stack: Stack) -> None:
        SecureEcrRepository(stack, "Images")
        assert open_ids(app) == {"SC-ECR-09"}

    def test_tags_reach_repository_and_key(self, app: App, stack: Stack) -> None:
        SecureEcrRepository(stack, "Images", tags={"owner": "payments"})
        assert open_ids(app) == set()
        for resource in synthesized(app)["Test"]["Resources"].values():
            assert {"Key": "owner", "Value": "payments"} in resource["Properties"]["Tags"]


class TestHardening:
    """Whoever takes a hardened property out again, by an escape hatch too, is told by a rule."""

    @pytest.mark.parametrize(
        ("path", "rule"),
        [
            ("ImageTagMutability", "SC-ECR-01"),
            ("ImageScanningConfiguration", "SC-ECR-02"),
            ("EncryptionConfiguration", "SC-ECR-03"),
            ("LifecyclePolicy", "SC-ECR-04"),
        ],
    )
    def test_a_removed_property_is_found(self, app: App, stack: Stack, path: str, rule: str) -> None:
        images = SecureEcrRepository(stack, "Images")
        images.repository.node.default_child.add_property_deletion_override(path)
        assert rule in open_ids(app)

    @pytest.mark.parametrize(("index", "rule"), [(0, "SC-ECR-05"), (1, "SC-ECR-06")])
    def test_a_weakened_lifecycle_is_found(self, app: App, stack: Stack, index: int, rule: str) -> None:
        images = SecureEcrRepository(
            stack,
            "Images",
            lifecycle_rules=[
                LifecycleRule(untagged=True, days_since_pushed=30),
                LifecycleRule(tag_patterns=["*"], more_than_images=9),
            ],
        )
        rules = lifecycle_of(app)
        again = new_app_with(
            app, images, {"LifecyclePolicy.LifecyclePolicyText": json.dumps({"rules": [rules[1 - index]]})}
        )
        assert rule in open_ids(again)

    def test_key_rotation_turned_off_is_found(self, app: App, stack: Stack) -> None:
        images = SecureEcrRepository(stack, "Images")
        images.encryption_key.node.default_child.add_property_override("EnableKeyRotation", False)
        assert "SC-KMS-01" in open_ids(app)

    @pytest.mark.parametrize("attribute", ["DeletionPolicy", "UpdateReplacePolicy"])
    def test_deletion_with_the_stack_is_found(self, app: App, stack: Stack, attribute: str) -> None:
        images = SecureEcrRepository(stack, "Images")
        images.repository.node.default_child.add_override(attribute, "Delete")
        assert "SC-DEL-01" in open_ids(app)

    def test_a_wildcard_principal_in_its_policy_is_found(self, app: App, stack: Stack) -> None:
        images = SecureEcrRepository(stack, "Images", organization_id=ORGANIZATION)
        images.repository.add_to_resource_policy(
            iam.PolicyStatement(principals=[iam.AnyPrincipal()], actions=["ecr:BatchGetImage"])
        )
        assert "SC-IAM-03" in open_ids(app)


def new_app_with(app: App, images: SecureEcrRepository, overrides: dict[str, Any]) -> App:
    """The app, already synthesized once, with properties of the repository overridden."""
    for path, value in overrides.items():
        images.repository.node.default_child.add_property_override(path, value)
    app.synth(force=True)
    return app


class TestEncryption:
    def test_a_key_passed_is_used_and_none_is_made(self, app: App, stack: Stack) -> None:
        key = kms.Key(stack, "Mine", enable_key_rotation=True)
        images = SecureEcrRepository(stack, "Images", encryption_key=key)
        assert images.encryption_key is key
        assert len(of_type(synthesized(app)["Test"], "AWS::KMS::Key")) == 1

    def test_an_imported_key_is_used(self, app: App) -> None:
        stack = Stack(app, "Test", env=Environment(account=ACCOUNT, region=REGION))
        arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
        SecureEcrRepository(stack, "Images", encryption_key=kms.Key.from_key_arn(stack, "Imported", arn))
        assert repository_of(app)["Properties"]["EncryptionConfiguration"]["KmsKey"] == arn

    def test_two_layers_can_be_chosen_in_govcloud(self, app: App) -> None:
        stack = Stack(app, "Test", env=Environment(account=ACCOUNT, region="us-gov-west-1"))
        SecureEcrRepository(stack, "Images", encryption=ecr.RepositoryEncryption.KMS_DSSE)
        assert repository_of(app)["Properties"]["EncryptionConfiguration"]["EncryptionType"] == "KMS_DSSE"

    def test_two_layers_are_refused_where_they_do_not_exist(self, app: App) -> None:
        stack = Stack(app, "Test", env=Environment(account=ACCOUNT, region=REGION))
        with pytest.raises(ValueError, match=r"Test/Images: encryption is 'KMS_DSSE'; allowed: KMS in eu-central-1"):
            SecureEcrRepository(stack, "Images", encryption=ecr.RepositoryEncryption.KMS_DSSE)

    def test_aes256_needs_a_waiver(self, stack: Stack) -> None:
        with pytest.raises(ValueError, match=r"encryption is 'AES256'.*write waivers=\[Waiver\(\"SC-ECR-03\""):
            SecureEcrRepository(stack, "Images", encryption=ecr.RepositoryEncryption.AES_256)

    def test_a_key_of_another_region_is_refused(self, app: App) -> None:
        stack = Stack(app, "Test", env=Environment(account=ACCOUNT, region=REGION))
        key = kms.Key.from_key_arn(
            stack, "Imported", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
        )
        with pytest.raises(ValueError, match="a key of eu-central-1; this one is of us-east-1"):
            SecureEcrRepository(stack, "Images", encryption_key=key)


class TestImmutability:
    def test_exceptions_are_written_as_filters(self, app: App, stack: Stack) -> None:
        SecureEcrRepository(stack, "Images", mutable_tag_patterns=["dev-*", "nightly"])
        properties = repository_of(app)["Properties"]
        assert properties["ImageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
        assert [
            each["ImageTagMutabilityExclusionFilterValue"] for each in properties["ImageTagMutabilityExclusionFilters"]
        ] == ["dev-*", "nightly"]

    @pytest.mark.parametrize(
        ("patterns", "message"),
        [
            ([f"p{n}-*" for n in range(6)], "1 to 5 patterns"),
            (["dev-*", "dev-*"], "each once"),
            (["dev/*"], "1 to 128 letters"),
            ([""], "1 to 128 letters"),
            (["a" * 129], "1 to 128 letters"),
            (["*"], "patterns of some tags, not of all"),
            (["*-*"], "patterns of some tags, not of all"),
            ("dev-*", "a list of patterns"),
        ],
    )
    def test_wrong_patterns_are_refused(self, stack: Stack, patterns: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            SecureEcrRepository(stack, "Images", mutable_tag_patterns=patterns)


class TestLifecycle:
    def test_rules_of_the_user_replace_the_default(self, app: App, stack: Stack) -> None:
        SecureEcrRepository(
            stack,
            "Images",
            lifecycle_rules=[
                LifecycleRule(more_than_images=100),
                LifecycleRule(untagged=True, days_since_pushed=7),
                LifecycleRule(tag_prefixes=["release"], days_since_pulled=90, archive=True),
                LifecycleRule(tag_patterns=["release*"], days_since_archived=365),
            ],
        )
        assert [rule["selection"]["tagStatus"] for rule in lifecycle_of(app)] == ["untagged", "tagged", "tagged", "any"]
        assert open_ids(app) == {"SC-ECR-09"}

    @pytest.mark.parametrize(
        ("rules", "message"),
        [
            (
                [LifecycleRule(tag_patterns=["*"], more_than_images=9)],
                r"rules that expire untagged images too.*SC-ECR-05",
            ),
            (
                [LifecycleRule(untagged=True, days_since_pushed=9)],
                r"rules that bound the images of every tag.*SC-ECR-06",
            ),
            ([LifecycleRule(more_than_images=9), LifecycleRule(days_since_pushed=9)], "one rule for 'any' image"),
            (
                [
                    LifecycleRule(untagged=True, days_since_pushed=9, priority=1),
                    LifecycleRule(more_than_images=9, priority=1),
                ],
                "a priority of its own",
            ),
            (
                [
                    LifecycleRule(more_than_images=9, priority=1),
                    LifecycleRule(tag_patterns=["a"], more_than_images=1, priority=2),
                ],
                "the highest number",
            ),
            ([], "a list of at least one rule"),
        ],
    )
    def test_conflicting_or_weak_rules_are_refused(
        self, stack: Stack, rules: list[LifecycleRule], message: str
    ) -> None:
        with pytest.raises(ValueError, match=f"(?s)Test/Images: lifecycle_rules.*{message}"):
            SecureEcrRepository(stack, "Images", lifecycle_rules=rules)


class TestTagScheme:
    def test_lifecycle_and_immutability_follow(self, app: App, stack: Stack) -> None:
        scheme = TagScheme(
            environments=[EnvironmentTags(name="dev", keep_days=14, mutable=True), "prod"], functions=["web", "api"]
        )
        SecureEcrRepository(stack, "Images", tag_scheme=scheme)
        properties = repository_of(app)["Properties"]
        assert [
            each["ImageTagMutabilityExclusionFilterValue"] for each in properties["ImageTagMutabilityExclusionFilters"]
        ] == ["dev-*"]
        patterns = [rule["selection"].get("tagPatternList") for rule in lifecycle_of(app)]
        assert patterns == [None, ["prod-web-*"], ["prod-api-*"], ["dev-web-*"], ["dev-api-*"], None]
        assert open_ids(app) == {"SC-ECR-09"}

    @pytest.mark.parametrize(
        "other", [{"lifecycle_rules": [LifecycleRule(more_than_images=5)]}, {"mutable_tag_patterns": ["dev-*"]}]
    )
    def test_it_excludes_what_follows_from_it(self, stack: Stack, other: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="only one of the two"):
            SecureEcrRepository(stack, "Images", tag_scheme=TagScheme(environments=["dev"]), **other)


class TestGrants:
    @pytest.fixture
    def images(self, stack: Stack) -> SecureEcrRepository:
        return SecureEcrRepository(stack, "Images")

    @pytest.fixture
    def role(self, stack: Stack) -> iam.Role:
        return iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))

    @pytest.mark.parametrize(
        ("grant", "actions", "login"),
        [("grant_pull", PULL, True), ("grant_push", PUSH, True), ("grant_delete", DELETE, False)],
    )
    def test_each_grant_is_the_minimal_list_on_this_repository_and_nothing_else(
        self,
        app: App,
        stack: Stack,
        images: SecureEcrRepository,
        role: iam.Role,
        grant: str,
        actions: set[str],
        login: bool,
    ) -> None:
        SecureEcrRepository(stack, "Neighbour")
        getattr(images, grant)(role)
        template = synthesized(app)["Test"]
        (logical_id,) = (id for id in of_type(template, REPOSITORY) if id.startswith("Images"))
        arn = concrete({"Fn::GetAtt": [logical_id, "Arn"]})
        (role_id,) = of_type(template, "AWS::IAM::Role")
        sign_in = {("ecr:GetAuthorizationToken", "*")} if login else set()
        assert permissions(template, role_id) == {(action, arn) for action in actions} | sign_in

    def test_a_publisher_cannot_pull_layers_nor_delete(self) -> None:
        assert not PUSH & {"ecr:GetDownloadUrlForLayer", "ecr:BatchDeleteImage", "ecr:DeleteRepository"}

    def test_signing_in_is_granted_once_and_waived_there_only(
        self, app: App, images: SecureEcrRepository, role: iam.Role, stack: Stack
    ) -> None:
        images.grant_pull(role)
        images.grant_push(role)
        SecureEcrRepository(stack, "Other").grant_pull(role)
        template = synthesized(app)["Test"]
        policies = of_type(template, "AWS::IAM::Policy")
        login = [policy for id, policy in policies.items() if "EcrLogin" in id]
        assert len(policies) == 2
        assert [each["Metadata"]["SecureContainers"]["Waivers"][0]["Rule"] for each in login] == [
            "AwsSolutions-IAM5[Resource::*]"
        ]
        assert not [f for f in findings(app) if f.id.startswith("SC-IAM")]

    def test_managed_policies_groups_and_users_can_be_granted(
        self, app: App, images: SecureEcrRepository, stack: Stack
    ) -> None:
        images.grant_pull(iam.ManagedPolicy(stack, "Managed"))
        images.grant_pull(iam.Group(stack, "Group"))
        template = synthesized(app)["Test"]
        for policy in [only(template, "AWS::IAM::ManagedPolicy"), only(template, "AWS::IAM::Policy")]:
            actions = {
                action
                for s in policy["Properties"]["PolicyDocument"]["Statement"]
                for action in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])
            }
            assert actions == PULL | {"ecr:GetAuthorizationToken"}

    def test_an_account_is_let_in_by_the_repository_policy(self, app: App, images: SecureEcrRepository) -> None:
        images.grant_pull(iam.AccountPrincipal(OTHER_ACCOUNT))
        assert decision(policy_of(app), "ecr:BatchGetImage", account=OTHER_ACCOUNT) == "Allow"
        assert decision(policy_of(app), "ecr:PutImage", account=OTHER_ACCOUNT) == "ImplicitDeny"

    def test_an_imported_role_that_cannot_be_changed_is_no_error(
        self, app: App, images: SecureEcrRepository, stack: Stack
    ) -> None:
        images.grant_pull(
            iam.Role.from_role_arn(stack, "Imported", f"arn:{Aws.PARTITION}:iam::{ACCOUNT}:role/ci", mutable=False)
        )
        assert not of_type(synthesized(app)["Test"], "AWS::IAM::Policy")


class TestOrganization:
    """The repository policy, evaluated."""

    MEMBER: Final = {"aws__PrincipalOrgID": ORGANIZATION}
    OUTSIDER: Final = {"aws__PrincipalOrgID": "o-zzzzzzzzzz", "aws__PrincipalAccount": STRANGER}

    @pytest.fixture
    def images(self, stack: Stack) -> SecureEcrRepository:
        return SecureEcrRepository(stack, "Images", organization_id=ORGANIZATION)

    def test_outsiders_are_denied(self, app: App, images: SecureEcrRepository) -> None:
        assert decision(policy_of(app), "ecr:BatchGetImage", account=STRANGER, **self.OUTSIDER) == "Deny"

    def test_accounts_of_no_organization_are_denied(self, app: App, images: SecureEcrRepository) -> None:
        assert decision(policy_of(app), "ecr:BatchGetImage", account=STRANGER, aws__PrincipalAccount=STRANGER) == "Deny"

    def test_members_are_not_denied(self, app: App, images: SecureEcrRepository) -> None:
        for action in ("ecr:BatchGetImage", "ecr:SetRepositoryPolicy", "ecr:ReplicateImage"):
            assert decision(policy_of(app), action, **self.MEMBER) == "ImplicitDeny"

    def test_services_are_not_denied(self, app: App, images: SecureEcrRepository) -> None:
        assert decision(policy_of(app), "ecr:BatchGetImage", service="lambda.amazonaws.com") == "ImplicitDeny"

    def test_whoever_is_let_in_by_name_is_let_in_from_outside_too(
        self, app: App, stack: Stack, images: SecureEcrRepository
    ) -> None:
        role = iam.Role.from_role_arn(
            stack, "Partner", f"arn:{Aws.PARTITION}:iam::{STRANGER}:role/partner", mutable=False
        )
        images.allow_pull_from(accounts=[OTHER_ACCOUNT], organizations=["o-zzzzzzzzzz"], roles=[role])
        policy = policy_of(app)
        assert (
            decision(policy, "ecr:BatchGetImage", account=OTHER_ACCOUNT, aws__PrincipalAccount=OTHER_ACCOUNT) == "Allow"
        )
        assert decision(policy, "ecr:BatchGetImage", account=STRANGER, **self.OUTSIDER) == "Allow"
        assert (
            decision(
                policy, "ecr:BatchGetImage", account=STRANGER, principal="role/partner", aws__PrincipalAccount=STRANGER
            )
            == "Allow"
        )
        assert (
            decision(
                policy, "ecr:BatchGetImage", account=STRANGER, principal="role/other", aws__PrincipalAccount=STRANGER
            )
            == "Deny"
        )
        assert (
            decision(policy, "ecr:PutImage", account=OTHER_ACCOUNT, aws__PrincipalAccount=OTHER_ACCOUNT)
            == "ImplicitDeny"
        )

    @pytest.mark.parametrize(
        ("principal", "keys"),
        [
            (iam.AccountPrincipal(OTHER_ACCOUNT), {"account": OTHER_ACCOUNT, "aws__PrincipalAccount": OTHER_ACCOUNT}),
            (iam.OrganizationPrincipal("o-zzzzzzzzzz"), {"account": STRANGER, "aws__PrincipalOrgID": "o-zzzzzzzzzz"}),
            (
                iam.ArnPrincipal(f"arn:aws:iam::{OTHER_ACCOUNT}:role/ci"),
                {"account": OTHER_ACCOUNT, "principal": "role/ci", "aws__PrincipalAccount": OTHER_ACCOUNT},
            ),
        ],
        ids=lambda each: type(each).__name__,
    )
    def test_what_is_granted_to_outsiders_is_not_denied(
        self, app: App, images: SecureEcrRepository, principal: iam.IPrincipal, keys: dict[str, str]
    ) -> None:
        images.grant_pull(principal)
        assert decision(policy_of(app), "ecr:BatchGetImage", **keys) == "Allow"
        assert decision(policy_of(app), "ecr:PutImage", **keys) == "ImplicitDeny"

    def test_the_owner_is_never_outside(self, app: App, images: SecureEcrRepository) -> None:
        """An account that leaves its organization, or a mistyped id, must not end in a policy that nobody can mend."""
        for keys in ({}, {"aws__PrincipalOrgID": "o-zzzzzzzzzz"}):
            said = decision(policy_of(app), "ecr:SetRepositoryPolicy", aws__PrincipalAccount=ACCOUNT, **keys)
            assert said == "ImplicitDeny"

    def test_services_do_not_act_for_outsiders(self, app: App, images: SecureEcrRepository) -> None:
        lambda_ = {"service": "lambda.amazonaws.com", "account": ""}
        stranger = {"aws__SourceAccount": STRANGER, "aws__SourceOrgID": "o-zzzzzzzzzz"}
        member = {"aws__SourceAccount": OTHER_ACCOUNT, "aws__SourceOrgID": ORGANIZATION}
        assert decision(policy_of(app), "ecr:BatchGetImage", **lambda_, **stranger) == "Deny"
        assert decision(policy_of(app), "ecr:BatchGetImage", **lambda_, **member) == "ImplicitDeny"
        assert decision(policy_of(app), "ecr:BatchGetImage", **lambda_, aws__SourceAccount=ACCOUNT) == "ImplicitDeny"

    def test_services_act_for_outsiders_that_were_let_in(self, app: App, images: SecureEcrRepository) -> None:
        images.allow_pull_from(lambda_functions=[f"arn:{Aws.PARTITION}:lambda:{REGION}:{STRANGER}:function:*"])
        lambda_ = {"service": "lambda.amazonaws.com", "account": ""}
        stranger = {"aws__SourceAccount": STRANGER, "aws__SourceOrgID": "o-zzzzzzzzzz"}
        arn = f"arn:aws:lambda:{REGION}:{STRANGER}:function:x"
        assert decision(policy_of(app), "ecr:BatchGetImage", **lambda_, **stranger, aws__SourceArn=arn) == "Allow"

    @pytest.mark.parametrize("organization", ["a1b2c3d4e5", "o-", "o-UPPERCASE12", "o-short", ""])
    def test_a_wrong_id_is_refused(self, stack: Stack, organization: str) -> None:
        with pytest.raises(ValueError, match=r"organization_id is .*allowed: an organization id"):
            SecureEcrRepository(stack, "Images", organization_id=organization)


class TestAllowPullFrom:
    @pytest.fixture
    def images(self, stack: Stack) -> SecureEcrRepository:
        return SecureEcrRepository(stack, "Images")

    def test_functions_of_other_accounts_pull_by_their_service(self, app: App, images: SecureEcrRepository) -> None:
        images.allow_pull_from(
            lambda_functions=[f"arn:{Aws.PARTITION}:lambda:{REGION}:{OTHER_ACCOUNT}:function:report-*"]
        )
        policy = policy_of(app)
        arn = f"arn:aws:lambda:{REGION}:{OTHER_ACCOUNT}:function:"
        assert (
            decision(
                policy,
                "ecr:BatchGetImage",
                account="",
                service="lambda.amazonaws.com",
                aws__SourceArn=f"{arn}report-daily",
            )
            == "Allow"
        )
        assert (
            decision(
                policy, "ecr:BatchGetImage", account="", service="lambda.amazonaws.com", aws__SourceArn=f"{arn}other"
            )
            == "ImplicitDeny"
        )
        assert decision(policy, "ecr:BatchGetImage", account=OTHER_ACCOUNT) == "Allow"
        assert decision(policy, "ecr:PutImage", account=OTHER_ACCOUNT) == "ImplicitDeny"
        assert not [f for f in findings(app) if f.id.startswith(("SC-IAM", "SC-PRT"))]

    def test_an_organization_is_let_in_by_a_condition(self, app: App, images: SecureEcrRepository) -> None:
        images.allow_pull_from(organizations=[ORGANIZATION])
        assert (
            decision(policy_of(app), "ecr:BatchGetImage", account=STRANGER, aws__PrincipalOrgID=ORGANIZATION) == "Allow"
        )
        assert (
            decision(policy_of(app), "ecr:BatchGetImage", account=STRANGER, aws__PrincipalOrgID="o-zzzzzzzzzz")
            == "ImplicitDeny"
        )
        assert "SC-IAM-03" not in open_ids(app)

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({}, "is 'nothing'"),
            ({"accounts": ["1234"]}, "account ids of 12 digits"),
            ({"accounts": ACCOUNT}, "a list of texts"),
            ({"organizations": ["123"]}, "an organization id"),
            ({"lambda_functions": ["arn:aws:lambda:eu-central-1:111122223333:layer:x"]}, "ARNs of functions"),
            ({"lambda_functions": ["arn:aws:lambda:eu-central-1:*:function:x"]}, "ARNs of functions"),
        ],
    )
    def test_wrong_names_are_refused(self, images: SecureEcrRepository, wrong: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=f"Test/Images: .*{message}"):
            images.allow_pull_from(**wrong)


class TestMfa:
    LOOSENING = (
        "ecr:BatchDeleteImage",
        "ecr:DeleteRepository",
        "ecr:SetRepositoryPolicy",
        "ecr:PutLifecyclePolicy",
        "ecr:PutImageTagMutability",
    )

    @pytest.fixture
    def policy(self, app: App, stack: Stack) -> dict[str, Any]:
        SecureEcrRepository(stack, "Images", require_mfa=True, mfa_exempt_roles=["release-bot", "team/cleanup"])
        return policy_of(app)

    @pytest.mark.parametrize("action", LOOSENING)
    def test_without_mfa_nobody_deletes_or_opens_up(self, policy: dict[str, Any], action: str) -> None:
        assert decision(policy, action) == "Deny"
        assert decision(policy, action, aws__MultiFactorAuthPresent="false") == "Deny"

    @pytest.mark.parametrize("action", LOOSENING)
    def test_with_mfa_the_policy_says_nothing(self, policy: dict[str, Any], action: str) -> None:
        assert decision(policy, action, aws__MultiFactorAuthPresent="true") == "ImplicitDeny"

    @pytest.mark.parametrize(
        "role", ["role/release-bot", "role/team/cleanup", f"role/cdk-hnb659fds-cfn-exec-role-{ACCOUNT}-{REGION}"]
    )
    def test_automation_and_cloudformation_go_on_working(self, policy: dict[str, Any], role: str) -> None:
        assert decision(policy, "ecr:SetRepositoryPolicy", principal=role) == "ImplicitDeny"

    def test_a_role_of_that_name_in_another_account_is_not_excepted(self, policy: dict[str, Any]) -> None:
        assert decision(policy, "ecr:BatchDeleteImage", principal="role/release-bot", account=STRANGER) == "Deny"

    def test_pulling_needs_no_mfa(self, policy: dict[str, Any]) -> None:
        assert decision(policy, "ecr:BatchGetImage") == "ImplicitDeny"

    def test_a_stack_deployed_by_a_role_that_cannot_be_told_must_name_it(self, app: App) -> None:
        stack = Stack(app, "Test", synthesizer=BootstraplessSynthesizer())
        with pytest.raises(ValueError, match="the role that deploys this stack at least"):
            SecureEcrRepository(stack, "Images", require_mfa=True)
        SecureEcrRepository(stack, "Named", require_mfa=True, mfa_exempt_roles=["deployer"])

    def test_exceptions_without_the_rule_are_refused(self, stack: Stack) -> None:
        with pytest.raises(ValueError, match="write require_mfa=True"):
            SecureEcrRepository(stack, "Images", mfa_exempt_roles=["bot"])

    @pytest.mark.parametrize("name", [f"arn:aws:iam::{ACCOUNT}:role/bot", "*", "*/*", ""])
    def test_arns_and_everybody_are_no_role_names(self, stack: Stack, name: str) -> None:
        with pytest.raises(ValueError, match="names of roles of this account"):
            SecureEcrRepository(stack, "Images", require_mfa=True, mfa_exempt_roles=[name])

    def test_a_nested_stack_is_deployed_by_the_role_of_its_parent(self, app: App, stack: Stack) -> None:
        SecureEcrRepository(NestedStack(stack, "Nested"), "Images", require_mfa=True)
        app.synth()

    def test_a_synthesizer_told_to_use_no_role_must_be_helped(self, app: App) -> None:
        stack = Stack(app, "Test", synthesizer=DefaultStackSynthesizer(cloud_formation_execution_role=""))
        with pytest.raises(ValueError, match="the role that deploys this stack at least"):
            SecureEcrRepository(stack, "Images", require_mfa=True)


class TestEventsAndMetrics:
    @pytest.fixture
    def images(self, stack: Stack) -> SecureEcrRepository:
        return SecureEcrRepository(stack, "Images")

    def test_pushed_images_reach_a_target(self, app: App, stack: Stack, images: SecureEcrRepository) -> None:
        images.on_image_pushed("Pushed", target=targets.SnsTopic(sns.Topic(stack, "Topic")), tag_prefixes=["prod-"])
        rule = only(synthesized(app)["Test"], "AWS::Events::Rule")["Properties"]
        pattern = rule["EventPattern"]
        assert (pattern["source"], pattern["detail-type"]) == (["aws.ecr"], ["ECR Image Action"])
        assert {key: pattern["detail"][key] for key in ("action-type", "result", "image-tag")} == {
            "action-type": ["PUSH"],
            "result": ["SUCCESS"],
            "image-tag": [{"prefix": "prod-"}],
        }
        assert len(rule["Targets"]) == 1

    @pytest.mark.parametrize(
        ("severity", "counted"),
        [
            (ScanSeverity.CRITICAL, ["CRITICAL"]),
            (ScanSeverity.HIGH, ["CRITICAL", "HIGH"]),
            (ScanSeverity.LOW, ["CRITICAL", "HIGH", "MEDIUM", "LOW"]),
        ],
    )
    def test_scans_count_from_a_severity_on(
        self, app: App, images: SecureEcrRepository, severity: ScanSeverity, counted: list[str]
    ) -> None:
        images.on_scan_completed("Scans", severity=severity)
        pattern = only(synthesized(app)["Test"], "AWS::Events::Rule")["Properties"]["EventPattern"]
        found = [{"finding-severity-counts": {name: [{"numeric": [">", 0]}]}} for name in counted]
        if len(found) == 1:  # EventBridge refuses an $or of one
            assert "$or" not in pattern["detail"]
            assert pattern["detail"]["finding-severity-counts"] == found[0]["finding-severity-counts"]
        else:
            assert pattern["detail"]["$or"] == found

    def test_scans_of_inspector_are_heard_too(self, app: App, images: SecureEcrRepository) -> None:
        images.on_scan_completed("Scans", severity=None)
        pattern = only(synthesized(app)["Test"], "AWS::Events::Rule")["Properties"]["EventPattern"]
        assert pattern["source"] == ["aws.ecr", "aws.inspector2"]
        assert pattern["detail-type"] == ["ECR Image Scan", "Inspector2 Scan"]
        assert "$or" not in pattern["detail"]
        name, arn = pattern["detail"]["repository-name"]
        assert "Ref" in name
        assert "Fn::GetAtt" in arn

    def test_findings_of_inspector_are_heard_long_after_the_push(self, app: App, images: SecureEcrRepository) -> None:
        images.on_finding("Findings", severity=ScanSeverity.HIGH)
        pattern = only(synthesized(app)["Test"], "AWS::Events::Rule")["Properties"]["EventPattern"]
        assert (pattern["source"], pattern["detail-type"]) == (["aws.inspector2"], ["Inspector2 Finding"])
        assert (pattern["detail"]["status"], pattern["detail"]["severity"]) == (["ACTIVE"], ["CRITICAL", "HIGH"])
        image = pattern["detail"]["resources"]["details"]["awsEcrContainerImage"]
        assert list(image) == ["repositoryName"]

    def test_the_one_metric_that_exists(self, stack: Stack, images: SecureEcrRepository) -> None:
        metric = images.metric_pull_count()
        assert (metric.namespace, metric.metric_name, metric.statistic) == ("AWS/ECR", "RepositoryPullCount", "Sum")
        assert set(metric.dimensions) == {"RepositoryName"}


class TestImage:
    @pytest.fixture
    def images(self, stack: Stack) -> SecureEcrRepository:
        return SecureEcrRepository(stack, "Images", mutable_tag_patterns=["dev-*"])

    def test_a_digest_names_an_image_for_every_consumer(self, stack: Stack, images: SecureEcrRepository) -> None:
        image = images.image(digest=DIGEST)
        assert stack.resolve(image.uri)["Fn::Join"][1][-1] == f"@{DIGEST}"
        assert image.container_image() is not None
        assert image.lambda_code() is not None

    def test_functions_from_its_images_let_in_lambda_for_this_account_only(self, app: App, stack: Stack) -> None:
        images = SecureEcrRepository(stack, "Images")
        for id in ("One", "Two"):
            lambda_.DockerImageFunction(stack, id, code=images.image(digest=DIGEST).lambda_code())
        (statement,) = policy_of(app)["Statement"]
        assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
        arn = concrete(statement["Condition"]["ArnLike"]["aws:SourceArn"])
        assert arn == [f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:*"]

    def test_an_immutable_tag_is_taken(self, stack: Stack, images: SecureEcrRepository) -> None:
        assert stack.resolve(images.image(tag="prod-1.4.2").uri)["Fn::Join"][1][-1] == ":prod-1.4.2"

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"tag": "latest"}, "a tag that cannot move"),
            ({"tag": "dev-17"}, "a tag that cannot move"),
            ({"tag": "not a tag"}, "1 to 128 letters"),
            ({"digest": "sha256:abc"}, "64 hexadecimal digits"),
            ({"digest": DIGEST.upper()}, "64 hexadecimal digits"),
            ({}, "a digest or a tag"),
            ({"tag": "prod-1", "digest": DIGEST}, "a digest or a tag"),
        ],
    )
    def test_what_can_change_is_refused(self, images: SecureEcrRepository, wrong: dict[str, str], message: str) -> None:
        with pytest.raises(ValueError, match=f"Test/Images: image.*{message}"):
            images.image(**wrong)


class TestTypes:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"repository_name": 5},
            {"encryption": "KMS"},
            {"encryption": 0},
            {"encryption_key": "arn:aws:kms:x"},
            {"lifecycle_rules": ["x"]},
            {"tag_scheme": ["dev"]},
            {"tag_scheme": ""},
            {"mutable_tag_patterns": 5},
            {"organization_id": 5},
            {"require_mfa": "yes"},
            {"require_mfa": True, "mfa_exempt_roles": "bot"},
            {"tags": ["owner"]},
            {"waivers": ["SC-ECR-01"]},
            {"waivers": Waiver("SC-ECR-01", reason=REASON)},
        ],
        ids=str,
    )
    def test_arguments_of_other_types_are_refused(self, stack: Stack, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"Test/Images: \w+ is .*; allowed: .*; write "):
            SecureEcrRepository(stack, "Images", **wrong)
        assert stack.node.try_find_child("Images") is None

    def test_other_severities_and_prefixes_are_refused(self, stack: Stack) -> None:
        images = SecureEcrRepository(stack, "Images")
        with pytest.raises(ValueError, match="Test/Images: severity is 'Hihg'; allowed: CRITICAL, HIGH"):
            images.on_scan_completed("Scans", severity="Hihg")  # type: ignore[arg-type]  # that is the point
        with pytest.raises(ValueError, match=r"tag_prefixes.* is 'prod'; allowed: a list of texts"):
            images.on_image_pushed("Pushed", tag_prefixes="prod")

    def test_a_long_path_does_not_break_the_rule(self, app: App) -> None:
        scope = Stack(app, "Test")
        for level in range(8):
            scope = Construct(scope, f"{level}{'x' * 90}")
        SecureEcrRepository(scope, "Images").on_image_pushed("Pushed")
        assert len(only(synthesized(app)["Test"], "AWS::Events::Rule")["Properties"]["Description"]) <= 512


class TestNames:
    @pytest.mark.parametrize(
        "name", ["ab", "payments/api", "a-b_c.d/e", "0", "a" * 257, "Upper", "a//b", "-a", "a/", "a b", "a..b"]
    )
    def test_names_are_checked_as_ecr_does(self, stack: Stack, name: str) -> None:
        if name in ("ab", "payments/api", "a-b_c.d/e"):
            SecureEcrRepository(stack, "Images", repository_name=name)
        else:
            with pytest.raises(ValueError, match="Test/Images: repository_name is"):
                SecureEcrRepository(stack, "Images", repository_name=name)

    def test_a_wrong_argument_leaves_nothing_behind(self, app: App, stack: Stack) -> None:
        for wrong in ({"repository_name": "Upper"}, {"mutable_tag_patterns": ["*"]}, {"lifecycle_rules": []}):
            with pytest.raises(ValueError, match="Test/Images"):
                SecureEcrRepository(stack, "Images", **wrong)
        SecureEcrRepository(stack, "Images")
        assert len(synthesized(app)["Test"]["Resources"]) == 2


class TestWaivers:
    @pytest.mark.parametrize(
        ("rule", "properties"),
        [
            ("SC-ECR-01", {"ImageTagMutability": "MUTABLE"}),
            ("SC-ECR-02", {"ImageScanningConfiguration": {"ScanOnPush": False}}),
            ("SC-ECR-03", {}),
            ("SC-ECR-04", {}),
            ("SC-ECR-05", {}),
            ("SC-ECR-06", {}),
            ("SC-DEL-01", {"EmptyOnDelete": True}),
        ],
    )
    def test_a_waiver_turns_its_default_off_and_is_recorded(
        self, app: App, stack: Stack, rule: str, properties: dict[str, Any]
    ) -> None:
        SecureEcrRepository(stack, "Images", tags={"owner": "payments"}, waivers=[Waiver(rule, reason=REASON)])
        repository = repository_of(app)
        assert (
            properties.items() <= {key: repository["Properties"].get(key) for key in properties}.items()
            if properties
            else True
        )
        assert {"Rule": rule, "Reason": REASON, "At": "Test/Images"} in repository["Metadata"]["SecureContainers"][
            "Waivers"
        ]
        assert rule in {finding.id for finding in findings(app) if finding.waived}
        assert open_ids(app) == set()

    def test_without_a_key_nothing_is_encrypted_by_kms(self, app: App, stack: Stack) -> None:
        images = SecureEcrRepository(stack, "Images", waivers=[Waiver("SC-ECR-03", reason=REASON)])
        assert images.encryption_key is None
        assert not of_type(synthesized(app)["Test"], "AWS::KMS::Key")

    def test_a_key_that_does_not_rotate(self, app: App, stack: Stack) -> None:
        SecureEcrRepository(stack, "Images", tags={"owner": "payments"}, waivers=[Waiver("SC-KMS-01", reason=REASON)])
        key = only(synthesized(app)["Test"], "AWS::KMS::Key")
        assert key["Properties"]["EnableKeyRotation"] is False
        assert key["Metadata"]["SecureContainers"]["Waivers"][0]["Rule"] == "SC-KMS-01"
        assert open_ids(app) == set()

    @pytest.mark.parametrize(
        ("rules", "arguments", "message"),
        [
            (["SC-ECR-01"], {"mutable_tag_patterns": ["dev-*"]}, "a waiver of SC-ECR-01 for all tags"),
            (
                ["SC-ECR-04"],
                {"lifecycle_rules": [LifecycleRule(more_than_images=5)]},
                "a waiver of the lifecycle, or a lifecycle",
            ),
            (["SC-ECR-05", "SC-ECR-06"], {}, "SC-ECR-04"),
            (["SC-ECR-03"], {"encryption": ecr.RepositoryEncryption.KMS}, "a waiver of the key, or a key"),
            (["SC-IAM-04"], {}, "which judges AWS::IAM::AccessKey"),
            (["SC-ECR-01", "SC-ECR-01"], {}, "waived twice"),
        ],
    )
    def test_contradictions_are_refused(
        self, stack: Stack, rules: list[str], arguments: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ValueError, match=message):
            SecureEcrRepository(stack, "Images", waivers=[Waiver(rule, reason=REASON) for rule in rules], **arguments)


class TestAcrossStacks:
    """Two instances, other stacks, accounts and Regions: no cycles, no exports."""

    def test_two_instances_in_one_stack(self, app: App, stack: Stack) -> None:
        SecureEcrRepository(stack, "One")
        SecureEcrRepository(stack, "Two")
        template = synthesized(app)["Test"]
        assert len(of_type(template, REPOSITORY)) == len(of_type(template, "AWS::KMS::Key")) == 2

    def test_a_repository_used_from_another_stack(self, app: App, stack: Stack) -> None:
        images = SecureEcrRepository(stack, "Images")
        consumer = Stack(app, "Consumer")
        images.grant_pull(iam.Role(consumer, "Role", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")))
        templates = synthesized(app)
        assert_no_exports(templates)
        assert "Fn::GetStackOutput" in json.dumps(templates["Consumer"])

    def test_a_key_from_another_stack(self, app: App, stack: Stack) -> None:
        key = kms.Key(Stack(app, "Keys"), "Key", enable_key_rotation=True)
        SecureEcrRepository(stack, "Images", encryption_key=key)
        templates = synthesized(app)
        assert_no_exports(templates)
        assert open_ids(app) == {"SC-ECR-09"}

    @pytest.mark.parametrize("name", ["payments/api", PhysicalName.GENERATE_IF_NEEDED], ids=["named", "generated"])
    def test_another_account_and_region(self, app: App, name: str) -> None:
        home = Stack(app, "Home", env=Environment(account=ACCOUNT, region=REGION))
        away = Stack(app, "Away", env=Environment(account=OTHER_ACCOUNT, region="us-east-1"))
        images = SecureEcrRepository(home, "Images", repository_name=name, organization_id=ORGANIZATION)
        images.grant_pull(iam.Role(away, "Role", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")))
        templates = synthesized(app)
        assert_no_exports(templates)
        properties = only(templates["Home"], REPOSITORY)["Properties"]
        assert f"repository/{properties['RepositoryName']}" in json.dumps(templates["Away"])
        policy = properties["RepositoryPolicyText"]
        outside = {
            "account": OTHER_ACCOUNT,
            "aws__PrincipalAccount": OTHER_ACCOUNT,
            "aws__PrincipalOrgID": "o-zzzzzzzzzz",
        }
        tag = next(tag for tag in only(templates["Away"], "AWS::IAM::Role")["Properties"]["Tags"])
        mine = {f"aws__PrincipalTag/{tag['Key'].replace(':', '__')}": tag["Value"]}
        assert decision(policy, "ecr:BatchGetImage", **outside, **mine) == "Allow"
        assert decision(policy, "ecr:BatchGetImage", **outside) == "ImplicitDeny"

    @pytest.mark.parametrize(
        "env", [{"account": OTHER_ACCOUNT, "region": REGION}, {"account": ACCOUNT, "region": "us-east-1"}]
    )
    def test_a_repository_without_a_name_is_not_named_by_whoever_refers_to_it(
        self, app: App, env: dict[str, str]
    ) -> None:
        """The name would come with the first such consumer, and replace a repository that is in use."""
        home = Stack(app, "Home", env=Environment(account=ACCOUNT, region=REGION))
        images = SecureEcrRepository(home, "Images")
        role = iam.Role(Stack(app, "Away", env=Environment(**env)), "Role", assumed_by=iam.AccountRootPrincipal())
        with pytest.raises(
            ValueError, match=r"Home/Images: repository_name is None.*Away/Role of another account or Region"
        ):
            images.grant_pull(role)

    def test_stages_and_nested_stacks(self, app: App) -> None:
        stack = Stack(Stage(app, "Prod", env=Environment(account=ACCOUNT, region=REGION)), "Outer")
        SecureEcrRepository(NestedStack(stack, "Inner"), "Images")
        assert open_ids(app) == {"SC-ECR-09"}

    @pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1", None])
    def test_every_partition(self, app: App, region: str | None) -> None:
        stack = Stack(app, "Test", env=Environment(account=ACCOUNT, region=region) if region else None)
        images = SecureEcrRepository(stack, "Images", organization_id=ORGANIZATION, require_mfa=True)
        images.allow_pull_from(accounts=[OTHER_ACCOUNT])
        images.grant_pull(iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")))
        Tags.of(app).add("owner", "payments")
        assert open_ids(app) == set()
        text = json.dumps(synthesized(app)["Test"]["Resources"])
        assert "arn:aws:" not in text
        assert "amazonaws.com/" not in text


def assert_no_exports(templates: dict[str, dict[str, Any]]) -> None:
    text = json.dumps(templates)
    assert "Fn::ImportValue" not in text
    assert not [
        output
        for template in templates.values()
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    ]


@pytest.fixture
def stack(app: App) -> Stack:
    return Stack(app, "Test")
