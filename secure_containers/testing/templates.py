"""What the assertions take as templates."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

from secure_containers.check.loader import UnreadableTemplateError, load, parse
from secure_containers.errors import invalid
from secure_containers.rules.template import Template


@runtime_checkable
class HasJson(Protocol):
    """`aws_cdk.assertions.Template` is one."""

    def to_json(self) -> Mapping[str, Any]: ...


@runtime_checkable
class HasDirectory(Protocol):
    """What `app.synth()` returns is one."""

    @property
    def directory(self) -> str: ...


OneTemplate: TypeAlias = "Mapping[str, Any] | str | os.PathLike[str] | HasJson | HasDirectory"
Templates: TypeAlias = "OneTemplate | Sequence[OneTemplate]"

_ALLOWED: Final = (
    "a parsed template, a template's file, a cloud assembly or its folder, an aws_cdk.assertions.Template, or a list "
    "of these"
)
_WRITE: Final = "app.synth() for a whole app, Template.from_stack(stack) for one stack"


def read(where: str, argument: str, got: Templates) -> list[Template]:
    """The templates that an argument means, those of nested stacks included.

    Raises:
        ValueError: it is something else, or cannot be read.
    """
    found = list(_read(where, argument, got, "template"))
    if not found:
        raise invalid(where, argument, got, allowed=_ALLOWED, write=_WRITE)
    return found


def _read(where: str, argument: str, got: object, name: str) -> Iterator[Template]:
    if isinstance(got, str | os.PathLike):
        yield from _stored(where, argument, os.fspath(got))
    elif isinstance(got, Mapping):
        yield _parsed(where, argument, got, name)
    elif isinstance(got, HasJson):
        yield _parsed(where, argument, got.to_json(), name)
    elif isinstance(got, HasDirectory):
        yield from _stored(where, argument, got.directory)
    elif isinstance(got, Sequence) and not isinstance(got, bytes):
        for number, each in enumerate(got, start=1):
            yield from _read(where, argument, each, f"{name} {number}")
    else:
        raise invalid(where, argument, got, allowed=_ALLOWED, write=_WRITE)


def _stored(where: str, argument: str, path: str | bytes) -> Iterator[Template]:
    loaded = load([os.fsdecode(path)])
    if loaded.errors:
        raise ValueError(f"{where}: {argument} cannot be read: {'; '.join(loaded.errors)}")
    yield from loaded.templates


def _parsed(where: str, argument: str, body: Mapping[str, Any], name: str) -> Template:
    try:
        # Through its text, so that it is checked as any other template is, and nobody else can change it any more.
        template = parse(json.dumps(body).encode(), name)
    except (TypeError, ValueError, RecursionError, UnreadableTemplateError) as error:
        raise ValueError(f"{where}: {argument} is no template: {error}; write {_WRITE}") from error
    template.unread.extend(template.of_type("AWS::CloudFormation::Stack"))  # nobody knows where theirs are
    return template
