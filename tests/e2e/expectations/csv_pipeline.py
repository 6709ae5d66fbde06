"""What CsvPipeline promises."""

from tests.e2e.expectations.batch_jobs import BUCKET, JOB, KEY

_ENCRYPTED = {
    "BucketEncryption": {
        "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
    }
}
_FUNCTION = {"Architectures": ["arm64"], "Runtime": "python3.14", "TracingConfig": {"Mode": "Active"}}
_FROM_QUEUE = {
    "BatchSize": 10,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "ScalingConfig": {"MaximumConcurrency": 5},
}
_DEAD_LETTERS = {"MessageRetentionPeriod": 14 * 24 * 3600}

EXPECTED = {
    "FilesAccessLogs": BUCKET,
    "FilesIntakeDeadLetters": _DEAD_LETTERS,
    "FilesIntakeFunction": {**_FUNCTION, "Timeout": 60},
    "FilesIntakeMessages": _FROM_QUEUE,
    "FilesIntakeQueue": {"VisibilityTimeout": 360},
    "FilesJobsKey": KEY,
    "FilesJobsOutputs": {**BUCKET, **_ENCRYPTED},
    "FilesReconcilerFunction": {**_FUNCTION, "Timeout": 240},
    "FilesRecorderDeadLetters": _DEAD_LETTERS,
    "FilesRecorderFunction": {**_FUNCTION, "Timeout": 60},
    "FilesRecorderMessages": _FROM_QUEUE,
    "FilesResults": {
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": True,
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS"},
        "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
    },
    "FilesTransformDefinition": {**JOB, "Timeout": {"AttemptDurationSeconds": 3600}},
    "FilesUploads": {
        **BUCKET,
        **_ENCRYPTED,
        "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
    },
}
