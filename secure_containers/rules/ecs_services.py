"""Rules about the services of Amazon ECS: that they recover by themselves, and grow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from secure_containers.rules.ecs_model import (
    EXPRESS,
    SERVICE,
    TASK_SET,
    containers,
    definitions,
    is_daemon,
    scaling,
    ways_in,
    ways_to_call,
)
from secure_containers.rules.ecs_tasks import ECS_CONTROLS
from secure_containers.rules.engine import Controls, Observations, Severity, resource_rule
from secure_containers.rules.event_model import RULE, SCHEDULE, ecs_targets, unless_done
from secure_containers.rules.template import Observation, Resource, Value, Verdict, bounds, is_left_out, is_true, where

_GUARDS: Final = ("DeploymentCircuitBreaker", "Alarms")


@resource_rule("SC-ECS-09", types=(SERVICE, TASK_SET), guidelines=("services-recover",))
def unchecked_service(service: Resource) -> Observations:
    """A task that hangs is never replaced.

    ## Why
    Amazon ECS replaces a task that ends. One that is stuck, out of connections or deaf does not end: without somebody
    who asks how it is, it stays, and a deployment counts it as well.

    ## Fix
    Put the service behind a target group, whose health check asks; or give an essential container a `HealthCheck`, as
    for a worker that nobody calls.

    ## Bad
    ```yaml
    Resources:
      Service:
        Type: AWS::ECS::Service
        Properties: {Cluster: !Ref Cluster, TaskDefinition: !Ref Task}
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          ContainerDefinitions:
            - {Name: worker, Image: public.ecr.aws/docker/library/busybox:1.37.0}
    ```

    ## Good
    ```yaml
    Resources:
      Service:
        Type: AWS::ECS::Service
        Properties: {Cluster: !Ref Cluster, TaskDefinition: !Ref Task}
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          ContainerDefinitions:
            - Name: worker
              Image: public.ecr.aws/docker/library/busybox:1.37.0
              HealthCheck: {Command: [CMD-SHELL, test -f /tmp/alive]}
    ```
    """
    asked = ways_in(service)
    for named in service.get("TaskDefinition"):
        if named.absent:
            continue  # its task sets name one each
        found = definitions(named)
        checks = [each for definition in found for each in _checks(definition)]
        own = [check for check in checks if check.resource.template is service.template]
        done = [each.given for each in (*asked, *own) if not each.unknown]
        elsewhere = [definition for definition in found if definition.template is not service.template]
        done += [named.given for definition in elsewhere if _is_checked(definition)]
        if service.template.always(done, named.given):
            continue
        untold = next((each for each in (*asked, *checks) if each.unknown), named if not found else None)
        if untold is None:
            message = "no target group and no HealthCheck of a container asks whether its tasks are well"
            yield service.violates(message, at=named.path)
        else:
            yield service.undecided("does anything ask whether its tasks are well?", by=untold)


def _checks(definition: Resource) -> Iterator[Value]:
    """The health checks of essential containers."""
    for container in containers(definition):
        for check in container.value.get("HealthCheck"):
            for essential in container.value.get("Essential") if not check.absent else ():
                if essential.unknown:
                    yield essential
                elif essential.meets(check) and (essential.absent or is_true(essential.data)):
                    yield where(check, essential)


def _is_checked(definition: Resource) -> bool:
    return definition.always([check.given for check in _checks(definition) if not check.unknown])


@resource_rule("SC-ECS-10", types=(SERVICE,), guidelines=("services-recover",))
def unguarded_deployment(service: Resource) -> Observations:
    """A deployment that fails goes on failing.

    ## Why
    Amazon ECS starts a task that cannot live again and again, for hours, and CloudFormation waits with it. The old
    tasks go as soon as the new ones count as well, whatever their users see.

    ## Fix
    Set `DeploymentCircuitBreaker` with `Enable: true` and `Rollback: true`; or `Alarms` with both, which also sees what
    only the users see, and is what blue/green, linear and canary deployments roll back by. What CodeDeploy deploys is
    no finding.

    ## Bad
    ```yaml
    Resources:
      Service:
        Type: AWS::ECS::Service
        Properties: {Cluster: !Ref Cluster, TaskDefinition: !Ref Task}
    ```

    ## Good
    ```yaml
    Resources:
      Service:
        Type: AWS::ECS::Service
        Properties:
          Cluster: !Ref Cluster
          TaskDefinition: !Ref Task
          DeploymentConfiguration:
            DeploymentCircuitBreaker: {Enable: true, Rollback: true}
    ```
    """
    others = [
        (None if each.unknown else each.text in ("CODE_DEPLOY", "EXTERNAL"), each)
        for each in service.get("DeploymentController", "Type")
    ]
    yield from unless_done(
        service,
        [(service, [others]), *((service, _rolls_back(service, guard)) for guard in _GUARDS)],
        message="neither DeploymentCircuitBreaker nor Alarms roll back a deployment that fails",
        question="does a deployment that fails roll back?",
    )


def _rolls_back(service: Resource, guard: str) -> list[list[Verdict]]:
    """What has to hold so that a guard does."""
    return [
        [
            (None if each.unknown else is_true(each.data), each)
            for each in service.get("DeploymentConfiguration", guard, name)
        ]
        for name in ("Enable", "Rollback")
    ]


@resource_rule("SC-ECS-13", types=(SERVICE, EXPRESS), guidelines=("services-recover",), severity=Severity.WARNING)
def single_task(service: Resource) -> Observations:
    """One task alone answers all requests.

    ## Why
    A task ends: its host is retired, its Availability Zone fails, its process crashes. Until the next one is up, which
    takes a minute or more, there is nobody who answers.

    ## Fix
    Set `DesiredCount`, or the `MinCapacity` of its scalable target, or the `MinTaskCount` of an Express service, to 2
    or more, in subnets of two zones. A template does not tell what is production: waive this where an interruption
    costs less than a second task, as in a test environment. Services that nobody calls are no finding.

    ## Bad
    ```yaml
    Resources:
      Service:
        Type: AWS::ECS::Service
        Properties:
          Cluster: !Ref Cluster
          TaskDefinition: !Ref Task
          DesiredCount: 1
          LoadBalancers:
            - {ContainerName: web, ContainerPort: 8080, TargetGroupArn: !Ref Targets}
    ```

    ## Good
    ```yaml
    Resources:
      Service:
        Type: AWS::ECS::Service
        Properties:
          Cluster: !Ref Cluster
          TaskDefinition: !Ref Task
          DesiredCount: 2
          LoadBalancers:
            - {ContainerName: web, ContainerPort: 8080, TargetGroupArn: !Ref Targets}
    ```
    """
    if service.type == EXPRESS:
        for count in service.get("ScalingTarget", "MinTaskCount"):
            if not bounds(count)[0] >= 2:
                yield _too_few(count)
        return
    if is_daemon(service) or not ways_to_call(service):
        return
    scaled = service.template.world.once(scaling)
    for target in scaled.targets.get(service, ()):
        for count in target.get("MinCapacity"):
            if count.unknown and not bounds(count)[0] >= 2:
                yield service.undecided("how many of its tasks are left at least?", by=count)
            elif not bounds(count)[0] >= 2:
                yield service.violates(f"its scalable target {target.logical_id} leaves {count.text} of its tasks")
    if not scaled.always(service):
        for count in service.get("DesiredCount"):
            if not bounds(count)[0] >= 2 and count.text != "0":
                yield _too_few(count)


def _too_few(count: Value) -> Observation:
    message = f"{count.path.rpartition('.')[2]} is {count.text or 'not set, which means 1'}"
    return count.undecided("is it 2 or more?") if count.unknown else count.violates(message)


@resource_rule("SC-ECS-14", types=(EXPRESS,), guidelines=("services-recover",))
def unbounded_tasks(service: Resource) -> Observations:
    """An Express service grows within bounds that nobody stated.

    ## Why
    Without `MaxTaskCount` AWS's pages disagree about what holds: 1 or 20. The one means that a surge of users finds a
    service that cannot grow, the other that a loop of requests is paid for twenty times.

    ## Fix
    Set `MinTaskCount` and `MaxTaskCount` in `ScalingTarget`.

    ## Bad
    ```yaml
    Resources:
      Service:
        Type: AWS::ECS::ExpressGatewayService
        Properties: {InfrastructureRoleArn: !GetAtt Infrastructure.Arn, TaskDefinitionArn: !Ref Task}
    ```

    ## Good
    ```yaml
    Resources:
      Service:
        Type: AWS::ECS::ExpressGatewayService
        Properties:
          InfrastructureRoleArn: !GetAtt Infrastructure.Arn
          TaskDefinitionArn: !Ref Task
          ScalingTarget: {MinTaskCount: 2, MaxTaskCount: 10}
    ```
    """
    for name in ("MinTaskCount", "MaxTaskCount"):
        for count in service.get("ScalingTarget", name):
            if is_left_out(count):
                yield count.violates(f"{name} is not set")


@resource_rule(
    "SC-ECS-15",
    types=(SERVICE, TASK_SET, RULE, SCHEDULE),
    guidelines=("ecs-launch-types",),
    controls=Controls(
        fsbp=("ECS.10",),
        nist_800_53_r5=("SI-2", "SI-2(2)", "SI-2(4)", "SI-2(5)"),
        pci_dss_4=("6.3.3",),
        source=ECS_CONTROLS,
    ),
)
def pinned_platform(starter: Resource) -> Observations:
    """Tasks on Fargate stay on an old platform.

    ## Why
    A platform version is the kernel and the container runtime under the tasks. One that is named stays as it is when
    the next one brings what it lacks, until somebody remembers; AWS retires it then.

    ## Fix
    Leave `PlatformVersion` out, or set it to `LATEST`. New tasks then start on the newest version, and a deployment
    brings the others along.

    ## Bad
    ```yaml
    Resources:
      Service:
        Type: AWS::ECS::Service
        Properties: {Cluster: !Ref Cluster, TaskDefinition: !Ref Task, PlatformVersion: 1.3.0}
    ```

    ## Good
    ```yaml
    Resources:
      Service:
        Type: AWS::ECS::Service
        Properties: {Cluster: !Ref Cluster, TaskDefinition: !Ref Task, PlatformVersion: LATEST}
    ```
    """
    starters = [target for _, target in ecs_targets(starter)] if starter.type in (RULE, SCHEDULE) else [starter]
    for version in (version for each in starters for version in each.get("PlatformVersion")):
        if not version.absent and version.text != "LATEST":
            yield version.violates(f"PlatformVersion is {version.text}")


@resource_rule("SC-ECS-19", types=(SERVICE,), guidelines=("services-recover",), severity=Severity.WARNING)
def fixed_task_count(service: Resource) -> Observations:
    """A surge of users meets a fixed number of tasks.

    ## Why
    What answers requests needs more tasks at noon than at night. With a number that only somebody can change it is
    either too slow at noon or paid for at night, and an attack finds no bounds that were thought about.

    ## Fix
    Add an `AWS::ApplicationAutoScaling::ScalableTarget` with `MinCapacity` and `MaxCapacity`, and a scaling policy. A
    service whose users are counted carries a waiver; one that nobody calls is no finding.

    ## Bad
    ```yaml
    Resources:
      Service:
        Type: AWS::ECS::Service
        Properties:
          Cluster: !Ref Cluster
          TaskDefinition: !Ref Task
          DesiredCount: 2
          LoadBalancers:
            - {ContainerName: web, ContainerPort: 8080, TargetGroupArn: !Ref Targets}
    ```

    ## Good
    ```yaml
    Resources:
      Service:
        Type: AWS::ECS::Service
        Properties:
          Cluster: !Ref Cluster
          TaskDefinition: !Ref Task
          LoadBalancers:
            - {ContainerName: web, ContainerPort: 8080, TargetGroupArn: !Ref Targets}
      Scaling:
        Type: AWS::ApplicationAutoScaling::ScalableTarget
        Properties:
          ServiceNamespace: ecs
          ScalableDimension: ecs:service:DesiredCount
          ResourceId: !Sub service/${Cluster}/${Service.Name}
          MinCapacity: 2
          MaxCapacity: 10
    ```
    """
    if is_daemon(service) or not ways_to_call(service):
        return
    scaled = service.template.world.once(scaling)
    if scaled.always(service):
        return
    if scaled.untold and service not in scaled.targets:
        yield service.undecided("does a scalable target mean this service?", by=scaled.untold[0])
    else:
        yield service.violates("no scalable target changes the number of its tasks")
