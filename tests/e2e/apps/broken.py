"""A stack that cannot be made, or one of a type that the emulator, or nobody at all, knows:
`python -m tests.e2e.apps.broken [AWS::...]`."""

from __future__ import annotations

import sys

from aws_cdk import App, CfnResource, Stack
from aws_cdk import aws_batch as batch
from aws_cdk import aws_sqs as sqs


def main(unknown: str | None = None) -> None:
    app = App()
    stack = Stack(app, "Unknown" if unknown else "Broken")
    first = sqs.Queue(stack, "First")
    if unknown:
        CfnResource(stack, "Riddle", type=unknown)
    else:
        order = batch.CfnJobQueue.ComputeEnvironmentOrderProperty(compute_environment="none-such", order=1)
        wrong = batch.CfnJobQueue(stack, "Wrong", priority=1, compute_environment_order=[order])
        wrong.node.add_dependency(first)
    app.synth()


if __name__ == "__main__":
    main(*sys.argv[1:])
