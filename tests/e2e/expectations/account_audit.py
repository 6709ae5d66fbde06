"""What AccountAudit promises."""

_BUCKET = {
    "PublicAccessBlockConfiguration": {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    },
    "VersioningConfiguration": {"Status": "Enabled"},
}

EXPECTED = {
    "AuditConfigBucket": _BUCKET,
    "AuditConfigRecorder": {"RecordingGroup": {"AllSupported": True, "IncludeGlobalResourceTypes": True}},
    "AuditDetector": {"Enable": True, "FindingPublishingFrequency": "FIFTEEN_MINUTES"},
    "AuditInspector": {"ResourceTypes": ["ECR", "EC2", "LAMBDA"]},
    "AuditKey": {"EnableKeyRotation": True},
    "AuditTrail": {
        "EnableLogFileValidation": True,
        "IncludeGlobalServiceEvents": True,
        "IsLogging": True,
        "IsMultiRegionTrail": True,
    },
    "AuditTrailBucket": {**_BUCKET, "ObjectLockEnabled": True},
}
