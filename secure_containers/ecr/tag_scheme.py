"""A tag scheme: environments by functions, from which lifecycle and immutability follow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from secure_containers.ecr.lifecycle import LifecycleRule
from secure_containers.errors import check_list, invalid
from secure_containers.rules.ecr_lifecycle import MOST_RULES

_NAME: Final = re.compile(r"[a-z0-9]+")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DEFAULT_KEEP: Final = 50
LONGEST_TAG: Final = 128
MOST_EXCEPTIONS: Final = 5
"""Patterns of mutable tags that ECR takes for one repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentTags:
    """The images of one environment.

    Args:
        name: the first part of their tags, lower-case letters and digits: `prod` stands for `prod-*`.
        keep_images: how many of the newest images are kept, for each function apart. Left out together with
            `keep_days`: 50.
        keep_days: for how many days after the push images are kept, in place of a number.
        mutable: tags of this environment may be moved to another image.

    Raises:
        ValueError: the name is no such text, a bound is not positive, or both bounds are given.
    """

    name: str
    keep_images: int | None = None
    keep_days: int | None = None
    mutable: bool = False

    def __post_init__(self) -> None:
        _check_name("EnvironmentTags", "name", self.name)
        if self.keep_images is not None and self.keep_days is not None:
            raise invalid(
                "EnvironmentTags",
                "keep_days",
                self.keep_days,
                allowed="keep_images or keep_days, not both",
                write=f'EnvironmentTags(name="{self.name}", keep_images=50)',
            )
        for name in ("keep_images", "keep_days"):
            _check_bound("EnvironmentTags", name, getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class TagScheme:
    """Tags of the form `<environment>-<function>-<version>`, or `<environment>-<version>` without functions.

    Each environment (and function) keeps its own images, so that many builds for `dev` never push out a release.
    Untagged images and tags outside the scheme are bounded too.

    Args:
        environments: `EnvironmentTags`, or names for those with defaults: 50 images kept, tags immutable. In the order
            of promotion, `dev` before `prod`: an image with the tags of several belongs to the last of them, and
            immutable environments come after mutable ones in any case.
        functions: the parts of the application that share the repository, such as `frontend` and `backend`.
        untagged_days: days after the push at which untagged images expire.
        other_days: days after the push at which images with tags outside the scheme expire.

    Raises:
        ValueError: no environment, a name that is no lower-case text or stands twice, or more than five mutable
            environments.
    """

    environments: Sequence[str | EnvironmentTags]
    functions: Sequence[str] = ()
    untagged_days: int = 30
    other_days: int = 90

    def __post_init__(self) -> None:
        check_list(
            "TagScheme",
            "environments",
            self.environments or None,
            (str, EnvironmentTags),
            allowed="a list of at least one environment",
            write='environments=["dev", "prod"]',
        )
        check_list(
            "TagScheme", "functions", self.functions, str, allowed="a list of names", write='functions=["web", "api"]'
        )
        for function in self.functions:
            _check_name("TagScheme", "functions", function)
        for name in ("untagged_days", "other_days"):
            _check_bound("TagScheme", name, getattr(self, name))
        if len(self.mutable_patterns) > MOST_EXCEPTIONS:
            allowed = f"at most {MOST_EXCEPTIONS} mutable ones, which is what ECR takes"
            raise invalid("TagScheme", "environments", self.mutable_patterns, allowed=allowed, write="mutable=False")
        for argument, names in (
            ("environments", [each.name for each in self._environments]),
            ("functions", list(self.functions)),
        ):
            doubled = sorted({name for name in names if names.count(name) > 1})
            if doubled:
                raise invalid(
                    "TagScheme", argument, doubled, allowed="each name once", write=f"{argument}={sorted(set(names))!r}"
                )

        rules = 2 + len(self.environments) * max(len(self.functions), 1)
        if rules > MOST_RULES:
            allowed = f"environments times functions of at most {MOST_RULES - 2}, as ECR takes {MOST_RULES} rules"
            raise invalid("TagScheme", "functions", list(self.functions), allowed=allowed, write="fewer of them")

    @property
    def mutable_patterns(self) -> list[str]:
        """The tags that may move: the exceptions to immutability."""
        return [f"{each.name}-*" for each in self._environments if each.mutable]

    def lifecycle_rules(self) -> list[LifecycleRule]:
        """The lifecycle that follows from the scheme.

        ECR looks at rules in their order, and leaves an image that one of them selects alone in all others. So the
        environments to which images are promoted last come first, and what was promoted is kept.
        """
        rules = [LifecycleRule(untagged=True, days_since_pushed=self.untagged_days, description="untagged images")]
        order = sorted(enumerate(self._environments), key=lambda each: (each[1].mutable, -each[0]))
        for _, environment in order:
            keep = environment.keep_images or (_DEFAULT_KEEP if environment.keep_days is None else None)
            rules += [
                LifecycleRule(
                    tag_patterns=[pattern],
                    more_than_images=keep,
                    days_since_pushed=environment.keep_days,
                    description=pattern,
                )
                for pattern in self._patterns(environment)
            ]
        # By age: a rule for any image that counts would count those of the environments too.
        rules.append(LifecycleRule(days_since_pushed=self.other_days, description="tags outside the scheme"))
        return rules

    def tag(self, environment: str, version: str, *, function: str | None = None) -> str:
        """A tag of the scheme, for build scripts and tests.

        Args:
            environment: one of `environments`.
            version: the last part: letters, digits, `.`, `_`, `-`.
            function: one of `functions`; needed if the scheme has any.

        Raises:
            ValueError: a part is not of the scheme, or the tag is longer than 128 characters.
        """
        environments = [each.name for each in self._environments]
        if environment not in environments:
            raise invalid(
                "TagScheme.tag",
                "environment",
                environment,
                allowed=", ".join(environments),
                write=f"environment={environments[0]!r}",
            )
        if function not in (self.functions or (None,)):
            allowed = ", ".join(self.functions) or "none: the scheme has no functions"
            raise invalid(
                "TagScheme.tag",
                "function",
                function,
                allowed=allowed,
                write=f"function={self.functions[0] if self.functions else None!r}",
            )
        tag = "-".join(part for part in (environment, function, version) if part)
        if not _VERSION.fullmatch(version) or len(tag) > LONGEST_TAG:
            raise invalid(
                "TagScheme.tag",
                "version",
                version,
                allowed=f"letters, digits, '.', '_', '-'; {LONGEST_TAG} characters in all",
                write='version="1.4.2"',
            )
        return tag

    @property
    def _environments(self) -> list[EnvironmentTags]:
        return [EnvironmentTags(name=each) if isinstance(each, str) else each for each in self.environments]

    def _patterns(self, environment: EnvironmentTags) -> Iterator[str]:
        if not self.functions:
            yield f"{environment.name}-*"
        for function in self.functions:
            yield f"{environment.name}-{function}-*"


def _check_name(where: str, argument: str, name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid(
            where, argument, name, allowed="lower-case letters and digits, no separators", write=f'{argument}="prod"'
        )


def _check_bound(where: str, argument: str, bound: int | None) -> None:
    if bound is not None and (not isinstance(bound, int) or isinstance(bound, bool) or bound < 1):
        raise invalid(where, argument, bound, allowed="a whole number of 1 or more", write=f"{argument}=50")
