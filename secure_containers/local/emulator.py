"""ministack with our extension, served over TLS on 127.0.0.1. `server.py` prepares the environment first."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from hypercorn.asyncio import serve
from hypercorn.config import Config

from secure_containers.local import patches
from secure_containers.local.account import Account
from secure_containers.local.authorization import conditions, resource
from secure_containers.local.connection import Connection
from secure_containers.local.front import Front
from secure_containers.local.jobs import Runner
from secure_containers.local.kept import KEPT, acm, autoscaling, dynamodb, ec2, elbv2, pipes
from secure_containers.local.patches.alarms import keep_metric_math
from secure_containers.local.patches.ec2 import keep_prefix_lists, know_container_hosts, vpc_of
from secure_containers.local.patches.events import ask_queues, deliver_to_log_groups, publish, tell_versions_of_objects
from secure_containers.local.patches.iam import add_iam, credentials, register_one_by_one
from secure_containers.local.patches.pipes import carry_out_pipes
from secure_containers.local.patches.services import Protocol, add_service, change_answers
from secure_containers.local.patches.types import add_types
from secure_containers.local.services.apprunner import AppRunner
from secure_containers.local.services.batch import Batch
from secure_containers.local.services.config import Recording
from secure_containers.local.services.ecs import Ecs
from secure_containers.local.services.guardduty import GuardDuty
from secure_containers.local.services.iam import ServiceLinkedRoles
from secure_containers.local.services.registry import Registry
from secure_containers.local.services.scaling import Scaling
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
    front = Front()
    ecs = Ecs(account, front, publish=partial(_publish_of_ecs, account), credentials=partial(credentials, account))
    apprunner = AppRunner(account, front, credentials=partial(credentials, account))
    _extend(account, runner, ecs, apprunner)
    # asyncio.run would wait for clients that keep their connections.
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(_serve(listening, connection, directory, front))
    finally:
        runner.close()
        apprunner.close()
        ecs.close()
        patches.end_functions()


def _extend(account: Account, runner: Runner, ecs: Ecs, apprunner: AppRunner) -> None:
    batch = Batch(account, runner)
    add_types(account, TYPES, KEPT)
    registry = Registry(account)
    add_service(account, "apprunner", apprunner, Protocol.JSON)
    add_service(account, "application-autoscaling", Scaling(account), Protocol.JSON)
    add_service(account, "batch", batch, Protocol.REST)
    add_service(account, "config", Recording(), Protocol.JSON)
    add_service(account, "ecr", registry, Protocol.JSON)
    add_service(account, "ecs", ecs, Protocol.JSON)
    add_service(account, "elasticloadbalancing", ecs.target_health, Protocol.QUERY)
    add_service(account, "guardduty", GuardDuty(account), Protocol.REST)
    add_service(account, "iam", ServiceLinkedRoles(account), Protocol.QUERY)
    add_service(account, "sqs", Redrives(account), Protocol.JSON)
    change_answers("acm", partial(acm.told, account))
    change_answers("autoscaling", partial(autoscaling.told, account))
    change_answers("ec2", partial(ec2.told, account))
    change_answers("elasticloadbalancing", partial(elbv2.told, account))
    change_answers("dynamodb", partial(dynamodb.told, account))
    change_answers("ecr", registry.told)
    change_answers("pipes", partial(pipes.told, account))
    carry_out_pipes(lambda pipe: account.remembered.get(pipes.PIPE, {}).get(pipe, {}))
    keep_prefix_lists()
    keep_metric_math(account)
    know_container_hosts()
    register_one_by_one()
    deliver_to_log_groups(account)
    ask_queues(account)
    tell_versions_of_objects()
    add_iam(
        resource=partial(resource, account, batch, ecs),
        conditions=partial(conditions, account, vpc_of, ecs),
        tagged={"batch": batch.tagged, "ecs": ecs.tagged},
    )


def _publish(account: Account, job: Any) -> None:
    try:
        publish(account, source="aws.batch", detail_type="Batch Job State Change", resource=job["jobArn"], detail=job)
    except Exception:
        logging.getLogger(__name__).exception("the event of job %s was not published", job["jobId"])


def _publish_of_ecs(account: Account, kind: str, arn: str, detail: Mapping[str, Any]) -> None:
    try:
        publish(account, source="aws.ecs", detail_type=kind, resource=arn, detail=detail)
    except Exception:
        logging.getLogger(__name__).exception("an event of %s was not published", arn)


async def _serve(listening: socket.socket, connection: Connection, directory: Path, front: Front) -> None:
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
    served = loop.create_task(serve(patches.application(front), config, shutdown_trigger=ended.wait))
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
