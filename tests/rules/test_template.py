"""What a template says its values can be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_containers.rules import Template
from secure_containers.rules.contents import contents
from secure_containers.rules.intrinsics import MOST_VARIANTS, Intrinsics, Reference, Unknown, placeholders
from secure_containers.rules.partitions import arn_parts, partition_of, suffix_of
from secure_containers.rules.template import Place, Resource, Value, is_true, judged_together, settled, surely
from tests.rules.strategies import NAMES, NODES
from tests.rules.support import ACCOUNT, NO_VALUE, att, either, join, ref, sub
from tests.rules.support import template as made

SECTIONS = st.one_of(NODES, st.dictionaries(NAMES, NODES, max_size=4))


def texts(template: Template, node: Any, *, condition: str | None = None) -> list[str]:
    """The texts of a property's values; an absent one is `-`."""
    resource = Resource(
        template, "R", "T", {"Properties": {"P": node}, **({"Condition": condition} if condition else {})}
    )
    return ["-" if value.absent else value.text for value in resource.get("P")]


def values(node: Any, **sections: Any) -> list[str]:
    return texts(made({"Thing": {"Type": "AWS::SNS::Topic"}}, **sections), node)


class TestAnything:
    @settings(max_examples=300)
    @given(
        node=NODES, parameters=SECTIONS, conditions=SECTIONS, mappings=SECTIONS, resources=SECTIONS, known=st.booleans()
    )
    def test_resolution_never_raises_and_never_loses_a_value(
        self, node: Any, parameters: Any, conditions: Any, mappings: Any, resources: Any, known: bool
    ) -> None:
        body = {"Parameters": parameters, "Conditions": conditions, "Mappings": mappings, "Resources": resources}
        template = Template(
            body, "any.json", account=ACCOUNT if known else None, region="eu-central-1" if known else None
        )
        resource = Resource(template, "R", "T", {"Properties": node, "Condition": "A", "DeletionPolicy": node})
        for value in [
            *resource.get(),
            *resource.get("A"),
            *resource.get("A", "B"),
            *resource.attribute("DeletionPolicy"),
        ]:
            assert isinstance(value.text, str)
            assert (value.text == "") or not value.absent
            assert value.beside("A")
            list(value.items())
            list(value.members())
            assert value.parsed()
        assert resource.get("A")
        assert template.line("A") == 1
        assert all(isinstance(each.type, str) for each in template.resources.values())

    @settings(max_examples=150)
    @given(node=NODES)
    def test_the_walk_over_contents_never_raises(self, node: Any) -> None:
        found = contents(node, "Properties")
        assert all(isinstance(text, str) and path.startswith("Properties") for path, text in found.texts)
        assert all(isinstance(name, str) for name in found.references)

    @settings(max_examples=100)
    @given(node=NODES)
    def test_json_in_a_text_is_the_same_as_the_object(self, node: Any) -> None:
        resource = Resource(Template({}, "x"), "R", "T", {"Properties": {"P": json.dumps(node)}})
        (value,) = resource.get("P")
        plain = isinstance(node, str | int | float) or node is None
        if not plain:
            expected = [
                each.text for each in Resource(Template({}, "x"), "R", "T", {"Properties": {"P": node}}).get("P")
            ]
            assert [each.text for each in value.parsed()] == expected


class TestIf:
    @given(st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=12))
    def test_every_branch_is_found(self, leaves: list[str]) -> None:
        node: Any = leaves[0]
        conditions: dict[str, Any] = {}
        for number, leaf in enumerate(leaves[1:]):
            conditions[f"C{number}"] = {"Fn::Equals": [ref("Free"), str(number)]}
            node = either(f"C{number}", leaf, node) if number % 2 else either(f"C{number}", node, leaf)
        assert set(values(node, Conditions=conditions)) <= set(leaves)  # `Free` has one text at a time
        undecided = {name: {"Fn::Equals": [ref("AWS::StackName"), name]} for name in conditions}
        assert sorted(values(node, Conditions=undecided)) == sorted(leaves)

    def test_the_same_condition_is_decided_once(self) -> None:
        assert values(either("Open", either("Open", "a", "b"), either("Open", "c", "d"))) == ["a", "d"]

    def test_a_known_condition_has_one_branch(self) -> None:
        always = {"Always": {"Fn::Equals": ["a", "a"]}, "Never": {"Fn::Equals": ["a", "b"]}}
        assert values(either("Always", "x", "y"), Conditions=always) == ["x"]
        assert values(either("Never", "x", "y"), Conditions=always) == ["y"]

    @pytest.mark.parametrize(
        ("condition", "node", "expected"),
        [
            ("Prod", either("Prod", "a", "b"), ["a"]),
            ("Prod", either("NotProd", "a", "b"), ["b"]),
            ("NotProd", either("Prod", "a", "b"), ["b"]),
            ("Prod", either("Dev", "a", "b"), ["b"]),
            ("Prod", ref("Environment"), ["prod"]),
            ("NotProd", ref("Environment"), ["dev"]),
            ("Open", ref("Free"), ["yes"]),
            ("Open", either("Prod", "a", "b"), ["a", "b"]),
            ("Both", either("Prod", "a", "b"), ["a"]),
            ("Both", either("Open", "a", "b"), ["a"]),
            ("Neither", either("Prod", either("Open", "a", "b"), either("Open", "c", "d")), ["d"]),
            (None, either("Prod", ref("Environment"), ref("Environment")), ["prod", "dev"]),
            (None, join(either("Prod", "a", "b"), either("Prod", "c", "d")), ["ac", "bd"]),
            (None, join(either("Prod", "a", "b"), either("NotProd", "c", "d")), ["ad", "bc"]),
        ],
    )
    def test_conditions_that_go_together(self, condition: str | None, node: Any, expected: list[str]) -> None:
        more = {
            "Both": {"Fn::And": [{"Condition": "Prod"}, {"Condition": "Open"}]},
            "Neither": {"Fn::Not": [{"Fn::Or": [{"Condition": "Prod"}, {"Condition": "Open"}]}]},
        }
        assert texts(made({}, Conditions=more), node, condition=condition) == expected

    @pytest.mark.parametrize(
        "conditions",
        [
            {"A": {"Condition": "A"}},
            {"A": {"Condition": "B"}, "B": {"Fn::Not": [{"Condition": "A"}]}},
            {"A": {"Fn::Equals": [either("A", "x", "y"), "x"]}},
            {"A": {"Fn::Equals": [["x"], ["y"]]}},
            {"A": {"Fn::Equals": [{"Fn::ImportValue": "x"}, "x"]}},
            {"A": {"Fn::Not": []}},
            {"A": "x"},
            {},
        ],
    )
    def test_a_condition_that_cannot_be_told_has_both_branches(self, conditions: dict[str, Any]) -> None:
        assert values(either("A", "x", "y"), Conditions=conditions) == ["x", "y"]

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            ({"Fn::And": [{"Fn::Equals": ["a", "b"]}, {"Condition": "Open"}]}, False),
            ({"Fn::And": [{"Fn::Equals": ["a", "a"]}, {"Condition": "Open"}]}, None),
            ({"Fn::Or": [{"Fn::Equals": ["a", "a"]}, {"Condition": "Open"}]}, True),
            ({"Fn::Or": [{"Fn::Equals": ["a", "b"]}, {"Condition": "Open"}]}, None),
            ({"Fn::Equals": [True, "true"]}, True),
            ({"Fn::Equals": [1, "1"]}, True),
            ({"Fn::Equals": [ref("Environment"), "test"]}, False),
            ({"Fn::Equals": [ref("AWS::Region"), "eu-central-1"]}, True),
            ({"Fn::Equals": [ref("AWS::Partition"), "aws-us-gov"]}, False),
            ({"Fn::Equals": [ref("AWS::AccountId"), "999988887777"]}, False),
            ({"Fn::Equals": [ref("AWS::StackName"), "x"]}, None),
        ],
    )
    def test_verdicts(self, condition: Any, expected: bool | None) -> None:
        template = made({}, account=ACCOUNT, region="eu-central-1", Conditions={"Asked": condition})
        assert template.condition("Asked") is expected

    def test_a_resource_whose_condition_never_holds_is_not_there(self) -> None:
        resources = {"R": {"Type": "AWS::SNS::Topic", "Condition": "Test"}}
        assert not made(resources, Conditions={"Test": {"Fn::Equals": [ref("Environment"), "test"]}}).resources

    def test_conditions_that_double_at_every_step_end(self) -> None:
        doubled = {f"C{n}": {"Fn::And": [{"Condition": f"C{n + 1}"}] * 2} for n in range(200)}
        assert made({}, Conditions=doubled).condition("C0") is None
        chain = {f"C{n}": {"Condition": f"C{n + 1}"} for n in range(5000)}
        assert made({}, Conditions=chain).condition("C0") is None


class TestParameters:
    @pytest.mark.parametrize(
        ("parameter", "expected"),
        [
            ({"Type": "String"}, ["${P}"]),
            ({"Type": "String", "Default": "a"}, ["a", "${P}"]),
            ({"Type": "String", "AllowedValues": ["a", "b"], "Default": "a"}, ["a", "b"]),
            ({"Type": "String", "AllowedValues": [True, "b"]}, ["true", "b"]),
            ({"Type": "Number", "Default": 5}, ["5", "${P}"]),
            ({"Type": "CommaDelimitedList", "Default": "a, b"}, ["['a', 'b']", "${P}"]),
            ({"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/a"}, ["${P}"]),
            ({"Type": "AWS::SSM::Parameter::Value<String>", "AllowedValues": ["/a"]}, ["${P}"]),
            ({}, ["${P}"]),
            ("nonsense", ["${P}"]),
        ],
    )
    def test_values(self, parameter: Any, expected: list[str]) -> None:
        assert values(ref("P"), Parameters={"P": parameter}) == expected

    @pytest.mark.parametrize(
        ("parameter", "may_be"),
        [
            ({"Type": "String"}, True),
            ({"Type": "String", "AllowedPattern": "arn:.+"}, False),
            ({"Type": "String", "AllowedPattern": ".*"}, True),
            ({"Type": "String", "AllowedPattern": r"\p{Alpha}+"}, True),  # Java's, which Python cannot read
            ({"Type": "String", "AllowedPattern": "[[a-z]"}, True),  # not sure to mean the same in both
            ({"Type": "CommaDelimitedList"}, True),
            ({"Type": "Number"}, False),
            ({"Type": "AWS::EC2::VPC::Id"}, False),
            ({"Type": "AWS::SSM::Parameter::Value<String>"}, True),
        ],
    )
    def test_what_a_parameter_leaves_open(self, parameter: Any, may_be: bool) -> None:
        template = made({}, Parameters={"P": parameter})
        for node in (ref("P"), sub("${P}"), join(ref("P")), sub("${V}", V=ref("P"))):
            (value,) = Resource(template, "R", "T", {"Properties": {"X": node}}).get("X")
            assert value.unknown
            assert value.may_be("*") is may_be

    def test_a_list_is_its_elements(self) -> None:
        template = made({}, Parameters={"P": {"Type": "CommaDelimitedList", "Default": "a,b"}})
        items = [
            item.text
            for value in Resource(template, "R", "T", {"Properties": {"X": ref("P")}}).get("X")
            for item in value.items()
        ]
        assert items == ["a", "b", "${P}"]

    @pytest.mark.parametrize(
        "node", [ref("AWS::AccountId"), ref("AWS::StackName"), att("Thing"), ref("Thing"), sub("${Thing.Arn}")]
    )
    def test_what_aws_gives_is_nobodys_choice(self, node: Any) -> None:
        (value,) = Resource(made({"Thing": {"Type": "T"}}), "R", "T", {"Properties": {"X": node}}).get("X")
        assert value.unknown
        assert not value.may_be("*")


class TestNestedStacks:
    def nested(self, passed: dict[str, Any], parameter: dict[str, Any]) -> Template:
        stack = {"Type": "AWS::CloudFormation::Stack", "Properties": {"Parameters": passed}}
        parent = made({"Stack": stack, "Queue": {"Type": "AWS::SQS::Queue"}})
        return Template({"Parameters": {"P": parameter}}, "child.json", parent=parent.resources["Stack"])

    @pytest.mark.parametrize(
        ("passed", "parameter", "expected"),
        [
            ({"P": "a"}, {"Type": "String", "Default": "b"}, ["a"]),
            ({"P": ref("Environment")}, {"Type": "String"}, ["dev", "prod"]),
            ({"P": ref("Free")}, {"Type": "String"}, ["${Free}"]),
            ({"P": att("Queue")}, {"Type": "String"}, ["${../Queue.Arn}"]),
            ({"P": "a,b"}, {"Type": "CommaDelimitedList"}, ["['a', 'b']"]),
            ({"P": either("Open", "a")}, {"Type": "String", "Default": "b"}, ["a", "b", "${P}"]),
            ({}, {"Type": "String", "Default": "b"}, ["b", "${P}"]),
            ({"P": "/name"}, {"Type": "AWS::SSM::Parameter::Value<String>"}, ["${P}"]),
        ],
    )
    def test_parameters_come_from_the_parent(
        self, passed: dict[str, Any], parameter: dict[str, Any], expected: list[str]
    ) -> None:
        assert texts(self.nested(passed, parameter), ref("P")) == expected

    def test_a_reference_of_the_parent_is_nobodys_choice_and_no_resource_of_the_child(self) -> None:
        (value,) = Resource(
            self.nested({"P": att("Queue")}, {"Type": "String"}), "R", "T", {"Properties": {"X": ref("P")}}
        ).get("X")
        assert isinstance(value.data, Unknown)
        assert not value.may_be("*")


class TestPlaces:
    """Which resource a value names."""

    @staticmethod
    def named(type_: str, node: Any) -> Place:
        template = made({"Thing": {"Type": type_}, "R": {"Type": "T", "Properties": {"P": node}}})
        (place,) = template.world.places(template.resources["R"], "P")
        return place

    @pytest.mark.parametrize(
        ("type_", "attribute"),
        [
            ("AWS::CloudFormation::Stack", "Outputs.TaskRole"),
            ("AWS::Serverless::Application", "Outputs.TaskRole"),
            ("Custom::Roles", "TaskRole"),
            ("AWS::CloudFormation::CustomResource", "TaskRole"),
        ],
    )
    def test_what_a_resource_gives_is_not_the_resource(self, type_: str, attribute: str) -> None:
        assert self.named(type_, att("Thing", attribute)) == f"${{Thing.{attribute}}}"

    @pytest.mark.parametrize(
        ("type_", "node"),
        [
            ("AWS::IAM::Role", att("Thing")),
            ("AWS::CloudFormation::Stack", ref("Thing")),
            ("Custom::Role", ref("Thing")),
        ],
    )
    def test_an_attribute_of_a_resource_is_the_resource(self, type_: str, node: Any) -> None:
        place = self.named(type_, node)
        assert isinstance(place, Resource)
        assert place.logical_id == "Thing"

    def test_the_output_of_a_nested_stack_at_hand_is_followed(self) -> None:
        stack = {"Type": "AWS::CloudFormation::Stack"}
        user = {"Type": "T", "Properties": {"P": att("Stack", "Outputs.Role")}}
        parent = made({"Stack": stack, "R": user})
        body = {"Resources": {"Role": {"Type": "AWS::IAM::Role"}}, "Outputs": {"Role": {"Value": att("Role")}}}
        child = Template(body, "child.json", parent=parent.resources["Stack"])
        world = judged_together([parent, child])
        assert world.places(parent.resources["R"], "P") == [child.resources["Role"]]


class TestTexts:
    @given(st.text("ab:/", max_size=3), st.lists(st.text("abc$.{ \\", max_size=6), max_size=6))
    def test_a_join_of_texts_is_pythons(self, separator: str, parts: list[str]) -> None:
        joined = separator.join(parts)
        if not list(placeholders(joined)):
            assert values(join(*parts, by=separator)) == [joined]

    @given(st.lists(st.tuples(st.text("ab", max_size=4), st.text("xy", max_size=4)), max_size=5))
    def test_a_substitution_of_texts_is_pythons(self, pairs: list[tuple[str, str]]) -> None:
        variables = {f"V{number}": value for number, (_, value) in enumerate(pairs)}
        text = "".join(f"{before}${{V{number}}}" for number, (before, _) in enumerate(pairs))
        assert values(sub(text, **variables)) == ["".join(before + value for before, value in pairs)]

    @pytest.mark.parametrize(
        ("node", "expected"),
        [
            (join("a", NO_VALUE, "b", by=","), ["a,b"]),
            (join("a", either("Open", "b"), by=","), ["a,b", "a"]),
            (join("a", ref("Thing")), ["a${Thing}"]),
            (join("a", ref("Environment")), ["adev", "aprod"]),
            ({"Fn::Join": [",", ref("Names")]}, ["x,y", "${Fn::Join}"]),
            ({"Fn::Join": [",", either("Open", ["a", "b"], ["c"])]}, ["a,b", "c"]),
            (sub("a${!Literal}b"), ["a${Literal}b"]),
            (sub("${AWS::Region}-${Thing.Arn}"), ["${AWS::Region}-${Thing.Arn}"]),
            (sub("${A}${A}", A=either("Open", "x", "y")), ["xx", "yy"]),
            (sub("${Environment}/${Environment}"), ["dev/dev", "dev/prod", "prod/dev", "prod/prod"]),
            (sub("${A}", A=NO_VALUE), [""]),
            ({"Fn::Sub": ["a"]}, ["${Fn::Sub}"]),
            ({"Fn::Join": ["a"]}, ["${Fn::Join}"]),
            ({"Fn::Join": [ref("Free"), ["a"]]}, ["${Fn::Join}"]),
            ({"Fn::Split": [",", "a,b"]}, ["['a', 'b']"]),
            ({"Fn::Split": ["", "a,b"]}, ["${Fn::Split}"]),
            ({"Fn::Split": [",", ref("Thing")]}, ["${Fn::Split}"]),
            ({"Fn::Select": [1, ["a", "b"]]}, ["b"]),
            ({"Fn::Select": ["1", {"Fn::Split": [",", "a,b"]}]}, ["b"]),
            ({"Fn::Select": [either("Open", 0, 1), ["a", "b"]]}, ["a", "b"]),
            ({"Fn::Select": [ref("AWS::StackName"), ["a", "b"]]}, ["a", "b"]),
            ({"Fn::Select": [2, ["a", "b"]]}, ["${Fn::Select}"]),
            ({"Fn::Select": ["²", ["a", "b"]]}, ["${Fn::Select}"]),
            ({"Fn::Select": [0, either("Open", ["a"], ["b"])]}, ["a", "b"]),
            ({"Fn::Select": [0, [either("Open", "a", "b")]]}, ["a", "b"]),
            ("{{resolve:ssm:/x}}", ["${{{resolve:ssm:/x}}}"]),
            ("x{{resolve:ssm:/x}}", ["x{{resolve:ssm:/x}}"]),
            ({"Fn::ImportValue": "x"}, ["${x}"]),
            ({"Ref": ["x"]}, ["${Ref}"]),
            ({"Fn::GetAtt": "Thing.A.B"}, ["${Thing.A.B}"]),
            ({"Fn::GetAtt": []}, ["${Fn::GetAtt}"]),
            ({"Fn::If": ["Open", "a"]}, ["${Fn::If}"]),
            ({"Fn::ToJsonString": ref("Environment")}, ["dev", "prod"]),
            (None, ["-"]),
            (NO_VALUE, ["-"]),
            (True, ["true"]),
            (0, ["0"]),
        ],
    )
    def test_functions(self, node: Any, expected: list[str]) -> None:
        assert values(node, Parameters={"Names": {"Type": "CommaDelimitedList", "Default": "x,y"}}) == expected

    @pytest.mark.parametrize(
        ("key", "expected"),
        [
            (["M", "a", "x"], ["1"]),
            (["M", "b", "x"], ["2"]),
            (["M", "c", "x"], ["${Fn::FindInMap}"]),
            (["M", ref("AWS::Region"), "x"], ["1", "2"]),
            (["M", ref("Environment"), "x"], ["${Fn::FindInMap}"]),
            (["M", either("Open", "a", "b"), "x"], ["1", "2"]),
            (["M", sub("${AWS::StackName}b"), "x"], ["1", "2"]),
            (["N", "a", "x"], ["${Fn::FindInMap}"]),
            (["Empty", ref("AWS::Region"), "x"], ["${Fn::FindInMap}"]),
            (["M", "c", "x", {"DefaultValue": "d"}], ["${Fn::FindInMap}", "d"]),
            (["M"], ["${Fn::FindInMap}"]),
            (["M", "a", "list"], ["['l', 'm']"]),
        ],
    )
    def test_mappings(self, key: list[Any], expected: list[str]) -> None:
        table = {"a": {"x": 1, "list": ["l", "m"]}, "b": {"x": 2}}
        assert values({"Fn::FindInMap": key}, Mappings={"M": table, "Empty": {}}) == expected

    def test_the_last_row_of_a_long_mapping_is_not_forgotten(self) -> None:
        rows = {f"r{number}": {"x": f"v{number}"} for number in range(200)}
        found = values({"Fn::FindInMap": ["M", ref("AWS::Region"), "x"]}, Mappings={"M": rows})
        assert found[-1] == "${Fn::FindInMap}"
        assert len(found) == MOST_VARIANTS + 1


class TestBounds:
    @given(st.lists(st.integers(1, 9), min_size=1, max_size=8))
    def test_a_text_has_so_many_variants_at_most(self, sizes: list[int]) -> None:
        parameters = {
            f"P{n}": {"Type": "String", "AllowedValues": [f"{n}{k}" for k in range(size)]}
            for n, size in enumerate(sizes)
        }
        found = values(join(*(ref(name) for name in parameters)), Parameters=parameters)
        count = 1
        for size in sizes:
            count *= size
        assert len(found) == (count if count <= MOST_VARIANTS else 1)
        assert (found == ["${Fn::Join}"]) == (count > MOST_VARIANTS)

    def test_the_same_condition_many_times_is_two_variants(self) -> None:
        assert values(join(*[either("Open", "a", "b")] * 40)) == ["a" * 40, "b" * 40]

    def test_so_many_allowed_values_are_judged_and_the_rest_is_unknown(self) -> None:
        allowed = [str(number) for number in range(500)]
        found = values(ref("P"), Parameters={"P": {"Type": "String", "AllowedValues": allowed}})
        assert found == [*allowed[:MOST_VARIANTS], "${P}"]

    def test_a_text_that_doubles_at_every_level_ends(self) -> None:
        node: Any = "x" * 1000
        for _ in range(60):
            node = sub("${A}${A}", A=node)
        (text,) = values(node)
        assert len(text) < 2_000_000

    def test_work_is_linear(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nested branches and joins ask for each node a bounded number of times."""
        calls = 0
        follow = Intrinsics.variants

        def counted(self: Intrinsics, node: Any, given: Any = frozenset()) -> Any:
            nonlocal calls
            calls += 1
            return follow(self, node, given)

        monkeypatch.setattr(Intrinsics, "variants", counted)
        counts = []
        for size in (50, 500):
            calls = 0
            values(join(*(either("Open", ref("Thing"), sub("${Thing}${Thing}")) for _ in range(size))))
            counts.append(calls)
        assert counts[1] < 12 * counts[0]


class TestArns:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (
                "arn:aws:ecr:eu-central-1:111122223333:repository/app",
                ["arn", "aws", "ecr", "eu-central-1", "111122223333", "repository/app"],
            ),
            (
                "arn:${AWS::Partition}:ecr:*:*:repository/*",
                ["arn", "${AWS::Partition}", "ecr", "*", "*", "repository/*"],
            ),
            ("arn:aws:logs:a:b:log-group:c:*", ["arn", "aws", "logs", "a", "b", "log-group:c:*"]),
            ("arn:aws:s3:::bucket/${AWS::Region}", ["arn", "aws", "s3", "", "", "bucket/${AWS::Region}"]),
            ("arn:aws:s3", []),
            ("${Thing.Arn}", []),
            ("*", []),
            ("", []),
        ],
    )
    def test_parts(self, text: str, expected: list[str]) -> None:
        assert arn_parts(text) == expected

    @given(st.text(":a*{}$/", max_size=30))
    def test_parts_make_the_text_again(self, text: str) -> None:
        parts = arn_parts(f"arn:{text}")
        assert parts == [] or ":".join(parts) == f"arn:{text}"

    @pytest.mark.parametrize(
        ("region", "partition", "suffix"),
        [
            ("eu-central-1", "aws", "amazonaws.com"),
            ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
            ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
            ("us-iso-east-1", "aws-iso", "c2s.ic.gov"),
            ("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov"),
            ("eusc-de-east-1", "aws-eusc", "amazonaws.eu"),
        ],
    )
    def test_partitions(self, region: str, partition: str, suffix: str) -> None:
        assert (partition_of(region), suffix_of(region)) == (partition, suffix)
        template = made({}, region=region)
        assert texts(template, sub("${AWS::Partition} ${AWS::URLSuffix}")) == [f"{partition} {suffix}"]


class TestImports:
    @pytest.mark.parametrize(
        ("node", "may_be"),
        [
            ({"Fn::ImportValue": "Network:ExportsOutputFnGetAttQueueArn1234"}, False),
            ({"Fn::ImportValue": "Network:ExportsOutputRefBucket1234"}, False),
            (
                {"Fn::GetStackOutput": {"StackName": "Network", "OutputName": "PublishOutputFnGetAttQueueArn1234"}},
                False,
            ),
            ({"Fn::ImportValue": "queue-arn"}, True),
            ({"Fn::ImportValue": sub("${Network}-QueueArn")}, True),
            ({"Fn::GetStackOutput": {"StackName": "Network", "OutputName": "QueueArn"}}, True),
            ({"Fn::GetStackOutput": "x"}, True),
        ],
    )
    def test_what_the_cdk_exports_is_nobodys_choice(self, node: Any, may_be: bool) -> None:
        for each in (node, join(node)):
            (value,) = Resource(made({}), "R", "T", {"Properties": {"X": each}}).get("X")
            assert value.may_be("*") is may_be


class TestResources:
    def test_lines_of_json(self) -> None:
        body = {
            "Parameters": {"Topic": {"Type": "String"}},
            "Resources": {"Topic": {"Type": "T"}, 'Odd"': {"Type": "T"}, "Queue": {"Type": "Q"}},
        }
        source = json.dumps(body, indent=1)
        template = Template(body, "t.json", source=source)
        lines = source.split("\n")
        assert [lines[template.line(name) - 1].strip() for name in ("Topic", "Queue")] == ['"Topic": {', '"Queue": {']
        assert template.line(None) == template.line("Missing") == 1

    def test_lines_that_the_reader_knows(self) -> None:
        assert Template({}, "t.yaml", lines={"Topic": 7}).line("Topic") == 7

    def test_entries_that_are_no_resources_are_left_out(self) -> None:
        odd = {"A": None, "B": [], "C": {}, "D": {"Type": 5}, "E": {"Type": "AWS::SNS::Topic"}}
        assert list(Template({"Resources": odd}, "t").resources) == ["E"]

    def test_attributes_are_followed_too(self) -> None:
        resource = made({"R": {"Type": "T", "DeletionPolicy": either("Prod", "Retain", "Delete")}}).resources["R"]
        assert [value.text for value in resource.attribute("DeletionPolicy")] == ["Retain", "Delete"]

    def test_once_is_once(self) -> None:
        template, calls = Template({}, "t"), []
        for _ in range(3):
            assert template.once(lambda each, calls=calls: len(calls)) == 0
        gather = calls.append
        for _ in range(3):
            template.once(gather)
        assert calls == [template]

    @pytest.mark.parametrize(
        ("data", "expected"),
        [(True, True), ("true", True), ("True", True), (False, False), ("no", False), (1, False), (None, False)],
    )
    def test_true(self, data: Any, expected: bool) -> None:
        assert is_true(data) is expected

    def test_a_value_stands_with_a_resource(self) -> None:
        resources = {
            "Always": {"Type": "T", "Properties": {"X": either("Prod", "a", "b")}},
            "InProd": {"Type": "T", "Condition": "Prod", "Properties": {"X": either("Prod", "a", "b")}},
        }
        found = made(resources).resources
        first, second = found["Always"].get("X")
        assert found["InProd"].stands_with(first)
        assert not found["InProd"].stands_with(second)
        assert not found["Always"].stands_with(first)
        assert not first.meets(second)
        assert first.meets(first)

    def test_references_and_unknowns_as_text(self) -> None:
        assert Reference("A", "Ref").expression == "A"
        assert Reference("A", "Arn").expression == "A.Arn"
        assert Unknown("x").can_be("anything")


class TestVerdicts:
    def values(self, *written: Any) -> list[Value]:
        choice = {"Choice": {"Type": "String", "AllowedValues": ["a", "b"]}}
        resources = {f"R{number}": {"Type": "T", "Properties": {"X": each}} for number, each in enumerate(written)}
        return [
            value for resource in made(resources, Parameters=choice).resources.values() for value in resource.get("X")
        ]

    @pytest.mark.parametrize(
        ("written", "kept"),
        [
            (["a"], ["a"]),
            ([ref("Choice")], []),
            ([either("Prod", "a", "b")], ["a"]),
            ([either("Prod", ref("Choice"), "a")], ["a"]),
            (["a", "b"], ["a"]),
            (["a", ref("Choice")], ["a"]),
        ],
    )
    def test_another_choice_of_a_parameter_overturns_a_verdict(self, written: list[Any], kept: list[str]) -> None:
        verdicts = [(value.text == "a", value) for value in self.values(*written)]
        assert [value.text for verdict, value in settled(verdicts) if verdict] == kept
        assert [verdict for verdict, _ in settled(verdicts)].count(False) == [v for v, _ in verdicts].count(False)

    def test_what_is_not_told_overturns_too(self) -> None:
        first, second = self.values(ref("Choice"))
        assert settled([(True, first), (None, second)]) == [(None, second)]

    @pytest.mark.parametrize(
        ("written", "expected"),
        [("a", True), (either("Prod", "a", "b"), False), (ref("Choice"), False), (either("Prod", "a", "a"), True)],
    )
    def test_surely(self, written: Any, expected: bool) -> None:
        choice = {"Choice": {"Type": "String", "AllowedValues": ["a", "b"]}}
        resource = made({"R": {"Type": "T", "Properties": {"X": written}}}, Parameters=choice).resources["R"]
        (whole,) = resource.properties(resource.given)
        assert surely([(value.text == "a", value) for value in resource.get("X")], whole) is expected
