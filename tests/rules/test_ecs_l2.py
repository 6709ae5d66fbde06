"""What the CDK's own constructs for Amazon ECS make when nothing is asked of them: the bad examples of these rules."""

from __future__ import annotations

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_elasticloadbalancingv2 as elbv2

from tests.support import ACCOUNT, REGION, findings

CONTAINER = {"SC-ECS-03", "SC-ECS-04", "SC-ECS-06"}
"""Root, a writable root file system, all capabilities kept."""


@pytest.fixture
def stack(app: App) -> Stack:
    return Stack(app, "Test", env=Environment(account=ACCOUNT, region=REGION))


def judged(app: App) -> set[str]:
    return {finding.id for finding in findings(app) if finding.id.startswith("SC-ECS-")}


def fargate_task(stack: Stack) -> ecs.FargateTaskDefinition:
    definition = ecs.FargateTaskDefinition(stack, "Task")
    definition.add_container(
        "web", image=ecs.ContainerImage.from_registry("nginx"), port_mappings=[ecs.PortMapping(container_port=8080)]
    )
    return definition


def test_the_fargate_service(app: App, stack: Stack) -> None:
    cluster = ecs.Cluster(stack, "Cluster", vpc=ec2.Vpc(stack, "Vpc"))
    ecs.FargateService(stack, "Service", cluster=cluster, task_definition=fargate_task(stack))
    assert judged(app) == CONTAINER | {
        "SC-ECS-05",  # latest
        "SC-ECS-07",  # no logs
        "SC-ECS-09",  # no health check
        "SC-ECS-10",  # no circuit breaker
        "SC-ECS-12",  # no insights
    }


def test_the_pattern_behind_a_load_balancer(app: App, stack: Stack) -> None:
    ecs_patterns.ApplicationLoadBalancedFargateService(
        stack,
        "Service",
        task_image_options=ecs_patterns.ApplicationLoadBalancedTaskImageOptions(
            image=ecs.ContainerImage.from_registry("nginx")
        ),
    )
    assert judged(app) == CONTAINER | {
        "SC-ECS-05",
        "SC-ECS-10",
        "SC-ECS-12",
        "SC-ECS-13",  # one task
        "SC-ECS-19",  # and no more
    }


def test_capacity_on_instances(app: App, stack: Stack) -> None:
    vpc = ec2.Vpc(stack, "Vpc")
    group = autoscaling.AutoScalingGroup(
        stack,
        "Hosts",
        vpc=vpc,
        instance_type=ec2.InstanceType("c7g.large"),
        machine_image=ecs.EcsOptimizedImage.amazon_linux2023(ecs.AmiHardwareType.ARM),
    )
    cluster = ecs.Cluster(stack, "Cluster", vpc=vpc, container_insights_v2=ecs.ContainerInsights.ENHANCED)
    cluster.add_asg_capacity_provider(ecs.AsgCapacityProvider(stack, "Capacity", auto_scaling_group=group))
    assert judged(app) == {
        "SC-ECS-16[BlockDeviceMappings]",
        "SC-ECS-16[HttpPutResponseHopLimit]",
        "SC-ECS-16[HttpTokens]",
        "SC-ECS-21",  # CDK keeps nobody from it unless asked
    }


def test_what_the_same_constructs_make_when_it_is_asked_of_them(app: App, stack: Stack) -> None:
    vpc = ec2.Vpc(stack, "Vpc")
    cluster = ecs.Cluster(stack, "Cluster", vpc=vpc, container_insights_v2=ecs.ContainerInsights.ENHANCED)
    definition = ecs.FargateTaskDefinition(stack, "Task", cpu=1024, memory_limit_mib=2048)
    parameters = ecs.LinuxParameters(stack, "Parameters")
    parameters.drop_capabilities(ecs.Capability.ALL)
    definition.add_container(
        "web",
        image=ecs.ContainerImage.from_registry("nginx:1.29"),
        user="1000:1000",
        readonly_root_filesystem=True,
        linux_parameters=parameters,
        logging=ecs.LogDrivers.aws_logs(stream_prefix="web"),
        port_mappings=[ecs.PortMapping(container_port=8080)],
    )
    service = ecs.FargateService(
        stack,
        "Service",
        cluster=cluster,
        task_definition=definition,
        circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
        min_healthy_percent=100,
        platform_version=ecs.FargatePlatformVersion.LATEST,
    )
    balancer = elbv2.ApplicationLoadBalancer(stack, "Balancer", vpc=vpc)
    balancer.add_listener("Listener", port=80).add_targets("Targets", port=8080, targets=[service])
    service.auto_scale_task_count(min_capacity=2, max_capacity=4).scale_on_cpu_utilization(
        "Cpu", target_utilization_percent=60
    )
    assert judged(app) == set()
