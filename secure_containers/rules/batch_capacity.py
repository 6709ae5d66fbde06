"""Rules about the queues of AWS Batch and the compute environments behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from secure_containers.rules.batch_model import ENVIRONMENT, QUEUE, Order, orders, platform
from secure_containers.rules.engine import Controls, Observations, Severity, resource_rule, template_rule
from secure_containers.rules.event_model import RULE, is_default, names, takes, unless_done
from secure_containers.rules.host_checks import (
    LAUNCH_TEMPLATE,
    launch_templates,
    launch_templates_in,
    no_key_pair,
    unhardened,
)
from secure_containers.rules.template import (
    Resource,
    Template,
    Value,
    Verdict,
    World,
    settled,
    surely,
    where,
)

_CAPACITY: Final = ("ManagedInstancesProvider", "InstanceLaunchTemplate", "CapacityOptionType")


@resource_rule("SC-BAT-10", types=(QUEUE,), guidelines=("batch-logs-and-alarms",))
def stuck_jobs(queue: Resource) -> Observations:
    """A job that can never start blocks the queue in silence.

    ## Why
    A job that asks for more than any host has, or whose hosts cannot join, stays `RUNNABLE` at the head of the queue.
    All jobs behind it wait with it, none fails, and no alarm speaks.

    ## Fix
    Give the queue `JobStateTimeLimitActions` for the state `RUNNABLE`, one a reason; Batch then cancels the job, and
    its failure can be seen.

    ## Bad
    ```yaml
    Resources:
      Queue:
        Type: AWS::Batch::JobQueue
        Properties:
          Priority: 1
          ComputeEnvironmentOrder:
            - {Order: 1, ComputeEnvironment: !Ref Environment}
    ```

    ## Good
    ```yaml
    Resources:
      Queue:
        Type: AWS::Batch::JobQueue
        Properties:
          Priority: 1
          ComputeEnvironmentOrder:
            - {Order: 1, ComputeEnvironment: !Ref Environment}
          JobStateTimeLimitActions:
            - Action: CANCEL
              State: RUNNABLE
              MaxTimeSeconds: 3600
              Reason: MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT
    ```
    """
    for actions in queue.get("JobStateTimeLimitActions"):
        states = [state for action in actions.items() for state in action.get("State")]
        if not surely([(state.text == "RUNNABLE", state) for state in states], actions):
            place = next((state for state in states if state.unknown), actions)
            yield place.violates("JobStateTimeLimitActions say nothing of the state RUNNABLE")


@resource_rule("SC-BAT-11", types=(QUEUE,), guidelines=("batch-capacity-mix",))
def critical_on_spot(queue: Resource) -> Observations:
    """The most urgent jobs wait for capacity that may not come.

    ## Why
    Spot capacity is what is left over, and is taken back with two minutes' notice. A queue that has nothing else stands
    still when there is none; and the queue of the highest priority is the last one whose jobs should be interrupted.

    ## Fix
    Put an environment of type `EC2` or `FARGATE` into every queue, and no Spot environment into the queue with the
    highest `Priority`, if the queues have different ones.

    ## Bad
    ```yaml
    Resources:
      Queue:
        Type: AWS::Batch::JobQueue
        Properties:
          Priority: 1
          ComputeEnvironmentOrder:
            - {Order: 1, ComputeEnvironment: !Ref Spot}
      Spot:
        Type: AWS::Batch::ComputeEnvironment
        Properties:
          Type: MANAGED
          ComputeResources: {Type: FARGATE_SPOT, MaxvCpus: 16, Subnets: [subnet-0a1b2c3d]}
    ```

    ## Good
    ```yaml
    Resources:
      Queue:
        Type: AWS::Batch::JobQueue
        Properties:
          Priority: 1
          ComputeEnvironmentOrder:
            - {Order: 1, ComputeEnvironment: !Ref Spot}
            - {Order: 2, ComputeEnvironment: !Ref OnDemand}
      Spot:
        Type: AWS::Batch::ComputeEnvironment
        Properties:
          Type: MANAGED
          ComputeResources: {Type: FARGATE_SPOT, MaxvCpus: 16, Subnets: [subnet-0a1b2c3d]}
      OnDemand:
        Type: AWS::Batch::ComputeEnvironment
        Properties:
          Type: MANAGED
          ComputeResources: {Type: FARGATE, MaxvCpus: 16, Subnets: [subnet-0a1b2c3d]}
    ```
    """
    urgent = _is_most_urgent(queue)
    for listed, found in orders(queue):
        told = [capacity for order in found for capacity in settled(_on_demand(order))]
        may_be_all = not surely(told, listed)
        spot = next((value for on_demand, value in told if on_demand is False), None)
        unknown = next((value for on_demand, value in told if on_demand is None), None)
        if may_be_all and spot is not None and unknown is None:
            yield queue.violates("all compute environments of the queue are Spot", at=listed.path)
        elif urgent and spot is not None:
            yield queue.violates("the queue with the highest priority has a Spot environment", at=spot.path)
        elif unknown is not None and (urgent or may_be_all):
            yield unknown.undecided("is it Spot capacity?")


def _on_demand(order: Order) -> Iterator[Verdict]:
    """Whether a queue's environment is on demand, in each of its variants, as the queue's own value."""
    types = order.types()
    if not types:
        yield None, order.value
    for type_ in types:
        if platform(type_) == "managed instances":
            for kind in type_.beside("ComputeResources", *_CAPACITY):
                yield None if kind.unknown else kind.text != "SPOT", _seen_from(order.value, kind)
        else:
            on_demand = not type_.text.upper().endswith("SPOT")
            yield on_demand if platform(type_) else None, _seen_from(order.value, type_)


def _seen_from(value: Value, other: Value) -> Value:
    """`value` where `other` stands; what holds in another template says nothing in this one."""
    return where(value, other) if other.resource.template is value.resource.template else value


def _is_most_urgent(queue: Resource) -> bool:
    """Whether it may be that no other queue comes before this one, and some come after it."""
    priorities = queue.template.world.once(_priorities)
    others = [min(found) for other, found in priorities.items() if other is not queue and found]
    return any(others and max(others) <= own and min(others) < own for own in priorities[queue])


def _priorities(world: World) -> Mapping[Resource, list[int]]:
    """What is told of the priority of each queue."""
    return {
        queue: [int(value.text) for value in queue.get("Priority") if value.text.isdecimal()]
        for queue in world.of_type(QUEUE)
    }


@template_rule(
    "SC-BAT-12",
    types=(ENVIRONMENT, LAUNCH_TEMPLATE),
    guidelines=("ecs-launch-types", "encryption-at-rest"),
    controls=Controls(
        fsbp=("EC2.170", "EC2.181"),
        source="https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html",
    ),
)
def unhardened_hosts(template: Template) -> Observations:
    """The instances of a compute environment are as the image has them.

    ## Why
    Without a launch template whatever runs in a job may ask the metadata service for the instance's credentials, by a
    plain request and from within a container; what jobs leave on the disks lies there in the clear; and a key pair
    opens a way in that no log shows.

    ## Fix
    Give the environment a launch template with `HttpTokens: required`, `HttpPutResponseHopLimit: 1` (2 at most for
    EKS), and every volume `Encrypted`. Name no key pair; sessions of Systems Manager need none.

    ## Bad
    ```yaml
    Resources:
      Environment:
        Type: AWS::Batch::ComputeEnvironment
        Properties:
          Type: MANAGED
          ComputeResources:
            Type: EC2
            MaxvCpus: 16
            InstanceTypes: [c7g]
            InstanceRole: !Ref Profile
    ```

    ## Good
    ```yaml
    Resources:
      Environment:
        Type: AWS::Batch::ComputeEnvironment
        Properties:
          Type: MANAGED
          ComputeResources:
            Type: EC2
            MaxvCpus: 16
            InstanceTypes: [c7g]
            InstanceRole: !Ref Profile
            LaunchTemplate: {LaunchTemplateId: !Ref Hosts}
      Hosts:
        Type: AWS::EC2::LaunchTemplate
        Properties:
          LaunchTemplateData:
            MetadataOptions: {HttpTokens: required, HttpPutResponseHopLimit: 1}
            BlockDeviceMappings:
              - DeviceName: /dev/xvda
                Ebs: {VolumeType: gp3, VolumeSize: 50, Encrypted: true}
    ```
    """
    for environment in template.of_type(ENVIRONMENT):
        for type_ in environment.get("ComputeResources", "Type"):
            if type_.unknown:
                yield type_.undecided("does it start instances?")
            elif platform(type_) == "instances":
                for resources in type_.beside("ComputeResources"):
                    yield from no_key_pair(resources.get("Ec2KeyPair"))
                    yield from _launch_templates(resources)
    limits = template.world.once(_hop_limits)
    for hosts in template.of_type(LAUNCH_TEMPLATE):
        if hosts in limits:
            yield from unhardened(hosts, limits[hosts])


def _launch_templates(resources: Value) -> Observations:
    """What is wrong with how a compute environment names its launch templates."""
    for launch in resources.get("LaunchTemplate"):
        names = launch_templates_in(launch)
        if launch.unknown or not names:
            yield launch.violates("there is no launch template", about="LaunchTemplate")
            continue
        for name in names:
            if not launch_templates(name):
                yield name.undecided("how does the launch template set up its instances?")


def _hop_limits(world: World) -> Mapping[Resource, int]:
    """The launch templates of compute environments, and how far their metadata may travel."""
    found: dict[Resource, int] = {}
    for environment in world.of_type(ENVIRONMENT):
        limit = 1 if any(value.absent for value in environment.get("EksConfiguration")) else 2
        for launch in environment.get("ComputeResources", "LaunchTemplate"):
            for name in launch_templates_in(launch):
                for hosts in launch_templates(name):
                    found[hosts] = min(limit, found.get(hosts, limit))
    return found


@resource_rule("SC-BAT-14", types=(ENVIRONMENT,), guidelines=("deployable-templates",), severity=Severity.WARNING)
def replacing_batch_tags(environment: Resource) -> Observations:
    """A changed tag replaces the compute environment.

    ## Why
    CloudFormation cannot change the tags of a compute environment: whoever adds a tag to the app replaces all of them.
    The old one is deleted while jobs may still run in it; on Fargate it is left invalid then, and the update fails.

    ## Fix
    Keep tags off: `Tags.of(app).add("owner", "payments", exclude_resource_types=["AWS::Batch::ComputeEnvironment"])`.
    Tag instances in `ComputeResources.Tags`. Queues and job definitions take new tags in place and are no finding.

    ## Bad
    ```yaml
    Resources:
      Environment:
        Type: AWS::Batch::ComputeEnvironment
        Properties:
          Type: MANAGED
          ComputeResources: {Type: FARGATE, MaxvCpus: 16, Subnets: [subnet-0a1b2c3d]}
          Tags: {owner: payments}
    ```

    ## Good
    ```yaml
    Resources:
      Environment:
        Type: AWS::Batch::ComputeEnvironment
        Properties:
          Type: MANAGED
          ComputeResources: {Type: FARGATE, MaxvCpus: 16, Subnets: [subnet-0a1b2c3d]}
    ```
    """
    # By the resource schemas of October 2026 the tags of queues and scheduling policies change in place; before that
    # every change replaced these too (cloudformation-coverage-roadmap#2463).
    for tags in environment.get("Tags"):
        if tags.data:
            yield tags.violates("every change of the tags replaces the compute environment")


@resource_rule("SC-BAT-16", types=(QUEUE,), guidelines=("batch-logs-and-alarms",))
def unwatched_jobs(queue: Resource) -> Observations:
    """A failed job tells nobody.

    ## Why
    Whoever submitted the job has gone home, or is a function that ended long ago. Batch has no metric of failed jobs,
    and forgets them after a week; the event is all that there is.

    ## Fix
    Let a rule of EventBridge take the events of `aws.batch` of type `Batch Job State Change` and status `FAILED`, and
    send them to somebody: a topic, a queue, an alarm on a log group.

    ## Bad
    ```yaml
    Resources:
      Queue:
        Type: AWS::Batch::JobQueue
        Properties:
          Priority: 1
          ComputeEnvironmentOrder:
            - {Order: 1, ComputeEnvironment: !Ref Environment}
    ```

    ## Good
    ```yaml
    Resources:
      Queue:
        Type: AWS::Batch::JobQueue
        Properties:
          Priority: 1
          ComputeEnvironmentOrder:
            - {Order: 1, ComputeEnvironment: !Ref Environment}
      FailedJobs:
        Type: AWS::Events::Rule
        Properties:
          EventPattern:
            source: [aws.batch]
            detail-type: [Batch Job State Change]
            detail: {status: [FAILED], jobQueue: [!Ref Queue]}
          Targets:
            - {Id: operators, Arn: !Ref Alerts}
    ```
    """
    yield from unless_done(
        queue,
        ((rule, _conditions(rule, queue)) for rule in queue.template.world.of_type(RULE)),
        message="no enabled rule of EventBridge takes its failed jobs anywhere",
        question="does a rule of EventBridge take its failed jobs anywhere?",
    )


def _conditions(rule: Resource, queue: Resource) -> Iterator[list[Verdict]]:
    """What has to hold so that a rule takes the failed jobs of a queue somewhere, each in all its variants."""
    patterns = [parsed for pattern in rule.get("EventPattern") for parsed in pattern.parsed()]
    yield [verdict for pattern in patterns for verdict in takes(pattern.get("source"), "aws.batch", absent=False)]
    yield [verdict for pattern in patterns for verdict in takes(pattern.get("detail-type"), "Batch Job State Change")]
    yield [verdict for pattern in patterns for verdict in takes(pattern.get("detail", "status"), "FAILED")]
    yield [verdict for pattern in patterns for verdict in _takes_jobs_of(queue, pattern.get("detail", "jobQueue"))]
    yield [(None if state.unknown else state.text != "DISABLED", state) for state in rule.get("State")]
    yield [(is_default(bus), bus) for bus in rule.get("EventBusName")]
    yield [(None if each.unknown else True, each) for targets in rule.get("Targets") for each in targets.items()]


def _takes_jobs_of(queue: Resource, values: list[Value]) -> Iterator[Verdict]:
    yield from ((True, value) for value in values if value.absent)
    yield from names(values, queue)
