"""The options of the reference app, from CDK context: `cdk synth -c organization=o-a1b2c3d4e5`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from aws_cdk import Environment

from secure_containers import AuditPart, ScanSeverity
from secure_containers.ecr.image import DIGEST
from secure_containers.ecr.repository_policy import ACCOUNT_ID, ORGANIZATION_ID

_PARTS: Final = [part.value for part in AuditPart if part is not AuditPart.TRAIL]
"""A trail that is there is named in code, together with its log group."""
_FORMS: Final = {
    "account": (ACCOUNT_ID, "an account id of 12 digits"),
    "region": (re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]"), "a Region such as eu-central-1"),
    "organization": (ORGANIZATION_ID, "an organization id such as o-a1b2c3d4e5"),
    "existing": (
        re.compile("({0})(,({0}))*".format("|".join(_PARTS))),
        f"one or more of {', '.join(_PARTS)}, with commas between them",
    ),
    "certificate": (
        re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        "the id of a certificate, at its ARN's end",
    ),
    "domain": (
        re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.){2,}[a-z]{2,63}"),
        "a name below a domain of yours, such as orders.example.com",
    ),
    "green": (re.compile(r"100|[1-9]?[0-9]"), "percent, 0 to 100"),
    "digest": (DIGEST, "the digest of an image, sha256: and 64 hexadecimal digits"),
    "severity": (re.compile("|".join(ScanSeverity)), f"one of {', '.join(ScanSeverity)}"),
}
_FROM_TOOLS: Final = re.compile(r"[@:/]")
"""Feature flags, look-ups and what the CLI passes have one of these in their key; options have none."""


class OptionError(ValueError):
    """An option is not known, or its value is wrong; the message is one line."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a deployment of the reference app can choose."""

    account: str | None = None
    """The account to deploy to; left out together with `region`, the templates fit any."""
    region: str | None = None
    organization: str | None = None
    """The organization that images and audit data stay inside of; left out, there is no such denial."""
    severity: ScanSeverity = ScanSeverity.HIGH
    """The least severity of findings that people are told of."""
    digest: str = f"sha256:{'0' * 64}"
    """The image that jobs and services run; left out, no image, since none is pushed before the first deployment."""
    domain: str = "orders.example.com"
    """The name by which clients find private web services."""
    certificate: str = f"{'0' * 8}-{'-'.join(['0' * 4] * 3)}-{'0' * 12}"
    """The certificate of that name, by its id; left out, none, since nobody can prove a name of somebody else's."""
    green: int = 0
    """How many clients among a hundred the new service of a move gets."""
    existing: Sequence[AuditPart] = ()
    """What the account and Region have already of the audit; it is left alone."""

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Options:
        """The options in a CDK context, which holds other things too.

        Raises:
            OptionError: an option is not known or its value is wrong.
        """
        given = {key: str(value) for key, value in context.items() if not _FROM_TOOLS.search(key)}
        names = [each.name for each in fields(cls)]
        for key, value in given.items():
            if key not in names:
                close = difflib.get_close_matches(key, names, 1)
                hint = f"; did you mean {close[0]!r}?" if close else "."
                raise OptionError(f"there is no option {key!r}{hint} Options: {', '.join(names)}")
            form, allowed = _FORMS[key]
            if not form.fullmatch(value.upper() if key == "severity" else value):
                raise OptionError(f"the option {key!r} is {value!r}; allowed: {allowed}; write -c {key}=...")
        if ("account" in given) != ("region" in given):
            raise OptionError(
                "the options 'account' and 'region' belong together; "
                "write -c account=111122223333 -c region=eu-central-1, or neither"
            )
        severity = ScanSeverity(given.pop("severity", ScanSeverity.HIGH).upper())
        existing = tuple(AuditPart(part) for part in given.pop("existing", "").split(",") if part)
        green = int(given.pop("green", "0"))
        return cls(severity=severity, existing=existing, green=green, **given)

    @property
    def environment(self) -> Environment:
        return Environment(account=self.account, region=self.region)
