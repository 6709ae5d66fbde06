"""`CodeSource`: a repository from which AWS App Runner builds what it runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from aws_cdk import Token

from secure_containers.errors import check_type, invalid

RUNTIMES: Final = (
    "CORRETTO_8",
    "CORRETTO_11",
    "DOTNET_6",
    "GO_1",
    "NODEJS_12",
    "NODEJS_14",
    "NODEJS_16",
    "NODEJS_18",
    "NODEJS_22",
    "PHP_81",
    "PYTHON_3",
    "PYTHON_311",
    "RUBY_31",
)
"""As App Runner calls them."""
_URL: Final = re.compile(r"https://[\w.-]+/[\w./-]+", re.ASCII)
_ONE_LINE: Final = re.compile(r"[^\n\r]+")
_CONNECTION: Final = re.compile(r"arn:aws[\w-]*:apprunner:[a-z0-9-]+:\d{12}:connection/.+")


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeSource:
    """A source repository from which AWS App Runner builds what it runs. Nobody scans or signs what comes out: an image
    of a repository of yours is the safer source.

    Args:
        repository_url: of the repository, such as `"https://github.com/example/orders"`.
        connection_arn: the connection to who keeps it, which CloudFormation cannot make: somebody confirms it once in
            the console.
        branch: what is built.
        directory: where in the repository. Left out: its root.
        runtime: on what it is built, such as `"NODEJS_22"`. Left out, the file `apprunner.yaml` in the repository says
            this and everything else, and the service takes no port, command, variables or secrets.
        build_command: what builds it.
    """

    repository_url: str
    connection_arn: str
    branch: str = "main"
    directory: str = "/"
    runtime: str | None = None
    build_command: str | None = None

    def __post_init__(self) -> None:
        for name, write in (("repository_url", "..."), ("branch", "main"), ("directory", "/service")):
            given = getattr(self, name)
            if not isinstance(given, str) or not given:
                raise invalid("CodeSource", name, given, allowed="a text", write=f'{name}="{write}"')
        url = self.repository_url
        if not Token.is_unresolved(url) and not _URL.fullmatch(url):
            write = 'repository_url="https://github.com/example/orders"'
            raise invalid("CodeSource", "repository_url", url, allowed="an address with https", write=write)
        if not Token.is_unresolved(self.directory) and not self.directory.startswith("/"):
            allowed = "a path that begins with /"
            raise invalid("CodeSource", "directory", self.directory, allowed=allowed, write='directory="/service"')
        arn = self.connection_arn
        if not Token.is_unresolved(arn) and not _CONNECTION.fullmatch(str(arn)):
            allowed = "the ARN of a connection of App Runner"
            write = 'connection_arn="arn:aws:apprunner:eu-central-1:111122223333:connection/github/..."'
            raise invalid("CodeSource", "connection_arn", arn, allowed=allowed, write=write)
        if self.runtime is not None and self.runtime not in RUNTIMES:
            allowed = ", ".join(RUNTIMES)
            raise invalid("CodeSource", "runtime", self.runtime, allowed=allowed, write='runtime="NODEJS_22"')
        write = 'runtime="NODEJS_22", build_command="npm ci"'
        check_type("CodeSource", "build_command", self.build_command, str, allowed="a text", write=write)
        if self.build_command is not None and self.runtime is None:
            allowed = "together with runtime only"
            raise invalid("CodeSource", "build_command", self.build_command, allowed=allowed, write=write)
        if self.build_command is not None and not _ONE_LINE.fullmatch(self.build_command):
            write = 'build_command="npm ci && npm run build"'
            raise invalid("CodeSource", "build_command", self.build_command, allowed="one line", write=write)
