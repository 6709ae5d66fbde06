"""What services are on every engine: the same outputs, so that one can take the place of another."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Self, cast

import jsii
from aws_cdk import RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from secure_containers.alarms import alarm_topic
from secure_containers.errors import check_list, invalid
from secure_containers.keys import own_key
from secure_containers.services.parts import ServiceLimits
from secure_containers.services.watch import LoadMetrics, RequestMetrics, ServiceWatch
from secure_containers.waivers import DefaultsOff, Waiver

SERVICE_TYPES: Final = (
    "AWS::CloudWatch::Alarm",
    "AWS::EC2::SecurityGroup",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Topic",
)
"""What a waiver of any service can be about."""
_ON_FARGATE, _OF_TASKS = "SecureFargateService", "SecureFargateService or PrivateExpressService"
_TAKEN_BY: Final[Mapping[str, str]] = {
    **dict.fromkeys(("capacity", "deployment", "discovery", "domain", "execute_command"), _ON_FARGATE),
    **dict.fromkeys(("stop_timeout", "target_tls", "tls_policy", "trusted_signers", "web_acl"), _ON_FARGATE),
    **dict.fromkeys(("architecture", "cluster", "ephemeral_storage", "file_mounts"), _OF_TASKS),
    **dict.fromkeys(("runtime_monitoring", "scratch", "user"), _OF_TASKS),
    **dict.fromkeys(("automatic_deployments", "endpoint", "existing_customer", "source"), "PrivateAppRunnerService"),
    **dict.fromkeys(("health_check", "limits", "port", "scaling"), _ON_FARGATE),
    "health_command": "SecureFargateWorker",
}
"""Arguments that not all have, and who does: a move from one to another says what is left out."""


@jsii.implements(ec2.IConnectable, iam.IGrantable)
class PrivateWorkload(Construct):
    """What runs in private, whatever runs it: a role, a way in and a way out, alarms."""

    def __new__(cls, *placed: Any, **given: Any) -> Self:
        made = [each for each in cls.__mro__ if "__init__" in vars(each) and issubclass(each, PrivateWorkload)]
        known = {name for each in made for name in inspect.signature(each.__init__).parameters}
        for name in sorted(given.keys() & _TAKEN_BY.keys() - known):
            scope, id, *_ = (*placed, given.get("scope"), given.get("id"))
            path = f"{scope.node.path}/{id}".lstrip("/") if isinstance(scope, Construct) else cls.__name__
            write = f"it without, or {_TAKEN_BY[name]}(...)"
            raise invalid(path, name, given[name], allowed=f"nothing: {cls.__name__} has no {name}", write=write)
        return super().__new__(cls)

    role: iam.Role
    """What the program may do; nothing until it is granted."""
    encryption_key: kms.IKey
    """The key of its logs, and of what else is stored."""
    topic: sns.ITopic
    """Where alarms go."""
    dashboard: cloudwatch.Dashboard
    """All of it on one page."""

    def __init__(self, scope: Construct, id: str, *, waivers: Sequence[Waiver], types: Sequence[str]) -> None:
        super().__init__(scope, id)
        self._path = self.node.path
        self._connections = ec2.Connections()
        self._outbound = ec2.Connections()
        with self._or_nothing():
            check_list(
                self._path,
                "waivers",
                waivers,
                Waiver,
                allowed="a list of Waiver",
                write='waivers=[Waiver("SC-ECS-13", reason="...")]',
            )
            self._off = DefaultsOff(self, self._path, waivers, types=types)
        self._removal = (
            RemovalPolicy.DESTROY if self._off.waived("SC-DEL-01") else RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
        )

    @property
    def connections(self) -> ec2.Connections:
        """The way in: `client.outbound.allow_to_default_port(service)` for another of these services, in whichever
        stack; for others `service.connections.allow_default_port_from(client)`."""
        return self._connections

    @property
    def outbound(self) -> ec2.Connections:
        """The way out: `service.outbound.allow_to_default_port(database)`. So the rules stand in the service's stack,
        which may depend on that of the database."""
        return self._outbound

    @property
    def grant_principal(self) -> iam.IPrincipal:
        """Its role, for grants: `table.grant_read_data(service)`."""
        return self.role

    def add_alarm_target(self, target: sns.ITopic | cloudwatch.IAlarmAction) -> None:
        """Send every alarm to somebody else too.

        Args:
            target: a topic, whose policy and key have to let CloudWatch in, or any action of an alarm.

        Raises:
            ValueError: the target is neither.
        """
        if not hasattr(target, "topic_arn") and not hasattr(target, "bind"):
            write = "service.add_alarm_target(topic)"
            allowed = "a topic, or an action of an alarm"
            raise invalid(f"{self._path}: add_alarm_target", "target", target, allowed=allowed, write=write)
        action: Any = actions.SnsAction(cast("sns.ITopic", target)) if hasattr(target, "topic_arn") else target
        self._watch.alarms.also_tell(action)

    @contextmanager
    def _or_nothing(self) -> Iterator[None]:
        """A wrong argument leaves nothing behind."""
        try:
            yield
        except ValueError:
            home = self.node.scope
            if home is not None:
                home.node.try_remove_child(self.node.id)
            raise

    def _found(
        self, *, key: kms.IKey | None, topic: sns.ITopic | None, limits: ServiceLimits | None, title: str
    ) -> None:
        """Make what a service stands on: its key, its topic and its watch."""
        self.encryption_key = key or own_key(
            self, f"Encrypts logs of {self._path}", off=self._off, removal=self._removal
        )
        self.topic = topic or alarm_topic(
            self,
            "Topic",
            display_name=title,
            rotation=not self._off.waived("SC-KMS-01"),
            removal=self._removal,
            organization_id=None,
        )
        self._watch = ServiceWatch(self, "Watch", topic=self.topic, limits=limits or ServiceLimits())
        self.dashboard = self._watch.dashboard


class PrivateService(PrivateWorkload):
    """What runs all the time."""

    _load: LoadMetrics

    def metric_cpu(self) -> cloudwatch.Metric:
        """How busy its processors are, in percent."""
        return self._load.cpu

    def metric_memory(self) -> cloudwatch.Metric:
        """How much of its memory is used, in percent."""
        return self._load.memory


class PrivateWebService(PrivateService):
    """A service that answers HTTPS on the private network: the same outputs on every engine, so that one can take the
    place of another."""

    url: str
    """Where clients find it."""
    _requests: RequestMetrics

    def metric_requests(self) -> cloudwatch.IMetric:
        """How many requests come, in a minute."""
        return self._requests.requests

    def metric_errors(self) -> cloudwatch.IMetric:
        """How many answers of a hundred are 5xx."""
        return self._requests.errors

    def metric_latency(self) -> cloudwatch.IMetric:
        """How long the slowest hundredth of answers takes."""
        return self._requests.latency
