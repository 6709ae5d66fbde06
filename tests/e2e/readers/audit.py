"""Trails, recorders and detectors: AWS CloudTrail, AWS Config, Amazon GuardDuty."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.e2e.compare import pascal


def trail(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    cloudtrail = client("cloudtrail")
    (about,) = cloudtrail.describe_trails(trailNameList=[id])["trailList"]
    tags = cloudtrail.list_tags(ResourceIdList=[about["TrailARN"]])["ResourceTagList"]
    return {
        **about,
        "EnableLogFileValidation": about["LogFileValidationEnabled"],
        "EventSelectors": cloudtrail.get_event_selectors(TrailName=id)["EventSelectors"],
        "IsLogging": cloudtrail.get_trail_status(Name=id)["IsLogging"],
        "KMSKeyId": about["KmsKeyId"],
        "Tags": [tag for each in tags for tag in each["TagsList"]],
        "TrailName": about["Name"],
    }


def recorder(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    config = client("config")
    (about,) = config.describe_configuration_recorders(ConfigurationRecorderNames=[id])["ConfigurationRecorders"]
    (status,) = config.describe_configuration_recorder_status(ConfigurationRecorderNames=[id])[
        "ConfigurationRecordersStatus"
    ]
    assert status["recording"], "it does not record"
    return {**pascal(about), "RoleARN": about["roleARN"]}


def delivery_channel(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    (about,) = client("config").describe_delivery_channels(DeliveryChannelNames=[id])["DeliveryChannels"]
    return pascal(about)


def config_rule(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    (about,) = client("config").describe_config_rules(ConfigRuleNames=[id])["ConfigRules"]
    return dict(about)


def detector(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    about = client("guardduty").get_detector(DetectorId=id)
    tags = about.get("Tags", {})
    return {
        **about,
        "Enable": about["Status"] == "ENABLED",
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }


def malware_protection_plan(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    about = client("guardduty").get_malware_protection_plan(MalwareProtectionPlanId=id)
    return {**about, "Tags": [{"Key": key, "Value": value} for key, value in about["Tags"].items()]}


READERS = {
    "AWS::CloudTrail::Trail": trail,
    "AWS::Config::ConfigRule": config_rule,
    "AWS::Config::ConfigurationRecorder": recorder,
    "AWS::Config::DeliveryChannel": delivery_channel,
    "AWS::GuardDuty::Detector": detector,
    "AWS::GuardDuty::MalwareProtectionPlan": malware_protection_plan,
}
NOT_READ: dict[str, dict[str, str]] = {}
