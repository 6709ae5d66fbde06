"""The end: stacks leave nothing but what is kept on purpose, and the run leaves nothing at all."""

from __future__ import annotations

import os
import socket

import pytest

from secure_containers.local.children import members
from secure_containers.local.stacks import delete_all
from tests.e2e.conftest import EXISTING
from tests.e2e.deployment import Deployment
from tests.e2e.readers import READERS

pytestmark = pytest.mark.skipif(EXISTING in os.environ, reason="this deletes what is deployed")

STACKS = (
    "AccountAudit",
    "AppRunnerService",
    "BatchJobs",
    "CsvPipeline",
    "ExpressService",
    "ImageRepositories",
    "Network",
    "ServiceMove",
    "WebService",
)
OF_THE_ACCOUNT = {
    "AWS::EC2::SubnetRouteTableAssociation": "goes with its route table",
    "AWS::Lambda::EventInvokeConfig": "goes with its function",
    "Custom::ClosedDefaultSecurityGroup": "goes with its network",
    "Custom::InspectorScans": "the scans stay on",
    "Custom::KeptLogGroups": "the groups are App Runner's, and stay with what they hold",
    "Custom::PrefixLists": "it has only looked",
    "Custom::ServiceLinkedRole": "the role stays, others may use it",
}
"""Types whose resources nobody looks for after the end, and why."""


def test_nothing_is_left_but_what_is_kept_on_purpose(deployment: Deployment) -> None:
    client = deployment.client
    resources = [
        resource
        for name in STACKS
        for resource in deployment.stack(name).resources
        if resource.type not in OF_THE_ACCOUNT
    ]
    failed = delete_all(deployment.connection, limit=120)
    lost, left = [], []
    for resource in resources:
        try:
            READERS[resource.type](client, resource.physical, resource.properties)
        except Exception as error:  # noqa: BLE001 - each service has its own word for what is not there
            if resource.kept:
                lost.append(f"{resource.type} {resource.id}: {type(error).__name__}: {error}")
        else:
            if not resource.kept:
                left.append(f"{resource.type} {resource.id}: {resource.physical}")
    assert not failed
    assert not lost, "\n".join(lost)
    assert not left, "\n".join(left)
    assert not client("cloudformation").describe_stacks()["Stacks"]


def test_down_leaves_no_process_no_port_and_no_directory(deployment: Deployment) -> None:
    done = deployment.local("down")
    assert done.returncode == 0, done.stderr
    assert not members(deployment.directory)
    assert not deployment.directory.exists()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", deployment.connection.port))
    assert deployment.local("down").stdout == f"nothing to remove: there is no {deployment.directory}\n"
