"""A move from one engine to another is one class name: the same arguments build all three, and what comes out is of the
same kind."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from aws_cdk import App, Duration, Size, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns

from secure_containers import Pack, enforce
from secure_containers.check.loader import load
from secure_containers.rules import RULES, evaluate
from secure_containers.services.app_runner import PrivateAppRunnerService
from secure_containers.services.express import PrivateExpressService
from secure_containers.services.fargate import SecureFargateService
from secure_containers.services.parts import HealthCheck, Scaling, ServiceLimits, Tracing
from secure_containers.services.service import PrivateWebService
from secure_containers.testing import assert_replacement_safe
from tests.services.conftest import Web
from tests.support import CONTEXT, DIGEST, new_app, of_type, open_ids, synthesized

ENGINES: dict[str, type[PrivateWebService]] = {
    "AppRunner": PrivateAppRunnerService,
    "Fargate": SecureFargateService,
    "Express": PrivateExpressService,
}
SHARED = (
    *("network", "image", "port", "cpu", "memory", "command", "environment", "secrets", "services", "health_check"),
    *("scaling", "tracing", "limits", "topic", "encryption_key", "log_retention", "waivers"),
)
OWN_DEFAULTS = {"cpu"}
"""Of arguments that all have, those whose default is the engine's own."""
RUNS = {
    "AppRunner": "AWS::AppRunner::Service",
    "Fargate": "AWS::ECS::Service",
    "Express": "AWS::ECS::ExpressGatewayService",
}

engines = pytest.mark.parametrize("engine", ENGINES)


def made(web: Web, engine: str, id: str = "Orders", **arguments: Any) -> PrivateWebService:
    """A service on an engine: the class name, and what one engine alone has to be told."""
    alone: dict[str, Any] = {
        "AppRunner": {"existing_customer": True},
        "Fargate": {"domain": web.domain(f"{id.lower()}.example.com")},
        "Express": {},
    }[engine]
    given: dict[str, Any] = {"network": web.network, "image": web.image, "port": 8080, "cpu": 1}
    return ENGINES[engine](web.stack, id, **(given | alone | arguments))


def everything(web: Web) -> dict[str, Any]:
    """Every argument that the three share, said."""
    return {
        "memory": Size.gibibytes(2),
        "command": ["serve"],
        "environment": {"LEVEL": "info"},
        "secrets": {"PASSWORD": secretsmanager.Secret(web.stack, "Password")},
        "services": ["dynamodb"],
        "health_check": HealthCheck(path="/health"),
        "scaling": Scaling(min=3, max=20),
        "tracing": Tracing(collector=web.images.image(digest=DIGEST[:-1] + "0")),
        "limits": ServiceLimits(error_percent=1, latency=Duration.millis(500), utilization=80),
        "topic": sns.Topic(
            web.stack,
            "Topic",
            master_key=kms.Key(web.stack, "TopicKey", enable_key_rotation=True),
            enforce_ssl=True,
        ),
        "encryption_key": kms.Key(web.stack, "Key", enable_key_rotation=True),
        "log_retention": logs.RetentionDays.THREE_MONTHS,
        "waivers": [],
    }


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PrivateWebService]:
    """One on each engine in a stack of its own, from the same arguments, to be looked at only."""
    app = new_app(tmp_path_factory.mktemp("services"))
    return {engine: made(Web(app, engine), engine) for engine in ENGINES}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Web]:
    """The same with every shared argument."""
    app = new_app(tmp_path_factory.mktemp("full"))
    webs = {engine: Web(app, engine) for engine in ENGINES}
    for engine, web in webs.items():
        made(web, engine, **everything(web))
    return webs


class TestArguments:
    @pytest.mark.parametrize("name", SHARED)
    def test_they_have_the_same_names_types_and_defaults(self, name: str) -> None:
        found = [inspect.signature(each.__init__).parameters[name] for each in ENGINES.values()]
        assert {each.kind for each in found} == {inspect.Parameter.KEYWORD_ONLY}
        # App Runner alone can do without an image and a port: it builds from source too.
        assert len({each.annotation.removesuffix(" | None") for each in found}) == 1
        defaults = {each.default for each in found if each.default not in (inspect.Parameter.empty, None)}
        assert len(defaults) <= 1 or name in OWN_DEFAULTS

    def test_nothing_but_a_domain_and_an_existing_customer_is_asked_of_one_engine_alone(self) -> None:
        needed = {
            engine: {
                name
                for name, each in inspect.signature(kind.__init__).parameters.items()
                if each.kind is inspect.Parameter.KEYWORD_ONLY and each.default is inspect.Parameter.empty
            }
            for engine, kind in ENGINES.items()
        }
        both = {"network", "image", "port"}
        assert needed == {"AppRunner": {"network"}, "Fargate": {*both, "domain"}, "Express": both}

    @engines
    def test_all_of_them_reach_the_engine(self, full: dict[str, Web], engine: str) -> None:
        web = full[engine]
        text = json.dumps(web.template)
        for told in ('"/health"', '"LEVEL"', '"PASSWORD"', "xray", "dynamodb"):
            assert told in text
        (runs,) = (each for each in web.template["Resources"].values() if each["Type"] == RUNS[engine])
        scaling = of_type(web.template, "AWS::AppRunner::AutoScalingConfiguration") or of_type(
            web.template, "AWS::ApplicationAutoScaling::ScalableTarget"
        )
        bounds = json.dumps([runs, scaling])
        assert any(f'"{name}": 3' in bounds for name in ("MinSize", "MinCapacity", "MinTaskCount"))
        assert any(f'"{name}": 20' in bounds for name in ("MaxSize", "MaxCapacity", "MaxTaskCount"))
        ends = {each.get("RetentionInDays") for each in web.all("AWS::Logs::LogGroup", "Orders").values()}
        ends |= {int(each["RetentionInDays"]) for each in web.all("Custom::KeptLogGroups").values()}
        assert ends == {90}
        alarms = web.all("AWS::CloudWatch::Alarm", "OrdersWatch")
        assert {json.dumps(each["AlarmActions"]) for each in alarms.values()} == {
            json.dumps([{"Ref": next(iter(web.all("AWS::SNS::Topic")))}])
        }
        assert {each["Threshold"] for id, each in alarms.items() if "AlarmsErrors" in id} == {1}
        assert {each["Threshold"] for id, each in alarms.items() if "AlarmsCpu" in id} == {80}

    @pytest.mark.parametrize(
        "wrong",
        [
            lambda web: {"port": 0},
            lambda web: {"cpu": 3},
            lambda web: {"memory": Size.mebibytes(100)},
            lambda web: {"environment": {"DB_PASSWORD": "x"}},
            lambda web: {"services": ["quantum"]},
            lambda web: {"network": web.network.vpc},
            lambda web: {"image": web.images.image(tag="v1")},
            lambda web: {"topic": "alarms"},
        ],
    )
    def test_what_is_wrong_for_one_is_wrong_for_all_and_leaves_nothing_behind(
        self, web: Web, wrong: Callable[[Web], dict[str, Any]]
    ) -> None:
        before = {each.node.path for each in web.stack.node.find_all()}
        for engine in ENGINES:
            with pytest.raises(ValueError, match=r"^Test/Orders: .+ is .+; allowed: .+; write ."):
                made(web, engine, **wrong(web))
        assert {each.node.path for each in web.stack.node.find_all()} == before


def _attributes() -> list[str]:
    """What `PrivateWebService` says that there is, beside its methods and properties."""
    hints = {name for kind in PrivateWebService.__mro__ for name in vars(kind).get("__annotations__", {})}
    return sorted(name for name in hints if not name.startswith("_"))


def _properties() -> list[str]:
    return sorted(
        name
        for kind in PrivateWebService.__mro__
        if kind.__module__.startswith("secure_containers.")
        for name, each in vars(kind).items()
        if isinstance(each, property) and not name.startswith("_")
    )


class TestOutputs:
    def test_there_are_some(self) -> None:
        assert {"dashboard", "encryption_key", "role", "topic", "url"} <= set(_attributes())
        assert {"connections", "grant_principal", "outbound"} <= set(_properties())

    @pytest.mark.parametrize("name", [*_attributes(), *_properties()])
    def test_each_has_them_of_one_type(self, services: dict[str, PrivateWebService], name: str) -> None:
        assert len({type(getattr(service, name)) for service in services.values()}) == 1

    @pytest.mark.parametrize("metric", ["cpu", "errors", "latency", "memory", "requests"])
    def test_each_measures_the_same(self, services: dict[str, PrivateWebService], metric: str) -> None:
        for service in services.values():
            found = getattr(service, f"metric_{metric}")()
            assert isinstance(found, cloudwatch.Metric | cloudwatch.MathExpression)

    def test_no_engine_takes_a_type_back(self) -> None:
        wanted = get_type_hints(PrivateWebService.metric_cpu)
        for kind in ENGINES.values():
            assert issubclass(kind, PrivateWebService)
            assert get_type_hints(kind.metric_cpu) == wanted

    @engines
    def test_they_are_used_in_one_way(self, web: Web, engine: str) -> None:
        service = made(web, engine)
        client = made(web, engine, "Client")
        database = ec2.SecurityGroup(web.stack, "Database", vpc=web.network.vpc, allow_all_outbound=False)
        table = dynamodb.Table(web.stack, "Table", partition_key={"name": "id", "type": dynamodb.AttributeType.STRING})
        also = sns.Topic(web.stack, "Also")
        service.connections.allow_default_port_from(client.outbound)
        database.connections.allow_from(service.outbound, ec2.Port.tcp(5432))
        assert table.grant_read_data(service).success
        service.add_alarm_target(also)
        service.add_alarm_target(actions.Ec2Action(actions.Ec2InstanceAction.REBOOT))
        service.dashboard.add_widgets(cloudwatch.GraphWidget(left=[service.metric_requests(), service.metric_cpu()]))
        service.metric_errors().create_alarm(web.stack, "Stricter", threshold=1, evaluation_periods=1)
        ours = web.all("AWS::CloudWatch::Alarm", "OrdersWatch")
        assert len(ours) >= 5
        assert all(len(each["AlarmActions"]) == 3 for each in ours.values())
        (role,) = {
            each["Roles"][0]["Ref"]
            for each in web.all("AWS::IAM::Policy").values()
            if "dynamodb:GetItem" in json.dumps(each)
        }
        assert role == web.stack.get_logical_id(service.role.node.default_child)
        rules = [
            *web.all("AWS::EC2::SecurityGroupIngress").values(),
            *(
                rule
                for group in web.all("AWS::EC2::SecurityGroup").values()
                for rule in group.get("SecurityGroupIngress", [])
            ),
        ]
        assert [each["ToPort"] for each in rules if each["ToPort"] == 5432] == [5432]

    @engines
    def test_whoever_is_let_in_comes_by_https(self, web: Web, engine: str) -> None:
        client = ec2.SecurityGroup(web.stack, "Client", vpc=web.network.vpc, allow_all_outbound=False)
        made(web, engine).connections.allow_default_port_from(client)
        (out,) = web.all("AWS::EC2::SecurityGroupEgress", "Client").values()
        assert (out["FromPort"], out["ToPort"], out["IpProtocol"]) == (443, 443, "tcp")
        group = web.stack.get_logical_id(client.node.default_child)
        let_in = [
            each
            for each in web.all("AWS::EC2::SecurityGroupIngress", "Orders").values()
            if each.get("SourceSecurityGroupId") == {"Fn::GetAtt": [group, "GroupId"]}
        ]
        assert [each["ToPort"] for each in let_in] == [443]

    @engines
    def test_a_role_takes_its_permissions_from_grants_alone(self, web: Web, engine: str) -> None:
        role = made(web, engine).grant_principal
        assert isinstance(role, iam.Role)
        (id,) = (id for id in web.all("AWS::IAM::Role") if id == web.stack.get_logical_id(role.node.default_child))
        attached = [each for each in web.all("AWS::IAM::Policy").values() if {"Ref": id} in each["Roles"]]
        assert attached == []
        assert "ManagedPolicyArns" not in web.all("AWS::IAM::Role")[id]


class TestReach:
    """The rules prove the way, and find its end when a piece of it is taken out of the template."""

    @engines
    def test_nothing_is_found_while_the_way_is_there(self, full: dict[str, Web], engine: str, tmp_path: Path) -> None:
        assert _found(json.loads(json.dumps(full[engine].template)), tmp_path) == set()

    @engines
    def test_endpoints_that_are_missing_are_found(self, full: dict[str, Web], engine: str, tmp_path: Path) -> None:
        template = json.loads(json.dumps(full[engine].template))
        for id in of_type(template, "AWS::EC2::VPCEndpoint"):
            if id.startswith("Network"):
                del template["Resources"][id]
        assert "SC-NET-01[xray]" in _found(template, tmp_path)

    @engines
    def test_endpoints_that_let_nobody_in_are_found(self, full: dict[str, Web], engine: str, tmp_path: Path) -> None:
        # Not the way out of tasks: Express gives them a second group, which lets out to everywhere.
        template = json.loads(json.dumps(full[engine].template))
        for id in of_type(template, "AWS::EC2::SecurityGroupIngress"):
            if id.startswith("NetworkEndpoints"):
                del template["Resources"][id]
        for id, group in of_type(template, "AWS::EC2::SecurityGroup").items():
            if id.startswith("NetworkEndpoints"):
                group["Properties"].pop("SecurityGroupIngress", None)
        assert "SC-NET-01[xray]" in _found(template, tmp_path)


def _found(template: dict[str, Any], directory: Path) -> set[str]:
    """The ids of what our rules find in a template that nobody waived."""
    for each in template["Resources"].values():
        each.pop("DependsOn", None)
    path = directory / "template.json"
    path.write_text(json.dumps(template))
    loaded = load([str(path)])
    assert not loaded.errors
    return {each.id for each in evaluate(loaded.templates, RULES).findings if not each.waived}


class TestMove:
    @pytest.mark.parametrize("before", ENGINES)
    @pytest.mark.parametrize("after", ENGINES)
    def test_it_is_one_class_name_and_loses_nothing(self, tmp_path: Path, before: str, after: str) -> None:
        templates = {}
        for name, engine in (("before", before), ("after", after)):
            web = Web(new_app(tmp_path / name))
            made(web, engine)
            templates[name] = web.template
        assert_replacement_safe(templates["before"], templates["after"])
        for type_ in ("AWS::KMS::Key", "AWS::SNS::Topic"):
            kept = [
                {id for id in of_type(template, type_) if id.startswith(("OrdersKey", "OrdersTopic"))}
                for template in templates.values()
            ]
            assert kept[0] == kept[1] != set()

    def test_all_three_stand_side_by_side_and_call_each_other(self, tmp_path: Path) -> None:
        app = App(context=CONTEXT, outdir=str(tmp_path / "cdk.out"))
        enforce(app, packs=[Pack.NIST_800_53_R5])
        web = Web(app)
        fargate, express, runner = (made(web, engine, engine) for engine in ("Fargate", "Express", "AppRunner"))
        for called, caller in ((fargate, express), (express, runner), (runner, fargate)):
            called.connections.allow_default_port_from(caller.outbound)
        app.synth()
        assert open_ids(app) == set()


def test_templates_hold_no_helper_of_cdk(services: dict[str, PrivateWebService]) -> None:
    templates = synthesized(Stack.of(services["Fargate"]).node.root)
    assert len(templates) == len(ENGINES)
    assert "AWSCDK" not in json.dumps(templates)
