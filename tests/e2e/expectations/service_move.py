"""What ServiceMove promises."""

from tests.e2e.expectations.web_service import (
    CLUSTER,
    LISTENER,
    LOAD_BALANCER,
    LOGS,
    SERVICE,
    TASK,
)

_EACH = {
    "TaskLogs": LOGS,
    "TaskService": SERVICE,
    "WayInListener": LISTENER,
    "WayInLoadBalancer": LOAD_BALANCER,
}
_ARM = {"RuntimePlatform": {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"}}
_ALIAS = {"AliasTarget": {"EvaluateTargetHealth": True}, "Name": "orders.example.com."}

EXPECTED = {
    "Cluster": CLUSTER,
    **{f"{colour}{name}": expected for colour in ("Blue", "Green") for name, expected in _EACH.items()},
    "BlueTaskDefinition": TASK,
    "BlueWayInName": {**_ALIAS, "Weight": 100},
    "GreenTaskDefinition": {**TASK, **_ARM},
    "GreenWayInName": {**_ALIAS, "Weight": 0},
}
