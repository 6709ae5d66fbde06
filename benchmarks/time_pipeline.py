"""Times constructing and synthesizing so many pipelines: `time_pipeline.py FLAVOUR NUMBER FOLDER [TEMPLATE]`.

Flavours: `ours`, and `bare`, every resource of ours as it stands in TEMPLATE by `CfnResource`: the least that plain
aws_cdk can take, since whoever writes L2s has more of them. Imports and what is packed once are not counted.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

from apps import new_app
from aws_cdk import CfnResource, Stack

from secure_containers import PrivateNetwork, S3BatchPipeline, SecureEcrRepository
from secure_containers.packaging import function_code

_DIGEST: Final = "sha256:" + 64 * "0"


def ours(stack: Stack) -> None:
    network = PrivateNetwork(stack, "Network")
    image = SecureEcrRepository(stack, "Images").image(digest=_DIGEST)
    S3BatchPipeline(stack, "Files", network=network, image=image)


def bare(stack: Stack, template: dict[str, Any]) -> None:
    for id, resource in template["Resources"].items():
        CfnResource(stack, id, type=resource["Type"], properties=resource.get("Properties"))


def main(flavour: str, number: int, folder: str, template: str = "") -> dict[str, Any]:
    written = json.loads(Path(template).read_text(encoding="utf-8")) if template else {}
    packed = time.perf_counter()
    function_code()
    began = time.perf_counter()
    app = new_app(folder)
    for index in range(number):
        stack = Stack(app, f"Pipeline{index}")
        if flavour == "ours":
            ours(stack)
        else:
            bare(stack, written)
    constructed = time.perf_counter()
    app.synth()
    ended = time.perf_counter()
    return {"seconds": ended - began, "construct": constructed - began, "packed": began - packed}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])))
