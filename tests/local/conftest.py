"""One emulator for all the tests of this folder, and stacks in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from secure_containers.local.connection import Connection
from tests.support import ROOT

PROGRAMS = Path(__file__).parent / "programs"


@dataclass
class Server:
    """A server that runs, as a launcher sees it."""

    process: subprocess.Popen[str]
    directory: Path
    log: Path

    @property
    def connection(self) -> Connection:
        return Connection.read(self.directory)

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(10)


def started(directory: Path, *, port: int = 0, environment: Mapping[str, str] | None = None) -> Server:
    """A server that says it is ready."""
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "secure_containers.local.server",
                "--port",
                str(port),
                "--directory",
                str(directory),
            ],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    with process.stdout as said:
        line = said.readline()
    assert line.startswith("ready https://127.0.0.1:"), log.read_text()
    return Server(process, directory, log)


@dataclass
class Cloud:
    """Stacks in the emulator, without the CDK."""

    connection: Connection
    directory: Path
    clients: dict[str, Any] = field(default_factory=dict)
    stacks: list[str] = field(default_factory=list)
    name: str = ""

    def client(self, service: str, **credentials: str) -> Any:
        if credentials:
            return self.connection.client(service, **credentials)
        if service not in self.clients:
            self.clients[service] = self.connection.client(service)
        return self.clients[service]

    def deploy(self, name: str, resources: Mapping[str, Any], **outputs: Any) -> dict[str, str]:
        """Create or update a stack; its outputs."""
        cloudformation = self.client("cloudformation")
        body = {"Resources": resources, "Outputs": {key: {"Value": value} for key, value in outputs.items()}}
        arguments = {"StackName": name, "TemplateBody": json.dumps(body), "Capabilities": ["CAPABILITY_NAMED_IAM"]}
        if name in self.stacks:
            cloudformation.update_stack(**arguments)
        else:
            cloudformation.create_stack(**arguments)
            self.stacks.append(name)
        stack = self._settled(name)
        assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), self.reasons(name)
        return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}

    def delete(self, name: str) -> None:
        self.client("cloudformation").delete_stack(StackName=name)
        self.stacks.remove(name)
        assert self._settled(name)["StackStatus"] == "DELETE_COMPLETE", self.reasons(name)

    def reasons(self, name: str) -> list[str]:
        events = self.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
        return [each["ResourceStatusReason"] for each in events if each.get("ResourceStatusReason")]

    def physical(self, name: str, logical: str) -> str:
        found = self.client("cloudformation").describe_stack_resource(StackName=name, LogicalResourceId=logical)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def _settled(self, name: str) -> Mapping[str, Any]:
        stacks = self.client("cloudformation").get_paginator("list_stacks")
        for _ in range(3000):
            found = [each for page in stacks.paginate() for each in page["StackSummaries"] if each["StackName"] == name]
            newest = max(found, key=lambda each: each["CreationTime"])
            if not newest["StackStatus"].endswith("IN_PROGRESS"):
                if newest["StackStatus"] == "DELETE_COMPLETE":
                    return dict(newest)
                return dict(self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0])
            time.sleep(0.02)
        raise TimeoutError(name)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = started(tmp_path_factory.mktemp("emulator"))
    yield running
    assert running.end() == 0, running.log.read_text()


@pytest.fixture(scope="session")
def cloud(server: Server) -> Cloud:
    return Cloud(server.connection, server.directory)


@pytest.fixture
def role(cloud: Cloud) -> Callable[..., dict[str, str]]:
    """Makes a role with a policy; gives its credentials."""

    def make(name: str, *statements: Mapping[str, Any]) -> dict[str, str]:
        iam = cloud.client("iam")
        account = cloud.connection.account
        trust = [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}}]
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": trust}))
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_role_policy(RoleName=name, PolicyName="calls", PolicyDocument=policy)
        arn = f"arn:aws:iam::{account}:role/{name}"
        given = cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    return make
