"""What arguments of tasks have to be, whichever service runs them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from aws_cdk import Size, Stack, Token

from secure_containers.ecr import EcrImage
from secure_containers.errors import check_type, invalid
from secure_containers.rules.credentials import credential_in
from secure_containers.rules.fargate import EPHEMERAL_GIB, SIZES, memory_for
from secure_containers.tasks.parts import FileMount, SecretField, SecureParameter, check_path
from secure_containers.waivers import DefaultsOff, waiver_line

DEFAULT_USER: Final = "65532:65532"
"""As images without a shell call the user that is not root."""
_TOKEN: Final = -1e100
"""Below this a number is a token, as the CDK encodes it."""
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_ARN: Final = re.compile(r"arn:[^:]+:[^:]+:(?P<region>[^:]*):(?P<account>\d{12}):.+")
_USER: Final = re.compile(r"[a-z_][a-z0-9_-]*(:[a-z_][a-z0-9_-]*)?|\d+(:\d+)?")
_ROOT: Final = re.compile(r"(root|0+)(:.*)?")


def check_image(path: str, image: object, stack: Stack | None = None) -> None:
    """Refuse what is no image by its digest; for tasks of a stack also one of another Region, to which no endpoint of
    their network leads.
    """
    write = "image=repository.image(digest=...)"
    if not isinstance(image, EcrImage):
        allowed = "an image of a repository, by SecureEcrRepository.image or EcrImage.from_repository"
        raise invalid(path, "image", image, allowed=allowed, write=write)
    if not image.by_digest:
        allowed = "an image by its digest, so that every start is the same program"
        raise invalid(path, "image", image.reference, allowed=allowed, write=write)
    region = image.home[1]
    if stack is None or Token.is_unresolved(region) or Token.is_unresolved(stack.region):
        return
    if region != stack.region:
        allowed = f"an image of a repository in {stack.region}; Amazon ECR can replicate it there"
        raise invalid(path, "image", f"an image in {region}", allowed=allowed, write=write)


def check_fargate_size(path: str, argument: str, vcpus: float, memory: Size) -> None:
    """Refuse a size that Fargate does not offer."""
    mebibytes = memory.to_bytes() / 1024**2
    if vcpus not in SIZES:
        raise invalid(path, argument, vcpus, allowed=memory_for(vcpus), write=f"{argument}=1")
    if mebibytes not in SIZES[vcpus]:
        write = f"memory=Size.mebibytes({SIZES[vcpus][0]})"
        raise invalid(path, "memory", f"{mebibytes:g} MiB", allowed=memory_for(vcpus), write=write)


def default_memory(vcpus: float, *, on_fargate: bool) -> Size:
    """Two GiB for each vCPU, or the least that goes with them."""
    wanted = int(vcpus * 2048) if isinstance(vcpus, int | float) and vcpus > 0 else 2048
    offered = SIZES.get(vcpus, ()) if on_fargate else ()
    return Size.mebibytes(wanted if not offered or wanted in offered else offered[0])


def check_ephemeral_storage(path: str, storage: Size | None) -> None:
    """Refuse what Fargate does not offer."""
    if storage is None:
        return
    gibibytes, (least, most) = storage.to_gibibytes(), EPHEMERAL_GIB
    if not least <= gibibytes <= most:
        raise invalid(
            path,
            "ephemeral_storage",
            f"{gibibytes:g} GiB",
            allowed=f"{least} to {most} GiB; 20 without asking",
            write="ephemeral_storage=Size.gibibytes(50)",
        )


def check_user(path: str, user: str, off: DefaultsOff, rule: str, *, numbers: bool = False) -> None:
    """Refuse what is no user, and root without a waiver of the rule that finds it."""
    if not _USER.fullmatch(user) and Token.is_unresolved(user) and not numbers:
        return
    if not _USER.fullmatch(user) or (numbers and not user[0].isdigit()):
        kind = "numbers" if numbers else "names or numbers"
        allowed = f"a user and, after a colon, a group: {kind}"
        raise invalid(path, "user", user, allowed=allowed, write='user="65532:65532"')
    if _ROOT.fullmatch(user) and not off.waived(rule):
        allowed = "a user other than root"
        write = f'user="65532:65532", or {waiver_line(rule)}'
        raise invalid(path, "user", user, allowed=allowed, write=write)


def check_secrets(path: str, secrets: Mapping[str, object], stack: Stack) -> None:
    """Refuse a secret of another Region, to which no endpoint leads, and one of another account whose key nobody names:
    AWS's own key never leaves its account."""
    for name, secret in secrets.items():
        holder: Any = secret
        if isinstance(secret, SecretField | SecureParameter):
            holder = secret.secret if isinstance(secret, SecretField) else secret.parameter
        arn = holder.secret_arn if hasattr(holder, "secret_arn") else holder.parameter_arn
        found = None if Token.is_unresolved(arn) else _ARN.fullmatch(arn)
        if found and not Token.is_unresolved(stack.region) and found["region"] != stack.region:
            allowed = f"one of the service's own Region, {stack.region}"
            raise invalid(path, f"secrets[{name!r}]", arn, allowed=allowed, write="a replica of it in that Region")
        if isinstance(secret, SecureParameter):
            continue
        if (
            found
            and not Token.is_unresolved(stack.account)
            and found["account"] != stack.account
            and getattr(holder, "encryption_key", None) is None
        ):
            raise invalid(
                path,
                f"secrets[{name!r}]",
                arn,
                allowed="of another account only together with its key, which has to let this account in",
                write="secretsmanager.Secret.from_secret_attributes(..., encryption_key=key)",
            )


def check_known(path: str, argument: str, number: float, write: str) -> None:
    """Refuse a number that is a token where it decides what is made."""
    if number < _TOKEN:
        raise invalid(path, argument, "a token", allowed="a value that is known at synthesis", write=write)


def check_paths(path: str, scratch: Sequence[str], file_mounts: Sequence[FileMount]) -> None:
    """Refuse directories that are none, that are named twice, or whose file system is said not to be encrypted."""
    for directory in scratch:
        check_path(path, "scratch", directory)
    paths = [*scratch, *(mount.path for mount in file_mounts)]
    double = next((each for each in paths if paths.count(each) > 1), None)
    if double is not None:
        raise invalid(path, "scratch", double, allowed="each path once", write="another path")
    for mount in file_mounts:
        _check_mount(path, mount)


def check_variables(
    path: str,
    environment: Mapping[str, str],
    secrets: Mapping[str, object],
    set_already: Collection[str],
    *,
    reserved: Mapping[str, str],
) -> None:
    """Refuse variables that are none, that are set already, or that hold a credential; and secrets that are none.

    Args:
        path: where the variables are given.
        environment: variables and their values.
        secrets: variables and where their values are.
        set_already: variables that something else sets.
        reserved: what names may not begin with, and why.
    """
    for argument, given in (("environment", environment), ("secrets", secrets)):
        for name in given:
            if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
                raise invalid(path, argument, name, allowed="names of variables", write=f'{argument}={{"NAME": ...}}')
            if name in set_already:
                allowed = "variables that the environment and its network do not set themselves"
                raise invalid(path, argument, name, allowed=allowed, write="another name")
            for prefix, why in reserved.items():
                if name.upper().startswith(prefix):
                    allowed = f"names that do not begin with {prefix}, {why}"
                    raise invalid(path, argument, name, allowed=allowed, write="another name")
    for name, value in environment.items():
        check_type(path, f"environment[{name!r}]", value, str, allowed="a text", write=f'{{"{name}": "..."}}')
        problem = credential_in(name, "" if Token.is_unresolved(value) and not _names_secret(name) else value)
        if problem is not None:
            raise invalid(
                path,
                f"environment[{name!r}]",
                "...",
                allowed=f"no credentials, since everybody reads them in the definition; {problem}",
                write=f'secrets={{"{name}": secret}}',
            )
    both = sorted(set(environment) & set(secrets))
    if both:
        raise invalid(path, "secrets", both[0], allowed="variables that environment has not", write="one of the two")
    for name, secret in secrets.items():
        if not isinstance(secret, SecretField | SecureParameter) and not any(
            hasattr(secret, attribute) for attribute in ("secret_arn", "parameter_arn")
        ):
            allowed = "a secret, a parameter or a SecretField"
            write = f'{{"{name}": secretsmanager.Secret.from_secret_name_v2(...)}}'
            raise invalid(path, f"secrets[{name!r}]", secret, allowed=allowed, write=write)


def _names_secret(name: str) -> bool:
    return credential_in(name, "something") is not None


def _check_mount(path: str, mount: FileMount) -> None:
    """Refuse a file system that is said not to be encrypted."""
    system = mount.access_point.file_system
    if getattr(system.node.default_child, "encrypted", None) is False:
        raise invalid(
            path,
            "file_mounts",
            system.node.path,
            allowed="encrypted file systems",
            write="efs.FileSystem(..., encrypted=True)",
        )
