"""What AppRunnerService promises."""

from tests.e2e.compare import ANYTHING
from tests.e2e.expectations.batch_jobs import KEY

EXPECTED = {
    "OrdersKey": KEY,
    "OrdersLogs": {"KmsKeyArn": ANYTHING, "RetentionInDays": "365"},
    "OrdersScaling": {"MaxConcurrency": 100, "MaxSize": 10, "MinSize": 2},
    "OrdersService": {
        "EncryptionConfiguration": {"KmsKey": ANYTHING},
        "HealthCheckConfiguration": {"Path": "/health", "Protocol": "HTTP"},
        "NetworkConfiguration": {
            "EgressConfiguration": {"EgressType": "VPC"},
            "IngressConfiguration": {"IsPubliclyAccessible": False},
        },
        "SourceConfiguration": {"AutoDeploymentsEnabled": False},
    },
}
