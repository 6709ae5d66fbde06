"""Every resource of every stack is read back, and says what its template says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from secure_containers.local.kinds import Kind, kind_of
from tests.e2e.compare import differences
from tests.e2e.deployment import Deployment, Resource
from tests.e2e.expectations import EXPECTATIONS
from tests.e2e.readers import NOT_READ, READERS
from tests.support import ROOT

SNAPSHOTS = ROOT / "tests" / "__snapshots__" / "test_stacks"
_NAME = re.compile(r"test_templates\[(.+)\]")


@cache
def snapshot(stack: str) -> dict[str, Any]:
    """A template that needs no synthesis: what tests there are is known before anything is deployed."""
    path = SNAPSHOTS / f"test_templates[{stack}].yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


STACKS = sorted(found[1] for path in SNAPSHOTS.iterdir() if (found := _NAME.fullmatch(Path(path).stem)))
TYPES = sorted(
    {(stack, resource["Type"]) for stack in STACKS for resource in snapshot(stack)["Resources"].values()},
)


def wrong(deployment: Deployment, resource: Resource) -> Iterator[str]:
    """Where a resource does not say what its template says."""
    try:
        found = READERS[resource.type](deployment.client, resource.physical, resource.properties)
    except Exception as error:  # noqa: BLE001 - one resource that cannot be read must not hide the others
        yield f"{resource.id} cannot be read back: {type(error).__name__}: {error}"
        return
    for name, wanted in resource.properties.items():
        if name in NOT_READ.get(resource.type, {}):
            continue
        if name not in found:
            yield f"{resource.id}.{name} is not read back; wanted: {wanted!r}"
        else:
            yield from differences(wanted, own_tags(found[name]), f"{resource.id}.{name}")


def own_tags(value: Any) -> Any:
    """Without the tags that CloudFormation adds to those of a template."""
    if not isinstance(value, list):
        return value
    return [
        each
        for each in value
        if not (isinstance(each, dict) and str(each.get("Key")).startswith("aws:cloudformation:"))
    ]


@pytest.mark.parametrize(("stack", "type_"), TYPES)
def test_resources_are_what_their_template_says(deployment: Deployment, stack: str, type_: str) -> None:
    if type_ not in READERS:
        pytest.skip("only a record, which no service tells of")
    resources = deployment.stack(stack).of_type(type_)
    assert resources
    found = [line for resource in resources for line in wrong(deployment, resource)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("stack", "id"), [(stack, id) for stack, expected in EXPECTATIONS.items() for id in expected])
def test_what_each_stack_promises(deployment: Deployment, stack: str, id: str) -> None:
    (resource,) = (each for each in deployment.stack(stack).resources if each.id[:-8] == id)  # 8: the hash
    found = READERS[resource.type](deployment.client, resource.physical, resource.properties)
    wrong = list(differences(EXPECTATIONS[stack][id], found, id))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("stack", STACKS)
def test_every_type_has_an_expectation_or_is_a_record(stack: str) -> None:
    types = {resource["Type"] for resource in snapshot(stack)["Resources"].values()}
    unexpected = {type_ for type_ in types if type_ not in READERS and kind_of(type_) is not Kind.RECORD}
    assert not unexpected, "add a reader to tests/e2e/readers, or name the type as a record of the emulator"
    unknown = {type_ for type_ in types if kind_of(type_) is Kind.UNKNOWN}
    assert not unknown, "add the type to secure_containers/local/types"
    assert EXPECTATIONS.get(stack), f"add what {stack} promises to tests/e2e/expectations"


def test_the_deployed_templates_are_those_of_the_snapshots(deployment: Deployment) -> None:
    for stack in STACKS:
        deployed, kept = deployment.template(stack)["Resources"], snapshot(stack)["Resources"]
        assert {id: each["Type"] for id, each in deployed.items()} == {id: each["Type"] for id, each in kept.items()}
