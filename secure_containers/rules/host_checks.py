"""What no host of containers may have, whichever service starts it."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from secure_containers.rules.contents import contents
from secure_containers.rules.ecs_model import CAPACITY_PROVIDER
from secure_containers.rules.engine import Observations
from secure_containers.rules.task_model import called, items
from secure_containers.rules.template import Resource, Value, World, bounds, is_true

GROUP: Final = "AWS::AutoScaling::AutoScalingGroup"
LAUNCH_CONFIGURATION: Final = "AWS::AutoScaling::LaunchConfiguration"
LAUNCH_TEMPLATE: Final = "AWS::EC2::LaunchTemplate"

_JOINS: Final = re.compile(r"\bECS_CLUSTER\b|\[settings\.ecs\]|\bInitialize-ECSAgent\b")
"""What tells the agent of Amazon ECS its cluster, on Amazon Linux, on Bottlerocket and on Windows."""
_INIT: Final = "AWS::CloudFormation::Init"
_RUNS_INIT: Final = re.compile(r"\bcfn-init\b(?:[^\n]|\\\n)*?\s(?:--resource|-r)[ =]+(\w+)")


def groups_behind(provider: Resource) -> list[Resource]:
    """The Auto Scaling groups of a capacity provider of Amazon ECS."""
    names = provider.get("AutoScalingGroupProvider", "AutoScalingGroupArn")
    return [group for name in names for group in groups_called(name)]


def groups_called(name: Value) -> list[Resource]:
    return called(name, GROUP, "AutoScalingGroupName")


def container_groups(world: World) -> frozenset[Resource]:
    """The Auto Scaling groups whose instances run tasks of Amazon ECS."""
    found = {group for provider in world.of_type(CAPACITY_PROVIDER) for group in groups_behind(provider)}
    joining = {
        hosts
        for hosts in world.of_type(LAUNCH_TEMPLATE, LAUNCH_CONFIGURATION)
        if any(_JOINS.search(set_up_by(data)) for data in set_up(hosts, "UserData"))
    }
    for group in world.of_type(GROUP) if joining else ():
        if group not in found and any(joining.intersection(hosts_of(launch)) for launch in launches(group)):
            found.add(group)
    return frozenset(found)


def set_up_by(data: Value) -> str:
    """What user data says before somebody encoded it, with what it runs of CloudFormation's; without comments."""
    try:
        text = base64.b64decode(data.text, validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError):
        text = data.text
    runs = _RUNS_INIT.search(text)
    named = data.resource.template.resources.get(runs[1]) if runs else None
    if named is not None:
        text = "\n".join((text, *(each for _, each in contents(named.metadata.get(_INIT), "").texts)))
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def launches(group: Resource) -> list[Value]:
    """The launch templates and configurations that a group names."""
    found = [value for value in group.get("LaunchConfigurationName") if not value.absent]
    for launch in group.get("LaunchTemplate"):
        found += launch_templates_in(launch)
    for mixed in group.get("MixedInstancesPolicy", "LaunchTemplate"):
        for each in (mixed, *items(mixed, "Overrides")):
            for launch in each.get("LaunchTemplateSpecification"):
                found += launch_templates_in(launch)
    return found


def hosts_of(launch: Value) -> list[Resource]:
    """The launch templates or configurations that a value names."""
    return launch_templates(launch) or called(launch, LAUNCH_CONFIGURATION, "LaunchConfigurationName")


def set_up(hosts: Resource, *keys: str) -> list[Value]:
    """What a launch template, or a launch configuration, says of its instances."""
    return hosts.get(*(("LaunchTemplateData",) if hosts.type == LAUNCH_TEMPLATE else ()), *keys)


def launch_templates(name: Value) -> list[Resource]:
    return called(name, LAUNCH_TEMPLATE, "LaunchTemplateName")


def launch_templates_in(launch: Value) -> list[Value]:
    """The ids and names of a launch template and of those that override it for some types of instances."""
    return [
        value
        for each in (launch, *items(launch, "Overrides"))
        for key in ("LaunchTemplateId", "LaunchTemplateName")
        for value in each.get(key)
        if not value.absent
    ]


def unhardened(hosts: Resource, hop_limit: int) -> Observations:
    """What is wrong with a launch template, or with a launch configuration."""
    for tokens in set_up(hosts, "MetadataOptions", "HttpTokens"):
        if tokens.text != "required":
            message = f"HttpTokens is {tokens.text or 'not set, so that the image decides'}"
            yield tokens.violates(message, about="HttpTokens")
    for hops in set_up(hosts, "MetadataOptions", "HttpPutResponseHopLimit"):
        if not bounds(hops)[1] <= hop_limit:
            message = f"HttpPutResponseHopLimit is {hops.text or 'not set, so that the image decides'}, not {hop_limit}"
            yield hops.violates(message, about="HttpPutResponseHopLimit")
    for mappings in set_up(hosts, "BlockDeviceMappings"):
        volumes = [volume for each in mappings.items() for volume in each.get("Ebs") if not volume.absent]
        if not hosts.template.always([volume.given for volume in volumes], mappings.given):
            yield mappings.violates("BlockDeviceMappings set up no volume", about="BlockDeviceMappings")
        for volume in volumes:
            for encrypted in volume.get("Encrypted"):
                if not is_true(encrypted.data):
                    message = f"Encrypted is {encrypted.text or 'not set, so that the image decides'}"
                    yield encrypted.violates(message, about="BlockDeviceMappings")
    yield from no_key_pair(set_up(hosts, "KeyName"))


def no_key_pair(names: list[Value]) -> Observations:
    for name in names:
        about = name.path.rpartition(".")[2]
        if name.may_be(""):
            yield name.undecided("is there a key pair?")
        elif name.text:
            yield name.resource.violates(f"the instances take the key pair {name.text}", at=name.path, about=about)
