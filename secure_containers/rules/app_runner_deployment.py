"""Rules about what a service of AWS App Runner deploys, and what App Runner refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import product
from typing import Final

from secure_containers.rules.app_runner_model import (
    ACCESS_ROLE,
    INGRESS,
    INSTANCE_ROLE,
    IS_PUBLIC,
    SCALING,
    SERVICE,
    configurations,
)
from secure_containers.rules.app_runner_sizes import DEFAULT, SIZES, UNITS, memory_for
from secure_containers.rules.engine import Observations, resource_rule, template_rule
from secure_containers.rules.intrinsics import Reference
from secure_containers.rules.network.services import service_of_endpoint
from secure_containers.rules.task_checks import movable, outside, with_others
from secure_containers.rules.task_model import ROLE, named_resources, stand_together
from secure_containers.rules.template import (
    Observation,
    Resource,
    Template,
    Value,
    World,
    bounds,
    is_left_out,
    is_told,
    is_true,
)

_KEY: Final = "AWS::KMS::Key"
_ALIAS: Final = "AWS::KMS::Alias"
_REPOSITORY: Final = ("SourceConfiguration", "ImageRepository")
_IMAGE: Final = (*_REPOSITORY, "ImageIdentifier")
_ACCOUNT: Final = re.compile(r"(\d{12})\.dkr[.-]ecr\.")
_MOST: Final = float("inf")
_CHECKS: Final = ("Interval", "Timeout", "HealthyThreshold", "UnhealthyThreshold")
_MOST_OF_A_CHECK: Final = 20


@resource_rule("SC-APR-08", types=(SERVICE,), guidelines=("minimal-containers",))
def movable_app_runner_image(service: Resource) -> Observations:
    """What a service runs changes without a deployment of its template.

    ## Why
    With `latest`, or without a tag, an instance that starts tomorrow may run another program than its neighbour. With
    automatic deployments whoever may push an image, or to the branch, puts it into production: past the review, the
    scan and the pipeline.

    ## Fix
    Name the image by its digest (`shop@sha256:...`), or by the tag of a version in a repository that keeps tags where
    they are (SC-ECR-01). Set `AutoDeploymentsEnabled` to `false`; left out it means `true`, but for public images and
    those of another account. Where every push shall deploy, waive `SC-APR-08[AutoDeploymentsEnabled]` with the reason.

    ## Bad
    ```yaml
    Resources:
      Service:
        Type: AWS::AppRunner::Service
        Properties:
          SourceConfiguration:
            ImageRepository:
              ImageIdentifier: 111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop:latest
              ImageRepositoryType: ECR
            AuthenticationConfiguration: {AccessRoleArn: !GetAtt Access.Arn}
    ```

    ## Good
    ```yaml
    Resources:
      Service:
        Type: AWS::AppRunner::Service
        Properties:
          SourceConfiguration:
            AutoDeploymentsEnabled: false
            ImageRepository:
              ImageIdentifier: 111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop:1.4.2
              ImageRepositoryType: ECR
            AuthenticationConfiguration: {AccessRoleArn: !GetAtt Access.Arn}
    ```
    """
    for image in service.get("SourceConfiguration", "ImageRepository", "ImageIdentifier"):
        if not image.absent:
            yield from movable(image)
    for automatic in service.get("SourceConfiguration", "AutoDeploymentsEnabled"):
        unwatched = _unwatched(automatic) if automatic.absent else [False]
        if None in unwatched and False not in unwatched:
            question = "AutoDeploymentsEnabled is not set, which means true for an image of the own account: is it one?"
            yield service.undecided(question, by=automatic.beside(*_IMAGE)[0])
        elif False in unwatched and automatic.text.lower() != "false":
            told = automatic.text or "not set, which means true"
            yield automatic.violates(f"AutoDeploymentsEnabled is {told}", about="AutoDeploymentsEnabled")


def _unwatched(automatic: Value) -> list[bool | None]:
    """Whether each image that there is beside is public or of another account, which App Runner does not watch."""
    found: list[bool | None] = []
    for image in automatic.beside(*_IMAGE):
        public = all(kind.text == "ECR_PUBLIC" for kind in image.beside(*_REPOSITORY, "ImageRepositoryType"))
        account, own = _ACCOUNT.match(image.text), image.resource.template.account
        of_another = None if account and own is None else account is not None and account[1] != own
        found.append(public or of_another)
    return found


@template_rule("SC-APR-09", types=(SERVICE, SCALING, INGRESS), guidelines=("deployable-templates",))
def undeployable_app_runner(template: Template) -> Observations:
    """App Runner will refuse a service, its scaling, or the way to it.

    ## Why
    CloudFormation does not know what App Runner has and what it takes, so a mistake shows only in the deployment, which
    then rolls back. A private service has no `ServiceUrl` (apprunner-roadmap#235).

    ## Fix
    Write what the message says is allowed. Clients of a private service call the `DomainName` of its
    `AWS::AppRunner::VpcIngressConnection`. A parameter for a number needs a `MinValue` and a `MaxValue` within it.

    ## Bad
    ```yaml
    Resources:
      Service:
        Type: AWS::AppRunner::Service
        Properties:
          SourceConfiguration:
            ImageRepository:
              ImageIdentifier: public.ecr.aws/docker/library/nginx:1.29.3
              ImageRepositoryType: ECR_PUBLIC
          InstanceConfiguration: {Cpu: 1 vCPU, Memory: 8 GB}
    ```

    ## Good
    ```yaml
    Resources:
      Service:
        Type: AWS::AppRunner::Service
        Properties:
          SourceConfiguration:
            ImageRepository:
              ImageIdentifier: public.ecr.aws/docker/library/nginx:1.29.3
              ImageRepositoryType: ECR_PUBLIC
          InstanceConfiguration: {Cpu: 1 vCPU, Memory: 4 GB}
    ```
    """
    for service in template.of_type(SERVICE):
        yield from _source(service)
        yield from _numbers(service)
        yield from _size(service)
        yield from _references(service)
    for scaling in template.of_type(SCALING):
        yield from _scaling(scaling)
    for ingress in template.of_type(INGRESS):
        yield from _ingress(ingress)
    yield from _urls(template)


def _source(service: Resource) -> Observations:
    for source in service.get("SourceConfiguration"):
        repositories = (source.get("ImageRepository"), source.get("CodeRepository"))
        for image, code in product(*repositories) if not source.unknown else ():
            if image.absent is code.absent and image.meets(code):
                told = "neither an image nor" if image.absent else "an image and"
                yield service.violates(f"the service has {told} a source repository: one of them", at=source.path)
    for kind in service.get("SourceConfiguration", "ImageRepository", "ImageRepositoryType"):
        for role in kind.beside(*ACCESS_ROLE) if kind.text == "ECR" else ():
            if is_left_out(role):
                yield role.violates("a private image needs an AccessRoleArn, by which App Runner pulls it")
    for code in service.get("SourceConfiguration", "CodeRepository"):
        if not code.absent and not code.unknown:
            for connection in code.beside("SourceConfiguration", "AuthenticationConfiguration", "ConnectionArn"):
                if is_left_out(connection):
                    yield connection.violates("a source repository needs a ConnectionArn")


def _numbers(service: Resource) -> Observations:
    for configuration in configurations(service):
        for port in configuration.get("Port"):
            yield from outside(port, (1, 65535), "a port")
    for name in _CHECKS:
        for value in service.get("HealthCheckConfiguration", name):
            yield from outside(value, (1, _MOST_OF_A_CHECK), f"a number for {name}")
    for path in service.get("HealthCheckConfiguration", "Path"):
        if is_told(path) and not path.absent and not path.text.startswith("/"):
            yield path.violates(f"the path of the health check is {path.text}: it begins with /")


def _size(service: Resource) -> Observations:
    refused: list[tuple[str, str]] = []
    for cpu in service.get("InstanceConfiguration", "Cpu"):
        for memory in cpu.beside("InstanceConfiguration", "Memory"):
            untold = next((value for value in (cpu, memory) if not is_told(value)), None)
            if untold is not None:
                yield untold.undecided("is it a size of App Runner?")
                continue
            vcpus = DEFAULT[0] if cpu.absent else _vcpus(cpu)
            mib = DEFAULT[1] if memory.absent else _mib(memory)
            if mib not in SIZES.get(vcpus, ()):
                message = f"App Runner has no size of {vcpus:g} vCPUs and {mib:g} MiB: there are {memory_for(vcpus)}"
                refused.append((message, cpu.path if memory.absent else memory.path))
    for message in with_others([message for message, _ in refused]):
        yield service.violates(message, at=refused[0][1])


def _vcpus(cpu: Value) -> float:
    """Written as vCPUs, or as units of CPU; 0 where it is no number."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)( vCPU)?", cpu.text)
    return 0 if found is None else float(found[1]) / (1 if found[2] else UNITS)


def _mib(memory: Value) -> float:
    """Written in GB or in MiB; 0 where it is no number."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)( GB)?", memory.text)
    return 0 if found is None else float(found[1]) * (UNITS if found[2] else 1)


def _references(service: Resource) -> Observations:
    for egress in service.get("NetworkConfiguration", "EgressConfiguration", "EgressType"):
        connectors = egress.beside("NetworkConfiguration", "EgressConfiguration", "VpcConnectorArn")
        for connector in connectors if egress.text == "VPC" else ():
            if is_left_out(connector):
                yield connector.violates("EgressType is VPC, which needs a VpcConnectorArn")
    for configuration in configurations(service):
        for secrets in configuration.get("RuntimeEnvironmentSecrets"):
            for role in () if secrets.absent or secrets.unknown else secrets.beside(*INSTANCE_ROLE):
                if is_left_out(role):
                    yield role.violates("secrets need an InstanceRoleArn, by which App Runner reads them")
    for key in service.get("EncryptionConfiguration", "KmsKey"):
        yield from _key(key)
    world = service.template.world
    for value in (*service.get(*ACCESS_ROLE), *service.get(*INSTANCE_ROLE)):
        for named in named_resources(world, [value]):
            for path in named.get("Path") if named.type == ROLE else ():
                if is_told(path) and path.text not in ("", "/"):
                    message = f"the role {named.logical_id} has the path {path.text}: CloudFormation takes only / here"
                    yield service.violates(message, at=value.path)


def _key(key: Value) -> Observations:
    """App Runner takes the ARN of a key of one Region."""
    by_id = isinstance(key.data, Reference) and key.data.attribute == "Ref"
    for found in named_resources(key.resource.template.world, [key]):
        if found.type == _ALIAS or (found.type == _KEY and by_id):
            yield key.resource.violates("KmsKey is not the ARN of a key: write !GetAtt Key.Arn", at=key.path)
        elif found.type == _KEY and any(is_true(value.data) for value in found.get("MultiRegion")):
            message = f"{found.logical_id} is a multi-Region key, which App Runner does not take"
            yield key.resource.violates(message, at=key.path)
    if isinstance(key.data, str) and (":key/mrk-" in key.text or (is_told(key) and ":key/" not in key.text)):
        yield key.violates(f"KmsKey is {key.text}: App Runner takes the ARN of a key of one Region")


def _scaling(scaling: Resource) -> Observations:
    for name, most in (("MinSize", 25), ("MaxSize", _MOST), ("MaxConcurrency", 200)):
        for value in scaling.get(name):
            yield from outside(value, (1, most), f"a number for {name}")
    for smallest in scaling.get("MinSize"):
        for largest in smallest.beside("MaxSize"):
            if is_told(smallest) and is_told(largest) and bounds(smallest)[0] > bounds(largest)[1]:
                yield smallest.violates(f"MinSize is {smallest.text}, and MaxSize is {largest.text}")


def _ingress(ingress: Resource) -> Observations:
    world = ingress.template.world
    for value in ingress.get("ServiceArn"):
        for service in named_resources(world, [value]):
            for public in service.get(*IS_PUBLIC):
                if not public.unknown and public.text.lower() != "false" and stand_together(public, value):
                    message = (
                        f"the service {service.logical_id} is public: only a private one takes an ingress connection"
                    )
                    yield ingress.violates(message, at=value.path)
            for other in world.once(_ingresses).get(service, ()):
                if other.resource is not ingress and stand_together(other, value):
                    twin = other.resource.logical_id
                    yield ingress.violates(
                        f"{twin} is an ingress connection of the same service: one a service", at=value.path
                    )
    for value in ingress.get("IngressVpcConfiguration", "VpcEndpointId"):
        for endpoint in named_resources(world, [value]):
            yield from _endpoint(ingress, value, endpoint)


def _endpoint(ingress: Resource, value: Value, endpoint: Resource) -> Iterator[Observation]:
    world = ingress.template.world
    for name in endpoint.get("ServiceName"):
        service = service_of_endpoint(name.text)
        if service is not None and service != "apprunner.requests":
            message = f"{endpoint.logical_id} is an endpoint of {service}: clients come in by one of apprunner.requests"
            yield ingress.violates(message, at=value.path)
    here = set(world.places(ingress, "IngressVpcConfiguration", "VpcId"))
    there = set(world.places(endpoint, "VpcId"))
    if all(isinstance(place, Resource) for place in (*here, *there)) and here and there and not here & there:
        yield ingress.violates(f"{endpoint.logical_id} is an endpoint of another VPC", at=value.path)


def _ingresses(world: World) -> dict[Resource, list[Value]]:
    """Where each service is named by an ingress connection."""
    found: dict[Resource, list[Value]] = {}
    for ingress in world.of_type(INGRESS):
        for value in ingress.get("ServiceArn"):
            for service in named_resources(world, [value]):
                found.setdefault(service, []).append(value)
    return found


def _urls(template: Template) -> Observations:
    """Who asks for the URL of a private service, which has none."""
    private = [
        service.logical_id
        for service in template.of_type(SERVICE)
        if all(public.text.lower() == "false" for public in service.get(*IS_PUBLIC))
    ]
    if not private:
        return
    asked = re.compile(rf'(?:"({"|".join(private)})", |\b({"|".join(private)})\.)"?ServiceUrl\b')
    places: list[tuple[Resource | None, str, object]] = [(each, "", each.body) for each in template.resources.values()]
    places += [(None, f"Outputs.{name}", entry) for name, entry in template.outputs]
    for resource, at, node in places:
        for found in asked.finditer(json.dumps(node, default=str)):
            name = found[1] or found[2]
            yield Observation(resource, f"{name} is private and has no ServiceUrl, which is asked for here", at=at)
