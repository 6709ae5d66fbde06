"""Times constructing and synthesizing so many of something: `time_bare.py WHAT FLAVOUR NUMBER FOLDER [TEMPLATE]`.

Each stands in a stack of its own with a network and a repository. Flavours: `ours`, and `bare`, every resource of ours
as it stands in TEMPLATE by `CfnResource`: the least that plain aws_cdk can take, since whoever writes L2s has more of
them. Imports and what is packed once are not counted.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from apps import new_app
from aws_cdk import CfnResource, Stack
from aws_cdk import aws_certificatemanager as acm

from secure_containers import (
    Domain,
    PrivateAppRunnerService,
    PrivateExpressService,
    PrivateNetwork,
    S3BatchPipeline,
    SecureEcrRepository,
    SecureFargateService,
)
from secure_containers.packaging import function_code

_DIGEST: Final = "sha256:" + 64 * "0"
_PORT: Final = 8080


def pipeline(stack: Stack, **given: Any) -> None:
    S3BatchPipeline(stack, "Files", **given)


def fargate(stack: Stack, **given: Any) -> None:
    arn = stack.format_arn(service="acm", resource="certificate", resource_name="orders")
    proof = acm.Certificate.from_certificate_arn(stack, "Certificate", arn)
    SecureFargateService(
        stack, "Orders", port=_PORT, domain=Domain(name="orders.example.com", certificate=proof), **given
    )


def express(stack: Stack, **given: Any) -> None:
    PrivateExpressService(stack, "Orders", port=_PORT, **given)


def app_runner(stack: Stack, **given: Any) -> None:
    PrivateAppRunnerService(stack, "Orders", port=_PORT, existing_customer=True, **given)


_OURS: Final[Mapping[str, Callable[..., None]]] = {
    "S3BatchPipeline": pipeline,
    "SecureFargateService": fargate,
    "PrivateExpressService": express,
    "PrivateAppRunnerService": app_runner,
}


def ours(stack: Stack, what: str) -> None:
    network = PrivateNetwork(stack, "Network")
    image = SecureEcrRepository(stack, "Images").image(digest=_DIGEST)
    _OURS[what](stack, network=network, image=image)


def bare(stack: Stack, template: dict[str, Any]) -> None:
    for id, resource in template["Resources"].items():
        CfnResource(stack, id, type=resource["Type"], properties=resource.get("Properties"))


def main(what: str, flavour: str, number: int, folder: str, template: str = "") -> dict[str, Any]:
    written = json.loads(Path(template).read_text(encoding="utf-8")) if template else {}
    packed = time.perf_counter()
    function_code()
    began = time.perf_counter()
    app = new_app(folder)
    for index in range(number):
        stack = Stack(app, f"Stack{index}")
        if flavour == "ours":
            ours(stack, what)
        else:
            bare(stack, written)
    constructed = time.perf_counter()
    app.synth()
    ended = time.perf_counter()
    return {"seconds": ended - began, "construct": constructed - began, "packed": began - packed}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:3], int(sys.argv[3]), *sys.argv[4:])))
