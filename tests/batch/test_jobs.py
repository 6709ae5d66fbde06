"""What each kind of job promises: its container, its roles, its outputs, who may submit and end it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Size, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_efs as efs
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm

from secure_containers import (
    Ec2,
    EcrImage,
    FileMount,
    LeastPrivilegeBatchEnv,
    PrivateNetwork,
    Retries,
    SecretField,
    SecureEcrRepository,
    SecureParameter,
    Share,
    Waiver,
)
from tests.batch.conftest import Jobs
from tests.support import ACCOUNT, DIGEST, concrete, of_type, open_ids, synthesized

REASON = "a study of ours that nobody relies on, and that is gone next week"


def statements(jobs: Jobs, role: str) -> list[dict[str, Any]]:
    """What the policies of a role say, by the start of its logical id."""
    return [
        concrete(statement)
        for policy in jobs.all("AWS::IAM::Policy").values()
        if any(each["Ref"].startswith(role) for each in policy["Roles"])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def actions(jobs: Jobs, role: str) -> set[str]:
    return {action for each in statements(jobs, role) for action in several(each["Action"])}


def several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


class TestContainer:
    def test_unasked(self, jobs: Jobs) -> None:
        container = jobs.container()
        assert container["User"] == "65532:65532"
        assert container["ReadonlyRootFilesystem"] is True
        assert "Privileged" not in container  # Fargate takes none
        assert concrete(container["Image"]).endswith(f"@{DIGEST}")
        assert container["LinuxParameters"] == {"InitProcessEnabled": True}
        assert container["FargatePlatformConfiguration"] == {"PlatformVersion": "LATEST"}
        assert {each["Type"]: each["Value"] for each in container["ResourceRequirements"]} == {
            "VCPU": "1",
            "MEMORY": "2048",
        }
        definition = jobs.only("AWS::Batch::JobDefinition")
        assert definition["Timeout"] == {"AttemptDurationSeconds": 3600}
        assert definition["PropagateTags"] is True
        assert definition["PlatformCapabilities"] == ["FARGATE"]
        assert open_ids(jobs.app) == set()

    def test_everything_asked_for(self, jobs: Jobs) -> None:
        container = jobs.container(
            command=["render", "Ref::scene"],
            parameters={"scene": "all"},
            vcpus=0.25,
            memory=Size.mebibytes(512),
            environment={"LEVEL": "info"},
            user="render:render",
            scratch=["/scratch", "/var/cache"],
            ephemeral_storage=Size.gibibytes(50),
        )
        assert container["Command"] == ["render", "Ref::scene"]
        assert container["Environment"] == [{"Name": "LEVEL", "Value": "info"}]
        assert container["EphemeralStorage"] == {"SizeInGiB": 50}
        assert container["Volumes"] == [{"Name": "scratch0"}, {"Name": "scratch1"}]
        assert [each["ContainerPath"] for each in container["MountPoints"]] == ["/scratch", "/var/cache"]
        assert container["User"] == "render:render"
        assert jobs.only("AWS::Batch::JobDefinition")["Parameters"] == {"scene": "all"}
        assert open_ids(jobs.app) == set()

    @pytest.mark.parametrize(("vcpus", "memory"), [(0.25, 512), (0.5, 1024), (4, 8192), (16, 32768), (32, 61440)])
    def test_memory_that_is_left_out_goes_with_the_vcpus(self, jobs: Jobs, vcpus: float, memory: int) -> None:
        requirements = jobs.container(vcpus=vcpus)["ResourceRequirements"]
        assert {"Type": "MEMORY", "Value": str(memory)} in requirements

    def test_logs_go_to_a_group_of_the_jobs_own(self, jobs: Jobs) -> None:
        options = jobs.container()["LogConfiguration"]["Options"]
        group = of_type(jobs.template, "AWS::Logs::LogGroup")[options["awslogs-group"]["Ref"]]
        assert group["Properties"]["RetentionInDays"] == 365
        assert group["Properties"]["KmsKeyId"]["Fn::GetAtt"][0].startswith("EnvKey")
        assert group["DeletionPolicy"] == "RetainExceptOnCreate"
        assert options["awslogs-stream-prefix"] == "Render"

    def test_environments_of_networks_reach_jobs(self, app: App) -> None:
        stack = Stack(app, "Fips", env=Environment(account=ACCOUNT, region="us-gov-west-1"))
        env = LeastPrivilegeBatchEnv(stack, "Env", network=PrivateNetwork(stack, "Network", fips=True))
        env.add_job("Render", image=SecureEcrRepository(stack, "Images").image(digest=DIGEST))
        (definition,) = of_type(synthesized(app)["Fips"], "AWS::Batch::JobDefinition").values()
        variables = definition["Properties"]["ContainerProperties"]["Environment"]
        assert {"Name": "AWS_USE_FIPS_ENDPOINT", "Value": "true"} in variables


class TestRetries:
    def rules(self, jobs: Jobs) -> list[dict[str, str]]:
        found: list[dict[str, str]] = jobs.only("AWS::Batch::JobDefinition")["RetryStrategy"]["EvaluateOnExit"]
        return found

    def test_reclaims_are_tried_again_and_failures_are_not(self, jobs: Jobs) -> None:
        jobs.add()
        assert self.rules(jobs) == [
            {"Action": "RETRY", "OnStatusReason": "Your Spot Task was interrupted*"},
            {"Action": "RETRY", "OnReason": "CannotPullContainerError*"},
            {"Action": "EXIT", "OnReason": "*"},
        ]

    def test_reclaims_of_instances_are_told_otherwise(self, app: App) -> None:
        jobs = Jobs(app, platform=Ec2())
        jobs.add()
        assert self.rules(jobs)[0] == {"Action": "RETRY", "OnStatusReason": "Host EC2*"}

    def test_a_program_may_ask_to_be_tried_again(self, jobs: Jobs) -> None:
        jobs.add(retries=Retries(attempts=5, exit_codes=[75, "14*"]))
        assert jobs.only("AWS::Batch::JobDefinition")["RetryStrategy"]["Attempts"] == 5
        asked = [each["OnExitCode"] for each in self.rules(jobs) if "OnExitCode" in each]
        assert asked == ["75", "14*"]
        assert self.rules(jobs)[-1]["Action"] == "EXIT"
        assert len(self.rules(jobs)) <= 5


class TestRoles:
    def test_a_job_may_do_nothing_until_it_is_granted(self, jobs: Jobs) -> None:
        jobs.add()
        assert statements(jobs, "EnvRenderRole") == []

    def test_each_job_has_roles_of_its_own(self, jobs: Jobs) -> None:
        jobs.add("One")
        jobs.add("Two")
        named = [
            concrete(each["ContainerProperties"][role])
            for each in jobs.all("AWS::Batch::JobDefinition").values()
            for role in ("JobRoleArn", "ExecutionRoleArn")
        ]
        assert len(set(named)) == 4

    def test_roles_are_taken_for_tasks_of_this_account_only(self, jobs: Jobs) -> None:
        jobs.add()
        found = {id: each for id, each in jobs.all("AWS::IAM::Role").items() if id.startswith("EnvRender")}
        assert len(found) == 2
        for role in found.values():
            (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
            assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
            assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
            assert concrete(statement["Condition"]["ArnLike"]["aws:SourceArn"]) == (
                "arn:aws:ecs:eu-central-1:111122223333:*"
            )

    def test_grants_of_other_constructs_work_on_a_job(self, jobs: Jobs) -> None:
        table = dynamodb.Table(
            jobs.stack,
            "Table",
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            removal_policy=RemovalPolicy.RETAIN,
        )
        job = jobs.add(services=["dynamodb"])
        table.grant_read_data(job)
        assert "dynamodb:GetItem" in actions(jobs, "EnvRenderRole")
        assert "dynamodb:PutItem" not in actions(jobs, "EnvRenderRole")

    def test_connections_of_other_constructs_work_on_the_environment(self, jobs: Jobs) -> None:
        other = jobs.network.add_security_group("Database", description="a database")
        other.connections.allow_from(jobs.env, ec2.Port.tcp(5432), "jobs")
        ingress = [each for each in jobs.all("AWS::EC2::SecurityGroupIngress").values() if each["FromPort"] == 5432]
        assert len(ingress) == 1

    def test_images_of_other_repositories(self, jobs: Jobs) -> None:
        imported = ecr.Repository.from_repository_arn(
            jobs.stack, "Imported", "arn:aws:ecr:eu-central-1:444455556666:repository/tools"
        )
        jobs.add(image=EcrImage.from_repository(imported, digest=DIGEST))
        pulls = [each for each in statements(jobs, "EnvRenderExecutionRole") if "ecr:BatchGetImage" in each["Action"]]
        assert [each["Resource"] for each in pulls] == ["arn:aws:ecr:eu-central-1:444455556666:repository/tools"]


class TestSecrets:
    def test_they_are_read_by_the_execution_role_when_the_job_starts(self, jobs: Jobs) -> None:
        secret = secretsmanager.Secret(jobs.stack, "Secret")
        parameter = ssm.StringParameter(jobs.stack, "Level", string_value="info")
        container = jobs.container(
            secrets={"PASSWORD": secret, "USER_NAME": SecretField(secret=secret, field="user"), "LEVEL": parameter}
        )
        found = {each["Name"]: concrete(each["ValueFrom"]) for each in container["Secrets"]}
        assert found["USER_NAME"] == f"{found['PASSWORD']}:user::"
        assert found["LEVEL"].endswith(":parameter/" + next(iter(jobs.all("AWS::SSM::Parameter"))))
        assert {"secretsmanager:GetSecretValue", "ssm:GetParameters"} <= actions(jobs, "EnvRenderExecutionRole")
        assert statements(jobs, "EnvRenderRole") == []
        assert {"NetworkSecretsmanager", "NetworkSsm"} <= {
            id.rstrip("0123456789ABCDEF") for id in jobs.all("AWS::EC2::VPCEndpoint")
        }
        assert open_ids(jobs.app) == set()

    def test_their_keys_are_used_by_their_service_only(self, jobs: Jobs) -> None:
        secret = secretsmanager.Secret(jobs.stack, "Secret", encryption_key=jobs.env.encryption_key)
        jobs.add(secrets={"PASSWORD": secret})
        (decrypt,) = (each for each in statements(jobs, "EnvRenderExecutionRole") if each["Action"] == "kms:Decrypt")
        assert decrypt["Condition"] == {"StringEquals": {"kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com"}}

    def test_secrets_that_are_imported_by_name(self, jobs: Jobs) -> None:
        secret = secretsmanager.Secret.from_secret_name_v2(jobs.stack, "Secret", "payments/database")
        jobs.add(secrets={"PASSWORD": secret})
        (read,) = (
            each for each in statements(jobs, "EnvRenderExecutionRole") if "secretsmanager" in str(each["Action"])
        )
        assert read["Resource"].endswith(":secret:payments/database-??????")
        (named,) = jobs.only("AWS::Batch::JobDefinition")["ContainerProperties"]["Secrets"]
        assert concrete(named["ValueFrom"]).endswith(":secret:payments/database")

    def test_the_key_of_a_parameter_is_named_by_whoever_imports_it(self, jobs: Jobs) -> None:
        parameter = ssm.StringParameter.from_secure_string_parameter_attributes(
            jobs.stack, "Parameter", parameter_name="/payments/token"
        )
        jobs.add(secrets={"TOKEN": SecureParameter(parameter=parameter, encryption_key=jobs.env.encryption_key)})
        (decrypt,) = (each for each in statements(jobs, "EnvRenderExecutionRole") if each["Action"] == "kms:Decrypt")
        assert decrypt["Condition"] == {"StringEquals": {"kms:ViaService": "ssm.eu-central-1.amazonaws.com"}}


class TestOutputs:
    def test_the_bucket_is_encrypted_private_versioned_and_logged(self, jobs: Jobs) -> None:
        jobs.env.add_output_bucket(expiration=Duration.days(400))
        (bucket,) = (each for id, each in jobs.all("AWS::S3::Bucket").items() if id.startswith("EnvOutputs"))
        (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert "LoggingConfiguration" in bucket
        (rule,) = bucket["LifecycleConfiguration"]["Rules"]
        assert rule["ExpirationInDays"] == 400
        assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
        template = jobs.template
        for type_ in ("AWS::S3::Bucket", "AWS::S3::BucketPolicy"):  # what protects the data stays with it
            assert {each["DeletionPolicy"] for each in of_type(template, type_).values()} == {"RetainExceptOnCreate"}
        assert open_ids(jobs.app) == set()

    def test_each_job_writes_below_its_own_prefix_only(self, jobs: Jobs) -> None:
        bucket = jobs.env.add_output_bucket()
        jobs.add("One")
        jobs.add("Two")
        template = jobs.template
        for name in ("One", "Two"):
            (write,) = (each for each in statements(jobs, f"Env{name}Role") if "s3:PutObject" in each["Action"])
            assert write["Resource"].endswith(f"/Env/{name}/*")
            assert set(write["Action"]) == {"s3:AbortMultipartUpload", "s3:PutObject"}
        (definition,) = (each for id, each in of_type(template, "AWS::Batch::JobDefinition").items() if "One" in id)
        variables = {
            each["Name"]: each["Value"] for each in definition["Properties"]["ContainerProperties"]["Environment"]
        }
        assert variables["OUTPUT_PREFIX"] == "Env/One/"
        assert variables["OUTPUT_BUCKET"] == jobs.stack.resolve(bucket.bucket_name)

    def test_a_bucket_that_is_there_already(self, jobs: Jobs) -> None:
        bucket = s3.Bucket.from_bucket_name(jobs.stack, "Bucket", "results")
        assert jobs.env.add_output_bucket(bucket, prefix="sims") is bucket
        jobs.add()
        (write,) = statements(jobs, "EnvRenderRole")
        assert write["Resource"] == "arn:aws:s3:::results/sims/Render/*"
        assert not [id for id in jobs.all("AWS::S3::Bucket") if id.startswith("Env")]


class TestFileMounts:
    @pytest.fixture
    def point(self, jobs: Jobs) -> efs.AccessPoint:
        system = efs.FileSystem(
            jobs.stack, "Files", vpc=jobs.network.vpc, vpc_subnets=jobs.network.subnets, encrypted=True
        )
        user = efs.PosixUser(uid="65532", gid="65532")
        return system.add_access_point("Point", path="/jobs", posix_user=user)

    def test_over_tls_with_the_jobs_role_by_its_access_point(self, jobs: Jobs, point: efs.AccessPoint) -> None:
        container = jobs.container(file_mounts=[FileMount(access_point=point, path="/data", read_only=True)])
        (volume,) = container["Volumes"]
        configuration = volume["EfsVolumeConfiguration"]
        assert configuration["TransitEncryption"] == "ENABLED"
        assert configuration["AuthorizationConfig"]["Iam"] == "ENABLED"
        assert configuration["AuthorizationConfig"]["AccessPointId"]["Ref"].startswith("FilesPoint")
        assert container["MountPoints"] == [{"SourceVolume": "files0", "ContainerPath": "/data", "ReadOnly": True}]
        (mount,) = statements(jobs, "EnvRenderRole")
        assert mount["Action"] == "elasticfilesystem:ClientMount"
        assert list(mount["Condition"]["StringEquals"]) == ["elasticfilesystem:AccessPointArn"]

    def test_writing_is_another_permission(self, jobs: Jobs, point: efs.AccessPoint) -> None:
        jobs.add(file_mounts=[FileMount(access_point=point, path="/data")])
        assert actions(jobs, "EnvRenderRole") == {"elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"}

    def test_the_way_to_it_is_opened_on_both_sides(self, jobs: Jobs, point: efs.AccessPoint) -> None:
        jobs.add(file_mounts=[FileMount(access_point=point, path="/data")])
        for type_ in ("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"):
            assert [each["ToPort"] for each in jobs.all(type_).values()].count(2049) == 1
        assert not {id for id in open_ids(jobs.app) if id.startswith(("SC-NET-01", "SC-NET-02"))}


class TestGrants:
    @pytest.fixture
    def role(self, jobs: Jobs) -> iam.Role:
        return iam.Role(jobs.stack, "Caller", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))

    def test_submit_is_for_one_definition_and_its_queue(self, jobs: Jobs, role: iam.Role) -> None:
        jobs.add(critical=True).grant_submit(role)
        submit, _ = statements(jobs, "Caller")
        assert submit["Action"] == "batch:SubmitJob"
        assert len(submit["Resource"]) == 3
        assert any(str(each).startswith("EnvCriticalQueue") for each in submit["Resource"])
        assert not any("Standard" in str(each) for each in submit["Resource"])

    def test_a_job_may_be_hurried_by_the_critical_queue(self, jobs: Jobs, role: iam.Role) -> None:
        jobs.add().grant_submit(role, only=jobs.env.critical_queue)
        submit, _ = statements(jobs, "Caller")
        assert [each for each in map(str, submit["Resource"]) if "Queue" in each] == [
            each for each in map(str, submit["Resource"]) if each.startswith("EnvCriticalQueue")
        ]

    def test_submit_for_one_share(self, app: App) -> None:
        jobs = Jobs(app, shares=[Share(identifier="research"), Share(identifier="team*")])
        role = iam.Role(jobs.stack, "Caller", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        jobs.add().grant_submit(role, share="teamblue")
        submit, _ = statements(jobs, "Caller")
        assert submit["Condition"] == {"StringEquals": {"batch:ShareIdentifier": "teamblue"}}

    def test_whoever_submits_may_tag_new_jobs_with_their_kind_and_nothing_else(
        self, jobs: Jobs, role: iam.Role
    ) -> None:
        job = jobs.add()
        job.grant_submit(role)
        _, tag = statements(jobs, "Caller")
        assert tag["Action"] == "batch:TagResource"
        (kind,) = job.tags.values()
        assert tag["Condition"] == {
            "StringEquals": {"aws:RequestTag/batch-job-kind": kind},
            "ForAllValues:StringEquals": {"aws:TagKeys": ["batch-job-kind"]},
            "Null": {"aws:ResourceTag/batch-job-kind": "true"},
        }

    def test_a_role_of_another_stack_imports_nothing_that_an_update_changes(self, jobs: Jobs) -> None:
        """CloudFormation refuses an update that changes what another stack imports, and the ARN has the revision."""
        other = Stack(jobs.app, "Other")
        caller = iam.Role(other, "Caller", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        job = jobs.add()
        job.grant_submit(caller)
        exported = [each["Value"] for each in jobs.template["Outputs"].values()]
        assert exported == [{"Ref": "EnvStandardQueue8642B00B"}]
        assert jobs.only("AWS::Batch::JobDefinition")["JobDefinitionName"] == job.job_definition_name
        assert open_ids(jobs.app) == set()

    def test_terminate_reaches_jobs_of_the_kind_only(self, jobs: Jobs, role: iam.Role) -> None:
        job = jobs.add()
        job.grant_terminate(role)
        (stop,) = statements(jobs, "Caller")
        assert set(stop["Action"]) == {"batch:CancelJob", "batch:TerminateJob"}
        (kind,) = job.tags.values()
        assert stop["Condition"] == {"StringEquals": {"aws:ResourceTag/batch-job-kind": kind}}

    def test_describe_has_no_resource_level_and_says_so(self, jobs: Jobs, role: iam.Role) -> None:
        jobs.add("One").grant_describe(role)
        jobs.add("Two").grant_describe(role)
        (look,) = statements(jobs, "Caller")
        assert set(look["Action"]) == {"batch:DescribeJobs", "batch:ListJobs"}

    def test_grants_for_several_kinds_stand_beside_each_other(self, jobs: Jobs, role: iam.Role) -> None:
        for name in ("One", "Two"):
            job = jobs.add(name)
            job.grant_submit(role)
            job.grant_submit(role)
            job.grant_terminate(role)
        assert len(statements(jobs, "Caller")) == 6
        assert {id for id in open_ids(jobs.app) if id.startswith("SC-IAM")} == set()

    def test_imported_roles_are_granted_too(self, jobs: Jobs) -> None:
        role = iam.Role.from_role_name(jobs.stack, "Imported", "caller")
        jobs.add().grant_submit(role)
        (policy,) = (each for each in jobs.all("AWS::IAM::Policy").values() if each["Roles"] == ["caller"])
        assert len(policy["PolicyDocument"]["Statement"]) == 2
        assert open_ids(jobs.app) == set()


class TestSchedules:
    AT = scheduler.ScheduleExpression.cron(hour="2", minute="0")

    def test_jobs_are_submitted_with_their_tags(self, jobs: Jobs) -> None:
        job = jobs.add()
        job.add_schedule("Nightly", schedule=self.AT, array_size=100, parameters={"scene": "1"})
        schedule = jobs.only("AWS::Scheduler::Schedule")
        text = "".join(part if isinstance(part, str) else "?" for part in schedule["Target"]["Input"]["Fn::Join"][1])
        submitted = json.loads(text)
        assert submitted["JobName"] == "Render-Nightly"
        assert submitted["ArrayProperties"] == {"Size": 100}
        assert submitted["Parameters"] == {"scene": "1"}
        assert submitted["Tags"] == dict(job.tags)
        assert concrete(schedule["Target"]["Arn"]) == "arn:aws:scheduler:::aws-sdk:batch:submitJob"
        assert schedule["ScheduleExpression"] == "cron(0 2 * * ? *)"
        assert "DeadLetterConfig" in schedule["Target"]
        assert open_ids(jobs.app) == set()

    def test_one_role_submits_for_all_schedules_of_a_job(self, jobs: Jobs) -> None:
        job = jobs.add()
        for id in ("Nightly", "Weekly"):
            job.add_schedule(id, schedule=self.AT)
        assert len([id for id in jobs.all("AWS::IAM::Role") if "SchedulerRole" in id]) == 1
        assert actions(jobs, "EnvRenderSchedulerRole") == {"batch:SubmitJob", "batch:TagResource", "sqs:SendMessage"}
        (role,) = (each for id, each in jobs.all("AWS::IAM::Role").items() if "SchedulerRole" in id)
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert set(statement["Condition"]["StringEquals"]) == {"aws:SourceAccount", "aws:SourceArn"}

    def test_a_share_is_named(self, app: App) -> None:
        jobs = Jobs(app, shares=[Share(identifier="research")])
        jobs.add().add_schedule("Nightly", schedule=self.AT, share="research")
        assert '"ShareIdentifier":"research"' in json.dumps(
            jobs.only("AWS::Scheduler::Schedule")["Target"]["Input"]
        ).replace("\\", "")


class TestOtherStacks:
    def test_a_job_stands_in_another_stack_than_its_environment(self, jobs: Jobs) -> None:
        jobs.env.add_output_bucket()
        other = Stack(jobs.app, "Other")
        secret = secretsmanager.Secret(other, "Secret")
        job = jobs.add(scope=other, secrets={"PASSWORD": secret}, error_patterns={"DiskFull": '"No space left"'})
        job.add_schedule("Nightly", schedule=TestSchedules.AT)
        templates = synthesized(jobs.app)
        assert of_type(templates["Other"], "AWS::Batch::JobDefinition")
        assert of_type(templates["Other"], "AWS::CloudWatch::Alarm")
        assert not of_type(templates["Jobs"], "AWS::Batch::JobDefinition")
        assert open_ids(jobs.app) == set()

    def test_stacks_do_not_refer_to_each_other_in_circles(self, jobs: Jobs) -> None:
        other = Stack(jobs.app, "Other")
        jobs.add(scope=other)
        jobs.app.synth()
        assert [each.stack_name for each in jobs.stack.dependencies] == []


class TestWaivers:
    @pytest.mark.parametrize(
        ("rule", "arguments", "place", "value"),
        [
            ("SC-BAT-04", {}, ("ContainerProperties", "ReadonlyRootFilesystem"), False),
            ("SC-BAT-03", {"user": "root"}, ("ContainerProperties", "User"), "root"),
            ("SC-BAT-06", {"timeout": None}, ("Timeout",), None),
            ("SC-BAT-07", {"retries": None}, ("RetryStrategy",), None),
        ],
    )
    def test_they_turn_off_what_they_name(
        self, jobs: Jobs, rule: str, arguments: dict[str, Any], place: tuple[str, ...], value: object
    ) -> None:
        jobs.add(waivers=[Waiver(rule, reason=REASON)], **arguments)
        found: Any = jobs.only("AWS::Batch::JobDefinition")
        for key in place:
            found = found.get(key)
        assert found == value
        assert open_ids(jobs.app) == set()


class TestEvents:
    def test_state_changes_of_one_kind_reach_a_target(self, jobs: Jobs) -> None:
        queue = sqs.Queue(jobs.stack, "Queue", enforce_ssl=True)
        jobs.add().on_state_change("Failures", states=["FAILED", "SUCCEEDED"], target=targets.SqsQueue(queue))
        (rule,) = (each for id, each in jobs.all("AWS::Events::Rule").items() if id.startswith("EnvRenderFailures"))
        assert rule["EventPattern"]["source"] == ["aws.batch"]
        assert rule["EventPattern"]["detail"]["status"] == ["FAILED", "SUCCEEDED"]
        assert list(rule["EventPattern"]["detail"]["jobDefinition"][0]) == ["wildcard"]

    def test_state_changes_of_all_jobs_reach_a_target(self, jobs: Jobs) -> None:
        queue = sqs.Queue(jobs.stack, "Queue", enforce_ssl=True)
        jobs.env.on_state_change("Failures", target=targets.SqsQueue(queue))
        (rule,) = (each for id, each in jobs.all("AWS::Events::Rule").items() if id.startswith("EnvFailures"))
        assert "jobDefinition" not in rule["EventPattern"]["detail"]
        assert len(rule["EventPattern"]["detail"]["jobQueue"]) == 2
