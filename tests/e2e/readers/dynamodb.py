"""Tables of Amazon DynamoDB."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def table(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    dynamodb = client("dynamodb")
    about = dynamodb.describe_table(TableName=id)["Table"]
    backups = dynamodb.describe_continuous_backups(TableName=id)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]
    encryption = about.get("SSEDescription", {})
    expiry = dynamodb.describe_time_to_live(TableName=id)["TimeToLiveDescription"]
    found = {
        **about,
        "BillingMode": about.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
        "PointInTimeRecoverySpecification": {
            **recovery,
            "PointInTimeRecoveryEnabled": recovery["PointInTimeRecoveryStatus"] == "ENABLED",
        },
        "SSESpecification": {
            "KMSMasterKeyId": encryption.get("KMSMasterKeyArn"),
            "SSEEnabled": encryption.get("Status") == "ENABLED",
            "SSEType": encryption.get("SSEType"),
        },
        "Tags": dynamodb.list_tags_of_resource(ResourceArn=about["TableArn"])["Tags"],
        "TimeToLiveSpecification": {**expiry, "Enabled": expiry["TimeToLiveStatus"] == "ENABLED"},
    }
    if "ContributorInsightsSpecification" in wanted:
        insights = dynamodb.describe_contributor_insights(TableName=id)
        found["ContributorInsightsSpecification"] = {
            "Enabled": insights["ContributorInsightsStatus"].startswith("ENABL"),
            "Mode": insights.get("ContributorInsightsMode"),
        }
    if "ResourcePolicy" in wanted:
        policy = dynamodb.get_resource_policy(ResourceArn=about["TableArn"])["Policy"]
        found["ResourcePolicy"] = {"PolicyDocument": policy}
    return found


READERS = {"AWS::DynamoDB::Table": table}
NOT_READ: dict[str, dict[str, str]] = {}
