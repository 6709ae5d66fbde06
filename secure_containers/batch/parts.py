"""Small values that arguments of environments and jobs take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from aws_cdk import Duration

from secure_containers.errors import check_list, check_type, invalid

_SHARE: Final = re.compile(r"[A-Za-z0-9]{1,254}\*?")
_WEIGHTS: Final = (0.0001, 999.9999)
_CANCEL_SECONDS: Final = (600, 86_400)
_ATTEMPTS: Final = (2, 10)
_MOST_EXIT_CODES: Final = 2
"""Of five conditions three are for reclaimed capacity, failed pulls and everything else."""
_MOST_VCPUS: Final = 100_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Fleet:
    """How many vCPUs run at once, for each way of paying for them. Nothing runs, and nothing is paid for, while no job
    waits.

    Args:
        critical: of the critical queue, on demand.
        spot: of the standard queue, on spot.
        fallback: of the standard queue, on demand, where there is no spot capacity. None at all (0) needs a waiver of
            SC-BAT-11: jobs then wait until there is.
    """

    critical: int = 64
    spot: int = 256
    fallback: int = 64

    def __post_init__(self) -> None:
        for name in ("critical", "spot", "fallback"):
            got = getattr(self, name)
            least = 0 if name == "fallback" else 1
            if not isinstance(got, int) or isinstance(got, bool) or not least <= got <= _MOST_VCPUS:
                allowed = f"vCPUs, {least} to {_MOST_VCPUS}"
                raise invalid("Fleet", name, got, allowed=allowed, write=f"Fleet({name}=64)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """Somebody's share of the queues: who got less than the others is served next.

    Args:
        identifier: what jobs are submitted with; letters and digits. With `*` at the end, all that begin so.
        weight: how fast its use counts, 0.0001 to 999.9999: half of it is twice the share. Left out: 1.
    """

    identifier: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.identifier, str) or not _SHARE.fullmatch(self.identifier):
            allowed = "1 to 255 letters and digits, a * at most at the end"
            raise invalid("Share", "identifier", self.identifier, allowed=allowed, write='Share(identifier="research")')
        if not isinstance(self.weight, int | float) or not _WEIGHTS[0] <= self.weight <= _WEIGHTS[1]:
            allowed = f"{_WEIGHTS[0]} to {_WEIGHTS[1]}"
            raise invalid("Share", "weight", self.weight, allowed=allowed, write="weight=0.5")

    def covers(self, identifier: str) -> bool:
        """Whether jobs submitted with an identifier are of this share."""
        if self.identifier.endswith("*"):
            return identifier.startswith(self.identifier[:-1])
        return identifier == self.identifier


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueLimits:
    """How long a queue may be before somebody hears of it, and before jobs that cannot start are cancelled.

    Args:
        jobs: how many jobs wait before an alarm, 1 to 1000. Left out: 500.
        age: how long a job stands at the front of the queue before an alarm. Left out: half an hour.
        cancel_after: after what time jobs are cancelled that cannot start, for want of capacity or since nothing is
            large enough for them; 10 minutes to a day. The reason is kept in the job. Left out: four hours.
    """

    jobs: int = 500
    age: Duration = field(default_factory=lambda: Duration.minutes(30))
    cancel_after: Duration = field(default_factory=lambda: Duration.hours(4))

    def __post_init__(self) -> None:
        if not isinstance(self.jobs, int) or not 1 <= self.jobs <= MOST_COUNTED:
            allowed = f"1 to {MOST_COUNTED}, as far as waiting jobs are counted"
            raise invalid("QueueLimits", "jobs", self.jobs, allowed=allowed, write="jobs=500")
        for name in ("age", "cancel_after"):
            write = f"{name}=Duration.hours(1)"
            check_type("QueueLimits", name, getattr(self, name), Duration, allowed="a duration", write=write)
        seconds = self.cancel_after.to_seconds()
        if not _CANCEL_SECONDS[0] <= seconds <= _CANCEL_SECONDS[1]:
            raise invalid(
                "QueueLimits",
                "cancel_after",
                f"{seconds:g} seconds",
                allowed=f"{_CANCEL_SECONDS[0]} to {_CANCEL_SECONDS[1]} seconds",
                write="cancel_after=Duration.hours(4)",
            )


MOST_COUNTED: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Retries:
    """How often a job is tried. What is tried again: jobs whose capacity was reclaimed, images that could not be
    pulled, and the exit codes that are named. Whatever else fails, fails at once.

    Args:
        attempts: the most attempts, the first one included; 2 to 10.
        exit_codes: up to two exit codes by which the program asks to be tried again; a `*` at the end stands for any
            digits.
    """

    attempts: int = 3
    exit_codes: Sequence[int | str] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.attempts, int) or not _ATTEMPTS[0] <= self.attempts <= _ATTEMPTS[1]:
            allowed = f"{_ATTEMPTS[0]} to {_ATTEMPTS[1]}"
            raise invalid("Retries", "attempts", self.attempts, allowed=allowed, write="Retries(attempts=3)")
        write = "Retries(exit_codes=[75])"
        check_list("Retries", "exit_codes", self.exit_codes, (int, str), allowed="exit codes", write=write)
        for code in self.exit_codes:
            if not re.fullmatch(r"\d{1,3}|\d{1,2}\*", str(code)) or str(code) == "0":
                raise invalid("Retries", "exit_codes", code, allowed="1 to 255, a * at most at the end", write=write)
        if len(self.exit_codes) > _MOST_EXIT_CODES:
            allowed = f"{_MOST_EXIT_CODES} at most: AWS Batch takes five conditions, and three are for the rest"
            raise invalid("Retries", "exit_codes", list(self.exit_codes), allowed=allowed, write=write)
