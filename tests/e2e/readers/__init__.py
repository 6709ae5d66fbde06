"""How each resource type is read back: one module a service, one small function a type.

A reader is asked for a client of a service, the physical id and what the template says, and gives what the service says in
CloudFormation's words. It raises when there is no such resource. `NOT_READ` names the properties that no reader gives,
each with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.e2e.readers import (
    apprunner,
    audit,
    balancers,
    batch,
    cloudwatch,
    custom,
    dynamodb,
    ec2,
    ecr,
    ecs,
    events,
    iam,
    keys,
    lambda_,
    logs,
    messages,
    names,
    s3,
    scaling,
    secrets,
)

Reader = Callable[[Callable[[str], Any], str, Mapping[str, Any]], dict[str, Any]]
_MODULES: Final = (
    apprunner,
    audit,
    balancers,
    batch,
    cloudwatch,
    custom,
    dynamodb,
    ec2,
    ecr,
    ecs,
    events,
    iam,
    keys,
    lambda_,
    logs,
    messages,
    names,
    s3,
    scaling,
    secrets,
)

READERS: Final[Mapping[str, Reader]] = {type_: each for module in _MODULES for type_, each in module.READERS.items()}
NOT_READ: Final[Mapping[str, Mapping[str, str]]] = {
    type_: reasons for module in _MODULES for type_, reasons in module.NOT_READ.items()
}
