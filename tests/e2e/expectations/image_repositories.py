"""What ImageRepositories promises."""

_KEY = {"EnableKeyRotation": True, "Enabled": True}
_REPOSITORY = {
    "EncryptionConfiguration": {"EncryptionType": "KMS"},
    "ImageScanningConfiguration": {"ScanOnPush": True},
    "ImageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
}

EXPECTED = {
    "ApplicationKey": _KEY,
    "ApplicationRepository": {
        **_REPOSITORY,
        "ImageTagMutabilityExclusionFilters": [
            {"ImageTagMutabilityExclusionFilterType": "WILDCARD", "ImageTagMutabilityExclusionFilterValue": "dev-*"}
        ],
    },
    "BaseImagesKey": _KEY,
    "BaseImagesRepository": _REPOSITORY,
    "FindingsKey": _KEY,
    "UndeliveredFindings": {"MessageRetentionPeriod": 1209600, "SqsManagedSseEnabled": True},
}
