"""The four reports: what people and build systems read in them."""

from __future__ import annotations

import os
import re
from collections import Counter
from datetime import date, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest

from secure_containers import __version__
from secure_containers.check.formats import FORMATS, one_line
from secure_containers.rules import ENGINE_RULES, RULES, find_rule
from tests.check.conftest import Command, Run
from tests.check.samples import BAD, CLEAN, REASON, REPOSITORY, put, waived

UNDECIDED = {
    "Parameters": {"Mutability": {"Type": "String"}},
    "Resources": {"Images": {**REPOSITORY, "Properties": {"ImageTagMutability": {"Ref": "Mutability"}}}},
}
WAIVER = {"Rule": "SC-ECR-01", "Reason": REASON}
HOSTILE = 'a"b<c>&\n\r\t\x00\x1b[31m\x7f\x85\u2028\u202e\ufffe\ud800'
"""What XML, a terminal or an encoding has no place for."""
TODAY = date.today()


def a_bit_of_everything() -> list[str]:
    """Violations, an undecided, a waived and an engine finding, a clean template and two that cannot be read."""
    put("bad.json", BAD)
    put("undecided.json", UNDECIDED)
    put("waived.json", waived(WAIVER, {**WAIVER, "Rule": "SC-ECR-08"}))
    put("clean.json", CLEAN)
    put("broken.json", '{\n "Resources": }')
    return ["bad.json", "undecided.json", "waived.json", "clean.json", "broken.json", "gone.json"]


class TestText:
    def test_a_finding_shows_id_path_line_fix_and_waiver(self, run: Command) -> None:
        put("a.json", {"Resources": {"Images": {**REPOSITORY, "Metadata": {"aws:cdk:path": "App/Images/Resource"}}}})
        lines = run("check", "a.json", "--only", "SC-ECR-01").out.splitlines()
        assert lines == [
            "a.json",
            "  error SC-ECR-01 App/Images/Resource Properties.ImageTagMutability (line 3)",
            "    ImageTagMutability is not set, which means MUTABLE",
            f"    fix: {find_rule('SC-ECR-01').fix}",
            '    waive: Waiver("SC-ECR-01", reason="...")',
            "",
            "1 template, 1 resource, 1 rule, 1 finding (1 error, 0 warnings), 0 waived",
        ]

    def test_a_clean_run_is_one_line(self, run: Command) -> None:
        put("a.json", CLEAN)
        totals = f"1 template, 1 resource, {len(RULES)} rules, 0 findings (0 errors, 0 warnings), 0 waived\n"
        assert run("check", "a.json").out == totals

    def test_unreadable_files_come_first_and_are_counted(self, run: Command) -> None:
        lines = run("check", *a_bit_of_everything()).out.splitlines()
        assert lines[0].startswith("cannot read broken.json:2:15: is not JSON: ")
        assert lines[1] == "cannot read gone.json: there is no such file or folder"
        assert lines[-1].endswith(", 1 waived, 2 not read")

    def test_each_template_has_one_heading(self, run: Command) -> None:
        lines = run("check", *a_bit_of_everything()).out.splitlines()
        headings = [line for line in lines if line.endswith(".json")]
        assert headings == ["bad.json", "undecided.json", "waived.json"]
        unused = next(number for number, line in enumerate(lines) if "SC-ENG-02" in line)
        assert lines.index("waived.json") < unused < lines.index("waived")

    def test_a_waived_finding_shows_its_reason_and_last_day(self, run: Command) -> None:
        put("a.json", waived({**WAIVER, "Until": "2999-12-31"}))
        lines = run("check", "a.json", "--only", "SC-ECR-01").out.splitlines()
        assert lines == [
            "waived",
            f"  SC-ECR-01 Images Properties.ImageTagMutability: {REASON} (until 2999-12-31)",
            "",
            "1 template, 1 resource, 1 rule, 0 findings (0 errors, 0 warnings), 1 waived",
        ]

    @pytest.mark.parametrize("property", ["ImageTagMutability", "RepositoryName"])
    def test_what_a_template_says_cannot_break_lines_nor_steer_the_terminal(self, property: str, run: Command) -> None:
        put("a.json", {"Resources": {HOSTILE: {**REPOSITORY, "Properties": {property: HOSTILE}}}})
        plain = {"Resources": {"Images": {**REPOSITORY, "Properties": {property: "plain"}}}}
        put("b.json", plain)
        hostile, harmless = run("check", "a.json").out, run("check", "b.json").out
        assert hostile.count("\n") == harmless.count("\n")
        assert all(line.isprintable() for line in hostile.splitlines())

    def test_one_line_leaves_ordinary_text_alone(self) -> None:
        assert one_line("caf\u00e9 \U0001f433 -> 'x'") == "caf\u00e9 \U0001f433 -> 'x'"
        assert one_line("a\nb\x1b") == r"a\nb\x1b"


class TestJson:
    def test_the_object(self, run: Command) -> None:
        result = run("check", "--format", "json", *a_bit_of_everything())
        report = result.report
        assert set(report) == {"version", "summary", "errors", "findings"}
        assert report["version"] == __version__
        open_ = [finding for finding in report["findings"] if not finding["waived"]]
        assert report["summary"] == {
            "templates": 4,
            "resources": 4,
            "rules": len(RULES),
            "open": len(open_),
            "waived": len(report["findings"]) - len(open_),
        }
        assert len(report["errors"]) == 2
        assert result.err.splitlines() == [f"cannot read {error}" for error in report["errors"]]

    def test_a_finding(self, run: Command) -> None:
        put("a.json", {"Resources": {"Images": {**REPOSITORY, "Metadata": {"aws:cdk:path": "App/Images/Resource"}}}})
        (finding,) = run("check", "--format", "json", "a.json", "--only", "SC-ECR-01").report["findings"]
        assert finding == {
            "rule": "SC-ECR-01",
            "name": "mutable_image_tags",
            "severity": "error",
            "kind": "violation",
            "template": "a.json",
            "resource": "Images",
            "type": "AWS::ECR::Repository",
            "construct": "App/Images/Resource",
            "location": "Properties.ImageTagMutability",
            "line": 3,
            "message": "ImageTagMutability is not set, which means MUTABLE",
            "fix": find_rule("SC-ECR-01").fix,
            "waived": False,
        }

    def test_kinds_and_waivers_are_told_apart(self, run: Command) -> None:
        findings = run("check", "--format", "json", *a_bit_of_everything()).report["findings"]
        kinds = Counter((each["template"], each["rule"], each["kind"], bool(each["waived"])) for each in findings)
        assert kinds["bad.json", "SC-ECR-01", "violation", False] == 1
        assert kinds["undecided.json", "SC-ECR-01", "undecided", False] == 1
        assert kinds["waived.json", "SC-ECR-01", "violation", True] == 1
        assert kinds["waived.json", "SC-ENG-02", "engine", False] == 1

    def test_a_finding_of_the_template_as_a_whole_has_no_resource(self, run: Command) -> None:
        put("a.json", {**CLEAN, "Description": "ask maria.lopez@example.com"})
        (finding,) = run("check", "--format", "json", "a.json").report["findings"]
        assert [finding[key] for key in ("resource", "type", "construct", "line")] == [None, None, None, 1]


class TestSarif:
    def test_the_log(self, run: Command) -> None:
        result = run("check", "--format", "sarif", *a_bit_of_everything())
        log = result.report
        assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
        assert log["$schema"].endswith("sarif-2.1.0.json")
        (invocation,) = log["runs"][0]["invocations"]
        assert invocation["executionSuccessful"] is False
        notes = invocation["toolExecutionNotifications"]
        assert [(note["level"], note["message"]["text"].split(":")[0]) for note in notes] == [
            ("error", "broken.json"),
            ("error", "gone.json"),
        ]

    def test_a_run_that_read_everything_is_successful(self, run: Command) -> None:
        put("a.json", CLEAN)
        (invocation,) = run("check", "--format", "sarif", "a.json").report["runs"][0]["invocations"]
        assert invocation == {"executionSuccessful": True, "toolExecutionNotifications": []}

    def test_every_rule_is_described_once(self, run: Command) -> None:
        put("a.json", CLEAN)
        driver = run("check", "--format", "sarif", "a.json").report["runs"][0]["tool"]["driver"]
        assert (driver["name"], driver["version"]) == ("secure-containers", __version__)
        assert [rule["id"] for rule in driver["rules"]] == [rule.id for rule in (*RULES, *ENGINE_RULES)]
        for rule in driver["rules"]:
            assert rule["shortDescription"]["text"]
            assert rule["help"]["text"]
            assert rule["help"]["markdown"]
            assert rule["defaultConfiguration"]["level"] in ("error", "warning")
            assert len(set(rule["properties"]["tags"])) == len(rule["properties"]["tags"])

    @pytest.mark.parametrize("options", [[], ["--only", "SC-ECR-01"], ["--without", "SC-ECR-02"]])
    def test_every_result_is_well_formed(self, options: list[str], run: Command) -> None:
        (sarif,) = run("check", "--format", "sarif", *options, *a_bit_of_everything()).report["runs"]
        rules = sarif["tool"]["driver"]["rules"]
        assert sarif["results"]
        for result in sarif["results"]:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
            assert result["kind"] in ("fail", "review")
            # 3.27.10: a level other than none only where something failed
            assert result["level"] in (("error", "warning") if result["kind"] == "fail" else ("none",))
            assert result["message"]["text"]
            (location,) = result["locations"]
            assert location["physicalLocation"]["region"]["startLine"] >= 1
            assert location["logicalLocations"][0]["fullyQualifiedName"]
            assert_uri(location["physicalLocation"]["artifactLocation"]["uri"])
            for suppression in result.get("suppressions", []):
                assert suppression == {"kind": "inSource", "justification": REASON}

    def test_undecided_is_for_review_and_waived_is_suppressed(self, run: Command) -> None:
        (sarif,) = run("check", "--format", "sarif", "--only", "SC-ECR-01", *a_bit_of_everything()).report["runs"]
        shown = {
            result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]: (
                result["kind"],
                result["level"],
                bool(result.get("suppressions")),
            )
            for result in sarif["results"]
            if result["ruleId"] == "SC-ECR-01"
        }
        assert shown == {
            "bad.json": ("fail", "error", False),
            "undecided.json": ("review", "none", False),
            "waived.json": ("fail", "error", True),
        }

    @pytest.mark.parametrize(
        "name", ["a b.json", "100%.json", "caf\u00e9#1?.json", "it/a:b.json", os.fsdecode(b"\xff.json")]
    )
    def test_files_of_any_name_have_a_uri(self, name: str, run: Command) -> None:
        put(name, BAD)
        (sarif,) = run("check", "--format", "sarif", name).report["runs"]
        (uri,) = {each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in sarif["results"]}
        assert_uri(uri)
        assert unquote(uri, errors="surrogateescape") == name


class TestJunit:
    def test_the_counts_add_up(self, run: Command) -> None:
        suites = suites_of(run("check", "--format", "junit", *a_bit_of_everything()))
        assert suites.tag == "testsuites"
        assert [suite.get("name") for suite in suites] == [
            "bad.json",
            "undecided.json",
            "waived.json",
            "clean.json",
            "unreadable",
        ]
        for suite in suites:
            cases = suite.findall("testcase")
            assert suite.get("tests") == str(len(cases))
            for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
                assert suite.get(attribute) == str(sum(case.find(tag) is not None for case in cases))
            assert all(case.get("name") and case.get("classname") for case in cases)
            assert len({case.get("name") for case in cases}) == len(cases)
            assert all(len({child.tag for child in case}) <= 1 for case in cases)

    def test_a_case_for_each_rule(self, run: Command) -> None:
        put("a.json", CLEAN)
        (suite,) = suites_of(run("check", "--format", "junit", "a.json"))
        assert [case.get("name") for case in suite] == [f"{rule.id} {rule.name}" for rule in (*RULES, *ENGINE_RULES)]
        assert [suite.get(name) for name in ("failures", "errors", "skipped")] == ["0", "0", "0"]

    def test_every_finding_is_there(self, run: Command) -> None:
        paths = a_bit_of_everything()
        findings = run("check", "--format", "json", *paths).report["findings"]
        suites = suites_of(run("check", "--format", "junit", *paths))
        assert len(list(suites.iter("failure"))) == sum(not finding["waived"] for finding in findings)
        assert [skipped.get("message") for skipped in suites.iter("skipped")] == [REASON]
        assert [error.get("message", "").split(":")[0] for error in suites.iter("error")] == [
            "broken.json",
            "gone.json",
        ]

    def test_a_failure_tells_where_what_and_the_fix(self, run: Command) -> None:
        put("a.json", BAD)
        (suite,) = suites_of(run("check", "--format", "junit", "--only", "SC-ECR-01", "a.json"))
        (failure,) = suite.iter("failure")
        assert failure.get("type") == "error"
        assert failure.get("message") == (
            "Images Properties.ImageTagMutability: ImageTagMutability is not set, which means MUTABLE"
        )
        assert failure.text == find_rule("SC-ECR-01").fix


class TestAnyText:
    @pytest.mark.parametrize("form", FORMATS)
    def test_every_report_survives_what_a_template_says(self, form: str, run: Command) -> None:
        body = {**REPOSITORY, "Properties": {"ImageTagMutability": HOSTILE, "RepositoryName": HOSTILE}}
        metadata = {"SecureContainers": {"Waivers": [{**WAIVER, "Reason": f"{REASON} {HOSTILE}"}]}}
        put("a.json", {"Resources": {HOSTILE: {**body, "Metadata": {**metadata, "aws:cdk:path": HOSTILE}}}})
        assert_parses(form, run("check", "--format", form, "a.json"))

    @pytest.mark.parametrize("form", FORMATS)
    def test_every_report_survives_the_name_of_a_file(self, form: str, run: Command) -> None:
        good, broken = os.fsdecode(b"a\n\x1b\xff<&>.json"), os.fsdecode(b"b\n\x1b\xff<&>.json")
        put(good, BAD)
        put(broken, "{")
        result = run("check", "--format", form, good, broken)
        assert result.code == 2
        assert_parses(form, result)
        assert result.err.count("\n") == (0 if form == "text" else 1)


class TestWaivers:
    @pytest.mark.parametrize("days", [None, 0, 1, 300])
    def test_a_waiver_holds_through_its_last_day(self, days: int | None, check: Command) -> None:
        until = {} if days is None else {"Until": str(TODAY + timedelta(days))}
        put("a.json", waived({**WAIVER, **until}))
        result = check("a.json", "--only", "SC-ECR-01")
        (finding,) = result.report["findings"]
        assert result.code == 0
        assert finding["waived"] == {**WAIVER, **until}

    def test_a_waiver_of_yesterday_is_over(self, check: Command) -> None:
        yesterday = TODAY - timedelta(1)
        put("a.json", waived({**WAIVER, "Until": str(yesterday)}))
        result = check("a.json", "--only", "SC-ECR-01")
        (finding,) = result.report["findings"]
        assert (result.code, finding["waived"]) == (1, False)
        assert finding["message"].endswith(f"(its waiver expired on {yesterday})")

    def test_a_date_in_yaml_needs_no_quotes(self, check: Command) -> None:
        put(
            "a.yaml",
            f"""
Resources:
  Images:
    Type: AWS::ECR::Repository
    Metadata:
      SecureContainers:
        Waivers:
          - {{Rule: SC-ECR-01, Reason: {REASON}, Until: {TODAY}}}
""",
        )
        assert check("a.yaml", "--only", "SC-ECR-01").code == 0

    @pytest.mark.parametrize(
        "waiver",
        [
            {"Rule": "SC-ECR-01"},
            {"Rule": "SC-ECR-01", "Reason": ""},
            {"Rule": "SC-ECR-01", "Reason": "too short"},
            {"Rule": "SC-ECR-01", "Reason": "this is a false positive, accepted risk for now"},
            {"Rule": "SC-ECR-01", "Reason": 12345678901234567890},
            {"Rule": "SC-ECR-01", "Reason": REASON, "Until": "next year"},
            {"Rule": "SC-ECR-01", "Reason": REASON, "Until": "2027-02-30"},
        ],
    )
    def test_a_waiver_that_says_nothing_waives_nothing(self, waiver: dict[str, Any], check: Command) -> None:
        put("a.json", waived(waiver))
        result = check("a.json", "--only", "SC-ECR-01", "--only", "SC-WVR-01")
        assert (result.code, result.ids) == (1, {"SC-ECR-01", "SC-WVR-01"})
        assert not any(finding["waived"] for finding in result.report["findings"])

    @pytest.mark.parametrize("rule", ["SC-ECR-08", "SC-ECR-01[other]"])
    def test_a_waiver_that_matches_nothing_is_a_warning(self, rule: str, check: Command) -> None:
        put("a.json", waived({**WAIVER, "Rule": rule}, ImageTagMutability="IMMUTABLE"))
        result = check("a.json", "--only", rule.partition("[")[0])
        (finding,) = result.report["findings"]
        assert (result.code, finding["rule"], finding["severity"]) == (1, "SC-ENG-02", "warning")
        assert rule in finding["message"]

    def test_a_waiver_is_for_its_resource_only(self, check: Command) -> None:
        template = waived(WAIVER)
        template["Resources"]["Other"] = REPOSITORY
        put("a.json", template)
        result = check("a.json", "--only", "SC-ECR-01")
        shown = {each["resource"]: bool(each["waived"]) for each in result.report["findings"]}
        assert (result.code, shown) == (1, {"Images": True, "Other": False})

    def test_a_waiver_of_a_rule_that_does_not_run_is_not_unused(self, check: Command) -> None:
        put("a.json", waived(WAIVER))
        assert "SC-ENG-02" not in check("a.json", "--without", "SC-ECR-01").ids


def suites_of(result: Run) -> ET.Element:
    return ET.fromstring(result.out)  # noqa: S314 - we wrote it ourselves


def assert_uri(text: str) -> None:
    """RFC 3986: the characters that a reference may hold, and no scheme where none is meant."""
    assert re.fullmatch(r"(?:[A-Za-z0-9\-._~/]|%[0-9A-F]{2})+", text)
    assert urlsplit(text).path == text


def assert_parses(form: str, result: Run) -> None:
    result.out.encode()
    if form in ("json", "sarif"):
        assert result.report
    elif form == "junit":
        assert len(suites_of(result)) >= 1
    else:
        assert all(line.isprintable() for line in result.out.splitlines())
