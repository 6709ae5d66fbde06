"""What ExpressService promises."""

from tests.e2e.expectations.batch_jobs import KEY
from tests.e2e.expectations.web_service import CLUSTER, LOGS, TASK

EXPECTED = {
    "OrdersCluster": CLUSTER,
    "OrdersKey": KEY,
    "OrdersTaskDefinition": TASK,
    "OrdersTaskLogs": LOGS,
    "OrdersTaskExpressService": {
        "HealthCheckPath": "/health",
        "ScalingTarget": {"MaxTaskCount": 10, "MinTaskCount": 2},
    },
}
