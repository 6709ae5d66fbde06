"""Proofs about policies, by iamprover's model of IAM and the solver Z3.

To prove that a role can do nothing beyond what is intended, a Deny for exactly what is intended is added to its
policies, and the solver looks for a call that is still allowed. Patterns are compared as such, so that actions which
AWS will add tomorrow are covered too.

The solver is asked about one pattern of actions and one of resources at a time, and about those statements alone that
meet them. All at once would be the same question, and took it minutes in the place of milliseconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources as files
from itertools import product
from typing import Any, Final

from secure_containers.testing.conditions import MISSING, has_negation, propositions
from secure_containers.testing.extra import needed
from secure_containers.testing.roles import PolicyStatement, RolePolicies

_PATIENCE: Final = (1_000, 2_000, 4_000, 30_000)
"""Milliseconds for one try each: the solver answers soon or hardly ever, and another start often helps."""
_MOST_TRIED: Final = 50
"""Real actions that are tried for a readable counterexample."""
_TELLING: Final = ("iam:passrole", "sts:assumerole", "s3:getobject")
"""Those that tell most of a wildcard, tried first."""
_VARIABLE: Final = re.compile(r"\$\{([^{}]*)\}")
_LITERALS: Final = {"*": "<asterisk>", "?": "<question mark>", "$": "$"}
"""How IAM writes what would be a wildcard."""

Layers = Sequence[Sequence[PolicyStatement]]
"""The statements of the role's policies and, if it has one, those of its permissions boundary."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the solver found."""

    action: str
    resource: str
    context: Mapping[str, str]
    """The condition keys that it has to have."""
    statement: PolicyStatement
    """What allows or intends it."""

    def __str__(self) -> str:
        keys = ", ".join(f"{key} is {value!r}" for key, value in self.context.items())
        return f"{self.action} on {self.resource}{f' where {keys}' if keys else ''}"


class UndecidedError(Exception):
    """The solver gave up, which proves nothing."""


def call_beyond(policies: RolePolicies, intended: Iterable[PolicyStatement]) -> Call | None:
    """A call that the role may make and that is not intended; None is the proof that there is none."""
    identity, *bounds = _counting(policies)
    denied = [PolicyStatement({**each.body, "Effect": "Deny"}, each.at) for each in intended]
    denied += [each for each in identity if not each.allows]
    for region in _regions(identity):
        call = region.call(region.allowed([[region.statement, *denied], *bounds]))
        if call is not None:
            return call
    return None


def call_missing(policies: RolePolicies, intended: Iterable[PolicyStatement]) -> Call | None:
    """A call that is intended and that no statement allows, under whatever conditions; None is the proof of none."""
    layers = [_allows(layer) for layer in _layers(policies)]
    for region in _regions(_allows(intended)):
        call = region.call(region.z3.Not(region.allowed(layers)))
        if call is not None:
            return call
    return None


def denied_altogether(policies: RolePolicies, intended: Iterable[PolicyStatement]) -> Iterator[PolicyStatement]:
    """The intentions of which the role's own Denies leave nothing, under whatever conditions."""
    layers = [[*_allows(layer), *_denies(layer)] for layer in _layers(policies)]
    if any(_denies(layer) for layer in layers):
        for region in _regions(_allows(intended)):
            if not region.is_possible(region.allowed(layers)):
                yield region.statement


class _Region:
    """The calls that one pattern of actions and one of resources mean, of one statement."""

    def __init__(self, statement: PolicyStatement, action: str, resource: str) -> None:
        self.statement = statement
        self.z3 = needed("z3", of="z3-solver")
        self._model = needed("iamprover.model", of="iamprover")
        self._encoder = needed("iamprover.engine.encoder", of="iamprover")
        self._context = needed("iamprover.engine.context", of="iamprover").Context()
        self._matching = needed("iamprover.engine.patterns", of="iamprover")
        self._patterns = {"Action": action.lower(), "Resource": _fixed(resource)}
        self._terms = {
            name: self.z3.String(name) if _is_open(pattern) else self.z3.StringVal(pattern)
            for name, pattern in self._patterns.items()
        }
        self._inside = [
            self._matching.matches_any(self._terms[name], [pattern]) for name, pattern in self._patterns.items()
        ]

    def allowed(self, layers: Layers) -> Any:
        """The term that a call is allowed by the policies, and by the permissions boundary if there is one."""
        policies = [self._policy(layer) for layer in layers]
        principal = self._model.Principal(
            arn="role", policies=policies[:1], permission_boundary=policies[1] if len(policies) > 1 else None
        )
        return self._encoder.allowed(principal, *self._terms.values(), self._context)

    def is_possible(self, term: Any) -> bool:
        """Whether there is a call of these for which a term holds.

        Raises:
            UndecidedError: the solver gives up.
        """
        return self._solved([*self._inside, term]) is not None

    def call(self, term: Any) -> Call | None:
        """A call of these for which a term holds: one that there is in AWS, if that is easily found.

        Raises:
            UndecidedError: the solver gives up.
        """
        terms = [*self._inside, term]
        model = self._solved(terms)
        if model is None:
            return None
        for chosen in self._readable():
            instead = [(self._terms[name], self.z3.StringVal(text)) for name, text in chosen.items()]
            narrowed = [self.z3.substitute(each, *instead) for each in terms]
            if self._holds(narrowed):
                return self._call(chosen, narrowed)
        if not model.eval(self._terms["Resource"], model_completion=True).as_string():
            # Every call is about something. Asked from the beginning, it makes the solver slow.
            model = self._solved([*terms, self._terms["Resource"] != self.z3.StringVal("")])
            if model is None:
                return None
        found = {
            name: model.eval(term, model_completion=True)
            for name, term in self._terms.items()
            if _is_open(self._patterns[name])
        }
        fixed = [self._terms[name] == text for name, text in found.items()]
        return self._call({name: _plain(text.as_string()) for name, text in found.items()}, [*terms, *fixed])

    def _call(self, chosen: Mapping[str, str], terms: Sequence[Any]) -> Call:
        texts = {**self._patterns, **chosen}
        written = {each.lower(): each for each in self.statement.texts("Action")}
        action = written.get(texts["Action"], texts["Action"])
        return Call(action, _variables(texts["Resource"]), self._needed_keys(terms), self.statement)

    def _needed_keys(self, terms: Sequence[Any]) -> Mapping[str, str]:
        """The condition keys that a call has to have; as many as possible are missing."""
        settled = list(terms)
        for variable in self._context.string_vars.values():
            missing = variable == self.z3.StringVal(MISSING)
            if self._holds([*settled, missing]):
                settled.append(missing)
        model = self._solved(settled)
        return {
            key: _variables(_plain(value))
            for key, value in self._context.assignments(model).items()
            if value != MISSING and not key.startswith("<")
        }

    def _readable(self) -> Iterator[Mapping[str, str]]:
        """Actions that AWS has, and resources without wildcards, in the place of what the solver makes up."""
        pattern = self._patterns["Action"]
        actions = _real_actions(pattern) if _is_open(pattern) else [pattern]
        for action, resource in product(actions, self._plain_resources()):
            yield {
                name: text
                for name, text in (("Action", action), ("Resource", resource))
                if _is_open(self._patterns[name])
            }

    def _plain_resources(self) -> list[str]:
        pattern = self._patterns["Resource"]
        if not _is_open(pattern):
            return [pattern]
        # Actions without resources are asked for `*` itself.
        return ["*"] if pattern == "*" else [pattern.replace("*", each).replace("?", "x") for each in ("any", "")]

    def _solved(self, terms: Sequence[Any]) -> Any:
        """The solver's model; None where there is none."""
        reason = ""
        for number, milliseconds in enumerate(_PATIENCE):
            solver = self._solver(terms, milliseconds, number)
            outcome = solver.check()
            if outcome != self.z3.unknown:
                return solver.model() if outcome == self.z3.sat else None
            reason = solver.reason_unknown()
        raise UndecidedError(f"this cannot be proved: the solver gave up ({reason})")

    def _holds(self, terms: Sequence[Any]) -> bool:
        """Whether there soon is a call for which the terms hold."""
        return bool(self._solver(terms, _PATIENCE[0], 0).check() == self.z3.sat)

    def _solver(self, terms: Sequence[Any], milliseconds: int, number: int) -> Any:
        solver = self.z3.Solver()
        solver.set("timeout", milliseconds)
        solver.set("random_seed", number)
        solver.add(*terms)
        return solver

    def _policy(self, statements: Iterable[PolicyStatement]) -> Any:
        narrowed = [self._narrowed(each) for each in statements]
        return self._model.Policy("policy", [each for each in narrowed if each is not None])

    def _narrowed(self, statement: PolicyStatement) -> Any:
        """What of a statement is about these calls, as iamprover takes it; None if nothing is."""
        elements: dict[str, list[str]] = {}
        for name, pattern in self._patterns.items():
            for key in (name, f"Not{name}"):
                texts = [_fixed(each) if name == "Resource" else each.lower() for each in statement.texts(key)]
                meeting = [each for each in texts if self._matching.globs_intersect(each, pattern)]
                covering = any(_covers(each, pattern) for each in meeting)
                if key in statement.body and (covering if key.startswith("Not") else not meeting):
                    return None
                elements[key] = ["*"] if covering else meeting
            if not elements[name] and not elements[f"Not{name}"]:
                elements[name] = ["*"]  # of what it spares nothing is about these calls
        return self._model.Statement(
            effect=statement.body["Effect"],
            actions=elements["Action"],
            not_actions=elements["NotAction"],
            resources=elements["Resource"],
            not_resources=elements["NotResource"],
            conditions=[
                self._model.Condition(operator, key, [_fixed(each) for each in values])
                for operator, key, values in propositions(statement.conditions)
            ],
        )


def _regions(statements: Iterable[PolicyStatement]) -> Iterator[_Region]:
    for statement in statements:
        if statement.allows:
            for action, resource in product(statement.texts("Action") or ["*"], statement.texts("Resource") or ["*"]):
                yield _Region(statement, action, resource)


def _layers(policies: RolePolicies) -> Layers:
    return [policies.identity, *([] if policies.boundary is None else [policies.boundary])]


def _counting(policies: RolePolicies) -> Layers:
    """Every Allow that may be there, and the Denies that certainly are."""
    layers = _layers(policies)
    variable = any("${" in json.dumps(each.body) for layer in layers for each in layer if each.allows)
    return [
        [each for each in layer if each.allows or (each.certain and not (variable and _has_negation(each)))]
        for layer in layers
    ]


def _has_negation(deny: PolicyStatement) -> bool:
    """Whether a Deny spares what it names: what a policy variable will be at a call may be just that."""
    return bool(deny.texts("NotResource")) or has_negation(deny.conditions)


def _allows(statements: Iterable[PolicyStatement]) -> list[PolicyStatement]:
    """The Allows without their conditions."""
    return [
        PolicyStatement({key: value for key, value in each.body.items() if key != "Condition"}, each.at)
        for each in statements
        if each.allows
    ]


def _denies(statements: Iterable[PolicyStatement]) -> list[PolicyStatement]:
    """The Denies that nothing can keep from denying."""
    return [each for each in statements if not each.allows and each.certain and not each.conditions]


def _fixed(text: str) -> str:
    """A text in which policy variables are texts of their own: iamprover would take each for a wildcard."""
    return _VARIABLE.sub(lambda found: _LITERALS.get(found[1]) or f"<{found[1]}>", text)


def _variables(text: str) -> str:
    return re.sub(r"<([a-z][a-z0-9-]*:[^<>]*)>", r"${\1}", text)


def _plain(text: str) -> str:
    """A text of the solver without its escapes."""
    return re.sub(r"\\u\{([0-9a-f]+)\}", lambda found: chr(int(found[1], 16)), text)


def _is_open(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


@lru_cache(maxsize=4096)
def _covers(wide: str, narrow: str) -> bool:
    """Whether every text that the one pattern means is one that the other means."""
    reached = {0}  # the places in `wide` up to which it has taken in `narrow` so far
    for character in [*narrow, ""]:
        while True:  # a `*` may take in nothing
            more = reached | {place + 1 for place in reached if wide[place : place + 1] == "*"}
            if more == reached:
                break
            reached = more
        if not character:
            break
        reached = {
            place + (wide[place] != "*")
            for place in reached
            if place < len(wide) and (wide[place] == "*" or (character != "*" and wide[place] in ("?", character)))
        }
    return len(wide) in reached


def _real_actions(pattern: str) -> list[str]:
    """Actions of that pattern that AWS has, in lower case."""
    wanted = re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."))
    found = [action for action in (*_TELLING, *_known_actions()) if wanted.fullmatch(action)]
    return list(dict.fromkeys(found))[:_MOST_TRIED]


@cache
def _known_actions() -> tuple[str, ...]:
    """The actions that cfn-lint knows of."""
    package = needed("cfnlint.data.AdditionalSpecs", of="cfn-lint").__name__
    try:
        text = files.files(package).joinpath("Policies.json").read_text(encoding="utf-8")
    except OSError:  # another cfn-lint may keep them elsewhere; messages are then less readable, and that is all
        return ()
    return tuple(f"{service}:{action}" for service, about in json.loads(text).items() for action in about["Actions"])
