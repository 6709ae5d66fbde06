"""What BatchJobs promises."""

KEY = {"EnableKeyRotation": True}
_CAPACITY = {"State": "ENABLED", "Type": "MANAGED"}
JOB = {
    "ContainerProperties": {
        "NetworkConfiguration": {"AssignPublicIp": "DISABLED"},
        "ReadonlyRootFilesystem": True,
        "User": "65532:65532",
    },
    "PlatformCapabilities": ["FARGATE"],
}
BUCKET = {
    "PublicAccessBlockConfiguration": {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    },
    "VersioningConfiguration": {"Status": "Enabled"},
}

EXPECTED = {
    "ImagesRepository": {"ImageTagMutability": "IMMUTABLE", "ImageScanningConfiguration": {"ScanOnPush": True}},
    "JobsAccessLogs": BUCKET,
    "JobsCloseBooksDefinition": {**JOB, "Timeout": {"AttemptDurationSeconds": 10800}},
    "JobsFallback": {**_CAPACITY, "ComputeResources": {"MaxvCpus": 64, "Type": "FARGATE"}},
    "JobsKey": KEY,
    "JobsOnDemand": {**_CAPACITY, "ComputeResources": {"MaxvCpus": 64, "Type": "FARGATE"}},
    "JobsOutputs": {
        **BUCKET,
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
        },
    },
    "JobsRenderDefinition": {**JOB, "Timeout": {"AttemptDurationSeconds": 7200}},
    "JobsSpot": {**_CAPACITY, "ComputeResources": {"MaxvCpus": 256, "Type": "FARGATE_SPOT"}},
    "JobsTopicKey": KEY,
}
