"""Rules about events that nobody handles: what could not be delivered, what failed, and who hears of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from secure_containers.rules.engine import Controls, Observations, resource_rule, template_rule
from secure_containers.rules.event_model import (
    BUCKET,
    FUNCTION,
    INVOCATIONS,
    MAPPING,
    QUEUE,
    RULE,
    SCHEDULE,
    dead_letters,
    functions,
    is_given,
    names,
    single_events,
    sources,
    unless_done,
)
from secure_containers.rules.intrinsics import Given
from secure_containers.rules.template import Place, Resource, Template, Value, Verdict, World, is_left_out, settled

_CDK_NAG_RULES: Final = "https://github.com/cdklabs/cdk-nag/blob/main/RULES.md"
_SUBSCRIPTION: Final = "AWS::SNS::Subscription"
_ALARM: Final = "AWS::CloudWatch::Alarm"
_ON_FAILURE: Final = ("DestinationConfig", "OnFailure", "Destination")
_STREAMS: Final = ("dynamodb", "kinesis")
_SENDERS: Final = ("s3.amazonaws.com", "sns.amazonaws.com", "ses.amazonaws.com", "iot.amazonaws.com")
"""The services that always invoke without waiting for the answer."""
_SCHEDULERS: Final = ("events.amazonaws.com", "scheduler.amazonaws.com")
"""Those that may do so every day, by a rule or a schedule that tells."""
_METRICS: Final = ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage")


@resource_rule("SC-EVT-01", types=(RULE, SCHEDULE), guidelines=("event-driven-pipeline",))
def undelivered_events(bearer: Resource) -> Observations:
    """An event that cannot be delivered is lost.

    ## Why
    EventBridge tries for a day, and does not try at all when it may not send or the target is gone. What it cannot
    deliver it then drops, and nothing tells which upload, job or finding that was.

    ## Fix
    Give every target a `DeadLetterConfig` with a queue, whose policy lets `events.amazonaws.com` send to it. A rule or
    schedule that acts every hour or day needs none, for the next call comes by itself; a schedule `at(...)` does.

    ## Bad
    ```yaml
    Resources:
      Uploads:
        Type: AWS::Events::Rule
        Properties:
          EventPattern: {source: [aws.batch], detail-type: [Batch Job State Change]}
          Targets:
            - {Id: function, Arn: !GetAtt Function.Arn}
    ```

    ## Good
    ```yaml
    Resources:
      Uploads:
        Type: AWS::Events::Rule
        Properties:
          EventPattern: {source: [aws.batch], detail-type: [Batch Job State Change]}
          Targets:
            - Id: function
              Arn: !GetAtt Function.Arn
              DeadLetterConfig: {Arn: !GetAtt Undelivered.Arn}
      Undelivered:
        Type: AWS::SQS::Queue
    ```
    """
    for reason, target in single_events(bearer):
        for queue in target.get("DeadLetterConfig", "Arn"):
            if not is_left_out(queue):
                continue
            if bearer.type == SCHEDULE and reason.unknown:
                yield reason.undecided("does it happen once, so that the event needs a DeadLetterConfig?")
            else:
                yield queue.violates("the target has no DeadLetterConfig")


@template_rule(
    "SC-EVT-02",
    types=(FUNCTION, QUEUE, MAPPING),
    guidelines=("event-driven-pipeline",),
    controls=Controls(
        nist_800_53_r5=(
            "AU-12(3)",
            "AU-14a",
            "AU-14b",
            "CA-2(2)",
            "CA-7",
            "CA-7b",
            "PM-14a.1",
            "PM-14b",
            "PM-31",
            "SC-36(1)(a)",
            "SI-2a",
        ),
        hipaa=("164.312(b)",),
        source=_CDK_NAG_RULES,
    ),
)
def forgotten_failures(template: Template) -> Observations:
    """An event that a function fails on is lost.

    ## Why
    Whoever sent the event does not wait for the answer. Lambda tries twice more and drops the event; a queue without a
    dead-letter queue gives out the same message until it is too old; a stream stands still until its record is.

    ## Fix
    Give a function that rules, buckets or topics invoke a `DeadLetterConfig` or an `AWS::Lambda::EventInvokeConfig`
    with an `OnFailure` destination; the queue that it reads a `RedrivePolicy`; the mapping of a stream an `OnFailure`
    destination. What a rule or a schedule calls every hour or day needs none.

    ## Bad
    ```yaml
    Resources:
      Topic:
        Type: AWS::SNS::Topic
      Subscription:
        Type: AWS::SNS::Subscription
        Properties: {TopicArn: !Ref Topic, Protocol: lambda, Endpoint: !GetAtt Function.Arn}
      Function:
        Type: AWS::Lambda::Function
        Properties: {Role: !GetAtt Role.Arn, Timeout: 30}
    ```

    ## Good
    ```yaml
    Resources:
      Topic:
        Type: AWS::SNS::Topic
      Subscription:
        Type: AWS::SNS::Subscription
        Properties: {TopicArn: !Ref Topic, Protocol: lambda, Endpoint: !GetAtt Function.Arn}
      Function:
        Type: AWS::Lambda::Function
        Properties:
          Role: !GetAtt Role.Arn
          Timeout: 30
          DeadLetterConfig: {TargetArn: !GetAtt Failed.Arn}
      Failed:
        Type: AWS::SQS::Queue
    ```
    """
    world = template.world
    for function in template.of_type(FUNCTION):
        invocations = world.once(_invocations).get(function, ())
        found = [seen for invoked, by in invocations for seen in _forgotten(function, by, invoked=invoked)]
        yield from sorted(found, key=lambda seen: not seen.decided)[:1]
    for queue in template.of_type(QUEUE):
        if queue in world.once(_polled_queues):
            for arn in dead_letters(queue, "RedrivePolicy"):
                if is_left_out(arn):
                    yield arn.violates(
                        "a function reads the queue, which has no dead-letter queue", about="RedrivePolicy"
                    )
    for mapping in template.of_type(MAPPING):
        yield from _unkept_records(mapping)


def _forgotten(function: Resource, by: Value, *, invoked: bool | None) -> Observations:
    """What happens to an event that a function is invoked with, where `by` holds."""
    given = function.given | (by.given if by.resource.template is function.template else frozenset())
    kept = settled(_destinations(function))
    told: list[Given] = [
        value.given
        for verdict, value in kept
        if verdict and (value.resource.template is function.template or not value.given)
    ]
    if function.template.always(told, given):
        return
    untold = by if invoked is None else next((value for verdict, value in kept if verdict is None), None)
    if untold is not None:
        yield function.undecided("are the events kept that it fails on?", by=untold)
    else:
        caller = by.resource.logical_id
        yield function.violates(f"{caller} invokes it and does not wait: it has no DeadLetterConfig and no OnFailure")


def _destinations(function: Resource) -> Iterator[Verdict]:
    """Whether what a function fails on goes somewhere."""
    configured = function.template.world.once(_configured).get(function, ())
    values = [
        *function.get("DeadLetterConfig", "TargetArn"),
        *(v for each in configured for v in each.get(*_ON_FAILURE)),
    ]
    return ((is_given(value), value) for value in values)


def _configured(world: World) -> Mapping[Place, list[Resource]]:
    found: dict[Place, list[Resource]] = {}
    for configuration in world.of_type(INVOCATIONS):
        for value in configuration.get("FunctionName"):
            for function in functions(world, value):
                found.setdefault(function, []).append(configuration)
    return found


def _invocations(world: World) -> Mapping[Place, list[Verdict]]:
    """By whom each function is invoked without waiting; None where it may be every day or hour, which is no matter."""
    found: dict[Place, list[Verdict]] = {}
    for verdict, value in _invoking(world):
        for function in functions(world, value):
            found.setdefault(function, []).append((verdict, value))
    return found


def _invoking(world: World) -> Iterator[Verdict]:
    for bearer in world.of_type(RULE, SCHEDULE):
        for reason, target in single_events(bearer):
            known = bearer.type == RULE or not reason.unknown
            yield from ((known or None, arn) for arn in target.get("Arn"))
    for bucket in world.of_type(BUCKET):
        for listed in bucket.get("NotificationConfiguration", "LambdaConfigurations"):
            yield from ((True, value) for each in listed.items() for value in each.get("Function"))
    for subscription in world.of_type(_SUBSCRIPTION):
        if any(protocol.text == "lambda" for protocol in subscription.get("Protocol")):
            yield from ((True, value) for value in subscription.get("Endpoint"))
    for topic in world.of_type("AWS::SNS::Topic"):
        for listed in topic.get("Subscription"):
            for each in listed.items():
                if any(protocol.text == "lambda" for protocol in each.get("Protocol")):
                    yield from ((True, value) for value in each.get("Endpoint"))
    for permission in world.of_type("AWS::Lambda::Permission"):
        yield from _permitted(world, permission)


def _permitted(world: World, permission: Resource) -> Iterator[Verdict]:
    """A permission tells of rules that stand elsewhere, and of notifications that a custom resource sets up."""
    principals = {value.text for value in permission.get("Principal")}
    here = any(isinstance(place, Resource) for place in world.places(permission, "SourceArn"))
    if principals & set(_SENDERS):
        yield from ((True, value) for value in permission.get("FunctionName"))
    elif principals & set(_SCHEDULERS) and not here:
        yield from ((None, value) for value in permission.get("FunctionName"))


def _polled_queues(world: World) -> frozenset[Place]:
    return frozenset(
        place
        for mapping in world.of_type(MAPPING)
        for _, place, _ in sources(mapping)
        if isinstance(place, Resource) and place.type == QUEUE
    )


def _unkept_records(mapping: Resource) -> Observations:
    """What is wrong with a mapping of a stream, or of a queue that stands in none of the templates."""
    for source, place, service in sources(mapping):
        for destination in source.beside(*_ON_FAILURE):
            if service in _STREAMS and is_left_out(destination):
                yield destination.violates(
                    "records that the function fails on go nowhere: no OnFailure", about="OnFailure"
                )
            elif not isinstance(place, Resource) and (service == "sqs" or (not service and is_left_out(destination))):
                yield source.undecided("has the queue a dead-letter queue?")


@template_rule("SC-EVT-03", types=(QUEUE,), guidelines=("cloudwatch-logs-and-alarms", "event-driven-pipeline"))
def unwatched_dead_letters(template: Template) -> Observations:
    """Messages in a dead-letter queue tell nobody.

    ## Why
    A dead-letter queue keeps what failed for some days, and then deletes it too. Unless an alarm speaks meanwhile, it
    only delays the loss.

    ## Fix
    Set an alarm on the queue's `ApproximateNumberOfMessagesVisible`; `NumberOfMessagesSent` does not count what is
    moved there. An alarm that is made elsewhere cannot be seen in these templates: judge them together, or waive the
    finding and say where it is.

    ## Bad
    ```yaml
    Resources:
      Work:
        Type: AWS::SQS::Queue
        Properties:
          RedrivePolicy: {deadLetterTargetArn: !GetAtt Failed.Arn, maxReceiveCount: 3}
      Failed:
        Type: AWS::SQS::Queue
    ```

    ## Good
    ```yaml
    Resources:
      Work:
        Type: AWS::SQS::Queue
        Properties:
          RedrivePolicy: {deadLetterTargetArn: !GetAtt Failed.Arn, maxReceiveCount: 3}
      Failed:
        Type: AWS::SQS::Queue
      WorkFailed:
        Type: AWS::CloudWatch::Alarm
        Properties:
          Namespace: AWS/SQS
          MetricName: ApproximateNumberOfMessagesVisible
          Dimensions: [{Name: QueueName, Value: !GetAtt Failed.QueueName}]
          Statistic: Maximum
          Period: 300
          EvaluationPeriods: 1
          Threshold: 1
          ComparisonOperator: GreaterThanOrEqualToThreshold
          AlarmActions: [!Ref Alerts]
    ```
    """
    for queue in template.of_type(QUEUE):
        if queue in template.world.once(_dead_letter_queues):
            yield from unless_done(
                queue,
                [(metric.resource, _watches(metric, queue)) for metric in template.world.once(_metrics)],
                message="no alarm of these templates tells of messages in it, and it is a dead-letter queue",
                question="does an alarm tell of messages in it?",
            )


def _dead_letter_queues(world: World) -> frozenset[Place]:
    named = [value for each in world.of_type(QUEUE, _SUBSCRIPTION) for value in dead_letters(each, "RedrivePolicy")]
    named += [value for function in world.of_type(FUNCTION) for value in function.get("DeadLetterConfig", "TargetArn")]
    named += [value for each in world.of_type(INVOCATIONS, MAPPING) for value in each.get(*_ON_FAILURE)]
    for bearer in world.of_type(RULE, SCHEDULE):
        for name in ("Targets", "Target"):
            for targets in bearer.get(name):
                named += [arn for target in targets.items() for arn in target.get("DeadLetterConfig", "Arn")]
    return frozenset(place for value in named for place in world.locate(value))


def _metrics(world: World) -> list[Value]:
    """The metrics that alarms look at: an alarm's own, or those that it computes with."""
    return [
        metric
        for alarm in world.of_type(_ALARM)
        for properties in alarm.properties(alarm.given)
        for metric in (
            properties,
            *(m for each in properties.get("Metrics") for i in each.items() for m in i.get("MetricStat", "Metric")),
        )
    ]


def _watches(metric: Value, queue: Resource) -> Iterator[list[Verdict]]:
    """What has to hold so that a metric tells of the messages in a queue."""
    yield [(None if value.unknown else value.text == "AWS/SQS", value) for value in metric.get("Namespace")]
    yield [(None if value.unknown else value.text in _METRICS, value) for value in metric.get("MetricName")]
    dimensions = [each for values in metric.get("Dimensions") for each in values.items()]
    yield list(names([value for each in dimensions for value in each.get("Value")], queue, "QueueName"))
