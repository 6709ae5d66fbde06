"""What an endpoint's policy lets through: a small evaluation in which what cannot be told stays so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from secure_containers.rules.network.model import Endpoint
from secure_containers.rules.network.naming import told
from secure_containers.rules.network.needs import Ask
from secure_containers.rules.partitions import PLACEHOLDER
from secure_containers.rules.policies import Statement, Unreadable, has_resource_level
from secure_containers.rules.template import Template, Value

_CALLER_KEYS: Final = ("aws:principalaccount", "aws:principalorgid", "aws:principalorgpaths", "aws:principalarn")
_OWNER_KEYS: Final = ("aws:resourceaccount", "aws:resourceorgid", "aws:resourceorgpaths")
_ACCOUNT_KEYS: Final = ("aws:principalaccount", "aws:resourceaccount")
_WHERE_KEYS: Final = ("aws:sourcevpc", "aws:sourcevpce", "aws:viaawsservice", "aws:securetransport")
_IS_SERVICE: Final = "aws:principalisawsservice"
_CALLER_TAG: Final = "aws:principaltag/"


def refused(endpoint: Endpoint, ask: Ask, template: Template) -> list[str] | None:
    """What of `ask` the endpoint's policy does not let through; None where it cannot be told."""
    found = endpoint.policy
    if not found:
        return []
    if any(isinstance(each, Unreadable) for each in found):
        return None
    question = _Question(endpoint, ask, template, [each for each in found if isinstance(each, Statement)])
    targets = ask.targets
    decided = {(action, target): question.decide(action, target) for action in ask.actions for target in targets}
    shown = dict(zip(targets, ask.resources, strict=True))
    lacking = [
        f"{action} on {', '.join(ask.resources)}"
        for action in ask.actions
        if all(decided[action, target] is False for target in targets)
    ] or [
        f"{', '.join(ask.actions)} on {shown[target]}"
        for target in targets
        if all(decided[action, target] is False for action in ask.actions)
    ]
    if lacking:
        return lacking
    untold = any(all(decided[action, target] is None for target in targets) for action in ask.actions)
    return None if untold else []


@dataclass(frozen=True, slots=True)
class _Question:
    """An endpoint's policy, and who asks it."""

    endpoint: Endpoint
    ask: Ask
    template: Template
    policy: Sequence[Statement]

    def decide(self, action: str, target: str) -> bool | None:
        denials = [self._applies(each, action, target) for each in self.policy if not each.allows]
        if True in denials:
            return False
        permits = {each: self._applies(each, action, target) for each in self.policy if each.allows}
        lasting = [each.value.given for each, applies in permits.items() if applies]
        if self.endpoint.resource.always(lasting):
            return None if None in denials else True
        return None if None in permits.values() else False

    def _applies(self, statement: Statement, action: str, target: str) -> bool | None:
        home = self.endpoint.resource.template
        # An action without a resource level is asked on everything, which no single resource stands for.
        on_all = target == "*" and not has_resource_level(action)
        verdicts = [
            _among(statement.actions, statement.excluded_actions, lambda text: overlap(text.lower(), action.lower())),
            _among(
                statement.resources,
                statement.excluded_resources,
                lambda text: text.strip("*") in ("", "arn:") if on_all else covers(told(text, home), target),
            ),
            self._is_caller(statement),
            *(self._holds(operator, key, values) for operator, key, values in statement.conditions()),
        ]
        return False if False in verdicts else None if None in verdicts else True

    def _is_caller(self, statement: Statement) -> bool | None:
        if statement.excluded_principals:
            return None
        found: list[bool | None] = []
        for kind, principal in statement.principals:
            text = told(principal.text, self.endpoint.resource.template)
            if kind == "AWS" and text == "*":
                found.append(True)
            elif self.ask.anonymous or kind != "AWS" or self.endpoint.gateway:
                found.append(False)  # a gateway endpoint takes an account for its root user alone
            else:
                account = self.template.account or "${AWS::AccountId}"
                found.append(True if text in (account, text.partition(account)[0] + f"{account}:root") else None)
        return _any(found)

    def _holds(self, operator: str, key: str, values: Sequence[Value]) -> bool | None:
        name = operator.lower().removeprefix("foranyvalue:").removeprefix("forallvalues:").removesuffix("ifexists")
        if name == "null":
            return None
        if key == _IS_SERVICE:
            verdict: bool | None = any(value.text.lower() == "false" for value in values)
        elif self.ask.anonymous and (key in (*_CALLER_KEYS, *_OWNER_KEYS) or key.startswith(_CALLER_TAG)):
            verdict = False
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
    return _any(None if value.unknown and not _is_resource(value) else test(value.text) for value in named)


def _is_resource(value: Value) -> bool:
    return value.text.startswith("${") and told(value.text, value.resource.template) != value.text


def _any(verdicts: Iterable[bool | None]) -> bool | None:
    found = list(verdicts)
    return True if True in found else None if None in found else False


_PART: Final = "\x01"
"""In a pattern, some part of an ARN, such as a Region: any text without `:` and `/`."""


def covers(pattern: str, target: str) -> bool | None:
    """Whether a policy's resource covers another; None where the unknown parts of the two leave it open."""
    if pattern == "*" or overlap(pattern, target):
        return True
    if "${" not in pattern and "${" not in target:
        return False
    return None if overlap(_opened(pattern), _opened(target)) else False


def _opened(text: str) -> str:
    """With unknown parts as wildcards: those of the environment are one part of an ARN each."""
    return PLACEHOLDER.sub(lambda found: _PART if found.group(1).startswith("AWS::") else "*", text)


@lru_cache(maxsize=4096)
def overlap(one: str, other: str) -> bool:
    """Whether some text matches both of two patterns; unknown parts are only equal to themselves."""
    if not any(wildcard in text for wildcard in ("*", "?", _PART) for text in (one, other)):
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
        if first in ("*", _PART):
            states.add((left + 1, right))
            if second and (first == "*" or second not in ":/"):
                states.add((left, right + 1))
        if second in ("*", _PART):
            states.add((left, right + 1))
            if first and (second == "*" or first not in ":/"):
                states.add((left + 1, right))
        wild = {first, second} & {"*", _PART}
        if first and second and not wild and (first == second or "?" in (first, second)):
            states.add((left + 1, right + 1))
    return False
