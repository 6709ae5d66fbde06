"""What is seen of a service: alarms that people hear of, alarms by which a deployment goes back, and one page.

Sources: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html,
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html and
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from aws_cdk import Duration, Fn, Names
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from secure_containers.alarms import Alarms
from secure_containers.services.parts import ALARM_MINUTES, ServiceLimits

MINUTE: Final = Duration.minutes(1)
_QUARTER_PERIODS: Final = 3
_MINUTES: Final = 3
"""Of those that an alarm looks at: CloudWatch gets the numbers of the last ones late, and `FILL` takes them for 0 until
then, so that an alarm that asks for all of them would never go off."""
_LONGEST_NAMESPACE: Final = 200
_LONGEST_PATH: Final = 300
"""Of what descriptions name, so that rules have room for it in 512 letters."""
_RUNBOOK: Final = "docs/services.md"


@dataclass(frozen=True, kw_only=True)
class LoadMetrics:
    """What is measured of copies of a container."""

    cpu: cloudwatch.Metric
    memory: cloudwatch.Metric
    running: cloudwatch.Metric | None = None
    """How many run, where somebody counts them."""


@dataclass(frozen=True, kw_only=True)
class RequestMetrics:
    """What is measured of requests and their answers."""

    requests: cloudwatch.IMetric
    errors: cloudwatch.IMetric
    """Answers of 5xx among a hundred."""
    latency: cloudwatch.IMetric
    """The slowest hundredth of answers, in the engine's own unit."""
    latency_unit: float = 1
    """How many of the unit make a second."""
    unhealthy: Mapping[str, cloudwatch.IMetric] = field(default_factory=dict)
    """How many copies are ill, by the id of their alarm; none where the engine does not tell."""


class ServiceWatch(Construct):
    """The alarms of a service and its dashboard."""

    def __init__(self, scope: Construct, id: str, *, topic: sns.ITopic, limits: ServiceLimits) -> None:
        super().__init__(scope, id)
        unique = Names.unique_resource_name(scope, max_length=_LONGEST_NAMESPACE, separator="-")
        self._limits, self._service = limits, scope.node.path[-_LONGEST_PATH:]
        self.alarms = Alarms(
            self,
            "Alarms",
            topic=topic,
            namespace=f"SecureContainers/Services/{unique}",
            undelivered=f"Events of {self._service} did not reach people (services-recover). Read them in the queue: "
            f"each says what it was, and why it was not delivered; {_RUNBOOK}, 'Undelivered'",
        )
        self.dashboard = self.alarms.dashboard()

    def requests(self, metrics: RequestMetrics) -> list[cloudwatch.Alarm]:
        """Alarms on what clients get, by which a deployment can go back too."""
        percent, seconds = self._limits.error_percent, self._limits.latency_seconds
        return [
            self._in_most_minutes(
                "Errors",
                metric=metrics.errors,
                threshold=percent,
                description=f"{percent:g} % or more of the answers of {self._service} are 5xx (services-recover). "
                f"{_RUNBOOK}, 'Errors', says where to look",
            ),
            self._in_most_minutes(
                "Latency",
                metric=metrics.latency,
                threshold=seconds * metrics.latency_unit,
                description=f"The slowest hundredth of the answers of {self._service} take {seconds:g} seconds or more "
                f"(services-recover). {_RUNBOOK}, 'Latency', says where to look",
            ),
            *(
                self._in_most_minutes(
                    id,
                    metric=metric,
                    threshold=1,
                    description=f"Copies of {self._service} do not answer their health check (services-recover). "
                    f"{_RUNBOOK}, 'Unhealthy', says where to look",
                )
                for id, metric in metrics.unhealthy.items()
            ),
        ]

    def saturation(self, metrics: LoadMetrics, *, least: int | None, most: int | None) -> None:
        """Alarms on what runs full, or does not run.

        Args:
            metrics: what is measured.
            least: how many copies run at least; None where nobody counts those that do nothing.
            most: up to how many copies it grows; None where it does not, and as many as that always run.
        """
        for id, metric, what in (("Cpu", metrics.cpu, "processor time"), ("Memory", metrics.memory, "memory")):
            self.alarms.add(
                id,
                metric=metric,
                threshold=self._limits.utilization,
                periods=_QUARTER_PERIODS,
                description=f"{self._service} uses {self._limits.utilization} % or more of its {what} "
                f"(services-recover). {_RUNBOOK}, 'Saturation', says what to raise",
            )
        if metrics.running is not None and least is not None:
            self.alarms.add(
                "TooFew",
                metric=metrics.running,
                threshold=least,
                below=True,
                periods=_QUARTER_PERIODS,
                description=f"Fewer copies of {self._service} run than the {least} that always have to "
                f"(services-recover). {_RUNBOOK}, 'Unhealthy', says where to look",
            )
        if metrics.running is not None and most is not None:
            self.alarms.add(
                "AtMost",
                metric=metrics.running,
                threshold=most,
                periods=_QUARTER_PERIODS,
                description=f"As many copies of {self._service} run as scaling allows, {most} (services-recover). "
                f"{_RUNBOOK}, 'Saturation', says what to raise",
            )

    def failed_deployments(self, services: Sequence[str]) -> None:
        """Tell of deployments of services of Amazon ECS that failed, by their ARNs."""
        self.failed(
            {
                "source": ["aws.ecs"],
                "detail-type": ["ECS Deployment State Change"],
                "resources": list(services),
                "detail": {"eventName": ["SERVICE_DEPLOYMENT_FAILED"]},
            }
        )

    def failed(self, pattern: Mapping[str, object]) -> None:
        """Tell of deployments that failed, by their event."""
        self.alarms.add_event(
            "FailedDeployment",
            pattern=pattern,
            description=f"A deployment of {self._service} failed; {_RUNBOOK}, 'Failed deployment'",
        )

    def show(self, load: LoadMetrics, requests: RequestMetrics | None = None) -> None:
        """Draw what is measured on the dashboard."""
        drawn: dict[str, list[cloudwatch.IMetric]] = {}
        if requests is not None:
            drawn = {
                "Requests": [requests.requests],
                "Answers of 5xx among a hundred": [requests.errors],
                "Slowest hundredth of answers": [requests.latency],
                "Copies that are ill": list(requests.unhealthy.values()),
            }
        drawn["Processors and memory, in percent"] = [load.cpu, load.memory]
        drawn["Copies that run"] = [load.running] if load.running is not None else []
        widgets = [
            cloudwatch.GraphWidget(title=title, left=found, width=12, height=6)
            for title, found in drawn.items()
            if found
        ]
        self.dashboard.add_widgets(*widgets)

    def _in_most_minutes(
        self, id: str, *, metric: cloudwatch.IMetric, threshold: float, description: str
    ) -> cloudwatch.Alarm:
        """An alarm on a metric that is at its threshold in three of five minutes."""
        return self.alarms.add(
            id,
            metric=metric,
            threshold=threshold,
            periods=ALARM_MINUTES,
            datapoints=_MINUTES,
            description=description,
        )


def balancer_metrics(load_balancer: str, target_groups: Mapping[str, str]) -> RequestMetrics:
    """What a load balancer measures.

    Args:
        load_balancer: its full name, as metrics call it.
        target_groups: their full names, by the ids of the alarms on ill tasks.
    """
    requests, failed, failed_itself = (
        _of_balancer(load_balancer, name, "Sum")
        for name in ("RequestCount", "HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count")
    )
    return RequestMetrics(
        requests=requests,
        errors=error_percent(requests, failed, failed_itself),
        latency=_of_balancer(load_balancer, "TargetResponseTime", "p99"),
        unhealthy={
            alarm: _of_balancer(load_balancer, "UnHealthyHostCount", "Maximum", group)
            for alarm, group in target_groups.items()
        },
    )


def group_metrics(load_balancer: str, target_groups: Sequence[str]) -> RequestMetrics:
    """What a load balancer that serves others too measures of some groups of targets, together.

    Args:
        load_balancer: its full name, as metrics call it.
        target_groups: their full names.
    """

    def together(name: str, statistic: str, function: str) -> cloudwatch.IMetric:
        found = {
            f"{name[0].lower()}{name[1:]}{index}": _of_balancer(load_balancer, name, statistic, group)
            for index, group in enumerate(target_groups)
        }
        expression = f"{function}([{','.join(f'FILL({each},0)' for each in found)}])"
        return cloudwatch.MathExpression(expression=expression, using_metrics=found, period=MINUTE, label=name)

    return RequestMetrics(
        requests=together("RequestCount", "Sum", "SUM"),
        errors=error_percent(
            together("RequestCount", "Sum", "SUM"), together("HTTPCode_Target_5XX_Count", "Sum", "SUM")
        ),
        latency=together("TargetResponseTime", "p99", "MAX"),
        unhealthy={"Unhealthy": together("UnHealthyHostCount", "Maximum", "MAX")},
    )


def task_metrics(cluster: str, service: str, *, insights: bool) -> LoadMetrics:
    """What Amazon ECS measures of the tasks of a service; with Container Insights also how many there are."""
    return LoadMetrics(
        cpu=of_service("AWS/ECS", "CPUUtilization", cluster, service),
        memory=of_service("AWS/ECS", "MemoryUtilization", cluster, service),
        running=of_service("ECS/ContainerInsights", "RunningTaskCount", cluster, service) if insights else None,
    )


def _of_balancer(load_balancer: str, name: str, statistic: str, group: str | None = None) -> cloudwatch.Metric:
    dimensions = {"LoadBalancer": load_balancer, **({"TargetGroup": group} if group is not None else {})}
    return cloudwatch.Metric(
        namespace="AWS/ApplicationELB",
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=MINUTE,
    )


def of_service(namespace: str, name: str, cluster: str, service: str) -> cloudwatch.Metric:
    """A metric of a service of Amazon ECS."""
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map={"ClusterName": cluster, "ServiceName": service},
        statistic="Average",
        period=Duration.minutes(5),
    )


def error_percent(requests: cloudwatch.IMetric, *errors: cloudwatch.IMetric) -> cloudwatch.MathExpression:
    """Failed answers among a hundred; none while nobody asks.

    A load balancer without a task to choose counts its own errors but no request.
    """
    named = {f"e{index}": metric for index, metric in enumerate(errors)}
    failed = cloudwatch.MathExpression(
        expression="+".join(f"FILL({name},0)" for name in named), using_metrics=named, period=MINUTE
    )
    return cloudwatch.MathExpression(
        expression="IF(failed>0,100*failed/MAX([failed,FILL(requests,0)]),0)",
        using_metrics={"requests": requests, "failed": failed},
        period=MINUTE,
        label="5xx",
    )


def after(marker: str, arn: str) -> str:
    """What follows a marker in an ARN that is known at deployment only."""
    return Fn.select(1, Fn.split(marker, arn))
