"""The engine: nothing hides, a waiver covers what it names and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_containers.rules import RULES, Finding, Kind, Report, Severity, Template, contents, evaluate
from secure_containers.rules.ecr import mutable_image_tags, unscanned_images, untagged_repository
from secure_containers.rules.engine import Controls, Rule, resource_rule, template_rule
from secure_containers.rules.iam import wildcard_actions
from secure_containers.rules.intrinsics import Intrinsics
from secure_containers.rules.template import Observation, Resource
from secure_containers.rules.waiver_metadata import RecordedWaiver, read_waivers, reason_problem
from tests.rules.strategies import NODES
from tests.rules.support import att, either, join, ref, sub, template

TODAY = date(2026, 11, 22)
REASON = "preview images are rebuilt under one tag in the development account"
RULES_HERE = (mutable_image_tags, unscanned_images, untagged_repository)

PROPERTIES = [
    *(
        "ImageTagMutability",
        "ImageTagMutabilityExclusionFilters",
        "ImageScanningConfiguration",
        "EncryptionConfiguration",
        "KmsKey",
    ),
    *(
        "LifecyclePolicy",
        "RepositoryPolicyText",
        "Tags",
        "EmptyOnDelete",
        "EnableKeyRotation",
        "KeySpec",
        "Origin",
        "KeyPolicy",
    ),
    *(
        "PolicyDocument",
        "AssumeRolePolicyDocument",
        "Policies",
        "Users",
        "Principal",
        "Action",
        "Condition",
        "Statement",
        "Bucket",
    ),
    *(
        "Topics",
        "Queues",
        "Protocol",
        "DefaultActions",
        "Actions",
        "ListenerArn",
        "Listeners",
        "Subscription",
        "Description",
        "Rules",
    ),
]
SHAPED = st.one_of(
    NODES,
    st.fixed_dictionaries(
        {
            "Statement": st.lists(
                st.dictionaries(st.sampled_from(["Effect", "Action", "Resource", *PROPERTIES]), NODES), max_size=2
            )
        }
    ),
    st.fixed_dictionaries({"LifecyclePolicyText": st.one_of(NODES, NODES.map(json.dumps))}),
)
ENTRIES = st.fixed_dictionaries(
    {"Type": st.sampled_from(sorted({type_ for rule in RULES for type_ in rule.types}))},
    optional={
        "Properties": st.one_of(NODES, st.dictionaries(st.sampled_from(PROPERTIES), SHAPED, max_size=4)),
        "Metadata": st.one_of(NODES, st.fixed_dictionaries({"SecureContainers": NODES})),
        "DependsOn": NODES,
        "Condition": NODES,
        "DeletionPolicy": NODES,
    },
)
TEMPLATES = st.fixed_dictionaries(
    {"Resources": st.dictionaries(st.sampled_from("ABC"), st.one_of(ENTRIES, ENTRIES, NODES), max_size=3)},
    optional=dict.fromkeys(
        ("Parameters", "Conditions", "Mappings", "Metadata", "Outputs", "Transform", "Description"), NODES
    ),
)


def waiver(rule: str, reason: str = REASON, **more: str) -> dict[str, str]:
    return {"Rule": rule, "Reason": reason, **more}


def waived(*waivers: Any) -> dict[str, Any]:
    return {"SecureContainers": {"Waivers": list(waivers)}}


def repository(*waivers: Any, **properties: Any) -> dict[str, Any]:
    good = {
        "ImageTagMutability": "IMMUTABLE",
        "ImageScanningConfiguration": {"ScanOnPush": True},
        "Tags": [{"Key": "a", "Value": "b"}],
    }
    return {"Type": "AWS::ECR::Repository", "Metadata": waived(*waivers), "Properties": good | properties}


def run(resources: dict[str, Any], *rules: Rule, today: date = TODAY, **sections: Any) -> Report:
    return evaluate([template(resources, **sections)], rules or RULES_HERE, today=today)


def ids(findings: tuple[Finding, ...]) -> list[str]:
    return sorted(finding.id for finding in findings)


@template_rule("SC-BAD-01", guidelines=())
def failing_rule(template: Template) -> Iterator[Observation]:
    """It finds one thing and then fails."""
    yield Observation(None, "before")
    raise KeyError("x")


class TestFailures:
    def test_a_rule_that_raises_is_a_finding_and_hides_no_other_rule(self) -> None:
        report = run({"A": repository(ImageTagMutability="MUTABLE")}, failing_rule, mutable_image_tags)
        assert [(finding.id, finding.kind) for finding in report.findings] == [
            ("SC-BAD-01", Kind.VIOLATION),
            ("SC-ENG-01", Kind.ENGINE),
            ("SC-ECR-01", Kind.VIOLATION),
        ]
        failed = report.findings[1]
        assert "SC-BAD-01" in failed.message
        assert "KeyError" in failed.message
        assert failed.severity is Severity.ERROR

    def test_it_hides_no_other_template(self) -> None:
        templates = [template({"A": repository()}), template({"A": repository(ImageTagMutability="MUTABLE")})]
        report = evaluate(templates, [failing_rule, mutable_image_tags])
        assert ids(report.findings) == ["SC-BAD-01", "SC-BAD-01", "SC-ECR-01", "SC-ENG-01", "SC-ENG-01"]

    def test_engine_findings_cannot_be_waived(self) -> None:
        report = run({"A": repository()}, failing_rule, Metadata=waived(waiver("SC-ENG-01"), waiver("SC-ENG-02")))
        assert "SC-ENG-01" in ids(report.open)
        assert all(not finding.waivable for finding in report.findings if finding.kind is Kind.ENGINE)

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"Resources": None},
            {"Resources": []},
            {
                "Resources": {
                    "A": None,
                    "B": {"Type": "AWS::ECR::Repository", "Properties": "x", "Metadata": "x", "Condition": 5},
                }
            },
            {"Resources": {"B": {"Type": "AWS::IAM::Role", "Properties": ["x"], "DependsOn": {"a": 1}}}},
            {"Resources": {"B": {"Type": "AWS::Lambda::Permission", "Properties": ["x"]}}},
            {"Resources": {}, "Metadata": [], "Parameters": [], "Conditions": [], "Mappings": [], "Outputs": []},
        ],
    )
    def test_no_template_makes_a_rule_raise(self, body: dict[str, Any]) -> None:
        assert "SC-ENG-01" not in ids(evaluate([Template(body, "t")], RULES).findings)

    @settings(max_examples=150)
    @given(body=TEMPLATES)
    def test_no_template_of_known_types_makes_a_rule_raise(self, body: dict[str, Any]) -> None:
        failed = [
            finding.message for finding in evaluate([Template(body, "t")], RULES).findings if finding.id == "SC-ENG-01"
        ]
        assert failed == []

    def test_deep_nesting_makes_no_rule_raise(self) -> None:
        node: Any = "x"
        for _ in range(200):
            node = (
                {"Fn::If": ["Open", [node], {"Fn::Sub": ["${A}", {"A": node}]}]}
                if len(str(node)) < 500
                else {"a": [node]}
            )
        properties = {"ImageTagMutability": node, "RepositoryPolicyText": node, "Tags": node}
        assert "SC-ENG-01" not in ids(
            run({"A": {"Type": "AWS::ECR::Repository", "Properties": properties}}, *RULES).findings
        )

    def test_a_rule_needs_a_page(self) -> None:
        def pageless(resource: Resource) -> Iterator[Observation]:
            yield from ()

        with pytest.raises(ValueError, match="SC-BAD-02"):
            resource_rule("SC-BAD-02", types=(), guidelines=())(pageless)


class TestWaivers:
    def test_a_waiver_covers_its_rule_on_its_resource(self) -> None:
        flawed = {"ImageTagMutability": "MUTABLE", "Tags": []}
        report = run({"A": repository(waiver("SC-ECR-01"), **flawed), "B": repository(**flawed)})
        assert [(finding.id, finding.logical_id) for finding in report.waived] == [("SC-ECR-01", "A")]
        assert ids(report.open) == ["SC-ECR-01", "SC-ECR-09", "SC-ECR-09"]
        assert report.waived[0].waiver == RecordedWaiver("SC-ECR-01", REASON)
        assert ids(report.errors) == ["SC-ECR-01"]

    @pytest.mark.parametrize(
        ("rule", "open_"),
        [
            ("SC-IAM-01[ecr:*]", ["SC-IAM-01[s3:*]"]),
            ("SC-IAM-01[s3:*]", ["SC-IAM-01[ecr:*]"]),
            ("SC-IAM-01", ["SC-ENG-02", "SC-IAM-01[ecr:*]", "SC-IAM-01[s3:*]"]),
            ("SC-IAM-01[*]", ["SC-ENG-02", "SC-IAM-01[ecr:*]", "SC-IAM-01[s3:*]"]),
            ("SC-IAM-01[ECR:*]", ["SC-ENG-02", "SC-IAM-01[ecr:*]", "SC-IAM-01[s3:*]"]),
        ],
    )
    def test_brackets_are_part_of_the_id(self, rule: str, open_: list[str]) -> None:
        document = {"Statement": [{"Effect": "Allow", "Action": ["ecr:*", "s3:*"], "Resource": "x"}]}
        policy = {
            "Type": "AWS::IAM::ManagedPolicy",
            "Metadata": waived(waiver(rule)),
            "Properties": {"PolicyDocument": document},
        }
        assert ids(run({"A": policy}, wildcard_actions).open) == open_

    @pytest.mark.parametrize(
        ("until", "counts"),
        [
            ("2026-11-22", True),
            ("2026-11-23", True),
            ("2026-11-21", False),
            ("2020-01-01", False),
            ("9999-12-31", True),
        ],
    )
    def test_until_is_the_last_day(self, until: str, counts: bool) -> None:
        report = run({"A": repository(waiver("SC-ECR-01", Until=until), ImageTagMutability="MUTABLE")})
        assert ids(report.waived) == ["SC-ECR-01"] * counts
        assert ids(report.open) == ["SC-ECR-01"] * (not counts)
        assert ("its waiver expired on " + until in report.findings[0].message) == (not counts)

    def test_an_expired_waiver_is_not_unused(self) -> None:
        assert ids(
            run({"A": repository(waiver("SC-ECR-01", Until="2020-01-01"), ImageTagMutability="MUTABLE")}).findings
        ) == ["SC-ECR-01"]

    @pytest.mark.parametrize("order", [1, -1])
    def test_a_waiver_that_counts_goes_before_one_that_expired(self, order: int) -> None:
        waivers = [waiver("SC-ECR-01", Until="2020-01-01"), waiver("SC-ECR-01", f"{REASON}, renewed")][::order]
        report = run({"A": repository(*waivers, ImageTagMutability="MUTABLE")})
        assert ids(report.waived) == ids(report.findings) == ["SC-ECR-01"]
        assert "expired" not in report.waived[0].message

    def test_an_unused_waiver_is_a_warning_at_its_place(self) -> None:
        (finding,) = run({"A": repository(waiver("SC-ECR-01"))}).findings
        assert (finding.id, finding.kind, finding.severity, finding.logical_id) == (
            "SC-ENG-02",
            Kind.ENGINE,
            Severity.WARNING,
            "A",
        )
        assert "SC-ECR-01 at A" in finding.message

    def test_a_waiver_of_a_rule_that_did_not_run_is_not_unused(self) -> None:
        assert run({"A": repository(waiver("SC-KMS-01"), waiver("AwsSolutions-IAM5[Resource::*]"))}).findings == ()

    def test_one_that_a_construct_wrote_to_several_resources_is_used_once(self) -> None:
        at = waiver("SC-ECR-01", At="App/Images")
        resources = {"A": repository(at, ImageTagMutability="MUTABLE"), "B": repository(at), "C": repository(at)}
        assert ids(run(resources).findings) == ["SC-ECR-01"]
        other = {
            "A": repository(at, ImageTagMutability="MUTABLE"),
            "B": repository(waiver("SC-ECR-01", At="App/Others")),
        }
        assert ids(run(other).open) == ["SC-ENG-02"]

    def test_one_that_no_resource_needs_is_told_once(self) -> None:
        at = waiver("SC-ECR-01", At="App/Images")
        (finding,) = run({"A": repository(at), "B": repository(at)}).findings
        assert "SC-ECR-01 at App/Images" in finding.message

    def test_without_a_construct_each_resource_needs_its_own(self) -> None:
        resources = {
            "A": repository(waiver("SC-ECR-01"), ImageTagMutability="MUTABLE"),
            "B": repository(waiver("SC-ECR-01")),
        }
        (finding,) = run(resources).open
        assert (finding.id, finding.logical_id) == ("SC-ENG-02", "B")

    def test_the_templates_metadata_is_for_findings_about_the_template(self) -> None:
        describes = {"Description": "by maria.lopez@example.com"}
        rules = [rule for rule in RULES if rule.id == "SC-TXT-01"]
        metadata = waived(waiver("SC-TXT-01"))
        assert ids(run({"A": repository()}, *rules, Metadata=metadata, **describes).waived) == ["SC-TXT-01"]
        assert ids(run({"A": repository(waiver("SC-TXT-01"))}, *rules, **describes).open) == ["SC-ENG-02", "SC-TXT-01"]
        flawed = {"A": repository(Tags=[{"Key": "o", "Value": "maria.lopez@example.com"}])}
        assert ids(run(flawed, *rules, Metadata=metadata).open) == ["SC-ENG-02", "SC-TXT-01"]

    def test_what_is_undecided_can_be_waived(self) -> None:
        report = run({"A": repository(waiver("SC-ECR-01"), ImageTagMutability=ref("Free"))})
        assert [(finding.id, finding.kind) for finding in report.waived] == [("SC-ECR-01", Kind.UNDECIDED)]
        assert report.open == ()

    @pytest.mark.parametrize(
        "bad",
        [waiver("SC-ECR-01", "false positive"), {"Rule": "SC-ECR-01"}, waiver("SC-ECR-01", Until="soon"), "SC-ECR-01"],
    )
    def test_a_waiver_that_is_wrong_waives_nothing(self, bad: Any) -> None:
        assert ids(run({"A": repository(bad, ImageTagMutability="MUTABLE")}).open) == ["SC-ECR-01"]

    def test_a_finding_says_how_to_waive_it(self) -> None:
        (finding,) = run({"A": repository(ImageTagMutability="MUTABLE")}).findings
        assert finding.waiver_line == 'Waiver("SC-ECR-01", reason="...")'
        assert finding.waivable
        assert finding.fix == mutable_image_tags.fix

    def test_metadata_is_read_as_it_is_written(self) -> None:
        recorded = RecordedWaiver("SC-ECR-01", REASON, date(2027, 3, 31), "SEC-214", "App/Images")
        assert list(read_waivers(waived(recorded.as_metadata()))) == [recorded]


class TestReport:
    def test_totals(self) -> None:
        report = run({"A": repository(ImageTagMutability="MUTABLE"), "B": repository(Tags=[])})
        assert (report.resources, ids(report.open), ids(report.errors)) == (
            2,
            ["SC-ECR-01", "SC-ECR-09"],
            ["SC-ECR-01"],
        )
        assert report.rules == RULES_HERE

    def test_findings_come_in_the_order_of_the_rules(self) -> None:
        resources = {
            "A": repository(ImageTagMutability="MUTABLE", Tags=[]),
            "B": repository(ImageTagMutability="MUTABLE"),
        }
        assert [finding.id for finding in run(resources).findings] == ["SC-ECR-01", "SC-ECR-01", "SC-ECR-09"]

    def test_controls_by_framework(self) -> None:
        controls = Controls(fsbp=("ECR.2",), source="https://example.com")
        assert list(controls.by_framework()) == [("AWS FSBP", ("ECR.2",))]
        assert list(Controls().by_framework()) == []


class TestReasons:
    @pytest.mark.parametrize(
        "reason",
        [
            REASON,
            "the partner pulls from an account outside our organization",
            "twenty letters' text",
            "Legacy clients of the plant floor speak plain HTTP inside the cell's own network",
            "EventBridge assumes this role, and its ARN is fixed by the vendor's console",
        ],
    )
    def test_good(self, reason: str) -> None:
        assert reason_problem(reason) is None

    @pytest.mark.parametrize(
        ("reason", "problem"),
        [
            ("", "is empty"),
            ("   ", "is empty"),
            (None, "is empty"),
            (5, "is empty"),
            (["because"], "is empty"),
            ("false positive", "has fewer than 20 characters"),
            ("TODO", "has fewer than 20 characters"),
            ("this is a false positive finding", "says nothing that a reviewer could judge"),
            ("not needed, by design, for now", "says nothing that a reviewer could judge"),
            ("works as intended, accepted risk", "says nothing that a reviewer could judge"),
            ("suppressed because it is not applicable", "says nothing that a reviewer could judge"),
            ("just a temporary test, will fix later", "says nothing that a reviewer could judge"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaa", "says nothing that a reviewer could judge"),
            ("nothing nothing nothing nothing", "says nothing that a reviewer could judge"),
            ("1234567890 1234567890 1234567890", "says nothing that a reviewer could judge"),
        ],
    )
    def test_vague(self, reason: object, problem: str) -> None:
        assert reason_problem(reason) == problem


class TestWork:
    """Twice the resources are twice the work: counted, not timed."""

    def resources(self, count: int) -> dict[str, Any]:
        """So many services whose parts refer to each other, with branches, joins and a policy each."""
        found: dict[str, Any] = {}
        for number in range(count):
            name, neighbour = f"S{number}", f"S{number - 1 if number else 0}"
            statement = {
                "Effect": "Allow",
                "Action": ["ecr:BatchGetImage"],
                "Resource": [att(f"{name}Repository"), join(att(f"{neighbour}Repository"))],
            }
            denial = {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sns:*",
                "Resource": "*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
            found |= {
                f"{name}Repository": repository(
                    waiver("SC-ECR-01"), ImageTagMutability=either("Prod", "IMMUTABLE", "MUTABLE")
                ),
                f"{name}Policy": {
                    "Type": "AWS::IAM::ManagedPolicy",
                    "Properties": {"PolicyDocument": {"Statement": [statement]}},
                },
                f"{name}Topic": {
                    "Type": "AWS::SNS::Topic",
                    "Properties": {"DisplayName": sub("${AWS::StackName} topic")},
                },
                f"{name}Guard": {
                    "Type": "AWS::SNS::TopicPolicy",
                    "Properties": {"Topics": [ref(f"{name}Topic")], "PolicyDocument": {"Statement": [denial]}},
                },
                f"{name}Rule": {
                    "Type": "AWS::ElasticLoadBalancingV2::ListenerRule",
                    "DependsOn": f"{name}Policy",
                    "Properties": {"ListenerArn": ref("Listener"), "Actions": []},
                },
            }
        return found | {
            "Listener": {"Type": "AWS::ElasticLoadBalancingV2::Listener", "Properties": {"Protocol": "HTTPS"}}
        }

    def test_work_grows_with_the_template_and_not_with_its_square(self, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = dict.fromkeys(["variants", "values", "stands_with", "gather"], 0)

        def count(owner: Any, name: str, key: str) -> None:
            original = getattr(owner, name)

            def counted(*arguments: Any, **named: Any) -> Any:
                calls[key] += 1
                return original(*arguments, **named)

            monkeypatch.setattr(owner, name, counted)

        count(Intrinsics, "variants", "variants")
        count(Template, "values", "values")
        count(Resource, "stands_with", "stands_with")
        count(contents, "_gather", "gather")
        totals = []
        for size in (40, 400):
            for key in calls:
                calls[key] = 0
            found = template(self.resources(size))
            report = evaluate([found], RULES)
            assert not [finding for finding in report.findings if finding.id == "SC-ENG-01"]
            _ = [finding.line for finding in report.findings]
            totals.append(dict(calls))
        small, large = totals
        assert all(large[key] <= 11 * small[key] + 100 for key in calls), totals

    def test_each_resource_is_walked_once_for_all_rules(self, monkeypatch: pytest.MonkeyPatch) -> None:
        walks = 0
        walk = contents.contents

        def counted(node: Any, path: str) -> Any:
            nonlocal walks
            walks += path == "Properties"
            return walk(node, path)

        monkeypatch.setattr(contents, "contents", counted)
        run({f"R{number}": repository() for number in range(7)}, *RULES)
        assert walks == 7
