"""What containers of tasks have: room to write, time to stop and to start, and what runs beside them on hosts."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Duration, Size
from aws_cdk import aws_scheduler as scheduler

from secure_containers import (
    HealthCheck,
    Scaling,
    Scratch,
    SecureEcsCluster,
    SecureFargateTask,
    SecureFargateWorker,
    Waiver,
)
from tests.services.conftest import GOVCLOUD, REASON, Web
from tests.support import open_ids

HEALTHY = ["/app/healthy"]


def container(web: Web, start: str = "Orders") -> dict[str, Any]:
    found = web.one("AWS::ECS::TaskDefinition", start)["ContainerDefinitions"]
    return next(each for each in found if each["Name"] == "Main")


def worker(web: Web, **arguments: Any) -> SecureFargateWorker:
    given: dict[str, Any] = {"network": web.network, "image": web.image, "health_command": HEALTHY}
    return SecureFargateWorker(web.stack, "Reader", **(given | arguments))


def report(web: Web, **arguments: Any) -> SecureFargateTask:
    return SecureFargateTask(web.stack, "Report", network=web.network, image=web.image, **arguments)


class TestScratch:
    def test_in_memory_as_large_as_it_is_told(self, web: Web) -> None:
        web.fargate(scratch=["/scratch", Scratch("/cache", size=Size.mebibytes(256))])
        options = ["rw", "nosuid", "nodev", "noexec"]
        assert container(web)["LinuxParameters"]["Tmpfs"] == [
            {"ContainerPath": "/scratch", "Size": 64, "MountOptions": options},
            {"ContainerPath": "/cache", "Size": 256, "MountOptions": options},
        ]
        assert open_ids(web.app) == set()

    def test_on_disk_it_is_a_volume_of_the_task(self, web: Web) -> None:
        web.fargate(scratch=[Scratch("/data", on_disk=True)], ephemeral_storage=Size.gibibytes(100))
        definition = web.one("AWS::ECS::TaskDefinition")
        assert definition["EphemeralStorage"] == {"SizeInGiB": 100}
        assert definition["Volumes"] == [{"Name": "MainScratch0"}]
        mounted = [{"ContainerPath": "/data", "ReadOnly": False, "SourceVolume": "MainScratch0"}]
        assert container(web)["MountPoints"] == mounted
        assert "Tmpfs" not in container(web)["LinuxParameters"]
        assert open_ids(web.app) == set()

    @pytest.mark.parametrize(
        ("made", "error"),
        [
            (lambda: Scratch("cache"), "Scratch: path is 'cache'"),
            (lambda: Scratch("/cache", size=Size.bytes(1)), "allowed: 1 MiB at least"),
            (lambda: Scratch("/cache", size=64), "Scratch: size is 64"),
            (lambda: Scratch("/cache", on_disk="yes"), "Scratch: on_disk is 'yes'"),
        ],
    )
    def test_what_is_none(self, made: Any, error: str) -> None:
        with pytest.raises(ValueError, match=error):
            made()

    def test_each_directory_once(self, web: Web) -> None:
        with pytest.raises(ValueError, match="scratch is '/scratch'; allowed: each path once"):
            web.fargate(scratch=["/scratch", Scratch("/scratch")])


class TestTimes:
    def test_to_stop_and_to_start(self, web: Web) -> None:
        web.fargate(stop_timeout=Duration.seconds(90), health_check=HealthCheck(grace=Duration.minutes(5)))
        assert container(web)["StopTimeout"] == 90
        assert web.one("AWS::ECS::Service")["HealthCheckGracePeriodSeconds"] == 300

    def test_left_out(self, plain: Web) -> None:
        assert "StopTimeout" not in container(plain)
        assert plain.one("AWS::ECS::Service")["HealthCheckGracePeriodSeconds"] == 60

    def test_fargate_waits_two_minutes_at_most(self, web: Web) -> None:
        with pytest.raises(ValueError, match="stop_timeout is '180 seconds'; allowed: 120 seconds at most"):
            web.fargate(stop_timeout=Duration.minutes(3))

    def test_nobody_minds_for_an_hour_at_most(self) -> None:
        with pytest.raises(ValueError, match="grace is '7200 seconds'; allowed: an hour at most"):
            HealthCheck(grace=Duration.hours(2))


class TestRouter:
    def test_credentials_do_not_stand_in_its_options(self, web: Web) -> None:
        task = web.fargate().task
        options = {"Name": "datadog", "apikey": "0123456789abcdef0123456789abcdef"}
        with pytest.raises(ValueError, match=r"log_router\['apikey'\].*no credentials"):
            task.add_sidecar("Router", image=web.image, log_router=options)

    def test_it_has_a_user_of_its_own(self, web: Web) -> None:
        task = web.fargate().task
        with pytest.raises(ValueError, match=r"user is '65532:65532'.*a user that no other container has"):
            task.add_sidecar("Router", image=web.image, user="65532:65532", log_router={"Name": "null"})
        task.add_sidecar("Router", image=web.image, log_router={"Name": "null"})
        users = {each["Name"]: each["User"] for each in web.one("AWS::ECS::TaskDefinition")["ContainerDefinitions"]}
        assert users == {"Main": "65532:65532", "Router": "24224:24224"}


class TestHosts:
    @pytest.fixture
    def on_hosts(self, web: Web) -> dict[str, Any]:
        cluster = SecureEcsCluster(web.stack, "Shared", network=web.network)
        return {"cluster": cluster, "capacity": cluster.add_capacity("Hosts")}

    def test_the_same_task_runs_there(self, web: Web, on_hosts: dict[str, Any]) -> None:
        worker(web, **on_hosts)
        found = web.one("AWS::ECS::Service", "Reader")
        assert "LaunchType" not in found
        assert "PlatformVersion" not in found
        assert [each["Weight"] for each in found["CapacityProviderStrategy"]] == [1]
        main = container(web, "Reader")
        assert (main["Privileged"], main["DockerSecurityOptions"]) == (False, ["no-new-privileges"])
        assert (main["ReadonlyRootFilesystem"], main["User"]) == (True, "65532:65532")
        assert main["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
        assert open_ids(web.app) == set()

    def test_without_storage_and_file_systems_of_fargate(self, web: Web, on_hosts: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="ephemeral_storage is '50 GiB'; allowed: on Fargate only"):
            worker(web, ephemeral_storage=Size.gibibytes(50), **on_hosts)
        assert web.stack.node.try_find_child("Reader") is None

    def test_of_another_cluster_they_are_refused(self, web: Web, on_hosts: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"capacity is .*instances of the service's own cluster"):
            worker(web, capacity=on_hosts["capacity"])


class TestWorker:
    def test_nothing_reaches_it(self, web: Web) -> None:
        worker(web)
        found = web.one("AWS::ECS::Service", "Reader")
        assert "LoadBalancers" not in found
        assert "HealthCheckGracePeriodSeconds" not in found
        assert "PortMappings" not in container(web, "Reader")
        assert container(web, "Reader")["HealthCheck"]["Command"] == ["CMD", *HEALTHY]
        group = web.one("AWS::EC2::SecurityGroup", "ReaderTask")
        assert "SecurityGroupIngress" not in group
        assert not [each for each in web.all("AWS::EC2::SecurityGroupIngress") if each.startswith("ReaderTask")]
        assert open_ids(web.app) == set()

    def test_somebody_has_to_judge_it(self, web: Web) -> None:
        with pytest.raises(ValueError, match=r'health_command is None.*Waiver\("SC-ECS-09"'):
            worker(web, health_command=None)
        assert web.stack.node.try_find_child("Reader") is None
        worker(web, health_command=None, waivers=[Waiver("SC-ECS-09", reason=REASON)])
        assert open_ids(web.app) == set()

    def test_nobody_sends_it_requests(self, web: Web) -> None:
        with pytest.raises(ValueError, match="nobody sends a worker requests"):
            worker(web, scaling=Scaling(requests_per_target=100))

    def test_in_govcloud(self, app: App) -> None:
        web = Web(app, env=GOVCLOUD)
        worker(web, scratch=["/scratch"])
        assert open_ids(app) == set()


class TestTask:
    def test_a_schedule_starts_it_with_a_command_of_its_own(self, web: Web) -> None:
        made = report(web, command=["report"])
        every_night = scheduler.ScheduleExpression.cron(hour="2", minute="0")
        made.add_schedule("EveryNight", schedule=every_night, command=["report", "--all"])
        target = web.one("AWS::Scheduler::Schedule")["Target"]
        assert target["Input"] == '{"containerOverrides":[{"name":"Main","command":["report","--all"]}]}'
        assert target["EcsParameters"]["LaunchType"] == "FARGATE"
        assert target["EcsParameters"]["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"
        assert not {"PropagateTags", "EnableECSManagedTags"} & set(target["EcsParameters"])
        assert open_ids(web.app) == set()

    def test_people_hear_of_its_own_program_alone(self, web: Web) -> None:
        """GuardDuty's agent and other sidecars end with codes of their own."""
        report(web).add_schedule("Now", schedule=scheduler.ScheduleExpression.cron(hour="2", minute="0"))
        patterns = [each["EventPattern"]["detail"] for each in web.all("AWS::Events::Rule", "Report").values()]
        assert {"name": ["Main"], "exitCode": [{"anything-but": [0]}]} in [each.get("containers") for each in patterns]
        assert ["TaskFailedToStart"] in [each.get("stopCode") for each in patterns]

    def test_it_has_no_metrics_of_a_service(self, web: Web) -> None:
        assert not hasattr(report(web), "metric_cpu")

    def test_two_have_families_of_their_own(self, web: Web) -> None:
        report(web)
        SecureFargateTask(web.stack, "Other", network=web.network, image=web.image)
        found = web.all("AWS::ECS::TaskDefinition").values()
        assert len({each["Family"] for each in found}) == 2
