"""What updates, other stacks and other places do to services."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, Size, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_efs as efs
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_servicediscovery as servicediscovery
from aws_cdk import aws_signer as signer
from aws_cdk import aws_sns as sns
from constructs import Construct

from secure_containers import (
    Deployment,
    Discovery,
    Domain,
    EcrImage,
    FileMount,
    HostCapacity,
    PrivateAppRunnerService,
    PrivateExpressService,
    Scratch,
    SecureEcsCluster,
    SecureFargateService,
    SecureFargateTask,
    SecureFargateWorker,
    ServiceLimits,
    TrustedSigners,
)
from tests.services.conftest import GOVCLOUD, HERE, HOST, Web, certificate_in
from tests.support import ACCOUNT, DIGEST, REGION, new_app, of_type, open_ids, synthesized

OTHERS = "444455556666"
INGRESS = "AWS::EC2::SecurityGroupIngress"
CLASSES = (
    SecureFargateService,
    PrivateExpressService,
    PrivateAppRunnerService,
    SecureFargateWorker,
    SecureFargateTask,
)


def refused(*parts: str) -> Any:
    return pytest.raises(ValueError, match="(?s)" + ".*".join(map(re.escape, parts)))


@pytest.fixture
def here(app: App) -> Web:
    return Web(app, env=HERE)


def profile_in(stack: Stack, platform: signer.Platform = signer.Platform.NOTATION_OCI_SHA384_ECDSA) -> Any:
    return signer.SigningProfile(stack, "Profile", platform=platform)


class TestWhatIsOff:
    """For Amazon ECS and load balancers what an update leaves out stays as it was: what is off is said."""

    def test_nothing_is_left_to_what_was_before(self, web: Web) -> None:
        web.fargate()
        service = web.one("AWS::ECS::Service")
        assert service["DeploymentConfiguration"]["LifecycleHooks"] == []
        assert service["ServiceRegistries"] == []
        assert service["EnableExecuteCommand"] is False

    def test_what_is_on_is_what_was_asked_for(self, web: Web) -> None:
        names = servicediscovery.PrivateDnsNamespace(web.stack, "Names", name="internal", vpc=web.network.vpc)
        web.fargate(
            trusted_signers=TrustedSigners(profiles=[profile_in(web.stack)]),
            target_tls=True,
            discovery=Discovery(namespace=names, name="orders"),
        )
        service = web.one("AWS::ECS::Service")
        assert len(service["DeploymentConfiguration"]["LifecycleHooks"]) == 1
        assert len(service["ServiceRegistries"]) == 1

    def test_hosts_and_fargate_are_two_services(self, web: Web) -> None:
        """CloudFormation does not say whether the one can become the other in place."""
        cluster = SecureEcsCluster(web.stack, "Cluster", network=web.network)
        web.fargate(cluster=cluster)
        hosts = cluster.add_capacity("Hosts")
        web.fargate("Hosted", cluster=cluster, capacity=hosts)
        ids = [id.removeprefix("Orders").removeprefix("Hosted")[:-8] for id in web.all("AWS::ECS::Service")]
        assert sorted(ids) == ["TaskService", "TaskServiceOnHosts"]


class TestOverStacks:
    def test_a_file_system_of_another_stack(self, web: Web) -> None:
        files = Stack(web.app, "Files")
        system = efs.FileSystem(files, "Files", vpc=web.network.vpc, encrypted=True)
        point = system.add_access_point("Orders", path="/orders", posix_user=efs.PosixUser(uid="1000", gid="1000"))
        worker: dict[str, Any] = {"network": web.network, "image": web.image, "health_command": ["/app/well"]}
        mounts = [FileMount(access_point=point, path="/data")]
        SecureFargateWorker(Stack(web.app, "Run"), "Worker", **worker, file_mounts=mounts)
        rules = [each["Properties"] for each in of_type(synthesized(web.app)["Run"], INGRESS).values()]
        assert [each["ToPort"] for each in rules if "Files" in str(each["GroupId"])] == [2049]
        assert not {id for id in open_ids(web.app) if id.startswith(("SC-NET-01", "SC-NET-02"))}

    def test_the_same_app_twice_in_one_zone(self, tmp_path: Path) -> None:
        identifiers = []
        for name in ("orders-dev", "orders-prod"):
            app = new_app(tmp_path / name)
            web = Web(app, "Test")
            stack = Stack(app, "Orders", stack_name=name)
            zone = route53.PrivateHostedZone(stack, "Zone", zone_name=HOST, vpc=web.network.vpc)
            domain = Domain(name=HOST, certificate=certificate_in(stack), zone=zone, weight=10)
            web.fargate(scope=stack, domain=domain)
            (record,) = [
                each["Properties"]
                for each in synthesized(app)[name]["Resources"].values()
                if each["Type"] == "AWS::Route53::RecordSet"
            ]
            identifiers.append(record["SetIdentifier"])
        assert len(set(identifiers)) == 2

    def test_a_path_with_letters_that_amazon_ec2_refuses(self, web: Web) -> None:
        web.fargate(scope=Construct(web.stack, "Büro's"))
        described = [each["GroupDescription"] for each in web.all("AWS::EC2::SecurityGroup", "B").values()]
        assert sorted(described) == ["Clients of Test/B?ro?s/Orders", "Tasks of Test/B?ro?s/Orders"]


class TestImages:
    def test_a_repository_by_its_attributes_is_where_its_arn_says(self, here: Web) -> None:
        arn = f"arn:aws:ecr:{REGION}:{OTHERS}:repository/team/orders"
        theirs = ecr.Repository.from_repository_attributes(
            here.stack, "Theirs", repository_arn=arn, repository_name="team/orders"
        )
        image = EcrImage.from_repository(theirs, digest=DIGEST)
        assert image.home == (OTHERS, REGION)
        here.fargate(image=image)
        (container,) = here.one("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
        assert f"{OTHERS}.dkr.ecr.{REGION}." in str(container["Image"])

    def test_one_of_another_region(self, here: Web) -> None:
        arn = f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/orders"
        image = EcrImage.from_repository(ecr.Repository.from_repository_arn(here.stack, "Far", arn), digest=DIGEST)
        with refused("Test/Orders: image is 'an image in us-east-1'", f"in {REGION}", "replicate"):
            here.fargate(image=image)


class TestPlaces:
    def test_a_key_a_topic_and_a_cluster_of_elsewhere(self, here: Web) -> None:
        key = kms.Key.from_key_arn(here.stack, "Key", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/0a1b2c3d")
        with refused("encryption_key is 'arn:aws:kms:us-east-1", f"own Region, {REGION}"):
            here.fargate(encryption_key=key)
        topic = sns.Topic.from_topic_arn(here.stack, "Topic", f"arn:aws:sns:us-east-1:{ACCOUNT}:people")
        with refused("topic is 'arn:aws:sns:us-east-1", f"own Region, {REGION}"):
            here.fargate(topic=topic)
        arn = f"arn:aws:ecs:{REGION}:{OTHERS}:cluster/shared"
        cluster = ecs.Cluster.from_cluster_arn(here.stack, "Cluster", arn)
        with refused(f"cluster is '{arn}'", f"own account, {ACCOUNT}"):
            here.fargate(cluster=cluster)

    def test_signatures_outside_the_commercial_regions(self, app: App) -> None:
        web = Web(app, env=GOVCLOUD)
        profile = profile_in(web.stack)
        with refused("trusted_signers is", "trust_anchors in us-gov-west-1", "root.pem"):
            web.fargate(trusted_signers=TrustedSigners(profiles=[profile]))
        anchors = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
        web.fargate(trusted_signers=TrustedSigners(profiles=[profile], trust_anchors=anchors))

    @pytest.mark.parametrize("account", [OTHERS, ACCOUNT])
    def test_who_may_run_a_task(self, here: Web, account: str) -> None:
        task = SecureFargateTask(here.stack, "Report", network=here.network, image=here.image)
        role = iam.Role.from_role_arn(here.stack, "Operator", f"arn:aws:iam::{account}:role/operator")
        if account == ACCOUNT:
            task.grant_run(role)
            assert any(each["Roles"] == ["operator"] for each in here.all("AWS::IAM::Policy").values())
            return
        with refused("Test/Report: grant_run: grantee is 'a principal of 444455556666'", ACCOUNT):
            task.grant_run(role)
        with refused("grantee is", "a role, a user or a group"):
            task.grant_run(here.stack)  # type: ignore[arg-type]
        assert not any("operator" in str(each["Roles"]) for each in here.all("AWS::IAM::Policy").values())


def test_a_task_that_people_run_is_proven_to_reach_what_it_needs(web: Web) -> None:
    SecureFargateTask(web.stack, "Report", network=web.network, image=web.image)
    assert open_ids(web.app) == set()


class TestRefused:
    @pytest.mark.parametrize("deployment", [Deployment.canary(percent=5), Deployment.linear(percent=4)])
    def test_steps_that_no_alarm_notices(self, web: Web, deployment: Deployment) -> None:
        with refused(f"deployment is 'percent={deployment.percent}'", "more than error_percent", "percent=10"):
            web.fargate(deployment=deployment)
        web.fargate(deployment=deployment, limits=ServiceLimits(error_percent=1))

    def test_more_scratch_than_memory(self, web: Web) -> None:
        with refused("scratch is '1024 MiB in memory'", "less than the task's memory, 1024 MiB", "on_disk=True"):
            web.fargate(cpu=0.5, memory=Size.gibibytes(1), scratch=[Scratch("/cache", size=Size.gibibytes(1))])
        cached = Scratch("/cache", size=Size.gibibytes(1), on_disk=True)
        web.fargate(cpu=0.5, memory=Size.gibibytes(1), scratch=[cached, "/run"])

    def test_names_and_certificates_of_elsewhere(self, web: Web) -> None:
        with refused("zone is 'Test/Zone'", "a private zone"):
            web.domain(zone=route53.PublicHostedZone(web.stack, "Zone", zone_name="example.com"))
        certificate: Any = type("Certificate", (), {"certificate_arn": "arn:aws:iam::1:server-certificate/x"})()
        with refused("certificate is 'arn:aws:iam", "AWS Certificate Manager"):
            Domain(name=HOST, certificate=certificate)

    def test_profiles_that_sign_no_images(self, web: Web) -> None:
        profile = profile_in(web.stack, signer.Platform.AWS_LAMBDA_SHA384_ECDSA)
        with refused("profiles is 'AWSLambda-SHA384-ECDSA'", "Notation-OCI-SHA384-ECDSA"):
            TrustedSigners(profiles=[profile])

    def test_more_anchors_than_a_function_takes(self, web: Web) -> None:
        anchors = "-----BEGIN CERTIFICATE-----" + "A" * 3000
        with refused("trust_anchors is '3027 letters'", "3000 letters at most"):
            TrustedSigners(profiles=[profile_in(web.stack)], trust_anchors=anchors)

    @pytest.mark.parametrize(
        "schedule",
        [
            scheduler.ScheduleExpression.expression("0 2 * * *"),
            events.Schedule.expression("rate(1 day)"),
            "rate(1 day)",
        ],
    )
    def test_schedules_that_are_none(self, web: Web, schedule: Any) -> None:
        task = SecureFargateTask(web.stack, "Report", network=web.network, image=web.image)
        with refused("add_schedule: schedule is", "cron(...), rate(...) or at(...)", "ScheduleExpression.cron"):
            task.add_schedule("Nightly", schedule=schedule)

    def test_a_target_of_alarms_that_is_none(self, web: Web) -> None:
        with refused("Test/Orders: add_alarm_target: target is 'ops@example.com'", "a topic"):
            web.fargate().add_alarm_target("ops@example.com")  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("capacity", "arguments", "fits"),
        [
            (HostCapacity(), {"cpu": 2, "memory": Size.gibibytes(7)}, True),
            (HostCapacity(), {"cpu": 2, "memory": Size.gibibytes(8)}, False),
            (HostCapacity(), {"cpu": 4, "memory": Size.gibibytes(4)}, False),
            (HostCapacity(instance_types=["c7i.xlarge", "m7i.xlarge"]), {"cpu": 4, "memory": Size.gibibytes(8)}, False),
            (HostCapacity(instance_types=["m7i.4xlarge"]), {"cpu": 16, "memory": Size.gibibytes(60)}, True),
            # What others have nobody here knows.
            (HostCapacity(instance_types=["t3.micro"]), {"cpu": 16, "memory": Size.gibibytes(60)}, True),
        ],
    )
    def test_tasks_that_no_instance_has_room_for(
        self, web: Web, capacity: HostCapacity, arguments: dict[str, Any], *, fits: bool
    ) -> None:
        cluster = SecureEcsCluster(web.stack, "Cluster", network=web.network)
        given: dict[str, Any] = {"cluster": cluster, "capacity": cluster.add_capacity("Hosts", capacity), **arguments}
        if fits:
            web.fargate(**given)
            return
        with refused("Test/Orders: capacity is", "vCPUs at most and less than", "HostCapacity(instance_types="):
            web.fargate(**given)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Web:
    """For calls that are refused before anything is made."""
    return Web(new_app(tmp_path_factory.mktemp("untouched")))


ARGUMENTS = {each: set(inspect.signature(each.__init__).parameters) for each in CLASSES}


@pytest.mark.parametrize(
    ("class_", "argument"),
    [(each, name) for each in CLASSES for name in sorted(set.union(*ARGUMENTS.values()) - ARGUMENTS[each])],
)
def test_an_argument_that_another_engine_takes(untouched: Web, class_: Any, argument: str) -> None:
    """Whoever changes the class name reads what is to be left out."""
    stack, network = untouched.stack, untouched.network
    with refused(f"Test/Orders: {argument} is 'x'; allowed: nothing", f"{class_.__name__} has no {argument}", "(...)"):
        class_(stack, "Orders", network=network, **{argument: "x"})
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        class_(stack, "Orders", network=network, image=None, colour="blue")
    assert stack.node.try_find_child("Orders") is None


def test_environments_that_are_not_known_refuse_nothing(app: App) -> None:
    web = Web(app, env=Environment())
    arn = f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/orders"
    image = EcrImage.from_repository(ecr.Repository.from_repository_arn(web.stack, "Far", arn), digest=DIGEST)
    web.fargate(image=image)
    assert f"{ACCOUNT}.dkr.ecr.us-east-1." in str(web.one("AWS::ECS::TaskDefinition")["ContainerDefinitions"])


def test_classes_of_users_take_what_they_like(web: Web) -> None:
    class Ours(SecureFargateService):
        """As teams wrap one, with a default of their own."""

        def __init__(self, scope: Construct, id: str, team: str, *, source: str = "", **given: Any) -> None:
            super().__init__(scope, id, **given)
            self.label = f"{team} {source}"

    common: dict[str, Any] = {"network": web.network, "image": web.image, "port": 8080, "domain": web.domain()}
    assert Ours(web.stack, "Orders", "payments", source="git", **common, scratch=["/scratch"]).label == "payments git"
    with refused("Test/Other: existing_customer is True", "Ours has no existing_customer"):
        Ours(scope=web.stack, id="Other", team="payments", **common, existing_customer=True)
