"""What no task may have, whichever service starts it: the rules of each service ask this of its own tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from secure_containers.rules.engine import Observations
from secure_containers.rules.intrinsics import placeholders
from secure_containers.rules.partitions import PLACEHOLDER
from secure_containers.rules.task_model import Container, Form, Task, referred
from secure_containers.rules.template import Value, bounds, is_left_out, is_told, is_true, where

_REPOSITORIES: Final = frozenset({"AWS::ECR::Repository", "AWS::ECR::PublicRepository"})
_DYNAMIC_REFERENCE: Final = re.compile(r"\{\{resolve:[^{}]*\}\}")
_ADMINISTRATORS: Final = ("", "containeradministrator")
"""Who a container on Windows runs as unless it says otherwise."""


def rights_of_the_host(container: Container) -> Observations:
    is_pods = container.form is Form.POD
    for name in ("Privileged", "AllowPrivilegeEscalation") if is_pods else ("Privileged",):
        for value in container.security(name):
            if value.unknown or is_true(value.data):
                yield value.violates(f"{name} is true")
    for devices in () if is_pods else container.value.get("LinuxParameters", "Devices"):
        for device in devices.items():
            yield device.violates("the container gets a device of its host")


def parts_of_the_host(task: Task) -> Observations:
    for name in ("IpcMode", "PidMode") if task.form in (Form.TASK, Form.DEFINITION) else ():
        for mode in task.value.get(name):
            if mode.unknown or mode.text == "host":
                yield mode.violates(f"{name} is host")
    for network in task.value.get("HostNetwork") if task.form is Form.POD else ():
        if network.text.lower() != "false":
            yield network.violates(f"HostNetwork is {network.text or 'not set, which means true'}")
    for volume in task.volumes:
        paths = [volume.get("HostPath")] if task.form is Form.POD else [volume.get("Host", "SourcePath")]
        for path in (each for found in paths for each in found):
            if path.data:
                yield path.violates("the volume is a path of the host")


def root(container: Container) -> Observations:
    if container.form is Form.POD:
        yield from _root_in_a_pod(container.value)
        return
    for user in container.value.get("User"):
        name = PLACEHOLDER.sub("$", user.text).partition(":")[0]
        windows = container.is_windows_with(user)
        if "$" in name:
            yield user.undecided("is it root?")
        elif name.lower() in _ADMINISTRATORS if windows else name == "root" or not name.strip("0"):
            yield user.violates(f"User is {user.text or 'not set, so that the image decides'}")


def _root_in_a_pod(container: Value) -> Observations:
    for user in container.get("SecurityContext", "RunAsUser"):
        if not user.unknown and user.text.strip("0"):
            continue
        for other in where(container, user).get("SecurityContext", "RunAsNonRoot"):
            if not is_true(other.data):
                place = user if user.unknown else other
                yield place.violates(
                    f"RunAsUser is {user.text or 'not set, so that the image decides'}, and RunAsNonRoot is not true"
                )


def writable_root(container: Container) -> Observations:
    name = "ReadOnlyRootFilesystem" if container.form is Form.POD else "ReadonlyRootFilesystem"
    for value in container.security(name):
        if not is_true(value.data) and not container.is_windows_with(value):
            yield value.violates(f"{name} is {value.text or 'not set, which means false'}")


def movable_image_of(container: Container) -> Observations:
    for image in container.value.get("Image"):
        if not image.absent:
            yield from movable(image)


def movable(image: Value) -> Observations:
    for each in image.resource.template.world.follow(image):
        reference = "$" if each.unknown else PLACEHOLDER.sub("$", _DYNAMIC_REFERENCE.sub("$", each.text))
        name, colon, tag = reference.rpartition("/")[2].partition(":")
        if "@" in name:
            continue
        if not colon and name.endswith("$") and not _ends_in_a_repository(each):
            yield image.undecided("which tag or digest?")
        elif not colon:
            message = f"the image has no tag and no digest: {image.text}"
            yield image.resource.violates(message, at=image.path)
        elif "$" in tag and _could_be_latest(tag):
            yield image.undecided("is the tag latest?")
        elif tag == "latest":
            yield image.resource.violates(f"the image's tag is latest: {image.text}", at=image.path)


def _ends_in_a_repository(image: Value) -> bool:
    """Whether what stands last is the name or the address of a repository, which brings no tag."""
    name = list(placeholders(image.text))[-1:] or [""]
    named = list(referred(image, name[0]))
    return bool(named) and named[-1] is not None and named[-1].type in _REPOSITORIES


def _could_be_latest(tag: str) -> bool:
    """Whether a tag with unknown parts leaves room for `latest`."""
    return re.fullmatch(".*".join(map(re.escape, tag.split("$"))), "latest") is not None


def open_mounts(task: Task) -> Observations:
    is_definition = task.form is Form.DEFINITION
    files, iam = ("EFSVolumeConfiguration", "IAM") if is_definition else ("EfsVolumeConfiguration", "Iam")
    for volume in task.volumes:
        for mounted in volume.get(files):
            if mounted.absent:
                continue
            for path in (("TransitEncryption",), ("AuthorizationConfig", iam)):
                for value in mounted.get(*path):
                    if value.text != "ENABLED":
                        yield value.violates(f"{path[-1]} is {value.text or 'not set'}", about=path[-1])
            for point in mounted.get("AuthorizationConfig", "AccessPointId"):
                if is_left_out(point):
                    yield point.violates("AccessPointId is not set", about="AccessPointId")


def privileged_on_fargate(container: Value) -> Observations:
    for privileged in container.get("Privileged"):
        if privileged.unknown or is_true(privileged.data):
            yield privileged.violates("containers on Fargate cannot be privileged")


def outside(value: Value, allowed: tuple[float, float], what: str) -> Observations:
    """A number that is not within what the service takes, or may not be."""
    least, most = bounds(value)
    if value.absent or (allowed[0] <= least and most <= allowed[1]):
        return
    limits = f"{allowed[0]:g} to {allowed[1]:g}" if allowed[1] < float("inf") else f"{allowed[0]:g} at least"
    message = f"{value.text} is not {what}: {limits}"
    yield value.violates(message) if is_told(value) else value.undecided(f"is it {what}, {limits}?")


def with_others(messages: Sequence[str]) -> Iterator[str]:
    """The first of what is wrong with pairs of two values, and how many more are: two parameters make many."""
    others = len(set(messages)) - 1
    if messages:
        yield messages[0] + (f"; {others} more of the pairs that can be chosen are refused" if others else "")
