"""Who runs where in a template's networks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from secure_containers.rules.app_runner_model import INSTANCE_ROLE, SERVICE, configurations
from secure_containers.rules.batch_model import tasks
from secure_containers.rules.ecs_model import CAPACITY_PROVIDER, CLUSTER, RUNS_IN, TASK_DEFINITION, awsvpc
from secure_containers.rules.event_model import RULE, SCHEDULE, ecs_targets, functions, sources
from secure_containers.rules.host_checks import (
    GROUP,
    container_groups,
    groups_behind,
    hosts_of,
    launches,
    set_up,
    set_up_by,
)
from secure_containers.rules.intrinsics import NOTHING_GIVEN, Given, placeholders
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
from secure_containers.rules.task_model import called, items, referred
from secure_containers.rules.template import Place, Resource, Template, Value, World, is_true


def workloads(world: World) -> list[Workload]:
    """Every service, task, group of instances under them, Batch compute environment and function in a VPC."""
    roles = world.once(Roles)
    return [
        *_tasks(world, roles),
        *_express_services(world, roles),
        *_app_runner_services(world, roles),
        *_told_tasks(world, roles),
        *_instances(world, roles),
        *_compute_environments(world, roles),
        *_functions(world, roles),
    ]


def unplaced_tasks(world: World) -> list[Resource]:
    """Fargate task definitions that nothing in these templates runs, and that do not say where people run them."""
    return [definition for definition in world.once(_run_by_people) if RUNS_IN not in definition.metadata]


def _run_by_people(world: World) -> list[Resource]:
    """Fargate task definitions that nothing in these templates runs."""
    placed = {place for service in world.of_type(*SERVICE_TYPES) for place in world.places(service, "TaskDefinition")}
    placed |= {place for service in world.of_type(EXPRESS) for place in world.places(service, _TASK)}
    placed |= {place for _, _, parameters in _targets(world) for place in world.places(parameters, _TASK)}
    return [
        definition
        for definition in world.of_type("AWS::ECS::TaskDefinition")
        if definition not in placed and _is_fargate(definition)
    ]


SERVICE_TYPES: Final = ("AWS::ECS::Service", "AWS::ECS::TaskSet")
_TASK: Final = "TaskDefinitionArn"
_FUNCTION_TYPES: Final = ("AWS::Lambda::Function", "AWS::Serverless::Function")


@dataclass(frozen=True, slots=True)
class _Run:
    """How a service, a rule or a schedule runs tasks."""

    resource: Resource
    settings: Resource | Value
    """Where it says so."""
    definitions: list[Resource]
    fargate: bool
    hosts: list[Resource]
    """The groups of instances, and the providers that manage their own, on which the tasks run."""
    sessions: list[Need]
    """What sessions of ECS Exec take."""


def _runs(world: World) -> list[_Run]:
    services = [
        _run(world, service, service, _definitions(world, service, "TaskDefinition"), service.get("Cluster"))
        for service in world.of_type(*SERVICE_TYPES)
        if not _is_placed_elsewhere(service)
    ]
    return services + [
        _run(world, resource, parameters, _definitions(world, parameters, _TASK), target.get("Arn"))
        for resource, target, parameters in _targets(world)
    ]


def _told_tasks(world: World, roles: Roles) -> Iterator[Workload]:
    """Tasks that people run where their definitions say."""
    for definition in world.once(_run_by_people):
        for configuration in definition.template.values(
            definition.metadata.get(RUNS_IN), f"Metadata.{RUNS_IN}", definition
        ):
            if not configuration.absent:
                workload = _placed(world, definition, "the task of", configuration)
                run = _Run(definition, definition, [definition], fargate=True, hosts=[], sessions=[])
                _add_tasks(world, roles, workload, run)
                yield workload


def _run(
    world: World, resource: Resource, settings: Resource | Value, definitions: list[Resource], clusters: list[Value]
) -> _Run:
    launch, strategies = settings.get("LaunchType"), settings.get("CapacityProviderStrategy")
    named = [each for value in clusters for each in called(value, CLUSTER, "ClusterName")]
    if not any(value.data for value in (*launch, *strategies)):
        defaults = world.once(_default_strategies)
        strategies = [strategy for cluster in named for strategy in defaults.get(cluster, ())]
    fargate = _runs_on_fargate(launch, strategies, definitions)
    hosts = _hosts_in(strategies)
    if not fargate and not any(value.data for value in strategies):
        hosts = [group for cluster in named for group in world.once(_joined).get(cluster, ())]
    sessions = any(is_true(value.data) for value in settings.get("EnableExecuteCommand"))
    need = Need("ssmmessages", "open ECS Exec sessions", (ask(resource.template, _EXEC),))
    return _Run(resource, settings, definitions, fargate, hosts, [need] if sessions else [])


_JOINED: Final = re.compile(r"""(?:\bECS_CLUSTER=|^cluster *= *|-Cluster +)["']?([\w${}:.-]+)""", re.MULTILINE)


def _joined(world: World) -> Mapping[Resource, list[Resource]]:
    """The groups whose instances join each cluster, as their user data say."""
    found: dict[Resource, list[Resource]] = {}
    for group in world.once(container_groups):
        hosts = {each for launch in launches(group) for each in hosts_of(launch)}
        for data in (data for each in hosts for data in set_up(each, "UserData")):
            for name in _JOINED.findall(set_up_by(data)):
                for cluster in _clusters(data, name):
                    found.setdefault(cluster, []).append(group)
    return found


def _clusters(data: Value, name: str) -> Iterator[Resource]:
    """The clusters that a text of user data means."""
    referring = [each for placeholder in placeholders(name) for each in referred(data, placeholder)]
    for cluster in data.resource.template.world.of_type(CLUSTER):
        if cluster in referring or any(own.text == name for own in cluster.get("ClusterName")):
            yield cluster


def _default_strategies(world: World) -> Mapping[Resource, list[Value]]:
    """What clusters take for services and tasks that name neither a launch type nor a strategy."""
    name = "DefaultCapacityProviderStrategy"
    found = {cluster: [value for value in cluster.get(name) if value.data] for cluster in world.of_type(CLUSTER)}
    for association in world.of_type("AWS::ECS::ClusterCapacityProviderAssociations"):
        for value in association.get("Cluster"):
            for cluster in called(value, CLUSTER, "ClusterName"):
                found[cluster] += association.get(name)
    return found


def _is_placed_elsewhere(service: Resource) -> bool:
    """Whether its tasks run on machines outside of AWS, or where its task sets say."""
    if all(launch.text == "EXTERNAL" for launch in service.get("LaunchType")):
        return True
    by_task_sets = all(each.text == "EXTERNAL" for each in service.get("DeploymentController", "Type"))
    return by_task_sets and all(value.absent for value in service.get("TaskDefinition"))


def _tasks(world: World, roles: Roles) -> Iterator[Workload]:
    """Services, and the tasks that rules and schedules start."""
    for run in world.once(_runs):
        is_service = run.resource.type in SERVICE_TYPES
        for configuration in awsvpc(run.settings):
            if configuration.absent and not is_service:
                continue
            workload = _placed(world, run.resource, "the service" if is_service else "the task of", configuration)
            workload.behind = [place for entry in entries_of(run.resource) for place in fronts_of(world, entry)]
            registries = items(run.settings, "ServiceRegistries")
            workload.behind += [place for each in registries for place in world.places(each, "RegistryArn")]
            if not configuration.absent:  # otherwise sessions leave by the instances
                workload.needs += run.sessions
            connected = run.settings.get("ServiceConnectConfiguration", "Enabled")
            if run.fargate and any(is_true(value.data) for value in connected):
                workload.needs.append(Need("ecs-agent", "configure Service Connect"))
            _add_tasks(world, roles, workload, run)
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
            run = _Run(service, service, definitions, fargate=True, hosts=[], sessions=[])
            _add_tasks(world, roles, workload, run)
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
    return any(each.startswith("FARGATE") for each in named) or (not named and any(map(_is_fargate, definitions)))


def _hosts_in(strategies: list[Value]) -> list[Resource]:
    """The hosts of the capacity providers that strategies name."""
    return [
        hosts
        for strategy in strategies
        for item in strategy.items()
        for name in item.get("CapacityProvider") + item.get("capacityProvider")
        for provider in called(name, CAPACITY_PROVIDER, "Name")
        for hosts in groups_behind(provider) or ([provider] if _own_networks(provider) else [])
    ]


def _own_networks(provider: Resource) -> list[Value]:
    """Where Amazon ECS places the instances that it manages for a capacity provider."""
    found = provider.get("ManagedInstancesProvider", "InstanceLaunchTemplate", "NetworkConfiguration")
    return [each for each in found if not each.absent]


def _add_tasks(world: World, roles: Roles, workload: Workload, run: _Run) -> None:
    """What tasks need by their own network; on instances these pull the image, read the secrets and write the logs."""
    if not run.fargate and not run.hosts:
        workload.untold.append("the instances that it runs on, which pull its image and write its logs")
    if not run.definitions:
        workload.untold.append("its task definition")
    for definition in run.definitions:
        if run.fargate:
            _add_start(world, workload, definition)
        if run.fargate or _has_own_network(definition):
            _add_task(world, roles, workload, definition)


def _targets(world: World) -> Iterator[tuple[Resource, Value, Value]]:
    """Rules and schedules that run tasks, where, and how."""
    for resource in world.of_type(RULE, SCHEDULE):
        yield from ((resource, *found) for found in ecs_targets(resource))


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
    """The instances that join clusters, and start the tasks that run there."""
    started: dict[Resource, list[_Run]] = {}
    for run in world.once(_runs):
        for hosts in dict.fromkeys(run.hosts):
            started.setdefault(hosts, []).append(run)
    for workload in (*_groups_of_instances(world), *_managed_instances(world)):
        runs = started.get(workload.resource, [])
        workload.needs += [Need(service, "join their cluster") for service in HOST_SERVICES]
        for definition in dict.fromkeys(each for run in runs for each in run.definitions):
            _add_start(world, workload, definition)
            if not _has_own_network(definition):
                _add_task(world, roles, workload, definition)
        for run in runs:
            if not all(map(_has_own_network, run.definitions)):
                workload.needs += run.sessions
        yield workload


def _groups_of_instances(world: World) -> Iterator[Workload]:
    for group in world.of_type(GROUP):
        if group in world.once(container_groups):
            yield _instances_of(world, group)


def _managed_instances(world: World) -> Iterator[Workload]:
    for provider in world.of_type(CAPACITY_PROVIDER):
        for configuration in _own_networks(provider):
            workload = _placed(world, provider, "the instances of", configuration)
            workload.addressed_by_subnet = True
            yield workload


def _definitions(world: World, bearer: Resource | Value, name: str) -> list[Resource]:
    places = world.places(bearer, name)
    return [place for place in places if isinstance(place, Resource) and place.type == TASK_DEFINITION]


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
