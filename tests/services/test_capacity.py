"""What the instances under services promise: how they start, what they may do, how they are renewed."""

from __future__ import annotations

import json
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, Size, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_kms as kms
from cfnlint.api import ManualArgs, lint
from cfnlint.core import get_rules

from secure_containers import CpuArchitecture, Pack, PrivateNetwork, enforce
from secure_containers.services.capacity import HostCapacity, Hosts
from secure_containers.testing import Allow, assert_acyclic, assert_denied, assert_only_allows
from tests.support import REGION, concrete, of_type, only, open_ids, synthesized


class Cluster:
    """A cluster with instances in a stack of its own, as `SecureEcsCluster` puts them together."""

    def __init__(self, app: App, name: str = "Test", **arguments: Any) -> None:
        self.app = app
        self.stack = Stack(app, name)
        self.network = PrivateNetwork(self.stack, "Network")
        self.key = kms.Key(self.stack, "Key", enable_key_rotation=True)
        enhanced = ecs.ContainerInsights.ENHANCED
        self.cluster = ecs.Cluster(self.stack, "Cluster", vpc=self.network.vpc, container_insights_v2=enhanced)
        self.hosts = self.add("Hosts", **arguments)
        ecs.CfnClusterCapacityProviderAssociations(
            self.stack,
            "Capacity",
            cluster=self.cluster.cluster_name,
            capacity_providers=[self.hosts.capacity_provider_name],
            default_capacity_provider_strategy=[],
        )

    def add(self, id: str, **arguments: Any) -> Hosts:
        return Hosts(
            self.stack,
            id,
            cluster=self.cluster,
            network=self.network,
            key=self.key,
            capacity=HostCapacity(**arguments),
        )

    @property
    def template(self) -> dict[str, Any]:
        return synthesized(self.app)[self.stack.stack_name]

    def only(self, type_: str) -> dict[str, Any]:
        return only(self.template, type_)["Properties"]

    @property
    def start(self) -> dict[str, Any]:
        """What instances start with."""
        return self.only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]

    @property
    def group(self) -> dict[str, Any]:
        return self.only("AWS::AutoScaling::AutoScalingGroup")


@pytest.fixture
def cluster(app: App) -> Cluster:
    return Cluster(app)


class TestStart:
    @pytest.mark.parametrize(
        ("architecture", "path"), [(CpuArchitecture.X86_64, "x86_64"), (CpuArchitecture.ARM64, "arm64")]
    )
    def test_with_the_bottlerocket_of_that_day(self, app: App, architecture: CpuArchitecture, path: str) -> None:
        cluster = Cluster(app, architecture=architecture)
        assert cluster.start["ImageId"] == f"resolve:ssm:/aws/service/bottlerocket/aws-ecs-2/{path}/latest/image_id"
        assert cluster.hosts.architecture is architecture

    def test_they_join_their_cluster_and_are_hardened(self, cluster: Cluster) -> None:
        settings = tomllib.loads(concrete(cluster.start["UserData"]["Fn::Base64"]))["settings"]
        (name,) = of_type(cluster.template, "AWS::ECS::Cluster")
        assert settings["ecs"] == {
            "cluster": name,
            "allow-privileged-containers": False,
            "awsvpc-block-imds": True,
            "image-pull-behavior": "always",
        }
        assert settings["host-containers"] == {"admin": {"enabled": False}, "control": {"enabled": False}}
        assert settings["kernel"] == {"lockdown": "integrity"}

    def test_they_speak_imdsv2_only_one_hop_far(self, cluster: Cluster) -> None:
        assert cluster.start["MetadataOptions"] == {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
        }

    def test_both_volumes_are_encrypted_with_the_clusters_key(self, app: App) -> None:
        cluster = Cluster(app, volume_size=Size.gibibytes(100))
        volumes = {each["DeviceName"]: each["Ebs"] for each in cluster.start["BlockDeviceMappings"]}
        assert set(volumes) == {"/dev/xvda", "/dev/xvdb"}
        (key,) = (id for id in of_type(cluster.template, "AWS::KMS::Key") if id.startswith("Key"))
        for volume in volumes.values():
            assert volume["Encrypted"] is True
            assert volume["KmsKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
        assert volumes["/dev/xvdb"]["VolumeSize"] == 100
        assert "VolumeSize" not in volumes["/dev/xvda"]  # the image says how large Bottlerocket is

    def test_auto_scaling_may_use_the_key_and_two_kinds_of_instances_ask_once(self, cluster: Cluster) -> None:
        cluster.add("Arm", architecture=CpuArchitecture.ARM64)
        keys = of_type(cluster.template, "AWS::KMS::Key")
        (key,) = (each["Properties"] for id, each in keys.items() if id.startswith("Key"))
        sids = [each["Sid"] for each in key["KeyPolicy"]["Statement"] if "Sid" in each]
        assert sids == ["Volumes", "AttachedVolumes"]

    def test_nobody_has_a_key_pair_or_a_public_address(self, cluster: Cluster) -> None:
        assert "KeyName" not in cluster.start
        (interface,) = cluster.start["NetworkInterfaces"]
        assert interface["AssociatePublicIpAddress"] is False
        isolated = {id for id in of_type(cluster.template, "AWS::EC2::Subnet") if "Isolated" in id}
        assert {subnet["Ref"] for subnet in cluster.group["VPCZoneIdentifier"]} == isolated

    def test_they_are_watched_closely(self, cluster: Cluster) -> None:
        assert cluster.start["Monitoring"] == {"Enabled": True}
        assert cluster.group["HealthCheckType"] == "EBS"

    def test_when_their_role_and_the_way_to_aws_are_there(self, cluster: Cluster) -> None:
        waits = " ".join(only(cluster.template, "AWS::AutoScaling::AutoScalingGroup")["DependsOn"])
        for needed in (
            "HostsInstanceRolePolicy",
            "NetworkEcsAgent",
            "NetworkEcrDkr",
            "HostsSecurityGrouptoTestNetwork",
        ):
            assert needed in waits


class TestWhatTheyMay:
    def test_they_join_this_cluster_and_do_nothing_else(self, cluster: Cluster) -> None:
        (name,) = of_type(cluster.template, "AWS::ECS::Cluster")
        here = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:%s/${%s}%s"
        joins = [
            *("ecs:DeregisterContainerInstance", "ecs:RegisterContainerInstance", "ecs:SubmitAttachmentStateChanges"),
            *("ecs:SubmitContainerStateChange", "ecs:SubmitTaskStateChange"),
        ]
        reports = ["ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"]
        assert_only_allows(
            cluster.template,
            role_of(cluster, "HostsInstanceRole"),
            [
                Allow(joins, here % ("cluster", name, "")),
                Allow(reports, here % ("container-instance", name, "/*")),
                Allow("ecs:DiscoverPollEndpoint", "*"),
            ],
        )
        assert_denied(cluster.template, role_of(cluster, "HostsInstanceRole"), "ecs:CreateCluster", "*")
        assert_denied(
            cluster.template,
            role_of(cluster, "HostsInstanceRole"),
            "ecs:RegisterContainerInstance",
            "arn:aws:ecs:eu-central-1:111122223333:cluster/other",
        )

    def test_their_profile_has_this_role_only(self, cluster: Cluster) -> None:
        (profile,) = of_type(cluster.template, "AWS::IAM::InstanceProfile")
        assert cluster.only("AWS::IAM::InstanceProfile")["Roles"] == [{"Ref": role_of(cluster, "HostsInstanceRole")}]
        assert cluster.start["IamInstanceProfile"] == {"Arn": {"Fn::GetAtt": [profile, "Arn"]}}

    def test_nothing_gets_in_and_only_endpoints_are_let_out_to(self, cluster: Cluster) -> None:
        groups = of_type(cluster.template, "AWS::EC2::SecurityGroup")
        (id,) = (id for id in groups if id.startswith("Hosts"))
        assert "SecurityGroupIngress" not in groups[id]["Properties"]
        ingress = of_type(cluster.template, "AWS::EC2::SecurityGroupIngress").values()
        assert not [each for each in ingress if each["Properties"]["GroupId"] == {"Fn::GetAtt": [id, "GroupId"]}]
        egress = [each["Properties"] for each in of_type(cluster.template, "AWS::EC2::SecurityGroupEgress").values()]
        ours = [each for each in egress if each["GroupId"] == {"Fn::GetAtt": [id, "GroupId"]}]
        assert {(each["FromPort"], each["ToPort"]) for each in ours} == {(443, 443)}
        assert all("DestinationSecurityGroupId" in each or "DestinationPrefixListId" in each for each in ours)
        assert (cluster.start["NetworkInterfaces"][0]["Groups"]) == [{"Fn::GetAtt": [id, "GroupId"]}]

    def test_they_are_let_out_to_what_a_task_needs_besides(self, cluster: Cluster) -> None:
        cluster.network.require(cluster.hosts, "secretsmanager")
        endpoints = of_type(cluster.template, "AWS::EC2::VPCEndpoint")
        (endpoint,) = (id for id in endpoints if id.startswith("NetworkSecretsmanager"))
        assert endpoint in only(cluster.template, "AWS::AutoScaling::AutoScalingGroup")["DependsOn"]


class TestLife:
    def test_ecs_scales_protects_and_drains_them(self, cluster: Cluster) -> None:
        provider = cluster.only("AWS::ECS::CapacityProvider")["AutoScalingGroupProvider"]
        (group,) = of_type(cluster.template, "AWS::AutoScaling::AutoScalingGroup")
        assert provider == {
            "AutoScalingGroupArn": {"Ref": group},
            "ManagedScaling": {"Status": "ENABLED"},
            "ManagedTerminationProtection": "ENABLED",
            "ManagedDraining": "ENABLED",
        }
        assert cluster.group["NewInstancesProtectedFromScaleIn"] is True
        assert "DesiredCapacity" not in cluster.group  # a deployment would take back what Amazon ECS has set
        assert cluster.group["Tags"] == [{"Key": "AmazonECSManaged", "Value": "true", "PropagateAtLaunch": True}]

    def test_there_are_so_many_of_these_types(self, app: App) -> None:
        cluster = Cluster(app, min=3, max=7, instance_types=["c7i.xlarge", "c6i.xlarge"])
        assert (cluster.group["MinSize"], cluster.group["MaxSize"]) == ("3", "7")
        policy = cluster.group["MixedInstancesPolicy"]
        assert [each["InstanceType"] for each in policy["LaunchTemplate"]["Overrides"]] == ["c7i.xlarge", "c6i.xlarge"]
        assert policy["InstancesDistribution"]["OnDemandPercentageAboveBaseCapacity"] == 100

    @pytest.mark.parametrize("architecture", list(CpuArchitecture))
    def test_types_left_out_are_of_the_architecture_and_of_one_size(
        self, app: App, architecture: CpuArchitecture
    ) -> None:
        overrides = Cluster(app, architecture=architecture).group["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"]
        types = [each["InstanceType"] for each in overrides]
        HostCapacity(architecture=architecture, instance_types=types)  # which refuses others
        assert len(types) > 1
        assert {each.partition(".")[2] for each in types} == {"large"}

    def test_a_change_of_the_launch_template_holds_for_instances_that_start_from_then_on(
        self, cluster: Cluster
    ) -> None:
        (template,) = of_type(cluster.template, "AWS::EC2::LaunchTemplate")
        specification = cluster.group["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
        assert specification["Version"] == {"Fn::GetAtt": [template, "LatestVersionNumber"]}
        assert "UpdatePolicy" not in only(cluster.template, "AWS::AutoScaling::AutoScalingGroup")

    def test_all_are_renewed_also_those_that_are_protected(self, app: App) -> None:
        cluster = Cluster(app, renew_after=Duration.days(7))
        schedule = cluster.only("AWS::Scheduler::Schedule")
        assert schedule["ScheduleExpression"] == "cron(0 3 1/7 * ? *)"
        assert concrete(schedule["Target"]["Arn"]) == "arn:aws:scheduler:::aws-sdk:autoscaling:startInstanceRefresh"
        (group,) = of_type(cluster.template, "AWS::AutoScaling::AutoScalingGroup")
        assert json.loads(concrete(schedule["Target"]["Input"])) == {
            "AutoScalingGroupName": group,
            "Preferences": {"ScaleInProtectedInstances": "Refresh", "StandbyInstances": "Ignore"},
        }
        # A new one starts before an old one stops.
        assert cluster.group["InstanceMaintenancePolicy"]["MinHealthyPercentage"] == 100
        assert cluster.group["InstanceMaintenancePolicy"]["MaxHealthyPercentage"] > 100

    def test_the_schedule_renews_this_group_and_does_nothing_else(self, cluster: Cluster) -> None:
        (group,) = of_type(cluster.template, "AWS::AutoScaling::AutoScalingGroup")
        named = f"autoScalingGroup:*:autoScalingGroupName/${{{group}}}"
        here = f"arn:${{AWS::Partition}}:autoscaling:${{AWS::Region}}:${{AWS::AccountId}}:{named}"
        role = role_of(cluster, "HostsRenewalRole")
        assert_only_allows(cluster.template, role, [Allow("autoscaling:StartInstanceRefresh", here)])

    def test_what_is_deleted_first_names_what_is_deleted_later(self, cluster: Cluster) -> None:
        """Associations, then the capacity provider, the group, the launch template, and the cluster last."""
        template = cluster.template
        order = [
            "AWS::ECS::ClusterCapacityProviderAssociations",
            "AWS::ECS::CapacityProvider",
            "AWS::AutoScaling::AutoScalingGroup",
            "AWS::EC2::LaunchTemplate",
            "AWS::ECS::Cluster",
        ]
        for earlier, later in pairwise(order):
            (id,) = of_type(template, later)
            assert f'"{id}"' in json.dumps(only(template, earlier)["Properties"])
        assert_acyclic(template)

    @pytest.mark.parametrize("name", ["ecs-services", "AwsServices", "Fargate"])
    def test_a_stack_whose_name_aws_keeps_to_itself_gets_a_name_for_the_provider(self, app: App, name: str) -> None:
        assert Cluster(app, name).only("AWS::ECS::CapacityProvider")["Name"].startswith("hosts-")

    def test_otherwise_nothing_has_a_name(self, cluster: Cluster) -> None:
        for id, resource in cluster.template["Resources"].items():
            if id.startswith("Hosts") and resource["Type"] != "AWS::IAM::Policy":
                assert not {key for key in resource["Properties"] if key.endswith("Name") or key == "Name"}


class TestJudges:
    @pytest.mark.parametrize("name", ["Test", "EcsServices"])
    def test_rules_find_nothing(self, app: App, name: str) -> None:
        Cluster(app, name).add("Arm", architecture=CpuArchitecture.ARM64)
        assert open_ids(app) == set()

    @pytest.mark.parametrize(
        ("part", "path", "value", "rule"),
        [
            ("LaunchTemplate", "LaunchTemplateData.MetadataOptions.HttpTokens", "optional", "SC-ECS-16[HttpTokens]"),
            ("LaunchTemplate", "LaunchTemplateData.KeyName", "operators", "SC-ECS-16[KeyName]"),
            ("LaunchTemplate", "LaunchTemplateData.BlockDeviceMappings.1.Ebs.Encrypted", False, "SC-ECS-16[BlockDe"),
            ("LaunchTemplate", "LaunchTemplateData.UserData", {"Fn::Base64": "[settings.ecs]\n"}, "SC-ECS-21"),
            ("CapacityProvider", "AutoScalingGroupProvider.ManagedTerminationProtection", "DISABLED", "SC-ECS-20"),
            ("Group", "NewInstancesProtectedFromScaleIn", False, "SC-ECS-20"),
        ],
    )
    def test_a_weakened_property_is_found(self, cluster: Cluster, part: str, path: str, value: Any, rule: str) -> None:
        found: Any = cluster.hosts
        for step in part.split("/"):
            found = found.node.find_child(step)
        found.add_property_override(path, value)
        found = open_ids(cluster.app)
        assert found
        assert all(each.startswith(rule) for each in found)

    def test_packs_find_nothing(self, app: App) -> None:
        enforce(app, packs=[Pack.NIST_800_53_R5])
        Cluster(app)
        app.synth()  # fails on what nobody waived
        plugins = json.loads(Path(app.outdir, "validation-report.json").read_text())["pluginReports"]
        assert [each["violations"] for each in plugins if each["violations"]] == []  # nor is a waiver of no use

    def test_cfn_lint_finds_nothing(self, app: App) -> None:
        Cluster(app)
        found = lint(
            json.dumps(synthesized(app)["Test"]),
            get_rules([], [], ["W"], include_experimental=False),
            [REGION],
            ManualArgs(),
        )
        assert [f"{match.rule.id} {match.message}" for match in found] == []


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "part"),
        [
            ({"min": -1}, "min is -1; allowed: a whole number, 0 at least"),
            ({"min": True}, "min is True"),
            ({"min": 4, "max": 3}, "max is 3; allowed: a whole number, 4 at least; write max=4"),
            ({"min": 0, "max": 0}, "max is 0; allowed: a whole number, 1 at least"),
            ({"architecture": "arm64"}, "architecture is 'arm64'; allowed: a CpuArchitecture"),
            ({"instance_types": "m7i.large"}, "instance_types is 'm7i.large'; allowed: instance types"),
            ({"instance_types": ["m7i"]}, "instance_types is 'm7i'; allowed: instance types"),
            ({"instance_types": ["m7g.large"]}, "write architecture=CpuArchitecture.ARM64"),
            (
                {"architecture": CpuArchitecture.ARM64, "instance_types": ["m7i.large"]},
                "write architecture=CpuArchitecture.X86_64",
            ),
            ({"instance_types": [f"m7i.{n}xlarge" for n in range(41)]}, "41 types'; allowed: 40 at most"),
            ({"volume_size": Size.gibibytes(10)}, "volume_size is '10 GiB'; allowed: 20 GiB at least"),
            ({"volume_size": 30}, "volume_size is 30; allowed: a size"),
            ({"volume_size": None}, "volume_size is None; allowed: a size"),
            ({"renew_after": None}, "renew_after is None; allowed: a duration"),
            ({"renew_after": 14}, "renew_after is 14; allowed: a duration"),
            ({"renew_after": Duration.hours(36)}, "renew_after is '1.5 days'; allowed: whole days, 1 to 30"),
            ({"renew_after": Duration.days(31)}, "renew_after is '31 days'; allowed: whole days, 1 to 30"),
            ({"renew_after": Duration.hours(1)}, "whole days, 1 to 30"),
        ],
    )
    def test_capacity_that_is_none_is_refused(self, arguments: dict[str, Any], part: str) -> None:
        with pytest.raises(ValueError, match=r"^HostCapacity: ") as caught:
            HostCapacity(**arguments)
        assert part in str(caught.value)

    def test_two_weeks_may_be_said_in_hours(self) -> None:
        assert HostCapacity(renew_after=Duration.hours(336)).renew_after.to_days() == 14


def role_of(cluster: Cluster, name: str) -> str:
    (id,) = (id for id in of_type(cluster.template, "AWS::IAM::Role") if id.startswith(name))
    return id
