"""What `SecureEcsCluster` promises: what its key is used for, what it records, and what joins it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs

from secure_containers import CpuArchitecture, Waiver
from secure_containers.services.capacity import HostCapacity
from secure_containers.services.cluster import SecureEcsCluster
from secure_containers.testing import assert_acyclic
from tests.services.conftest import GOVCLOUD, HERE, REASON, Web
from tests.support import ACCOUNT, REGION, STRANGER, concrete, decision, of_type, open_ids, synthesized

KEY_ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"
FARGATE = "fargate.amazonaws.com"
REPLICA_ARN = KEY_ARN.replace("key/0a1b2c3d", "key/mrk-0a1b2c3d")


def made(web: Web, **arguments: Any) -> SecureEcsCluster:
    return SecureEcsCluster(web.stack, "Cluster", network=web.network, **arguments)


def refused(*parts: str) -> Any:
    """An error that holds every part, in this order."""
    return pytest.raises(ValueError, match=".*".join(map(re.escape, parts)))


class TestInsights:
    def test_are_kept_encrypted_and_with_an_end(self, web: Web) -> None:
        made(web, log_retention=logs.RetentionDays.SIX_MONTHS)
        (cluster,) = web.all("AWS::ECS::Cluster")
        assert web.one("AWS::ECS::Cluster")["ClusterSettings"] == [
            {"Name": "containerInsights", "Value": "enhanced"},
        ]
        group = web.one("AWS::Logs::LogGroup", "ClusterInsights")
        assert group["LogGroupName"]["Fn::Join"][1] == [
            "/aws/ecs/containerinsights/",
            {"Ref": cluster},
            "/performance",
        ]
        assert group["RetentionInDays"] == 180
        assert group["KmsKeyId"]["Fn::GetAtt"][0].startswith("ClusterKey")

    def test_have_their_log_group_before_a_service_runs(self, web: Web) -> None:
        """Otherwise Amazon ECS makes it, for ever and without a key, and the stack's own fails."""
        web.fargate(cluster=made(web))
        (service,) = of_type(web.template, "AWS::ECS::Service").values()
        (group,) = web.all("AWS::Logs::LogGroup", "ClusterInsights")
        assert group in service["DependsOn"]

    def test_can_be_waived(self, web: Web) -> None:
        made(web, waivers=[Waiver("SC-ECS-12", reason=REASON)])
        assert web.one("AWS::ECS::Cluster")["ClusterSettings"][0]["Value"] == "disabled"
        # Its name is fixed: once kept and out of the stack, it could not be made again.
        assert web.all("AWS::Logs::LogGroup", "ClusterInsights")
        assert open_ids(web.app) == set()


class TestShells:
    def test_are_encrypted_and_recorded(self, web: Web) -> None:
        made(web)
        found = web.one("AWS::ECS::Cluster")["Configuration"]["ExecuteCommandConfiguration"]
        (key,), (group,) = web.all("AWS::KMS::Key", "ClusterKey"), web.all("AWS::Logs::LogGroup", "ClusterExecLogs")
        assert found == {
            "KmsKeyId": {"Fn::GetAtt": [key, "Arn"]},
            "Logging": "OVERRIDE",
            "LogConfiguration": {"CloudWatchEncryptionEnabled": True, "CloudWatchLogGroupName": {"Ref": group}},
        }
        properties = web.one("AWS::Logs::LogGroup", "ClusterExecLogs")
        assert properties["RetentionInDays"] == 365
        assert properties["KmsKeyId"] == {"Fn::GetAtt": [key, "Arn"]}


class TestKey:
    @pytest.fixture
    def policy(self, web: Web) -> dict[str, Any]:
        made(web)
        found: dict[str, Any] = web.one("AWS::KMS::Key", "ClusterKey")["KeyPolicy"]
        return found

    def test_encrypts_the_storage_of_tasks(self, web: Web) -> None:
        made(web)
        (key,) = web.all("AWS::KMS::Key", "ClusterKey")
        storage = web.one("AWS::ECS::Cluster")["Configuration"]["ManagedStorageConfiguration"]
        assert storage == {"FargateEphemeralStorageKmsKeyId": {"Ref": key}}

    @pytest.mark.parametrize(("account", "expected"), [(ACCOUNT, "Allow"), ("444455556666", "ImplicitDeny")])
    def test_is_used_by_fargate_for_clusters_of_this_account(
        self, policy: dict[str, Any], account: str, expected: str
    ) -> None:
        context = {"kms__EncryptionContext__aws__ecs__clusterAccount": account}
        for action, more in (
            ("kms:GenerateDataKeyWithoutPlaintext", {}),
            ("kms:CreateGrant", {"kms__GrantOperations": "Decrypt"}),
        ):
            found = decision(policy, action, account=STRANGER, service=FARGATE, **context, **more)
            assert found == expected

    def test_is_granted_by_fargate_for_reading_only(self, policy: dict[str, Any]) -> None:
        context = {"kms__EncryptionContext__aws__ecs__clusterAccount": ACCOUNT, "kms__GrantOperations": "Encrypt"}
        found = decision(policy, "kms:CreateGrant", account=STRANGER, service=FARGATE, **context)
        assert found == "ImplicitDeny"

    def test_is_used_by_cloudwatch_logs_for_groups_of_this_account(self, policy: dict[str, Any]) -> None:
        logs_service = f"logs.{REGION}.amazonaws.com"
        for account, expected in ((ACCOUNT, "Allow"), ("444455556666", "ImplicitDeny")):
            group = f"arn:aws:logs:{REGION}:{account}:log-group:anything"
            context = {"kms__EncryptionContext__aws__logs__arn": group}
            found = decision(policy, "kms:GenerateDataKey", account=STRANGER, service=logs_service, **context)
            assert found == expected

    def test_rotates_and_outlives_the_stack(self, web: Web) -> None:
        made(web)
        (id,) = web.all("AWS::KMS::Key", "ClusterKey")
        key = web.template["Resources"][id]
        assert key["Properties"]["EnableKeyRotation"] is True
        assert key["DeletionPolicy"] == "RetainExceptOnCreate"

    def test_does_not_wait_for_its_cluster(self, web: Web) -> None:
        made(web)
        assert_acyclic(web.template)

    def test_of_ones_own_is_let_do_the_same(self, web: Web) -> None:
        key = kms.Key(web.stack, "Key", enable_key_rotation=True)
        assert made(web, encryption_key=key).encryption_key is key
        sids = {each.get("Sid") for each in web.one("AWS::KMS::Key", "Key")["KeyPolicy"]["Statement"]}
        assert sids >= {"CloudWatchLogs", "FargateStorage", "FargateStorageOfTasks"}

    def test_imported(self, app: App) -> None:
        web = Web(app, env=HERE)
        made(web, encryption_key=kms.Key.from_key_arn(web.stack, "Key", KEY_ARN))
        storage = web.one("AWS::ECS::Cluster")["Configuration"]["ManagedStorageConfiguration"]
        assert KEY_ARN.endswith(storage["FargateEphemeralStorageKmsKeyId"])
        assert not web.all("AWS::KMS::Key", "Cluster")


class TestCapacity:
    def test_instances_join_by_its_capacity_provider(self, web: Web) -> None:
        cluster = made(web)
        hosts = cluster.add_capacity("Hosts")
        web.fargate(cluster=cluster, capacity=hosts)
        (provider,) = web.all("AWS::ECS::CapacityProvider")
        found = web.one("AWS::ECS::ClusterCapacityProviderAssociations")
        assert found["CapacityProviders"] == ["FARGATE", "FARGATE_SPOT", {"Ref": provider}]
        service = web.one("AWS::ECS::Service")
        assert service["CapacityProviderStrategy"] == [{"CapacityProvider": {"Ref": provider}, "Weight": 1}]
        assert not {"LaunchType", "PlatformVersion"} & set(service)
        assert_acyclic(web.template)
        assert open_ids(web.app) == set()

    def test_a_service_waits_until_the_provider_is_the_clusters(self, web: Web) -> None:
        """Before, Amazon ECS does not know it here; and it is let go only when no service uses it any more."""
        cluster = made(web)
        web.fargate(cluster=cluster, capacity=cluster.add_capacity("Hosts"))
        (service,) = of_type(web.template, "AWS::ECS::Service").values()
        (association,) = web.all("AWS::ECS::ClusterCapacityProviderAssociations")
        assert association in service["DependsOn"]

    def test_the_task_is_the_same(self, web: Web) -> None:
        cluster = made(web)
        web.fargate(cluster=cluster, capacity=cluster.add_capacity("Hosts"), memory=None)
        task = web.one("AWS::ECS::TaskDefinition")
        assert (task["RequiresCompatibilities"], task["NetworkMode"]) == (["EC2"], "awsvpc")
        (container,) = task["ContainerDefinitions"]
        assert container["Privileged"] is False
        assert container["DockerSecurityOptions"] == ["no-new-privileges"]
        assert container["ReadonlyRootFilesystem"] is True

    def test_volumes_are_encrypted_with_its_key(self, web: Web) -> None:
        made(web).add_capacity("Hosts")
        template = web.one("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
        (key,) = web.all("AWS::KMS::Key", "ClusterKey")
        for each in template["BlockDeviceMappings"]:
            assert each["Ebs"]["KmsKeyId"] == {"Fn::GetAtt": [key, "Arn"]}

    def test_of_two_kinds(self, web: Web) -> None:
        cluster = made(web)
        cluster.add_capacity("Hosts")
        cluster.add_capacity("Arm", HostCapacity(architecture=CpuArchitecture.ARM64))
        found = web.one("AWS::ECS::ClusterCapacityProviderAssociations")["CapacityProviders"]
        assert len(found) == 4

    def test_an_id_that_is_taken(self, web: Web) -> None:
        cluster = made(web)
        for taken in ("Key", "Cluster", "Capacity"):
            with refused(f"Test/Cluster: add_capacity: id is '{taken}'", "an id that nothing"):
                cluster.add_capacity(taken)
        with refused("capacity is 3", "a HostCapacity", "HostCapacity(max=20)"):
            cluster.add_capacity("Hosts", 3)  # type: ignore[arg-type] # what is tried

    def test_of_another_cluster(self, web: Web) -> None:
        other = SecureEcsCluster(web.stack, "Other", network=web.network)
        hosts = other.add_capacity("Hosts")
        with refused("Test/Orders: capacity is 'Test/Other/Hosts'", "the service's own cluster"):
            web.fargate(cluster=made(web), capacity=hosts)
        with refused("Test/Orders: capacity is 'Test/Other/Hosts'"):
            web.fargate(capacity=hosts)

    def test_for_images_of_another_kind(self, web: Web) -> None:
        cluster = made(web)
        hosts = cluster.add_capacity("Hosts", HostCapacity(architecture=CpuArchitecture.ARM64))
        with refused("capacity is 'instances for ARM64'", "X86_64", "architecture=CpuArchitecture.ARM64"):
            web.fargate(cluster=cluster, capacity=hosts)


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "parts"),
        [
            ({"network": "vpc-1"}, ["Test/Cluster: network is 'vpc-1'", "a PrivateNetwork", "network=PrivateNetwork("]),
            ({"encryption_key": "key"}, ["Test/Cluster: encryption_key is 'key'", "a key"]),
            ({"log_retention": 30}, ["log_retention is 30", "log_retention=logs.RetentionDays.ONE_YEAR"]),
            ({"waivers": Waiver("SC-DEL-01", reason=REASON)}, ["waivers is", "a list of Waiver"]),
            ({"waivers": [Waiver("SC-ECR-01", reason=REASON)]}, ["SC-ECR-01", "this construct has none"]),
            ({"waivers": [Waiver("SC-DEL-01", reason=REASON)] * 2}, ["Test/Cluster: SC-DEL-01 is waived twice"]),
        ],
    )
    def test_arguments(self, web: Web, arguments: dict[str, Any], parts: list[str]) -> None:
        with refused(*parts):
            made(web, **arguments) if "network" not in arguments else SecureEcsCluster(
                web.stack, "Cluster", **arguments
            )
        assert web.stack.node.try_find_child("Cluster") is None

    def test_a_key_of_several_regions_or_an_alias(self, app: App) -> None:
        web = Web(app, env=HERE)
        for key in (
            kms.Key.from_key_arn(web.stack, "Replica", REPLICA_ARN),
            kms.Key(web.stack, "Everywhere", multi_region=True),
            kms.Alias.from_alias_name(web.stack, "Alias", "alias/services"),
        ):
            with refused(f"Test/Cluster: encryption_key is '{key.node.path}'", "a key of one Region", "kms.Key("):
                made(web, encryption_key=key)
        assert web.stack.node.try_find_child("Cluster") is None

    def test_a_waiver_of_what_is_not_made_leaves_nothing_behind(self, app: App) -> None:
        web = Web(app, env=HERE)
        key = kms.Key.from_key_arn(web.stack, "Key", KEY_ARN)
        with refused("SC-KMS-01", "has nothing to waive"):
            made(web, encryption_key=key, waivers=[Waiver("SC-KMS-01", reason=REASON)])
        assert web.stack.node.try_find_child("Cluster") is None
        made(web, encryption_key=key)


class TestWaivers:
    def test_what_is_kept(self, web: Web) -> None:
        made(web, waivers=[Waiver(rule, reason=REASON) for rule in ("SC-DEL-01", "SC-KMS-01")])
        for id, resource in web.template["Resources"].items():
            if id.startswith("Cluster") and resource["Type"] in ("AWS::KMS::Key", "AWS::Logs::LogGroup"):
                assert resource["DeletionPolicy"] == "Delete"
        assert web.one("AWS::KMS::Key", "ClusterKey")["EnableKeyRotation"] is False
        assert open_ids(web.app) == set()


class TestPlaces:
    def test_in_another_stack_than_its_network(self, app: App) -> None:
        web = Web(app, "Home")
        SecureEcsCluster(Stack(app, "Clusters"), "Cluster", network=web.network)
        assert len(of_type(synthesized(app)["Clusters"], "AWS::ECS::Cluster")) == 1
        assert open_ids(app) == set()

    def test_two_in_one_stack(self, web: Web) -> None:
        for id in ("One", "Two"):
            SecureEcsCluster(web.stack, id, network=web.network)
        names = {
            concrete(each["LogGroupName"]) for each in web.all("AWS::Logs::LogGroup").values() if "LogGroupName" in each
        }
        assert len(names) == 2
        assert open_ids(web.app) == set()

    def test_in_govcloud(self, app: App) -> None:
        web = Web(app, env=GOVCLOUD)
        made(web)
        assert open_ids(app) == set()
