"""Each resource type of ours: created, read back by its API, changed in place or by another one, and deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from secure_containers.local.kinds import Kind, kind_of
from secure_containers.local.types import TYPES
from tests.local.conftest import Cloud

Properties = dict[str, Any]
VPC = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}
GROUP = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "a", "VpcId": {"Ref": "Vpc"}}}
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
            ]
        }
    },
}
ROLE_ARN = {"Fn::GetAtt": ["Role", "Arn"]}
BUCKET = {"Type": "AWS::S3::Bucket"}
LOGS = {"Type": "AWS::Logs::LogGroup"}
CLUSTER = {
    "Type": "AWS::EKS::Cluster",
    "Properties": {"RoleArn": ROLE_ARN, "ResourcesVpcConfig": {"SubnetIds": ["subnet-1"]}},
}
FARGATE = {"Type": "MANAGED", "State": "ENABLED", "ReplaceComputeEnvironment": False}
CAPACITY = {"Type": "FARGATE", "MaxvCpus": 4, "Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
ENVIRONMENT = {"Type": "AWS::Batch::ComputeEnvironment", "Properties": {**FARGATE, "ComputeResources": CAPACITY}}
QUEUE = {"Priority": 1, "ComputeEnvironmentOrder": [{"Order": 1, "ComputeEnvironment": {"Ref": "Environment"}}]}
JOB = {"Type": "container", "ContainerProperties": {"Image": "a", "Command": ["b"], "ResourceRequirements": []}}


@dataclass(frozen=True)
class Case:
    """A type's life.

    Args:
        made: its properties at first.
        changed: and then.
        read: what its API tells of it, by the physical id; it fails or is empty once the resource is gone.
        has: what is to be found there at first.
        then: and then.
        replaced: the change makes another resource.
        attributes: what `Fn::GetAtt` has to give.
        beside: what else the stack needs.
    """

    made: Properties
    changed: Properties
    read: Callable[[Cloud, str], Any]
    has: Mapping[str, Any]
    then: Mapping[str, Any]
    replaced: bool = False
    attributes: tuple[str, ...] = ()
    beside: Mapping[str, Any] = field(default_factory=dict)


def environment(cloud: Cloud, id: str) -> Any:
    return cloud.client("batch").describe_compute_environments(computeEnvironments=[id])["computeEnvironments"][0]


def queue(cloud: Cloud, id: str) -> Any:
    return cloud.client("batch").describe_job_queues(jobQueues=[id])["jobQueues"][0]


def definition(cloud: Cloud, id: str) -> Any:
    (found,) = cloud.client("batch").describe_job_definitions(jobDefinitions=[id])["jobDefinitions"]
    return found if found["status"] == "ACTIVE" else {}


def policy(cloud: Cloud, id: str) -> Any:
    return cloud.client("batch").describe_scheduling_policies(arns=[id])["schedulingPolicies"][0]


def trail(cloud: Cloud, id: str) -> Any:
    trails = cloud.client("cloudtrail")
    status = trails.get_trail_status(Name=id)
    selectors = trails.get_event_selectors(TrailName=id)["EventSelectors"]
    return {**trails.get_trail(Name=id)["Trail"], "IsLogging": status["IsLogging"], "EventSelectors": selectors}


def recorder(cloud: Cloud, id: str) -> Any:
    config = cloud.client("config")
    (status,) = config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]
    (found,) = config.describe_configuration_recorders(ConfigurationRecorderNames=[id])["ConfigurationRecorders"]
    return {**found, "recording": status["recording"]}


def channel(cloud: Cloud, id: str) -> Any:
    return cloud.client("config").describe_delivery_channels(DeliveryChannelNames=[id])["DeliveryChannels"][0]


def rule(cloud: Cloud, id: str) -> Any:
    return cloud.client("config").describe_config_rules(ConfigRuleNames=[id])["ConfigRules"][0]


def flow_log(cloud: Cloud, id: str) -> Any:
    return cloud.client("ec2").describe_flow_logs(FlowLogIds=[id])["FlowLogs"][0]


def acl(cloud: Cloud, id: str) -> Any:
    return cloud.client("ec2").describe_network_acls(NetworkAclIds=[id])["NetworkAcls"][0]


def acl_entry(cloud: Cloud, id: str) -> Any:
    acl, side, number = id.split("|")
    entries = cloud.client("ec2").describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]
    (found,) = [each for each in entries if (each["RuleNumber"], each["Egress"]) == (int(number), side == "egress")]
    return found


def group_rule(cloud: Cloud, id: str) -> Any:
    (found,) = cloud.client("ec2").describe_security_group_rules(SecurityGroupRuleIds=[id])["SecurityGroupRules"]
    return found


def registry_policy(cloud: Cloud, _: str) -> Any:
    return cloud.client("ecr").get_registry_policy()


def scanning(cloud: Cloud, _: str) -> Any:
    found = cloud.client("ecr").get_registry_scanning_configuration()["scanningConfiguration"]
    return found if found["rules"] else {}


def replication(cloud: Cloud, _: str) -> Any:
    found = cloud.client("ecr").describe_registry()["replicationConfiguration"]
    return found if found["rules"] else {}


def cache_rule(cloud: Cloud, id: str) -> Any:
    return cloud.client("ecr").describe_pull_through_cache_rules(ecrRepositoryPrefixes=[id])["pullThroughCacheRules"][0]


def addon(cloud: Cloud, id: str) -> Any:
    cluster, name = id.split("|")
    return cloud.client("eks").describe_addon(clusterName=cluster, addonName=name)["addon"]


def plan(cloud: Cloud, id: str) -> Any:
    return cloud.client("guardduty").get_malware_protection_plan(MalwareProtectionPlanId=id)


def scans(*prefixes: str) -> Properties:
    return {"S3Bucket": {"BucketName": "a", "ObjectPrefixes": list(prefixes)}}


def detector(cloud: Cloud, id: str) -> Any:
    guardduty = cloud.client("guardduty")
    (only,) = guardduty.list_detectors()["DetectorIds"]
    assert only == id
    return guardduty.get_detector(DetectorId=id)


def identity(cloud: Cloud, id: str) -> Any:
    (cluster,) = cloud.client("eks").list_clusters()["clusters"]
    found = cloud.client("eks").describe_pod_identity_association(clusterName=cluster, associationId=id)
    return found["association"]


def cluster(cloud: Cloud, id: str) -> Any:
    return cloud.client("ecs").describe_clusters(clusters=[id], include=["CONFIGURATIONS", "TAGS"])["clusters"][0]


def provider(cloud: Cloud, id: str) -> Any:
    return cloud.client("ecs").describe_capacity_providers(capacityProviders=[id])["capacityProviders"][0]


def associations(cloud: Cloud, id: str) -> Any:
    about = cluster(cloud, id)
    return about if about["capacityProviders"] else {}


def task_definition(cloud: Cloud, id: str) -> Any:
    about = cloud.client("ecs").describe_task_definition(taskDefinition=id, include=["TAGS"])
    found = about["taskDefinition"]
    return {**found, "tags": about["tags"]} if found["status"] == "ACTIVE" else {}


def service(cloud: Cloud, id: str) -> Any:
    found = cloud.client("ecs").describe_services(cluster=id.split("/")[1], services=[id])["services"][0]
    (deployment,) = found["deployments"]
    return {**found, "of deployment": deployment}


def express(cloud: Cloud, id: str) -> Any:
    found = cloud.client("ecs").describe_express_gateway_service(serviceArn=id)["service"]
    (configuration,) = found["activeConfigurations"]
    return {**found, **configuration}


def app_runner(cloud: Cloud, id: str) -> Any:
    return cloud.client("apprunner").describe_service(ServiceArn=id)["Service"]


def connector(cloud: Cloud, id: str) -> Any:
    return cloud.client("apprunner").describe_vpc_connector(VpcConnectorArn=id)["VpcConnector"]


def ingress_connection(cloud: Cloud, id: str) -> Any:
    found = cloud.client("apprunner").describe_vpc_ingress_connection(VpcIngressConnectionArn=id)
    return found["VpcIngressConnection"]


def auto_scaling(cloud: Cloud, id: str) -> Any:
    found = cloud.client("apprunner").describe_auto_scaling_configuration(AutoScalingConfigurationArn=id)
    return found["AutoScalingConfiguration"]


def observability(cloud: Cloud, id: str) -> Any:
    found = cloud.client("apprunner").describe_observability_configuration(ObservabilityConfigurationArn=id)
    return found["ObservabilityConfiguration"]


def scalable_target(cloud: Cloud, id: str) -> Any:
    resource, dimension, namespace = id.split("|")
    found = cloud.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace=namespace, ResourceIds=[resource], ScalableDimension=dimension
    )
    return found["ScalableTargets"][0]


def scaling_policy(cloud: Cloud, id: str) -> Any:
    found = cloud.client("application-autoscaling").describe_scaling_policies(ServiceNamespace="ecs")
    return next((each for each in found["ScalingPolicies"] if each["PolicyARN"] == id), {})


def acl_of(cloud: Cloud, id: str) -> Any:
    found = cloud.client("wafv2").get_web_acl_for_resource(ResourceArn=id.partition("|")[0])
    return found.get("WebACL", {})


def zone(cloud: Cloud, id: str) -> Any:
    route53 = cloud.client("route53")
    tags = route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=id)["ResourceTagSet"]["Tags"]
    return {**route53.get_hosted_zone(Id=id), "Tags": tags}


def of_rule(number: int, statement: str) -> Properties:
    return {
        "Rules": [
            {"ScanFrequency": statement, "RepositoryFilters": [{"Filter": f"{number}*", "FilterType": "WILDCARD"}]}
        ]
    }


def to(region: str) -> Properties:
    return {
        "ReplicationConfiguration": {"Rules": [{"Destinations": [{"Region": region, "RegistryId": "123456789012"}]}]}
    }


def allows(action: str) -> Properties:
    return {"PolicyText": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action}]}}


WEB: Properties = {
    "Family": "web",
    "RequiresCompatibilities": ["FARGATE"],
    "NetworkMode": "awsvpc",
    "Cpu": "256",
    "Memory": "512",
    "EphemeralStorage": {"SizeInGiB": "21"},
    "RuntimePlatform": {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"},
    "Volumes": [{"Name": "tmp"}],
    "ContainerDefinitions": [
        {
            "Name": "Main",
            "Image": "nowhere/web:1",
            "Essential": "true",
            "ReadonlyRootFilesystem": True,
            "User": "1000:1000",
            "LinuxParameters": {
                "Capabilities": {"Drop": ["ALL"]},
                "InitProcessEnabled": True,
                "Tmpfs": [{"ContainerPath": "/x", "Size": 1}],
            },
            "MountPoints": [{"ContainerPath": "/work", "SourceVolume": "tmp"}],
            "PortMappings": [{"ContainerPort": "8080", "Name": "web"}],
            "Secrets": [{"Name": "A", "ValueFrom": "arn:aws:ssm:eu-central-1:123456789012:parameter/a"}],
            "HealthCheck": {"Command": ["CMD", "true"], "Interval": 30},
            "LogConfiguration": {"LogDriver": "awslogs", "Options": {"awslogs-group": "a", "mode": "non-blocking"}},
        }
    ],
}
ECS_CLUSTER = {"Type": "AWS::ECS::Cluster"}
WEB_DEFINITION = {"Type": "AWS::ECS::TaskDefinition", "Properties": WEB}
NETWORK = {"AwsvpcConfiguration": {"Subnets": ["subnet-1"], "SecurityGroups": ["sg-1"], "AssignPublicIp": "DISABLED"}}
SERVICE: Properties = {
    "Cluster": {"Ref": "Cluster"},
    "TaskDefinition": {"Ref": "Definition"},
    "LaunchType": "FARGATE",
    "DesiredCount": 2,
    "NetworkConfiguration": NETWORK,
    "AvailabilityZoneRebalancing": "ENABLED",
    "DeploymentConfiguration": {
        "Strategy": "CANARY",
        "CanaryConfiguration": {"CanaryPercent": 10.0, "CanaryBakeTimeInMinutes": 5},
        "BakeTimeInMinutes": 10,
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
        "Alarms": {"AlarmNames": ["a"], "Enable": True, "Rollback": True},
        "LifecycleHooks": [
            {
                "HookTargetArn": "arn:aws:lambda:eu-central-1:123456789012:function:a",
                "RoleArn": "arn:aws:iam::123456789012:role/a",
                "LifecycleStages": ["PRE_SCALE_UP"],
            }
        ],
    },
    "ServiceConnectConfiguration": {"Enabled": True, "Namespace": "a"},
    "Tags": [{"Key": "a", "Value": "b"}],
}
APP: Properties = {
    "SourceConfiguration": {
        "AutoDeploymentsEnabled": False,
        "ImageRepository": {
            "ImageIdentifier": "nowhere/app:1",
            "ImageRepositoryType": "ECR",
            "ImageConfiguration": {
                "Port": "8080",
                "RuntimeEnvironmentVariables": [{"Name": "A", "Value": "1"}],
                "RuntimeEnvironmentSecrets": [
                    {"Name": "B", "Value": "arn:aws:ssm:eu-central-1:123456789012:parameter/b"}
                ],
            },
        },
    },
    "InstanceConfiguration": {"Cpu": "1024", "Memory": "2048", "InstanceRoleArn": "arn:aws:iam::123456789012:role/a"},
    "EncryptionConfiguration": {"KmsKey": "arn:aws:kms:eu-central-1:123456789012:key/a"},
    "NetworkConfiguration": {
        "IngressConfiguration": {"IsPubliclyAccessible": False},
        "EgressConfiguration": {"EgressType": "VPC", "VpcConnectorArn": {"Ref": "Connector"}},
    },
    "AutoScalingConfigurationArn": {"Ref": "Scaling"},
    "HealthCheckConfiguration": {"Protocol": "HTTP", "Path": "/health"},
}
APP_PARTS = {
    "Connector": {"Type": "AWS::AppRunner::VpcConnector", "Properties": {"Subnets": ["subnet-1"]}},
    "Scaling": {"Type": "AWS::AppRunner::AutoScalingConfiguration", "Properties": {"MaxSize": 3}},
}
INGRESS: Properties = {
    "ServiceArn": {"Ref": "App"},
    "IngressVpcConfiguration": {"VpcId": "vpc-1", "VpcEndpointId": "vpce-1"},
}
SCALES: Properties = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/a/b",
    "ScalableDimension": "ecs:service:DesiredCount",
    "MinCapacity": 2,
    "MaxCapacity": 4,
}
TRACKS: Properties = {
    "PolicyName": "a",
    "PolicyType": "TargetTrackingScaling",
    "ScalingTargetId": {"Ref": "Target"},
    "TargetTrackingScalingPolicyConfiguration": {
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        "TargetValue": 50,
    },
}
SHOWN = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "a"}
WEB_ACL = {
    "Type": "AWS::WAFv2::WebACL",
    "Properties": {"Scope": "REGIONAL", "DefaultAction": {"Allow": {}}, "VisibilityConfig": SHOWN},
}
BALANCER = {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Subnets": ["subnet-1", "subnet-2"]}}


CASES = {
    "AWS::AppRunner::AutoScalingConfiguration": Case(
        {"MaxSize": 3, "MinSize": 2},
        {"MaxSize": 4, "MinSize": 2},
        auto_scaling,
        {"MaxSize": 3, "MinSize": 2, "MaxConcurrency": 100},
        {"MaxSize": 4},
        replaced=True,
        attributes=("AutoScalingConfigurationArn", "AutoScalingConfigurationRevision", "Latest"),
    ),
    "AWS::AppRunner::ObservabilityConfiguration": Case(
        {"TraceConfiguration": {"Vendor": "AWSXRAY"}},
        {},
        observability,
        {"TraceConfiguration": {"Vendor": "AWSXRAY"}},
        {"Status": "ACTIVE"},
        replaced=True,
        attributes=("ObservabilityConfigurationArn", "ObservabilityConfigurationRevision", "Latest"),
    ),
    "AWS::AppRunner::Service": Case(
        APP,
        {**APP, "InstanceConfiguration": {"Cpu": "2048", "Memory": "4096"}},
        app_runner,
        {
            "Status": "RUNNING",
            "InstanceConfiguration": {"Cpu": "1024", "InstanceRoleArn": "arn:aws:iam::123456789012:role/a"},
            "EncryptionConfiguration": {"KmsKey": "arn:aws:kms:eu-central-1:123456789012:key/a"},
            "SourceConfiguration": {
                "ImageRepository": {
                    "ImageConfiguration": {
                        "RuntimeEnvironmentVariables": {"A": "1"},
                        "RuntimeEnvironmentSecrets": {"B": "arn:aws:ssm:eu-central-1:123456789012:parameter/b"},
                    }
                }
            },
            "NetworkConfiguration": {"IngressConfiguration": {"IsPubliclyAccessible": False}},
            "AutoScalingConfigurationSummary": {"AutoScalingConfigurationRevision": 1},
            "HealthCheckConfiguration": {"Protocol": "HTTP", "Path": "/health"},
        },
        {"InstanceConfiguration": {"Cpu": "2048", "Memory": "4096"}, "HealthCheckConfiguration": {"Path": "/health"}},
        attributes=("ServiceArn", "ServiceId", "Status"),
        beside=APP_PARTS,
    ),
    "AWS::AppRunner::VpcConnector": Case(
        {"Subnets": ["subnet-1"], "SecurityGroups": ["sg-1"]},
        {"Subnets": ["subnet-2"], "SecurityGroups": ["sg-1"]},
        connector,
        {"Subnets": ["subnet-1"], "SecurityGroups": ["sg-1"], "Status": "ACTIVE"},
        {"Subnets": ["subnet-2"]},
        replaced=True,
        attributes=("VpcConnectorArn", "VpcConnectorRevision"),
    ),
    "AWS::AppRunner::VpcIngressConnection": Case(
        INGRESS,
        {**INGRESS, "IngressVpcConfiguration": {"VpcId": "vpc-1", "VpcEndpointId": "vpce-2"}},
        ingress_connection,
        {"Status": "AVAILABLE", "IngressVpcConfiguration": {"VpcEndpointId": "vpce-1"}},
        {"IngressVpcConfiguration": {"VpcEndpointId": "vpce-2"}},
        attributes=("DomainName", "Status", "VpcIngressConnectionArn"),
        beside={**APP_PARTS, "App": {"Type": "AWS::AppRunner::Service", "Properties": APP}},
    ),
    "AWS::ApplicationAutoScaling::ScalableTarget": Case(
        SCALES,
        {**SCALES, "MaxCapacity": "6"},
        scalable_target,
        {"MinCapacity": 2, "MaxCapacity": 4},
        {"MinCapacity": 2, "MaxCapacity": 6},
        attributes=("Id",),
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": Case(
        TRACKS,
        {
            **TRACKS,
            "TargetTrackingScalingPolicyConfiguration": {
                **TRACKS["TargetTrackingScalingPolicyConfiguration"],
                "TargetValue": 60,
            },
        },
        scaling_policy,
        {"ResourceId": "service/a/b", "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 50.0}},
        {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 60.0}},
        attributes=("Arn",),
        beside={"Target": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": SCALES}},
    ),
    "AWS::ECS::CapacityProvider": Case(
        {
            "AutoScalingGroupProvider": {
                "AutoScalingGroupArn": "arn:a",
                "ManagedScaling": {"Status": "ENABLED", "TargetCapacity": 90},
                "ManagedTerminationProtection": "ENABLED",
            }
        },
        {"AutoScalingGroupProvider": {"AutoScalingGroupArn": "arn:a", "ManagedTerminationProtection": "DISABLED"}},
        provider,
        {"autoScalingGroupProvider": {"managedScaling": {"targetCapacity": 90}}, "status": "ACTIVE"},
        {"autoScalingGroupProvider": {"managedTerminationProtection": "DISABLED", "autoScalingGroupArn": "arn:a"}},
    ),
    "AWS::ECS::Cluster": Case(
        {
            "ClusterSettings": [{"Name": "containerInsights", "Value": "enhanced"}],
            "Configuration": {
                "ExecuteCommandConfiguration": {
                    "KmsKeyId": "a",
                    "Logging": "OVERRIDE",
                    "LogConfiguration": {"CloudWatchLogGroupName": "a", "CloudWatchEncryptionEnabled": "true"},
                },
                "ManagedStorageConfiguration": {"FargateEphemeralStorageKmsKeyId": "a"},
            },
            "ServiceConnectDefaults": {"Namespace": "a"},
            "CapacityProviders": ["FARGATE"],
            "Tags": [{"Key": "a", "Value": "b"}],
        },
        {"ClusterSettings": [{"Name": "containerInsights", "Value": "enabled"}]},
        cluster,
        {
            "settings": [{"name": "containerInsights", "value": "enhanced"}],
            "configuration": {
                "executeCommandConfiguration": {
                    "logging": "OVERRIDE",
                    "logConfiguration": {"cloudWatchEncryptionEnabled": True},
                },
                "managedStorageConfiguration": {"fargateEphemeralStorageKmsKeyId": "a"},
            },
            "serviceConnectDefaults": {"namespace": "a"},
            "capacityProviders": ["FARGATE"],
        },
        {"settings": [{"name": "containerInsights", "value": "enabled"}], "capacityProviders": []},
        attributes=("Arn",),
    ),
    "AWS::ECS::ClusterCapacityProviderAssociations": Case(
        {
            "Cluster": {"Ref": "Cluster"},
            "CapacityProviders": ["FARGATE", "FARGATE_SPOT"],
            "DefaultCapacityProviderStrategy": [{"CapacityProvider": "FARGATE", "Weight": 1}],
        },
        {"Cluster": {"Ref": "Cluster"}, "CapacityProviders": ["FARGATE"], "DefaultCapacityProviderStrategy": []},
        associations,
        {"defaultCapacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]},
        {"capacityProviders": ["FARGATE"], "defaultCapacityProviderStrategy": []},
        beside={"Cluster": ECS_CLUSTER},
    ),
    "AWS::ECS::ExpressGatewayService": Case(
        {
            "InfrastructureRoleArn": "arn:aws:iam::123456789012:role/a",
            "ExecutionRoleArn": "arn:aws:iam::123456789012:role/b",
            "PrimaryContainer": {"Image": "nowhere/web:1", "ContainerPort": 8080},
            "NetworkConfiguration": {"Subnets": ["subnet-1"], "SecurityGroups": ["sg-1"]},
            "ScalingTarget": {"MinTaskCount": 2, "MaxTaskCount": 4},
            "Cluster": {"Ref": "Cluster"},
        },
        {
            "InfrastructureRoleArn": "arn:aws:iam::123456789012:role/a",
            "TaskDefinitionArn": {"Ref": "Definition"},
            "HealthCheckPath": "/health",
            "Cluster": {"Ref": "Cluster"},
        },
        express,
        {
            "infrastructureRoleArn": "arn:aws:iam::123456789012:role/a",
            "executionRoleArn": "arn:aws:iam::123456789012:role/b",
            "healthCheckPath": "/ping",
            "networkConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]},
            "scalingTarget": {"minTaskCount": 2, "maxTaskCount": 4},
            "status": {"statusCode": "ACTIVE"},
        },
        {"healthCheckPath": "/health", "networkConfiguration": {"subnets": ["subnet-1"]}},
        attributes=("Endpoint", "ServiceArn"),
        beside={"Cluster": ECS_CLUSTER, "Definition": WEB_DEFINITION},
    ),
    "AWS::ECS::Service": Case(
        SERVICE,
        {
            **SERVICE,
            "DesiredCount": 3,
            "EnableExecuteCommand": True,
            "DeploymentConfiguration": {"Strategy": "ROLLING", "MaximumPercent": 150},
        },
        service,
        {
            "desiredCount": 2,
            "runningCount": 0,
            "launchType": "FARGATE",
            "enableExecuteCommand": False,
            "availabilityZoneRebalancing": "ENABLED",
            "networkConfiguration": {"awsvpcConfiguration": {"assignPublicIp": "DISABLED"}},
            "deploymentConfiguration": {
                "strategy": "CANARY",
                "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 5},
                "bakeTimeInMinutes": 10,
                "deploymentCircuitBreaker": {"enable": True, "rollback": True},
                "alarms": {"alarmNames": ["a"], "enable": True, "rollback": True},
                "lifecycleHooks": [{"lifecycleStages": ["PRE_SCALE_UP"]}],
            },
            "of deployment": {"serviceConnectConfiguration": {"enabled": True, "namespace": "a"}},
        },
        {
            "desiredCount": 3,
            "enableExecuteCommand": True,
            "deploymentConfiguration": {"strategy": "ROLLING", "maximumPercent": 150},
        },
        attributes=("Name", "ServiceArn"),
        beside={"Cluster": ECS_CLUSTER, "Definition": WEB_DEFINITION},
    ),
    "AWS::ECS::TaskDefinition": Case(
        {**WEB, "Tags": [{"Key": "a", "Value": "b"}]},
        {**WEB, "Cpu": "512", "Memory": "1024"},
        task_definition,
        {
            "cpu": "256",
            "ephemeralStorage": {"sizeInGiB": 21},
            "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
            "volumes": [{"name": "tmp"}],
            "containerDefinitions": [
                {
                    "readonlyRootFilesystem": True,
                    "user": "1000:1000",
                    "essential": True,
                    "linuxParameters": {
                        "capabilities": {"drop": ["ALL"]},
                        "initProcessEnabled": True,
                        "tmpfs": [{"containerPath": "/x", "size": 1}],
                    },
                    "mountPoints": [{"containerPath": "/work", "sourceVolume": "tmp"}],
                    "portMappings": [{"containerPort": 8080, "name": "web"}],
                    "secrets": [{"name": "A", "valueFrom": "arn:aws:ssm:eu-central-1:123456789012:parameter/a"}],
                    "healthCheck": {"command": ["CMD", "true"], "interval": 30},
                    "logConfiguration": {"options": {"mode": "non-blocking"}},
                }
            ],
        },
        {"cpu": "512", "memory": "1024"},
        replaced=True,
        attributes=("TaskDefinitionArn",),
    ),
    "AWS::Route53::HostedZone": Case(
        {
            "Name": "a.internal",
            "VPCs": [{"VPCId": {"Ref": "Vpc"}, "VPCRegion": "eu-central-1"}],
            "HostedZoneTags": [{"Key": "a", "Value": "b"}],
        },
        {
            "Name": "a.internal",
            "VPCs": [{"VPCId": {"Ref": "Other"}, "VPCRegion": "eu-central-1"}],
            "HostedZoneConfig": {"Comment": "a"},
        },
        zone,
        {"HostedZone": {"Name": "a.internal.", "Config": {"PrivateZone": True}}, "Tags": [{"Key": "a", "Value": "b"}]},
        {"HostedZone": {"Config": {"Comment": "a", "PrivateZone": True}}, "Tags": []},
        attributes=("Id",),
        beside={"Vpc": VPC, "Other": VPC},
    ),
    "AWS::WAFv2::WebACLAssociation": Case(
        {"ResourceArn": {"Ref": "Balancer"}, "WebACLArn": {"Fn::GetAtt": ["Acl", "Arn"]}},
        {"ResourceArn": {"Ref": "Second"}, "WebACLArn": {"Fn::GetAtt": ["Acl", "Arn"]}},
        acl_of,
        {"DefaultAction": {"Allow": {}}},
        {"DefaultAction": {"Allow": {}}},
        replaced=True,
        beside={"Acl": WEB_ACL, "Balancer": BALANCER, "Second": BALANCER},
    ),
    "AWS::Batch::ComputeEnvironment": Case(
        {**FARGATE, "ComputeResources": CAPACITY},
        {**FARGATE, "ComputeResources": {**CAPACITY, "MaxvCpus": 8, "Type": "FARGATE_SPOT"}},
        environment,
        {
            "state": "ENABLED",
            "status": "VALID",
            "type": "MANAGED",
            "computeResources": {"maxvCpus": 4, "type": "FARGATE"},
        },
        {"computeResources": {"maxvCpus": 8, "type": "FARGATE_SPOT", "subnets": ["subnet-1"]}},
        attributes=("ComputeEnvironmentArn",),
    ),
    "AWS::Batch::JobQueue": Case(
        QUEUE,
        {**QUEUE, "Priority": "7"},
        queue,
        {"priority": 1, "state": "ENABLED"},
        {"priority": 7},
        attributes=("JobQueueArn",),
        beside={"Environment": ENVIRONMENT},
    ),
    "AWS::Batch::JobDefinition": Case(
        {**JOB, "Timeout": {"AttemptDurationSeconds": "60"}, "Tags": {"a": "b"}},
        {**JOB, "Timeout": {"AttemptDurationSeconds": "70"}},
        definition,
        {"revision": 1, "timeout": {"attemptDurationSeconds": 60}, "tags": {"a": "b"}},
        {"revision": 2, "timeout": {"attemptDurationSeconds": 70}},
        replaced=True,
        attributes=("JobDefinitionArn",),
    ),
    "AWS::Batch::SchedulingPolicy": Case(
        {"FairsharePolicy": {"ShareDistribution": [{"ShareIdentifier": "a", "WeightFactor": 1}]}},
        {"FairsharePolicy": {"ShareDistribution": [{"ShareIdentifier": "a", "WeightFactor": 0.5}]}},
        policy,
        {"fairsharePolicy": {"shareDistribution": [{"shareIdentifier": "a", "weightFactor": 1.0}]}},
        {"fairsharePolicy": {"shareDistribution": [{"shareIdentifier": "a", "weightFactor": 0.5}]}},
        attributes=("Arn",),
    ),
    "AWS::CloudTrail::Trail": Case(
        {
            "S3BucketName": {"Ref": "Bucket"},
            "IsLogging": True,
            "IsMultiRegionTrail": True,
            "EnableLogFileValidation": True,
            "KMSKeyId": "arn:aws:kms:eu-central-1:123456789012:key/a",
            "CloudWatchLogsLogGroupArn": {"Fn::GetAtt": ["Logs", "Arn"]},
            "CloudWatchLogsRoleArn": ROLE_ARN,
            "EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "All"}],
            "Tags": [{"Key": "a", "Value": "b"}],
        },
        {
            "S3BucketName": {"Ref": "Bucket"},
            "IsLogging": False,
            "EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "WriteOnly"}],
        },
        trail,
        {
            "IsLogging": True,
            "IsMultiRegionTrail": True,
            "LogFileValidationEnabled": True,
            "KmsKeyId": "arn:aws:kms:eu-central-1:123456789012:key/a",
            "EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "All"}],
        },
        {"IsLogging": False, "EventSelectors": [{"ReadWriteType": "WriteOnly"}]},
        attributes=("Arn",),
        beside={"Bucket": BUCKET, "Logs": LOGS, "Role": ROLE},
    ),
    "AWS::Config::ConfigurationRecorder": Case(
        {"RoleARN": ROLE_ARN, "RecordingGroup": {"AllSupported": True, "IncludeGlobalResourceTypes": "true"}},
        {"RoleARN": ROLE_ARN, "RecordingGroup": {"AllSupported": False, "ResourceTypes": ["AWS::EC2::VPC"]}},
        recorder,
        {"recordingGroup": {"allSupported": True, "includeGlobalResourceTypes": True}},
        {"recordingGroup": {"allSupported": False, "resourceTypes": ["AWS::EC2::VPC"]}},
        beside={"Role": ROLE},
    ),
    "AWS::Config::DeliveryChannel": Case(
        {"S3BucketName": {"Ref": "Bucket"}, "S3KeyPrefix": "a"},
        {"S3BucketName": {"Ref": "Bucket"}, "S3KeyPrefix": "b"},
        channel,
        {"s3KeyPrefix": "a"},
        {"s3KeyPrefix": "b"},
        beside={"Bucket": BUCKET},
    ),
    "AWS::Config::ConfigRule": Case(
        {"Source": {"Owner": "AWS", "SourceIdentifier": "A"}, "InputParameters": {"a": "1"}},
        {"Source": {"Owner": "AWS", "SourceIdentifier": "A"}, "InputParameters": {"a": "2"}},
        rule,
        {"InputParameters": '{"a": "1"}', "ConfigRuleState": "ACTIVE"},
        {"InputParameters": '{"a": "2"}'},
        attributes=("Arn", "ConfigRuleId"),
    ),
    "AWS::EC2::FlowLog": Case(
        {
            "ResourceId": {"Ref": "Vpc"},
            "ResourceType": "VPC",
            "TrafficType": "ALL",
            "LogGroupName": {"Ref": "Logs"},
            "DeliverLogsPermissionArn": ROLE_ARN,
            "MaxAggregationInterval": 60,
            "Tags": [{"Key": "a", "Value": "b"}],
        },
        {
            "ResourceId": {"Ref": "Vpc"},
            "ResourceType": "VPC",
            "TrafficType": "REJECT",
            "LogGroupName": {"Ref": "Logs"},
            "DeliverLogsPermissionArn": ROLE_ARN,
        },
        flow_log,
        {"TrafficType": "ALL", "FlowLogStatus": "ACTIVE", "MaxAggregationInterval": 60},
        {"TrafficType": "REJECT"},
        replaced=True,
        attributes=("Id",),
        beside={"Vpc": VPC, "Logs": LOGS, "Role": ROLE},
    ),
    "AWS::EC2::NetworkAcl": Case(
        {"VpcId": {"Ref": "Vpc"}},
        {"VpcId": {"Ref": "Other"}},
        acl,
        {"IsDefault": False},
        {"IsDefault": False},
        replaced=True,
        attributes=("Id",),
        beside={"Vpc": VPC, "Other": VPC},
    ),
    "AWS::EC2::NetworkAclEntry": Case(
        {
            "NetworkAclId": {"Ref": "Acl"},
            "RuleNumber": 1,
            "Protocol": -1,
            "RuleAction": "deny",
            "CidrBlock": "10.0.0.0/8",
        },
        {
            "NetworkAclId": {"Ref": "Acl"},
            "RuleNumber": 2,
            "Protocol": -1,
            "RuleAction": "deny",
            "CidrBlock": "10.0.0.0/8",
        },
        acl_entry,
        {"RuleAction": "deny", "CidrBlock": "10.0.0.0/8"},
        {"RuleNumber": 2},
        replaced=True,
        attributes=("Id",),
        beside={"Vpc": VPC, "Acl": {"Type": "AWS::EC2::NetworkAcl", "Properties": {"VpcId": {"Ref": "Vpc"}}}},
    ),
    "AWS::EC2::SecurityGroupEgress": Case(
        {
            "GroupId": {"Ref": "Group"},
            "IpProtocol": "tcp",
            "FromPort": 443,
            "ToPort": "443",
            "DestinationPrefixListId": "pl-1",
            "Description": "a",
        },
        {"GroupId": {"Ref": "Group"}, "IpProtocol": "tcp", "FromPort": 444, "ToPort": 444, "CidrIp": "10.0.0.0/8"},
        group_rule,
        {"IsEgress": True, "FromPort": 443, "ToPort": 443, "PrefixListId": "pl-1", "Description": "a"},
        {"IsEgress": True, "FromPort": 444, "CidrIpv4": "10.0.0.0/8"},
        replaced=True,
        attributes=("Id",),
        beside={"Vpc": VPC, "Group": GROUP},
    ),
    "AWS::EC2::SecurityGroupIngress": Case(
        {
            "GroupId": {"Ref": "Group"},
            "IpProtocol": "tcp",
            "FromPort": 443,
            "ToPort": 443,
            "SourceSecurityGroupId": {"Ref": "Group"},
        },
        {"GroupId": {"Ref": "Group"}, "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv6": "::/0"},
        group_rule,
        {"IsEgress": False, "FromPort": 443},
        {"IsEgress": False, "CidrIpv6": "::/0"},
        replaced=True,
        attributes=("Id",),
        beside={"Vpc": VPC, "Group": GROUP},
    ),
    "AWS::ECR::PullThroughCacheRule": Case(
        {"EcrRepositoryPrefix": "aa", "UpstreamRegistryUrl": "public.ecr.aws"},
        {"EcrRepositoryPrefix": "bb", "UpstreamRegistryUrl": "public.ecr.aws"},
        cache_rule,
        {"upstreamRegistryUrl": "public.ecr.aws"},
        {"ecrRepositoryPrefix": "bb"},
        replaced=True,
    ),
    "AWS::ECR::RegistryPolicy": Case(
        allows("ecr:ReplicateImage"),
        allows("ecr:CreateRepository"),
        registry_policy,
        {"registryId": "123456789012"},
        {
            "policyText": '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecr:CreateRepository"}]}'
        },
        attributes=("RegistryId",),
    ),
    "AWS::ECR::RegistryScanningConfiguration": Case(
        {"ScanType": "BASIC", **of_rule(1, "SCAN_ON_PUSH")},
        {"ScanType": "ENHANCED", **of_rule(2, "CONTINUOUS_SCAN")},
        scanning,
        {"scanType": "BASIC", "rules": [{"scanFrequency": "SCAN_ON_PUSH"}]},
        {"scanType": "ENHANCED", "rules": [{"repositoryFilters": [{"filter": "2*", "filterType": "WILDCARD"}]}]},
        attributes=("RegistryId",),
    ),
    "AWS::ECR::ReplicationConfiguration": Case(
        to("eu-west-1"),
        to("eu-west-2"),
        replication,
        {"rules": [{"destinations": [{"region": "eu-west-1", "registryId": "123456789012"}]}]},
        {"rules": [{"destinations": [{"region": "eu-west-2"}]}]},
        attributes=("RegistryId",),
    ),
    "AWS::EKS::Addon": Case(
        {"ClusterName": {"Ref": "Cluster"}, "AddonName": "vpc-cni", "AddonVersion": "v1.1.1-eksbuild.1"},
        {"ClusterName": {"Ref": "Cluster"}, "AddonName": "vpc-cni", "AddonVersion": "v1.2.1-eksbuild.1"},
        addon,
        {"addonVersion": "v1.1.1-eksbuild.1"},
        {"addonVersion": "v1.2.1-eksbuild.1"},
        attributes=("Arn",),
        beside={"Role": ROLE, "Cluster": CLUSTER},
    ),
    "AWS::EKS::PodIdentityAssociation": Case(
        {"ClusterName": {"Ref": "Cluster"}, "Namespace": "a", "ServiceAccount": "b", "RoleArn": ROLE_ARN},
        {"ClusterName": {"Ref": "Cluster"}, "Namespace": "c", "ServiceAccount": "b", "RoleArn": ROLE_ARN},
        identity,
        {"namespace": "a"},
        {"namespace": "c"},
        replaced=True,
        attributes=("AssociationArn", "AssociationId"),
        beside={"Role": ROLE, "Cluster": CLUSTER},
    ),
    "AWS::GuardDuty::Detector": Case(
        {"Enable": True, "Features": [{"Name": "RUNTIME_MONITORING", "Status": "ENABLED"}]},
        {"Enable": "false", "FindingPublishingFrequency": "ONE_HOUR"},
        detector,
        {"Status": "ENABLED", "Features": [{"Name": "RUNTIME_MONITORING", "Status": "ENABLED"}]},
        {"Status": "DISABLED", "FindingPublishingFrequency": "ONE_HOUR"},
        attributes=("Id",),
    ),
    "AWS::GuardDuty::MalwareProtectionPlan": Case(
        {
            "Role": "arn:aws:iam::123456789012:role/a",
            "ProtectedResource": scans("in/"),
            "Actions": {"Tagging": {"Status": "ENABLED"}},
            "Tags": [{"Key": "a", "Value": "b"}],
        },
        {"Role": "arn:aws:iam::123456789012:role/b", "ProtectedResource": scans("in/", "other/")},
        plan,
        {"ProtectedResource": scans("in/"), "Actions": {"Tagging": {"Status": "ENABLED"}}, "Status": "ACTIVE"},
        {"ProtectedResource": scans("in/", "other/"), "Role": "arn:aws:iam::123456789012:role/b"},
        attributes=("Arn", "CreatedAt", "MalwareProtectionPlanId", "Status"),
    ),
}
RECORDS = {
    "AWS::EKS::FargateProfile": ({"ClusterName": "a", "Selectors": []}, ("Arn",)),
}


def holds(found: Any, wanted: Any) -> bool:
    """Whether what is wanted is all there; there may be more."""
    if isinstance(wanted, Mapping):
        return all(name in found and holds(found[name], value) for name, value in wanted.items())
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(holds(*each) for each in zip(found, wanted, strict=True))
    return bool(found == wanted)


def is_gone(case: Case, cloud: Cloud, id: str) -> bool:
    try:
        return not case.read(cloud, id)
    except (IndexError, ValueError, cloud.client("sts").exceptions.ClientError):
        return True
    except Exception as error:
        if type(error).__name__.endswith(("Exception", "NotFound", "ClientError")):
            return True
        raise


@pytest.mark.parametrize("type_", CASES)
def test_life_of_a_resource(cloud: Cloud, type_: str) -> None:
    case, name = CASES[type_], type_.replace("::", "-")
    asked = {each: {"Fn::GetAtt": ["Thing", each]} for each in case.attributes}
    made = cloud.deploy(
        name, {**case.beside, "Thing": {"Type": type_, "Properties": case.made}}, Ref={"Ref": "Thing"}, **asked
    )
    assert all(made[each] for each in case.attributes)
    assert holds(case.read(cloud, made["Ref"]), case.has), case.read(cloud, made["Ref"])

    changed = cloud.deploy(
        name, {**case.beside, "Thing": {"Type": type_, "Properties": case.changed}}, Ref={"Ref": "Thing"}, **asked
    )
    assert (changed["Ref"] != made["Ref"]) == case.replaced
    assert holds(case.read(cloud, changed["Ref"]), case.then), case.read(cloud, changed["Ref"])
    if case.replaced:
        assert is_gone(case, cloud, made["Ref"])

    cloud.delete(name)
    assert is_gone(case, cloud, changed["Ref"])


@pytest.mark.parametrize("type_", RECORDS)
def test_records_have_their_attributes_and_keep_them(cloud: Cloud, type_: str) -> None:
    (properties, attributes), name = RECORDS[type_], type_.replace("::", "-")
    asked = {each: {"Fn::GetAtt": ["Thing", each]} for each in attributes}
    made = cloud.deploy(name, {"Thing": {"Type": type_, "Properties": properties}}, Ref={"Ref": "Thing"}, **asked)
    assert all(made.values())
    cloud.delete(name)
    assert kind_of(type_) == Kind.RECORD


def test_every_type_of_ours_has_a_test() -> None:
    assert {*CASES, *RECORDS} == set(TYPES)


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("AWS::S3::Bucket", Kind.REAL),
        ("AWS::Batch::JobDefinition", Kind.REAL),
        ("Custom::Anything", Kind.REAL),
        ("AWS::ECS::Service", Kind.REAL),
        ("AWS::ApplicationAutoScaling::ScalableTarget", Kind.RECORD),
        ("AWS::Batch::ComputeEnvironment", Kind.RECORD),
        ("AWS::Bedrock::Nothing", Kind.UNKNOWN),
    ],
)
def test_kinds(type_: str, kind: Kind) -> None:
    assert kind_of(type_) == kind


def test_a_property_that_nobody_knows_fails_with_its_name(cloud: Cloud) -> None:
    with pytest.raises(AssertionError, match="CreateTrail does not know Surprise"):
        cloud.deploy(
            "surprise",
            {"Trail": {"Type": "AWS::CloudTrail::Trail", "Properties": {"S3BucketName": "a", "Surprise": 1}}},
        )
    cloud.delete("surprise")


def test_an_environment_is_replaced_if_its_template_says_so(cloud: Cloud) -> None:
    name, type_ = "replaced", "AWS::Batch::ComputeEnvironment"
    first = {"Type": "MANAGED", "ComputeResources": CAPACITY}
    second = {"Type": "MANAGED", "ComputeResources": {**CAPACITY, "Subnets": ["subnet-2"]}}
    third = {"Type": "MANAGED", "ComputeResources": {**CAPACITY, "Subnets": ["subnet-2"], "MaxvCpus": 9}}
    ids = [
        cloud.deploy(name, {"Thing": {"Type": type_, "Properties": each}}, Ref={"Ref": "Thing"})["Ref"]
        for each in (first, second, third)
    ]
    assert ids[0] != ids[1] == ids[2]
    assert is_gone(CASES[type_], cloud, ids[0])
    cloud.delete(name)


def test_a_queue_cannot_lose_its_environment(cloud: Cloud) -> None:
    batch = cloud.client("batch")
    resources = {"Environment": ENVIRONMENT, "Queue": {"Type": "AWS::Batch::JobQueue", "Properties": QUEUE}}
    told = cloud.deploy("order", resources, Environment={"Ref": "Environment"}, Queue={"Ref": "Queue"})
    with pytest.raises(batch.exceptions.ClientException, match="ENABLED"):
        batch.delete_compute_environment(computeEnvironment=told["Environment"])
    batch.update_compute_environment(computeEnvironment=told["Environment"], state="DISABLED")
    with pytest.raises(batch.exceptions.ClientException, match="existing JobQueue relationship"):
        batch.delete_compute_environment(computeEnvironment=told["Environment"])
    cloud.delete("order")


def test_a_group_with_a_rule_of_its_own_does_not_allow_everything_out(cloud: Cloud) -> None:
    rule_ = {
        "GroupId": {"Ref": "Group"},
        "IpProtocol": "tcp",
        "FromPort": 443,
        "ToPort": 443,
        "DestinationPrefixListId": "pl-1",
    }
    resources = {
        "Vpc": VPC,
        "Group": GROUP,
        "Rule": {"Type": "AWS::EC2::SecurityGroupEgress", "Properties": rule_},
    }
    told = cloud.deploy("egress", resources, Group={"Ref": "Group"}, Cidr={"Fn::GetAtt": ["Vpc", "CidrBlock"]})
    (group,) = cloud.client("ec2").describe_security_groups(GroupIds=[told["Group"]])["SecurityGroups"]
    (only,) = group["IpPermissionsEgress"]
    assert only["PrefixListIds"] == [{"PrefixListId": "pl-1"}]
    assert told["Cidr"] == "10.0.0.0/16"
    cloud.delete("egress")


@pytest.mark.parametrize("first", ["Recorder", "Channel"])
def test_the_recorder_runs_once_there_is_a_channel(cloud: Cloud, first: str) -> None:
    resources: dict[str, Any] = {
        "Recorder": {"Type": "AWS::Config::ConfigurationRecorder", "Properties": {"RoleARN": ROLE_ARN}},
        "Channel": {"Type": "AWS::Config::DeliveryChannel", "Properties": {"S3BucketName": "a"}},
    }
    (second,) = resources.keys() - {first}
    resources[second]["DependsOn"] = first
    told = cloud.deploy("recording", {"Role": ROLE, **resources}, Recorder={"Ref": "Recorder"})
    assert recorder(cloud, told["Recorder"])["recording"]
    cloud.delete("recording")
