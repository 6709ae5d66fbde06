"""Small values that arguments of services take, the same for every engine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from typing import TYPE_CHECKING, Final

from aws_cdk import Duration, Size, Token
from aws_cdk import aws_route53 as route53

from secure_containers.errors import check_type, invalid
from secure_containers.tasks.parts import check_path

if TYPE_CHECKING:
    from aws_cdk import aws_certificatemanager as acm
    from aws_cdk import aws_servicediscovery as servicediscovery
    from aws_cdk import aws_signer as signer

    from secure_containers.ecr import EcrImage

_MIB: Final = 1024**2
_HOST: Final = re.compile(r"(?=.{4,128}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PATH: Final = re.compile(r"/[\w$./~&=+%?-]{0,1023}", re.ASCII)
OTHER_PARTITIONS: Final = ("us-gov-", "cn-", "us-iso", "eu-isoe")
"""How Regions begin where Amazon ECS watches no alarms during a deployment, and where AWS has not said that Fargate
takes a tmpfs."""
_MOST_TASKS: Final = 5000
"""Of a service, by the quota of Amazon ECS."""
_PERCENT: Final = (1, 100)
_LONGEST_GRACE_SECONDS: Final = 3600
_MOST_BAKE_MINUTES: Final = 1440
ALARM_MINUTES: Final = 5
"""How long an alarm looks at a service, three minutes of which have to be bad."""
_PLATFORM: Final = "Notation-OCI-SHA384-ECDSA"
_MOST_ANCHORS: Final = 3000
"""Letters: all variables of a function have 4 KB."""
_MOST_DEPLOYMENT_HOURS: Final = 33
"""CloudFormation refuses deployments by steps that take longer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scaling:
    """How many copies of a container run, and what they are counted by. At most one measure is named; without one each
    engine has its own: the processor for tasks, concurrent requests for App Runner.

    Args:
        min: the least that run, in as many zones as there are. Fewer than 2 needs a waiver of SC-ECS-13 for tasks: one
            alone is down while it is replaced.
        max: the most that run.
        cpu: how busy the processors are kept, in percent. For tasks; left out: 60.
        requests_per_target: how many requests a minute each task is given. For tasks behind a load balancer.
        concurrency: how many requests each copy is given at once, 1 to 200. For App Runner; left out: 100.
    """

    min: int = 2
    max: int = 10
    cpu: int | None = None
    requests_per_target: int | None = None
    concurrency: int | None = None

    def __post_init__(self) -> None:
        for name, least, most in (
            ("min", 1, _MOST_TASKS),
            ("max", 1, _MOST_TASKS),
            ("cpu", *_PERCENT),
            ("requests_per_target", 1, 10**6),
            ("concurrency", 1, 200),
        ):
            write = f"Scaling({name}={max(least, 2)})"
            required = name in ("min", "max")
            _check_number("Scaling", name, getattr(self, name), (least, most), write, required=required)
        if self.min > self.max:
            raise invalid("Scaling", "min", self.min, allowed=f"at most max, {self.max}", write=f"max={self.min}")
        named = [name for name in ("cpu", "requests_per_target", "concurrency") if getattr(self, name) is not None]
        if len(named) > 1:
            got = " and ".join(named)
            raise invalid("Scaling", "measure", got, allowed="one measure, or none", write=f"Scaling({named[0]}=...)")

    @property
    def grows_to(self) -> int | None:
        """Up to how many copies it grows; None if as many as that always run."""
        return self.max if self.max > self.min else None


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthCheck:
    """How an engine asks a container whether it is well.

    Args:
        path: what it asks for by HTTP; anything but 200 is ill. Left out: `/`.
        interval: how often, 5 to 20 seconds. Left out: 10, where the engine lets it be chosen.
        timeout: how long an answer may take, 2 seconds to less than `interval`. Left out: 5.
        healthy: after how many good answers it is well, 2 to 10. Left out: 2.
        unhealthy: after how many bad ones it is ill, 2 to 10. Left out: 3.
        grace: how long after its start nobody minds, for `SecureFargateService`: up to an hour. Left out: a minute.
    """

    path: str = "/"
    interval: Duration | None = None
    timeout: Duration | None = None
    healthy: int | None = None
    unhealthy: int | None = None
    grace: Duration | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.path, str) or not (Token.is_unresolved(self.path) or _PATH.fullmatch(self.path)):
            allowed = "a path that begins with /"
            raise invalid("HealthCheck", "path", self.path, allowed=allowed, write='HealthCheck(path="/health")')
        for name, most in (("interval", 20), ("timeout", 19)):
            given = getattr(self, name)
            check_type("HealthCheck", name, given, Duration, allowed="a duration", write=f"{name}=Duration.seconds(10)")
            least = 5 if name == "interval" else 2
            seconds = _measured(given) if given is not None else least
            if not least <= seconds <= most or seconds != int(seconds):
                allowed = f"{least} to {most} whole seconds, which every engine takes"
                got = f"{seconds:g} seconds"
                raise invalid("HealthCheck", name, got, allowed=allowed, write=f"{name}=Duration.seconds({least})")
        write = "grace=Duration.minutes(2)"
        check_type("HealthCheck", "grace", self.grace, Duration, allowed="a duration", write=write)
        if not 0 <= self.grace_seconds <= _LONGEST_GRACE_SECONDS:
            got = f"{self.grace_seconds} seconds"
            raise invalid("HealthCheck", "grace", got, allowed="an hour at most", write=write)
        for name in ("healthy", "unhealthy"):
            _check_number("HealthCheck", name, getattr(self, name), (2, 10), f"{name}=3")
        if self.timeout_seconds >= self.interval_seconds:
            got = f"{self.timeout_seconds} seconds"
            allowed = f"less than interval, {self.interval_seconds} seconds"
            raise invalid("HealthCheck", "timeout", got, allowed=allowed, write="timeout=Duration.seconds(2)")

    @property
    def interval_seconds(self) -> int:
        return int(self.interval.to_seconds()) if self.interval is not None else 10

    @property
    def timeout_seconds(self) -> int:
        return int(self.timeout.to_seconds()) if self.timeout is not None else min(5, self.interval_seconds - 1)

    @property
    def grace_seconds(self) -> int:
        return int(self.grace.to_seconds()) if self.grace is not None else 60

    @property
    def healthy_count(self) -> int:
        return self.healthy or 2

    @property
    def unhealthy_count(self) -> int:
        return self.unhealthy or 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Domain:
    """The name by which clients know a service, and what proves it.

    Args:
        name: such as `"orders.example.com"`. Requests for any other name are refused.
        certificate: a certificate of AWS Certificate Manager for the name, of the service's own Region.
        zone: the private hosted zone in which the name is made. Left out, whoever keeps the zone points the name at
            `load_balancer`.
        weight: which share of the clients the name sends here, 0 to 255, while several services have it: the way to
            move from one to another. Left out, all of them.
    """

    name: str
    certificate: acm.ICertificate
    zone: route53.IHostedZone | None = None
    weight: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not (Token.is_unresolved(self.name) or _HOST.fullmatch(self.name)):
            allowed = "a full domain name in small letters, without a wildcard"
            raise invalid("Domain", "name", self.name, allowed=allowed, write='name="orders.example.com"')
        write = 'certificate=acm.Certificate.from_certificate_arn(self, "Certificate", "arn:...")'
        if not hasattr(self.certificate, "certificate_arn"):
            raise invalid("Domain", "certificate", self.certificate, allowed="a certificate", write=write)
        arn = self.certificate.certificate_arn
        if not Token.is_unresolved(arn) and ":acm:" not in arn:
            raise invalid("Domain", "certificate", arn, allowed="a certificate of AWS Certificate Manager", write=write)
        if self.zone is not None:
            _check_zone(self.zone, self.name)
        _check_number("Domain", "weight", self.weight, (0, 255), "weight=10")
        if self.weight is not None and self.zone is None:
            write = "zone=..., weight=..."
            raise invalid("Domain", "weight", self.weight, allowed="together with zone only", write=write)


@dataclass(frozen=True, slots=True)
class Scratch:
    """A directory that a program may write to, empty when a task starts.

    Args:
        path: where.
        size: how large, 1 MiB at least; in memory it counts for the task's memory. Left out: 64 MiB.
        on_disk: of the task's own storage in place of its memory, as large as `ephemeral_storage` is. The image
            declares the directory as a `VOLUME` that its user owns.
    """

    path: str
    size: Size = field(default_factory=lambda: Size.mebibytes(64), kw_only=True)
    on_disk: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        check_path("Scratch", "path", self.path)
        write = 'Scratch("/tmp", size=Size.mebibytes(256))'
        if not isinstance(self.size, Size) or self.size.to_bytes() < _MIB:
            raise invalid("Scratch", "size", self.size, allowed="1 MiB at least", write=write)
        if not isinstance(self.on_disk, bool):
            raise invalid("Scratch", "on_disk", self.on_disk, allowed="True or False", write="on_disk=True")


@dataclass(frozen=True, kw_only=True, slots=True)
class Discovery:
    """A name by which other programs of the network find the tasks themselves, past the load balancer.

    Args:
        namespace: the private DNS namespace of AWS Cloud Map.
        name: in that namespace, such as `"orders"`.
    """

    namespace: servicediscovery.INamespace
    name: str

    def __post_init__(self) -> None:
        if not hasattr(self.namespace, "namespace_id"):
            write = 'namespace=servicediscovery.PrivateDnsNamespace(self, "Names", name="internal", vpc=network.vpc)'
            raise invalid("Discovery", "namespace", self.namespace, allowed="a private namespace", write=write)
        kind = getattr(self.namespace, "type", None)
        if kind is not None and getattr(kind, "name", "") not in ("", "DNS_PRIVATE"):
            write = 'servicediscovery.PrivateDnsNamespace(self, "Names", name="internal", vpc=network.vpc)'
            raise invalid("Discovery", "namespace", kind.name, allowed="a private DNS namespace", write=write)
        if not isinstance(self.name, str) or not (Token.is_unresolved(self.name) or _LABEL.fullmatch(self.name)):
            allowed = "small letters, digits and dashes"
            raise invalid("Discovery", "name", self.name, allowed=allowed, write='name="orders"')


def _check_zone(zone: route53.IHostedZone, name: str) -> None:
    """Refuse what is no zone, and one in which the name cannot be made, as far as it tells."""
    write = "zone=route53.PrivateHostedZone.from_hosted_zone_attributes(...)"
    if not hasattr(type(zone), "hosted_zone_id") and not hasattr(zone, "hosted_zone_id"):
        raise invalid("Domain", "zone", zone, allowed="a hosted zone", write=write)
    if isinstance(zone, route53.PublicHostedZone):
        allowed = "a private zone: what the public one says anybody may read"
        raise invalid("Domain", "zone", zone.node.path, allowed=allowed, write=write)
    try:
        found = zone.zone_name.rstrip(".")
    except RuntimeError:  # imported by its id alone
        return
    if not Token.is_unresolved(found) and not Token.is_unresolved(name) and not f".{name}".endswith(f".{found}"):
        raise invalid("Domain", "zone", found, allowed=f"a zone above {name}", write=write)


class _Strategy(StrEnum):
    ROLLING = "ROLLING"
    BLUE_GREEN = "BLUE_GREEN"
    CANARY = "CANARY"
    LINEAR = "LINEAR"


@dataclass(frozen=True, slots=True)
class Deployment:
    """How a new version takes the place of the old one; made by `rolling()`, `blue_green()`, `canary()` and `linear()`.

    Each of them goes back by itself when an alarm of the service goes off, rolling and blue/green ones also when tasks
    do not get healthy; with the others requests wait for tasks that are. After one by
    traffic, production stands in the other group of targets, of which CloudFormation does not know: docs/services.md
    says which changes then interrupt it.
    """

    strategy: str
    bake_minutes: int
    percent: int | None = None
    step_minutes: int | None = None

    def __post_init__(self) -> None:
        if self.strategy not in set(_Strategy):
            write = "Deployment.rolling(), .blue_green(), .canary() or .linear()"
            raise invalid("Deployment", "strategy", self.strategy, allowed=", ".join(_Strategy), write=write)

    @classmethod
    def rolling(cls) -> Deployment:
        """Task by task: new ones are healthy before old ones stop."""
        return cls(_Strategy.ROLLING, 0)

    @classmethod
    def blue_green(cls, *, bake: Duration = Duration.minutes(10)) -> Deployment:  # noqa: B008 - it cannot be changed
        """All at once, while the old tasks wait until the new ones have proven themselves.

        Args:
            bake: how long the old tasks are kept, up to a day.
        """
        return cls(_Strategy.BLUE_GREEN, _minutes("blue_green", "bake", bake))

    @classmethod
    def canary(
        cls,
        *,
        percent: int = 10,
        wait: Duration = Duration.minutes(10),  # noqa: B008 - likewise
        bake: Duration = Duration.minutes(10),  # noqa: B008 - likewise
    ) -> Deployment:
        """A part of the requests first, then all.

        Args:
            percent: how many of a hundred requests the new tasks get at first, more than `error_percent` of the
                service's limits, to 99.
            wait: how long the others wait, 5 minutes to a day.
            bake: how long the old tasks are kept, 5 minutes to a day.
        """
        _check_number("Deployment.canary", "percent", percent, (1, 99), "percent=10", required=True)
        minutes, step = _watched_minutes("canary", bake=bake, wait=wait)
        _check_length("canary", 1, step, minutes)
        return cls(_Strategy.CANARY, minutes, percent, step)

    @classmethod
    def linear(
        cls,
        *,
        percent: int = 20,
        wait: Duration = Duration.minutes(5),  # noqa: B008 - likewise
        bake: Duration = Duration.minutes(10),  # noqa: B008 - likewise
    ) -> Deployment:
        """More and more of the requests, in equal steps.

        Args:
            percent: how many of a hundred requests come with each step, 3 to 99, and more than `error_percent` of the
                service's limits.
            wait: how long after each step, 5 minutes to a day.
            bake: how long the old tasks are kept, 5 minutes to a day.
        """
        _check_number("Deployment.linear", "percent", percent, (3, 99), "percent=20", required=True)
        minutes, step = _watched_minutes("linear", bake=bake, wait=wait)
        _check_length("linear", ceil(100 / percent) - 1, step, minutes)
        return cls(_Strategy.LINEAR, minutes, percent, step)

    @property
    def has_breaker(self) -> bool:
        """Whether Amazon ECS notices by itself that tasks do not get healthy: AWS's pages say so of these two."""
        return self.strategy in (_Strategy.ROLLING, _Strategy.BLUE_GREEN)

    @property
    def by_traffic(self) -> bool:
        """Whether two sets of tasks run side by side, and requests move from one to the other."""
        return self.strategy != _Strategy.ROLLING


@dataclass(frozen=True, kw_only=True, slots=True)
class Tracing:
    """Traces in AWS X-Ray, by OpenTelemetry.

    Args:
        collector: the image of the AWS Distro for OpenTelemetry collector, from a repository of yours, by its digest:
            private networks do not reach the public one. App Runner has a collector of its own, and takes no notice of
            this one.
    """

    collector: EcrImage | None = None

    def __post_init__(self) -> None:
        if self.collector is not None and not hasattr(self.collector, "by_digest"):
            write = "Tracing(collector=repository.image(digest=...))"
            raise invalid("Tracing", "collector", self.collector, allowed="an image of a repository", write=write)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrustedSigners:
    """Whose signatures let an image be deployed.

    Args:
        profiles: signing profiles of AWS Signer.
        unsigned: images that need no signature, such as those of sidecars that others make.
        trust_anchors: root certificates as PEM, in place of AWS's own. Outside the commercial Regions it has to be
            given: AWS's root for them is told by AWS only.
    """

    profiles: Sequence[signer.ISigningProfile]
    unsigned: Sequence[EcrImage] = ()
    trust_anchors: str | None = None

    def __post_init__(self) -> None:
        where = "TrustedSigners"
        if not self.profiles or not all(hasattr(each, "signing_profile_version_arn") for each in self.profiles):
            write = "TrustedSigners(profiles=[profile])"
            raise invalid(where, "profiles", self.profiles, allowed="signing profiles of AWS Signer", write=write)
        for profile in self.profiles:
            platform = getattr(profile.node.default_child, "platform_id", _PLATFORM)
            if platform != _PLATFORM and not Token.is_unresolved(platform):
                allowed = f"profiles of {_PLATFORM}, which sign images"
                write = f'signer.CfnSigningProfile(self, "Profile", platform_id="{_PLATFORM}")'
                raise invalid(where, "profiles", platform, allowed=allowed, write=write)
        for image in self.unsigned:
            if not getattr(image, "by_digest", False):
                write = "unsigned=[repository.image(digest=...)]"
                raise invalid(where, "unsigned", image, allowed="images by their digests", write=write)
        anchors = self.trust_anchors
        if isinstance(anchors, str) and len(anchors) > _MOST_ANCHORS:
            got, allowed = f"{len(anchors)} letters", f"{_MOST_ANCHORS} letters at most, which is one root certificate"
            write = 'trust_anchors=Path("root.pem").read_text()'
            raise invalid(where, "trust_anchors", got, allowed=allowed, write=write)
        if anchors is not None and (not isinstance(anchors, str) or "BEGIN CERTIFICATE" not in anchors):
            allowed = "certificates as PEM"
            write = 'trust_anchors=Path("root.pem").read_text()'
            raise invalid(where, "trust_anchors", anchors, allowed=allowed, write=write)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceLimits:
    """From where on people hear of a service, and a deployment goes back.

    Args:
        error_percent: answers of 5xx among a hundred, in three of five minutes.
        latency: how long the slowest hundredth of answers takes, in three of five minutes. Left out: 2 seconds.
        utilization: how busy processors or memory are, in percent, over a quarter of an hour.
    """

    error_percent: float = 5
    latency: Duration | None = None
    utilization: int = 90

    def __post_init__(self) -> None:
        got = self.error_percent
        if not isinstance(got, int | float) or isinstance(got, bool) or not 0 < got <= _PERCENT[1]:
            allowed = "percent, more than 0 to 100"
            raise invalid("ServiceLimits", "error_percent", got, allowed=allowed, write="error_percent=5")
        _check_number("ServiceLimits", "utilization", self.utilization, _PERCENT, "utilization=90", required=True)
        write = "latency=Duration.seconds(2)"
        check_type("ServiceLimits", "latency", self.latency, Duration, allowed="a duration", write=write)
        if self.latency_seconds <= 0:
            raise invalid("ServiceLimits", "latency", "0 seconds", allowed="more than nothing", write=write)

    @property
    def latency_seconds(self) -> float:
        return self.latency.to_milliseconds() / 1000 if self.latency is not None else 2.0


def _check_number(
    where: str, name: str, got: object, bounds: tuple[int, int], write: str, *, required: bool = False
) -> None:
    least, most = bounds
    if got is None and not required:
        return
    if not isinstance(got, int) or isinstance(got, bool) or not least <= got <= most:
        raise invalid(where, name, got, allowed=f"{least} to {most}", write=write)


def _watched_minutes(method: str, *, bake: object, wait: object) -> tuple[int, int]:
    """Long enough for an alarm: only alarms take these deployments back."""
    return _minutes(method, "bake", bake, least=ALARM_MINUTES), _minutes(method, "wait", wait, least=ALARM_MINUTES)


def _minutes(method: str, name: str, given: object, *, least: int = 0) -> int:
    where = f"Deployment.{method}"
    if not isinstance(given, Duration):
        raise invalid(where, name, given, allowed="a duration", write=f"{name}=Duration.minutes(10)")
    minutes = _measured(given) / 60
    if not least <= minutes <= _MOST_BAKE_MINUTES or minutes != int(minutes):
        allowed = f"whole minutes, {least} to {_MOST_BAKE_MINUTES}{', as long as alarms take' if least else ''}"
        raise invalid(where, name, f"{minutes:g} minutes", allowed=allowed, write=f"{name}=Duration.minutes(10)")
    return int(minutes)


def _measured(duration: Duration) -> float:
    """Its seconds, also where they are no whole number, which the CDK refuses with an error of its own."""
    return duration.to_milliseconds() / 1000


def _check_length(method: str, waits: int, wait: int, bake: int) -> None:
    """Refuse a deployment by steps that CloudFormation would not wait for."""
    hours = (waits * wait + bake) / 60
    if hours > _MOST_DEPLOYMENT_HOURS:
        raise invalid(
            f"Deployment.{method}",
            "wait",
            f"{hours:g} hours in all",
            allowed=f"{_MOST_DEPLOYMENT_HOURS} hours at most, for which CloudFormation waits",
            write="wait=Duration.minutes(5)",
        )
