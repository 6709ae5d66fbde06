"""Small values that arguments of tasks take, whichever service runs them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from secure_containers.errors import check_type, invalid

if TYPE_CHECKING:
    from aws_cdk import aws_efs as efs
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_secretsmanager as secretsmanager
    from aws_cdk import aws_ssm as ssm


class CpuArchitecture(StrEnum):
    """For what processors images are built."""

    X86_64 = "X86_64"
    ARM64 = "ARM64"


@dataclass(frozen=True, kw_only=True, slots=True)
class FileMount:
    """A directory of a file system in Amazon EFS, mounted over TLS and with the task's role.

    Args:
        access_point: the access point; its file system has to be encrypted.
        path: where the program finds it.
        read_only: the program may not write to it.
    """

    access_point: efs.IAccessPoint
    path: str
    read_only: bool = False

    def __post_init__(self) -> None:
        check_path("FileMount", "path", self.path)
        if not hasattr(self.access_point, "access_point_id"):
            write = "access_point=file_system.add_access_point(...)"
            raise invalid("FileMount", "access_point", self.access_point, allowed="an access point", write=write)
        try:
            _ = self.access_point.file_system
        except RuntimeError:
            allowed = "an access point that knows its file system"
            write = "efs.AccessPoint.from_access_point_attributes(..., file_system=...)"
            got = self.access_point.node.path
            raise invalid("FileMount", "access_point", got, allowed=allowed, write=write) from None

    def volume(self, name: str, *, file_system: str) -> dict[str, Any]:
        """As a definition says it; how AWS Batch and Amazon ECS spell `file_system` is not the same."""
        return {
            "name": name,
            "efsVolumeConfiguration": {
                file_system: self.access_point.file_system.file_system_id,
                "transitEncryption": "ENABLED",
                "authorizationConfig": {"accessPointId": self.access_point.access_point_id, "iam": "ENABLED"},
            },
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class SecretField:
    """One field of a secret that is JSON.

    Args:
        secret: the secret.
        field: the name of the field.
    """

    secret: secretsmanager.ISecret
    field: str

    def __post_init__(self) -> None:
        if not isinstance(self.field, str) or not self.field or ":" in self.field:
            allowed = "the name of a field, without colons"
            raise invalid("SecretField", "field", self.field, allowed=allowed, write='field="password"')
        if not hasattr(self.secret, "secret_arn"):
            write = 'SecretField(secret=secret, field="password")'
            raise invalid("SecretField", "secret", self.secret, allowed="a secret", write=write)


@dataclass(frozen=True, kw_only=True, slots=True)
class SecureParameter:
    """A parameter of Systems Manager that is encrypted with a key of yours.

    Args:
        parameter: the parameter.
        encryption_key: the key, which the parameter itself does not tell.
    """

    parameter: ssm.IParameter
    encryption_key: kms.IKey

    def __post_init__(self) -> None:
        for name, attribute, allowed in (
            ("parameter", "parameter_arn", "a parameter"),
            ("encryption_key", "key_arn", "a key"),
        ):
            if not hasattr(getattr(self, name), attribute):
                write = "SecureParameter(parameter=..., encryption_key=...)"
                raise invalid("SecureParameter", name, getattr(self, name), allowed=allowed, write=write)


def check_path(where: str, argument: str, got: object) -> None:
    """Refuse what is no absolute path in a container, or the root itself."""
    if not isinstance(got, str) or not re.fullmatch(r"(/[^/:\s]+)+", got) or "/.." in got:
        raise invalid(where, argument, got, allowed="an absolute path below /", write=f'{argument}="/data"')


def check_architecture(where: str, got: object) -> None:
    allowed = "a CpuArchitecture"
    check_type(
        where, "cpu_architecture", got, CpuArchitecture, allowed=allowed, write="cpu_architecture=CpuArchitecture.ARM64"
    )
