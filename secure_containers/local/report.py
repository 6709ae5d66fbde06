"""What a deployment says: what is real and what is not, the outputs, and how to look around."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from secure_containers.local.connection import Connection
from secure_containers.local.kinds import Kind, kind_of
from secure_containers.local.stacks import Stack

_KINDS = {
    Kind.REAL: "for real",
    Kind.RECORD: "only a record",
    Kind.UNKNOWN: "not known",
}
_PAGE = "docs/local.md"


def stack_lines(stack: Stack, types: Counter[str], unknown: Sequence[tuple[str, str]], failure: str | None) -> str:
    """One stack: how it stands, what stands behind its resources, and its outputs."""
    return "\n".join(_stack_lines(stack, types, unknown, failure)) + "\n"


def _stack_lines(
    stack: Stack, types: Counter[str], unknown: Sequence[tuple[str, str]], failure: str | None
) -> Iterator[str]:
    yield f"{stack.name}  {stack.status}"
    if failure:
        yield f"  failed         {failure}"
    for kind, words in _KINDS.items():
        of_kind = {type_: count for type_, count in sorted(types.items()) if kind_of(type_) is kind}
        if of_kind:
            names = ", ".join(
                f"{type_.removeprefix('AWS::')}{f' ({count})' if count > 1 else ''}" for type_, count in of_kind.items()
            )
            yield f"  {words:<13}  {sum(of_kind.values())}: {names}"
    yield from unknown_lines(unknown)
    for name, value in stack.outputs.items():
        yield f"  output         {name} = {value}"


def unknown_lines(unknown: Sequence[tuple[str, str]]) -> Iterator[str]:
    """What keeps a stack from being deployed, and what to do."""
    for id, type_ in unknown:
        yield f"  not known      {id} is of type {type_}; add the type ({_PAGE}, 'Add a type'), or leave it out"


def look_around(connection: Connection, file: Path) -> str:
    """How to ask the emulator."""
    where = _short(file.parent)
    option = "" if where == ".local" else f" --directory {shlex.quote(where)}"
    return (
        f"Look around, in a shell of your own:\n"
        f"  . {shlex.quote(_short(file))}\n"
        f"  aws cloudformation describe-stacks --query 'Stacks[].[StackName,StackStatus]'\n"
        f"  python -c 'import boto3; print(boto3.client(\"ecr\").describe_repositories())'\n"
        f"or leave your shell as it is:\n"
        f"  python -m secure_containers.local run{option} -- cdk diff\n"
        f"What {_short(file)} sets:\n"
        + "".join(f"  {line}\n" for line in environment_lines(connection.environment()).splitlines())
    )


def environment_lines(environment: Mapping[str, str]) -> str:
    """Lines for a shell. What would win over the keys is unset."""
    lines = ["unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    return "\n".join(lines) + "\n"


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
