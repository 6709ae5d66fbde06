"""What wrong arguments get: one error at the user's line, which says what is allowed and what to write."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, Size, Stack, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_efs as efs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_secretsmanager as secretsmanager

from secure_containers import (
    CpuArchitecture,
    Ec2,
    EcrImage,
    Eks,
    Fargate,
    FileMount,
    Fleet,
    LeastPrivilegeBatchEnv,
    PrivateNetwork,
    QueueLimits,
    Retries,
    SecretField,
    SecureEcrRepository,
    SecureParameter,
    Share,
    Waiver,
)
from tests.batch.conftest import Jobs
from tests.support import DIGEST

REASON = "a study of ours that nobody relies on, and that is gone next week"
SPOT_ALONE = Waiver("SC-BAT-11", reason=REASON)


def refused(*parts: str) -> Any:
    """An error that holds every part, in this order."""
    return pytest.raises(ValueError, match=".*".join(map(re.escape, parts)))


class TestEnvironment:
    @pytest.mark.parametrize(
        ("arguments", "parts"),
        [
            ({"platform": "fargate"}, ["Jobs/Env: platform is 'fargate'", "Fargate(), Ec2(...)"]),
            ({"fleet": 64}, ["fleet is 64", "Fleet("]),
            ({"fleet": Fleet(fallback=0)}, ["fleet is", "on-demand capacity behind spot", 'Waiver("SC-BAT-11"']),
            ({"queue_limits": 3}, ["queue_limits is 3"]),
            ({"shares": ["research"]}, ["shares is", 'Share(identifier="research")']),
            (
                {"shares": [Share(identifier="team*"), Share(identifier="teamblue")]},
                ["shares is 'teamblue'", "do not overlap"],
            ),
            ({"shares": [Share(identifier=f"s{n}x") for n in range(501)]}, ["501 shares", "500 at most"]),
            ({"topic": "arn:aws:sns:x"}, ["topic is", "a topic"]),
            ({"encryption_key": "key"}, ["encryption_key is 'key'"]),
            ({"subnets": ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)}, ["subnets is", "one by one"]),
            ({"waivers": [Waiver("SC-ECR-01", reason=REASON)]}, ["SC-ECR-01", "this construct has none"]),
            ({"waivers": Waiver("SC-DEL-01", reason=REASON)}, ["waivers is"]),
        ],
    )
    def test_arguments(self, app: App, arguments: dict[str, Any], parts: list[str]) -> None:
        with refused(*parts):
            Jobs(app, **arguments)

    def test_a_vpc_in_place_of_a_network(self, stack: Stack) -> None:
        vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["a"])
        with refused("network is", 'PrivateNetwork(self, "Network", vpc=vpc)'):
            LeastPrivilegeBatchEnv(stack, "Env", network=vpc)  # type: ignore[arg-type]
        with refused("network is None", "a PrivateNetwork"):
            LeastPrivilegeBatchEnv(stack, "Env", network=None)  # type: ignore[arg-type]

    def test_a_wrong_argument_leaves_nothing_behind(self, stack: Stack) -> None:
        network = PrivateNetwork(stack, "Network")
        with refused("fleet is"):
            LeastPrivilegeBatchEnv(stack, "Env", network=network, fleet=Fleet(fallback=0))
        LeastPrivilegeBatchEnv(stack, "Env", network=network)


class TestParts:
    @pytest.mark.parametrize(
        ("make", "parts"),
        [
            (lambda: Fleet(critical=0), ["Fleet: critical is 0", "1 to"]),
            (lambda: Fleet(spot=True), ["spot is True"]),
            (lambda: Fleet(fallback=-1), ["fallback is -1", "0 to"]),
            (lambda: Share(identifier="re-search"), ["Share: identifier is 're-search'", "letters and digits"]),
            (lambda: Share(identifier="a", weight=0), ["weight is 0", "0.0001"]),
            (lambda: QueueLimits(jobs=0), ["QueueLimits: jobs is 0", "1 to 1000"]),
            (lambda: QueueLimits(cancel_after=Duration.minutes(9)), ["540 seconds", "600 to 86400"]),
            (lambda: QueueLimits(age=30), ["age is 30", "a duration"]),
            (lambda: Retries(attempts=1), ["Retries: attempts is 1", "2 to 10"]),
            (lambda: Retries(attempts=11), ["attempts is 11"]),
            (lambda: Retries(exit_codes=[0]), ["exit_codes is 0"]),
            (lambda: Retries(exit_codes=["*"]), ["exit_codes is '*'"]),
            (lambda: Retries(exit_codes=[1, 2, 3]), ["[1, 2, 3]", "2 at most"]),
            (lambda: FileMount(access_point="fsap-1", path="/data"), ["access_point is 'fsap-1'"]),
            (lambda: FileMount(access_point="fsap-1", path="data"), ["path is 'data'", "absolute"]),
            (lambda: SecretField(secret=None, field="a:b"), ["field is 'a:b'"]),
            (lambda: Fargate(cpu_architecture="arm"), ["Fargate: cpu_architecture is 'arm'", "CpuArchitecture.ARM64"]),
            (lambda: Ec2(gpu=True), ["instance_types is []", "families with GPUs"]),
            (lambda: Ec2(gpu=True, instance_types=["g5", "m5"]), ["instance_types is ['m5']", "g5"]),
            (lambda: Ec2(gpu=True, instance_types=["g4ad"]), ["instance_types is ['g4ad']"]),
            (
                lambda: Ec2(instance_types=["c7g"]),
                ["instance_types is 'c7g'", "types for X86_64", "CpuArchitecture.ARM64"],
            ),
            (
                lambda: Ec2(cpu_architecture=CpuArchitecture.ARM64, instance_types=["m5"]),
                ["instance_types is 'm5'", "ARM64"],
            ),
            (lambda: Ec2(volume_size=100), ["volume_size is 100", "a size"]),
            (lambda: SecretField(secret=42, field="a"), ["secret is 42"]),
            (lambda: SecureParameter(parameter=None, encryption_key=None), ["parameter is None"]),
            (lambda: Ec2(instance_types=["M5 large"]), ["instance_types is 'M5 large'"]),
            (lambda: Ec2(instance_types="m5"), ["instance_types is 'm5'"]),
            (lambda: Ec2(volume_size=Size.gibibytes(8)), ["volume_size is '8 GiB'", "30 GiB at least"]),
            (lambda: Ec2(session_manager="yes"), ["session_manager is 'yes'"]),
        ],
    )
    def test_values(self, make: Any, parts: list[str]) -> None:
        with refused(*parts):
            make()

    @pytest.mark.parametrize(
        ("arguments", "parts"),
        [
            ({"cluster_arn": "jobs"}, ["Eks: cluster_arn is 'jobs'", "the ARN of a cluster"]),
            ({"namespace": "default"}, ["namespace is 'default'", "neither default nor kube-"]),
            ({"namespace": "kube-system"}, ["namespace is 'kube-system'"]),
            ({"node_role": "nodes"}, ["node_role is 'nodes'"]),
            ({"cluster_security_group": "sg-1"}, ["cluster_security_group is 'sg-1'"]),
        ],
    )
    def test_clusters(self, stack: Stack, arguments: dict[str, Any], parts: list[str]) -> None:
        with refused(*parts):
            eks(stack, **arguments)


def eks(stack: Stack, **arguments: Any) -> Eks:
    given: dict[str, Any] = {
        "cluster_arn": "arn:aws:eks:eu-central-1:111122223333:cluster/jobs",
        "namespace": "batch",
        "node_role": iam.Role.from_role_name(stack, "Nodes", "nodes"),
        "cluster_security_group": ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-0a1b2c3d"),
    }
    return Eks(**{**given, **arguments})


class TestJobs:
    @pytest.mark.parametrize(
        ("arguments", "parts"),
        [
            ({"id": "my-job"}, ["Jobs/Env: add_job: id is 'my-job'", "letters and digits"]),
            ({"vcpus": 3}, ["Jobs/Env/Render: vcpus is 3", "0.25, 0.5, 1, 2, 4, 8, 16, 32 vCPUs"]),
            ({"memory": Size.gibibytes(16)}, ["memory is '16384 MiB'", "2048 to 8192 MiB", "with 1 vCPUs"]),
            ({"memory": 2048}, ["memory is 2048", "Size.gibibytes(2)"]),
            ({"gpus": 1}, ["gpus is 1", "0 on Fargate", "Ec2(gpu=True"]),
            ({"nodes": 4, "critical": True}, ["nodes is 4", "instances of Amazon ECS only"]),
            ({"timeout": Duration.seconds(59)}, ["timeout is '59 seconds'", "60 seconds at least"]),
            ({"timeout": None}, ["timeout is None", 'Waiver("SC-BAT-06"']),
            ({"timeout": 3600}, ["timeout is 3600", "Duration.hours(1)"]),
            ({"retries": None}, ["retries is None", 'Waiver("SC-BAT-07"']),
            ({"user": "root"}, ["user is 'root'", "other than root", 'Waiver("SC-BAT-03"']),
            ({"user": "0:0"}, ["user is '0:0'"]),
            ({"user": "A B"}, ["user is 'A B'", "names or numbers"]),
            ({"image": "nginx:latest"}, ["image is 'nginx:latest'", "repository.image(digest=...)"]),
            (
                {"environment": {"DB_PASSWORD": "x"}},
                ["environment['DB_PASSWORD'] is '...'", "no credentials", "secrets="],
            ),
            ({"environment": {"URL": "postgres://me:pass@db/x"}}, ["environment['URL'] is '...'", "looks like"]),
            ({"environment": {"N": 1}}, ["environment['N'] is 1", "a text"]),
            ({"environment": {"A=B": "1"}}, ["environment is 'A=B'", "names of variables"]),
            ({"environment": {"AWS_BATCH_JOB_ID": "1"}}, ["AWS_BATCH_JOB_ID", "sets itself"]),
            ({"environment": ["A"]}, ["environment is ['A']", "variables and their values"]),
            ({"secrets": {"A": "plain"}}, ["secrets['A'] is 'plain'", "a secret, a parameter"]),
            ({"scratch": ["tmp"]}, ["scratch is 'tmp'", "absolute path below /"]),
            ({"scratch": ["/"]}, ["scratch is '/'"]),
            ({"scratch": ["/a", "/a"]}, ["scratch is '/a'", "each path once"]),
            ({"scratch": "/a"}, ["scratch is '/a'", "a list of paths"]),
            ({"ephemeral_storage": Size.gibibytes(20)}, ["ephemeral_storage is '20 GiB'", "21 to 200 GiB"]),
            ({"error_patterns": {"Failed": "x"}}, ["error_patterns is 'Failed'", "none of Definition"]),
            ({"error_patterns": {"Logs": "x"}}, ["error_patterns is 'Logs'"]),
            ({"id": "Spot"}, ["id is 'Spot'", "an id that nothing in Jobs/Env has", "SpotJob"]),
            ({"environment": {"OUTPUT_BUCKET": "mine"}}, ["environment is 'OUTPUT_BUCKET'", "do not set themselves"]),
            ({"timeout": Duration.seconds(Token.as_number({"Ref": "X"}))}, ["timeout is 'a token'", "known at"]),
            ({"vcpus": Token.as_number({"Ref": "X"})}, ["vcpus is 'a token'"]),
            ({"services": ["quantum"]}, ["quantum"]),
            ({"command": "render"}, ["command is 'render'", "a list of texts"]),
            ({"waivers": Waiver("SC-BAT-04", reason=REASON)}, ["waivers is Waiver", "a list of Waiver"]),
            ({"waivers": [Waiver("SC-KMS-01", reason=REASON)]}, ["SC-KMS-01", "this construct has none"]),
        ],
    )
    def test_arguments(self, jobs: Jobs, arguments: dict[str, Any], parts: list[str]) -> None:
        with refused(*parts):
            if "environment" in arguments and "OUTPUT_BUCKET" in arguments["environment"]:
                jobs.env.add_output_bucket()
            jobs.add(**arguments)

    def test_a_wrong_argument_leaves_nothing_behind(self, jobs: Jobs) -> None:
        for arguments in ({"timeout": None}, {"services": ["quantum"]}):
            with pytest.raises(ValueError, match=r"timeout|quantum"):
                jobs.add(**arguments)
        jobs.add()

    def test_a_job_is_added_once(self, jobs: Jobs) -> None:
        jobs.add()
        with refused("id is 'Render'", "each kind of job once"):
            jobs.add()
        with refused("id is 'Render'"):
            jobs.add(scope=Stack(jobs.app, "Other"))

    def test_a_credential_is_not_repeated_in_the_error(self, jobs: Jobs) -> None:
        with pytest.raises(ValueError, match="DB_PASSWORD") as caught:
            jobs.add(environment={"DB_PASSWORD": "hunter2hunter2"})
        assert "hunter2" not in str(caught.value)

    def test_an_image_by_a_tag(self, jobs: Jobs) -> None:
        with refused("image is 'v1'", "an image by its digest"):
            jobs.add(image=jobs.images.image(tag="v1"))

    def test_a_digest_that_is_none(self, jobs: Jobs) -> None:
        with refused("digest is 'sha256:abc'", "64 hexadecimal digits"):
            EcrImage.from_repository(jobs.images.repository, digest="sha256:abc")

    def test_a_variable_twice(self, jobs: Jobs) -> None:
        secret = secretsmanager.Secret(jobs.stack, "Secret")
        with refused("secrets is 'LEVEL'", "variables that environment has not"):
            jobs.add(environment={"LEVEL": "info"}, secrets={"LEVEL": secret})

    def test_a_token_under_a_name_of_a_credential(self, jobs: Jobs) -> None:
        secret = secretsmanager.Secret(jobs.stack, "Secret")
        with refused("environment['API_TOKEN']"):
            jobs.add(environment={"API_TOKEN": secret.secret_value.unsafe_unwrap()})
        jobs.add(environment={"SECRET_ARN": secret.secret_arn})

    def test_a_file_system_that_is_not_encrypted(self, jobs: Jobs) -> None:
        system = efs.FileSystem(
            jobs.stack, "Files", vpc=jobs.network.vpc, vpc_subnets=jobs.network.subnets, encrypted=False
        )
        mount = FileMount(access_point=system.add_access_point("Point"), path="/data")
        with refused("file_mounts is 'Jobs/Files'", "encrypted=True"):
            jobs.add(file_mounts=[mount])

    def test_on_instances(self, app: App) -> None:
        jobs = Jobs(app, platform=Ec2(cpu_architecture=CpuArchitecture.ARM64))
        for arguments, parts in (
            ({"vcpus": 0.5}, ["vcpus is 0.5", "a whole number"]),
            ({"gpus": 1}, ["gpus is 1", "no GPUs"]),
            ({"memory": Size.mebibytes(1)}, ["memory is '1 MiB'", "4 MiB at least"]),
            ({"ephemeral_storage": Size.gibibytes(50)}, ["on Fargate only", "Ec2(volume_size="]),
            ({"nodes": 4}, ["nodes is 4", "critical jobs only"]),
            ({"nodes": 1001, "critical": True}, ["nodes is 1001", "2 to 1000"]),
        ):
            with refused(*parts):
                jobs.add(**arguments)

    def test_in_pods(self, app: App, stack: Stack) -> None:
        jobs = Jobs(app, platform=eks(stack))
        secret = secretsmanager.Secret(jobs.stack, "Secret")
        for arguments, parts in (
            ({"secrets": {"A": secret}}, ["secrets is", "none on EKS"]),
            ({"error_patterns": {"A": "x"}}, ["error_patterns is", "the cluster collects the logs"]),
            ({"user": "render"}, ["user is 'render'", "numbers"]),
        ):
            with refused(*parts):
                jobs.add(**arguments)


class TestMethods:
    AT = scheduler.ScheduleExpression.rate(Duration.days(1))

    def test_an_output_bucket_comes_before_the_jobs_and_once(self, jobs: Jobs) -> None:
        jobs.env.add_output_bucket()
        with refused("add_output_bucket", "one output bucket"):
            jobs.env.add_output_bucket()

    def test_an_output_bucket_after_a_job(self, jobs: Jobs) -> None:
        jobs.add()
        with refused("bucket is '1 jobs'", "before the first job"):
            jobs.env.add_output_bucket()

    def test_what_is_no_bucket_and_what_is_no_prefix(self, jobs: Jobs) -> None:
        with refused("bucket is 'results'", "a bucket"):
            jobs.env.add_output_bucket("results")  # type: ignore[arg-type]
        with refused("prefix is 'team*'", "letters, digits"):
            jobs.env.add_output_bucket(prefix="team*")

    def test_a_principal_of_another_account(self, app: App) -> None:
        stack = Stack(app, "Here", env=Environment(account="111122223333", region="eu-central-1"))
        env = LeastPrivilegeBatchEnv(stack, "Env", network=PrivateNetwork(stack, "Network"))
        image = SecureEcrRepository(stack, "Images").image(digest=DIGEST)
        job = env.add_job("Render", image=image)
        role = iam.Role.from_role_arn(stack, "Partner", "arn:aws:iam::444455556666:role/partner")
        for grant in (job.grant_submit, job.grant_terminate, job.grant_describe):
            with refused("grantee is 'a principal of 444455556666'", "nothing here has a resource policy"):
                grant(role)

    def test_a_principal_that_no_policy_can_be_attached_to(self, jobs: Jobs) -> None:
        job = jobs.add()
        for grant in (job.grant_submit, job.grant_terminate, job.grant_describe):
            with refused("grantee is 'ServicePrincipal'", "a role, a user or a group", "from_role_arn"):
                grant(iam.ServicePrincipal("states.amazonaws.com"))

    def test_a_stack_of_another_region(self, app: App) -> None:
        here, there = (
            Stack(app, id, env=Environment(account="111122223333", region=region))
            for id, region in (("Here", "eu-central-1"), ("There", "eu-west-1"))
        )
        env = LeastPrivilegeBatchEnv(here, "Env", network=PrivateNetwork(here, "Network"))
        image = SecureEcrRepository(here, "Images").image(digest=DIGEST)
        with refused("scope is 'There in eu-west-1'", "here eu-central-1"):
            env.add_job("Render", image=image, scope=there)

    def test_ids_that_are_one_service_account(self, jobs: Jobs) -> None:
        jobs.add("CloseBooks")
        with refused("id is 'closeBooks'", "differ by more than capitals"):
            jobs.add("closeBooks")

    def test_schedules(self, jobs: Jobs) -> None:
        job = jobs.add()
        with refused("schedule is 'rate(1 day)'", "a ScheduleExpression"):
            job.add_schedule("Daily", schedule="rate(1 day)")
        with refused("id is 'Role'", "RoleSchedule"):
            job.add_schedule("Role", schedule=self.AT)

    def test_expiration_of_a_bucket_that_is_there_already(self, jobs: Jobs) -> None:
        from aws_cdk import aws_s3 as s3  # noqa: PLC0415

        bucket = s3.Bucket.from_bucket_name(jobs.stack, "Bucket", "results")
        with refused("expiration", "for a new bucket only"):
            jobs.env.add_output_bucket(bucket, expiration=Duration.days(1))

    def test_a_critical_job_is_not_let_go_to_spot(self, jobs: Jobs) -> None:
        role = iam.Role(jobs.stack, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        with refused("only is 'Jobs/Env/StandardQueue'", "the critical queue"):
            jobs.add(critical=True).grant_submit(role, only=jobs.env.standard_queue)

    def test_a_queue_of_another_environment(self, jobs: Jobs) -> None:
        other = LeastPrivilegeBatchEnv(jobs.stack, "Other", network=jobs.network)
        role = iam.Role(jobs.stack, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        with refused("only is 'Jobs/Other/CriticalQueue'", "a queue of the environment"):
            jobs.add().grant_submit(role, only=other.critical_queue)

    def test_shares(self, app: App) -> None:
        jobs = Jobs(app, shares=[Share(identifier="research"), Share(identifier="team*")])
        job = jobs.add()
        role = iam.Role(jobs.stack, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        for share, part in (("sales", "allowed: research, team*"), ("team*", "an identifier of")):
            with refused(f"share is {share!r}", part):
                job.grant_submit(role, share=share)
        with refused("add_schedule: share is None"):
            job.add_schedule("Nightly", schedule=self.AT)

    def test_a_share_where_there_are_none(self, jobs: Jobs) -> None:
        with refused("share is 'research'", "the environment has no shares"):
            jobs.add().add_schedule("Nightly", schedule=self.AT, share="research")

    @pytest.mark.parametrize("size", [1, 10_001, "10"])
    def test_sizes_of_arrays(self, jobs: Jobs, size: Any) -> None:
        with refused(f"array_size is {size!r}", "2 to 10000"):
            jobs.add().add_schedule("Nightly", schedule=self.AT, array_size=size)

    def test_states(self, jobs: Jobs) -> None:
        job = jobs.add()
        for change in (job.on_state_change, jobs.env.on_state_change):
            for states, got in ((["BROKEN"], "'BROKEN'"), ([], "''"), ("FAILED", "'FAILED'")):
                with refused(f"states is {got}", "SUBMITTED, PENDING"):
                    change("Broken", states=states)
