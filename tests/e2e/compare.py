"""Templates against what is read back: references become what they stand for, and every difference is told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_ARN_NAME: Final = re.compile(r"[^/:]+(?::\*)?$")


@dataclass(frozen=True)
class Like:
    """A text that only the deployment knows in full, such as an ARN."""

    pattern: str

    def matches(self, text: str) -> bool:
        return re.fullmatch(self.pattern, text, re.DOTALL) is not None


ANYTHING: Final = Like(".*")


@dataclass(frozen=True, kw_only=True)
class Resolver:
    """What references of one stack stand for."""

    account: str
    region: str
    physical: Mapping[str, str]
    outputs: Callable[[str, str], str]
    """Gives what a stack puts out, by its name and the output's."""
    attributes: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Those of resources, by logical id and name, that are known from elsewhere."""

    def resolve(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.resolve(child) for child in node]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (name, value), *_ = node.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._intrinsic(name, value)
        return {key: self.resolve(child) for key, child in node.items()}

    def _intrinsic(self, name: str, value: Any) -> Any:
        match name:
            case "Ref":
                return self._pseudo.get(value) or self.physical[value]
            case "Fn::GetAtt":
                return self._attribute(*(value if isinstance(value, list) else value.split(".", 1)))
            case "Fn::Join":
                separator, parts = value
                return _join(separator, [self.resolve(part) for part in parts])
            case "Fn::Sub":
                return re.sub(r"\$\{([^}]+)\}", lambda match: self._intrinsic("Ref", match[1]), value)
            case "Fn::GetStackOutput":
                return self.outputs(value["StackName"], value["OutputName"])
            case "Fn::GetAZs":
                return [f"{self.region}{zone}" for zone in "abc"]
            case "Fn::Select":
                index, among = int(value[0]), self.resolve(value[1])
                return among[index] if isinstance(among, list) else ANYTHING
            case "Fn::Split":
                separator, text = value[0], self.resolve(value[1])
                return text.split(separator) if isinstance(text, str) else ANYTHING
            case _:
                raise AssertionError(f"{name} is not followed yet: add it to {__name__}")

    def _attribute(self, id: str, attribute: str) -> str | Like:
        if (id, attribute) in self.attributes:
            return self.attributes[id, attribute]
        name = _ARN_NAME.search(self.physical[id])
        assert name, self.physical[id]
        if attribute in ("GroupId", "QueueName", "Id"):
            return name[0]
        if attribute.endswith("Arn"):
            return Like(f"arn:aws:.*{re.escape(name[0])}.*")
        return ANYTHING

    @property
    def _pseudo(self) -> dict[str, str]:
        return {
            "AWS::AccountId": self.account,
            "AWS::Partition": "aws",
            "AWS::Region": self.region,
            "AWS::URLSuffix": "amazonaws.com",
        }


def _join(separator: str, parts: list[Any]) -> str | Like:
    if all(isinstance(part, str) for part in parts):
        return separator.join(parts)
    patterns = [part.pattern if isinstance(part, Like) else re.escape(part) for part in parts]
    return Like(re.escape(separator).join(patterns))


def differences(wanted: Any, found: Any, at: str = "") -> Iterator[str]:
    """Where `found` does not say what `wanted` says; it may say more, as services do."""
    if isinstance(wanted, Like):
        if not wanted.matches(found if isinstance(found, str) else json.dumps(found)):
            yield f"{at} is {found!r}, wanted: {wanted.pattern}"
        return
    wanted, found = _alone(wanted, found)
    if isinstance(wanted, Mapping):
        if not isinstance(found, Mapping):
            yield f"{at} is {found!r}, wanted: {wanted!r}"
            return
        for key, value in wanted.items():
            if key not in found:
                yield f"{at}.{key} is missing, wanted: {value!r}"
            else:
                yield from differences(value, found[key], f"{at}.{key}")
    elif isinstance(wanted, list):
        yield from _list_differences(wanted, found, at)
    elif _plain(wanted) != _plain(found):
        yield f"{at} is {found!r}, wanted: {wanted!r}"


def _list_differences(wanted: list[Any], found: Any, at: str) -> Iterator[str]:
    """In any order; a missing element and one too many are most likely the same one, changed."""
    left, missing = list(found) if isinstance(found, list) else [found], []
    for value in wanted:
        same = next((index for index, each in enumerate(left) if not any(differences(value, each))), None)
        if same is None:
            missing.append(value)
        else:
            left.pop(same)
    if len(missing) == 1 and len(left) == 1 and isinstance(missing[0], Mapping | list):
        yield from differences(missing[0], left[0], f"{at}[]")
        return
    yield from (f"{at} has no {value!r}" for value in missing)
    yield from (f"{at} has {value!r} too" for value in left)


def _alone(wanted: Any, found: Any) -> tuple[Any, Any]:
    """One thing and a list of it are the same, and so are JSON and its text."""
    if isinstance(wanted, str) and wanted[:1] in "{[" and wanted:
        wanted = _parsed(wanted)
    if isinstance(wanted, Mapping | list) and isinstance(found, str):
        found = _parsed(found)
    if isinstance(wanted, list) and len(wanted) == 1 and not isinstance(found, list):
        (wanted,) = wanted
    elif isinstance(found, list) and len(found) == 1 and not isinstance(wanted, list):
        (found,) = found
    return wanted, found


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _plain(value: Any) -> str:
    text = str(value)
    if isinstance(value, bool):
        return text.lower()
    return text.removesuffix(".0") if isinstance(value, float) else text


def pascal(node: Any) -> Any:
    """What an API says in CloudFormation's words: `tagStatus` is `TagStatus` there."""
    if isinstance(node, list):
        return [pascal(child) for child in node]
    if isinstance(node, dict):
        return {f"{key[:1].upper()}{key[1:]}": pascal(child) for key, child in node.items()}
    return node
