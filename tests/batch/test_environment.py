"""What a job environment promises: its capacity, its queues, its network, its hosts."""

from __future__ import annotations

import email
from dataclasses import replace
from typing import Any

import pytest
from aws_cdk import App, Duration, Size, Stack, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from secure_containers import (
    CpuArchitecture,
    Ec2,
    Egress,
    Eks,
    Fargate,
    Fleet,
    LeastPrivilegeBatchEnv,
    PrivateNetwork,
    QueueLimits,
    Share,
    Waiver,
)
from tests.batch.conftest import Jobs
from tests.support import concrete, of_type, open_ids, synthesized

REASON = "a study of ours that nobody relies on, and that is gone next week"
CLUSTER = "arn:aws:eks:eu-central-1:111122223333:cluster/jobs"


def environment(jobs: Jobs, name: str) -> dict[str, Any]:
    (found,) = (each for id, each in jobs.all("AWS::Batch::ComputeEnvironment").items() if id.startswith(f"Env{name}"))
    return found


def queue(jobs: Jobs, name: str) -> dict[str, Any]:
    (found,) = (each for id, each in jobs.all("AWS::Batch::JobQueue").items() if id.startswith(f"Env{name}"))
    return found


def on(app: App, **arguments: Any) -> Jobs:
    return Jobs(app, platform=Ec2(**arguments))


def on_eks(stack: Stack, **arguments: Any) -> Eks:
    return Eks(
        cluster_arn=arguments.pop(
            "cluster_arn", stack.format_arn(service="eks", resource="cluster", resource_name="jobs")
        ),
        namespace="batch",
        node_role=iam.Role.from_role_name(stack, "Nodes", "nodes"),
        cluster_security_group=ec2.SecurityGroup.from_security_group_id(stack, "ClusterGroup", "sg-0a1b2c3d"),
        **arguments,
    )


class TestCapacity:
    def test_critical_jobs_run_on_demand_and_others_on_spot_with_on_demand_behind_it(self, jobs: Jobs) -> None:
        assert [environment(jobs, name)["ComputeResources"]["Type"] for name in ("OnDemand", "Spot", "Fallback")] == [
            "FARGATE",
            "FARGATE_SPOT",
            "FARGATE",
        ]
        order = {
            name: [each["ComputeEnvironment"]["Ref"].rstrip("0123456789ABCDEF") for each in sorted_(queue(jobs, name))]
            for name in ("Critical", "Standard")
        }
        assert order == {"Critical": ["EnvOnDemand"], "Standard": ["EnvSpot", "EnvFallback"]}
        assert queue(jobs, "Critical")["Priority"] > queue(jobs, "Standard")["Priority"]

    def test_vcpus_are_bounded_for_each(self, app: App) -> None:
        jobs = Jobs(app, fleet=Fleet(critical=8, spot=32, fallback=16))
        found = {
            name: environment(jobs, name)["ComputeResources"]["MaxvCpus"] for name in ("OnDemand", "Spot", "Fallback")
        }
        assert found == {"OnDemand": 8, "Spot": 32, "Fallback": 16}

    def test_spot_alone_takes_a_waiver(self, app: App) -> None:
        jobs = Jobs(app, fleet=Fleet(fallback=0), waivers=[Waiver("SC-BAT-11", reason=REASON)])
        assert len(jobs.all("AWS::Batch::ComputeEnvironment")) == 2
        assert jobs.env.fallback is None
        assert open_ids(app) == set()

    def test_nothing_has_a_name_or_an_update_policy_on_fargate(self, jobs: Jobs) -> None:
        for type_ in ("AWS::Batch::ComputeEnvironment", "AWS::Batch::JobQueue", "AWS::Batch::JobDefinition"):
            for properties in jobs.all(type_).values():
                assert not {key for key in properties if key.endswith("Name")}
                assert "UpdatePolicy" not in properties

    def test_tags_of_an_app_are_kept_off_what_they_would_replace(self, jobs: Jobs) -> None:
        Tags.of(jobs.app).add("owner", "payments")
        for type_ in ("AWS::Batch::ComputeEnvironment", "AWS::Batch::JobQueue"):
            assert all("Tags" not in properties for properties in jobs.all(type_).values())

    def test_changes_are_made_in_place(self, jobs: Jobs) -> None:
        found = jobs.all("AWS::Batch::ComputeEnvironment").values()
        assert all(each["ReplaceComputeEnvironment"] is False for each in found)

    def test_two_environments_stand_in_one_stack(self, jobs: Jobs) -> None:
        other = LeastPrivilegeBatchEnv(jobs.stack, "Other", network=jobs.network)
        jobs.add()
        other.add_job("Render", image=jobs.image)
        assert len(jobs.all("AWS::Batch::JobQueue")) == 4
        namespaces = {
            each["MetricTransformations"][0]["MetricNamespace"] for each in jobs.all("AWS::Logs::MetricFilter").values()
        }
        assert len(namespaces) == 2
        assert open_ids(jobs.app) == set()


class TestQueues:
    def test_jobs_that_cannot_start_are_cancelled_and_the_reason_is_kept(self, app: App) -> None:
        jobs = Jobs(app, queue_limits=QueueLimits(cancel_after=Duration.minutes(20)))
        for properties in jobs.all("AWS::Batch::JobQueue").values():
            actions = properties["JobStateTimeLimitActions"]
            assert {each["State"] for each in actions} == {"RUNNABLE"}
            assert {each["Action"] for each in actions} == {"CANCEL"}
            assert {each["MaxTimeSeconds"] for each in actions} == {1200}
            assert {each["Reason"].split(":")[0] for each in actions} == {"CAPACITY", "MISCONFIGURATION"}

    def test_cancelling_can_be_waived(self, app: App) -> None:
        jobs = Jobs(app, waivers=[Waiver("SC-BAT-10", reason=REASON)])
        assert all("JobStateTimeLimitActions" not in each for each in jobs.all("AWS::Batch::JobQueue").values())
        assert open_ids(app) == set()

    def test_shares_make_other_queues_with_one_policy(self, app: App) -> None:
        jobs = Jobs(app, shares=[Share(identifier="research", weight=0.5), Share(identifier="team*")])
        policy = jobs.only("AWS::Batch::SchedulingPolicy")
        assert policy["FairsharePolicy"]["ShareDistribution"] == [
            {"ShareIdentifier": "research", "WeightFactor": 0.5},
            {"ShareIdentifier": "team*", "WeightFactor": 1},
        ]
        found = jobs.all("AWS::Batch::JobQueue")
        assert all("SchedulingPolicyArn" in properties for properties in found.values())
        # AWS can neither give a queue a policy later nor take it away.
        plain = Jobs(App()).all("AWS::Batch::JobQueue")
        assert not set(found) & set(plain)

    def test_jobs_of_fair_queues_have_a_scheduling_priority(self, app: App) -> None:
        jobs = Jobs(app, shares=[Share(identifier="research")])
        jobs.add()
        assert jobs.only("AWS::Batch::JobDefinition")["SchedulingPriority"] == 1


class TestNetwork:
    def test_jobs_are_in_the_isolated_subnets_without_public_addresses(self, jobs: Jobs) -> None:
        jobs.add()
        isolated = {id for id in jobs.all("AWS::EC2::Subnet") if "Isolated" in id}
        for each in jobs.all("AWS::Batch::ComputeEnvironment").values():
            assert {subnet["Ref"] for subnet in each["ComputeResources"]["Subnets"]} == isolated
        definition = jobs.only("AWS::Batch::JobDefinition")
        assert definition["ContainerProperties"]["NetworkConfiguration"] == {"AssignPublicIp": "DISABLED"}

    def test_nothing_gets_in_and_only_endpoints_are_let_out_to(self, jobs: Jobs) -> None:
        jobs.add()
        (group,) = (each for id, each in jobs.all("AWS::EC2::SecurityGroup").items() if id.startswith("EnvSecurity"))
        assert "SecurityGroupIngress" not in group
        ours = [each for id, each in jobs.all("AWS::EC2::SecurityGroupEgress").items() if id.startswith("EnvSecurity")]
        assert {(each["FromPort"], each["ToPort"]) for each in ours} == {(443, 443)}
        assert all("DestinationSecurityGroupId" in each or "DestinationPrefixListId" in each for each in ours)

    def test_the_proof_covers_a_service_that_nobody_declared(self, jobs: Jobs) -> None:
        job = jobs.add()
        job.role.add_to_policy(
            iam.PolicyStatement(actions=["sqs:SendMessage"], resources=["arn:aws:sqs:eu-central-1:111122223333:q"])
        )
        assert any(id.startswith("SC-NET-01") for id in open_ids(jobs.app))

    def test_a_declared_service_gets_its_endpoint(self, jobs: Jobs) -> None:
        jobs.add(services=["sqs"])
        assert any(id.startswith("NetworkSqs") for id in jobs.all("AWS::EC2::VPCEndpoint"))

    def test_jobs_go_where_they_are_sent(self, app: App, stack: Stack) -> None:
        network = PrivateNetwork(stack, "Network", egress=Egress.one_nat_gateway())
        LeastPrivilegeBatchEnv(stack, "Env", network=network, subnets=network.egress_subnets)
        egress = {subnet.node.default_child.logical_id for subnet in network.egress_subnets.subnets}
        resources = of_type(synthesized(app)["Test"], "AWS::Batch::ComputeEnvironment").values()
        wanted = {stack.resolve(each) for each in egress}
        for each in resources:
            assert {subnet["Ref"] for subnet in each["Properties"]["ComputeResources"]["Subnets"]} == wanted


class TestInstances:
    def test_they_speak_imdsv2_only_one_hop_far(self, app: App) -> None:
        jobs = on(app)
        data = jobs.only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
        assert data["MetadataOptions"] == {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
        }
        assert "KeyName" not in data

    def test_their_volumes_are_encrypted_with_the_environments_key(self, app: App) -> None:
        jobs = Jobs(app, platform=Ec2(volume_size=Size.gibibytes(100)))
        (mapping,) = jobs.only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["BlockDeviceMappings"]
        assert mapping["Ebs"]["Encrypted"] is True
        assert mapping["Ebs"]["VolumeSize"] == 100
        assert mapping["Ebs"]["KmsKeyId"]["Fn::GetAtt"][0].startswith("EnvKey")
        (key,) = (each for id, each in jobs.all("AWS::KMS::Key").items() if id.startswith("EnvKey"))
        volumes = [each for each in key["KeyPolicy"]["Statement"] if each.get("Sid", "").endswith("Volumes")]
        assert len(volumes) == 2
        for statement in volumes:
            assert set(statement["Condition"]["StringEquals"]) == {"kms:CallerAccount", "kms:ViaService"}
        assert [each["Action"] for each in volumes if "Bool" in each["Condition"]] == ["kms:CreateGrant"]

    def test_they_are_updated_in_place_and_kill_no_job_before_its_time(self, app: App) -> None:
        jobs = on(app)
        jobs.add("Short", timeout=Duration.minutes(5))
        jobs.add(
            "Long",
            timeout=Duration.minutes(
                150,
            ),
        )
        resources = jobs.all("AWS::Batch::ComputeEnvironment").values()
        assert all(
            each["UpdatePolicy"] == {"JobExecutionTimeoutMinutes": 150, "TerminateJobsOnUpdate": False}
            for each in resources
        )
        assert all(each["ComputeResources"]["UpdateToLatestImageVersion"] is True for each in resources)
        assert all(
            each["ComputeResources"]["LaunchTemplate"]["Version"]
            == {"Fn::GetAtt": [next(iter(jobs.all("AWS::EC2::LaunchTemplate"))), "LatestVersionNumber"]}
            for each in resources
        )

    @pytest.mark.parametrize(
        ("timeout", "minutes"), [(Duration.minutes(5), 30), (Duration.days(30), 7200), (None, 7200)]
    )
    def test_an_update_waits_within_what_aws_takes(self, app: App, timeout: Duration | None, minutes: int) -> None:
        jobs = on(app)
        waivers = [] if timeout else [Waiver("SC-BAT-06", reason=REASON)]
        jobs.add(timeout=timeout, waivers=waivers)
        assert environment(jobs, "Spot")["UpdatePolicy"]["JobExecutionTimeoutMinutes"] == minutes

    def test_spot_is_bought_where_it_is_cheap_and_lasts(self, app: App) -> None:
        jobs = on(app)
        found = {name: environment(jobs, name)["ComputeResources"] for name in ("OnDemand", "Spot")}
        assert found["Spot"]["AllocationStrategy"] == "SPOT_PRICE_CAPACITY_OPTIMIZED"
        assert found["OnDemand"]["AllocationStrategy"] == "BEST_FIT_PROGRESSIVE"
        assert {each["MinvCpus"] for each in found.values()} == {0}

    @pytest.mark.parametrize(
        ("arguments", "types", "image"),
        [
            ({}, ["default_x86_64"], "ECS_AL2023"),
            ({"cpu_architecture": CpuArchitecture.ARM64}, ["default_arm64"], "ECS_AL2023"),
            ({"instance_types": ["g5", "g6.xlarge"], "gpu": True}, ["g5", "g6.xlarge"], "ECS_AL2023_NVIDIA"),
        ],
    )
    def test_types_and_image(self, app: App, arguments: dict[str, Any], types: list[str], image: str) -> None:
        resources = environment(on(app, **arguments), "Spot")["ComputeResources"]
        assert resources["InstanceTypes"] == types
        assert resources["Ec2Configuration"] == [{"ImageType": image}]

    def test_their_role_joins_clusters_and_nothing_else(self, app: App) -> None:
        jobs = on(app)
        actions = host_actions(jobs)
        assert all(action.startswith("ecs:") for action in actions)
        assert "ecs:CreateCluster" not in actions
        assert "ManagedPolicyArns" not in str(jobs.all("AWS::IAM::Role"))

    def test_containers_with_an_interface_of_their_own_get_no_metadata(self, app: App) -> None:
        data = on(app).only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["UserData"]["Fn::Base64"]
        message = email.message_from_string(data)
        (script,) = (part for part in message.walk() if part.get_content_type() == "text/x-shellscript")
        assert "ECS_AWSVPC_BLOCK_IMDS=true" in script.get_payload()

    def test_other_platforms_have_other_ids_since_aws_turns_none_into_another(self, app: App, stack: Stack) -> None:
        found = [
            set(Jobs(App(), platform=platform).all(type_))
            for platform in (Fargate(), Ec2())
            for type_ in ("AWS::Batch::ComputeEnvironment", "AWS::Batch::JobQueue")
        ]
        assert not found[0] & found[2]
        assert not found[1] & found[3]

    def test_nobody_opens_a_shell_unless_it_was_asked_for(self, app: App) -> None:
        assert "ssm:UpdateInstanceInformation" in host_actions(on(app, session_manager=True))
        assert any(
            id.startswith("NetworkSsmmessages") for id in of_type(synthesized(app)["Jobs"], "AWS::EC2::VPCEndpoint")
        )

    def test_jobs_of_several_nodes_talk_to_each_other_only(self, app: App) -> None:
        jobs = on(app)
        jobs.add(critical=True, nodes=4)
        definition = jobs.only("AWS::Batch::JobDefinition")
        assert definition["Type"] == "multinode"
        assert definition["NodeProperties"]["NumNodes"] == 4
        (nodes,) = definition["NodeProperties"]["NodeRangeProperties"]
        assert nodes["TargetNodes"] == "0:"
        assert nodes["Container"]["ReadonlyRootFilesystem"] is True
        ingress = [
            each for id, each in jobs.all("AWS::EC2::SecurityGroupIngress").items() if id.startswith("EnvSecurity")
        ]
        assert [each["SourceSecurityGroupId"] == each["GroupId"] for each in ingress] == [True]
        assert open_ids(app) == set()

    def test_containers_on_instances(self, app: App) -> None:
        jobs = Jobs(app, platform=Ec2(gpu=True, instance_types=["g5"]))
        container = jobs.container(gpus=1, scratch=["/scratch"])
        assert container["Privileged"] is False
        assert {"Type": "GPU", "Value": "1"} in container["ResourceRequirements"]
        (tmpfs,) = container["LinuxParameters"]["Tmpfs"]
        assert tmpfs == {"ContainerPath": "/scratch", "Size": 256, "MountOptions": ["rw", "nosuid", "nodev", "noexec"]}
        assert "NetworkConfiguration" not in container
        assert open_ids(app) == set()


class TestPods:
    def test_they_are_as_hard_as_tasks(self, app: App, stack: Stack) -> None:
        jobs = Jobs(app, platform=on_eks(stack))
        jobs.add("CloseBooks", command=["close"], scratch=["/scratch"])
        assert "PropagateTags" not in jobs.only("AWS::Batch::JobDefinition")  # refused on EKS
        pod = jobs.only("AWS::Batch::JobDefinition")["EksProperties"]["PodProperties"]
        assert pod["HostNetwork"] is False
        (container,) = pod["Containers"]
        assert container["SecurityContext"] == {
            "RunAsUser": 65532,
            "RunAsGroup": 65532,
            "RunAsNonRoot": True,
            "ReadOnlyRootFilesystem": True,
            "Privileged": False,
            "AllowPrivilegeEscalation": False,
        }
        assert container["Resources"]["Limits"] == {"cpu": "1", "memory": "2048Mi"}
        assert pod["Volumes"] == [{"Name": "scratch0", "EmptyDir": {"Medium": "Memory", "SizeLimit": "256Mi"}}]
        assert open_ids(app) == set()

    def test_each_job_has_a_role_by_pod_identity(self, app: App, stack: Stack) -> None:
        jobs = Jobs(app, platform=on_eks(stack))
        job = jobs.add("CloseBooks")
        association = jobs.only("AWS::EKS::PodIdentityAssociation")
        assert (association["Namespace"], association["ServiceAccount"]) == ("batch", "close-books")
        (role,) = (each for id, each in jobs.all("AWS::IAM::Role").items() if id.startswith("EnvCloseBooksRole"))
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}
        assert set(statement["Action"]) == {"sts:AssumeRole", "sts:TagSession"}
        assert concrete(statement["Condition"]["StringEquals"])["aws:SourceArn"] == CLUSTER
        assert job.execution_role is None
        assert job.log_group is None

    def test_their_nodes_join_by_the_clusters_own_role_and_group(self, app: App, stack: Stack) -> None:
        jobs = Jobs(app, platform=on_eks(stack))
        assert jobs.only("AWS::IAM::InstanceProfile")["Roles"] == ["nodes"]
        found = environment(jobs, "Spot")
        assert "sg-0a1b2c3d" in found["ComputeResources"]["SecurityGroupIds"]
        assert concrete(found["EksConfiguration"]) == {"EksClusterArn": CLUSTER, "KubernetesNamespace": "batch"}
        assert found["ComputeResources"]["Ec2Configuration"] == [{"ImageType": "EKS_AL2023"}]

    def test_the_clusters_name_is_taken_from_an_arn_that_is_written_out(self, app: App, stack: Stack) -> None:
        jobs = Jobs(app, platform=on_eks(stack, cluster_arn=CLUSTER))
        jobs.add()
        assert jobs.only("AWS::EKS::PodIdentityAssociation")["ClusterName"] == "jobs"

    def test_a_role_of_nodes_of_the_same_app_is_judged(self, app: App, stack: Stack) -> None:
        nodes = iam.Role(stack, "OwnNodes", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        nodes.add_managed_policy(iam.ManagedPolicy.from_aws_managed_policy_name("AdministratorAccess"))
        given = on_eks(stack)
        Jobs(app, platform=replace(given, node_role=nodes))
        assert any(id.startswith("SC-BAT-13") for id in open_ids(app))


class TestWhatIsGiven:
    def test_key_and_topic_are_used(self, app: App, stack: Stack) -> None:
        key, topic = kms.Key(stack, "Key", enable_key_rotation=True), sns.Topic(stack, "Topic", enforce_ssl=True)
        jobs = Jobs(app, encryption_key=key, topic=topic)
        jobs.add()
        assert jobs.env.topic is topic
        assert not [id for id in jobs.all("AWS::KMS::Key") if id.startswith("Env")]

    def test_waivers_turn_off_what_they_name(self, app: App) -> None:
        jobs = Jobs(app, waivers=[Waiver(rule, reason=REASON) for rule in ("SC-KMS-01", "SC-DEL-01")])
        jobs.env.add_output_bucket()
        keys = {id: each for id, each in of_type(jobs.template, "AWS::KMS::Key").items() if id.startswith("Env")}
        assert len(keys) == 2
        for key in keys.values():
            assert key["Properties"]["EnableKeyRotation"] is False
            assert key["DeletionPolicy"] == "Delete"

    def test_arm_on_fargate(self, app: App) -> None:
        jobs = Jobs(app, platform=Fargate(cpu_architecture=CpuArchitecture.ARM64))
        assert jobs.container()["RuntimePlatform"] == {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"}


def host_actions(jobs: Jobs) -> set[str]:
    (policy,) = (each for id, each in jobs.all("AWS::IAM::ManagedPolicy").items() if id.startswith("EnvInstanceRole"))
    return {
        action
        for statement in policy["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }


def sorted_(queue: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(queue["ComputeEnvironmentOrder"], key=lambda each: each["Order"])
