"""The picture of networks."""

from __future__ import annotations

from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_

from secure_containers import Egress, PrivateNetwork
from secure_containers.check.diagram import diagram
from secure_containers.check.loader import load
from tests.check.conftest import Command


def drawn(app: App) -> list[str]:
    return [line.strip() for line in diagram(load([app.synth().directory]).templates).splitlines()]


def function(stack: Stack, network: PrivateNetwork) -> lambda_.Function:
    return lambda_.Function(
        stack,
        "Worker",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline("pass"),
        vpc=network.vpc,
        vpc_subnets=network.subnets,
        security_groups=[network.add_security_group("Workers", description="workers")],
        environment={"QUEUE": "https://sqs.eu-central-1.amazonaws.com/111122223333/queue"},
    )


def test_subnets_endpoints_and_flows(app: App) -> None:
    stack = Stack(app, "Stack")
    network = PrivateNetwork(stack, "Network", zones=2)
    network.require(function(stack, network), "sqs")
    lines = drawn(app)
    assert lines[0] == "flowchart LR"
    assert sum("isolated" in line for line in lines) == 2
    assert sum(line.startswith("subgraph") for line in lines) == 3
    assert lines.count("end") == 3
    sqs = next(line.split("(")[0] for line in lines if '"sqs<br/>interface endpoint"' in line)
    assert any(line.startswith("Worker") and line.endswith(f"--> {sqs}") for line in lines)


def test_what_is_missing_is_crossed(app: App) -> None:
    stack = Stack(app, "Stack")
    function(stack, PrivateNetwork(stack, "Network", zones=1))
    lines = drawn(app)
    assert any(line.endswith("--x missingsqs") for line in lines)
    assert 'missingsqs["sqs"]' in lines


def test_a_group_that_nobody_carries_yet_shows_what_it_reaches(app: App) -> None:
    network = PrivateNetwork(Stack(app, "Stack"), "Network", zones=1)
    network.require(network.add_security_group("Tasks", description="tasks"), "logs", "s3")
    lines = drawn(app)
    assert any("security group Stack/Network/Tasks" in line or "security group NetworkTasks" in line for line in lines)
    assert sum(line.startswith("NetworkTasks") and "-->" in line for line in lines) == 2


def test_ways_out_are_shown(app: App) -> None:
    PrivateNetwork(Stack(app, "Stack"), "Network", zones=1, egress=Egress.one_nat_gateway())
    lines = "\n".join(drawn(app))
    assert "leads out by NAT" in lines
    assert "public" in lines


def test_the_command_says_what_it_cannot_read(run: Command) -> None:
    result = run("diagram", "nothing-here")
    assert result.code == 2
    assert "there is no such file" in result.err
    assert result.out.startswith("flowchart LR")
