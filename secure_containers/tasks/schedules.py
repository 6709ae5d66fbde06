"""What runs again and again, by Amazon EventBridge Scheduler.

Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
"""

from __future__ import annotations

import re
from typing import Any, Final

from aws_cdk import Duration, Token
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from secure_containers.errors import invalid

_AGE: Final = Duration.hours(1)
_TRIES: Final = 5
_EXPRESSION: Final = re.compile(r"(cron|rate|at)\(.+\)")


def on_schedule(
    scope: Construct,
    id: str,
    *,
    description: str,
    schedule: scheduler.ScheduleExpression,
    undelivered: sqs.IQueue,
    target: str,
    role_arn: str,
    **how: Any,
) -> scheduler.CfnSchedule:
    """A schedule that is tried again for an hour, and whose failures wait in a queue.

    Args:
        scope: the parent.
        id: the construct id.
        description: what it does.
        schedule: when.
        undelivered: where failures wait.
        target: the ARN of what is called.
        role_arn: by whose permissions.
        how: what else the target is told.
    """
    return scheduler.CfnSchedule(
        scope,
        id,
        description=description[:512],
        schedule_expression=schedule.expression_string,
        schedule_expression_timezone=schedule.time_zone.timezone_name if schedule.time_zone else None,
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        target=scheduler.CfnSchedule.TargetProperty(
            arn=target,
            role_arn=role_arn,
            dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=undelivered.queue_arn),
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_event_age_in_seconds=_AGE.to_seconds(), maximum_retry_attempts=_TRIES
            ),
            **how,
        ),
    )


def check_schedule(path: str, id: str, schedule: object, owner: Construct) -> None:
    """Refuse what is no expression of a schedule, and an id that the owner has already."""
    text = getattr(schedule, "expression_string", None)
    if not hasattr(schedule, "time_zone") or not (Token.is_unresolved(text) or _EXPRESSION.fullmatch(str(text))):
        write = 'schedule=ScheduleExpression.cron(hour="2", minute="0")'
        allowed = "a ScheduleExpression of EventBridge Scheduler: cron(...), rate(...) or at(...)"
        raise invalid(path, "schedule", text or schedule, allowed=allowed, write=write)
    if owner.node.try_find_child(id) is not None:
        allowed = f"an id that nothing in {owner.node.path} has"
        raise invalid(path, "id", id, allowed=allowed, write=f'add_schedule("{id}Schedule", ...)')
