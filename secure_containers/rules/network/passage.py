"""What an endpoint's policy lets through: a small evaluation in which what cannot be told stays so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from secure_containers.rules.network.model import Endpoint
from secure_containers.rules.network.workloads import Ask
from secure_containers.rules.partitions import PLACEHOLDER, partition_of
from secure_containers.rules.policies import Statement, Unreadable
from secure_containers.rules.template import Template, Value

_CALLER_KEYS: Final = ("aws:principalaccount", "aws:principalorgid", "aws:principalorgpaths", "aws:principalarn")
_OWNER_KEYS: Final = ("aws:resourceaccount", "aws:resourceorgid", "aws:resourceorgpaths")
_ACCOUNT_KEYS: Final = ("aws:principalaccount", "aws:resourceaccount")
_WHERE_KEYS: Final = ("aws:sourcevpc", "aws:sourcevpce", "aws:viaawsservice", "aws:securetransport")


def refused(endpoint: Endpoint, ask: Ask, template: Template) -> list[str] | None:
    """What of `ask` the endpoint's policy does not let through; None where it cannot be told."""
    found = endpoint.policy
    if not found:
        return []
    if any(isinstance(each, Unreadable) for each in found):
        return None
    question = _Question(endpoint, ask, template, [each for each in found if isinstance(each, Statement)])
    resources = [_told(resource, template) for resource in ask.resources]
    decided = {
        (action, resource): question.decide(action, resource) for action in ask.actions for resource in resources
    }
    lacking = [
        f"{action} on {', '.join(resources)}"
        for action in ask.actions
        if all(decided[action, resource] is False for resource in resources)
    ] or [
        f"{', '.join(ask.actions)} on {resource}"
        for resource in resources
        if all(decided[action, resource] is False for action in ask.actions)
    ]
    if lacking:
        return lacking
    untold = any(all(decided[action, resource] is None for resource in resources) for action in ask.actions)
    return None if untold else []


@dataclass(frozen=True, slots=True)
class _Question:
    """An endpoint's policy, and who asks it."""

    endpoint: Endpoint
    ask: Ask
    template: Template
    policy: Sequence[Statement]

    def decide(self, action: str, resource: str) -> bool | None:
        denials = [self._applies(each, action, resource) for each in self.policy if not each.allows]
        if True in denials:
            return False
        permits = [self._applies(each, action, resource) for each in self.policy if each.allows]
        if True in permits:
            return None if None in denials else True
        return None if None in permits else False

    def _applies(self, statement: Statement, action: str, resource: str) -> bool | None:
        home = self.endpoint.resource.template
        verdicts = [
            _among(statement.actions, statement.excluded_actions, lambda text: overlap(text.lower(), action.lower())),
            _among(statement.resources, statement.excluded_resources, lambda text: covers(_told(text, home), resource)),
            self._is_caller(statement),
            *(self._holds(operator, key, values) for operator, key, values in statement.conditions()),
        ]
        return False if False in verdicts else None if None in verdicts else True

    def _is_caller(self, statement: Statement) -> bool | None:
        if statement.excluded_principals:
            return None
        found: list[bool | None] = []
        for kind, principal in statement.principals:
            text = _told(principal.text, self.endpoint.resource.template)
            if kind == "AWS" and text == "*":
                found.append(True)
            elif self.ask.anonymous or kind != "AWS":
                found.append(False)
            else:
                account = self.template.account or "${AWS::AccountId}"
                found.append(True if text in (account, text.partition(account)[0] + f"{account}:root") else None)
        return _any(found)

    def _holds(self, operator: str, key: str, values: Sequence[Value]) -> bool | None:
        name = operator.lower().removeprefix("foranyvalue:").removeprefix("forallvalues:").removesuffix("ifexists")
        if name == "null":
            return None
        if self.ask.anonymous and key in (*_CALLER_KEYS, *_OWNER_KEYS):
            verdict: bool | None = False
        elif key in _ACCOUNT_KEYS:
            verdict = _any(self._is_own_account(value) for value in values)
        elif key in _CALLER_KEYS or key in _OWNER_KEYS or key in _WHERE_KEYS:
            verdict = True  # the organization's, as whoever wrote the condition knows; a template does not tell
        else:
            verdict = None
        return verdict if verdict is None or "not" not in name else not verdict

    def _is_own_account(self, value: Value) -> bool | None:
        """Whether a value is the account of the workload; one that is not known may be it."""
        if value.text in ("${AWS::AccountId}", self.template.account):
            return True
        return None if value.unknown or self.template.account is None else False


def _among(named: Iterable[Value], excluded: Iterable[Value], test: Callable[[str], bool | None]) -> bool | None:
    left_out = [test(value.text) for value in excluded]
    if left_out:
        return False if True in left_out else None if None in left_out else True
    return _any(None if value.unknown else test(value.text) for value in named)


def _any(verdicts: Iterable[bool | None]) -> bool | None:
    found = list(verdicts)
    return True if True in found else None if None in found else False


def _told(text: str, template: Template) -> str:
    """The text with what is known of the environment in it."""
    known = {"AWS::AccountId": template.account, "AWS::Region": template.region}
    if template.region is not None:
        known["AWS::Partition"] = partition_of(template.region)
    return PLACEHOLDER.sub(lambda found: known.get(found.group(1)) or found.group(), text) if "${" in text else text


def covers(pattern: str, target: str) -> bool | None:
    """Whether a policy's resource covers another; None where the unknown parts of the two leave it open."""
    if pattern == "*" or overlap(pattern, target):
        return True
    if "${" not in pattern and "${" not in target:
        return False
    names = [set(PLACEHOLDER.findall(text)) for text in (pattern, target)]
    opened = [PLACEHOLDER.sub("*", text) for text in (pattern, target)]
    if not overlap(*opened):
        return False
    # Attributes of two resources of one template are never the same.
    attributes = [{name for name in each if not name.startswith("AWS::")} for each in names]
    return False if all(attributes) and not attributes[0] & attributes[1] else None


@lru_cache(maxsize=4096)
def overlap(one: str, other: str) -> bool:
    """Whether some text matches both of two patterns with `*` and `?`; unknown parts are only equal to themselves."""
    if "*" not in one and "?" not in one and "*" not in other and "?" not in other:
        return one == other
    states = {(0, 0)}
    seen: set[tuple[int, int]] = set()
    while states:
        left, right = states.pop()
        if (left, right) in seen:
            continue
        seen.add((left, right))
        if left == len(one) and right == len(other):
            return True
        first, second = one[left : left + 1], other[right : right + 1]
        if first == "*":
            states.add((left + 1, right))
            if second:
                states.add((left, right + 1))
        if second == "*":
            states.add((left, right + 1))
            if first:
                states.add((left + 1, right))
        if first and second and "*" not in (first, second) and (first == second or "?" in (first, second)):
            states.add((left + 1, right + 1))
    return False
