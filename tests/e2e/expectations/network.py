"""What Network promises."""

_SUBNET = {"MapPublicIpOnLaunch": False}
_ENDPOINT = {"PrivateDnsEnabled": True, "VpcEndpointType": "Interface"}

EXPECTED = {
    "Network": {"EnableDnsHostnames": True, "EnableDnsSupport": True},
    **{f"NetworkIsolated{zone}Subnet": _SUBNET for zone in (1, 2, 3)},
    "NetworkFlowLog": {"LogDestinationType": "cloud-watch-logs", "TrafficType": "ALL"},
    "NetworkFlowLogGroup": {"RetentionInDays": 365},
    "NetworkKey": {"EnableKeyRotation": True},
    "NetworkEcrApi": _ENDPOINT,
    "NetworkEcrDkr": _ENDPOINT,
    "NetworkLogs": _ENDPOINT,
    "NetworkSecretsmanager": _ENDPOINT,
    "NetworkS3": {"VpcEndpointType": "Gateway"},
    "NetworkTasks": {"SecurityGroupIngress": []},
}
