"""Who runs where in a template's networks, and what each has to reach.

A workload's needs are what its agent does before the first line of it runs (pull, log, read secrets), what its role
allows it to call, and what its environment names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from secure_containers.rules.intrinsics import Reference
from secure_containers.rules.network.model import Subnet
from secure_containers.rules.network.services import (
    BY_IAM_PREFIX,
    FIPS_REGIONS,
    HOST_SERVICES,
    SERVICES,
    layer_bucket,
    service_of_host,
)
from secure_containers.rules.partitions import arn_parts
from secure_containers.rules.policies import PolicyKind, Statement, statements
from secure_containers.rules.template import Place, Resource, Value, World, is_true

INTERNET: Final = "internet"
"""The name of what no endpoint of AWS serves."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Actions on resources, as an endpoint's policy is asked: each on one of the others at least."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    anonymous: bool = False
    """AWS's own account asks, by a pre-signed URL, so that no condition on the caller or the owner holds."""


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a workload has to reach, and what for."""

    service: str
    """An endpoint's service, or `INTERNET`."""
    purpose: str
    asks: tuple[Ask, ...] = ()
    host: str = ""
    """What on the internet."""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Peer:
    """A database or the like in the network, which a workload's environment names."""

    resource: Resource
    groups: tuple[Place, ...]
    ports: tuple[int, ...]


@dataclass(eq=False)
class Workload:
    """Something that runs in subnets, with security groups."""

    resource: Resource
    kind: str
    subnets: list[Place]
    groups: list[Place]
    public_address: bool = False
    """It has an address of its own that the internet can reach."""
    needs: list[Need] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    """What it names that cannot be told from the templates."""
    behind: list[Place] = field(default_factory=list)
    """The target groups and classic load balancers that lead to it."""

    @property
    def name(self) -> str:
        return f"{self.kind} {self.resource.logical_id}"

    def is_public_in(self, subnet: Subnet) -> bool:
        """Whether it has a public address there: of its own, or as the instances of a subnet get one."""
        hosts = self.resource.type == "AWS::Batch::ComputeEnvironment"
        return self.public_address or (hosts and subnet.public_addresses)


def workloads(world: World) -> list[Workload]:
    """Every Fargate service and task, Batch compute environment and function in a VPC."""
    roles = _Roles(world)
    return [
        *_services(world, roles),
        *_scheduled_tasks(world, roles),
        *_compute_environments(world, roles),
        *_functions(world, roles),
    ]


def unplaced_tasks(world: World) -> list[Resource]:
    """Fargate task definitions that nothing in these templates runs."""
    placed = {place for service in world.of_type(*_SERVICE_TYPES) for place in world.places(service, "TaskDefinition")}
    placed |= {place for _, parameters in _targets(world) for place in _task_of(world, parameters)}
    return [
        definition
        for definition in world.of_type("AWS::ECS::TaskDefinition")
        if definition not in placed and _is_fargate(definition)
    ]


_SERVICE_TYPES: Final = ("AWS::ECS::Service", "AWS::ECS::TaskSet")


def _services(world: World, roles: _Roles) -> Iterator[Workload]:
    for service in world.of_type(*_SERVICE_TYPES):
        definitions = [place for place in world.places(service, "TaskDefinition") if isinstance(place, Resource)]
        launch = [value.text for value in service.get("LaunchType") if not value.absent]
        providers = [
            provider.text
            for strategy in service.get("CapacityProviderStrategy")
            for item in strategy.items()
            for provider in item.get("CapacityProvider")
        ]
        fargate = any("FARGATE" in each for each in launch + providers) or (
            not launch and not providers and any(_is_fargate(each) for each in definitions)
        )
        if not fargate:
            continue
        for configuration in service.get("NetworkConfiguration", "AwsvpcConfiguration"):
            workload = _placed(world, service, "the service", configuration)
            workload.behind = [
                place
                for balancers in service.get("LoadBalancers")
                for balancer in balancers.items()
                for name in ("TargetGroupArn", "LoadBalancerName")
                for value in balancer.get(name)
                for place in world.locate(value)
            ]
            if any(is_true(value.data) for value in service.get("EnableExecuteCommand")):
                workload.needs.append(Need("ssmmessages", "open ECS Exec sessions"))
            if not definitions:
                workload.untold.append("its task definition")
            for definition in definitions:
                _add_task(world, roles, workload, definition)
            yield workload


def _scheduled_tasks(world: World, roles: _Roles) -> Iterator[Workload]:
    for resource, parameters in _targets(world):
        for configuration in _awsvpc(parameters):
            workload = _placed(world, resource, "the task of", configuration)
            definitions = [place for place in _task_of(world, parameters) if isinstance(place, Resource)]
            if not definitions:
                workload.untold.append("its task definition")
            for definition in definitions:
                _add_task(world, roles, workload, definition)
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


def _task_of(world: World, parameters: Value) -> list[Place]:
    return [place for value in parameters.get("TaskDefinitionArn") for place in world.locate(value)]


def _awsvpc(parameters: Value) -> Iterator[Value]:
    """The network configuration, which the two services spell differently."""
    for name in ("AwsVpcConfiguration", "AwsvpcConfiguration"):
        for configuration in parameters.get("NetworkConfiguration", name):
            if not configuration.absent:
                yield configuration


def _placed(world: World, resource: Resource, kind: str, configuration: Value) -> Workload:
    return Workload(
        resource,
        kind,
        [place for value in configuration.get("Subnets") for place in world.listed(value)],
        [place for value in configuration.get("SecurityGroups") for place in world.listed(value)],
        any(value.text == "ENABLED" for value in configuration.get("AssignPublicIp")),
    )


def _is_fargate(definition: Resource) -> bool:
    return any(item.text == "FARGATE" for value in definition.get("RequiresCompatibilities") for item in value.items())


def _add_task(world: World, roles: _Roles, workload: Workload, definition: Resource) -> None:
    for containers in definition.get("ContainerDefinitions"):
        for container in containers.items():
            _add_container(world, workload, container)
            for files in container.get("EnvironmentFiles"):
                for file in files.items():
                    workload.needs += [
                        Need(
                            "s3", "read its environment files", (Ask(("s3:GetObject",), (value.text,)),), at=value.path
                        )
                        for value in file.get("Value")
                    ]
    _add_role(roles, workload, world.places(definition, "TaskRoleArn"), fips=_uses_fips(definition), skipped=())


def _add_container(world: World, workload: Workload, container: Value) -> None:
    for image in container.get("Image"):
        _add_image(world, workload, image)
    for configuration in container.get("LogConfiguration"):
        for driver in configuration.get("LogDriver"):
            if driver.text == "awslogs":
                regions = configuration.get("Options", "awslogs-region")
                _add_regional(workload, "logs", "write its logs", regions)
    names = [*container.get("RepositoryCredentials", "CredentialsParameter")]
    names += [
        value for secrets in container.get("Secrets") for item in secrets.items() for value in item.get("ValueFrom")
    ]
    names += [
        value
        for secrets in container.get("LogConfiguration", "SecretOptions")
        for item in secrets.items()
        for value in item.get("ValueFrom")
    ]
    for value in names:
        if not value.absent:
            _add_secret(world, workload, value)
    for environment in container.get("Environment"):
        for item in environment.items():
            for value in item.get("Value"):
                _add_named(world, workload, value)


def _add_regional(workload: Workload, service: str, purpose: str, regions: Iterable[Value]) -> None:
    for region in regions:
        own = workload.resource.template.region
        elsewhere = isinstance(region.data, str) and own is not None and "${" not in region.text and region.text != own
        if elsewhere:
            workload.needs.append(
                Need(INTERNET, f"{purpose} in another Region", host=f"{service}.{region.text}", at=region.path)
            )
        else:
            workload.needs.append(Need(service, purpose, at=region.path))


_PRIVATE_IMAGE: Final = re.compile(
    r"(?P<account>\$\{[^}]*\}|\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>\$\{[^}]*\}|[a-z0-9-]+)\."
    r"(?P<suffix>\$\{[^}]*\}|[a-z.]+?)/(?P<repository>(?:\$\{[^}]*\}|[^@:])+)"
)


def _add_image(world: World, workload: Workload, image: Value) -> None:
    followed = world.follow(image)
    for each in followed:
        text = each.text
        found = _PRIVATE_IMAGE.match(text)
        if found:
            _add_pull(workload, found["account"], found["region"], found["repository"], image.path)
        elif "RepositoryUri" in text:
            _add_pull(workload, "${AWS::AccountId}", "${AWS::Region}", "*", image.path)
        elif each.unknown or text.startswith("${"):
            workload.untold.append(f"its image {text}")
        elif not each.absent:
            registry = text.split("/", 1)[0] if "." in text.split("/", 1)[0] else "docker.io"
            workload.needs.append(Need(INTERNET, f"pull its image {text}", host=registry, at=image.path))


def _add_pull(workload: Workload, account: str, region: str, repository: str, at: str) -> None:
    template = workload.resource.template
    if "${" not in region and template.region not in (None, region):
        workload.needs.append(
            Need(INTERNET, f"pull its image from {region}, another Region than its own", host=f"ecr.{region}", at=at)
        )
        return
    place = "${AWS::Region}" if template.region is None else template.region
    arn = f"arn:${{AWS::Partition}}:ecr:{place}:{account}:repository/{repository}"
    pull = Ask(("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"), (arn,))
    workload.needs += [
        Need("ecr.api", "pull its image", (Ask(("ecr:GetAuthorizationToken",), ("*",)), pull), at=at),
        Need("ecr.dkr", "pull its image", (pull,), at=at),
        Need(
            "s3",
            "pull the layers of its image",
            (Ask(("s3:GetObject",), (layer_bucket("${AWS::Partition}", place),), anonymous=True),),
            at=at,
        ),
    ]


_SECRET_ACTIONS: Final = {"secretsmanager": "secretsmanager:GetSecretValue", "ssm": "ssm:GetParameters"}
_SECRET_TYPES: Final = {
    "AWS::SecretsManager::Secret": "secretsmanager",
    "AWS::SecretsManager::SecretTargetAttachment": "secretsmanager",
    "AWS::SSM::Parameter": "ssm",
}


def _add_secret(world: World, workload: Workload, value: Value) -> None:
    for each in world.follow(value):
        text = each.text
        service = next((name for name in _SECRET_ACTIONS if f":{name}:" in text), None)
        if service is None:
            found = re.match(r"\$\{([^}.]+)", text)
            resource = each.resource.template.resources.get(found.group(1)) if found else None
            service = _SECRET_TYPES.get(resource.type) if resource is not None else None
        if service is None and "${" not in text:
            service = "ssm"  # a bare name is a parameter's
        if service is None:
            workload.untold.append(f"its secret {text}")
        else:
            # A key of a secret stands behind its ARN, which has seven parts.
            arn = ":".join(re.sub(r"::+$", "", text).split(":")[:7]) if "${" not in text else "*"
            workload.needs.append(
                Need(service, "read its secrets", (Ask((_SECRET_ACTIONS[service],), (arn,)),), at=value.path)
            )


_RESOURCE_SERVICES: Final[Mapping[str, str]] = {
    "AWS::S3::Bucket": "s3",
    "AWS::DynamoDB::Table": "dynamodb",
    "AWS::DynamoDB::GlobalTable": "dynamodb",
    "AWS::SQS::Queue": "sqs",
    "AWS::SNS::Topic": "sns",
    "AWS::SecretsManager::Secret": "secretsmanager",
    "AWS::SSM::Parameter": "ssm",
    "AWS::StepFunctions::StateMachine": "states",
    "AWS::Lambda::Function": "lambda",
    "AWS::Kinesis::Stream": "kinesis-streams",
    "AWS::KinesisFirehose::DeliveryStream": "kinesis-firehose",
    "AWS::Events::EventBus": "events",
    "AWS::Batch::JobQueue": "batch",
    "AWS::Batch::JobDefinition": "batch",
}
"""The resources that a workload calls when its environment names them."""
_PEERS: Final[Mapping[str, tuple[str, str, int]]] = {
    "AWS::RDS::DBInstance": ("VPCSecurityGroups", "Port", 0),
    "AWS::RDS::DBCluster": ("VpcSecurityGroupIds", "Port", 0),
    "AWS::ElastiCache::ReplicationGroup": ("SecurityGroupIds", "Port", 6379),
    "AWS::ElastiCache::CacheCluster": ("VpcSecurityGroupIds", "Port", 6379),
    "AWS::DocDB::DBCluster": ("VpcSecurityGroupIds", "Port", 27017),
    "AWS::Neptune::DBCluster": ("VpcSecurityGroupIds", "DBPort", 8182),
    "AWS::Redshift::Cluster": ("VpcSecurityGroupIds", "Port", 5439),
    "AWS::MemoryDB::Cluster": ("SecurityGroupIds", "Port", 6379),
}
"""Databases in a network: where they name their security groups and their port, and the port when they are silent."""
_DATABASE_PORTS: Final = (
    ("postgres", 5432),
    ("mysql", 3306),
    ("mariadb", 3306),
    ("sqlserver", 1433),
    ("oracle", 1521),
)
_LOCAL_HOST: Final = re.compile(
    r"localhost|127\.|169\.254\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|[^.]+$|.*\.(local|internal|svc)(:|$)"
)
_URL: Final = re.compile(r"(?:https?|wss?)://(?:[^/@]*@)?([^/:?#]+)")


def _add_named(world: World, workload: Workload, value: Value) -> None:
    """What a variable of the environment names."""
    for each in world.follow(value):
        if isinstance(each.data, Reference):
            resource = each.resource.template.resources.get(each.data.logical_id)
            if resource is not None:
                if resource.type in _RESOURCE_SERVICES:
                    workload.needs.append(
                        Need(_RESOURCE_SERVICES[resource.type], f"reach {resource.logical_id}", at=value.path)
                    )
                elif resource.type in _PEERS and "Address" in each.data.attribute:
                    workload.peers.append(_peer(world, resource))
            continue
        text = each.text
        parts = arn_parts(text)
        if parts and parts[2] in BY_IAM_PREFIX and not parts[2].startswith(("ecs", "ecr", "logs", "kms")):
            workload.needs.append(Need(BY_IAM_PREFIX[parts[2]].name, "reach what its environment names", at=value.path))
            continue
        url = _URL.match(text)
        if url is None:
            continue
        aws = service_of_host(text)
        if aws is not None:
            service, region = aws
            if service not in SERVICES:
                continue
            own = workload.resource.template.region
            if own is not None and "${" not in region and region != own:
                workload.needs.append(Need(INTERNET, f"reach {service} in {region}", host=url.group(1), at=value.path))
            else:
                workload.needs.append(Need(service, "reach what its environment names", at=value.path))
        elif "${" not in url.group(1) and not _LOCAL_HOST.match(url.group(1)):
            workload.needs.append(Need(INTERNET, f"reach {url.group(1)}", host=url.group(1), at=value.path))


def _peer(world: World, resource: Resource) -> Peer:
    groups, port, default = _PEERS[resource.type]
    ports = [int(value.text) for value in resource.get(port) if value.text.isdigit()]
    if not ports:
        engine = " ".join(value.text for value in resource.get("Engine"))
        ports = [next((number for name, number in _DATABASE_PORTS if name in engine), default)]
    found = [place for value in resource.get(groups) for place in world.listed(value)]
    return Peer(resource, tuple(found), tuple(number for number in ports if number))


_SERVICE_SIDE_KMS: Final = (
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:ReEncrypt",
    "kms:GenerateDataKey",
    "kms:DescribeKey",
    "kms:CreateGrant",
)
"""What S3, SQS, Secrets Manager and others do with a key for the caller; only other actions show that it calls KMS."""
_FUNCTION_SIDE: Final = ("logs", "xray", "ec2")
"""What Lambda itself does for a function with the function's role: none of it leaves from the function's subnet."""
_NOT_CALLED: Final = frozenset({"iam:PassRole"})


class _Roles:
    """What the roles of templates allow."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._allowed: dict[Place, list[Statement]] = {}
        for template in world.templates:
            for found in template.once(statements):
                if isinstance(found, Statement) and found.kind is PolicyKind.IDENTITY and found.allows:
                    for role in self._bearers(found.resource):
                        self._allowed.setdefault(role, []).append(found)

    def of(self, role: Place) -> list[Statement]:
        return self._allowed.get(role, [])

    def _bearers(self, resource: Resource) -> Iterator[Place]:
        if resource.type == "AWS::IAM::Role":
            yield resource
        for name in ("Roles", "RoleName"):
            if resource.type != "AWS::IAM::Role":
                for value in resource.get(name):
                    yield from self._world.listed(value)


def _add_role(
    roles: _Roles, workload: Workload, places: Iterable[Place], *, fips: bool, skipped: tuple[str, ...]
) -> None:
    for role in places:
        for statement in roles.of(role):
            if any(key == "kms:viaservice" for _, key, _ in statement.conditions()):
                continue
            _add_statement(workload, statement, fips=fips, skipped=skipped)


def _add_statement(workload: Workload, statement: Statement, *, fips: bool, skipped: tuple[str, ...]) -> None:
    called: dict[str, list[str]] = {}
    resources = tuple(dict.fromkeys(value.text for value in statement.resources)) or ("*",)
    for action in statement.actions:
        prefix, _, verb = action.text.partition(":")
        if not verb or prefix in skipped or action.text in skipped or action.text in _NOT_CALLED or "${" in prefix:
            continue
        if action.text.rstrip("*").startswith(_SERVICE_SIDE_KMS):
            continue
        if prefix not in BY_IAM_PREFIX:
            workload.untold.append(f"how {prefix}, which its role may call, is reached")
            continue
        service = BY_IAM_PREFIX[prefix]
        name = f"{service.name}-fips" if fips and not service.gateway else service.name
        called.setdefault(name, []).append(action.text)
    for name, actions in called.items():
        purpose = f"call {name.removesuffix('-fips')}, as its role may"
        workload.needs.append(Need(name, purpose, (Ask(tuple(actions), resources),), at=statement.value.path))


def _uses_fips(bearer: Resource) -> bool:
    """Whether the SDKs in it are told to call FIPS endpoints."""
    named = [
        value
        for containers in bearer.get("ContainerDefinitions")
        for container in containers.items()
        for environment in container.get("Environment")
        for item in environment.items()
        if any(name.text == "AWS_USE_FIPS_ENDPOINT" for name in item.get("Name"))
        for value in item.get("Value")
    ] + bearer.get("Environment", "Variables", "AWS_USE_FIPS_ENDPOINT")
    region = bearer.template.region
    return any(is_true(value.data) for value in named) and (region is None or bool(FIPS_REGIONS.fullmatch(region)))


def _functions(world: World, roles: _Roles) -> Iterator[Workload]:
    polled = _polled(world)
    for function in world.of_type("AWS::Lambda::Function"):
        for configuration in function.get("VpcConfig"):
            if configuration.absent:
                continue
            subnets = [place for value in configuration.get("SubnetIds") for place in world.listed(value)]
            if not subnets:
                continue  # an empty configuration is none
            workload = Workload(
                function,
                "the function",
                subnets,
                [place for value in configuration.get("SecurityGroupIds") for place in world.listed(value)],
            )
            for variables in function.get("Environment", "Variables"):
                for _, value in variables.members():
                    _add_named(world, workload, value)
            skipped = (*_FUNCTION_SIDE, *polled.get(function, ()))
            _add_role(roles, workload, world.places(function, "Role"), fips=_uses_fips(function), skipped=skipped)
            yield workload


_POLLED: Final[Mapping[str, tuple[str, ...]]] = {
    "sqs": (
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:ChangeMessageVisibility",
    ),
    "kinesis": ("kinesis",),
    "dynamodb": (
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:DescribeStream",
        "dynamodb:ListStreams",
    ),
}
"""What Lambda does itself, with the function's role, where it polls for the function."""


def _polled(world: World) -> Mapping[Place, list[str]]:
    found: dict[Place, list[str]] = {}
    for mapping in world.of_type("AWS::Lambda::EventSourceMapping"):
        texts = [each.text for value in mapping.get("EventSourceArn") for each in world.follow(value)]
        types = [
            place.type.split("::")[1].lower()
            for value in mapping.get("EventSourceArn")
            for place in world.locate(value)
            if isinstance(place, Resource)
        ]
        services = [each for each in _POLLED if each in types or any(f":{each}:" in text for text in texts)]
        for function in world.places(mapping, "FunctionName"):
            found.setdefault(function, []).extend(action for each in services for action in _POLLED[each])
    for function in world.of_type("AWS::Lambda::Function"):
        if any(not value.absent for value in function.get("DeadLetterConfig", "TargetArn")):
            found.setdefault(function, []).extend(("sqs:SendMessage", "sns:Publish"))
    return found


def _compute_environments(world: World, roles: _Roles) -> Iterator[Workload]:
    definitions: dict[bool, list[Resource]] = {True: [], False: []}
    for definition in world.of_type("AWS::Batch::JobDefinition"):
        platforms = [item.text for value in definition.get("PlatformCapabilities") for item in value.items()]
        if not any(not value.absent for value in definition.get("EksProperties")):
            definitions["FARGATE" in platforms].append(definition)
    environments = [
        (environment, [value.text for value in environment.get("ComputeResources", "Type") if not value.absent])
        for environment in world.of_type("AWS::Batch::ComputeEnvironment")
        if all(value.absent for value in environment.get("EksConfiguration"))
    ]
    for environment, types in environments:
        if not types:
            continue  # an unmanaged environment: its hosts stand elsewhere
        fargate = any(type_.startswith("FARGATE") for type_ in types)
        workload = Workload(
            environment,
            "the compute environment",
            [p for value in environment.get("ComputeResources", "Subnets") for p in world.listed(value)],
            [p for value in environment.get("ComputeResources", "SecurityGroupIds") for p in world.listed(value)],
        )
        if not workload.groups and any(not v.absent for v in environment.get("ComputeResources", "LaunchTemplate")):
            workload.groups.append("the launch template's security groups")
        if not fargate:
            workload.needs += [Need(service, "join the cluster of its instances") for service in HOST_SERVICES]
        jobs = definitions[fargate]
        if not jobs:
            _add_pull(workload, "${AWS::AccountId}", "${AWS::Region}", "*", "Properties.ComputeResources")
            workload.needs.append(Need("logs", "write the logs of its jobs", at="Properties.ComputeResources"))
        for job in jobs:
            _add_job(world, roles, workload, job, fargate=fargate)
        yield workload


def _add_job(world: World, roles: _Roles, workload: Workload, job: Resource, *, fargate: bool) -> None:
    containers = [value for value in job.get("ContainerProperties") if not value.absent]
    containers += [
        container
        for tasks in job.get("EcsProperties", "TaskProperties")
        for task in tasks.items()
        for listed_containers in task.get("Containers")
        for container in listed_containers.items()
    ]
    containers += [
        container
        for ranges in job.get("NodeProperties", "NodeRangeProperties")
        for each in ranges.items()
        for container in each.get("Container")
        if not container.absent
    ]
    for container in containers:
        _add_container(world, workload, container)
        # Batch logs to CloudWatch unless another driver is asked for.
        if all(driver.absent for driver in container.get("LogConfiguration", "LogDriver")):
            workload.needs.append(Need("logs", "write the logs of its jobs", at=container.path))
        if any(value.text == "ENABLED" for value in container.get("NetworkConfiguration", "AssignPublicIp")):
            workload.public_address = workload.public_address or fargate
    roles_named = [value for container in containers for value in container.get("JobRoleArn")]
    roles_named += [
        value
        for tasks in job.get("EcsProperties", "TaskProperties")
        for task in tasks.items()
        for value in task.get("TaskRoleArn")
    ]
    places = [place for value in roles_named for place in world.locate(value)]
    _add_role(roles, workload, places, fips=False, skipped=())
