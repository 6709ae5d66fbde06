"""Rules about what invokes functions: uploads that no filter bounds, and queues that functions read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Final

from secure_containers.rules.engine import Controls, Observations, resource_rule
from secure_containers.rules.event_model import (
    BUCKET,
    FUNCTION,
    MAPPING,
    QUEUE,
    RULE,
    functions,
    is_given,
    service_of,
    sources,
    takes,
)
from secure_containers.rules.task_model import stand_together
from secure_containers.rules.template import (
    Observation,
    Place,
    Resource,
    Value,
    Verdict,
    bounds,
    is_told,
    is_true,
    settled,
    surely,
    where,
)

_OF_THE_CDK: Final = "Custom::S3BucketNotifications"
_NOTIFICATIONS: Final[Mapping[str, tuple[tuple[str, ...], str, tuple[str, ...]]]] = {
    BUCKET: (
        ("LambdaConfigurations", "QueueConfigurations", "TopicConfigurations"),
        "Event",
        ("Filter", "S3Key", "Rules"),
    ),
    _OF_THE_CDK: (
        ("LambdaFunctionConfigurations", "QueueConfigurations", "TopicConfigurations"),
        "Events",
        ("Filter", "Key", "FilterRules"),
    ),
}
"""Where a bucket, and the resource by which the CDK sets one up, keep configurations, their events and filters."""
_WORKERS: Final = frozenset({"lambda", "sqs", "batch", "states", "ecs"})
"""The services whose targets do something with an object."""
_PATTERNS: Final = ("prefix", "suffix", "wildcard", "equals-ignore-case")
_DEFAULT_TIMEOUT: Final = 3
_DEFAULT_VISIBILITY: Final = 30
_BATCH_WITHOUT_WINDOW: Final = 10
_LIMITS: Final = (
    (("ScalingConfig", "MaximumConcurrency"), 2, 1000),
    (("MaximumBatchingWindowInSeconds",), 0, 300),
    (("BatchSize",), 1, 10000),
)


@resource_rule("SC-EVT-04", types=(BUCKET, _OF_THE_CDK, RULE), guidelines=("event-driven-pipeline", "least-privilege"))
def unfiltered_uploads(bearer: Resource) -> Observations:
    """Every object of a bucket starts work.

    ## Why
    What a function or a job writes into the bucket starts it again, without end and at your cost; and whoever can write
    anything there can start it. A rule of EventBridge that names no bucket takes the objects of all of them.

    ## Fix
    Give the notification a `Filter` with a `prefix` or `suffix`; let the pattern of a rule name `detail.bucket.name`
    and `detail.object.key`, by a `prefix`, `suffix` or `wildcard`. Let results go to another bucket, or to a prefix
    that the filter leaves out. A parameter for the prefix needs an `AllowedPattern` that leaves no room for nothing.

    ## Bad
    ```yaml
    Resources:
      Uploads:
        Type: AWS::Events::Rule
        Properties:
          EventPattern: {source: [aws.s3], detail-type: [Object Created]}
          Targets:
            - Id: function
              Arn: !GetAtt Function.Arn
              DeadLetterConfig: {Arn: !ImportValue Undelivered}
      Function:
        Type: AWS::Lambda::Function
        Properties: {Role: !GetAtt Role.Arn, DeadLetterConfig: {TargetArn: !ImportValue Failed}}
    ```

    ## Good
    ```yaml
    Resources:
      Uploads:
        Type: AWS::Events::Rule
        Properties:
          EventPattern:
            source: [aws.s3]
            detail-type: [Object Created]
            detail:
              bucket: {name: [!Ref Bucket]}
              object: {key: [{prefix: incoming/}]}
          Targets:
            - Id: function
              Arn: !GetAtt Function.Arn
              DeadLetterConfig: {Arn: !ImportValue Undelivered}
      Function:
        Type: AWS::Lambda::Function
        Properties: {Role: !GetAtt Role.Arn, DeadLetterConfig: {TargetArn: !ImportValue Failed}}
    ```
    """
    if bearer.type == RULE:
        yield from _unfiltered_rule(bearer)
    else:
        yield from _unfiltered_notifications(bearer)


def _unfiltered_notifications(bearer: Resource) -> Observations:
    lists, events, filters = _NOTIFICATIONS[bearer.type]
    for name in lists:
        for listed in bearer.get("NotificationConfiguration", name):
            for configuration in listed.items():
                named = [each for values in configuration.get(events) for each in values.items()]
                if any(each.unknown or each.text.startswith("s3:ObjectCreated") for each in named):
                    yield from _unfiltered(configuration.get(*filters), name)


def _unfiltered(filters: list[Value], name: str) -> Observations:
    for rules in filters:
        told = [(is_given(value), value) for rule in rules.items() for value in rule.get("Value")]
        if not surely(told, rules):
            place = next((value for _, value in told if value.unknown), rules)
            yield place.violates(f"{name} have no filter: every new object is told", about=name)


def _unfiltered_rule(rule: Resource) -> Observations:
    for written in rule.get("EventPattern"):
        for pattern in written.parsed():
            conditions = (
                list(takes(pattern.get("source"), "aws.s3", absent=False)),
                list(takes(pattern.get("detail-type"), "Object Created")),
                list(_works(rule, pattern)),
            )
            if any(all(verdict is False for verdict, _ in each) for each in conditions):
                continue
            unsure = [each for each in conditions if not any(verdict for verdict, _ in each)]
            untold = next((value for each in unsure for verdict, value in each if verdict is None), None)
            for fields, what in ((("bucket", "name"), "bucket"), (("object", "key"), "key of an object")):
                place = next(_unbounded(pattern, *fields), None)
                if place is not None and untold is not None:
                    yield untold.undecided("do new objects of every bucket start work?")
                elif place is not None:
                    yield place.violates(f"the pattern names no {what}", about=fields[0])


def _works(rule: Resource, pattern: Value) -> Iterator[Verdict]:
    """Whether a target does something with the objects, itself or by a queue; a topic or a log only tells of them."""
    for targets in pattern.beside("Targets"):
        for target in targets.items():
            for arn in target.get("Arn"):
                for place in rule.template.world.locate(arn):
                    service = service_of(place)
                    yield (service in _WORKERS if service else None), arn


def _unbounded(pattern: Value, *fields: str) -> Iterator[Value]:
    """Where a pattern leaves open what a field is; a list takes what any of its elements does."""
    values = pattern.get("detail", *fields)
    others = [each for listed in pattern.get("detail", "$or") for each in listed.items()]
    if others and all(value.absent for value in values):
        values = [value for each in others for value in each.get(*fields)]
    for value in values:
        items = [] if value.unknown else list(value.items())
        if not items:
            yield value
        for item in items:
            yield from _open(item, but="anything-but" if fields == ("object", "key") else "")


def _open(item: Value, *, but: str) -> Iterator[Value]:
    """An element of a pattern, if it takes everything; a text, known or not, is one name."""
    if isinstance(item.data, dict) and but not in item.data:
        texts = [value for name in _PATTERNS for value in item.get(name) if not value.absent]
        yield from [value for value in texts if not is_given(value) or not value.text.strip("*")] if texts else [item]


@resource_rule(
    "SC-EVT-05",
    types=(MAPPING,),
    guidelines=("event-driven-pipeline",),
    controls=Controls(
        nist_800_53_r5=("AU-12(3)", "AU-14a", "AU-14b", "CA-7", "CA-7b", "PM-14a.1", "PM-14b", "PM-31", "SC-6"),
        hipaa=("164.312(b)",),
        source="https://github.com/cdklabs/cdk-nag/blob/main/RULES.md",
    ),
)
def unbounded_concurrency(mapping: Resource) -> Observations:
    """A full queue starts as many functions as the account has.

    ## Why
    Lambda goes on adding instances while there are messages. A flood of uploads then takes the concurrency of all other
    functions of the account, runs against the limits of whatever the function calls, and is paid for.

    ## Fix
    Set `ScalingConfig.MaximumConcurrency` of the mapping; messages that wait stay in the queue. The function's
    `ReservedConcurrentExecutions` bounds it too, but throttled messages count as received and may end as dead letters.

    ## Bad
    ```yaml
    Resources:
      Reader:
        Type: AWS::Lambda::EventSourceMapping
        Properties: {EventSourceArn: !GetAtt Work.Arn, FunctionName: !Ref Function}
      Work:
        Type: AWS::SQS::Queue
        Properties: {RedrivePolicy: {deadLetterTargetArn: !ImportValue Failed, maxReceiveCount: 3}}
      Function:
        Type: AWS::Lambda::Function
        Properties: {Role: !GetAtt Role.Arn}
    ```

    ## Good
    ```yaml
    Resources:
      Reader:
        Type: AWS::Lambda::EventSourceMapping
        Properties:
          EventSourceArn: !GetAtt Work.Arn
          FunctionName: !Ref Function
          ScalingConfig: {MaximumConcurrency: 5}
      Work:
        Type: AWS::SQS::Queue
        Properties: {RedrivePolicy: {deadLetterTargetArn: !ImportValue Failed, maxReceiveCount: 3}}
      Function:
        Type: AWS::Lambda::Function
        Properties: {Role: !GetAtt Role.Arn}
    ```
    """
    for source, _, service in sources(mapping):
        bounded = settled(_bounded(mapping))
        given = [value.given for verdict, value in bounded if verdict]
        if service not in ("sqs", "") or mapping.template.always(given, source.given):
            continue
        untold = next((value for verdict, value in bounded if verdict is None), None if service else source)
        if untold is None:
            yield mapping.violates("neither MaximumConcurrency nor ReservedConcurrentExecutions bounds the function")
        else:
            yield untold.undecided("how many instances of a function may read a queue?")


def _bounded(mapping: Resource) -> Iterator[Verdict]:
    """Whether something bounds the instances of a function, as values of the mapping."""
    for path in (("ScalingConfig", "MaximumConcurrency"), ("ProvisionedPollerConfig", "MaximumPollers")):
        yield from ((not value.absent, value) for value in mapping.get(*path))
    for name in mapping.get("FunctionName"):
        for place in functions(mapping.template.world, name):
            if not isinstance(place, Resource):
                yield None, name
                continue
            for reserved in place.get("ReservedConcurrentExecutions"):
                here = place.template is mapping.template
                if here or not reserved.given:
                    yield not reserved.absent, where(name, reserved)


@resource_rule("SC-EVT-06", types=(MAPPING,), guidelines=("deployable-templates",))
def undeployable_event_source(mapping: Resource) -> Observations:
    """Lambda will refuse to read a queue.

    ## Why
    CloudFormation does not compare a queue with the function that reads it: Lambda does, in the deployment, which then
    rolls back.

    ## Fix
    Write what the message says is allowed. Let the queue's `VisibilityTimeout` be six times the function's `Timeout`,
    as AWS advises, so that a message does not come again while its function still works. A parameter for a number needs
    a `MinValue` and a `MaxValue` within it.

    ## Bad
    ```yaml
    Resources:
      Reader:
        Type: AWS::Lambda::EventSourceMapping
        Properties:
          EventSourceArn: !GetAtt Work.Arn
          FunctionName: !Ref Function
          ScalingConfig: {MaximumConcurrency: 5}
      Work:
        Type: AWS::SQS::Queue
        Properties: {RedrivePolicy: {deadLetterTargetArn: !ImportValue Failed, maxReceiveCount: 3}}
      Function:
        Type: AWS::Lambda::Function
        Properties: {Role: !GetAtt Role.Arn, Timeout: 60}
    ```

    ## Good
    ```yaml
    Resources:
      Reader:
        Type: AWS::Lambda::EventSourceMapping
        Properties:
          EventSourceArn: !GetAtt Work.Arn
          FunctionName: !Ref Function
          ScalingConfig: {MaximumConcurrency: 5}
      Work:
        Type: AWS::SQS::Queue
        Properties:
          VisibilityTimeout: 360
          RedrivePolicy: {deadLetterTargetArn: !ImportValue Failed, maxReceiveCount: 3}
      Function:
        Type: AWS::Lambda::Function
        Properties: {Role: !GetAtt Role.Arn, Timeout: 60}
    ```
    """
    for path, least, most in _LIMITS:
        for value in mapping.get(*path):
            low, high = bounds(value)
            if not (value.absent or (least <= low and high <= most)):
                yield _refused(value, f"{path[-1]} is {value.text}: {least} to {most} are allowed")
    for source, place, service in sources(mapping):
        for batch in source.beside("BatchSize"):
            if service in ("sqs", "") and not (batch.absent or bounds(batch)[1] <= _BATCH_WITHOUT_WINDOW):
                yield from _large_batch(source, place, batch, service)
        if isinstance(place, Resource) and place.type == QUEUE:
            yield from _seen_again(mapping, source, place)


def _large_batch(source: Value, place: Place, batch: Value, service: str) -> Observations:
    """A batch of more than ten messages takes time to gather, which a FIFO queue does not have."""
    if isinstance(place, Resource) and any(is_true(value.data) for value in place.get("FifoQueue")):
        yield _refused(batch, f"BatchSize is {batch.text}: a FIFO queue gives out {_BATCH_WITHOUT_WINDOW} at most")
        return
    for window in batch.beside("MaximumBatchingWindowInSeconds"):
        if window.meets(source) and not bounds(window)[0] >= 1:
            if not service:
                yield source.undecided("is it a queue, which needs a batching window for a BatchSize above 10?")
            else:
                message = (
                    f"BatchSize is {batch.text}: above {_BATCH_WITHOUT_WINDOW} needs MaximumBatchingWindowInSeconds"
                )
                yield _refused(window if window.unknown else batch, message)


def _seen_again(mapping: Resource, source: Value, queue: Resource) -> Observations:
    named = [
        place
        for name in mapping.get("FunctionName")
        if name.meets(source)
        for place in functions(mapping.template.world, name)
    ]
    for function in named:
        if not isinstance(function, Resource) or function.type != FUNCTION:
            continue
        for visible, timeout in product(queue.get("VisibilityTimeout"), function.get("Timeout")):
            least = _DEFAULT_VISIBILITY if visible.absent else bounds(visible)[0]
            most = _DEFAULT_TIMEOUT if timeout.absent else bounds(timeout)[1]
            if not stand_together(visible, timeout) or most <= least:
                continue
            message = (
                f"the VisibilityTimeout of {queue.logical_id} ({visible.text or _DEFAULT_VISIBILITY}) is less than the "
                f"Timeout of {function.logical_id} ({timeout.text or _DEFAULT_TIMEOUT})"
            )
            untold = next((value for value in (visible, timeout) if not is_told(value)), None)
            if untold is None:
                yield mapping.violates(message, at=source.path)
            else:
                yield mapping.undecided("is a message hidden while the function works on it?", by=untold)


def _refused(value: Value, message: str) -> Observation:
    return value.violates(message) if is_told(value) else value.undecided(message)
