"""Who runs where in a template's networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from secure_containers.rules.app_runner_model import INSTANCE_ROLE, SERVICE, configurations
from secure_containers.rules.batch_model import tasks
from secure_containers.rules.ecs_model import CAPACITY_PROVIDER
from secure_containers.rules.event_model import functions, sources
from secure_containers.rules.host_checks import GROUP, container_groups, groups_behind, hosts_of, launches, set_up
from secure_containers.rules.intrinsics import NOTHING_GIVEN, Given
from secure_containers.rules.network.exposure import targets_of
from secure_containers.rules.network.model import EXPRESS, Network, Way, network
from secure_containers.rules.network.needs import (
    WRITE_LOGS,
    Need,
    Roles,
    Workload,
    add_container,
    add_environment,
    add_named,
    add_pull,
    add_role,
    add_start,
    add_volumes,
    ask,
    fips_settings,
    uses_fips,
)
from secure_containers.rules.network.services import HOST_SERVICES
from secure_containers.rules.task_model import called, items
from secure_containers.rules.template import Place, Resource, Template, Value, World, is_true


def workloads(world: World) -> list[Workload]:
    """Every service, task, group of instances under them, Batch compute environment and function in a VPC."""
    roles = world.once(Roles)
    return [
        *_services(world, roles),
        *_express_services(world, roles),
        *_app_runner_services(world, roles),
        *_scheduled_tasks(world, roles),
        *_instances(world, roles),
        *_compute_environments(world, roles),
        *_functions(world, roles),
    ]


def unplaced_tasks(world: World) -> list[Resource]:
    """Fargate task definitions that nothing in these templates runs."""
    placed = {place for service in world.of_type(*SERVICE_TYPES) for place in world.places(service, "TaskDefinition")}
    placed |= {place for service in world.of_type(EXPRESS) for place in world.places(service, _TASK)}
    placed |= {place for _, parameters in _targets(world) for place in world.places(parameters, _TASK)}
    return [
        definition
        for definition in world.of_type("AWS::ECS::TaskDefinition")
        if definition not in placed and _is_fargate(definition)
    ]


SERVICE_TYPES: Final = ("AWS::ECS::Service", "AWS::ECS::TaskSet")
_TASK: Final = "TaskDefinitionArn"
_FUNCTION_TYPES: Final = ("AWS::Lambda::Function", "AWS::Serverless::Function")


def _services(world: World, roles: Roles) -> Iterator[Workload]:
    for service in world.of_type(*SERVICE_TYPES):
        definitions = _definitions(world, service, "TaskDefinition")
        for configuration in service.get("NetworkConfiguration", "AwsvpcConfiguration"):
            workload = _placed(world, service, "the service", configuration)
            workload.behind = [place for entry in entries_of(service) for place in fronts_of(world, entry)]
            strategies = service.get("CapacityProviderStrategy")
            fargate = _runs_on_fargate(service.get("LaunchType"), strategies, definitions)
            if any(is_true(value.data) for value in service.get("EnableExecuteCommand")):
                asked = ask(service.template, _EXEC)
                workload.needs.append(Need("ssmmessages", "open ECS Exec sessions", (asked,)))
            if fargate and any(is_true(value.data) for value in service.get("ServiceConnectConfiguration", "Enabled")):
                workload.needs.append(Need("ecs-agent", "configure Service Connect"))
            _add_tasks(world, roles, workload, definitions, fargate=fargate, hosted=bool(_hosts_in(strategies)))
            yield workload


_EXEC: Final = tuple(
    f"ssmmessages:{verb}"
    for verb in ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")
)


def entries_of(service: Resource) -> list[Value]:
    """How a service stands behind load balancers."""
    return [entry for entries in service.get("LoadBalancers") for entry in entries.items()]


def fronts_of(world: World, entry: Value) -> list[Place]:
    """The target groups, or the classic load balancer, of one entry."""
    paths = (("TargetGroupArn",), ("AdvancedConfiguration", "AlternateTargetGroupArn"), ("LoadBalancerName",))
    return [place for path in paths for place in world.places(entry, *path)]


def _express_services(world: World, roles: Roles) -> Iterator[Workload]:
    """Services of ECS Express Mode, to which ECS adds a security group that lets out to everywhere."""
    net = world.once(network)
    for service in world.of_type(EXPRESS):
        for configuration in service.get("NetworkConfiguration"):
            subnets = world.lists(configuration, "Subnets")
            workload = Workload(
                service,
                "the service",
                subnets,
                [*groups_of(world, configuration.get("SecurityGroups")), (service, NOTHING_GIVEN)],
                doors=list(_public_doors(net, subnets)),
            )
            workload.public_address = workload.always_public = bool(workload.doors)
            if all(value.absent for value in configuration.get("Subnets")):
                workload.doors.append("without subnets ECS takes the public ones of the default VPC")
            definitions = _definitions(world, service, _TASK)
            _add_express_task(world, roles, workload, definitions)
            yield workload


def _public_doors(net: Network, subnets: list[Place]) -> Iterator[str]:
    """ECS gives a service a public load balancer and public addresses where its subnets lead to an internet gateway."""
    for subnet in (net.subnets[place] for place in subnets if place in net.subnets):
        leads_out = any(route.way is Way.INTERNET for route in net.internet_way(subnet))
        if leads_out and not net.blocked(subnet, outwards=False):
            yield (
                f"the subnet {subnet.resource.logical_id} leads to an internet gateway, so that ECS gives it an "
                "internet-facing load balancer"
            )


def _add_express_task(world: World, roles: Roles, workload: Workload, definitions: list[Resource]) -> None:
    service = workload.resource
    for container in service.get("PrimaryContainer"):
        if container.absent:
            _add_tasks(world, roles, workload, definitions, fargate=True, hosted=False)
            continue
        add_container(world, workload, container)
        # Without a group of its own ECS makes one.
        workload.needs.append(Need("logs", "write its logs", (ask(service.template, WRITE_LOGS),)))
        fips = any(is_true(value.data) for value in fips_settings(container.get("Environment")))
        add_role(roles, workload, world.places(service, "TaskRoleArn"), fips=fips, skipped=())


_APP_RUNNER_SIDE: Final = ("secretsmanager:getsecretvalue", "ssm:getparameters")
"""What App Runner does itself, with a service's role, to fetch its secrets.

Neither that nor pulling and logging goes through the VPC: https://docs.aws.amazon.com/apprunner/latest/dg/network-vpc.html
"""


def _app_runner_services(world: World, roles: Roles) -> Iterator[Workload]:
    """Services of App Runner whose requests leave through a VPC."""
    for service in world.of_type(SERVICE):
        for connector in service.get("NetworkConfiguration", "EgressConfiguration", "VpcConnectorArn"):
            if connector.absent:
                continue
            connectors = [place for place in world.locate(connector) if isinstance(place, Resource)]
            workload = Workload(
                service,
                "the service",
                [place for each in connectors for place in world.lists(each, "Subnets")],
                [group for each in connectors for group in groups_of(world, each.get("SecurityGroups"))],
            )
            found = configurations(service)
            variables = [value for each in found for value in each.get("RuntimeEnvironmentVariables")]
            add_environment(world, workload, variables)
            secrets = any(not value.absent for each in found for value in each.get("RuntimeEnvironmentSecrets"))
            add_role(
                roles,
                workload,
                world.places(service, *INSTANCE_ROLE),
                fips=any(is_true(value.data) for value in fips_settings(variables)),
                skipped=_APP_RUNNER_SIDE if secrets else (),
            )
            yield workload


def _runs_on_fargate(launch: list[Value], strategies: list[Value], definitions: list[Resource]) -> bool:
    named = [value.text for value in launch if not value.absent]
    named += [
        provider.text
        for strategy in strategies
        for item in strategy.items()
        for provider in item.get("CapacityProvider") + item.get("capacityProvider")
    ]
    return any("FARGATE" in each for each in named) or (not named and any(map(_is_fargate, definitions)))


def _hosts_in(strategies: list[Value]) -> list[Resource]:
    """The groups of instances that capacity provider strategies name."""
    return [
        group
        for strategy in strategies
        for item in strategy.items()
        for name in item.get("CapacityProvider") + item.get("capacityProvider")
        for provider in called(name, CAPACITY_PROVIDER, "Name")
        for group in groups_behind(provider)
    ]


def _add_tasks(
    world: World, roles: Roles, workload: Workload, definitions: list[Resource], *, fargate: bool, hosted: bool
) -> None:
    """What tasks need by their own network; on instances these pull the image, read the secrets and write the logs."""
    if not fargate and not hosted:
        workload.untold.append("the instances that it runs on, which pull its image and write its logs")
    if not definitions:
        workload.untold.append("its task definition")
    for definition in definitions:
        if fargate:
            _add_start(world, workload, definition)
        if fargate or _has_own_network(definition):
            _add_task(world, roles, workload, definition)


def _scheduled_tasks(world: World, roles: Roles) -> Iterator[Workload]:
    for resource, parameters in _targets(world):
        definitions = _definitions(world, parameters, _TASK)
        fargate = _runs_on_fargate(
            parameters.get("LaunchType"), parameters.get("CapacityProviderStrategy"), definitions
        )
        hosted = bool(_hosts_in(parameters.get("CapacityProviderStrategy")))
        for configuration in _awsvpc(parameters):
            workload = _placed(world, resource, "the task of", configuration)
            _add_tasks(world, roles, workload, definitions, fargate=fargate, hosted=hosted)
            yield workload


def _targets(world: World) -> Iterator[tuple[Resource, Value]]:
    """Rules and schedules that run tasks, and how."""
    for rule in world.of_type("AWS::Events::Rule"):
        for targets in rule.get("Targets"):
            for target in targets.items():
                for parameters in target.get("EcsParameters"):
                    if not parameters.absent:
                        yield rule, parameters
    for schedule in world.of_type("AWS::Scheduler::Schedule"):
        for parameters in schedule.get("Target", "EcsParameters"):
            if not parameters.absent:
                yield schedule, parameters


def _awsvpc(parameters: Value) -> Iterator[Value]:
    """The network configuration, which the two services spell differently."""
    for name in ("AwsVpcConfiguration", "AwsvpcConfiguration"):
        for configuration in parameters.get("NetworkConfiguration", name):
            if not configuration.absent:
                yield configuration


def _placed(world: World, resource: Resource, kind: str, configuration: Value) -> Workload:
    addresses = configuration.get("AssignPublicIp")
    return Workload(
        resource,
        kind,
        world.lists(configuration, "Subnets"),
        groups_of(world, configuration.get("SecurityGroups")),
        public_address=any(value.text == "ENABLED" for value in addresses),
        always_public=all(value.text == "ENABLED" for value in addresses),
    )


def groups_of(world: World, values: list[Value]) -> list[tuple[Place, Given]]:
    return [
        (place, item.given if item.resource is value.resource else value.given)
        for value in values
        for each in world.follow(value)
        for item in each.items()
        for place in world.locate(item)
    ]


def _has_own_network(definition: Resource) -> bool:
    """Whether a task has a network interface of its own, and does not share that of its host."""
    return any(mode.text == "awsvpc" for mode in definition.get("NetworkMode"))


def _is_fargate(definition: Resource) -> bool:
    return any(item.text == "FARGATE" for value in definition.get("RequiresCompatibilities") for item in value.items())


def _add_start(world: World, workload: Workload, definition: Resource) -> None:
    """What those need who start a task."""
    for container in items(definition, "ContainerDefinitions"):
        add_start(world, workload, container)
    add_volumes(world, workload, definition.get("Volumes"))


def _add_task(world: World, roles: Roles, workload: Workload, definition: Resource) -> None:
    """What the programs of a task need."""
    for container in items(definition, "ContainerDefinitions"):
        add_environment(world, workload, container.get("Environment"))
    add_role(roles, workload, world.places(definition, "TaskRoleArn"), fips=uses_fips(definition), skipped=())


def _functions(world: World, roles: Roles) -> Iterator[Workload]:
    polled, behind, urls = _polled(world), _behind(world), _open_urls(world)
    for function in world.of_type(*_FUNCTION_TYPES):
        for configuration in function.get("VpcConfig"):
            if configuration.absent:
                continue
            subnets = world.lists(configuration, "SubnetIds")
            if not subnets:
                continue  # an empty configuration is none
            workload = Workload(
                function,
                "the function",
                subnets,
                groups_of(world, configuration.get("SecurityGroupIds")),
                behind=behind.get(function, []),
                doors=urls.get(function, []),
            )
            for variables in function.get("Environment", "Variables"):
                for _, value in variables.members():
                    add_named(world, workload, value)
            skipped = (*_FUNCTION_SIDE, *polled.get(function, ()))
            add_role(roles, workload, world.places(function, "Role"), fips=uses_fips(function), skipped=skipped)
            yield workload


_FUNCTION_SIDE: Final = (
    "logs:createlog",
    "logs:putlogevents",
    "xray:",
    "ec2:createnetworkinterface",
    "ec2:deletenetworkinterface",
    "ec2:describenetworkinterfaces",
    "ec2:describesecuritygroups",
    "ec2:describesubnets",
    "ec2:describevpcs",
    "ec2:getsecuritygroupsforvpc",
    "ec2:assignprivateipaddresses",
    "ec2:unassignprivateipaddresses",
)
"""What Lambda itself does for a function with the function's role: none of it leaves from the function's subnet."""
_POLLED: Final[Mapping[str, tuple[str, ...]]] = {
    "sqs": (
        "sqs:receivemessage",
        "sqs:deletemessage",
        "sqs:getqueueattributes",
        "sqs:getqueueurl",
        "sqs:changemessagevisibility",
    ),
    "kinesis": ("kinesis:get", "kinesis:describe", "kinesis:list", "kinesis:subscribetoshard"),
    "dynamodb": (
        "dynamodb:getrecords",
        "dynamodb:getsharditerator",
        "dynamodb:describestream",
        "dynamodb:liststreams",
    ),
}
"""What Lambda does itself, with the function's role, where it polls for the function."""
_DELIVERED: Final = (
    "sqs:sendmessage",
    "sqs:getqueueattributes",
    "sqs:getqueueurl",
    "sns:publish",
    "lambda:invokefunction",
    "events:putevents",
)
"""What Lambda does itself to deliver a function's results and failures."""


def _polled(world: World) -> Mapping[Place, list[str]]:
    found: dict[Place, list[str]] = {}
    for mapping in world.of_type("AWS::Lambda::EventSourceMapping"):
        actions = [action for _, _, service in sources(mapping) for action in _POLLED.get(service, ())]
        if any(not value.absent for value in mapping.get("DestinationConfig", "OnFailure", "Destination")):
            actions += _DELIVERED
        for function in _aliased(world, mapping, "FunctionName"):
            found.setdefault(function, []).extend(actions)
    for configuration in world.of_type("AWS::Lambda::EventInvokeConfig"):
        if any(not value.absent for value in configuration.get("DestinationConfig")):
            for function in _aliased(world, configuration, "FunctionName"):
                found.setdefault(function, []).extend(_DELIVERED)
    for function in world.of_type(*_FUNCTION_TYPES):
        if any(not value.absent for value in function.get("DeadLetterConfig", "TargetArn")):
            found.setdefault(function, []).extend(_DELIVERED)
    return found


def _aliased(world: World, resource: Resource, name: str) -> Iterator[Place]:
    """The functions that a property names."""
    for value in resource.get(name):
        yield from functions(world, value)


def _behind(world: World) -> Mapping[Place, list[Place]]:
    """The target groups of each function."""
    found: dict[Place, list[Place]] = {}
    for group in world.of_type("AWS::ElasticLoadBalancingV2::TargetGroup"):
        for place in targets_of(world, group):
            found.setdefault(place, []).append(group)
    return found


def _open_urls(world: World) -> Mapping[Place, list[str]]:
    """The URLs of each function that take requests from everybody."""
    found: dict[Place, list[str]] = {}
    for url in world.of_type("AWS::Lambda::Url"):
        if any(value.text == "NONE" for value in url.get("AuthType")):
            for function in _aliased(world, url, "TargetFunctionArn"):
                message = f"its function URL {url.logical_id} takes requests of everybody"
                found.setdefault(function, []).append(message)
    return found


def _instances(world: World, roles: Roles) -> Iterator[Workload]:
    """The instances of capacity providers, which join a cluster and start the tasks that name them."""
    started: dict[Resource, list[Resource]] = {}
    for strategies, definitions in _strategies(world):
        for group in _hosts_in(strategies):
            started.setdefault(group, []).extend(definitions)
    for group in world.of_type(GROUP):
        if group in world.once(container_groups):
            workload = _instances_of(world, group)
            workload.needs += [Need(service, "join their cluster") for service in HOST_SERVICES]
            for definition in dict.fromkeys(started.get(group, ())):
                _add_start(world, workload, definition)
                if not _has_own_network(definition):
                    _add_task(world, roles, workload, definition)
            yield workload


def _strategies(world: World) -> Iterator[tuple[list[Value], list[Resource]]]:
    """By which capacity provider strategies tasks are started, and which."""
    for service in world.of_type(*SERVICE_TYPES):
        yield service.get("CapacityProviderStrategy"), _definitions(world, service, "TaskDefinition")
    for _, parameters in _targets(world):
        yield parameters.get("CapacityProviderStrategy"), _definitions(world, parameters, _TASK)


def _definitions(world: World, bearer: Resource | Value, name: str) -> list[Resource]:
    return [place for place in world.places(bearer, name) if isinstance(place, Resource)]


def _instances_of(world: World, group: Resource) -> Workload:
    """The instances of a group, as its launch templates place them."""
    hosts = [each for launch in launches(group) for each in hosts_of(launch)]
    interfaces = [item for one in hosts for value in set_up(one, "NetworkInterfaces") for item in value.items()]
    told = [each for interface in interfaces for each in interface.get("AssociatePublicIpAddress")]
    told += [each for one in hosts for each in set_up(one, "AssociatePublicIpAddress")]
    addresses = [each for each in told if not each.absent]
    groups = [each for interface in interfaces for each in interface.get("Groups")]
    groups += [each for one in hosts for name in _GROUPS for each in set_up(one, name)]
    return Workload(
        group,
        "the instances of",
        world.lists(group, "VPCZoneIdentifier"),
        groups_of(world, groups),
        public_address=any(is_true(each.data) for each in addresses),
        always_public=bool(addresses) and all(is_true(each.data) for each in addresses),
        addressed_by_subnet=not addresses,
        untold=[] if hosts else ["their launch template"],
    )


_GROUPS: Final = ("SecurityGroupIds", "SecurityGroups")


def _compute_environments(world: World, roles: Roles) -> Iterator[Workload]:
    jobs = _jobs(world, roles)
    for environment, fargate in _environments(world):
        job = jobs.get((environment.template, fargate)) or jobs.get((None, fargate))
        workload = Workload(
            environment,
            "the compute environment",
            world.lists(environment, "ComputeResources", "Subnets"),
            groups_of(world, environment.get("ComputeResources", "SecurityGroupIds")),
            public_address=job is not None and job.public_address,
            always_public=job is not None and job.always_public,
            needs=list(job.needs) if job else [],
            neighbours=job.neighbours if job else [],
            untold=job.untold if job else [],
            addressed_by_subnet=True,
        )
        if not workload.groups and any(not v.absent for v in environment.get("ComputeResources", "LaunchTemplate")):
            workload.groups.append(("of the launch template", NOTHING_GIVEN))
        if not fargate:
            workload.needs += [Need(service, "join the cluster of its instances") for service in HOST_SERVICES]
        if job is None:
            add_pull(workload, environment.template, "${AWS::Region}", "*")
            asked = ask(environment.template, WRITE_LOGS)
            workload.needs.append(Need("logs", "write the logs of its jobs", (asked,)))
        yield workload


def _environments(world: World) -> Iterator[tuple[Resource, bool]]:
    """The compute environments whose hosts stand in the templates, and whether they are Fargate's."""
    for environment in world.of_type("AWS::Batch::ComputeEnvironment"):
        types = [value.text for value in environment.get("ComputeResources", "Type") if not value.absent]
        if types and all(value.absent for value in environment.get("EksConfiguration")):
            yield environment, any(type_.startswith("FARGATE") for type_ in types)


def _jobs(world: World, roles: Roles) -> Mapping[tuple[Template | None, bool], Workload]:
    """What the jobs of each platform need together, by their template.

    Which queue a job goes to is decided when it is submitted, so it counts for every environment of its platform in its
    template; those of templates without such an environment count for the environments of all others, under None.
    """
    at_home = {(environment.template, fargate) for environment, fargate in _environments(world)}
    found: dict[tuple[Template | None, bool], list[Workload]] = {}
    for definition in world.of_type("AWS::Batch::JobDefinition"):
        platforms = [item.text for value in definition.get("PlatformCapabilities") for item in value.items()]
        if any(not value.absent for value in definition.get("EksProperties")):
            continue
        home = (definition.template, "FARGATE" in platforms)
        job = _job(world, roles, definition, fargate=home[1])
        found.setdefault(home if home in at_home else (None, home[1]), []).append(job)
    return {
        home: Workload(
            jobs[0].resource,
            "the jobs",
            [],
            [],
            public_address=any(job.public_address for job in jobs),
            always_public=all(job.public_address for job in jobs),
            needs=list(dict.fromkeys(need for job in jobs for need in job.needs)),
            neighbours=list(dict.fromkeys(each for job in jobs for each in job.neighbours)),
            untold=list(dict.fromkeys(each for job in jobs for each in job.untold)),
        )
        for home, jobs in found.items()
    }


def _job(world: World, roles: Roles, job: Resource, *, fargate: bool) -> Workload:
    """What jobs of one definition need, wherever they run."""
    found = Workload(job, "the job", [], [])
    together = tasks(job)
    inside = [container.value for task in together for container in task.containers]
    for container in inside:
        add_container(world, found, container)
        # Batch logs to CloudWatch unless another driver is asked for.
        if all(driver.absent for driver in container.get("LogConfiguration", "LogDriver")):
            found.needs.append(Need("logs", "write the logs of its jobs", (ask(job.template, WRITE_LOGS),)))
    addresses = [value for task in together for value in task.value.get("NetworkConfiguration", "AssignPublicIp")]
    found.public_address = fargate and any(value.text == "ENABLED" for value in addresses)
    add_volumes(world, found, [volume for task in together for volume in task.volumes])
    fips = any(is_true(value.data) for container in inside for value in fips_settings(container.get("Environment")))
    named = [place for task in together for value in task.job_roles for place in world.locate(value)]
    add_role(roles, found, named, fips=fips, skipped=())
    return found
