"""ministack with our extension, served over TLS on 127.0.0.1. `server.py` prepares the environment first."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from functools import partial
from pathlib import Path
from typing import Any, Final

from hypercorn.asyncio import serve
from hypercorn.config import Config

from secure_containers.local import patches
from secure_containers.local.account import Account
from secure_containers.local.authorization import conditions, resource
from secure_containers.local.connection import Connection
from secure_containers.local.jobs import Runner
from secure_containers.local.kept import KEPT, dynamodb, ec2, pipes
from secure_containers.local.patches.ec2 import keep_prefix_lists, vpc_of
from secure_containers.local.patches.events import ask_queues, deliver_to_log_groups, publish, tell_versions_of_objects
from secure_containers.local.patches.iam import add_iam, credentials, register_one_by_one
from secure_containers.local.patches.pipes import carry_out_pipes
from secure_containers.local.patches.services import Protocol, add_service, change_answers
from secure_containers.local.patches.types import add_types
from secure_containers.local.services.batch import Batch
from secure_containers.local.services.config import Recording
from secure_containers.local.services.guardduty import GuardDuty
from secure_containers.local.services.iam import ServiceLinkedRoles
from secure_containers.local.services.registry import Registry
from secure_containers.local.services.sqs import Redrives
from secure_containers.local.types import TYPES

_KEEP_ALIVE: Final = 75
"""Seconds, as AWS's own endpoints do."""
_LEAVE: Final = 0.5
"""Seconds that calls under way have when the server ends."""


def run(listening: socket.socket, connection: Connection, directory: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    account = Account(connection, directory)
    runner = Runner(account, publish=partial(_publish, account), credentials=partial(credentials, account))
    _extend(account, runner)
    # asyncio.run would wait for clients that keep their connections.
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(_serve(listening, connection, directory))
    finally:
        runner.close()
        patches.end_functions()


def _extend(account: Account, runner: Runner) -> None:
    batch = Batch(account, runner)
    add_types(account, TYPES, KEPT)
    registry = Registry(account)
    add_service(account, "batch", batch, Protocol.REST)
    add_service(account, "config", Recording(), Protocol.JSON)
    add_service(account, "ecr", registry, Protocol.JSON)
    add_service(account, "guardduty", GuardDuty(account), Protocol.REST)
    add_service(account, "iam", ServiceLinkedRoles(account), Protocol.QUERY)
    add_service(account, "sqs", Redrives(account), Protocol.JSON)
    change_answers("ec2", partial(ec2.told, account))
    change_answers("dynamodb", partial(dynamodb.told, account))
    change_answers("ecr", registry.told)
    change_answers("pipes", partial(pipes.told, account))
    carry_out_pipes(lambda pipe: account.remembered.get(pipes.PIPE, {}).get(pipe, {}))
    keep_prefix_lists()
    register_one_by_one()
    deliver_to_log_groups(account)
    ask_queues(account)
    tell_versions_of_objects()
    add_iam(
        resource=partial(resource, account, batch),
        conditions=partial(conditions, account, vpc_of),
        tagged=batch.tagged,
    )


def _publish(account: Account, job: Any) -> None:
    try:
        publish(account, source="aws.batch", detail_type="Batch Job State Change", resource=job["jobArn"], detail=job)
    except Exception:
        logging.getLogger(__name__).exception("the event of job %s was not published", job["jobId"])


async def _serve(listening: socket.socket, connection: Connection, directory: Path) -> None:
    certificate, key = patches.certificate()
    config = Config()
    config.bind = [f"fd://{listening.fileno()}"]
    config.certfile, config.keyfile = certificate, key
    config.keep_alive_timeout = _KEEP_ALIVE
    config.graceful_timeout = _LEAVE
    config.loglevel = os.environ.pop("LOG_LEVEL")  # functions inherit the environment, and their loggers go by it
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    loop = asyncio.get_running_loop()
    served = loop.create_task(serve(patches.application(), config, shutdown_trigger=ended.wait))
    await _answering(connection.port, served)
    if not served.done():
        connection.write(directory)
        print(f"ready {connection.endpoint}", flush=True)  # noqa: T201 - whoever has started the server waits for it
    await asyncio.wait({served, loop.create_task(ended.wait())}, return_when=asyncio.FIRST_COMPLETED)
    done, _ = await asyncio.wait({served}, timeout=2 * _LEAVE)
    for task in done:
        task.result()


async def _answering(port: int, served: asyncio.Task[None]) -> None:
    """Wait until the server accepts TLS; hypercorn has no other way to say that it does."""
    import ssl  # noqa: PLC0415

    context = ssl._create_unverified_context()  # noqa: S323, SLF001 - to itself, and only to see whether it answers
    while not served.done():
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        except (OSError, ssl.SSLError):
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
