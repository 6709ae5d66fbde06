"""`assert_only_allows` proves what it says, and says what it found."""

from __future__ import annotations

import re
from typing import Any

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_containers.testing import Allow, assert_only_allows
from secure_containers.testing import proof as proofs
from tests.testing.samples import (
    INTENDED,
    JOB,
    JOB_TEMPLATE,
    KEY,
    ONLY_OURS,
    RESULTS,
    TABLE,
    Template,
    allow,
    att,
    below,
    changed,
    deny,
    document,
    of_role,
    policy,
    role,
    statements,
)

IN_BUCKET = Allow("s3:GetObject", "${Results.Arn}/*")
GETS = allow("s3:GetObject", below(RESULTS, "/*"))


def refuses(message: str, template: Any, intended: list[Allow], *, wanted: str = "JobRole", **options: Any) -> str:
    with pytest.raises(AssertionError, match=re.escape(message)) as caught:
        assert_only_allows(template, wanted, intended, **options)
    return str(caught.value)


def test_exactly_what_is_intended() -> None:
    assert_only_allows(JOB_TEMPLATE, "JobRole", INTENDED)


class TestWhatIsMore:
    @pytest.mark.parametrize(
        ("change", "call"),
        [
            pytest.param(
                lambda t: statements(t)[1].update(Action=["dynamodb:PutItem", "dynamodb:DeleteItem"]),
                f"dynamodb:DeleteItem on ${{{TABLE}.Arn}}",
                id="one action",
            ),
            pytest.param(
                lambda t: statements(t)[1].update(Action="dynamodb:Put*"), "dynamodb:put", id="a wildcard for an action"
            ),
            pytest.param(
                lambda t: statements(t)[1].update(Action="*"), f"on ${{{TABLE}.Arn}}", id="a wildcard for all actions"
            ),
            pytest.param(
                lambda t: statements(t)[0].update(Resource=below(RESULTS, "/*")),
                f"on ${{{RESULTS}.Arn}}/any",
                id="a wider path",
            ),
            pytest.param(
                lambda t: statements(t)[1].update(Resource=[att(TABLE), below(TABLE, "/index/*")]),
                f"dynamodb:PutItem on ${{{TABLE}.Arn}}/index/any",
                id="one resource",
            ),
            pytest.param(
                lambda t: statements(t)[1].update(Resource="*"), "dynamodb:PutItem on *", id="a wildcard for a resource"
            ),
            pytest.param(
                lambda t: statements(t)[2].pop("Condition"), f"kms:Decrypt on ${{{KEY}.Arn}}", id="a condition dropped"
            ),
            pytest.param(
                lambda t: statements(t)[2].update(
                    Condition={"StringEquals": {"aws:ResourceAccount": [{"Ref": "AWS::AccountId"}, "444455556666"]}}
                ),
                "where aws:resourceaccount is '444455556666'",
                id="a condition widened",
            ),
            pytest.param(
                lambda t: statements(t)[2].update(Condition={"StringEqualsIfExists": ONLY_OURS["StringEquals"]}),
                f"kms:Decrypt on ${{{KEY}.Arn}}",
                id="a condition that a missing key meets",
            ),
            pytest.param(
                lambda t: t["Resources"].update(Second=policy(allow("sqs:SendMessage", "*"))),
                "sqs:SendMessage on *",
                id="a second policy",
            ),
            pytest.param(
                lambda t: t["Resources"].update(
                    Second=policy(allow("sqs:SendMessage", "*"), type_="AWS::IAM::ManagedPolicy")
                ),
                "sqs:SendMessage on *",
                id="a managed policy that names the role",
            ),
            pytest.param(
                lambda t: t["Resources"].update(
                    Second=policy(allow("sqs:SendMessage", "*"), type_="AWS::IAM::RolePolicy", RoleName={"Ref": JOB})
                ),
                "sqs:SendMessage on *",
                id="a policy resource of the role",
            ),
            pytest.param(
                lambda t: t["Resources"][JOB]["Properties"].update(
                    Policies=[{"PolicyName": "in", "PolicyDocument": document(allow("sqs:SendMessage", "*"))}]
                ),
                "sqs:SendMessage on *",
                id="an inline policy",
            ),
            pytest.param(
                lambda t: (
                    t["Resources"].update(
                        Second=policy(allow("sqs:SendMessage", "*"), type_="AWS::IAM::ManagedPolicy", Roles=[])
                    ),
                    t["Resources"][JOB]["Properties"].update(ManagedPolicyArns=[{"Ref": "Second"}]),
                ),
                "sqs:SendMessage on *",
                id="a managed policy that the role names",
            ),
            pytest.param(
                lambda t: statements(t).append({"Effect": "Allow", "NotAction": "s3:*", "Resource": att(TABLE)}),
                f"on ${{{TABLE}.Arn}}",
                id="all actions but some",
            ),
            pytest.param(
                lambda t: statements(t).append(
                    {"Effect": "Allow", "Action": "s3:DeleteObject", "NotResource": att(TABLE)}
                ),
                "s3:DeleteObject on",
                id="all resources but one",
            ),
        ],
    )
    def test_is_found_with_a_call(self, change: Any, call: str) -> None:
        message = refuses(call, changed(JOB_TEMPLATE, change), INTENDED)
        assert message.startswith(f"{JOB} may do more than is intended: ")
        assert "\n  allowed by " in message
        assert "add to intended: Allow(" in message

    def test_statement_and_place_are_told(self) -> None:
        template = of_role(GETS, allow("s3:ListBucket", att(RESULTS)))
        message = refuses("may do more", template, [IN_BUCKET])
        assert (
            'allowed by JobPolicy.PolicyDocument.Statement.1: {"Effect": "Allow", "Action": "s3:ListBucket"' in message
        )
        assert f'Allow("s3:ListBucket", "${{{RESULTS}.Arn}}")' in message

    def test_what_it_proposes_to_add_is_taken(self) -> None:
        template = of_role(GETS, allow("s3:ListBucket", att(RESULTS)))
        assert_only_allows(template, "JobRole", [IN_BUCKET, Allow("s3:ListBucket", f"${{{RESULTS}.Arn}}")])

    def test_a_policy_of_another_role_is_none_of_this_one(self) -> None:
        other = {"Other": role(), "OtherPolicy": policy(allow("*", "*"), Roles=[{"Ref": "Other"}])}
        assert_only_allows(of_role(GETS, Resources=other), "JobRole", [IN_BUCKET])

    def test_actions_are_compared_without_regard_to_case(self) -> None:
        assert_only_allows(of_role(GETS), "JobRole", [Allow("S3:getobject", "${Results.Arn}/*")])

    def test_resources_are_compared_with_regard_to_case(self) -> None:
        refuses(
            "/Any",
            of_role(allow("s3:GetObject", below(RESULTS, "/Any"))),
            [Allow("s3:GetObject", "${Results.Arn}/any")],
        )

    def test_a_policy_as_json_text(self) -> None:
        text = '{"Statement": {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}}'
        refuses("sqs:", of_role(Resources={"JobPolicy": policy(PolicyDocument=text)}), [])

    def test_nothing_at_all(self) -> None:
        assert_only_allows(of_role(Resources={"JobPolicy": {"Type": "AWS::S3::Bucket"}}), "JobRole", [])


class TestDenies:
    READS_BUT_SECRETS = of_role(
        allow(["s3:GetObject", "s3:DeleteObject"], below(RESULTS, "/*")),
        deny("s3:Delete*", "*"),
    )

    def test_narrow_what_is_allowed(self) -> None:
        assert_only_allows(self.READS_BUT_SECRETS, "JobRole", [IN_BUCKET])

    def test_dropped_ones_are_missed(self) -> None:
        without = changed(self.READS_BUT_SECRETS, lambda t: statements(t).pop())
        refuses("s3:DeleteObject on", without, [IN_BUCKET])

    def test_with_a_condition_they_deny_under_it_only(self) -> None:
        insecure = {"Bool": {"aws:SecureTransport": "false"}}
        conditional = changed(self.READS_BUT_SECRETS, lambda t: statements(t)[1].update(Condition=insecure))
        refuses("s3:DeleteObject on", conditional, [IN_BUCKET])
        over_tls = Allow("s3:DeleteObject", "${Results.Arn}/*", conditions={"Bool": {"aws:SecureTransport": "true"}})
        refuses("s3:DeleteObject on", conditional, [IN_BUCKET, over_tls])  # the key may be missing
        not_denied = Allow(
            "s3:DeleteObject", "${Results.Arn}/*", conditions={"BoolIfExists": {"aws:SecureTransport": "true"}}
        )
        refuses("s3:DeleteObject on", conditional, [IN_BUCKET, not_denied])  # and may be something else
        assert_only_allows(
            changed(
                conditional, lambda t: statements(t)[1].update(Condition={"StringNotEquals": {"aws:SourceVpce": "v"}})
            ),
            "JobRole",
            [
                IN_BUCKET,
                Allow("s3:DeleteObject", "${Results.Arn}/*", conditions={"StringEquals": {"aws:SourceVpce": "v"}}),
            ],
        )

    def test_on_one_side_of_a_condition_count_for_nothing(self) -> None:
        template = changed(
            self.READS_BUT_SECRETS,
            lambda t: statements(t).append({"Fn::If": ["Prod", statements(t).pop(), {"Ref": "AWS::NoValue"}]}),
            lambda t: t.update(PROD),
        )
        refuses("s3:DeleteObject on", template, [IN_BUCKET])
        refuses("s3:DeleteObject on", template, [IN_BUCKET], conditions={"Prod": False})
        assert_only_allows(template, "JobRole", [IN_BUCKET], conditions={"Prod": True})

    def test_of_all_but_something(self) -> None:
        only_reads = deny("x", "*")
        only_reads["NotAction"] = ["s3:Get*", "s3:List*"]
        del only_reads["Action"]
        template = of_role(allow(["s3:GetObject", "s3:PutObject"], below(RESULTS, "/*")), only_reads)
        assert_only_allows(template, "JobRole", [IN_BUCKET])
        refuses(
            "s3:PutObject", changed(template, lambda t: statements(t)[1]["NotAction"].append("s3:Put*")), [IN_BUCKET]
        )

    def test_that_take_something_from_the_intention_are_no_failure(self) -> None:
        template = of_role(GETS, deny("s3:GetObject", below(RESULTS, "/secret/*")))
        assert_only_allows(template, "JobRole", [IN_BUCKET])

    def test_that_leave_nothing_of_the_intention_are(self) -> None:
        message = refuses(
            "may do nothing of what is intended by", of_role(GETS, deny("s3:*", below(RESULTS, "/*"))), [IN_BUCKET]
        )
        assert str(IN_BUCKET) in message

    def test_that_spare_what_a_policy_variable_may_be_count_for_nothing(self) -> None:
        spared = {"Effect": "Deny", "Action": "*", "NotResource": below(RESULTS, "/bob")}
        refuses("/${aws:username}", of_role(allow("s3:GetObject", below(RESULTS, "/${aws:username}")), spared), [])


class TestWhatIsMissing:
    def test_an_action(self) -> None:
        intended = [IN_BUCKET, Allow(["s3:ListBucket", "s3:GetBucketLocation"], "${Results.Arn}")]
        message = refuses(
            f"{JOB} may not do all that is intended: s3:GetBucketLocation on ${{{RESULTS}.Arn}}",
            of_role(GETS, allow("s3:ListBucket", att(RESULTS))),
            intended,
        )
        assert f"intended by {intended[1]}" in message

    def test_a_part_of_a_wildcard(self) -> None:
        refuses(
            f"s3:GetObject on ${{{RESULTS}.Arn}}/any",
            of_role(allow("s3:GetObject", below(RESULTS, "/jobs/*"))),
            [IN_BUCKET],
        )
        message = refuses("may not do all", of_role(GETS), [Allow("s3:Get*", "${Results.Arn}/*")])
        assert re.search(r"intended: s3:get[a-z]+ on", message)  # an action that there is

    def test_conditions_are_narrower_and_no_lack(self) -> None:
        assert_only_allows(of_role({**GETS, "Condition": ONLY_OURS}), "JobRole", [IN_BUCKET])

    def test_everything(self) -> None:
        refuses("may not do all", of_role(Resources={"JobPolicy": {"Type": "AWS::S3::Bucket"}}), [IN_BUCKET])


PROD = {"Parameters": {"Stage": {"Type": "String"}}, "Conditions": {"Prod": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}}}


class TestConditions:
    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            pytest.param({"StringEquals": {"k:a": "x"}}, {"StringEquals": {"K:A": ["x"]}}, id="the same"),
            pytest.param({"StringEquals": {"k:a": "x"}}, {"StringEquals": {"k:a": ["x", "y"]}}, id="one of two"),
            pytest.param({"StringEquals": {"k:a": "x1"}}, {"StringLike": {"k:a": "x*"}}, id="of a form"),
            pytest.param({"StringEquals": {"k:a": "x"}}, {"StringNotEquals": {"k:a": "y"}}, id="not another"),
            pytest.param({"StringEquals": {"k:a": "x"}}, {"StringEqualsIfExists": {"k:a": "x"}}, id="there or missing"),
            pytest.param({"StringEquals": {"k:a": "x"}}, {"Null": {"k:a": "false"}}, id="there"),
            pytest.param({"Null": {"k:a": True}}, {"StringNotEquals": {"k:a": "x"}}, id="missing is not that one"),
            pytest.param({"StringEquals": {"k:a": "x", "k:b": "y"}}, {"StringEquals": {"k:b": "y"}}, id="one more key"),
            pytest.param({"Bool": {"k:a": True}}, {"Bool": {"k:a": "true"}}, id="a truth value"),
            pytest.param(
                {"ArnEquals": {"k:a": "arn:aws:s3:::b"}}, {"ArnLike": {"k:a": "arn:aws:s3:::b*"}}, id="an ARN"
            ),
            pytest.param(
                {"ArnLike": {"k:a": "arn:*:s3:::b"}}, {"ArnLike": {"k:a": "arn:*:s3:::b"}}, id="parts of ARNs"
            ),
            pytest.param({"NumericLessThan": {"k:a": "3"}}, {"NumericLessThan": {"k:a": 3}}, id="a number"),
            pytest.param(
                {"ForAllValues:StringEquals": {"k:a": ["x", "y"]}},
                {"ForAllValues:StringEquals": {"k:a": ["y", "x"]}},
                id="a set",
            ),
            pytest.param({"IpAddress": {"k:a": "10.0.0.0/8"}}, {"IpAddress": {"k:a": "10.0.0.0/8"}}, id="a network"),
            pytest.param(
                {"StringEquals": {"k:a": "${aws:username}"}},
                {"StringEquals": {"k:a": "${aws:username}"}},
                id="a policy variable",
            ),
            pytest.param({"StringNotLike": {"k:a": "*"}}, {"StringNotLike": {"k:a": "*"}}, id="nothing but missing"),
        ],
    )
    def test_narrower_ones_are_covered(self, written: Any, meant: Any) -> None:
        template = of_role({**GETS, "Condition": written})
        assert_only_allows(template, "JobRole", [Allow("s3:GetObject", "${Results.Arn}/*", conditions=meant)])

    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            pytest.param({}, {"StringEquals": {"k:a": "x"}}, id="none"),
            pytest.param({}, {"StringLike": {"k:a": "*"}}, id="none, where the key has to be there"),
            pytest.param({"StringEquals": {"k:a": "x"}}, {"StringEquals": {"k:a": "y"}}, id="another value"),
            pytest.param({"StringEquals": {"k:a": "x"}}, {"StringEquals": {"k:b": "x"}}, id="another key"),
            pytest.param({"StringLike": {"k:a": "x*"}}, {"StringEquals": {"k:a": "x1"}}, id="of a form"),
            pytest.param({"StringEqualsIfExists": {"k:a": "x"}}, {"StringEquals": {"k:a": "x"}}, id="or missing"),
            pytest.param({"StringNotEquals": {"k:a": "x"}}, {"StringEquals": {"k:a": "y"}}, id="all but one"),
            pytest.param({"StringNotEquals": {"k:a": "x"}}, {"Null": {"k:a": "false"}}, id="all but one, or missing"),
            pytest.param({"NumericLessThan": {"k:a": "4"}}, {"NumericLessThan": {"k:a": "3"}}, id="another number"),
            pytest.param(
                {"ForAnyValue:StringEquals": {"k:a": "x"}},
                {"ForAllValues:StringEquals": {"k:a": "x"}},
                id="another set",
            ),
            pytest.param(
                {"ArnLike": {"k:a": "arn:aws:s3:::b"}}, {"ArnLike": {"k:a": "arn:*:s3:::b"}}, id="ARNs part by part"
            ),
            pytest.param(
                {"StringEquals": {"k:a": "${aws:username}"}}, {"StringEquals": {"k:a": "bob"}}, id="a policy variable"
            ),
            pytest.param({}, {"StringNotLike": {"k:a": "*"}}, id="nothing but missing"),
            pytest.param(
                {"ForAllValues:StringEquals": {"k:a": "Team"}},
                {"ForAllValues:StringEquals": {"k:a": "team"}},
                id="another case",
            ),
        ],
    )
    def test_wider_ones_are_not(self, written: Any, meant: Any) -> None:
        template = of_role({**GETS, "Condition": written})
        refuses("s3:GetObject", template, [Allow("s3:GetObject", "${Results.Arn}/*", conditions=meant)])


class TestVariants:
    def test_either_side_counts(self) -> None:
        either = {"Fn::If": ["Prod", allow("s3:PutObject", below(RESULTS, "/*")), {"Ref": "AWS::NoValue"}]}
        template = of_role(GETS, either, **PROD)
        put = Allow("s3:PutObject", "${Results.Arn}/*")
        refuses("s3:PutObject", template, [IN_BUCKET])
        assert_only_allows(template, "JobRole", [IN_BUCKET, put])
        assert_only_allows(template, "JobRole", [IN_BUCKET, put], conditions={"Prod": True})
        assert_only_allows(template, "JobRole", [IN_BUCKET], conditions={"Prod": False})
        refuses("s3:PutObject", template, [IN_BUCKET], conditions={"Prod": True})
        refuses("may not do all", template, [IN_BUCKET, put], conditions={"Prod": False})

    def test_a_condition_is_decided_once(self) -> None:
        branch = {"Fn::If": ["Prod", "a", "b"]}
        template = of_role(*[allow("s3:GetObject", below(RESULTS, {"Fn::Join": ["", ["/", branch, branch]]}))], **PROD)
        assert_only_allows(template, "JobRole", [Allow("s3:GetObject", ["${Results.Arn}/aa", "${Results.Arn}/bb"])])

    def test_a_policy_under_a_condition(self) -> None:
        template = of_role(
            GETS,
            Resources={"Second": policy(allow("s3:PutObject", below(RESULTS, "/*"))) | {"Condition": "Prod"}},
            **PROD,
        )
        refuses("s3:PutObject", template, [IN_BUCKET])
        assert_only_allows(template, "JobRole", [IN_BUCKET], conditions={"Prod": False})

    def test_a_parameter_is_its_default_or_something_else(self) -> None:
        parameters = {"Parameters": {"Prefix": {"Type": "String", "Default": "jobs"}}}
        template = of_role(allow("s3:GetObject", {"Fn::Sub": f"${{{RESULTS}.Arn}}/${{Prefix}}/*"}), **parameters)
        assert_only_allows(template, "JobRole", [Allow("s3:GetObject", "${Results.Arn}/${Prefix}/*")])
        refuses("/Prefix/any", template, [Allow("s3:GetObject", "${Results.Arn}/jobs/*")])

    def test_too_many(self) -> None:
        several = {f"P{number}": {"Type": "String", "Default": "x"} for number in range(8)}
        template = of_role(*[allow("s3:GetObject", [{"Ref": name} for name in several])], Parameters=several)
        with pytest.raises(ValueError, match="has more than 64 variants; say which conditions hold"):
            assert_only_allows(template, "JobRole", [])


class TestBoundary:
    BOUNDED = of_role(
        GETS,
        allow("s3:PutObject", below(RESULTS, "/*")),
        Resources={
            JOB: role(PermissionsBoundary={"Ref": "Boundary"}),
            "Boundary": policy(allow("s3:Get*", "*"), type_="AWS::IAM::ManagedPolicy", Roles=[]),
        },
    )

    def test_bounds(self) -> None:
        assert_only_allows(self.BOUNDED, "JobRole", [IN_BUCKET])
        without = changed(self.BOUNDED, lambda t: t["Resources"][JOB]["Properties"].pop("PermissionsBoundary"))
        refuses("s3:PutObject", without, [IN_BUCKET])

    def test_allows_nothing_by_itself(self) -> None:
        refuses("may not do all", self.BOUNDED, [IN_BUCKET, Allow("s3:GetBucketTagging", "${Results.Arn}")])

    def test_denies(self) -> None:
        denying = changed(
            self.BOUNDED,
            lambda t: t["Resources"]["Boundary"]["Properties"].update(
                PolicyDocument=document(allow("*", "*"), deny("s3:Put*", "*"))
            ),
        )
        assert_only_allows(denying, "JobRole", [IN_BUCKET])

    def test_one_that_depends_on_a_condition_is_not_guessed(self) -> None:
        boundary = {"Fn::If": ["Prod", {"Ref": "Boundary"}, {"Ref": "AWS::NoValue"}]}
        template = changed(
            {**self.BOUNDED, **PROD}, lambda t: t["Resources"][JOB]["Properties"].update(PermissionsBoundary=boundary)
        )
        with pytest.raises(ValueError, match="the permissions boundary of JobRole0A1B2C3D depends on a condition"):
            assert_only_allows(template, "JobRole", [IN_BUCKET])
        assert_only_allows(template, "JobRole", [IN_BUCKET], conditions={"Prod": True})


class TestWhatCannotBeRead:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            pytest.param(
                lambda t: t["Resources"][JOB]["Properties"].update(
                    ManagedPolicyArns=[{"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/ReadOnlyAccess"}]
                ),
                "ManagedPolicyArns of JobRole0A1B2C3D names arn:aws:iam::aws:policy/ReadOnlyAccess",
                id="a policy of AWS",
            ),
            pytest.param(
                lambda t: t["Resources"][JOB]["Properties"].update(PermissionsBoundary="arn:aws:iam::1:policy/b"),
                "PermissionsBoundary of JobRole0A1B2C3D names arn:aws:iam::1:policy/b",
                id="a boundary",
            ),
            pytest.param(
                lambda t: (
                    t.update(Parameters={"Document": {"Type": "String"}}),
                    t["Resources"]["JobPolicy"]["Properties"].update(PolicyDocument={"Ref": "Document"}),
                ),
                "cannot be decided: Properties.PolicyDocument is ${Document}",
                id="a document",
            ),
            pytest.param(
                lambda t: statements(t)[0].update(Resource={"Fn::Select": [0, {"Ref": "Nothing"}]}),
                "JobPolicy.Properties.PolicyDocument.Statement.0.Resource holds ${Fn::Select}",
                id="a function",
            ),
            pytest.param(lambda t: statements(t)[0].update(Effect="Maybe"), "the Effect is 'Maybe'", id="an effect"),
            pytest.param(lambda t: t.update(Transform="Macro"), "not everything can be read", id="a macro"),
        ],
    )
    def test_is_no_pass(self, change: Any, message: str) -> None:
        with pytest.raises(ValueError, match=re.escape(message)):
            assert_only_allows(changed(of_role(GETS), change), "JobRole", [IN_BUCKET])

    def test_a_solver_that_gives_up_has_proved_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(z3.Solver, "check", lambda _: z3.unknown)
        monkeypatch.setattr(z3.Solver, "reason_unknown", lambda _: "timeout")
        refuses("this cannot be proved: the solver gave up (timeout)", JOB_TEMPLATE, INTENDED)

    def test_without_the_list_of_actions_the_call_is_still_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(proofs, "_known_actions", lambda: ())
        refuses("s3:", of_role(allow("s3:Get*", below(RESULTS, "/*"))), [])


class TestArguments:
    @pytest.mark.parametrize(
        ("wanted", "message"),
        [
            (
                "JobRule",
                "role is 'JobRule'; allowed: the logical id of AWS::IAM::Role, or a beginning that only one has; write one of JobRole0A1B2C3D",
            ),
            ("", "role is ''"),
            ("Results", "role is 'Results'; allowed: the logical id of AWS::IAM::Role"),
        ],
    )
    def test_there_is_no_such_role(self, wanted: str, message: str) -> None:
        with pytest.raises(ValueError, match=re.escape(message)):
            assert_only_allows(JOB_TEMPLATE, wanted, [])

    def test_several_roles_start_so(self) -> None:
        others = {"JobRoleOther11112222": role(), "JobRoleThird": role()}
        template = of_role(GETS, Resources=others)
        assert_only_allows(template, "JobRole", [IN_BUCKET])  # lacks nothing but the hash
        assert_only_allows(template, "JobRoleOther", [])
        with pytest.raises(ValueError, match="write one of JobRole0A1B2C3D, JobRoleOther11112222, JobRoleThird"):
            assert_only_allows(template, "Job", [])

    def test_intended_resources_that_are_not_there(self) -> None:
        with pytest.raises(ValueError, match=r"resources is 'Result5'.*write one of Results1A2B3C4D"):
            assert_only_allows(JOB_TEMPLATE, "JobRole", [Allow("s3:GetObject", "${Result5.Arn}/*")])

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (((), "*"), "actions is ()"),
            (("s3:GetObject", []), "resources is []"),
            (("GetObject", "*"), "actions is 'GetObject'; allowed: service:Action"),
            ((1, "*"), "actions is 1; allowed: a text or a list of texts"),
            (("s3:*", [None]), "resources is [None]"),
        ],
    )
    def test_wrong_intentions(self, arguments: Any, message: str) -> None:
        with pytest.raises(ValueError, match=re.escape(message)):
            Allow(*arguments)

    def test_wrong_conditions(self) -> None:
        for wrong in ("x", {"StringEquals": "x"}):
            with pytest.raises(ValueError, match="operators with keys and values"):
                Allow("s3:*", "*", conditions=wrong)  # type: ignore[arg-type]
        with pytest.raises(
            ValueError, match=r"conditions is \{'Nope': True\}; allowed: true or false for each of Prod"
        ):
            assert_only_allows(of_role(GETS, **PROD), "JobRole", [IN_BUCKET], conditions={"Nope": True})
        with pytest.raises(ValueError, match="no condition: the template has none"):
            assert_only_allows(of_role(GETS), "JobRole", [IN_BUCKET], conditions={"Nope": True})

    def test_intended_is_a_list(self) -> None:
        with pytest.raises(ValueError, match="allowed: a list of Allow"):
            assert_only_allows(JOB_TEMPLATE, "JobRole", IN_BUCKET)  # type: ignore[arg-type]


ACTIONS = ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "dynamodb:PutItem", "dynamodb:Query", "sqs:SendMessage"]
PLACES = ["${Results.Arn}", "${Results.Arn}/*", "${Results.Arn}/jobs/*", "${Table.Arn}", "*"]
CONDITIONS = [
    None,
    {"StringEquals": {"aws:SourceVpce": "vpce-1"}},
    {"StringLike": {"aws:PrincipalTag/team": "a*"}},
    {"NumericLessThan": {"s3:max-keys": "10"}},
]
permissions = st.lists(
    st.tuples(
        st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=3, unique=True),
        st.lists(st.sampled_from(PLACES), min_size=1, max_size=2, unique=True),
        st.sampled_from(CONDITIONS),
    ),
    min_size=1,
    max_size=4,
)


def as_template(found: list[Any]) -> Template:
    def place(text: str) -> Any:
        return {"Fn::Sub": text.replace("Results", RESULTS).replace("Table", TABLE)}

    return of_role(
        *[
            allow(actions, [place(each) for each in places], **({"Condition": condition} if condition else {}))
            for actions, places, condition in found
        ]
    )


def as_intended(found: list[Any]) -> list[Allow]:
    return [Allow(actions, places, conditions=condition) for actions, places, condition in found if actions]


@settings(deadline=None, max_examples=60)
@given(permissions)
def test_a_policy_is_all_that_it_says(found: list[Any]) -> None:
    assert_only_allows(as_template(found), "JobRole", as_intended(found))


@settings(deadline=None, max_examples=60)
@given(permissions, st.sampled_from(ACTIONS))
def test_one_action_less_intended_is_one_too_many_allowed(found: list[Any], missing: str) -> None:
    without = [([each for each in actions if each != missing], *rest) for actions, *rest in found]
    if any(missing in actions for actions, *_ in found):
        refuses(f"may do more than is intended: {missing} on", as_template(found), as_intended(without))
    else:
        assert_only_allows(as_template(found), "JobRole", as_intended(without))


@settings(deadline=None, max_examples=40)
@given(permissions, st.sampled_from(ACTIONS))
def test_one_action_more_intended_is_one_too_few_allowed(found: list[Any], added: str) -> None:
    more = [*as_intended(found), Allow(added, "${Queue.Arn}")]
    template = as_template(found)
    template["Resources"]["Queue5A6B7C8D"] = {"Type": "AWS::SQS::Queue"}
    if any(added in actions and "*" in places for actions, places, _ in found):
        assert_only_allows(template, "JobRole", as_intended(found))
    else:
        refuses(f"may not do all that is intended: {added} on ${{Queue5A6B7C8D.Arn}}", template, more)
