"""What is read, from where, and what is said of what cannot be read."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any, ClassVar

import pytest

from secure_containers.check.loader import LARGEST, UnreadableTemplateError, load, load_stack
from tests.check.conftest import Command, Run
from tests.check.samples import (
    BAD,
    CLEAN,
    HASH,
    REPOSITORY,
    asset_url,
    assets,
    manifest,
    nested,
    put,
    stack,
    stage,
    waived,
)

ADD_YAML = "Resources:\n  Images:\n    Type: AWS::ECR::Repository\n"
KEYED_CHILD: dict[str, Any] = {
    "Parameters": {"Mutability": {"Type": "String"}},
    "Resources": {"Images": {**REPOSITORY, "Properties": {"ImageTagMutability": {"Ref": "Mutability"}}}},
}
"""A nested stack whose parent decides about SC-ECR-01."""


def names(*paths: str) -> list[str]:
    loaded = load(list(paths))
    assert not loaded.errors
    return [template.name for template in loaded.templates]


class TestCloudAssembly:
    def test_stacks_have_account_and_region_of_the_manifest(self) -> None:
        put("cdk.out/manifest.json", manifest(A=stack("A.template.json", "aws://111122223333/us-gov-west-1")))
        put("cdk.out/A.template.json", BAD)
        (template,) = load(["cdk.out"]).templates
        assert (template.name, template.account, template.region) == (
            "cdk.out/A.template.json",
            "111122223333",
            "us-gov-west-1",
        )

    @pytest.mark.parametrize("environment", ["aws://unknown-account/unknown-region", "", "elsewhere"])
    def test_an_unknown_environment_is_no_account(self, environment: str) -> None:
        put("cdk.out/manifest.json", manifest(A=stack("A.template.json", environment)))
        put("cdk.out/A.template.json", BAD)
        (template,) = load(["cdk.out"]).templates
        assert (template.account, template.region) == (None, None)

    def test_the_region_decides_about_its_partition(self, check: Command) -> None:
        arn = {"Resources": {"Thing": {"Type": "My::Thing", "Properties": {"Arn": "arn:aws-us-gov:iam::aws:policy/x"}}}}
        put("cdk.out/manifest.json", manifest(A=stack("A.template.json", "aws://111122223333/us-gov-west-1")))
        put("cdk.out/A.template.json", arn)
        put("bare.json", arn)
        assert check("cdk.out").code == 0
        assert check("bare.json").ids == {"SC-PRT-01"}

    def test_stages_are_followed(self) -> None:
        put("cdk.out/manifest.json", manifest(Prod=stage("assembly-Prod"), A=stack("A.template.json")))
        put("cdk.out/A.template.json", BAD)
        put("cdk.out/assembly-Prod/manifest.json", manifest(Inner=stage("assembly-Inner"), B=stack("B.template.json")))
        put("cdk.out/assembly-Prod/B.template.json", BAD)
        put("cdk.out/assembly-Prod/assembly-Inner/manifest.json", manifest(C=stack("C.template.json")))
        put("cdk.out/assembly-Prod/assembly-Inner/C.template.json", BAD)
        assert set(names("cdk.out")) == {
            "cdk.out/A.template.json",
            "cdk.out/assembly-Prod/B.template.json",
            "cdk.out/assembly-Prod/assembly-Inner/C.template.json",
        }

    def test_nested_stacks_are_found_by_their_asset_however_deep(self) -> None:
        deeper = HASH[::-1]
        put("cdk.out/manifest.json", manifest(A=stack("A.template.json", "aws://111122223333/eu-central-1")))
        put("cdk.out/A.assets.json", assets(**{HASH: "AOne.nested.template.json", deeper: "ATwo.nested.template.json"}))
        put("cdk.out/A.template.json", {"Resources": {"One": nested(asset_url())}})
        put("cdk.out/AOne.nested.template.json", {"Resources": {"Two": nested(asset_url(deeper))}})
        put("cdk.out/ATwo.nested.template.json", BAD)
        templates = load(["cdk.out"]).templates
        assert [Path(template.name).name for template in templates] == [
            "A.template.json",
            "AOne.nested.template.json",
            "ATwo.nested.template.json",
        ]
        assert {template.account for template in templates} == {"111122223333"}
        assert templates[2].parent is templates[1].resources["Two"]

    def test_a_nested_stack_is_found_by_its_recorded_asset_path(self) -> None:
        child = {
            **nested("https://example.com/child.json"),
            "Metadata": {"aws:asset:path": "child.nested.template.json"},
        }
        put("cdk.out/manifest.json", manifest(A=stack("A.template.json")))
        put("cdk.out/A.template.json", {"Resources": {"Child": child}})
        put("cdk.out/child.nested.template.json", BAD)
        assert names("cdk.out") == ["cdk.out/A.template.json", "cdk.out/child.nested.template.json"]

    @pytest.mark.parametrize("broken", ["", "{", "[]", '{"files": []}', '{"files": {"x": {"source": 1}}}', "[" * 9_999])
    def test_a_broken_asset_manifest_hides_no_stack(self, broken: str, check: Command) -> None:
        put("cdk.out/manifest.json", manifest(A=stack("A.template.json")))
        put("cdk.out/A.assets.json", broken)
        put("cdk.out/A.template.json", {"Resources": {"One": nested(asset_url()), "Images": REPOSITORY}})
        assert check("cdk.out").code == 1

    def test_a_stack_without_resources_is_none_to_complain_of(self, check: Command) -> None:
        put("cdk.out/manifest.json", manifest(Empty=stack("Empty.template.json")))
        put("cdk.out/Empty.template.json", {"Parameters": {"BootstrapVersion": {"Type": "String"}}})
        assert check("cdk.out").code == 0

    def test_an_app_without_stacks_is_told(self, check: Command) -> None:
        put("cdk.out/manifest.json", manifest())
        assert check("cdk.out").errors == ["cdk.out: holds no template"]

    @pytest.mark.parametrize(
        "broken",
        [
            "",
            '{"version": "55.0.0", "artifacts": {"A"',
            "[]",
            "null",
            "7",
            "{}",
            '{"artifacts": null}',
            '{"artifacts": []}',
            '{"artifacts": "A"}',
            b"\xff\xfe\x00",
            "[" * 100_000,
            "1" * 5_000,
        ],
    )
    def test_a_broken_manifest_is_one_line(self, broken: str | bytes, check: Command) -> None:
        put("cdk.out/manifest.json", broken)
        result = check("cdk.out")
        assert result.code == 2
        assert result.errors == ["cdk.out/manifest.json: is no manifest of a cloud assembly; run `cdk synth` again"]

    @pytest.mark.parametrize(
        "artifact",
        [
            None,
            7,
            "A",
            [],
            {},
            {"type": "aws:cloudformation:stack"},
            {"type": "aws:cloudformation:stack", "properties": None},
            {"type": "aws:cloudformation:stack", "properties": []},
            {"type": "aws:cloudformation:stack", "properties": {}},
            {"type": "aws:cloudformation:stack", "properties": {"templateFile": 7}},
            {"type": "aws:cloudformation:stack", "properties": {"templateFile": None}},
            {"type": "aws:cloudformation:stack", "environment": 7, "properties": {"templateFile": "B.template.json"}},
            {"type": "cdk:cloud-assembly"},
            {"type": "cdk:cloud-assembly", "properties": {"directoryName": ["x"]}},
            {"type": []},
        ],
    )
    def test_a_broken_artifact_is_one_line_and_the_others_are_checked(self, artifact: Any, check: Command) -> None:
        put("cdk.out/manifest.json", manifest(Broken=artifact, A=stack("A.template.json")))
        put("cdk.out/A.template.json", BAD)
        result = check("cdk.out")
        assert result.code == 2
        assert result.errors == [
            "cdk.out/manifest.json: cannot tell the file of the artifact 'Broken'; run `cdk synth` again"
        ]
        assert "SC-ECR-01" in result.ids

    @pytest.mark.parametrize("file", ["gone.template.json", "assembly", "a\0b", "\ud800", "x" * 5_000, ""])
    def test_a_stack_whose_file_is_not_there_is_one_line(self, file: str, check: Command) -> None:
        put("cdk.out/assembly/other.txt", "a folder is no template")
        put("cdk.out/manifest.json", manifest(Gone=stack(file), A=stack("A.template.json")))
        put("cdk.out/A.template.json", BAD)
        result = check("cdk.out")
        assert result.code == 2
        (error,) = result.errors
        assert error.startswith("cdk.out")
        assert ": cannot be read: " in error
        assert "SC-ECR-01" in result.ids

    def test_a_stage_whose_folder_is_not_there_is_one_line(self, check: Command) -> None:
        put("cdk.out/manifest.json", manifest(Prod=stage("assembly-Prod"), A=stack("A.template.json")))
        put("cdk.out/A.template.json", BAD)
        result = check("cdk.out")
        assert result.errors == ["cdk.out/assembly-Prod/manifest.json: cannot be read: No such file or directory"]
        assert "SC-ECR-01" in result.ids

    def test_an_assembly_that_is_its_own_stage_comes_to_an_end(self, check: Command) -> None:
        put("cdk.out/manifest.json", manifest(Prod=stage("."), A=stack("A.template.json")))
        put("cdk.out/A.template.json", BAD)
        result = check("cdk.out")
        (error,) = result.errors
        assert error == "cdk.out/manifest.json: names its own assembly as a stage; run `cdk synth` again"

    def test_resources_of_a_wrong_shape_are_no_empty_stack(self, check: Command) -> None:
        put("cdk.out/manifest.json", manifest(A=stack("A.template.json")))
        put("cdk.out/A.template.json", {"Resources": []})
        assert check("cdk.out").errors == [
            "cdk.out/A.template.json: holds a list as 'Resources', so it is no CloudFormation template"
        ]


class TestFilesAndFolders:
    @pytest.mark.parametrize("name", ["a.json", "a.yaml", "a.yml", "a.template", "a.txt", "a"])
    def test_a_file_that_is_named_is_read_whatever_its_suffix(self, name: str, check: Command) -> None:
        put(name, ADD_YAML)
        assert check(name).code == 1

    @pytest.mark.parametrize(
        ("content", "line"),
        [(json.dumps(BAD), 1), (json.dumps(BAD, indent=1), 3), (ADD_YAML, 2), ("---\n# comment\n" + ADD_YAML, 4)],
    )
    def test_findings_tell_the_line_of_their_resource(self, content: str, line: int, check: Command) -> None:
        put("a", content)
        assert {finding["line"] for finding in check("a").report["findings"]} == {line}

    @pytest.mark.parametrize(
        "content", [json.dumps(BAD), ADD_YAML, "{Resources: {Images: {Type: AWS::ECR::Repository}}}"]
    )
    def test_a_byte_order_mark_does_not_matter(self, content: str, check: Command) -> None:
        put("a", b"\xef\xbb\xbf" + content.encode())
        assert check("a").code == 1

    @pytest.mark.parametrize(
        "content",
        [
            "{Resources: {Images: {Type: AWS::ECR::Repository}}}",
            "{'Resources': {'Images': {'Type': 'AWS::ECR::Repository'}}}",
            "{ # a comment\n  Resources: {Images: {Type: AWS::ECR::Repository}}}",
        ],
    )
    def test_yaml_may_start_with_a_brace(self, content: str, check: Command) -> None:
        put("a.yaml", content)
        assert check("a.yaml").code == 1

    def test_a_folder_is_read_with_its_folders_and_without_other_files(self) -> None:
        put("it/a.yaml", ADD_YAML)
        put("it/deep/er/b.JSON", BAD)
        put("it/package.json", {"name": "no template"})
        put("it/notes.md", "Resources:")
        assert names("it") == ["it/a.yaml", "it/deep/er/b.JSON"]

    def test_hidden_folders_and_those_of_packages_are_passed_over(self) -> None:
        for folder in (".venv", "node_modules", "deep/.git"):
            put(f"{folder}/t.json", BAD)
        put("deep/t.json", BAD)
        assert [template.name for template in load(["."]).templates] == ["deep/t.json"]

    @pytest.mark.parametrize(
        "content",
        [
            json.dumps({"Description": "minified", **BAD}, separators=(",", ":")),
            b"\xef\xbb\xbf" + ADD_YAML.encode(),
            "AWSTemplateFormatVersion: 2010-09-09\n" + ADD_YAML,
            '{"Resources" : {"A": {"Type": "AWS::ECR::Repository"}}}',
        ],
    )
    def test_a_template_in_a_folder_is_recognized_however_it_is_laid_out(
        self, content: str | bytes, check: Command
    ) -> None:
        put("it/a.json", content)
        put("it/b.json", CLEAN)
        assert check("it").code == 1

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
    def test_a_template_in_utf_16_is_not_passed_over(self, encoding: str, check: Command) -> None:
        put("it/a.json", json.dumps(BAD).encode(encoding))
        put("it/b.json", CLEAN)
        result = check("it")
        assert result.code == 2
        assert len(result.errors) == 1
        assert result.errors[0].startswith("it/a.json:1:")

    def test_many_blank_lines_cost_no_time(self, check: Command) -> None:
        put("it/a.yaml", "\n" * 1_000_000 + " " * 1_000_000 + "," * 1_000_000)
        assert check("it").errors == ["it: holds no template"]

    @pytest.mark.parametrize("files", [{}, {"package.json": "{}"}, {"a.txt": ADD_YAML}])
    def test_a_folder_without_templates_is_told(self, files: dict[str, str], check: Command) -> None:
        Path("it").mkdir()
        for name, content in files.items():
            put(f"it/{name}", content)
        result = check("it")
        assert (result.code, result.errors) == (2, ["it: holds no template"])

    @pytest.mark.parametrize("path", ["gone", "gone/a.yaml", "a.yaml/x"])
    def test_a_missing_path_is_told(self, path: str, check: Command) -> None:
        put("a.yaml", ADD_YAML)
        result = check(path)
        assert (result.code, result.errors) == (2, [f"{path}: there is no such file or folder"])

    def test_a_name_that_is_too_long_is_told(self, check: Command) -> None:
        assert check("x" * 5_000).errors == ["x" * 5_000 + ": cannot be read: File name too long"]

    def test_links_to_nowhere_and_in_circles_are_told(self, check: Command) -> None:
        Path("dangling.yaml").symlink_to("gone.yaml")
        Path("loop.yaml").symlink_to("loop.yaml")
        for name in ("dangling.yaml", "loop.yaml"):
            result = check(name)
            assert (result.code, result.errors) == (2, [f"{name}: there is no such file or folder"])

    def test_a_folder_tells_of_links_to_nowhere_and_in_circles(self, check: Command) -> None:
        put("it/a.yaml", ADD_YAML)
        Path("it/dangling.yaml").symlink_to("gone.yaml")
        Path("it/loop.yaml").symlink_to("loop.yaml")
        Path("it/again").symlink_to(".")
        result = check("it")
        assert result.code == 2
        assert [error.split(":")[0] for error in result.errors] == ["it/dangling.yaml", "it/loop.yaml"]
        assert {finding["template"] for finding in result.report["findings"]} == {"it/a.yaml"}

    def test_a_file_that_may_not_be_read_is_told(self, check: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        def closed(path: Path, *arguments: Any, **keywords: Any) -> Any:
            if path.name == "closed.yaml":
                raise PermissionError(13, "Permission denied", str(path))
            return opened(path, *arguments, **keywords)

        opened = Path.open
        put("it/closed.yaml", ADD_YAML)
        put("it/open.yaml", ADD_YAML)
        monkeypatch.setattr(Path, "open", closed)
        for path in ("it/closed.yaml", "it"):
            result = check(path)
            assert (result.code, result.errors) == (2, ["it/closed.yaml: cannot be read: Permission denied"])
        assert {finding["template"] for finding in result.report["findings"]} == {"it/open.yaml"}

    def test_a_folder_that_may_not_be_read_is_told(self, check: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        def closed(path: str) -> Any:
            if Path(path).name == "closed":
                raise PermissionError(13, "Permission denied", path)
            return scanned(path)

        scanned = os.scandir
        put("it/closed/a.yaml", ADD_YAML)
        put("it/open.yaml", ADD_YAML)
        monkeypatch.setattr(os, "scandir", closed)
        result = check("it")
        assert (result.code, result.errors) == (2, ["it/closed: cannot be read: Permission denied"])

    def test_a_file_named_twice_is_judged_once(self) -> None:
        put("it/a.yaml", ADD_YAML)
        assert names("it/a.yaml", "it", "./it/a.yaml") == ["it/a.yaml"]

    def test_an_error_met_twice_is_told_once(self, check: Command) -> None:
        put("it/a.yaml", "Resources: [")
        assert len(check("it/a.yaml", "it").errors) == 1

    def test_standard_input(self) -> None:
        (template,) = load(["-"], stdin=io.BytesIO(ADD_YAML.encode())).templates
        assert (template.name, list(template.resources)) == ("<stdin>", ["Images"])

    @pytest.mark.parametrize(
        ("raw", "error"), [(b"", "<stdin>: is empty"), (b"{", "<stdin>:1:2: is not JSON"), (b"\xff", "<stdin>:1:1: is")]
    )
    def test_standard_input_that_is_no_template(self, raw: bytes, error: str) -> None:
        (told,) = load(["-"], stdin=io.BytesIO(raw)).errors
        assert told.startswith(error)

    def test_standard_input_that_cannot_be_read(self, check: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", None)
        assert check("-").errors == ["<stdin>: is closed"]
        with open(os.devnull, "wb") as unreadable:  # noqa: PTH123 - the case is a stream, whatever it came from
            (told,) = load(["-"], stdin=unreadable).errors
        assert told.startswith("<stdin>: cannot be read: ")


class TestWhatIsNoTemplate:
    @pytest.mark.parametrize(
        ("content", "error"),
        [
            ("", "a: is empty"),
            (" \n\t\r\n ", "a: is empty"),
            (b"\xef\xbb\xbf", "a: is empty"),
            (b"\xef\xbb\xbf \n", "a: is empty"),
            ("{", "a:1:2: is not JSON: "),
            ('{"Resources": {\n  "A": {,}}}', "a:2:9: is not JSON: "),
            ('{"Resources": {}} x', "a:1:19: is not JSON: Extra data"),
            ('{"Resources": {"A": "\0"}}', "a:1:22: is not JSON: "),
            ('{"Resources": {"A": "\n"}}', "a:1:22: is not JSON: "),
            ("[" * 100_000, "a: is nested more than 100 levels deep"),
            ('{"Resources": ' * 100_000, "a: is nested more than 100 levels deep"),
            ('{"Resources": {"A": ' + "[" * 99 + "]" * 99 + "}}", "a: is nested more than 100 levels deep"),
            ('{"Resources": {"A": ' + "1" * 5_000 + "}}", "a: is not JSON that can be followed: "),
            ("[]", "a: holds a list, not a template"),
            ("null", "a: holds nothing, not a template"),
            ("7", "a: holds a number, not a template"),
            ("true", "a: holds a truth value, not a template"),
            ('"text"', "a: holds a text, not a template"),
            ("just words", "a: holds a text, not a template"),
            ("{}", "a: has no 'Resources', so it is no CloudFormation template"),
            ('{"Description": "x"}', "a: has no 'Resources', so it is no CloudFormation template"),
            ('{"Resources": {}}', "a: has no 'Resources', so it is no CloudFormation template"),
            ('{"Resources": null}', "a: holds nothing as 'Resources', so it is no CloudFormation template"),
            ('{"Resources": []}', "a: holds a list as 'Resources', so it is no CloudFormation template"),
            ('{"Resources": "x"}', "a: holds a text as 'Resources', so it is no CloudFormation template"),
            (b'{"Resources":\n  "\xff"}', "a:2:4: is not UTF-8 (byte 0xff)"),
            (b"\xff\xfe{\x00}\x00", "a:1:1: is not UTF-8 (byte 0xff)"),
            (b"Resources:\n  A: caf\xe9\n", "a:2:9: is not UTF-8 (byte 0xe9)"),
        ],
    )
    def test_it_is_named_in_one_line_and_the_others_are_checked(
        self, content: str | bytes, error: str, check: Command, run: Command
    ) -> None:
        put("a", content)
        put("b", BAD)
        result = check("a", "b")
        assert result.code == 2
        assert len(result.errors) == 1
        assert result.errors[0].startswith(error)
        assert {finding["template"] for finding in result.report["findings"]} == {"b"}
        assert run("check", "a").out.splitlines()[0].startswith(f"cannot read {error}")

    @pytest.mark.parametrize(
        ("content", "place", "key"),
        [
            ('{"Resources": {"A": {},\n "A": {}}}', "2:2", "A"),
            ('{"Resources": {"A": {"Type": "x"}}, "Resources": {}}', "1:37", "Resources"),
            ('{"Resources": {"A": {"Type": "{\\"A\\": 1, \\"A\\": 2}", "Type": ""}}}', "1:54", "Type"),
            ('{"Resources": {"A": {"b": [{"c": 1}, {"c": 1}], "b" : 0}}}', "1:49", "b"),
            ('{"Resources": {"A": 1, "\\u0041": 2}}', "1:24", "A"),
        ],
    )
    def test_a_key_that_stands_twice_is_told_with_its_place(
        self, content: str, place: str, key: str, check: Command
    ) -> None:
        put("a.json", content)
        assert check("a.json").errors == [f"a.json:{place}: is not JSON: the key {key!r} stands twice in one object"]

    def test_ten_megabytes_are_too_much(self, check: Command) -> None:
        put("a.json", json.dumps(BAD).encode() + b" " * LARGEST)
        assert check("a.json").errors == ["a.json: has 10 MB or more; CloudFormation takes 1 MB at most"]

    def test_what_never_ends_is_not_read_to_its_end(self, check: Command) -> None:
        assert check("/dev/zero").errors == ["/dev/zero: has 10 MB or more; CloudFormation takes 1 MB at most"]

    def test_a_megabyte_is_read(self, check: Command) -> None:
        put("a.json", {**BAD, "Metadata": {"Padding": "x" * 1_000_000}})
        assert check("a.json").code == 1

    def test_a_synth_stops_at_a_template_that_cannot_be_read(self) -> None:
        put("a.json", "{")
        with pytest.raises(UnreadableTemplateError, match=r"^a\.json:1:2: is not JSON"):
            list(load_stack(Path("a.json")))


class TestNestedStacks:
    @pytest.mark.parametrize(("passed", "found"), [("MUTABLE", True), ("IMMUTABLE", False)])
    def test_a_local_child_is_judged_with_its_parents_parameters(
        self, passed: str, found: bool, check: Command
    ) -> None:
        put(
            "it/parent.yaml",
            f"""
            Resources:
              Child:
                Type: AWS::CloudFormation::Stack
                Properties: {{TemplateURL: ./child.json, Parameters: {{Mutability: {passed}}}}}
            """,
        )
        put("it/child.json", KEYED_CHILD)
        result = check("it/parent.yaml", "--only", "SC-ECR-01")
        assert [finding["template"] for finding in result.report["findings"]] == ["it/child.json"] * found
        assert [finding["kind"] for finding in result.report["findings"]] == ["violation"] * found

    @pytest.mark.parametrize("path", ["it", "it/*"])
    def test_a_child_is_not_judged_by_itself_too(self, path: str, check: Command) -> None:
        put("it/a-child.json", KEYED_CHILD)
        put("it/parent.json", {"Resources": {"Child": nested("a-child.json", Mutability="IMMUTABLE")}})
        paths = [str(each) for each in sorted(Path().glob(path))]
        result = check("--only", "SC-ECR-01", *paths)
        assert (result.code, result.report["summary"]["templates"]) == (0, 2)

    def test_a_child_of_two_parents_is_judged_with_the_parameters_of_both(self, check: Command) -> None:
        put("it/child.json", KEYED_CHILD)
        put("it/one.json", {"Resources": {"Child": nested("child.json", Mutability="MUTABLE")}})
        put(
            "it/two.json",
            {
                "Resources": {
                    "Child": nested("child.json", Mutability="IMMUTABLE"),
                    "Other": nested("child.json", Mutability="IMMUTABLE"),
                }
            },
        )
        result = check("it", "--only", "SC-ECR-01")
        assert (len(result.report["findings"]), result.report["summary"]["templates"]) == (1, 5)

    def test_children_of_children_are_judged_once_with_what_the_outermost_passes(self, check: Command) -> None:
        middle = {
            "Parameters": {"Passed": {"Type": "String"}},
            "Resources": {"Child": nested("child.json", Mutability={"Ref": "Passed"})},
        }
        put("it/child.json", KEYED_CHILD)
        put("it/middle.json", middle)
        put("it/outer.json", {"Resources": {"Middle": nested("middle.json", Passed="IMMUTABLE")}})
        result = check("it", "--only", "SC-ECR-01")
        assert (result.code, result.report["summary"]["templates"]) == (0, 3)

    def test_a_child_in_another_folder_keeps_its_path(self) -> None:
        put("it/parent.json", {"Resources": {"Child": nested("./parts/child.json")}})
        put("it/parts/child.json", BAD)
        assert names("it/parent.json") == names("it") == ["it/parent.json", "it/parts/child.json"]

    def test_every_branch_of_the_url_is_followed(self) -> None:
        url = {"Fn::If": ["Big", "big.json", "small.json"]}
        parent = {"Parameters": {"Size": {"Type": "String"}}, "Resources": {"Child": nested(url)}}
        put("parent.json", {**parent, "Conditions": {"Big": {"Fn::Equals": [{"Ref": "Size"}, "big"]}}})
        put("big.json", BAD)
        put("small.json", BAD)
        assert names("parent.json") == ["parent.json", "big.json", "small.json"]
        put("parent.json", {**parent, "Conditions": {"Big": {"Fn::Equals": ["big", "big"]}}})
        assert names("parent.json") == ["parent.json", "big.json"]

    @pytest.mark.parametrize(
        "url",
        [
            "https://s3.amazonaws.com/bucket/child.json",
            "s3://bucket/child.json",
            {"Ref": "Url"},
            {"Fn::Sub": "${Bucket}/child.json"},
            {"Fn::ImportValue": "url"},
            None,
            "",
            7,
            ["child.json"],
            {"a": 1, "b": 2},
        ],
    )
    def test_a_child_from_elsewhere_is_not_looked_for(self, url: Any, check: Command) -> None:
        put("parent.json", {"Parameters": {"Url": {"Type": "String"}}, "Resources": {"Child": nested(url)}})
        assert check("parent.json", "--only", "SC-ECR-01").code == 0

    def test_a_child_from_elsewhere_is_said_not_to_be_judged(self, check: Command) -> None:
        put("t.json", {"Resources": {"Child": nested("https://example.com/child.yaml")}})
        run = check("t.json", "--only", "SC-TPL-01")
        (finding,) = run.report["findings"]
        assert (finding["kind"], finding["resource"]) == ("undecided", "Child")
        assert "is not at hand" in finding["message"]

    @pytest.mark.parametrize("url", ["./gone.json", "x" * 5_000, "a\0b", "\ud800", "."])
    def test_a_child_that_is_not_there_is_told(self, url: str, check: Command) -> None:
        put("it/parent.json", {"Resources": {"Child": nested(url), "Images": REPOSITORY}})
        result = check("it/parent.json")
        (error,) = result.errors
        assert error.startswith("it")
        assert error.endswith(": there is no such file, and the nested stack Child of it/parent.json names it")
        assert (result.code, "SC-ECR-01" in result.ids) == (2, True)

    def test_a_broken_child_is_told_and_its_siblings_are_judged(self, check: Command) -> None:
        put("parent.json", {"Resources": {"Broken": nested("broken.yaml"), "Child": nested("child.json")}})
        put("broken.yaml", "Resources:\n  A: [")
        put("child.json", BAD)
        result = check("parent.json")
        assert [error.split(" ")[0] for error in result.errors] == ["broken.yaml:3:1:"]
        assert {finding["template"] for finding in result.report["findings"]} == {"child.json"}

    @pytest.mark.parametrize("path", ["a.json", "."])
    def test_stacks_that_nest_each_other_come_to_an_end(self, path: str, check: Command) -> None:
        put("a.json", {"Resources": {"B": nested("./b.json"), "Images": REPOSITORY}})
        put("b.json", {"Resources": {"A": nested("../" + Path.cwd().name + "/a.json"), "Images": REPOSITORY}})
        result = check(path)
        assert result.code == 2
        assert all(": is a nested stack of itself, by " in error for error in result.errors)
        assert {Path(finding["template"]).name for finding in result.report["findings"]} == {"a.json", "b.json"}


class TestOddShapes:
    @pytest.mark.parametrize("properties", [None, [], "x", 7, True, [[]], {}, {"Fn::If": []}])
    @pytest.mark.parametrize(
        "type_", ["AWS::ECR::Repository", "AWS::IAM::Role", "AWS::KMS::Key", "AWS::CloudFormation::Stack", "Custom::X"]
    )
    def test_properties(self, type_: str, properties: Any, check: Command) -> None:
        put("a.json", {"Resources": {"A": {"Type": type_, "Properties": properties}}})
        assert_judged(check("a.json"))

    @pytest.mark.parametrize("section", ["Metadata", "Parameters", "Conditions", "Mappings", "Outputs", "Transform"])
    @pytest.mark.parametrize("value", [None, [], "x", 7, [{"a": 1}], {"A": None}, {"A": []}, {"Fn::Transform": {}}])
    def test_sections(self, section: str, value: Any, check: Command) -> None:
        tags = {"Fn::FindInMap": ["A", {"Ref": "A"}, "x"]}
        images = {**REPOSITORY, "Condition": "A", "Properties": {"ImageTagMutability": {"Ref": "A"}, "Tags": tags}}
        put("a.json", {"Resources": {"Images": images}, section: value})
        assert_judged(check("a.json"))

    @pytest.mark.parametrize("key", ["Metadata", "DependsOn", "Condition", "DeletionPolicy", "UpdateReplacePolicy"])
    @pytest.mark.parametrize("value", [None, [], {}, 7, True, "Images", ["Images", 7, None, {}], [["Images"]]])
    def test_attributes(self, key: str, value: Any, check: Command) -> None:
        put("a.json", {"Resources": {"Images": {**REPOSITORY, key: value}}})
        assert_judged(check("a.json"))

    @pytest.mark.parametrize("resource", [None, [], "x", 7, {}, {"Type": None}, {"Type": 7}, {"Type": ["AWS::X"]}])
    def test_what_is_no_resource_is_undecided(self, resource: Any, check: Command) -> None:
        put("a.json", {"Resources": {"A": resource}})
        result = check("a.json")
        assert_judged(result)
        assert [(each["rule"], each["kind"]) for each in result.report["findings"]] == [("SC-TPL-01", "undecided")]

    @pytest.mark.parametrize("element", ["Statement", "Effect", "Action", "Resource", "Principal", "Condition"])
    @pytest.mark.parametrize("value", [None, [], {}, 7, True, "x", [7, None, [[]]], {"AWS": 7}, {"Bool": {"a": {}}}])
    def test_policies(self, element: str, value: Any, check: Command) -> None:
        statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*", element: value}
        policy = {"Statement": value if element == "Statement" else [statement]}
        put(
            "a.json",
            {
                "Resources": {
                    "Role": {
                        "Type": "AWS::IAM::Role",
                        "Properties": {
                            "AssumeRolePolicyDocument": policy,
                            "Policies": [{"PolicyDocument": policy}, value],
                        },
                    },
                    "Images": {**REPOSITORY, "Properties": {"RepositoryPolicyText": json.dumps(policy)}},
                    "Function": {"Type": "AWS::Lambda::Permission", "Properties": {"Principal": value}},
                    "Bus": {"Type": "AWS::Events::EventBusPolicy", "Properties": policy},
                }
            },
        )
        assert_judged(check("a.json"))

    @pytest.mark.parametrize("function", ["Ref", "Condition", *(f"Fn::{name}" for name in
        ("GetAtt", "If", "FindInMap", "Select", "Join", "Sub", "Split", "Transform", "ImportValue", "ForEach::A"))])  # fmt: skip
    @pytest.mark.parametrize(
        "argument", [None, [], {}, 7, True, "", ".", "x", [[]], ["", []], [{}, {}, {}], {"Ref": []}]
    )
    def test_intrinsics(self, function: str, argument: Any, check: Command) -> None:
        value = {function: argument}
        properties = dict.fromkeys(("ImageTagMutability", "Tags", "RepositoryPolicyText", "LifecyclePolicy"), value)
        resources = {"A": {**REPOSITORY, "Properties": properties, "Condition": "C"}, "B": nested(value, P=value)}
        put("a.json", {"Resources": resources, "Conditions": {"C": value, "D": {"Fn::Equals": [value, value]}}})
        assert_judged(check("a.json"))

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "x",
            "null",
            "[]",
            "[" * 100_000,
            "1" * 5_000,
            '{"rules": {}}',
            '{"rules": [{"rulePriority": {}, "selection": {"tagStatus": []}, "action": {"type": {}}}]}',
            '{"rules": [{"rulePriority": 1, "selection": [], "action": 7}, null, []]}',
            '{"Ref": []}',
            '{"Statement": [{"Action": {"Ref": []}, "Principal": {"AWS": [[7]]}}]}',
        ],
    )
    def test_json_within_texts(self, text: str, check: Command) -> None:
        properties = {"LifecyclePolicy": {"LifecyclePolicyText": text}, "RepositoryPolicyText": text}
        put("a.json", {"Resources": {"Images": {**REPOSITORY, "Properties": properties}}})
        assert_judged(check("a.json"))

    @pytest.mark.parametrize(
        "waivers", [None, [], {}, "x", {"Waivers": None}, {"Waivers": {}}, {"Waivers": [None, 7, {}, {"Rule": []}]}]
    )
    def test_waivers(self, waivers: Any, check: Command) -> None:
        metadata = {"SecureContainers": waivers, "aws:cdk:path": 7, "aws:asset:path": []}
        put("a.json", {"Resources": {"Images": {**REPOSITORY, "Metadata": metadata}}, "Metadata": metadata})
        assert_judged(check("a.json"))

    @pytest.mark.parametrize("until", [[], {}, 7, True, "soon", "", "2027-02-30", "1" * 4_000])
    def test_dates_of_waivers(self, until: Any, check: Command) -> None:
        put(
            "a.json",
            waived({"Rule": "SC-ECR-01", "Reason": "preview images are rebuilt under one tag", "Until": until}),
        )
        assert_judged(check("a.json"))

    @pytest.mark.parametrize(
        "wrap",
        [
            lambda inner: {"Fn::Join": ["", [inner]]},
            lambda inner: {"Fn::Sub": ["${A}", {"A": inner}]},
            lambda inner: {"Fn::If": ["C", inner, ""]},
            lambda inner: {"Fn::Select": [0, [inner]]},
            lambda inner: {"Fn::Split": [",", inner]},
            lambda inner: {"Fn::FindInMap": ["M", inner, "k"]},
            lambda inner: {"Fn::Not": [inner]},
            lambda inner: [inner],
            lambda inner: {"a": inner},
        ],
    )
    def test_nesting_as_deep_as_it_is_read(self, wrap: Any, check: Command) -> None:
        value: Any = "x"
        while json.dumps(wrap(value)).count("[") + json.dumps(wrap(value)).count("{") < 92:
            value = wrap(value)
        keys = ("ImageTagMutability", "Tags", "RepositoryPolicyText", "LifecyclePolicy")
        resources = {
            "A": {**REPOSITORY, "Condition": "C", "Properties": dict.fromkeys(keys, value)},
            "B": nested(value),
        }
        put("a.json", {"Resources": resources, "Conditions": {"C": value}, "Mappings": {"M": {"x": {"k": "x"}}}})
        assert_judged(check("a.json"))

    def test_long_chains_and_thickets_of_conditions(self, check: Command) -> None:
        chain = {f"C{number}": {"Condition": f"C{number + 1}"} for number in range(600)}
        thicket = {f"D{number}": {"Fn::And": [{"Condition": f"D{number + 1}"}] * 2} for number in range(40)}
        circle = {"E": {"Fn::Not": [{"Condition": "F"}]}, "F": {"Condition": "E"}}
        resources = {name: {**REPOSITORY, "Condition": name} for name in ("C0", "D0", "E", "gone")}
        put("a.json", {"Resources": resources, "Conditions": {**chain, **thicket, **circle}})
        assert_judged(check("a.json"))


def assert_judged(result: Run) -> None:
    """Every rule came to its end, whatever it found; a file that an odd URL names need not be there."""
    assert [error for error in result.errors if "the nested stack B" not in error] == []
    assert [each["message"] for each in result.report["findings"] if each["rule"] == "SC-ENG-01"] == []


class TestConditions:
    CONDITIONAL: ClassVar[dict[str, Any]] = {
        "Parameters": {"Stage": {"Type": "String", "AllowedValues": ["dev", "prod"]}},
        "Conditions": {
            "Never": {"Fn::Equals": ["a", "b"]},
            "Always": {"Fn::Not": [{"Condition": "Never"}]},
            "IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
        },
    }

    @pytest.mark.parametrize(("name", "found"), [("Never", False), ("Always", True), ("IsProd", True)])
    def test_a_resource_that_is_never_made_is_not_judged(self, name: str, found: bool, check: Command) -> None:
        put("a.json", {**self.CONDITIONAL, "Resources": {"Images": {**REPOSITORY, "Condition": name}}})
        assert ("SC-ECR-01" in check("a.json").ids) == found

    @pytest.mark.parametrize(
        ("branches", "found"),
        [
            (["Never", "MUTABLE", "IMMUTABLE"], False),
            (["Always", "MUTABLE", "IMMUTABLE"], True),
            (["IsProd", "IMMUTABLE", "MUTABLE"], True),
            (["IsProd", "IMMUTABLE", "IMMUTABLE"], False),
        ],
    )
    def test_both_branches_of_an_open_condition_are_judged(
        self, branches: list[str], found: bool, check: Command
    ) -> None:
        images = {**REPOSITORY, "Properties": {"ImageTagMutability": {"Fn::If": branches}}}
        put("a.json", {**self.CONDITIONAL, "Resources": {"Images": images}})
        assert ("SC-ECR-01" in check("a.json").ids) == found
