"""CloudFormation's YAML, by both of PyYAML's readers."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from secure_containers.check.loader import parse
from secure_containers.check.yaml_template import MOST_NODES
from tests.check.conftest import Command
from tests.check.samples import BAD, put


@pytest.fixture(autouse=True, params=["C", "Python"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some builds of PyYAML have no reader in C; both must behave."""
    if request.param == "Python":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    elif not hasattr(yaml, "CSafeLoader"):
        pytest.skip("this build of PyYAML has no reader in C")


def value(text: str) -> Any:
    """What `text` means as the value of a property."""
    body = parse(f"Resources:\n  A:\n    Type: X\n    Properties:\n      Value: {text}\n".encode(), "a").body
    return body["Resources"]["A"]["Properties"]["Value"]


class TestIntrinsics:
    @pytest.mark.parametrize(
        ("short", "meaning"),
        [
            ("!Ref Name", {"Ref": "Name"}),
            ("!Ref AWS::Region", {"Ref": "AWS::Region"}),
            ("!GetAtt A.Arn", {"Fn::GetAtt": ["A", "Arn"]}),
            ("!GetAtt A.Outputs.Key", {"Fn::GetAtt": ["A", "Outputs.Key"]}),
            ("!GetAtt [A, Arn]", {"Fn::GetAtt": ["A", "Arn"]}),
            ("!GetAtt [A, !Ref B]", {"Fn::GetAtt": ["A", {"Ref": "B"}]}),
            ("!Sub ${A}-${B.Arn}", {"Fn::Sub": "${A}-${B.Arn}"}),
            ("!Sub ['${A}', {A: !Ref B}]", {"Fn::Sub": ["${A}", {"A": {"Ref": "B"}}]}),
            ("!If [C, 1, !Ref AWS::NoValue]", {"Fn::If": ["C", 1, {"Ref": "AWS::NoValue"}]}),
            ("!Join ['', [a, !Ref B]]", {"Fn::Join": ["", ["a", {"Ref": "B"}]]}),
            ("!FindInMap [M, !Ref A, k]", {"Fn::FindInMap": ["M", {"Ref": "A"}, "k"]}),
            ("!Select [0, !GetAZs '']", {"Fn::Select": [0, {"Fn::GetAZs": ""}]}),
            ("!Split [',', !ImportValue A]", {"Fn::Split": [",", {"Fn::ImportValue": "A"}]}),
            ("!ImportValue\n        Fn::Sub: ${A}-x", {"Fn::ImportValue": {"Fn::Sub": "${A}-x"}}),
            ("!Equals [!Ref A, b]", {"Fn::Equals": [{"Ref": "A"}, "b"]}),
            ("!And [!Condition A, !Not [!Condition B]]", {"Fn::And": [{"Condition": "A"}, {"Fn::Not": [{"Condition": "B"}]}]}),
            ("!Or [!Condition A, !Condition B]", {"Fn::Or": [{"Condition": "A"}, {"Condition": "B"}]}),
            ("!Condition A", {"Condition": "A"}),
            ("!Base64 text", {"Fn::Base64": "text"}),
            ("!Base64\n        Fn::Sub: ${A}", {"Fn::Base64": {"Fn::Sub": "${A}"}}),
            ("!Cidr [!GetAtt V.CidrBlock, 2, 8]", {"Fn::Cidr": [{"Fn::GetAtt": ["V", "CidrBlock"]}, 2, 8]}),
            ("!Transform {Name: M, Parameters: {A: !Ref B}}", {"Fn::Transform": {"Name": "M", "Parameters": {"A": {"Ref": "B"}}}}),
            ("!GetAZs ''", {"Fn::GetAZs": ""}),
            ("!GetAZs\n        Ref: AWS::Region", {"Fn::GetAZs": {"Ref": "AWS::Region"}}),
            ("!ToJsonString {A: 1}", {"Fn::ToJsonString": {"A": 1}}),
            ("{'Fn::Join': ['', [!Ref A]]}", {"Fn::Join": ["", [{"Ref": "A"}]]}),
        ],
    )  # fmt: skip
    def test_short_form(self, short: str, meaning: Any) -> None:
        assert value(short) == meaning

    @pytest.mark.parametrize("mutability", ["!Ref Wanted", "!If [Prod, MUTABLE, IMMUTABLE]", "!Sub '${Wanted}'"])
    def test_rules_see_through_them(self, mutability: str, check: Command) -> None:
        put(
            "a.yaml",
            f"""
Parameters:
  Wanted: {{Type: String, AllowedValues: [MUTABLE, IMMUTABLE]}}
Conditions:
  Prod: !Equals [!Ref Wanted, MUTABLE]
Resources:
  Images:
    Type: AWS::ECR::Repository
    Properties: {{ImageTagMutability: {mutability}}}
""",
        )
        (finding,) = check("a.yaml", "--only", "SC-ECR-01").report["findings"]
        assert (finding["kind"], finding["line"]) == ("violation", 7)


class TestScalars:
    @pytest.mark.parametrize(
        ("text", "meaning"),
        [
            ("2012-10-17", "2012-10-17"),
            ("2012-10-17T00:00:00Z", "2012-10-17T00:00:00Z"),
            ("2010-09-09", "2010-09-09"),
            ("=", "="),
            ("'7'", "7"),
            ("7", 7),
            ("1.5", 1.5),
            ("true", True),
            ("no", False),
            ("null", None),
            ("~", None),
            ("", None),
            ("111122223333", 111122223333),
            ("a: b", {"a": "b"}),
            ("&x [1, 2]", [1, 2]),
            ("|\n        two\n        lines\n", "two\nlines\n"),
            ("! text", "text"),
            ("!!str 7", "7"),
            ("\U0001f433 café", "\U0001f433 café"),
        ],
    )
    def test_value(self, text: str, meaning: Any) -> None:
        found = value("\n        " + text if text == "a: b" else text)
        assert (found, type(found)) == (meaning, type(meaning))

    @pytest.mark.parametrize("key", ["1", "null", "~", "true", "on", "yes", "1.5", "2012-10-17", "=", "0x1F"])
    def test_keys_are_texts(self, key: str) -> None:
        assert value(f"{{{key}: x}}") == {key: "x"}

    @pytest.mark.parametrize("where", ["Resources", "Parameters", "Conditions", "Mappings", "Metadata", "Outputs"])
    def test_keys_that_look_like_something_else_fail_no_rule(self, where: str, check: Command) -> None:
        body = "Type: AWS::IAM::Role, Properties: {1: a, null: {2: [{on: b}]}, true: arn:aws:iam::aws:x}, 3: 4"
        put(
            "a.yaml",
            f"Resources: {{Images: {{{body}}}}}\n" * (where != "Resources") + f"{where}: {{1: {{{body}}}, null: {{}}}}",
        )
        result = check("a.yaml")
        assert result.errors == []
        assert "SC-PRT-01" in result.ids
        assert "SC-ENG-01" not in result.ids

    def test_aliases_and_merges_are_followed(self, check: Command) -> None:
        put(
            "a.yaml",
            """
Resources:
  One: &one
    Type: AWS::ECR::Repository
    Properties: &properties {ImageTagMutability: MUTABLE}
  Two: *one
  Three:
    <<: *one
    Properties: {<<: *properties, ImageTagMutability: IMMUTABLE}
""",
        )
        found = {each["resource"]: each["line"] for each in check("a.yaml", "--only", "SC-ECR-01").report["findings"]}
        assert found == {"One": 3, "Two": 6}


class TestWhatIsNoYaml:
    @pytest.mark.parametrize(
        ("text", "error"),
        [
            ("Resources:\n\tA: 1", "a:2:1: is not YAML: "),
            ("Resources: [1, }", "a:1:16: is not YAML: "),
            ("Resources:\n  A: b: c", "a:2:7: is not YAML: "),
            ("Resources:\n  A: 'x", "a:2:8: is not YAML: "),
            ("Resources:\n  A: *gone", "a:2:6: is not YAML: found undefined alias"),
            ("Resources:\n  A: \0", "a:2:6: is not YAML: unacceptable character #x0000"),
            ("Resources:\n  \u00e9: \x07", "a:2:6: is not YAML: unacceptable character #x0007"),
            ("a: 1\n---\nb: 2", "a:2:1: is not YAML: expected a single document in the stream but found another document"),
            ("%YAML 3.0\n---\na: 1", "a:1:1: is not YAML: found incompatible YAML document"),
            ("- a\n- b", "a: holds a list, not a template"),
            ("# only a comment", "a: holds nothing, not a template"),
            ("---", "a: holds nothing, not a template"),
            ("words", "a: holds a text, not a template"),
            ("Resources:", "a: holds nothing as 'Resources'"),
            ("Resources: [A]", "a: holds a list as 'Resources'"),
            ("? {a: 1}\n: 2", "a:1:3: is not YAML: while constructing a mapping found unhashable key"),
            ("? !Ref x\n: 2", "a:1:3: is not YAML: while constructing a mapping found unhashable key"),
            ("Resources:\n  A: !!set {x}", "a:2:6: is not YAML: could not determine a constructor for the tag"),
            ("Resources:\n  A: !!binary aGk=", "a:2:6: is not YAML: could not determine a constructor for the tag"),
            ("A: !!python/object/apply:os.system [x]", "a:1:4: is not YAML: could not determine a constructor for the"),
            ("Resources:\n  A: !!int abc", "a:2:6: is not YAML: the value is no int"),
            ("Resources:\n  A: !!float abc", "a:2:6: is not YAML: the value is no float"),
            ("Resources:\n  A: !!bool 7", "a:2:6: is not YAML: the value is no bool"),
            ("Resources:\n  A: 0x" + "f" * 5_000, "a:2:6: is not YAML: the value is no int"),
            ("Resources:\n  A: " + "1" * 5_000, "a:2:6: is not YAML: the value is no int"),
            ("Resources:\n  A: 1" + ":1" * 5_000, "a:2:6: is not YAML: the value is no int"),
            ("Resources:\n  A: 1\n  B: 2\n  A: 3", "a:4:3: is not YAML: the key 'A' stands twice in one object"),
            ("Resources:\n  A: !If {b: 1, b: 2}", "a:2:17: is not YAML: the key 'b' stands twice in one object"),
            ("1: x\n'1': y", "a:2:1: is not YAML: the key '1' stands twice in one object"),
        ],
    )  # fmt: skip
    def test_it_is_named_in_one_line_with_its_place(self, text: str, error: str, check: Command) -> None:
        put("a", text)
        put("b", BAD)
        result = check("a", "b")
        assert result.code == 2
        assert len(result.errors) == 1
        assert result.errors[0].startswith(error)
        assert "\n" not in result.errors[0]
        assert {finding["template"] for finding in result.report["findings"]} == {"b"}

    @pytest.mark.parametrize(
        "text",
        [
            "Resources: " + "[" * 100_000,
            "Resources: " + "{a: " * 100_000,
            "Resources: " + "[" * 200 + "]" * 200,
            "Resources:\n  " + "- " * 100_000 + "x",
            "Resources:\n" + "".join(" " * depth + "a:\n" for depth in range(1, 200)),
            "Resources: " + "!Join [" * 1_000,
            "Resources:\n  A: " + "&x " + "[" * 60 + "1" + "]" * 60 + "\n  B: " + "[" * 60 + "*x" + "]" * 60,
        ],
    )  # fmt: skip
    def test_deep_nesting_ends_in_one_line(self, text: str, check: Command) -> None:
        put("a", text)
        result = check("a")
        assert result.code == 2
        (error,) = result.errors
        assert error.endswith("nested more than 100 levels deep")

    def test_a_billion_laughs_end_in_one_line(self, check: Command) -> None:
        lists = zip("bcdefghij", "abcdefghi", strict=True)
        laughs = "".join(f"{name}: &{name} [{', '.join([f'*{other}'] * 10)}]\n" for name, other in lists)
        put("a", "a: &a [ha, ha]\n" + laughs)
        assert check("a").errors == [f"a: has more than {MOST_NODES:,} values when its aliases are expanded"]

    @pytest.mark.parametrize(
        "text", ["&a [*a]", "&a {b: *a}", "Resources: &a\n  A: *a", "Resources: &a !Join ['', [*a]]", "A: &a {<<: *a}"]
    )
    def test_an_alias_of_itself_ends_in_one_line(self, text: str, check: Command) -> None:
        put("a", text)
        result = check("a")
        assert result.code == 2
        assert len(result.errors) == 1
