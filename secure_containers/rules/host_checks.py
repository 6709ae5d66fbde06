"""What no host of containers may have, whichever service starts it."""

from __future__ import annotations

from typing import Final

from secure_containers.rules.engine import Observations
from secure_containers.rules.task_model import called, items
from secure_containers.rules.template import Resource, Value, bounds, is_true

LAUNCH_TEMPLATE: Final = "AWS::EC2::LaunchTemplate"


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
    below = ("LaunchTemplateData",) if hosts.type == LAUNCH_TEMPLATE else ()
    for tokens in hosts.get(*below, "MetadataOptions", "HttpTokens"):
        if tokens.text != "required":
            message = f"HttpTokens is {tokens.text or 'not set, so that the image decides'}"
            yield tokens.violates(message, about="HttpTokens")
    for hops in hosts.get(*below, "MetadataOptions", "HttpPutResponseHopLimit"):
        if not bounds(hops)[1] <= hop_limit:
            message = f"HttpPutResponseHopLimit is {hops.text or 'not set, so that the image decides'}, not {hop_limit}"
            yield hops.violates(message, about="HttpPutResponseHopLimit")
    for mappings in hosts.get(*below, "BlockDeviceMappings"):
        volumes = [volume for each in mappings.items() for volume in each.get("Ebs") if not volume.absent]
        if not hosts.template.always([volume.given for volume in volumes], mappings.given):
            yield mappings.violates("BlockDeviceMappings set up no volume", about="BlockDeviceMappings")
        for volume in volumes:
            for encrypted in volume.get("Encrypted"):
                if not is_true(encrypted.data):
                    message = f"Encrypted is {encrypted.text or 'not set, so that the image decides'}"
                    yield encrypted.violates(message, about="BlockDeviceMappings")
    yield from no_key_pair(hosts.get(*below, "KeyName"))


def no_key_pair(names: list[Value]) -> Observations:
    for name in names:
        about = name.path.rpartition(".")[2]
        if name.may_be(""):
            yield name.undecided("is there a key pair?")
        elif name.text:
            yield name.resource.violates(f"the instances take the key pair {name.text}", at=name.path, about=about)
