"""What the resources of Amazon ECS hold, however a template writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from secure_containers.rules.intrinsics import Given, placeholders
from secure_containers.rules.task_model import Container, Form, Task, called, items, referred, stand_together
from secure_containers.rules.template import Resource, Value, World, is_told

TASK_DEFINITION: Final = "AWS::ECS::TaskDefinition"
EXPRESS: Final = "AWS::ECS::ExpressGatewayService"
SERVICE: Final = "AWS::ECS::Service"
TASK_SET: Final = "AWS::ECS::TaskSet"
CLUSTER: Final = "AWS::ECS::Cluster"
CAPACITY_PROVIDER: Final = "AWS::ECS::CapacityProvider"
SCALABLE_TARGET: Final = "AWS::ApplicationAutoScaling::ScalableTarget"

RUNS_IN: Final = "SecureContainersRunsIn"
"""Where in its `Metadata` a task definition says in which subnets and security groups people run it."""
TASK_NETWORK: Final = {
    SERVICE: ("NetworkConfiguration", "AwsvpcConfiguration"),
    TASK_SET: ("NetworkConfiguration", "AwsVpcConfiguration"),
}
"""Where a service or a task set has the network of its tasks, which CloudFormation spells in two ways."""

_WAYS_IN: Final = ("LoadBalancers", "VpcLatticeConfigurations", "GatewayConnectors")


def tasks(resource: Resource) -> Iterator[Task]:
    """What a task definition describes, or what an Express service runs that names none."""
    if resource.type == EXPRESS:
        for container in resource.get("PrimaryContainer"):
            if not container.absent:
                yield Task(container, Form.EXPRESS)
    else:
        for properties in resource.get():
            yield Task(properties, Form.DEFINITION)


def containers(resource: Resource) -> Iterator[Container]:
    for task in tasks(resource):
        yield from task.containers


def definitions(named: Value) -> list[Resource]:
    """The task definitions that a value names; none if they stand in none of the templates."""
    found = called(named, TASK_DEFINITION, "Family")
    return [each for each in found if all(stand_together(named, properties) for properties in each.get())]


def awsvpc(settings: Resource | Value) -> Iterator[Value]:
    """The network of tasks, absent where there is none: services and schedules spell it unlike task sets and rules."""
    for place in settings.get("NetworkConfiguration"):
        other = isinstance(place.data, dict) and "AwsVpcConfiguration" in place.data
        yield from place.get("AwsVpcConfiguration" if other else "AwsvpcConfiguration")


def ways_in(service: Resource) -> list[Value]:
    """What sends requests to the tasks of a service, and asks whether they are well."""
    return [way for name in _WAYS_IN for way in items(service, name)]


def ways_to_call(service: Resource) -> list[Value]:
    """What sends requests to the tasks of a service, or tells others where they are."""
    named = (*items(service, "ServiceConnectConfiguration", "Services"), *items(service, "ServiceRegistries"))
    return [*ways_in(service), *named]


def is_daemon(service: Resource) -> bool:
    """Whether each instance of the cluster runs one task of it."""
    return all(strategy.text == "DAEMON" for strategy in service.get("SchedulingStrategy"))


def deploys_otherwise(service: Resource) -> bool:
    """Whether CodeDeploy or somebody else deploys it, in every deployment of the template."""
    return all(each.text in ("CODE_DEPLOY", "EXTERNAL") for each in service.get("DeploymentController", "Type"))


@dataclass(frozen=True, slots=True)
class Scaling:
    """What changes the number of tasks of services by itself."""

    targets: Mapping[Resource, list[Resource]]
    """The scalable targets of each service."""
    untold: list[Value]
    """What scalable targets name of which nobody can tell whether it is a service of these templates."""

    def always(self, service: Resource) -> bool:
        """Whether a service is scaled in every deployment that has it."""
        alternatives: list[Given] = [
            target.given
            for target in self.targets.get(service, ())
            if target.template is service.template or not target.given
        ]
        return service.always(alternatives)


def scaling(world: World) -> Scaling:
    found: dict[Resource, list[Resource]] = {}
    untold: list[Value] = []
    for target in world.of_type(SCALABLE_TARGET):
        if all(not space.unknown and space.text != "ecs" for space in target.get("ServiceNamespace")):
            continue
        for value in target.get("ResourceId"):
            services = _scaled(world, value)
            for service in services or ():
                found.setdefault(service, []).append(target)
            if services is None:
                untold.append(value)
    return Scaling(found, untold)


def _scaled(world: World, value: Value) -> list[Resource] | None:
    """The services that `service/cluster/name` means; None where the name is not told."""
    name = value.text.rpartition("/")[2]
    named = [each for placeholder in placeholders(name) for each in referred(value, placeholder)]
    if "${" in name:
        return [each for each in named if each and each.type == SERVICE] or None
    return [
        service
        for service in world.of_type(SERVICE)
        if any(is_told(own) and own.text == name for own in service.get("ServiceName"))
    ]
