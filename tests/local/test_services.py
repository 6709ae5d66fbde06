"""Services and tasks of ECS run, and so do those of Express Mode and App Runner: behind their ways in, with their roles."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from secure_containers.local.programs import IMAGES
from tests.local.conftest import PROGRAMS, Cloud
from tests.local.test_jobs import arn, output_of, role_with, trusts

STACK = "web"
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/web@sha256:" + "0" * 64
SECONDS = 30
NETWORK = {"AwsvpcConfiguration": {"Subnets": ["subnet-1"], "SecurityGroups": ["sg-1"]}}


def base() -> dict[str, Any]:
    """What services stand on."""
    return {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "web"}},
        "Events": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "web-events"}},
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {"source": ["aws.ecs"], "detail-type": ["ECS Deployment State Change"]},
                "Targets": [{"Id": "logs", "Arn": arn("Events")}],
            },
        },
        "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"SecretString": "known"}},
        "Execution": role_with(
            {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": arn("Logs")},
            {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": {"Ref": "Secret"}},
        ),
        "Role": role_with(),
        "Cluster": {"Type": "AWS::ECS::Cluster"},
        "Balancer": {
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Properties": {"Scheme": "internal", "Subnets": ["subnet-1", "subnet-2"]},
        },
        "Group": {
            "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
            "Properties": {
                "TargetType": "ip",
                "Port": 8080,
                "Protocol": "HTTP",
                "VpcId": {"Ref": "Vpc"},
                "HealthCheckPath": "/health",
            },
        },
        "Listener": {
            "Type": "AWS::ElasticLoadBalancingV2::Listener",
            "Properties": {
                "LoadBalancerArn": {"Ref": "Balancer"},
                "Port": 443,
                "Protocol": "HTTPS",
                "DefaultActions": [{"Type": "forward", "TargetGroupArn": {"Ref": "Group"}}],
            },
        },
    }


def definition(version: str = "1", *command: str, **more: Any) -> dict[str, Any]:
    container = {
        "Name": "Main",
        "Image": IMAGE,
        "Command": list(command),
        "PortMappings": [{"ContainerPort": 8080, "Name": "web"}],
        "Environment": [
            {"Name": "VERSION", "Value": version},
            *({"Name": name, "Value": value} for name, value in more.items()),
        ],
        "Secrets": [{"Name": "SECRET", "ValueFrom": {"Ref": "Secret"}}],
        "LogConfiguration": {
            "LogDriver": "awslogs",
            "Options": {"awslogs-group": {"Ref": "Logs"}, "awslogs-stream-prefix": "web"},
        },
    }
    sidecar = {"Name": "collector", "Image": "public.ecr.aws/nowhere/collector:1", "Essential": False}
    return {
        "Type": "AWS::ECS::TaskDefinition",
        "Properties": {
            "Family": "web",
            "RequiresCompatibilities": ["FARGATE"],
            "NetworkMode": "awsvpc",
            "Cpu": "256",
            "Memory": "512",
            "ExecutionRoleArn": arn("Execution"),
            "TaskRoleArn": arn("Role"),
            "ContainerDefinitions": [container, sidecar],
        },
    }


def service(**more: Any) -> dict[str, Any]:
    deployment = {"DeploymentCircuitBreaker": {"Enable": True, "Rollback": True}, **more}
    return {
        "Type": "AWS::ECS::Service",
        "DependsOn": "Listener",
        "Properties": {
            "Cluster": {"Ref": "Cluster"},
            "TaskDefinition": {"Ref": "Definition"},
            "LaunchType": "FARGATE",
            "DesiredCount": 2,
            "NetworkConfiguration": NETWORK,
            "DeploymentConfiguration": deployment,
            "LoadBalancers": [{"ContainerName": "Main", "ContainerPort": 8080, "TargetGroupArn": {"Ref": "Group"}}],
        },
    }


Deploy = Callable[..., dict[str, str]]


@pytest.fixture(scope="module", autouse=True)
def programs(cloud: Cloud) -> None:
    program = {"command": ["python", str(PROGRAMS / "web.py")]}
    (cloud.directory / IMAGES).write_text(json.dumps({"team/web": program}))


@pytest.fixture(scope="module")
def deploy(cloud: Cloud) -> Iterator[Deploy]:
    now: list[Any] = []

    def deployed(task: Mapping[str, Any], of: Mapping[str, Any], **more: Any) -> dict[str, str]:
        resources = {**base(), "Definition": task, "Service": of, **more}
        if resources not in now:
            names = ("Cluster", "Definition", "Group", "Service")
            told = cloud.deploy(
                STACK,
                resources,
                Host={"Fn::GetAtt": ["Balancer", "DNSName"]},
                Name={"Fn::GetAtt": ["Service", "Name"]},
                **{name: {"Ref": name} for name in names},
            )
            now[:] = [resources, told]
        return dict(now[1])

    yield deployed
    cloud.delete(STACK)


@pytest.fixture
def told(deploy: Deploy) -> dict[str, str]:
    return deploy(definition(), service())


def asked(cloud: Cloud, host: str, path: str = "/") -> tuple[int, dict[str, Any]]:
    """What a host answers, as its clients would ask it."""
    request = urllib.request.Request(cloud.connection.endpoint + path, headers={"Host": f"{host}:443"})  # noqa: S310
    context = ssl.create_default_context(cafile=cloud.connection.ca)
    try:
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:  # noqa: S310 - it is our own
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, {}
    except ValueError:
        return 0, {}  # somebody else has answered


def described(cloud: Cloud, told: Mapping[str, str]) -> dict[str, Any]:
    found = cloud.client("ecs").describe_services(cluster=told["Cluster"], services=[told["Service"]])
    return dict(found["services"][0])


def states(cloud: Cloud, told: Mapping[str, str]) -> list[str]:
    found = cloud.client("elbv2").describe_target_health(TargetGroupArn=told["Group"])["TargetHealthDescriptions"]
    return [each["TargetHealth"]["State"] for each in found]


def wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def tasks(cloud: Cloud, told: Mapping[str, str]) -> list[dict[str, Any]]:
    ecs = cloud.client("ecs")
    arns = ecs.list_tasks(cluster=told["Cluster"], serviceName=told["Name"])["taskArns"]
    return list(ecs.describe_tasks(cluster=told["Cluster"], tasks=arns)["tasks"]) if arns else []


def test_a_service_runs_its_tasks_behind_its_load_balancer(cloud: Cloud, told: dict[str, str]) -> None:
    about = described(cloud, told)
    assert (about["runningCount"], about["deployments"][0]["rolloutState"]) == (2, "COMPLETED")
    assert states(cloud, told) == ["healthy", "healthy"]
    status, said = asked(cloud, told["Host"], "/who?a=b")
    assert (status, said["SECRET"], said["VERSION"], said["path"]) == (200, "known", "1", "/who?a=b")
    status, said = asked(cloud, told["Host"], "/who")
    assert ":assumed-role/web-Role-" in said["who"]
    addresses = {asked(cloud, told["Host"])[1]["HOST"] for _ in range(20)}
    assert len(addresses) == 2
    (first, second) = tasks(cloud, told)
    assert {
        each["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] for each in (first, second)
    } == addresses
    assert (first["lastStatus"], first["group"]) == ("RUNNING", f"service:{told['Name']}")
    main, sidecar = first["containers"]
    assert main["lastStatus"] == "RUNNING"
    assert "no program of this machine stands for public.ecr.aws/nowhere/collector:1" in sidecar["reason"]
    wait(lambda: "asked for /health" in output_of(cloud, "web", f"web/Main/{first['taskArn'].rpartition('/')[2]}"))


def test_a_task_that_ends_is_replaced(cloud: Cloud, told: dict[str, str]) -> None:
    (first, second) = tasks(cloud, told)
    cloud.client("ecs").stop_task(cluster=told["Cluster"], task=first["taskArn"], reason="enough")
    gone = cloud.client("ecs").describe_tasks(cluster=told["Cluster"], tasks=[first["taskArn"]])["tasks"][0]
    assert gone["stoppedReason" if gone["lastStatus"] == "STOPPED" else "desiredStatus"] in ("enough", "STOPPED")
    wait(lambda: states(cloud, told) == ["healthy", "healthy"])
    now = {each["taskArn"] for each in tasks(cloud, told)}
    assert second["taskArn"] in now
    assert first["taskArn"] not in now


def test_an_update_never_leaves_nobody_to_answer(cloud: Cloud, told: dict[str, str], deploy: Deploy) -> None:
    ecs = cloud.client("ecs")
    new = ecs.describe_task_definition(taskDefinition=told["Definition"])["taskDefinition"]
    container = {**new["containerDefinitions"][0], "environment": [{"name": "VERSION", "value": "2"}]}
    keep = ("family", "networkMode", "requiresCompatibilities", "cpu", "memory", "executionRoleArn", "taskRoleArn")
    made = ecs.register_task_definition(containerDefinitions=[container], **{name: new[name] for name in keep})
    ecs.update_service(cluster=told["Cluster"], service=told["Service"], taskDefinition="web")
    answers = set()
    deadline = time.monotonic() + SECONDS
    while len(described(cloud, told)["deployments"]) > 1 or ("2" not in {each for _, each in answers}):
        assert time.monotonic() < deadline
        status, said = asked(cloud, told["Host"])
        answers.add((status, said.get("VERSION")))
    assert answers == {(200, "1"), (200, "2")}
    assert described(cloud, told)["taskDefinition"] == made["taskDefinition"]["taskDefinitionArn"]
    assert deploy(definition("3"), service())["Service"] == told["Service"]
    assert asked(cloud, told["Host"])[1]["VERSION"] == "3"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (definition("4", "crash"), "Essential container in task exited"),
        (definition("5", STATUS="500"), "Task failed ELB health checks"),
    ],
)
def test_a_deployment_that_fails_is_rolled_back(
    cloud: Cloud, told: dict[str, str], deploy: Deploy, bad: dict[str, Any], reason: str
) -> None:
    with pytest.raises(AssertionError, match="UPDATE_ROLLBACK_COMPLETE"):
        deploy(bad, service())
    assert "Circuit Breaker was triggered" in (said := cloud.reasons(STACK)[1])
    assert reason in said
    assert asked(cloud, told["Host"])[1]["VERSION"] == "1"
    assert states(cloud, told) == ["healthy", "healthy"]
    logs = cloud.client("logs")
    wait(
        lambda: any("FAILED" in each["message"] for each in logs.filter_log_events(logGroupName="web-events")["events"])
    )


HOOK = """
import json, boto3
def handler(event, context):
    revision = event["executionDetails"]["targetServiceRevisionArn"]
    found = boto3.client("ecs").describe_service_revisions(serviceRevisionArns=[revision])["serviceRevisions"][0]
    image = found["containerImages"][0]
    allowed = image["imageDigest"].startswith("sha256:") and event["hookDetails"]["signed"] == "yes"
    return {"hookStatus": "SUCCEEDED" if allowed else "FAILED"}
"""


def test_a_lifecycle_hook_decides_whether_tasks_start(cloud: Cloud, told: dict[str, str], deploy: Deploy) -> None:
    reads = {"Effect": "Allow", "Action": "ecs:DescribeServiceRevisions", "Resource": "*"}
    invokes = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn("Hook")}
    function = {
        "Runtime": "python3.11",
        "Handler": "index.handler",
        "Code": {"ZipFile": HOOK},
        "Role": arn("HookRole"),
        "Timeout": 20,
    }
    beside = {
        "HookRole": role_with(reads, trust=trusts("lambda.amazonaws.com")),
        "Hook": {"Type": "AWS::Lambda::Function", "Properties": function},
        "AsksHook": role_with(invokes, trust=trusts("ecs.amazonaws.com")),
    }

    def hooked(signed: str, role: str = "AsksHook") -> dict[str, Any]:
        details = json.dumps({"signed": signed})
        stages = ["PRE_SCALE_UP"]
        hook = {
            "HookTargetArn": arn("Hook"),
            "RoleArn": arn(role),
            "LifecycleStages": stages,
            "HookDetails": details,
        }
        return service(LifecycleHooks=[hook])

    deploy(definition("8"), hooked("yes"), **beside)
    assert asked(cloud, told["Host"])[1]["VERSION"] == "8"
    for of, reason in (
        (hooked("no"), "said FAILED in PRE_SCALE_UP"),
        (hooked("yes", "HookRole"), "does not let ecs.amazonaws.com have it"),
    ):
        with pytest.raises(AssertionError, match="UPDATE_ROLLBACK_COMPLETE"):
            deploy(definition("9"), of, **beside)
        assert any(reason in each for each in cloud.reasons(STACK)[:4]), cloud.reasons(STACK)[:4]
        assert asked(cloud, told["Host"])[1]["VERSION"] == "8"


def test_a_service_without_a_program_waits_for_one(cloud: Cloud, told: dict[str, str]) -> None:
    images = cloud.directory / IMAGES
    before = images.read_text()
    images.write_text("{}")
    ecs = cloud.client("ecs")
    try:
        ecs.update_service(cluster=told["Cluster"], service=told["Service"], forceNewDeployment=True)
        wait(lambda: "unable to place a task" in described(cloud, told)["events"][0]["message"])
        assert asked(cloud, told["Host"])[0] == 200, "the deployment before goes on"
    finally:
        images.write_text(before)
    wait(lambda: described(cloud, told)["deployments"][0]["rolloutState"] == "COMPLETED")


def test_a_one_off_task_runs_to_its_end(
    cloud: Cloud, told: dict[str, str], role: Callable[..., dict[str, str]]
) -> None:
    cluster = f"arn:aws:ecs:eu-central-1:123456789012:cluster/{told['Cluster']}"
    statement = {
        "Effect": "Allow",
        "Action": "ecs:RunTask",
        "Resource": told["Definition"],
        "Condition": {"ArnEquals": {"ecs:cluster": cluster}},
    }
    ecs = cloud.client("ecs", **role("runs-tasks", statement))
    overrides = {"containerOverrides": [{"name": "Main", "command": ["once"]}]}
    given = {"cluster": told["Cluster"], "launchType": "FARGATE", "overrides": overrides}
    (task,) = ecs.run_task(taskDefinition=told["Definition"], **given)["tasks"]
    with pytest.raises(ecs.exceptions.ClientError, match="AccessDenied"):
        ecs.run_task(taskDefinition="another:1", **given)
    with pytest.raises(ecs.exceptions.ClientError, match="AccessDenied"):
        ecs.run_task(taskDefinition=told["Definition"], **{**given, "cluster": "another"})

    def now() -> dict[str, Any]:
        found = cloud.client("ecs").describe_tasks(cluster=told["Cluster"], tasks=[task["taskArn"]])
        return dict(found["tasks"][0])

    wait(lambda: now()["lastStatus"] == "STOPPED")
    assert (now()["stopCode"], now()["containers"][0]["exitCode"]) == ("EssentialContainerExited", 0)
    assert output_of(cloud, "web", f"web/Main/{task['taskArn'].rpartition('/')[2]}") == ["done once known"]


def test_a_task_is_stopped_by_its_tags(cloud: Cloud, told: dict[str, str], role: Callable[..., dict[str, str]]) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "ecs:StopTask",
        "Resource": f"arn:aws:ecs:eu-central-1:123456789012:task/{told['Cluster']}/*",
        "Condition": {"StringEquals": {"aws:ResourceTag/team": "a"}},
    }
    stopper, ecs = cloud.client("ecs", **role("stops-tasks", statement)), cloud.client("ecs")

    def run(team: str) -> str:
        tags = [{"key": "team", "value": team}]
        given = {"cluster": told["Cluster"], "taskDefinition": told["Definition"], "tags": tags}
        return str(ecs.run_task(**given)["tasks"][0]["taskArn"])

    own, other = run("a"), run("b")
    with pytest.raises(ecs.exceptions.ClientError, match="AccessDenied"):
        stopper.stop_task(cluster=told["Cluster"], task=other)
    stopper.stop_task(cluster=told["Cluster"], task=own, reason="enough")
    ecs.stop_task(cluster=told["Cluster"], task=other)

    def now() -> list[dict[str, Any]]:
        return list(ecs.describe_tasks(cluster=told["Cluster"], tasks=[own, other])["tasks"])

    wait(lambda: [each["lastStatus"] for each in now()] == ["STOPPED", "STOPPED"])
    assert now()[0]["stoppedReason"] == "enough"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"ExecutionRoleArn": arn("Role")}, "failed to validate logger args"),
        ({"TaskRoleArn": arn("Foreign")}, "the role's trust policy does not let ecs-tasks.amazonaws.com have it here"),
    ],
)
def test_a_service_that_cannot_start_says_why(cloud: Cloud, given: dict[str, Any], reason: str) -> None:
    of, task = service(), definition()
    of["Properties"]["LoadBalancers"] = []
    del of["DependsOn"]
    task["Properties"] |= given
    beside = {name: each for name, each in base().items() if name in ("Secret", "Execution", "Role", "Cluster")}
    beside |= {"Logs": {"Type": "AWS::Logs::LogGroup"}, "Foreign": role_with(trust=trusts("ec2.amazonaws.com"))}
    with pytest.raises(AssertionError, match="ROLLBACK_COMPLETE"):
        cloud.deploy("mute", {**beside, "Definition": task, "Service": of})
    assert any(reason in each for each in cloud.reasons("mute")), cloud.reasons("mute")
    cloud.delete("mute")


def test_a_service_is_discovered(cloud: Cloud) -> None:
    namespace = {"Type": "AWS::ServiceDiscovery::HttpNamespace", "Properties": {"Name": "discovered"}}
    registry = {
        "Type": "AWS::ServiceDiscovery::Service",
        "Properties": {"Name": "web", "NamespaceId": {"Ref": "Namespace"}},
    }
    of = service()
    of["Properties"] |= {"LoadBalancers": [], "ServiceRegistries": [{"RegistryArn": arn("Registry")}]}
    del of["DependsOn"]
    beside = {name: each for name, each in base().items() if name in ("Secret", "Execution", "Role", "Cluster")}
    beside["Logs"] = {"Type": "AWS::Logs::LogGroup"}
    resources = {**beside, "Namespace": namespace, "Registry": registry, "Definition": definition("1"), "Service": of}
    told = cloud.deploy("discovery", resources, Registry={"Ref": "Registry"})
    found = cloud.client("servicediscovery").list_instances(ServiceId=told["Registry"])["Instances"]
    attributes = [each["Attributes"] for each in found]
    assert [each["AWS_INSTANCE_PORT"] for each in attributes] == ["8080", "8080"]
    for each in attributes:
        with urllib.request.urlopen(f"http://{each['AWS_INSTANCE_IPV4']}:8080/", timeout=10) as answer:
            assert answer.status == 200
    cloud.delete("discovery")


def test_express_mode_runs_a_service_at_its_endpoint(cloud: Cloud) -> None:
    properties = {
        "Cluster": {"Ref": "Cluster"},
        "InfrastructureRoleArn": arn("Role"),
        "TaskDefinitionArn": {"Ref": "Definition"},
        "HealthCheckPath": "/health",
        "NetworkConfiguration": {"Subnets": ["subnet-1"]},
    }
    express = {"Type": "AWS::ECS::ExpressGatewayService", "Properties": properties}
    wanted = ("Logs", "Secret", "Execution", "Role", "Cluster")
    beside = {name: each for name, each in base().items() if name in wanted}
    beside["Logs"] = {"Type": "AWS::Logs::LogGroup"}
    resources = {**beside, "Definition": definition("6"), "Service": express}
    groups = {"Fn::GetAtt": ["Service", "ECSManagedResourceArns.IngressPath.LoadBalancerSecurityGroups"]}
    told = cloud.deploy(
        "express", resources, Endpoint={"Fn::GetAtt": ["Service", "Endpoint"]}, Group={"Fn::Select": [0, groups]}
    )
    id = told["Group"].rpartition("/")[2]
    assert cloud.client("ec2").describe_security_groups(GroupIds=[id])["SecurityGroups"]
    host = told["Endpoint"].removeprefix("https://")
    assert host.endswith(".ecs.eu-central-1.on.aws")
    status, said = asked(cloud, host, "/a?b=c")
    assert (status, said["VERSION"], said["path"], said["host"]) == (200, "6", "/a?b=c", f"{host}:443")
    properties |= {"PrimaryContainer": {"Image": IMAGE}}
    with pytest.raises(AssertionError, match="With a taskDefinitionArn there is no primaryContainer"):
        cloud.deploy("express", resources)
    cloud.delete("express")
    assert asked(cloud, host)[0] != 200


def test_app_runner_runs_a_service_behind_its_ingress_connection(cloud: Cloud) -> None:
    source = {
        "ImageRepository": {
            "ImageIdentifier": IMAGE,
            "ImageRepositoryType": "ECR",
            "ImageConfiguration": {
                "Port": "8080",
                "RuntimeEnvironmentVariables": [{"Name": "VERSION", "Value": "7"}],
                "RuntimeEnvironmentSecrets": [{"Name": "SECRET", "Value": {"Ref": "Secret"}}],
            },
        }
    }
    reads = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": {"Ref": "Secret"}}
    properties = {
        "SourceConfiguration": source,
        "InstanceConfiguration": {"InstanceRoleArn": arn("Instance")},
        "NetworkConfiguration": {"IngressConfiguration": {"IsPubliclyAccessible": False}},
        "HealthCheckConfiguration": {"Protocol": "HTTP", "Path": "/health"},
    }
    resources = {
        "Secret": base()["Secret"],
        "Instance": role_with(reads, trust=trusts("tasks.apprunner.amazonaws.com")),
        "Service": {"Type": "AWS::AppRunner::Service", "Properties": properties},
        "Ingress": {
            "Type": "AWS::AppRunner::VpcIngressConnection",
            "Properties": {
                "ServiceArn": arn("Service") | {"Fn::GetAtt": ["Service", "ServiceArn"]},
                "IngressVpcConfiguration": {"VpcId": "vpc-1", "VpcEndpointId": "vpce-1"},
            },
        },
    }
    told = cloud.deploy("app", resources, Host={"Fn::GetAtt": ["Ingress", "DomainName"]}, Service={"Ref": "Service"})
    status, said = asked(cloud, told["Host"], "/who")
    assert (status, said["VERSION"], said["SECRET"]) == (200, "7", "known")
    assert ":assumed-role/app-Instance-" in said["who"]
    variables = source["ImageRepository"]["ImageConfiguration"]["RuntimeEnvironmentVariables"]
    variables.append({"Name": "STATUS", "Value": "500"})
    with pytest.raises(AssertionError, match="UPDATE_ROLLBACK_COMPLETE"):
        cloud.deploy("app", resources)
    assert any("did not stabilize: ROLLBACK_SUCCEEDED" in each for each in cloud.reasons("app"))
    assert asked(cloud, told["Host"])[0] == 200
    _, name, id = told["Service"].rsplit("/", 2)
    events = cloud.client("logs").filter_log_events(logGroupName=f"/aws/apprunner/{name}/{id}/application")["events"]
    assert "listening" in [each["message"] for each in events]
    cloud.delete("app")
    assert asked(cloud, told["Host"])[0] != 200
