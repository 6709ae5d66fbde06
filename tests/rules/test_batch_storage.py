"""The rule about file systems of jobs."""

from __future__ import annotations

from typing import Any

import pytest

from secure_containers.rules.batch_storage import open_file_system
from tests.rules.support import NO_VALUE, either, ref, said, template

CLOSED = {"Iam": "ENABLED", "AccessPointId": ref("Point")}
PARAMETERS = {
    "Choice": {"Type": "String", "AllowedValues": ["ENABLED", "DISABLED"]},
    "AnyPoint": {"Type": "String"},
    "OnePoint": {"Type": "String", "AllowedPattern": "fsap-.+"},
}


def mounted(transit: Any = "ENABLED", authorization: Any = CLOSED) -> dict[str, Any]:
    return {"FileSystemId": "fs-1", "TransitEncryption": transit, "AuthorizationConfig": authorization}


def judged(volumes: Any, *, form: str = "container") -> list[str]:
    task = {"Image": "busybox", "Volumes": volumes}
    properties = {
        "container": {"ContainerProperties": task},
        "task": {"EcsProperties": {"TaskProperties": [task]}},
        "nodes": {"NodeProperties": {"NodeRangeProperties": [{"Container": task}]}},
    }[form]
    resources = {
        "Job": {"Type": "AWS::Batch::JobDefinition", "Properties": {"Type": "container", **properties}},
        "Point": {"Type": "AWS::EFS::AccessPoint"},
    }
    return said(open_file_system, template(resources, Parameters=PARAMETERS))


ALL = ["SC-BAT-18[AccessPointId]", "SC-BAT-18[Iam]", "SC-BAT-18[TransitEncryption]"]


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ({"FileSystemId": "fs-1"}, ALL),
        (mounted("DISABLED"), ["SC-BAT-18[TransitEncryption]"]),
        (mounted(NO_VALUE), ["SC-BAT-18[TransitEncryption]"]),
        (mounted(either("Prod", "ENABLED")), ["SC-BAT-18[TransitEncryption]"]),
        (mounted(ref("Choice")), ["SC-BAT-18[TransitEncryption]"]),
        (mounted(ref("Free")), ["SC-BAT-18?"]),
        (mounted(authorization=CLOSED | {"Iam": "DISABLED"}), ["SC-BAT-18[Iam]"]),
        (mounted(authorization={"Iam": "ENABLED"}), ["SC-BAT-18[AccessPointId]"]),
        (mounted(authorization=CLOSED | {"AccessPointId": ref("AnyPoint")}), ["SC-BAT-18?"]),
        (mounted(authorization=NO_VALUE), ALL[:2]),
        (ref("Free"), ["SC-BAT-18?"] * 3),
        (mounted(), []),
        (mounted(authorization=CLOSED | {"AccessPointId": ref("OnePoint")}), []),
        (NO_VALUE, []),
    ],
)
@pytest.mark.parametrize("form", ["container", "task", "nodes"])
def test_open_file_system(configuration: Any, form: str, expected: list[str]) -> None:
    assert judged([{"Name": "files", "EfsVolumeConfiguration": configuration}], form=form) == expected


def test_a_volume_under_a_condition() -> None:
    open_volume = {"Name": "files", "EfsVolumeConfiguration": {"FileSystemId": "fs-1"}}
    assert judged([either("Prod", open_volume)]) == ALL
    assert judged(either("Prod", [open_volume])) == ALL


def test_volumes_that_are_no_file_systems() -> None:
    assert judged([{"Name": "scratch", "Host": {"SourcePath": "/tmp"}}]) == []  # noqa: S108 - nothing is written there
    assert judged(NO_VALUE) == []
