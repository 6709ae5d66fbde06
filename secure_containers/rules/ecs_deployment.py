"""The rule about what Amazon ECS refuses, and what never gets done."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Final

from secure_containers.rules.ecs_model import (
    EXPRESS,
    SERVICE,
    TASK_DEFINITION,
    TASK_NETWORK,
    TASK_SET,
    definitions,
    deploys_otherwise,
    is_daemon,
    scaling,
)
from secure_containers.rules.engine import Observations, resource_rule
from secure_containers.rules.fargate import EPHEMERAL_GIB, SIZES, mebibytes_of, memory_for, vcpus_of
from secure_containers.rules.intrinsics import placeholders
from secure_containers.rules.network.model import Subnet, Way, network
from secure_containers.rules.task_checks import outside, privileged_on_fargate, with_others
from secure_containers.rules.task_model import identities, items, referred, stand_together
from secure_containers.rules.template import Resource, Value, bounds, is_told, where

_MAIN: Final = "Main"
_NOT_BESIDE_A_DEFINITION: Final = ("PrimaryContainer", "ExecutionRoleArn", "TaskRoleArn", "Cpu", "Memory")
_LAST_PORT: Final = 65535
_LONGEST_GRACE: Final = 2_147_483_647
_ON_FARGATE: Final = "SYS_PTRACE"
"""The one capability that Fargate adds."""
_DRIVERS: Final = ("", "awslogs", "splunk", "awsfirelens")
_OF_WINDOWS: Final = (1, 2, 4)
"""The vCPUs that Fargate has for Windows."""
_REPOSITORY: Final = "AWS::ECR::Repository"
_TARGETS: Final = "AWS::ElasticLoadBalancingV2::TargetGroup"
_IN_ECR: Final = re.compile(r"\.dkr[.-]ecr\.")
_OWN_INTERFACE: Final = ("awsvpc", "host")
"""The network modes in which a port of a container is that of its host."""
_NOT_IN_AWSVPC: Final = ("Links", "ExtraHosts", "Hostname", "DnsServers", "DisableNetworking")
_NOT_ON_FARGATE: Final = ("DnsSearchDomains", "DockerSecurityOptions")
"""Besides; https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html names them all."""


@resource_rule("SC-ECS-18", types=(SERVICE, TASK_SET, TASK_DEFINITION, EXPRESS), guidelines=("deployable-templates",))
def undeployable_service(resource: Resource) -> Observations:
    """Amazon ECS will refuse a service or a task definition, or never finish its deployment.

    ## Why
    CloudFormation does not know what Fargate has, nor what a task definition and the service that runs it have to agree
    about. A mistake shows only in the deployment, which rolls back; or which waits for hours, since no task may start
    before another one stops.

    ## Fix
    Write what the message says is allowed. A parameter for a number needs a `MinValue` and a `MaxValue` within it.

    ## Bad
    ```yaml
    Resources:
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          RequiresCompatibilities: [FARGATE]
          NetworkMode: awsvpc
          Cpu: '1024'
          Memory: '1024'
          ContainerDefinitions:
            - {Name: app, Image: public.ecr.aws/docker/library/busybox:1.37.0}
    ```

    ## Good
    ```yaml
    Resources:
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          RequiresCompatibilities: [FARGATE]
          NetworkMode: awsvpc
          Cpu: '1024'
          Memory: '2048'
          ContainerDefinitions:
            - {Name: app, Image: public.ecr.aws/docker/library/busybox:1.37.0}
    ```
    """
    if resource.type == TASK_DEFINITION:
        yield from _definition(resource)
    elif resource.type == EXPRESS:
        yield from _express(resource)
    else:
        yield from _service(resource)


# Task definitions


def _definition(definition: Resource) -> Observations:
    for properties in definition.get():
        containers = items(properties, "ContainerDefinitions")
        yield from _unreadable_secrets(properties, containers)
        essential = [each for container in containers for each in container.get("Essential")]
        if essential and all(each.text.lower() == "false" for each in essential):
            yield definition.violates("no container of the task is essential")
        for mode in properties.get("NetworkMode"):
            yield from _in_mode(mode.text, items(where(properties, mode), "ContainerDefinitions"))
    for platforms in definition.get("RequiresCompatibilities"):
        for platform in platforms.items():
            if platform.unknown:
                yield platform.undecided("is it Fargate?")
            elif platform.text == "FARGATE":
                for properties in platform.beside():
                    yield from _on_fargate(properties)


def _in_mode(mode: str, containers: list[Value]) -> Observations:
    """What Amazon ECS does not take in a network mode."""
    for container in containers:
        if mode == "awsvpc":
            yield from _set(container, _NOT_IN_AWSVPC, "in the network mode awsvpc")
        for mapping in items(container, "PortMappings") if mode in _OWN_INTERFACE else ():
            for host in mapping.get("HostPort"):
                ports = where(mapping, host).get("ContainerPort")
                told = is_told(host) and all(is_told(port) for port in ports)
                if told and host.text not in ("", "0", *(port.text for port in ports)):
                    message = f"HostPort {host.text} is not the ContainerPort {ports[0].text}, which {mode} asks for"
                    yield host.violates(message)


def _set(container: Value, names: tuple[str, ...], where_not: str) -> Observations:
    for name in names:
        for value in container.get(name):
            if not value.unknown and value.data and value.text.lower() != "false":
                yield value.violates(f"{name} is set, which Amazon ECS does not take {where_not}")


def _unreadable_secrets(properties: Value, containers: list[Value]) -> Observations:
    """Secrets that the agent has no role to fetch by."""
    fetched = [
        *(each for container in containers for each in items(container, "Secrets")),
        *(each for container in containers for each in items(container, "LogConfiguration", "SecretOptions")),
        *(
            each
            for container in containers
            for each in container.get("RepositoryCredentials", "CredentialsParameter")
            if not each.absent
        ),
    ]
    for secret in fetched:
        yield from _no_execution_role(where(properties, secret), "fetches secrets")


def _no_execution_role(properties: Value, what: str) -> Observations:
    for role in properties.get("ExecutionRoleArn"):
        if role.may_be(""):
            yield role.undecided(f"is it set? The task {what}")
        elif not role.text:
            yield role.violates(f"ExecutionRoleArn is not set, and the task {what}")


def _on_fargate(properties: Value) -> Observations:
    for mode in properties.get("NetworkMode"):
        if mode.text != "awsvpc":
            yield mode.violates(f"NetworkMode is {mode.text or 'not set, which means bridge'}: Fargate has awsvpc only")
    for name in ("Cpu", "Memory"):
        for value in properties.get(name):
            if value.absent:
                yield value.violates(f"{name} is not set, which tasks on Fargate need")
    yield from _size(properties)
    for size in properties.get("EphemeralStorage", "SizeInGiB"):
        yield from outside(size, EPHEMERAL_GIB, "a size in GiB that Fargate has")
    for name in ("PidMode", "IpcMode"):
        for mode in properties.get(name):
            if not mode.absent and (name, mode.text) != ("PidMode", "task"):
                yield mode.violates(f"{name} is {mode.text}, which Fargate has not")
    yield from _of_a_host(properties)
    for container in items(properties, "ContainerDefinitions"):
        yield from _container_on_fargate(container)


def _of_a_host(properties: Value) -> Observations:
    for volume in items(properties, "Volumes"):
        for path in (*volume.get("Host", "SourcePath"), *volume.get("DockerVolumeConfiguration")):
            if path.data:
                yield path.violates("Fargate has no volumes of a host")
    for constraint in items(properties, "PlacementConstraints"):
        yield constraint.violates("Fargate has no instances to choose by PlacementConstraints")


def _container_on_fargate(container: Value) -> Observations:
    yield from privileged_on_fargate(container)
    for device in items(container, "LinuxParameters", "Devices"):
        yield device.violates("Fargate has no devices of a host")
    for capability in items(container, "LinuxParameters", "Capabilities", "Add"):
        if capability.text != _ON_FARGATE:
            yield capability.violates(f"Fargate adds no capability {capability.text}: {_ON_FARGATE} only")
    for requirement in items(container, "ResourceRequirements"):
        for type_ in requirement.get("Type"):
            if type_.text == "GPU":
                yield type_.violates("Fargate has no GPU: run the task on EC2")
    for driver in container.get("LogConfiguration", "LogDriver"):
        if driver.text not in _DRIVERS:
            yield driver.violates(f"LogDriver is {driver.text}: Fargate has awslogs, splunk and awsfirelens")
        for properties in driver.beside() if driver.text == "awslogs" else ():
            yield from _no_execution_role(properties, "logs by awslogs, on Fargate")
    yield from _set(container, _NOT_ON_FARGATE, "on Fargate")
    for image in container.get("Image"):
        for properties in image.beside() if _is_in_ecr(image) else ():
            yield from _no_execution_role(properties, "pulls its image from Amazon ECR, on Fargate")


def _is_in_ecr(image: Value) -> bool:
    named = [each for name in placeholders(image.text) for each in referred(image, name)]
    return bool(_IN_ECR.search(image.text)) or any(each is not None and each.type == _REPOSITORY for each in named)


def _size(properties: Value) -> Observations:
    refused: list[str] = []
    for cpu, memory in _pairs(properties, "Cpu", "Memory"):
        if cpu.absent or memory.absent:
            continue
        untold = next((value for value in (cpu, memory) if not is_told(value)), None)
        vcpus, mebibytes = vcpus_of(cpu.text), mebibytes_of(memory.text)
        if untold is not None:
            yield untold.undecided("is it a size of Fargate?")
        elif vcpus is None or mebibytes is None or mebibytes not in SIZES.get(vcpus, ()):
            sizes = memory_for(vcpus or 0)
            refused.append(f"Fargate has no size of {cpu.text} CPU and {memory.text} memory: there are {sizes}")
        else:
            systems = where(properties, memory).get("RuntimePlatform", "OperatingSystemFamily")
            if vcpus not in _OF_WINDOWS and any(system.text.startswith("WINDOWS") for system in systems):
                refused.append(f"Fargate has no size of {cpu.text} CPU for Windows: there are 1, 2 and 4 vCPUs")
    for message in with_others(refused):
        yield properties.resource.violates(message, at=f"{properties.path}.Cpu")


# Services and task sets


def _service(service: Resource) -> Observations:
    for launch in service.get("LaunchType"):
        for strategy in () if launch.absent else launch.beside("CapacityProviderStrategy"):
            if any(True for _ in strategy.items()):
                yield service.violates("LaunchType and CapacityProviderStrategy are both set: one is", at=launch.path)
    for grace in service.get("HealthCheckGracePeriodSeconds"):
        yield from outside(grace, (0, _LONGEST_GRACE), "a grace period in seconds that Amazon ECS takes")
    if service.type == SERVICE:
        yield from _stuck(service)
    for named in service.get("TaskDefinition"):
        found = definitions(named)
        if not found and not named.absent:
            yield named.undecided("does it fit the service?")
        for definition in found:
            for properties in definition.get():
                if stand_together(named, properties):
                    yield from _unfitting(named, properties)


def _stuck(service: Resource) -> Observations:
    """A rolling deployment that may neither start a task before one stops nor stop one before another starts."""
    if is_daemon(service) or deploys_otherwise(service):
        return
    for configuration in service.get("DeploymentConfiguration"):
        for strategy in configuration.get("Strategy"):
            if strategy.unknown or strategy.text in ("", "ROLLING"):
                yield from _stuck_by(where(configuration, strategy))


def _stuck_by(configuration: Value) -> Observations:
    service = configuration.resource
    for least, most in _pairs(configuration, "MinimumHealthyPercent", "MaximumPercent"):
        for count in most.beside("DesiredCount"):
            kept = 100 if least.absent else min(100, bounds(least)[1])
            at_most = 200 if most.absent else max(0, bounds(most)[0])
            tasks = _fixed_count(service, count)
            if not tasks or math.ceil(tasks * kept / 100) < tasks or math.floor(tasks * at_most / 100) > tasks:
                continue
            untold = next((value for value in (least, most) if not is_told(value)), None)
            if untold is not None:
                yield untold.undecided("can a deployment proceed with it?")
            else:
                message = (
                    f"no deployment can proceed: MinimumHealthyPercent {kept:g} lets no task stop, and "
                    f"MaximumPercent {at_most:g} none start"
                )
                yield service.violates(message, at=least.path)


def _fixed_count(service: Resource, count: Value) -> int:
    """The number of tasks, where it stays; else one of which a percent is a task."""
    scaled = service in service.template.world.once(scaling).targets
    return int(count.text) if count.text.isdecimal() and not scaled else 100


def _unfitting(named: Value, definition: Value) -> Observations:
    """What a service asks of its task definition that this one has not."""
    service = named.resource
    platforms = items(definition, "RequiresCompatibilities")
    takes_fargate = any(each.unknown or each.text == "FARGATE" for each in platforms)
    strategies = _listed(named, "CapacityProviderStrategy")
    providers = [each for strategy in strategies for each in strategy.get("CapacityProvider")]
    for launch in (*named.beside("LaunchType"), *providers):
        if launch.text.startswith("FARGATE") and not takes_fargate:
            message = f"its task definition {definition.resource.logical_id} does not require FARGATE compatibility"
            yield service.violates(message, at=launch.path)
    balancers = [*_listed(named, "LoadBalancers")]
    for mode in definition.get("NetworkMode"):
        if not stand_together(named, mode):
            continue
        if mode.unknown:
            yield service.undecided("does the service fit the network mode?", by=mode)
            continue
        yield from _network(named, mode.text == "awsvpc")
        for balancer in balancers:
            yield from _target(balancer, mode.text == "awsvpc")
    for balancer in balancers:
        yield from _port(balancer, definition)


def _pairs(holder: Value, one: str, other: str) -> Iterator[tuple[Value, Value]]:
    """What two properties can be at once."""
    return ((first, second) for first in holder.get(one) for second in where(holder, first).get(other))


def _listed(named: Value, *keys: str) -> Iterator[Value]:
    for values in named.beside(*keys):
        yield from values.items()


def _network(named: Value, own_interface: bool) -> Observations:
    for configuration in named.beside(*TASK_NETWORK[named.resource.type]):
        if own_interface and configuration.absent:
            yield configuration.violates("NetworkConfiguration is not set, which tasks in the network mode awsvpc need")
        elif not own_interface and not configuration.absent:
            message = "NetworkConfiguration is set, and the network mode of the task definition is not awsvpc"
            yield named.resource.violates(message, at=configuration.path)


def _target(balancer: Value, own_interface: bool) -> Observations:
    world = balancer.resource.template.world
    for path in (("TargetGroupArn",), ("AdvancedConfiguration", "AlternateTargetGroupArn")):
        for arn in balancer.get(*path):
            for group in world.locate(arn):
                if not isinstance(group, Resource) or group.type != _TARGETS:
                    continue
                for type_ in group.get("TargetType"):
                    if type_.unknown:
                        yield balancer.resource.undecided("does the service fit its target group?", by=type_)
                    elif (type_.text == "ip") is not own_interface:
                        message = (
                            f"TargetType of its target group {type_.resource.logical_id} is "
                            f"{type_.text or 'not set, which means instance'}: "
                            f"{'ip' if own_interface else 'instance'} goes with the network mode"
                        )
                        yield balancer.resource.violates(message, at=arn.path)


def _port(balancer: Value, definition: Value) -> Observations:
    world = balancer.resource.template.world
    containers = items(definition, "ContainerDefinitions")
    for name in balancer.get("ContainerName"):
        names = [(own, container) for container in containers for own in container.get("Name")]
        called = set(identities(world, name))
        meant = [container for own, container in names if called & set(identities(world, own))]
        untold = next((each for each in (name, *(own for own, _ in names)) if not is_told(each)), None)
        if not meant and untold is not None:
            yield balancer.resource.undecided("has its task definition that container?", by=untold)
        elif not meant and name.text:
            message = f"its task definition {definition.resource.logical_id} has no container {name.text}"
            yield balancer.resource.violates(message, at=name.path)
        for port in balancer.get("ContainerPort") if meant else ():
            mappings = [mapping for container in meant for mapping in items(container, "PortMappings")]
            opened = [each for mapping in mappings for each in mapping.get("ContainerPort")]
            ranges = [each for mapping in mappings for each in mapping.get("ContainerPortRange") if not each.absent]
            told = is_told(port) and all(is_told(each) for each in opened) and not ranges
            if told and port.text not in {each.text for each in opened}:
                yield balancer.resource.violates(f"the container {name.text} has no port {port.text}", at=port.path)


# Express services


def _express(service: Resource) -> Observations:
    for named in service.get("TaskDefinitionArn"):
        if named.absent:
            yield from _without_definition(named)
            continue
        for name in _NOT_BESIDE_A_DEFINITION:
            for value in named.beside(name):
                if not value.absent:
                    yield service.violates(f"{name} is set beside TaskDefinitionArn, which says it", at=value.path)
        found = definitions(named)
        if not found:
            yield named.undecided(f"has it a container {_MAIN} with one named port, for Fargate?")
        for definition in found:
            yield from _unfitting_express(named, definition)
    for properties in service.get():
        yield from _size(properties)
    for path in service.get("HealthCheckPath"):
        if path.text.startswith("${"):
            yield path.undecided("does it start with /?")
        elif not path.absent and not path.text.startswith("/"):
            yield path.violates(f"HealthCheckPath is {path.text}: it starts with /")
    pairs = (pair for target in service.get("ScalingTarget") for pair in _pairs(target, "MinTaskCount", "MaxTaskCount"))
    for least, most in pairs:
        if bounds(least)[0] > bounds(most)[1]:
            yield service.violates(f"MinTaskCount {least.text} is over MaxTaskCount {most.text}", at=least.path)
    yield from _mixed_subnets(service)


def _without_definition(named: Value) -> Observations:
    for container in named.beside("PrimaryContainer"):
        if container.absent:
            yield container.violates("neither TaskDefinitionArn nor PrimaryContainer is set")
            continue
        for port in container.get("ContainerPort"):
            yield from outside(port, (1, _LAST_PORT), "a port")
        for role in container.beside("ExecutionRoleArn"):
            if role.may_be(""):
                yield role.undecided("is it set? By it the task pulls its image and writes its logs")
            elif not role.text:
                yield role.violates("ExecutionRoleArn is not set: by it the task pulls its image and writes its logs")


def _unfitting_express(named: Value, definition: Resource) -> Observations:
    service, who = named.resource, f"its task definition {definition.logical_id}"
    platforms = items(definition, "RequiresCompatibilities")
    if not any(each.unknown or each.text == "FARGATE" for each in platforms):
        yield service.violates(f"{who} does not require FARGATE compatibility", at=named.path)
    containers = items(definition, "ContainerDefinitions")
    names = [(name, container) for container in containers for name in container.get("Name")]
    untold = next((name for name, _ in names if not is_told(name)), None)
    mains = [container for name, container in names if name.text == _MAIN]
    if not mains and untold is not None:
        yield service.undecided(f"has {who} a container {_MAIN}?", by=untold)
    elif not mains:
        yield service.violates(f"{who} has no container {_MAIN}", at=named.path)
    for main in mains:
        for mappings in main.get("PortMappings"):
            yield from _main_port(named, mappings, who)


def _main_port(named: Value, mappings: Value, who: str) -> Observations:
    ports = list(mappings.items())
    if mappings.unknown:
        yield named.resource.undecided(f"which ports has the container {_MAIN}?", by=mappings)
        return
    number = len({port.path for port in ports})
    if number != 1:
        message = f"the container {_MAIN} of {who} has {number} ports: one with a name"
        yield named.resource.violates(message, at=named.path)
        return
    for port in ports:
        for key in ("ContainerPort", "Name"):
            for value in port.get(key):
                if not value.text:
                    message = f"the port of the container {_MAIN} of {who} has no {key}"
                    yield named.resource.violates(message, at=named.path)
        for protocol in port.get("Protocol"):
            if protocol.text == "udp":
                yield named.resource.violates(f"the port of the container {_MAIN} of {who} is not TCP", at=named.path)


def _mixed_subnets(service: Resource) -> Observations:
    """Express puts its load balancer on the internet for public subnets, and inside for private ones."""
    world = service.template.world
    known = world.once(network).subnets
    for subnets in service.get("NetworkConfiguration", "Subnets"):
        told = [
            (subnet, item)
            for item in (item for each in world.follow(subnets) for item in each.items())
            for place in world.locate(item)
            for subnet in [known.get(place)]
            if subnet is not None and subnet.tables
        ]
        public = [(subnet, item) for subnet, item in told if _is_public(subnet)]
        private = [(subnet, item) for subnet, item in told if not _is_public(subnet)]
        mixed = next(((one, other) for one, a in public for other, b in private if stand_together(a, b)), None)
        if mixed is not None:
            one, other = (subnet.resource.logical_id for subnet in mixed)
            message = f"the subnet {one} is public and {other} is private: Express takes one kind"
            yield service.violates(message, at=subnets.path)


def _is_public(subnet: Subnet) -> bool:
    return any(route.way is Way.INTERNET for route in subnet.routes)
