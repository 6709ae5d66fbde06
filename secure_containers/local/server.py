"""`python -m secure_containers.local.server --port P --directory DIR`: the emulator, in the foreground.

It listens on 127.0.0.1 and nowhere else, keeps everything below DIR, and takes nothing of the caller's AWS
configuration. When it answers, it writes `connection.json` and prints `ready` with its address.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import secrets
import shutil
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from secure_containers.local.connection import FILE, Connection, without_aws

ACCOUNT: Final = "123456789012"
REGION: Final = "eu-central-1"
TAKEN: Final = 3
"""The exit code if somebody else listens on the port."""
_LOOPBACK: Final = "127.0.0.1"
_CERTIFICATE: Final = "ministack-tls/server.crt"
"""Where ministack puts it in its folder for temporary files."""


_OURS: Final = ".emulator"
"""Stands in a folder for temporary files that may be deleted."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the emulator to its end."""
    parser = argparse.ArgumentParser(
        prog="python -m secure_containers.local.server", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--port", type=int, required=True, help="the port on 127.0.0.1")
    parser.add_argument("--directory", type=Path, required=True, help="where everything of this run is kept")
    given = parser.parse_args(arguments)
    try:
        listening = _listen(given.port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        print(f"127.0.0.1:{given.port} is taken ({error.strerror}); choose another port", file=sys.stderr)  # noqa: T201
        return TAKEN
    directory = given.directory.resolve()
    connection = Connection(
        endpoint=f"https://{_LOOPBACK}:{listening.getsockname()[1]}",
        port=listening.getsockname()[1],
        account=ACCOUNT,
        region=REGION,
        ca=str(directory / "tmp" / _CERTIFICATE),
        access_key_id="AKIA" + secrets.token_hex(8).upper(),
        secret_access_key=secrets.token_hex(20),
    )
    temporary = directory / "tmp"
    if temporary.exists() and any(temporary.iterdir()) and not (temporary / _OURS).exists():
        print(f"{temporary} is not of an emulator; choose another directory", file=sys.stderr)  # noqa: T201
        return 2
    shutil.rmtree(temporary, ignore_errors=True)
    for folder in (temporary, directory / "home"):
        folder.mkdir(parents=True, exist_ok=True)
    (temporary / _OURS).touch()
    (directory / FILE).unlink(missing_ok=True)
    _take(environment(connection, directory, os.environ))
    # ministack reads the environment when it is imported, hence not before now.
    try:
        importlib.import_module("secure_containers.local.emulator").run(listening, connection, directory)
    finally:
        (directory / FILE).unlink(missing_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
    return 0


def environment(connection: Connection, directory: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """What the emulator and everything that it starts gets to see."""
    kept = {name: value for name, value in without_aws(inherited).items() if name in _INHERITED}
    return {
        **kept,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), kept.get("PATH", os.defpath))),
        "HOME": str(directory / "home"),
        "TMPDIR": str(directory / "tmp"),
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": connection.access_key_id,
        "AWS_SECRET_ACCESS_KEY": connection.secret_access_key,
        "AWS_EC2_METADATA_DISABLED": "true",
        "BIND_HOST": _LOOPBACK,
        "GATEWAY_PORT": str(connection.port),
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "LOG_LEVEL": inherited.get("LOG_LEVEL", "WARNING"),
        "MINISTACK_ACCOUNT_ID": connection.account,
        "MINISTACK_HOST": _LOOPBACK,
        "MINISTACK_REGION": connection.region,
        "SFTP_ENABLED": "0",
        "USE_SSL": "1",
    }


_INHERITED: Final = ("LANG", "LC_ALL", "PATH", "PYTHONPATH", "TZ", "VIRTUAL_ENV")
"""All that is taken over: ministack has some sixty variables of its own that would change what it does."""


def _take(variables: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((_LOOPBACK, port))
        listening.listen(256)
    except OSError:
        listening.close()
        raise
    return listening


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Threads of ministack's and connections of clients are no reason to stay.
    os._exit(code)
