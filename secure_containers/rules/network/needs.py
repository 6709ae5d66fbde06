"""What workloads have to reach: what their agents do, what their roles allow, what their environments name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from secure_containers.rules.intrinsics import Given, Reference, placeholders
from secure_containers.rules.network.databases import Neighbour, file_system, is_address, neighbour
from secure_containers.rules.network.model import Subnet
from secure_containers.rules.network.names import answering
from secure_containers.rules.network.naming import told
from secure_containers.rules.network.services import BY_IAM_PREFIX, layer_bucket, service_of_host
from secure_containers.rules.partitions import arn_parts
from secure_containers.rules.policies import PolicyKind, Statement, statements
from secure_containers.rules.template import Place, Resource, Template, Value, World, is_true

INTERNET: Final = "internet"
"""The name of what no endpoint of AWS serves."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Actions on resources, as an endpoint's policy is asked: each on one of the others at least."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    """As the template writes them."""
    targets: tuple[str, ...]
    """The same with what is known in the place of references."""
    anonymous: bool = False
    """AWS's own account asks, by a pre-signed URL, so that no condition on the caller or the owner holds."""


def ask(
    template: Template, actions: Iterable[str], resources: Iterable[str] = ("*",), *, anonymous: bool = False
) -> Ask:
    """A question in the words of a template."""
    written = {told(resource, template): resource for resource in resources}
    return Ask(tuple(actions), tuple(written.values()), tuple(written), anonymous)


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a workload has to reach, and what for."""

    service: str
    """An endpoint's service, or `INTERNET`."""
    purpose: str
    asks: tuple[Ask, ...] = ()
    host: str = ""
    """What on the internet."""


@dataclass(eq=False)
class Workload:
    """Something that runs in subnets, with security groups."""

    resource: Resource
    kind: str
    subnets: list[Place]
    groups: list[tuple[Place, Given]]
    public_address: bool = False
    """It may have an address of its own that the internet can reach."""
    always_public: bool = False
    """It has one in every deployment."""
    needs: list[Need] = field(default_factory=list)
    neighbours: list[Neighbour] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    """What it names that cannot be told from the templates."""
    behind: list[Place] = field(default_factory=list)
    """The target groups and classic load balancers that lead to it."""
    grouped: bool = True
    """It has security groups, if only the default one of the VPC; otherwise its addresses are all that tells of it."""
    doors: list[str] = field(default_factory=list)
    """Its own ways in for everybody, in words."""
    addressed_by_subnet: bool = False
    """Its instances get public addresses where a subnet gives them."""

    @property
    def name(self) -> str:
        return f"{self.kind} {self.resource.logical_id}"

    def is_public_in(self, subnet: Subnet) -> bool:
        """Whether it may have a public address there: of its own, or as the instances of a subnet get one."""
        return self.public_address or (self.addressed_by_subnet and subnet.public_addresses)

    def is_surely_public_in(self, subnet: Subnet) -> bool:
        return self.always_public or (self.addressed_by_subnet and subnet.public_addresses)


def add_volumes(world: World, workload: Workload, volumes: Iterable[Value]) -> None:
    """File systems of EFS, which answer at their mount targets."""
    for value in volumes:
        for volume in value.items():
            configurations = volume.get("EFSVolumeConfiguration") + volume.get("EfsVolumeConfiguration")
            for configuration in configurations:
                for name in ("FilesystemId", "FileSystemId"):
                    for named in configuration.get(name):
                        for place in world.locate(named):
                            if isinstance(place, Resource) and place.type == "AWS::EFS::FileSystem":
                                workload.neighbours.append(file_system(world, place))
                            else:
                                workload.untold.append(f"its file system {named.text}")


def add_container(world: World, workload: Workload, container: Value) -> None:
    """What a container needs and what is done for it, in one network."""
    add_start(world, workload, container)
    add_environment(world, workload, container.get("Environment"))


def add_start(world: World, workload: Workload, container: Value) -> None:
    """What the agent of a host needs for a container: its image, its logs, its secrets, its files."""
    for image in container.get("Image"):
        add_image(world, workload, image)
    for configuration in container.get("LogConfiguration"):
        for driver in configuration.get("LogDriver"):
            if driver.text == "awslogs":
                regions = configuration.get("Options", "awslogs-region")
                add_regional(workload, "logs", "write its logs", regions, WRITE_LOGS)
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
            add_secret(world, workload, value)
    for files in container.get("EnvironmentFiles"):
        for file in files.items():
            for value in file.get("Value"):
                asked = ask(container.resource.template, ("s3:GetObject",), (value.text,))
                workload.needs.append(Need("s3", "read its environment files", (asked,)))


def add_environment(world: World, workload: Workload, lists: Iterable[Value]) -> None:
    """What lists of variables name."""
    for environment in lists:
        for item in environment.items():
            for value in item.get("Value"):
                add_named(world, workload, value)


def add_regional(
    workload: Workload, service: str, purpose: str, regions: Iterable[Value], actions: Iterable[str]
) -> None:
    template = workload.resource.template
    for region in regions:
        elsewhere = isinstance(region.data, str) and "${" not in region.text
        if elsewhere and template.region not in (None, region.text):
            workload.needs.append(Need(INTERNET, f"{purpose} in another Region", host=f"{service}.{region.text}"))
        else:
            workload.needs.append(Need(service, purpose, (ask(template, actions),)))


WRITE_LOGS: Final = ("logs:CreateLogStream", "logs:PutLogEvents")
_PRIVATE_IMAGE: Final = re.compile(
    r"(?P<account>\$\{[^}]*\}|\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>\$\{[^}]*\}|[a-z0-9-]+)\."
    r"(?P<suffix>\$\{[^}]*\}|[a-z.]+?)/(?P<repository>(?:\$\{[^}]*\}|[^@:])+)"
)


def add_image(world: World, workload: Workload, image: Value) -> None:
    for each in world.follow(image):
        text = each.text
        found = _PRIVATE_IMAGE.match(text)
        if found:
            add_pull(workload, each.resource.template, found["region"], _arn(each, found))
        elif "RepositoryUri" in text:
            named = next(iter(placeholders(text)), "")
            add_pull(workload, each.resource.template, "${AWS::Region}", f"${{{named.partition('.')[0]}.Arn}}")
        elif each.unknown or text.startswith("${"):
            workload.untold.append(f"its image {text}")
        elif not each.absent:
            domain, slash, _ = text.partition("/")
            registry = domain if slash and ("." in domain or ":" in domain) else "docker.io"
            workload.needs.append(Need(INTERNET, f"pull its image {text}", host=registry))


def _arn(image: Value, found: re.Match[str]) -> str:
    """The repository of an image; by itself, where it stands in the template."""
    template = image.resource.template
    name = re.fullmatch(r"\$\{([^}.]+)\}", found["repository"])
    if name and name[1] in template.resources:
        return f"${{{name[1]}.Arn}}"
    region = template.region or "${AWS::Region}"
    return f"arn:${{AWS::Partition}}:ecr:{region}:{found['account']}:repository/{found['repository']}"


def add_pull(workload: Workload, template: Template, region: str, repository: str) -> None:
    """What pulling from a private registry takes."""
    own = workload.resource.template
    if "${" not in region and own.region not in (None, region):
        workload.needs.append(
            Need(INTERNET, f"pull its image from {region}, another Region than its own", host=f"ecr.{region}")
        )
        return
    place = own.region or "${AWS::Region}"
    pull = ask(template, ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"), (repository,))
    layers = ask(own, ("s3:GetObject",), (layer_bucket("${AWS::Partition}", place),), anonymous=True)
    workload.needs += [
        Need("ecr.api", "pull its image", (ask(own, ("ecr:GetAuthorizationToken",)), pull)),
        Need("ecr.dkr", "pull its image", (pull,)),
        Need("s3", "pull the layers of its image", (layers,)),
    ]


_SECRET_ACTIONS: Final = {"secretsmanager": "secretsmanager:GetSecretValue", "ssm": "ssm:GetParameters"}
_SECRET_TYPES: Final = {
    "AWS::SecretsManager::Secret": "secretsmanager",
    "AWS::SecretsManager::SecretTargetAttachment": "secretsmanager",
    "AWS::SSM::Parameter": "ssm",
}


def add_secret(world: World, workload: Workload, value: Value) -> None:
    for each in world.follow(value):
        text, template = each.text, each.resource.template
        service = next((name for name in _SECRET_ACTIONS if f":{name}:" in text), None)
        reference = re.match(r"\$\{([^}.]+)[^}]*\}", text)
        if service is None and reference:
            resource = template.resources.get(reference[1])
            service = _SECRET_TYPES.get(resource.type) if resource is not None else None
        if service is None and "${" not in text:
            service = "ssm"  # a bare name is a parameter's
        if service is None:
            workload.untold.append(f"its secret {text}")
            continue
        # A key of a secret stands behind its ARN, which has seven parts.
        arn = reference[0] if reference else ":".join(re.sub(r"::+$", "", text).split(":")[:7])
        if service == "ssm" and not arn.startswith("arn:"):
            arn = "*"
        workload.needs.append(Need(service, "read its secrets", (ask(template, (_SECRET_ACTIONS[service],), (arn,)),)))


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
_LOCAL_HOST: Final = re.compile(
    r"localhost|127\.|169\.254\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|[^.]+$|.*\.(local|internal|svc)(:|$)"
)
_URL: Final = re.compile(r"(?P<scheme>https?|wss?)://(?:[^/@]*@)?(?P<host>[^/:?#]+)(?::(?P<port>[^/?#]*))?")


def add_named(world: World, workload: Workload, value: Value) -> None:
    """What a variable of the environment names."""
    for each in world.follow(value):
        _add_resources(world, workload, each)
        text = each.text
        parts = arn_parts(text)
        if parts and parts[2] in BY_IAM_PREFIX and parts[2] not in _NAMED_ONLY:
            workload.needs.append(Need(BY_IAM_PREFIX[parts[2]].name, "reach what its environment names"))
            continue
        url = _URL.match(text)
        aws = service_of_host(text) if url else None
        if aws is not None:
            service, region = aws
            own = workload.resource.template.region
            if own is not None and "${" not in region and region != own:
                workload.needs.append(Need(INTERNET, f"reach {service} in {region}", host=aws[0] + "." + region))
            else:
                workload.needs.append(Need(service, "reach what its environment names"))
        elif url:
            _add_host(world, workload, each, url)


def _add_host(world: World, workload: Workload, value: Value, url: re.Match[str]) -> None:
    """What answers at the host of a URL: a load balancer of the network, another one, or the internet."""
    host, port = url["host"], url["port"] or ("443" if url["scheme"] in ("https", "wss") else "80")
    answers = answering(world, value, host, (int(port),) if port.isdecimal() else ())
    if answers:
        workload.neighbours += answers
    elif "${" in host or _LOCAL_HOST.match(host):
        return
    elif answers is None:
        workload.needs.append(Need(INTERNET, f"reach {host}", host=host))
    else:
        workload.untold.append(f"what answers to the private name {host}")


def _add_resources(world: World, workload: Workload, value: Value) -> None:
    """Resources that a text names, alone or in a connection string."""
    alone = isinstance(value.data, Reference)
    for name in placeholders(value.text):
        logical_id, _, attribute = name.partition(".")
        resource = value.resource.template.resources.get(logical_id)
        if resource is None:
            continue
        if is_address(resource, attribute):
            workload.neighbours.append(neighbour(world, resource))
        elif alone and resource.type in _RESOURCE_SERVICES:
            workload.needs.append(Need(_RESOURCE_SERVICES[resource.type], f"reach {resource.logical_id}"))


_NAMED_ONLY: Final = ("ecs", "ecr", "logs", "kms")
"""Services whose ARNs in an environment are names, seldom called."""
_SERVICE_SIDE_KMS: Final = (
    "kms:decrypt",
    "kms:encrypt",
    "kms:reencrypt",
    "kms:generatedatakey",
    "kms:describekey",
    "kms:creategrant",
)
"""What S3, SQS, Secrets Manager and others do with a key for the caller; only other actions show that it calls KMS."""
_NOT_CALLED: Final = ("iam:passrole", "elasticfilesystem:client")
"""Permissions that no call over HTTPS needs: passing a role, mounting a file system."""


class Roles:
    """What the roles of templates allow."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._allowed: dict[Place, list[Statement]] = {}
        attached = self._attached()
        for template in world.templates:
            for found in template.once(statements):
                if isinstance(found, Statement) and found.kind is PolicyKind.IDENTITY and found.allows:
                    for role in dict.fromkeys([*self._bearers(found.resource), *attached.get(found.resource, ())]):
                        self._allowed.setdefault(role, []).append(found)

    def of(self, role: Place) -> list[Statement]:
        return self._allowed.get(role, [])

    def _attached(self) -> Mapping[Place, list[Resource]]:
        """The roles that name each managed policy themselves."""
        found: dict[Place, list[Resource]] = {}
        for role in self._world.of_type("AWS::IAM::Role"):
            for policy in self._world.lists(role, "ManagedPolicyArns"):
                found.setdefault(policy, []).append(role)
        return found

    def _bearers(self, resource: Resource) -> Iterator[Place]:
        if resource.type == "AWS::IAM::Role":
            yield resource
        for name in ("Roles", "RoleName"):
            if resource.type != "AWS::IAM::Role":
                for value in resource.get(name):
                    yield from self._world.listed(value)


def add_role(
    roles: Roles, workload: Workload, places: Iterable[Place], *, fips: bool, skipped: tuple[str, ...]
) -> None:
    for role in places:
        for statement in roles.of(role):
            if any(key == "kms:viaservice" for _, key, _ in statement.conditions()):
                continue
            add_statement(workload, statement, fips=fips, skipped=skipped)


def add_statement(workload: Workload, statement: Statement, *, fips: bool, skipped: tuple[str, ...]) -> None:
    """What one statement of a role's policies lets the workload call; `skipped` begin actions that others do for it."""
    called: dict[str, list[str]] = {}
    for action in statement.actions:
        text = action.text.lower()
        prefix, _, verb = text.partition(":")
        if not verb or "${" in prefix or text.rstrip("*").startswith((*_SERVICE_SIDE_KMS, *_NOT_CALLED)):
            continue
        if any(each.startswith(text.rstrip("*")) or text.startswith(each) for each in skipped):
            continue
        service = BY_IAM_PREFIX.get(prefix)
        name = service.name if service else prefix
        called.setdefault(f"{name}-fips" if fips and not (service and service.gateway) else name, []).append(
            action.text
        )
    resources = [value.text for value in statement.resources] or ["*"]
    for name, actions in called.items():
        purpose = f"call {name.removesuffix('-fips')}, as its role may"
        asked = ask(statement.resource.template, actions, resources)
        workload.needs.append(Need(name, purpose, (asked,)))


def uses_fips(bearer: Resource) -> bool:
    """Whether the SDKs in a function, or in the containers of a task, are told to call FIPS endpoints."""
    values = bearer.get("Environment", "Variables", _FIPS)
    for containers in bearer.get("ContainerDefinitions"):
        values += [value for container in containers.items() for value in fips_settings(container.get("Environment"))]
    return any(is_true(value.data) for value in values)


def fips_settings(lists: Iterable[Value]) -> list[Value]:
    return [
        value
        for environment in lists
        for item in environment.items()
        if any(name.text == _FIPS for name in item.get("Name"))
        for value in item.get("Value")
    ]


_FIPS: Final = "AWS_USE_FIPS_ENDPOINT"
