"""A rule's docstring is its page: complete, and its examples do what they say."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

from secure_containers import rules as package
from secure_containers.check.loader import parse
from secure_containers.guidance import catalogue
from secure_containers.rules import ENGINE_RULES, RULES, Rule, Severity, evaluate, find_rule
from secure_containers.rules.engine import FRAMEWORKS

ALL = (*RULES, *ENGINE_RULES)
WITH_EXAMPLES = [rule for rule in ALL if rule.examples("Bad") or rule in RULES]
EXAMPLES = [
    pytest.param(rule, kind, text, id=f"{rule.id}-{kind}-{number}")
    for rule in WITH_EXAMPLES
    for kind in ("Bad", "Good")
    for number, text in enumerate(rule.examples(kind), start=1)
]

each_rule = pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.id) for rule in ALL])
each_documented = pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.id) for rule in WITH_EXAMPLES])


@each_rule
def test_a_page_has_title_why_and_fix(rule: Rule) -> None:
    assert re.fullmatch(r"[A-Z].{10,100}\.", rule.title)
    assert rule.page.split("\n")[1] == ""
    assert len(rule.section("Why")) > 40
    assert rule.section("Fix").endswith(".")
    assert "\n" not in rule.fix


@each_documented
def test_a_page_has_good_and_bad_examples(rule: Rule) -> None:
    assert rule.examples("Bad")
    assert rule.examples("Good")


@each_rule
def test_a_page_has_these_sections_in_this_order(rule: Rule) -> None:
    sections = re.findall(r"^## (.*)$", rule.page, re.MULTILINE)
    assert sections in (["Why", "Fix"], ["Why", "Fix", "Bad", "Good"])
    assert rule.page.count("```") == 2 * len([*rule.examples("Bad"), *rule.examples("Good")])


@pytest.mark.parametrize(("rule", "kind", "text"), EXAMPLES)
def test_an_example_does_what_it_says(rule: Rule, kind: str, text: str) -> None:
    template = parse(text.encode(), f"{rule.id}.yaml")
    found = {finding.rule for finding in evaluate([template], RULES).findings}
    assert (rule in found) == (kind == "Bad")


@pytest.mark.parametrize(("rule", "kind", "text"), EXAMPLES)
def test_an_example_carries_nothing_of_no_use(rule: Rule, kind: str, text: str) -> None:
    """No example shows a policy that cannot be read or a rule that fails inside."""
    found = {finding.rule.id for finding in evaluate([parse(text.encode(), "example.yaml")], RULES).findings}
    assert "SC-ENG-01" not in found


@each_rule
def test_the_markdown_says_all_of_it(rule: Rule) -> None:
    page = rule.markdown()
    for part in (rule.id, rule.name, rule.title, rule.section("Why"), f"Severity: {rule.severity}", *rule.guidelines):
        assert part in page


@each_rule
def test_ids_and_names(rule: Rule) -> None:
    assert re.fullmatch(r"SC-[A-Z]{3}-\d\d", rule.id)
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+", rule.name)
    assert rule.severity in Severity
    assert find_rule(rule.id) is find_rule(rule.id.lower()) is find_rule(rule.name) is rule


def test_ids_and_names_are_given_once() -> None:
    assert len({rule.id for rule in ALL}) == len({rule.name for rule in ALL}) == len(ALL)


def test_every_rule_that_is_written_is_listed() -> None:
    modules = [
        importlib.import_module(f"{package.__name__}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    ]
    written = {value for module in modules for value in vars(module).values() if isinstance(value, Rule)}
    assert written == set(ALL)
    assert len(ALL) == len(set(ALL))


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.id) for rule in RULES])
def test_a_rule_answers_to_guidelines_that_exist(rule: Rule) -> None:
    guidelines = catalogue().guidelines
    assert rule.guidelines
    assert [id for id in rule.guidelines if id not in guidelines] == []
    assert all("rule" in guidelines[id].show for id in rule.guidelines if id in guidelines)


@each_rule
def test_controls_name_where_they_are_mapped(rule: Rule) -> None:
    mapped = list(rule.controls.by_framework())
    assert bool(mapped) == bool(rule.controls.source)
    assert {framework for framework, _ in mapped} <= set(FRAMEWORKS.values())


def test_an_unknown_rule_is_none() -> None:
    assert find_rule("SC-ECR-99") is None
    assert find_rule("") is None
