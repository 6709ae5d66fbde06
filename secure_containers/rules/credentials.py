"""What looks like a credential among the variables of an environment."""

from __future__ import annotations

import re
from typing import Final

_CALLED: Final = re.compile(
    r"(?:^|_)(?:PASSWORD|PASSWD|(?<=_)PWD|PASSPHRASE|SECRET|SECRETS|TOKEN|CREDENTIALS?|PRIVATE_?KEY|API_?KEY|ACCESS_?KEY(?:_ID)?"
    r"|SECRET_?KEY|SECRET_?ACCESS_?KEY|ENCRYPTION_?KEY|SIGNING_?KEY|CONNECTION_?STRING)$"
)
"""Names of variables that hold a credential; `DB_SECRET_ARN` and `TOKEN_FILE` say where one is."""
_LOOKS: Final = re.compile(
    r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Z0-9])"
    r"|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY"
    r"|(?<![A-Za-z0-9])(?:ghp|gho|ghs|github_pat|glpat|xox[abp])[_-][A-Za-z0-9_-]{16,}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."
    r"|\{\{resolve:(?:secretsmanager|ssm-secure):"
    r"|://[^/:@\s]+:[^/@\s]+@"
)
"""Keys, tokens, URLs with a password, and dynamic references that CloudFormation writes out in the clear."""
_IS_NONE: Final = re.compile(
    r"true|false|yes|no|on|off|[01]?|arn:(?:\$\{AWS::Partition\}|[^:]+):(?:secretsmanager|ssm):\S*", re.IGNORECASE
)
"""What says whether there is a credential, or where it is."""


def credential_in(name: str, value: str) -> str | None:
    """Why a variable of an environment looks like a credential; None if it does not.

    Args:
        name: the variable's name.
        value: its value as far as it is known, unknown parts as `${...}`.
    """
    if _LOOKS.search(value):
        return "its value looks like a credential"
    if not _IS_NONE.fullmatch(value) and _CALLED.search(_words(name)):
        return "its name says that it holds a credential"
    return None


def _words(name: str) -> str:
    """`dbPassword` and `db-password` as `DB_PASSWORD`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").replace(".", "_").upper()
