"""What WebService promises."""

from tests.e2e.compare import ANYTHING
from tests.e2e.expectations.batch_jobs import BUCKET, KEY

LOGS = {"KmsKeyId": ANYTHING, "RetentionInDays": 365}
CLUSTER = {
    "ClusterSettings": [{"Name": "containerInsights", "Value": "enhanced"}],
    "Configuration": {
        "ExecuteCommandConfiguration": {
            "KmsKeyId": ANYTHING,
            "LogConfiguration": {"CloudWatchEncryptionEnabled": True},
            "Logging": "OVERRIDE",
        },
        "ManagedStorageConfiguration": {"FargateEphemeralStorageKmsKeyId": ANYTHING},
    },
}
CONTAINER = {
    "Image": ANYTHING,
    "LinuxParameters": {"Capabilities": {"Drop": ["ALL"]}, "InitProcessEnabled": True},
    "LogConfiguration": {"LogDriver": "awslogs"},
    "ReadonlyRootFilesystem": True,
    "User": "65532:65532",
}
TASK = {
    "ContainerDefinitions": [CONTAINER],
    "NetworkMode": "awsvpc",
    "RequiresCompatibilities": ["FARGATE"],
    "RuntimePlatform": {"CpuArchitecture": "X86_64", "OperatingSystemFamily": "LINUX"},
}
SERVICE = {
    "DeploymentConfiguration": {
        "Alarms": {"Enable": True, "Rollback": True},
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
        "MaximumPercent": 200,
        "MinimumHealthyPercent": 100,
    },
    "EnableExecuteCommand": False,
    "NetworkConfiguration": {"AwsvpcConfiguration": {"AssignPublicIp": "DISABLED"}},
    "PlatformVersion": "LATEST",
}
_LOGGED = {f"{kind}_logs.s3.{name}": ANYTHING for kind in ("access", "connection") for name in ("bucket", "prefix")}
LOAD_BALANCER = {
    "LoadBalancerAttributes": [
        {"Key": key, "Value": value}
        for key, value in {
            **_LOGGED,
            "access_logs.s3.enabled": "true",
            "connection_logs.s3.enabled": "true",
            "deletion_protection.enabled": "true",
            "routing.http.desync_mitigation_mode": "strictest",
            "routing.http.drop_invalid_header_fields.enabled": "true",
        }.items()
    ],
    "Scheme": "internal",
}
LISTENER = {"Port": 443, "Protocol": "HTTPS", "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"}

EXPECTED = {
    "Cluster": CLUSTER,
    "ClusterExecLogs": LOGS,
    "ClusterInsights": LOGS,
    "OrdersKey": KEY,
    "OrdersTaskDefinition": TASK,
    "OrdersTaskLogs": LOGS,
    "OrdersTaskScaling": {"MaxCapacity": 10, "MinCapacity": 2},
    "OrdersTaskService": SERVICE,
    "OrdersWayInListener": LISTENER,
    "OrdersWayInLoadBalancer": LOAD_BALANCER,
    "OrdersWayInLogs": BUCKET,
    "OrdersWayInTargets": {"HealthCheckPath": "/health", "Matcher": {"HttpCode": "200"}},
    "ReportTaskDefinition": TASK,
    "ReportTaskLogs": LOGS,
    "ReportEveryNight": {"ScheduleExpression": "cron(0 2 * * ? *)", "State": "ENABLED"},
}
