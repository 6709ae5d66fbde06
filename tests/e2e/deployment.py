"""The stacks that the tests have deployed, and clients of whoever is to ask."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from secure_containers.local.connection import Connection
from tests.e2e.compare import Resolver
from tests.support import ROOT


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource of a stack: what the template says, and what stands for it."""

    id: str
    type: str
    physical: str
    properties: Mapping[str, Any]
    """As the template has them, with what references stand for."""
    kept: bool
    """Whether it stays when the stack is deleted."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a program behind HTTPS has answered."""

    status: int
    body: Mapping[str, Any]

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that the program has."""
        return self.body.get("environment", {})


class Deployed:
    """One stack."""

    def __init__(self, deployment: Deployment, name: str) -> None:
        self._deployment, self.name = deployment, name

    @cached_property
    def template(self) -> dict[str, Any]:
        return self._deployment.template(self.name)

    @cached_property
    def physical(self) -> dict[str, str]:
        pages = self._deployment.client("cloudformation").get_paginator("list_stack_resources")
        return {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in pages.paginate(StackName=self.name)
            for each in page["StackResourceSummaries"]
        }

    @cached_property
    def resources(self) -> list[Resource]:
        connection = self._deployment.connection
        resolver = Resolver(
            account=connection.account,
            region=connection.region,
            physical=self.physical,
            outputs=lambda stack, name: self._deployment.stack(stack).outputs[name],
            attributes=dict(self._prefix_lists()),
        )
        return [
            Resource(
                id=id,
                type=resource["Type"],
                physical=self.physical[id],
                properties=resolver.resolve(resource.get("Properties", {})),
                kept=str(resource.get("DeletionPolicy", "")).startswith("Retain"),
            )
            for id, resource in self.template["Resources"].items()
        ]

    def _prefix_lists(self) -> Iterator[tuple[tuple[str, str], str]]:
        """The prefix lists that the stack has looked up, by logical id and service."""
        prefix = f"com.amazonaws.{self._deployment.connection.region}."
        ids = [id for id, each in self.template["Resources"].items() if each["Type"] == "Custom::PrefixLists"]
        for each in self._deployment.client("ec2").describe_managed_prefix_lists()["PrefixLists"] if ids else []:
            yield from (((id, each["PrefixListName"].removeprefix(prefix)), each["PrefixListId"]) for id in ids)

    def of_type(self, type_: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.type == type_]

    def the(self, type_: str, id: str = "") -> Resource:
        """The one resource of a type whose logical id begins so."""
        found = [resource for resource in self.of_type(type_) if resource.id.startswith(id)]
        assert len(found) == 1, f"{[resource.id for resource in found]} are {type_} and begin with {id!r}"
        return found[0]

    def load_balancer(self, id: str = "") -> str:
        """The name of the one whose logical id begins so."""
        return self.the("AWS::ElasticLoadBalancingV2::LoadBalancer", id).physical.split("/")[-2]

    @property
    def outputs(self) -> dict[str, str]:
        described = self._deployment.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


class Deployment:
    """A run of the emulator with every reference stack in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.connection = Connection.read(directory)
        self.client = cache(self._client)
        self.as_role = cache(self._as_role)

    def _client(self, service: str) -> Any:
        return self.connection.client(service)

    def _as_role(self, role: str, service: str) -> Any:
        """A client with a role's permissions and no more.

        Only its service takes the role, so we are let in for the moment of taking it; the session stays.
        """
        iam, root = self.client("iam"), f"arn:aws:iam::{self.connection.account}:root"
        about = iam.get_role(RoleName=role)["Role"]
        trust = {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "sts:AssumeRole"}
        opened = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=opened)
        try:
            taken = self.client("sts").assume_role(RoleArn=about["Arn"], RoleSessionName="test")["Credentials"]
        finally:
            before = json.dumps(about["AssumeRolePolicyDocument"])
            iam.update_assume_role_policy(RoleName=role, PolicyDocument=before)
        return self.connection.client(
            service,
            aws_access_key_id=taken["AccessKeyId"],
            aws_secret_access_key=taken["SecretAccessKey"],
            aws_session_token=taken["SessionToken"],
        )

    def ask(self, host: str, path: str = "/", *, balancer: str = "") -> Answer:
        """Asks a host over HTTPS, as its clients do; with a load balancer's name that one, whatever the host."""
        context = ssl.create_default_context(cafile=self.connection.ca)
        at = f"{self.connection.endpoint}{f'/_alb/{balancer}' if balancer else ''}{path}"
        request = urllib.request.Request(at, headers={"Host": f"{host}:443"})  # noqa: S310 - it is HTTPS
        try:
            with urllib.request.urlopen(request, context=context, timeout=20) as answer:  # noqa: S310
                return Answer(status=answer.status, body=json.loads(answer.read() or b"{}"))
        except urllib.error.HTTPError as error:
            return Answer(status=error.code, body={})

    @property
    def administrator(self) -> str:
        """A role that may do everything, unlike the root, whom no policy of a resource restrains here."""
        return f"cdk-hnb659fds-cfn-exec-role-{self.connection.account}-{self.connection.region}"

    def stack(self, name: str) -> Deployed:
        return Deployed(self, name)

    def template(self, name: str) -> dict[str, Any]:
        """As CloudFormation has it, after updates too."""
        body = self.client("cloudformation").get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
        return json.loads(body) if isinstance(body, str) else dict(body)

    def local(self, *arguments: str, limit: float = 170) -> subprocess.CompletedProcess[str]:
        """Runs the command against this run."""
        return local(*arguments, directory=self.directory, limit=limit)


def local(
    *arguments: str, directory: Path, limit: float = 170, cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs `python -m secure_containers.local`."""
    return subprocess.run(
        command(*arguments, directory=directory),
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )


def command(*arguments: str, directory: Path) -> Sequence[str]:
    first, *rest = arguments
    return [sys.executable, "-m", "secure_containers.local", first, "--directory", str(directory), *rest]
