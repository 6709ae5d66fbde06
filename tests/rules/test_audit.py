"""The rules about CloudTrail, AWS Config and GuardDuty."""

from __future__ import annotations

from typing import Any

import pytest

from secure_containers.rules import Rule, Template
from secure_containers.rules.audit import (
    CONTAINER_TYPES,
    incomplete_trail,
    second_of_its_kind,
    unencrypted_trail,
    unprotected_trail_bucket,
    unrecorded_containers,
    unwatched_runtime,
    unwatched_trail,
)
from tests.rules.support import ACCOUNT, FOREIGN, NO_VALUE, att, either, ref, said, sub, template

TRAIL, BUCKET = "AWS::CloudTrail::Trail", "AWS::S3::Bucket"
RECORDER, DETECTOR = "AWS::Config::ConfigurationRecorder", "AWS::GuardDuty::Detector"
COMPLETE = {
    "IsLogging": True,
    "IsMultiRegionTrail": True,
    "IncludeGlobalServiceEvents": True,
    "EnableLogFileValidation": True,
}
CHOICES = {"Status": ["ENABLED", "DISABLED"], "Ways": ["All", "WriteOnly"]}


def judged(rule: Rule, type_: str, properties: dict[str, Any], **around: Any) -> list[str]:
    parameters = {name: {"Type": "String", "AllowedValues": values} for name, values in CHOICES.items()}
    return said(rule, template({"Judged": {"Type": type_, "Properties": properties}}, Parameters=parameters, **around))


class TestTrails:
    @pytest.mark.parametrize("name", list(COMPLETE))
    @pytest.mark.parametrize(
        ("value", "bad"),
        [
            (False, True),
            ("false", True),
            (NO_VALUE, True),
            (either("Prod", True, False), True),
            ("true", False),
            (either("Prod", True, "true"), False),
        ],
    )
    def test_switches(self, name: str, value: Any, bad: bool) -> None:
        assert judged(incomplete_trail, TRAIL, COMPLETE | {name: value}) == [f"SC-AUD-01[{name}]"] * bad

    @pytest.mark.parametrize("name", list(COMPLETE))
    def test_an_unknown_switch(self, name: str) -> None:
        assert judged(incomplete_trail, TRAIL, COMPLETE | {name: ref("Free")}) == ["SC-AUD-01?"]

    def test_each_switch_is_a_finding_of_its_own(self) -> None:
        assert judged(incomplete_trail, TRAIL, {}) == sorted(f"SC-AUD-01[{name}]" for name in COMPLETE)

    @pytest.mark.parametrize(
        ("selectors", "expected"),
        [
            ([{"ReadWriteType": "WriteOnly"}], ["SC-AUD-01[ManagementEvents]"]),
            ([{"ReadWriteType": "ReadOnly"}], ["SC-AUD-01[ManagementEvents]"]),
            ([{"IncludeManagementEvents": False}], ["SC-AUD-01[ManagementEvents]"]),
            ([{"IncludeManagementEvents": "false"}], ["SC-AUD-01[ManagementEvents]"]),
            ([{"ExcludeManagementEventSources": ["kms.amazonaws.com"]}], ["SC-AUD-01[ManagementEvents]"]),
            (
                [{"ExcludeManagementEventSources": [either("Prod", "kms.amazonaws.com")]}],
                ["SC-AUD-01[ManagementEvents]"],
            ),
            ([{"ReadWriteType": either("Prod", "All", "WriteOnly")}], ["SC-AUD-01[ManagementEvents]"]),
            (
                [either("Prod", {"ReadWriteType": "All"}), {"ReadWriteType": "ReadOnly"}],
                ["SC-AUD-01[ManagementEvents]"],
            ),
            (
                [{"ReadWriteType": "ReadOnly"}, {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": False}],
                ["SC-AUD-01[ManagementEvents]"],
            ),
            (
                [
                    {
                        "IncludeManagementEvents": False,
                        "DataResources": [{"Type": "AWS::S3::Object", "Values": [sub("${Bucket.Arn}/")]}],
                    }
                ],
                ["SC-AUD-01[ManagementEvents]"],
            ),
            ([{"ReadWriteType": ref("Ways")}], ["SC-AUD-01[ManagementEvents]"]),
            ([{"ReadWriteType": ref("Free")}], ["SC-AUD-01?"]),
            ([{"IncludeManagementEvents": ref("Free")}], ["SC-AUD-01?"]),
            (ref("Free"), ["SC-AUD-01?"]),
            ([], []),
            (NO_VALUE, []),
            ([{}], []),
            ([{"ReadWriteType": "All", "IncludeManagementEvents": True, "ExcludeManagementEventSources": []}], []),
            ([{"ReadWriteType": "ReadOnly"}, {"ReadWriteType": "WriteOnly"}], []),
            ([{"IncludeManagementEvents": False}, {}], []),
            ([{"ReadWriteType": either("Prod", "All", "WriteOnly")}, {"ReadWriteType": "ReadOnly"}], []),
            (
                [
                    {
                        "ReadWriteType": either("Prod", "All", "WriteOnly"),
                        "IncludeManagementEvents": either("Prod", True, False),
                    },
                    {"IncludeManagementEvents": either("Prod", False, True)},
                ],
                [],
            ),
            ([either("Prod", {"ReadWriteType": "All"}, {})], []),
            (either("Prod", [{"ReadWriteType": "All"}]), []),
        ],
    )
    def test_event_selectors(self, selectors: Any, expected: list[str]) -> None:
        assert judged(incomplete_trail, TRAIL, COMPLETE | {"EventSelectors": selectors}) == expected

    @pytest.mark.parametrize(
        "broken",
        [
            {"ReadWriteType": ("All", "WriteOnly"), "IncludeManagementEvents": (False, True)},
            {"ReadWriteType": ("All", "WriteOnly"), "ExcludeManagementEventSources": (["kms.amazonaws.com"], [])},
            {"IncludeManagementEvents": (True, False), "ExcludeManagementEventSources": (["kms.amazonaws.com"], [])},
        ],
    )
    @pytest.mark.parametrize("turned", [False, True])
    def test_settings_of_two_sides_of_a_condition_are_not_put_together(self, broken: Any, turned: bool) -> None:
        def where_open(here: Any, there: Any) -> dict[str, Any]:
            return either("Open", there, here) if turned else either("Open", here, there)

        selectors = [
            {name: where_open(*sides) for name, sides in broken.items()},
            {"IncludeManagementEvents": where_open(False, True)},
        ]
        found = judged(incomplete_trail, TRAIL, COMPLETE | {"EventSelectors": selectors})
        assert found == ["SC-AUD-01[ManagementEvents]"]

    @pytest.mark.parametrize(
        ("selectors", "expected"),
        [
            ([[]], ["SC-AUD-01[ManagementEvents]"]),
            ([[("eventCategory", ["Data"])]], ["SC-AUD-01[ManagementEvents]"]),
            ([[("eventCategory", ["Management"]), ("readOnly", ["false"])]], ["SC-AUD-01[ManagementEvents]"]),
            ([[("eventCategory", ["Management"]), ("eventName", ["GetItem"])]], ["SC-AUD-01[ManagementEvents]"]),
            ([[("eventCategory", either("Prod", ["Management"], ["Data"]))]], ["SC-AUD-01[ManagementEvents]"]),
            (
                [[("eventCategory", ["Data"]), ("resources.ARN", [att("Bucket")])]],
                ["SC-AUD-01[ManagementEvents]"],
            ),
            ([[("eventCategory", [ref("Free")])]], ["SC-AUD-01?"]),
            ([[("eventCategory", ["Management"]), (ref("Free"), ["x"])]], ["SC-AUD-01?"]),
            ([[("eventCategory", ["Management"])]], []),
            ([[("eventCategory", ["Data"])], [("eventCategory", ["Management"])]], []),
            (
                [
                    [("eventCategory", ["Management"]), ("readOnly", ["true"])],
                    [("eventCategory", ["Management"]), ("readOnly", [False])],
                ],
                [],
            ),
        ],
    )
    def test_advanced_event_selectors(self, selectors: list[Any], expected: list[str]) -> None:
        written = [
            {"FieldSelectors": [{"Field": field, "Equals": values} for field, values in fields]} for fields in selectors
        ]
        assert judged(incomplete_trail, TRAIL, COMPLETE | {"AdvancedEventSelectors": written}) == expected

    def test_a_field_selector_on_one_side_of_a_condition(self) -> None:
        fields = [either("Prod", {"Field": "eventCategory", "Equals": ["Management"]})]
        properties = COMPLETE | {"AdvancedEventSelectors": [{"FieldSelectors": fields}]}
        assert judged(incomplete_trail, TRAIL, properties) == ["SC-AUD-01[ManagementEvents]"]

    def test_unknown_field_selectors(self) -> None:
        selectors = [{"FieldSelectors": ref("Free")}]
        assert judged(incomplete_trail, TRAIL, COMPLETE | {"AdvancedEventSelectors": selectors}) == ["SC-AUD-01?"]

    def test_a_source_left_out(self) -> None:
        fields = [
            {"Field": "eventCategory", "Equals": ["Management"]},
            {"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]},
        ]
        properties = COMPLETE | {"AdvancedEventSelectors": [{"FieldSelectors": fields}]}
        assert judged(incomplete_trail, TRAIL, properties) == ["SC-AUD-01[ManagementEvents]"]

    @pytest.mark.parametrize(
        ("properties", "expected"),
        [
            ({}, ["SC-AUD-02"]),
            ({"KMSKeyId": NO_VALUE}, ["SC-AUD-02"]),
            ({"KMSKeyId": ""}, ["SC-AUD-02"]),
            ({"KMSKeyId": either("Prod", att("Judged"))}, ["SC-AUD-02"]),
            ({"KMSKeyId": ref("Free")}, ["SC-AUD-02?"]),
            ({"KMSKeyId": att("Judged")}, []),
            ({"KMSKeyId": "alias/audit"}, []),
            ({"KMSKeyId": either("Prod", att("Judged"), "alias/audit")}, []),
        ],
    )
    def test_unencrypted_trail(self, properties: dict[str, Any], expected: list[str]) -> None:
        assert judged(unencrypted_trail, TRAIL, properties) == expected

    @pytest.mark.parametrize(
        ("group", "role", "expected"),
        [
            (NO_VALUE, NO_VALUE, ["SC-AUD-03"]),
            (NO_VALUE, att("Role"), ["SC-AUD-03"]),
            (att("Judged"), NO_VALUE, ["SC-AUD-03"]),
            (either("Prod", att("Judged")), att("Judged"), ["SC-AUD-03"]),
            (att("Judged"), either("Prod", att("Judged")), ["SC-AUD-03"]),
            (ref("Free"), att("Judged"), ["SC-AUD-03?"]),
            (att("Judged"), ref("Free"), ["SC-AUD-03?"]),
            (att("Judged"), att("Judged"), []),
            (either("Prod", att("Judged"), "arn:x:*"), att("Judged"), []),
        ],
    )
    def test_unwatched_trail(self, group: Any, role: Any, expected: list[str]) -> None:
        properties = {"CloudWatchLogsLogGroupArn": group, "CloudWatchLogsRoleArn": role}
        assert judged(unwatched_trail, TRAIL, properties) == expected


VERSIONED = {"VersioningConfiguration": {"Status": "Enabled"}}
CLOSED = {
    "PublicAccessBlockConfiguration": {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": "true",
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
}
RETAINED = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "RetainExceptOnCreate"}


class TestBuckets:
    def bucket(self, properties: dict[str, Any], name: Any = None, **entry: Any) -> list[str]:
        trail = {"Type": TRAIL, "Properties": {"S3BucketName": ref("Bucket") if name is None else name}}
        bucket = {"Type": BUCKET, "Properties": properties, **entry}
        return said(unprotected_trail_bucket, template({"Trail": trail, "Bucket": bucket}))

    @pytest.mark.parametrize(
        ("properties", "entry", "expected"),
        [
            (CLOSED, RETAINED, ["SC-AUD-04[VersioningConfiguration]"]),
            (
                CLOSED | {"VersioningConfiguration": {"Status": "Suspended"}},
                RETAINED,
                ["SC-AUD-04[VersioningConfiguration]"],
            ),
            (
                CLOSED | {"VersioningConfiguration": either("Prod", {"Status": "Enabled"})},
                RETAINED,
                ["SC-AUD-04[VersioningConfiguration]"],
            ),
            (CLOSED | {"VersioningConfiguration": {"Status": ref("Free")}}, RETAINED, ["SC-AUD-04?"]),
            (
                CLOSED | {"ObjectLockEnabled": either("Prod", True)},
                RETAINED,
                ["SC-AUD-04[VersioningConfiguration]"],
            ),
            (CLOSED | VERSIONED, {}, ["SC-AUD-04[DeletionPolicy]", "SC-AUD-04[UpdateReplacePolicy]"]),
            (CLOSED | VERSIONED, RETAINED | {"DeletionPolicy": "Delete"}, ["SC-AUD-04[DeletionPolicy]"]),
            (
                CLOSED | VERSIONED,
                RETAINED | {"UpdateReplacePolicy": either("Prod", "Retain", "Delete")},
                ["SC-AUD-04[UpdateReplacePolicy]"],
            ),
            (CLOSED | VERSIONED, RETAINED | {"DeletionPolicy": ref("Free")}, ["SC-AUD-04?"]),
            (
                CLOSED | VERSIONED | {"ObjectLockEnabled": ref("Free")},
                RETAINED | {"DeletionPolicy": "Delete"},
                ["SC-AUD-04?"],
            ),
            (
                CLOSED | VERSIONED | {"ObjectLockEnabled": either("Prod", True)},
                RETAINED | {"DeletionPolicy": "Delete"},
                ["SC-AUD-04[DeletionPolicy]"],
            ),
            (VERSIONED, RETAINED, ["SC-AUD-04[PublicAccessBlockConfiguration]"]),
            (
                VERSIONED | {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "BlockPublicPolicy": True}},
                RETAINED,
                ["SC-AUD-04[PublicAccessBlockConfiguration]"] * 2,
            ),
            (VERSIONED | {"PublicAccessBlockConfiguration": ref("Free")}, RETAINED, ["SC-AUD-04?"]),
            (CLOSED | VERSIONED, RETAINED, []),
            (CLOSED | VERSIONED | {"ObjectLockEnabled": True}, {}, []),
            (CLOSED | {"ObjectLockEnabled": True}, {}, []),
            (
                CLOSED | VERSIONED | {"ObjectLockEnabled": either("Prod", True)},
                RETAINED | {"DeletionPolicy": either("Prod", "Delete", "Retain")},
                [],
            ),
        ],
    )
    def test_unprotected_trail_bucket(
        self, properties: dict[str, Any], entry: dict[str, Any], expected: list[str]
    ) -> None:
        assert self.bucket(properties, **entry) == expected

    @pytest.mark.parametrize(
        ("name", "own", "judged"),
        [
            (ref("Bucket"), NO_VALUE, True),
            (sub("${Bucket}"), NO_VALUE, True),
            (either("Prod", ref("Bucket"), "elsewhere"), NO_VALUE, True),
            ("audit-trail", "audit-trail", True),
            ("audit-trail", either("Prod", "audit-trail", "other"), True),
            (ref("Free"), ref("Free"), True),
            ("elsewhere", "audit-trail", False),
            ("elsewhere", NO_VALUE, False),
            (NO_VALUE, NO_VALUE, False),
            (ref("Other"), NO_VALUE, False),
            (ref("Free"), NO_VALUE, False),
        ],
    )
    def test_the_buckets_of_trails(self, name: Any, own: Any, judged: bool) -> None:
        assert bool(self.bucket({"BucketName": own}, name)) == judged

    def test_the_bucket_of_a_trail_in_another_stack(self) -> None:
        bucket = template(
            {"Bucket": {"Type": BUCKET}},
            Outputs={"Name": {"Value": ref("Bucket"), "Export": {"Name": "audit-bucket"}}},
        )
        trail = template(
            {"Trail": {"Type": TRAIL, "Properties": {"S3BucketName": {"Fn::ImportValue": "audit-bucket"}}}}
        )
        assert said(unprotected_trail_bucket, bucket) == []
        assert len(said(unprotected_trail_bucket, bucket, trail)) == 4


def without(*types: str) -> list[str]:
    return [type_ for type_ in CONTAINER_TYPES if type_ not in types]


def strategy(name: Any, **group: Any) -> dict[str, Any]:
    return {"RecordingGroup": {"RecordingStrategy": {"UseOnly": name}, **group}}


ECR, EKS = "AWS::ECR::Repository", "AWS::EKS::Cluster"
EXCLUSION, INCLUSION = "EXCLUSION_BY_RESOURCE_TYPES", "INCLUSION_BY_RESOURCE_TYPES"


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"StartedOnCreate": False}, ["SC-AUD-05[StartedOnCreate]"]),
        ({"StartedOnCreate": either("Prod", True, "false")}, ["SC-AUD-05[StartedOnCreate]"]),
        ({"StartedOnCreate": ref("Free")}, ["SC-AUD-05?"]),
        ({"RecordingGroup": {"ResourceTypes": without(EKS)}}, [f"SC-AUD-05[{EKS}]"]),
        ({"RecordingGroup": {"ResourceTypes": without(ECR, EKS)}}, [f"SC-AUD-05[{ECR}]", f"SC-AUD-05[{EKS}]"]),
        (strategy(INCLUSION, ResourceTypes=without(EKS)), [f"SC-AUD-05[{EKS}]"]),
        ({"RecordingGroup": {}}, sorted(f"SC-AUD-05[{type_}]" for type_ in CONTAINER_TYPES)),
        (
            {"RecordingGroup": {"AllSupported": False, "ResourceTypes": [*without(EKS), either("Prod", EKS)]}},
            [f"SC-AUD-05[{EKS}]"],
        ),
        (
            {"RecordingGroup": either("Prod", {"AllSupported": True}, {"ResourceTypes": without(EKS)})},
            [f"SC-AUD-05[{EKS}]"],
        ),
        (strategy(EXCLUSION, ExclusionByResourceTypes={"ResourceTypes": [EKS]}), [f"SC-AUD-05[{EKS}]"]),
        (
            strategy(EXCLUSION, ExclusionByResourceTypes={"ResourceTypes": [either("Prod", EKS), "AWS::IAM::Role"]}),
            [f"SC-AUD-05[{EKS}]"],
        ),
        (strategy(EXCLUSION, ExclusionByResourceTypes={"ResourceTypes": [ref("Free")]}), ["SC-AUD-05?"]),
        ({"RecordingGroup": {"AllSupported": ref("Free")}}, ["SC-AUD-05?"]),
        ({"RecordingGroup": {"ResourceTypes": ref("Free")}}, ["SC-AUD-05?"]),
        ({"RecordingGroup": {"ResourceTypes": [*without(EKS), ref("Free")]}}, ["SC-AUD-05?"]),
        ({"RecordingGroup": ref("Free")}, ["SC-AUD-05?"]),
        (strategy(ref("Free"), ResourceTypes=without(EKS)), ["SC-AUD-05?"]),
        ({}, []),
        ({"StartedOnCreate": True}, []),
        ({"RecordingGroup": {"AllSupported": True}}, []),
        ({"RecordingGroup": {"AllSupported": "true", "IncludeGlobalResourceTypes": True}}, []),
        (strategy("ALL_SUPPORTED_RESOURCE_TYPES", AllSupported=True), []),
        (strategy(either("NotProd", "ALL_SUPPORTED_RESOURCE_TYPES"), AllSupported=either("Prod", True, False)), []),
        ({"RecordingGroup": {"ResourceTypes": [*CONTAINER_TYPES, "AWS::IAM::Role"]}}, []),
        (strategy(INCLUSION, ResourceTypes=[*CONTAINER_TYPES, ref("Free")]), []),
        (
            {"RecordingGroup": {"ResourceTypes": [*without(EKS), either("Prod", EKS), either("NotProd", EKS)]}},
            [],
        ),
        (strategy(EXCLUSION, ExclusionByResourceTypes={"ResourceTypes": ["AWS::IAM::Role"]}), []),
        (
            {
                "RecordingGroup": {
                    "AllSupported": either("Prod", True, False),
                    "ResourceTypes": either("Prod", NO_VALUE, list(CONTAINER_TYPES)),
                }
            },
            [],
        ),
        (
            {
                "RecordingGroup": {
                    "RecordingStrategy": {"UseOnly": either("Prod", EXCLUSION, INCLUSION)},
                    "ResourceTypes": either("NotProd", list(CONTAINER_TYPES)),
                    "ExclusionByResourceTypes": {"ResourceTypes": either("Prod", ["AWS::IAM::Role"], [EKS])},
                }
            },
            [],
        ),
    ],
)
def test_unrecorded_containers(properties: dict[str, Any], expected: list[str]) -> None:
    assert judged(unrecorded_containers, RECORDER, properties) == expected


def feature(name: Any, status: Any = "ENABLED", *agents: Any) -> dict[str, Any]:
    return {"Name": name, "Status": status} | ({"AdditionalConfiguration": list(agents)} if agents else {})


ECS_AGENT, EKS_AGENT = feature("ECS_FARGATE_AGENT_MANAGEMENT"), feature("EKS_ADDON_MANAGEMENT")
RUNTIME = feature("RUNTIME_MONITORING", "ENABLED", ECS_AGENT, EKS_AGENT)
NO_RUNTIME = ["SC-AUD-06[RUNTIME_MONITORING]"]
NO_AUDIT_LOGS = ["SC-AUD-06[EKS_AUDIT_LOGS]"]


class TestDetectors:
    @pytest.mark.parametrize(
        ("features", "expected"),
        [
            (NO_VALUE, NO_RUNTIME),
            ([], NO_RUNTIME),
            ([feature("EKS_AUDIT_LOGS")], NO_RUNTIME),
            ([feature("RUNTIME_MONITORING", "DISABLED")], NO_RUNTIME),
            (either("Prod", [RUNTIME]), NO_RUNTIME),
            ([either("Prod", RUNTIME)], NO_RUNTIME),
            ([RUNTIME | {"Status": either("Prod", "ENABLED", "DISABLED")}], NO_RUNTIME),
            ([RUNTIME | {"Status": ref("Status")}], NO_RUNTIME),
            ([feature("EKS_RUNTIME_MONITORING", "ENABLED", EKS_AGENT)], NO_RUNTIME),
            (
                [feature("RUNTIME_MONITORING")],
                ["SC-AUD-06[ECS_FARGATE_AGENT_MANAGEMENT]", "SC-AUD-06[EKS_ADDON_MANAGEMENT]"],
            ),
            ([feature("RUNTIME_MONITORING", "ENABLED", ECS_AGENT)], ["SC-AUD-06[EKS_ADDON_MANAGEMENT]"]),
            (
                [feature("RUNTIME_MONITORING", "ENABLED", ECS_AGENT | {"Status": "DISABLED"}, EKS_AGENT)],
                ["SC-AUD-06[ECS_FARGATE_AGENT_MANAGEMENT]"],
            ),
            (
                [feature("RUNTIME_MONITORING", "ENABLED", ECS_AGENT, either("Prod", EKS_AGENT))],
                ["SC-AUD-06[EKS_ADDON_MANAGEMENT]"],
            ),
            ([RUNTIME, feature("EKS_AUDIT_LOGS", "DISABLED")], NO_AUDIT_LOGS),
            ([RUNTIME, feature("EKS_AUDIT_LOGS", either("Prod", "ENABLED", "DISABLED"))], NO_AUDIT_LOGS),
            ([RUNTIME | {"Status": ref("Free")}], ["SC-AUD-06?"]),
            ([feature(ref("Free"))], ["SC-AUD-06?"]),
            ([RUNTIME, feature("EKS_AUDIT_LOGS", ref("Free"))], ["SC-AUD-06?"]),
            ([feature("RUNTIME_MONITORING", "ENABLED", ECS_AGENT, feature(ref("Free")))], ["SC-AUD-06?"]),
            ([RUNTIME], []),
            ([RUNTIME, feature("EKS_AUDIT_LOGS")], []),
            ([either("Prod", RUNTIME), either("NotProd", RUNTIME)], []),
            (either("Prod", [RUNTIME], [RUNTIME, feature("S3_DATA_EVENTS", "DISABLED")]), []),
        ],
    )
    def test_features(self, features: Any, expected: list[str]) -> None:
        assert judged(unwatched_runtime, DETECTOR, {"Enable": True, "Features": features}) == expected

    def test_unknown_features(self) -> None:
        assert set(judged(unwatched_runtime, DETECTOR, {"Enable": True, "Features": ref("Free")})) == {"SC-AUD-06?"}

    @pytest.mark.parametrize(
        ("enabled", "expected"),
        [
            (False, ["SC-AUD-06[Enable]"]),
            (NO_VALUE, ["SC-AUD-06[Enable]"]),
            (either("Prod", True, False), ["SC-AUD-06[Enable]"]),
            (ref("Free"), ["SC-AUD-06?"]),
            ("true", []),
        ],
    )
    def test_enabled(self, enabled: Any, expected: list[str]) -> None:
        assert judged(unwatched_runtime, DETECTOR, {"Enable": enabled, "Features": [RUNTIME]}) == expected

    @pytest.mark.parametrize(
        ("audit_logs", "expected"),
        [
            (False, NO_AUDIT_LOGS + NO_RUNTIME),
            (either("Prod", True, False), NO_AUDIT_LOGS + NO_RUNTIME),
            (ref("Free"), ["SC-AUD-06?", *NO_RUNTIME]),
            (True, NO_RUNTIME),
        ],
    )
    def test_the_older_data_sources(self, audit_logs: Any, expected: list[str]) -> None:
        sources = {"Kubernetes": {"AuditLogs": {"Enable": audit_logs}}}
        assert sorted(judged(unwatched_runtime, DETECTOR, {"Enable": True, "DataSources": sources})) == sorted(expected)

    @pytest.mark.parametrize(
        ("region", "expected"),
        [
            ("cn-north-1", NO_AUDIT_LOGS),
            ("us-gov-west-1", NO_AUDIT_LOGS + NO_RUNTIME),
            ("eu-central-1", NO_AUDIT_LOGS + NO_RUNTIME),
            (None, NO_AUDIT_LOGS + NO_RUNTIME),
        ],
    )
    def test_china_has_no_runtime_monitoring(self, region: str | None, expected: list[str]) -> None:
        properties = {"Enable": True, "Features": [feature("EKS_AUDIT_LOGS", "DISABLED")]}
        assert judged(unwatched_runtime, DETECTOR, properties, region=region) == expected


SINGLE = [
    RECORDER,
    DETECTOR,
    "AWS::Config::DeliveryChannel",
    "AWS::ECR::RegistryPolicy",
    "AWS::ECR::ReplicationConfiguration",
    "AWS::ECR::RegistryScanningConfiguration",
    "AWS::ECR::SigningConfiguration",
    "AWS::EC2::VPCBlockPublicAccessOptions",
]


class TestSeconds:
    def stack(self, name: str | None, account: str | None, region: str | None) -> Template:
        body = {"Resources": {"Detector": {"Type": DETECTOR}}}
        return Template(body, f"{name}.json", account=account, region=region, stack=name)

    @pytest.mark.parametrize("type_", SINGLE)
    def test_two_in_a_template(self, type_: str) -> None:
        one = {"One": {"Type": type_}}
        assert said(second_of_its_kind, template(one)) == []
        assert said(second_of_its_kind, template(one | {"Two": {"Type": type_}})) == ["SC-AUD-07"]
        three = one | {"Two": {"Type": type_}, "Three": {"Type": type_}}
        assert said(second_of_its_kind, template(three)) == ["SC-AUD-07", "SC-AUD-07"]

    def test_one_of_each(self) -> None:
        resources = {type_.replace(":", ""): {"Type": type_} for type_ in SINGLE}
        assert said(second_of_its_kind, template(resources)) == []

    def test_others_may_be_many(self) -> None:
        assert said(second_of_its_kind, template({name: {"Type": BUCKET} for name in "ABC"})) == []

    @pytest.mark.parametrize(
        ("one", "two", "bad"),
        [
            ("Prod", "Prod", True),
            ("Prod", "Open", True),
            ("Prod", None, True),
            (None, "Open", True),
            ("Prod", "NotProd", False),
            ("NotProd", "Prod", False),
            ("Prod", "Dev", False),
            ("Either", "Neither", False),
            ("Neither", "Either", False),
        ],
    )
    def test_conditions(self, one: str | None, two: str | None, bad: bool) -> None:
        resources = {
            name: {"Type": DETECTOR} | ({"Condition": condition} if condition else {})
            for name, condition in (("One", one), ("Two", two))
        }
        conditions = {
            "Either": {"Fn::Or": [{"Condition": "Prod"}, {"Condition": "Open"}]},
            "Neither": {"Fn::And": [{"Condition": "NotProd"}, {"Fn::Not": [{"Condition": "Open"}]}]},
        }
        assert said(second_of_its_kind, template(resources, Conditions=conditions)) == ["SC-AUD-07"] * bad

    @pytest.mark.parametrize(
        ("one", "two", "bad"),
        [
            (("A", ACCOUNT, "eu-central-1"), ("B", ACCOUNT, "eu-central-1"), True),
            (("A", ACCOUNT, "eu-central-1"), ("B", ACCOUNT, "eu-west-1"), False),
            (("A", ACCOUNT, "eu-central-1"), ("B", FOREIGN, "eu-central-1"), False),
            (("A", ACCOUNT, "eu-central-1"), ("B", None, "eu-central-1"), False),
            (("A", None, None), ("B", None, None), False),
            ((None, None, None), (None, None, None), False),
            ((None, ACCOUNT, "eu-central-1"), (None, ACCOUNT, "eu-central-1"), False),
        ],
    )
    def test_two_stacks(self, one: Any, two: Any, bad: bool) -> None:
        assert said(second_of_its_kind, self.stack(*one), self.stack(*two)) == ["SC-AUD-07"] * bad

    @pytest.mark.parametrize(
        ("one", "two", "bad"),
        [(None, None, True), ("Prod", "Open", True), ("Prod", "NotProd", False), ("Prod", "Dev", False)],
    )
    def test_two_nested_stacks(self, one: str | None, two: str | None, bad: bool) -> None:
        nested = {
            name: {"Type": "AWS::CloudFormation::Stack"} | ({"Condition": condition} if condition else {})
            for name, condition in (("One", one), ("Two", two))
        }
        parent = template(nested)
        children = [
            Template({"Resources": {"Detector": {"Type": DETECTOR}}}, f"{name}.json", parent=stack)
            for name, stack in parent.resources.items()
        ]
        assert said(second_of_its_kind, parent, *children) == ["SC-AUD-07"] * bad

    def test_a_nested_stack_and_its_parent(self) -> None:
        parent = template({"Detector": {"Type": DETECTOR}, "Nested": {"Type": "AWS::CloudFormation::Stack"}})
        child = Template(
            {"Resources": {"Detector": {"Type": DETECTOR}}}, "child.json", parent=parent.resources["Nested"]
        )
        assert said(second_of_its_kind, parent, child) == ["SC-AUD-07"]
