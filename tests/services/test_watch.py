"""What is seen of services: what their numbers say, who hears of them, and where the alarms lead."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from secure_containers.services.parts import Deployment, Scaling, ServiceLimits
from secure_containers.services.watch import RequestMetrics, after, balancer_metrics, group_metrics
from tests.services.conftest import Web
from tests.support import ROOT, concrete, synthesized

NONE = None
"""No number came in a minute."""
Samples = dict[str, float | None]


def resource_name(id: str) -> str:
    return re.sub(r"[0-9A-F]{8}$", "", id)


def alarms(web: Web) -> dict[str, dict[str, Any]]:
    return {resource_name(id): each for id, each in web.all("AWS::CloudWatch::Alarm").items()}


class Minute:
    """What CloudWatch's arithmetic says of one minute, by the functions that we use of it."""

    def __init__(self, queries: list[dict[str, Any]], samples: Samples) -> None:
        self._queries = {each["Id"]: each for each in queries}
        self._samples = samples

    @property
    def answer(self) -> float | None:
        (returned,) = (each for each in self._queries.values() if each["ReturnData"])
        return self._of(returned["Id"])

    def _of(self, id: str) -> float | None:
        query = self._queries[id]
        if "Expression" not in query:
            return self._samples[id if id in self._samples else query["MetricStat"]["Metric"]["MetricName"]]
        names = {each: self._of(each) for each in self._queries if re.search(rf"\b{each}\b", query["Expression"])}
        functions: dict[str, Any] = {
            "FILL": lambda found, filler: filler if found is None else found,
            "IF": lambda test, then, otherwise: then if test else otherwise,
            "MAX": lambda each: max(found for found in each if found is not None),
            "SUM": lambda each: sum(found for found in each if found is not None),
        }
        try:
            # The expression is our own, out of a template that was just made.
            return float(eval(query["Expression"], {"__builtins__": {}}, functions | names))  # noqa: S307 - see above
        except ZeroDivisionError:  # then there is no number, and no branch is taken
            return 0 if names.get("failed") == 0 else None


def percent(queries: list[dict[str, Any]], requests: float | None, target: float | None, own: float | None) -> Any:
    samples = {"RequestCount": requests, "HTTPCode_Target_5XX_Count": target, "HTTPCode_ELB_5XX_Count": own}
    return Minute(queries, samples).answer


class TestErrors:
    @pytest.mark.parametrize(
        ("requests", "target", "own", "expected"),
        [
            (100, NONE, NONE, 0),  # AWS counts errors only where there are some
            (100, 5, NONE, 5),
            (100, NONE, 5, 5),
            (100, 3, 2, 5),
            (100, 100, NONE, 100),
            (NONE, NONE, NONE, 0),  # nobody asks
            (0, NONE, NONE, 0),
            (NONE, NONE, 40, 100),  # a total outage: without a task to choose, requests are not counted
            (0, NONE, 40, 100),
            (20, NONE, 40, 100),  # and one that begins
            (1, 1, NONE, 100),
        ],
    )
    def test_a_hundredth_of_the_answers(
        self, plain: Web, requests: float | None, target: float | None, own: float | None, expected: float
    ) -> None:
        queries = alarms(plain)["OrdersWatchAlarmsErrors"]["Metrics"]
        assert percent(queries, requests, target, own) == pytest.approx(expected)

    def test_all_are_of_this_load_balancer(self, plain: Web) -> None:
        (balancer,) = plain.all("AWS::ElasticLoadBalancingV2::LoadBalancer")
        own = [{"Name": "LoadBalancer", "Value": {"Fn::GetAtt": [balancer, "LoadBalancerFullName"]}}]
        metrics = [each["MetricStat"]["Metric"] for each in self.stats(plain)]
        assert len(metrics) == 3
        for metric in metrics:
            assert metric["Namespace"] == "AWS/ApplicationELB"
            assert metric["Dimensions"] == own
        assert {(each["MetricStat"]["Stat"], each["MetricStat"]["Period"]) for each in self.stats(plain)} == {
            ("Sum", 60)
        }

    def test_what_is_filled_is_not_taken_for_the_last_minutes(self, plain: Web) -> None:
        """CloudWatch gets them late, and fills them with 0 until then: three of three would never be."""
        for name in ("Errors", "Latency", "Unhealthy"):
            alarm = alarms(plain)[f"OrdersWatchAlarms{name}"]
            assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (3, 5)
            assert alarm["TreatMissingData"] == "notBreaching"

    def stats(self, web: Web) -> list[dict[str, Any]]:
        return [each for each in alarms(web)["OrdersWatchAlarmsErrors"]["Metrics"] if "MetricStat" in each]


class TestGroups:
    """Of a load balancer that serves others too."""

    @pytest.fixture
    def metrics(self) -> RequestMetrics:
        return group_metrics("app/shared/1", ["targetgroup/one/1", "targetgroup/two/2"])

    def queries(self, app: App, metric: cloudwatch.IMetric) -> list[dict[str, Any]]:
        cloudwatch.Alarm(Stack(app, "Alarms"), "Alarm", metric=metric, threshold=1, evaluation_periods=1)
        (alarm,) = synthesized(app)["Alarms"]["Resources"].values()
        found: list[dict[str, Any]] = alarm["Properties"]["Metrics"]
        return found

    @pytest.mark.parametrize("name", ["requests", "errors", "latency", "Unhealthy"])
    def test_only_of_the_groups(self, app: App, metrics: RequestMetrics, name: str) -> None:
        metric = metrics.unhealthy[name] if name == "Unhealthy" else getattr(metrics, name)
        found = [
            {each["Name"]: each["Value"] for each in query["MetricStat"]["Metric"]["Dimensions"]}
            for query in self.queries(app, metric)
            if "MetricStat" in query
        ]
        assert {each["TargetGroup"] for each in found} == {"targetgroup/one/1", "targetgroup/two/2"}
        assert {each["LoadBalancer"] for each in found} == {"app/shared/1"}

    @pytest.mark.parametrize(
        ("requests", "failed", "expected"),
        [(50, 5, 10), (50, NONE, 0), (NONE, NONE, 0), (0, 0, 0)],
    )
    def test_errors_of_both_together(
        self, app: App, metrics: RequestMetrics, requests: float | None, failed: float | None, expected: float
    ) -> None:
        queries = self.queries(app, metrics.errors)
        samples = {"RequestCount": requests, "HTTPCode_Target_5XX_Count": failed}
        assert Minute(queries, samples).answer == pytest.approx(expected)

    @pytest.mark.parametrize(("one", "two"), [(3, NONE), (NONE, 3), (3, 1)])
    def test_the_slower_group_counts(
        self, app: App, metrics: RequestMetrics, one: float | None, two: float | None
    ) -> None:
        samples = {"targetResponseTime0": one, "targetResponseTime1": two}
        assert Minute(self.queries(app, metrics.latency), samples).answer == 3


class TestLatency:
    def test_the_slowest_hundredth_in_seconds(self, plain: Web) -> None:
        alarm = alarms(plain)["OrdersWatchAlarmsLatency"]
        assert (alarm["MetricName"], alarm["ExtendedStatistic"]) == ("TargetResponseTime", "p99")
        assert (alarm["Threshold"], alarm["Period"]) == (2, 60)


class TestLimits:
    def test_are_those_that_were_given(self, web: Web) -> None:
        web.fargate(limits=ServiceLimits(error_percent=0.5, latency=Duration.millis(250), utilization=70))
        found = alarms(web)
        assert found["OrdersWatchAlarmsErrors"]["Threshold"] == 0.5
        assert found["OrdersWatchAlarmsLatency"]["Threshold"] == 0.25
        assert found["OrdersWatchAlarmsCpu"]["Threshold"] == found["OrdersWatchAlarmsMemory"]["Threshold"] == 70
        assert "0.5 % or more" in found["OrdersWatchAlarmsErrors"]["AlarmDescription"]
        assert "0.25 seconds or more" in found["OrdersWatchAlarmsLatency"]["AlarmDescription"]

    def test_as_many_as_scaling_allows(self, plain: Web) -> None:
        alarm = alarms(plain)["OrdersWatchAlarmsAtMost"]
        assert (alarm["Namespace"], alarm["MetricName"]) == ("ECS/ContainerInsights", "RunningTaskCount")
        assert alarm["Threshold"] == 10

    def test_a_fixed_number_of_tasks_is_no_alarm(self, web: Web) -> None:
        web.fargate(scaling=Scaling(min=3, max=3))
        assert "OrdersWatchAlarmsAtMost" not in alarms(web)


class TestAlarms:
    def test_unasked(self, plain: Web) -> None:
        assert {name.removeprefix("OrdersWatchAlarms") for name in alarms(plain)} == {
            "AtMost",
            "Cpu",
            "Errors",
            "Latency",
            "Memory",
            "TooFew",
            "Undelivered",
            "Unhealthy",
        }

    def test_each_tells_the_topic(self, plain: Web) -> None:
        (topic,) = plain.all("AWS::SNS::Topic")
        for alarm in alarms(plain).values():
            assert alarm["AlarmActions"] == [{"Ref": topic}]

    def test_each_names_a_guideline(self, plain: Web) -> None:
        known = re.findall(r'id = "([a-z0-9-]+)"', (ROOT / "secure_containers/guidance/guidance.toml").read_text())
        for alarm in alarms(plain).values():
            (named,) = re.findall(r"\(([a-z0-9-]+)\)", alarm["AlarmDescription"])
            assert named in known

    def test_illness_of_either_group_in_a_deployment_by_traffic(self, web: Web) -> None:
        web.fargate(deployment=Deployment.blue_green())
        groups = set()
        for name in ("Unhealthy", "OtherUnhealthy"):
            alarm = alarms(web)[f"OrdersWatchAlarms{name}"]
            assert (alarm["MetricName"], alarm["Statistic"], alarm["Threshold"]) == ("UnHealthyHostCount", "Maximum", 1)
            groups |= {concrete(each["Value"]) for each in alarm["Dimensions"] if each["Name"] == "TargetGroup"}
        assert len(groups) == 2

    def test_somebody_else_is_told_of_all_too(self, web: Web) -> None:
        service = web.fargate()
        other = sns.Topic(web.stack, "Other", enforce_ssl=True)
        service.add_alarm_target(other)
        service.add_alarm_target(actions.SsmAction(actions.OpsItemSeverity.HIGH))
        for alarm in alarms(web).values():
            assert len(alarm["AlarmActions"]) == 3

    def test_names_are_left_to_cloudformation(self, plain: Web) -> None:
        assert not any("AlarmName" in alarm for alarm in alarms(plain).values())

    def test_a_long_path_fits_into_every_description(self, app: App) -> None:
        web = Web(app)
        scope: Construct = web.stack
        for _ in range(5):
            scope = Construct(scope, "Payments" * 12)
        web.fargate(scope=scope, deployment=Deployment.canary())
        for alarm in web.all("AWS::CloudWatch::Alarm").values():
            assert len(alarm["AlarmDescription"]) <= 1024
        for rule in web.all("AWS::Events::Rule").values():
            assert len(rule["Description"]) <= 512
            assert rule["Description"].endswith("'Failed deployment'")
        for group in web.all("AWS::EC2::SecurityGroup").values():
            assert len(group["GroupDescription"]) <= 255


class TestFailedDeployment:
    def test_is_told_of_this_service_only(self, plain: Web) -> None:
        (rule,) = plain.all("AWS::Events::Rule").values()
        (service,) = plain.all("AWS::ECS::Service")
        assert rule["EventPattern"] == {
            "source": ["aws.ecs"],
            "detail-type": ["ECS Deployment State Change"],
            "resources": [{"Ref": service}],
            "detail": {"eventName": ["SERVICE_DEPLOYMENT_FAILED"]},
        }
        (target,) = rule["Targets"]
        (topic,) = plain.all("AWS::SNS::Topic")
        assert target["Arn"] == {"Ref": topic}
        assert "DeadLetterConfig" in target


class TestTopic:
    def test_alarms_and_events_of_this_account_reach_it_encrypted(self, plain: Web) -> None:
        (key,) = plain.all("AWS::KMS::Key", "OrdersTopicKey").values()
        statements = {each.get("Sid"): each for each in key["KeyPolicy"]["Statement"]}
        assert statements["AlarmsToTopic"]["Condition"]["StringEquals"]["aws:SourceAccount"]
        assert "Condition" not in statements["EventsToTopic"]  # EventBridge supports none there
        policy = plain.one("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
        allowed = {each["Principal"]["Service"] for each in policy if each["Effect"] == "Allow"}
        assert allowed == {"cloudwatch.amazonaws.com", "events.amazonaws.com"}

    def test_of_two_services_is_not_told_twice_who_may_publish(self, web: Web) -> None:
        key = kms.Key(web.stack, "Key", enable_key_rotation=True)
        topic = sns.Topic(web.stack, "Topic", master_key=key, enforce_ssl=True)
        for id in ("Orders", "Payments"):
            web.fargate(id, topic=topic)
        sids = [each.get("Sid") for each in web.one("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]]
        assert len(sids) == len(set(sids))


class TestDashboard:
    def test_shows_every_alarm_and_every_number(self, plain: Web) -> None:
        written = plain.one("AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Join"][1]
        body = "".join(part if isinstance(part, str) else "X" for part in written)
        titles = {each["properties"].get("title") for each in json.loads(body)["widgets"]}
        assert titles >= {
            "Requests",
            "Answers of 5xx among a hundred",
            "Slowest hundredth of answers",
            "Copies that are ill",
            "Processors and memory, in percent",
            "Copies that run",
        }
        shown = json.dumps(written)
        for alarm in plain.all("AWS::CloudWatch::Alarm"):
            assert alarm in shown


class TestMetrics:
    def test_are_the_services_own(self, web: Web) -> None:
        service = web.fargate()
        for metric in (service.metric_cpu(), service.metric_memory()):
            assert metric.namespace == "AWS/ECS"
            assert set(web.stack.resolve(metric.dimensions)) == {"ClusterName", "ServiceName"}
        for metric in (service.metric_requests(), service.metric_errors(), service.metric_latency()):
            cloudwatch.Alarm(
                web.stack, f"Alarm{id(metric)}", metric=metric, threshold=1, evaluation_periods=1
            )  # as users would
        assert len(web.all("AWS::CloudWatch::Alarm", "Alarm")) == 3

    def test_what_follows_in_an_arn(self, stack: Stack) -> None:
        arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/shared/1"
        assert stack.resolve(after(":loadbalancer/", arn)) == "app/shared/1"

    def test_without_groups_nobody_is_ill(self) -> None:
        assert balancer_metrics("app/one/1", {}).unhealthy == {}


class TestRunbooks:
    def test_every_description_leads_to_a_heading(self, web: Web) -> None:
        web.fargate(deployment=Deployment.canary())
        page = (ROOT / "docs/services.md").read_text()
        headings = {each.strip("# ").strip() for each in page.splitlines() if each.startswith("#")}
        told = [each["AlarmDescription"] for each in web.all("AWS::CloudWatch::Alarm").values()]
        told += [each["Description"] for each in web.all("AWS::Events::Rule").values()]
        for description in told:
            (named,) = re.findall(r"docs/services\.md, '([^']+)'", description)
            assert named in headings
