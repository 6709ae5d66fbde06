"""Every rule names a guideline, and every guideline its answer or says that it has none yet."""

from __future__ import annotations

from importlib import import_module

import pytest

from secure_containers.guidance import catalogue
from secure_containers.rules import RULES
from tests.support import ROOT

CATALOGUE = catalogue()
KINDS = {"default", "rule", "feature", "procedure"}


def answered(guideline: str) -> set[str]:
    kinds = set(CATALOGUE.guidelines[guideline].answers)
    return kinds | {"rule"} if any(guideline in rule.guidelines for rule in RULES) else kinds


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_names_guidelines_that_ask_for_a_rule(rule) -> None:
    assert rule.guidelines
    for guideline in rule.guidelines:
        assert "rule" in CATALOGUE.guidelines[guideline].show


@pytest.mark.parametrize("id", CATALOGUE.guidelines)
def test_every_guideline_is_answered_or_says_not_yet(id: str) -> None:
    guideline = CATALOGUE.guidelines[id]
    assert set(guideline.show) <= KINDS
    assert set(guideline.show) - answered(id) == set(CATALOGUE.not_yet.get(id, ()))


@pytest.mark.parametrize("id", CATALOGUE.guidelines)
def test_answers_answer_what_is_asked_and_exist(id: str) -> None:
    guideline = CATALOGUE.guidelines[id]
    assert set(guideline.answers) <= set(guideline.show)
    for names in guideline.answers.values():
        for name in names:
            assert exists(name), name


def test_not_yet_lists_guidelines_only() -> None:
    assert set(CATALOGUE.not_yet) <= set(CATALOGUE.guidelines)


def test_every_source_says_something() -> None:
    used = {source for guideline in CATALOGUE.guidelines.values() for source in guideline.sources}
    assert used == set(CATALOGUE.sources)


def exists(name: str) -> bool:
    """A page of docs/, or a name of the library: a module or what it offers."""
    if name.startswith("docs/"):
        return (ROOT / name).is_file()
    found = import_module("secure_containers")
    for part in name.split(".")[1:]:
        found = getattr(found, part, None) or import_module(f"{found.__name__}.{part}")
    return found is not None
