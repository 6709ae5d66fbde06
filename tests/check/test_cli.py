"""The command: its words, its exit codes, and that nothing given to it ends in a traceback."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secure_containers import __version__
from secure_containers.check.cli import main
from secure_containers.rules import ENGINE_RULES, RULES
from tests.check.conftest import Command
from tests.check.samples import BAD, CLEAN, HASH, REPOSITORY, asset_url, assets, manifest, nested, put, stack, stage

FORMATS = ("text", "json", "sarif", "junit")


def command(*arguments: str, **keywords: Any) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "secure_containers", *arguments],
        capture_output=True,
        timeout=60,
        check=False,
        **keywords,
    )
    assert b"Traceback" not in done.stdout + done.stderr
    return done


class TestExitCodes:
    @pytest.mark.parametrize("form", FORMATS)
    @pytest.mark.parametrize(
        ("paths", "code"),
        [
            (["clean.json"], 0),
            (["bad.json"], 1),
            (["warned.json"], 1),
            (["clean.json", "bad.json"], 1),
            (["broken.json"], 2),
            (["gone.json"], 2),
            (["empty"], 2),
            (["bad.json", "broken.json"], 2),
            (["broken.json", "clean.json"], 2),
        ],
    )
    def test_clean_findings_unreadable(self, paths: list[str], code: int, form: str, run: Command) -> None:
        put("clean.json", CLEAN)
        put("bad.json", BAD)
        put("warned.json", {"Resources": {"Role": {"Type": "AWS::SQS::QueuePolicy"}, "Log": {
            "Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "fixed"}}}})  # fmt: skip
        put("broken.json", "{")
        Path("empty").mkdir()
        result = run("check", "--format", form, *paths)
        assert result.code == code
        assert bool(result.err) == (code == 2 and form != "text")

    @pytest.mark.parametrize(
        "arguments", [[], ["check"], ["check", "--format", "xml", "a"], ["judge", "a"], ["explain"]]
    )
    def test_words_that_it_does_not_know(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2
        assert capsys.readouterr().err.startswith("usage: secure-containers")

    def test_version(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as stopped:
            main(["--version"])
        assert (stopped.value.code, capsys.readouterr().out) == (0, f"{__version__}\n")


class TestChoiceOfRules:
    @pytest.mark.parametrize("rule", ["SC-ECR-01", "sc-ecr-01", "mutable_image_tags", "mutable-image-tags"])
    def test_only(self, rule: str, check: Command) -> None:
        put("a.json", BAD)
        result = check("a.json", "--only", rule, "--only", "SC-ECR-01")
        assert [finding["rule"] for finding in result.report["findings"]] == ["SC-ECR-01"]

    def test_without(self, check: Command) -> None:
        put("a.json", BAD)
        assert check("a.json").ids - check("a.json", "--without", "sc-ecr-01").ids == {"SC-ECR-01"}

    @pytest.mark.parametrize(
        "options",
        [["--only", "SC-ECR-01", "--without", "SC-ECR-01"], ["--only", "SC-ENG-01"], [f"--without={rule.id}" for rule in RULES]],
    )  # fmt: skip
    def test_no_rule_at_all_is_no_clean_run(self, options: list[str], run: Command) -> None:
        put("a.json", BAD)
        result = run("check", "a.json", *options)
        assert (result.code, result.out) == (2, "")
        assert result.err == "--only and --without leave no rule to judge by\n"

    @pytest.mark.parametrize("option", ["--only", "--without"])
    def test_an_unknown_rule_gets_a_hint(self, option: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as stopped:
            main(["check", "a.json", option, "SC-ECR-99"])
        assert stopped.value.code == 2
        told = capsys.readouterr().err.splitlines()[-1]
        assert told.endswith("there is no rule 'SC-ECR-99'; `secure-containers rules` lists them")


class TestRulesAndExplain:
    def test_every_rule_is_listed_on_its_line(self, run: Command) -> None:
        result = run("rules")
        lines = result.out.splitlines()
        assert result.code == 0
        assert [line.split()[0] for line in lines] == [rule.id for rule in (*RULES, *ENGINE_RULES)]
        for rule, line in zip((*RULES, *ENGINE_RULES), lines, strict=True):
            assert line.split()[1:3] == [str(rule.severity), rule.name]
            assert line.endswith(f"  {rule.title}")

    @pytest.mark.parametrize("rule", [*RULES, *ENGINE_RULES], ids=lambda rule: rule.id)
    def test_a_page_by_id_in_any_case_or_by_name(self, rule: Any, run: Command) -> None:
        for word in (rule.id, rule.id.lower(), rule.name, rule.name.upper(), rule.name.replace("_", "-")):
            result = run("explain", word)
            assert (result.code, result.out) == (0, rule.markdown())
        assert result.out.startswith(f"# {rule.id} {rule.name}\n")

    @pytest.mark.parametrize("word", ["SC-ECR-99", "", "ECR", "\u00e9\n"])
    def test_an_unknown_rule_gets_a_hint(self, word: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as stopped:
            main(["explain", word])
        assert stopped.value.code == 2
        told = capsys.readouterr().err.splitlines()[-1]
        assert told.endswith(f"there is no rule {word!r}; `secure-containers rules` lists them")


class TestProcess:
    def test_no_node_and_no_cdk_is_started(self) -> None:
        put("cdk.out/manifest.json", manifest(A=stack("A.template.json"), Prod=stage("assembly-Prod")))
        put("cdk.out/A.template.json", {"Resources": {"Child": nested(asset_url()), "Images": REPOSITORY}})
        put("cdk.out/A.assets.json", assets(**{HASH: "child.nested.template.json"}))
        put("cdk.out/child.nested.template.json", BAD)
        put("cdk.out/assembly-Prod/manifest.json", manifest(B=stack("B.template.json")))
        put("cdk.out/assembly-Prod/B.template.json", BAD)
        program = """
import sys
from secure_containers.check.cli import main
codes = [main(["check", "cdk.out"]), main(["summary", "cdk.out"]), main(["rules"]), main(["explain", "SC-ECR-01"])]
loaded = {name for name in ("jsii", "aws_cdk", "cdk_nag", "constructs", "yaml") if name in sys.modules}
sys.exit(f"{codes} {sorted(loaded)}")
"""
        path = os.environ["PATH"].split(os.pathsep)
        without_node = os.pathsep.join(each for each in path if not any(Path(each).glob("node*")))
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=False, env={**os.environ, "PATH": without_node}
        )
        assert done.stderr.decode() == "[1, 0, 0, 0] []\n"

    def test_yaml_starts_no_node_either(self) -> None:
        put("a.yaml", "Resources: {Images: {Type: AWS::ECR::Repository}}")
        program = """
import sys
from secure_containers.check.cli import main
sys.exit(f"{main(['check', 'a.yaml'])} {'yaml' in sys.modules} {'jsii' in sys.modules}")
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
        assert done.stderr.decode() == "1 True False\n"

    def test_standard_input(self) -> None:
        done = command("check", "--format", "json", "-", input=json.dumps(BAD).encode())
        assert done.returncode == 1
        assert {finding["template"] for finding in json.loads(done.stdout)["findings"]} == {"<stdin>"}

    @pytest.mark.parametrize("raw", [b"", b"\xff", b"{", b"Resources: ["])
    def test_standard_input_that_is_no_template(self, raw: bytes) -> None:
        done = command("check", "-", input=raw)
        assert done.returncode == 2
        assert done.stdout.startswith(b"cannot read <stdin>:")

    def test_standard_input_that_is_closed(self) -> None:
        program = 'exec "$0" -m secure_containers check - <&-'
        done = subprocess.run(["sh", "-c", program, sys.executable], capture_output=True, check=False)
        assert (done.returncode, done.stdout.splitlines()[0]) == (2, b"cannot read <stdin>: is closed")

    def test_a_reader_that_stops_early_is_no_trouble(self) -> None:
        put("a.json", {"Resources": {f"Images{number}": REPOSITORY for number in range(500)}})
        with subprocess.Popen(
            [sys.executable, "-m", "secure_containers", "check", "a.json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout
            assert process.stderr
            process.stdout.read(10)
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 1

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
    def test_a_full_disk_is_one_line(self) -> None:
        put("a.json", BAD)
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "secure_containers", "check", "a.json"],
                stdout=full,
                stderr=subprocess.PIPE,
                check=False,
            )
        assert (done.returncode, done.stderr) == (2, b"cannot write the report: No space left on device\n")

    @pytest.mark.parametrize("form", FORMATS)
    def test_a_terminal_of_few_characters_gets_the_whole_report(self, form: str) -> None:
        name = "caf\u00e9 \U0001f433"
        put("a.json", {"Resources": {"Images": {**REPOSITORY, "Properties": {"ImageTagMutability": f"{name} \ud800"}}}})
        done = command("check", "--format", form, "a.json", env={**os.environ, "PYTHONIOENCODING": "ascii"})
        assert done.returncode == 1
        assert b"SC-ECR-09" in done.stdout

    @pytest.mark.parametrize(
        "content",
        [
            b"Resources: " + b"[" * 100_000,
            b"Resources:\n  " + b"- " * 100_000,
            b'{"Resources": ' * 100_000,
            b"Resources: " + b"!If [" * 100_000,
        ],
    )
    def test_nesting_without_end_does_not_take_the_process_down(self, content: bytes) -> None:
        put("a", content)
        assert command("check", "a").returncode == 2


WORDS = st.sampled_from(
    """
    Images A B C Ref Condition Type Properties Metadata Policies PolicyDocument Statement Effect Action NotAction Resource
    Principal AWS Service Tags Key Value Fn::If Fn::Join Fn::Sub Fn::GetAtt Fn::Select Fn::Split Fn::FindInMap Fn::Equals
    Fn::Not Fn::And Fn::Transform Fn::ForEach::X DependsOn DeletionPolicy ImageTagMutability RepositoryPolicyText rules
    LifecyclePolicy LifecyclePolicyText selection action tagStatus SecureContainers Waivers Rule Reason Until Listeners
    EncryptionConfiguration ImageScanningConfiguration TemplateURL Parameters Default AllowedValues AllowedPattern
    """.split()  # noqa: SIM905 - as a list it would fill a page
)
TYPES = st.sampled_from(sorted({type_ for rule in RULES for type_ in rule.types} | {"AWS::CloudFormation::Stack"}))
TEXTS = st.one_of(
    TYPES,
    WORDS,
    st.sampled_from(["", "*", "ecr:*", "Allow", "${A}", "${A.B}", "${", "arn:aws:iam::1:root", "[]", '{"rules": [1]}']),
    st.text(max_size=8),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(WORDS, TEXTS), inner, max_size=4),
        st.builds(lambda key, value: {key: value}, WORDS, inner),
    ),
    max_leaves=25,
)
RESOURCES = st.fixed_dictionaries(
    {"Type": TYPES},
    optional={"Properties": st.one_of(st.dictionaries(WORDS, DOCUMENTS, max_size=5), DOCUMENTS)}
    | dict.fromkeys(("Condition", "DependsOn", "Metadata", "DeletionPolicy"), DOCUMENTS),
)
TEMPLATES = st.fixed_dictionaries(
    {"Resources": st.dictionaries(WORDS, st.one_of(RESOURCES, DOCUMENTS), min_size=1, max_size=3)},
    optional={name: st.one_of(st.dictionaries(WORDS, DOCUMENTS, max_size=3), DOCUMENTS)
              for name in ("Parameters", "Conditions", "Mappings", "Metadata", "Outputs", "Transform", "Description")},
)  # fmt: skip
FUZZ = settings(
    max_examples=100,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def judge(path: str, form: str) -> str:
    """What the command writes; nothing but its exit codes may come of any file."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert main(["check", "--format", form, path]) in (0, 1, 2)
    return out.getvalue()


def assert_no_rule_failed(path: str) -> None:
    findings = json.loads(judge(path, "json"))["findings"]
    assert [finding["message"] for finding in findings if finding["rule"] == "SC-ENG-01"] == []


class TestAnything:
    @FUZZ
    @given(DOCUMENTS)
    def test_any_document(self, document: Any) -> None:
        assert_no_rule_failed(put("a.json", json.dumps(document)))

    @FUZZ
    @given(TEMPLATES)
    def test_anything_in_the_shape_of_a_template(self, template: Any) -> None:
        assert_no_rule_failed(put("a.json", json.dumps(template)))

    @FUZZ
    @given(TEMPLATES)
    def test_the_same_as_yaml(self, template: Any) -> None:
        assert_no_rule_failed(put("a.yaml", yaml.dump(template, Dumper=getattr(yaml, "CDumper", yaml.Dumper))))

    @FUZZ
    @given(TEMPLATES, st.sampled_from(FORMATS))
    def test_in_any_report(self, template: Any, form: str) -> None:
        judge(put("a.json", json.dumps(template)), form)

    @FUZZ
    @given(st.one_of(st.binary(max_size=60), st.text(alphabet="{}[]\"':,-?!&*<|>#%@` \n\tARef=.1\0", max_size=60)))
    def test_any_text(self, content: bytes | str) -> None:
        put("a", b"Resources:\n" + (content if isinstance(content, bytes) else content.encode()))
        put("b", content)
        assert_no_rule_failed("a")
        assert_no_rule_failed("b")

    @FUZZ
    @given(st.one_of(DOCUMENTS, st.fixed_dictionaries({"artifacts": st.dictionaries(WORDS, DOCUMENTS, max_size=3)})))
    def test_any_manifest(self, document: Any) -> None:
        put("cdk.out/manifest.json", json.dumps(document))
        assert_no_rule_failed("cdk.out")
