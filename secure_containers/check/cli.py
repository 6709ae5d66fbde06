"""The command `secure-containers`."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import Final

from secure_containers import __version__
from secure_containers.check.diagram import diagram
from secure_containers.check.formats import FORMATS, one_line
from secure_containers.check.loader import load
from secure_containers.check.summary import summary
from secure_containers.rules import ENGINE_RULES, RULES, Rule, evaluate, find_rule

CLEAN: Final = 0
FINDINGS: Final = 1
UNREADABLE: Final = 2
INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; gives its exit code: 0 clean, 1 findings, 2 something could not be read."""
    parsed = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A character that the terminal does not have must not end the report.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code: int = parsed.run(parsed)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        # Whoever read us has stopped, as `| head` does, or the disk is full; Python must not complain of it once more
        # when it closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return FINDINGS
        sys.stderr.write(f"cannot write the report: {error.strerror}\n")
        return UNREADABLE
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="secure-containers", description="Judge CloudFormation templates by the guidance for container services."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check", help="judge templates", description="Exit code: 0 clean, 1 findings, 2 something could not be read."
    )
    check.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a cdk.out, a JSON or YAML template, a folder of templates, or - for standard input",
    )
    check.add_argument("--format", choices=FORMATS, default="text", help="how to report; text if left out")
    check.add_argument(
        "--only", action="append", type=_rule, metavar="RULE", help="run this rule only; may be repeated"
    )
    check.add_argument(
        "--without",
        action="append",
        type=_rule,
        default=[],
        metavar="RULE",
        help="leave this rule out; may be repeated",
    )
    check.set_defaults(run=_check)
    rules = commands.add_parser("rules", help="list the rules")
    rules.set_defaults(run=_rules)
    explain = commands.add_parser("explain", help="show the page of a rule")
    explain.add_argument("rule", type=_rule, metavar="ID", help="an id (SC-ECR-01) or a name (mutable_image_tags)")
    explain.set_defaults(run=_explain)
    short = commands.add_parser("summary", help="sum up a synthesized app: stacks, resources, rules, findings, waivers")
    short.add_argument(
        "folder", nargs="?", default="cdk.out", metavar="CDK_OUT", help="the cloud assembly; cdk.out if left out"
    )
    short.set_defaults(run=_summary)
    picture = commands.add_parser(
        "diagram", help="draw the networks of templates, as a Mermaid flowchart of what reaches what"
    )
    picture.add_argument("paths", nargs="+", metavar="PATH", help="as for check")
    picture.set_defaults(run=_diagram)
    return parser


def _rule(text: str) -> Rule:
    rule = find_rule(text)
    if rule is None:
        raise argparse.ArgumentTypeError(f"there is no rule {text!r}; `secure-containers rules` lists them")
    return rule


def _check(parsed: argparse.Namespace) -> int:
    rules = [rule for rule in RULES if (not parsed.only or rule in parsed.only) and rule not in parsed.without]
    if not rules:
        sys.stderr.write("--only and --without leave no rule to judge by\n")
        return UNREADABLE
    loaded = load(parsed.paths)
    report = evaluate(loaded.templates, rules)
    sys.stdout.write(FORMATS[parsed.format](report, loaded.errors))
    if loaded.errors:
        for error in loaded.errors if parsed.format != "text" else []:
            sys.stderr.write(f"cannot read {one_line(error)}\n")
        return UNREADABLE
    return FINDINGS if report.open else CLEAN


def _rules(_: argparse.Namespace) -> int:
    width = max(len(rule.name) for rule in RULES)
    for rule in (*RULES, *ENGINE_RULES):
        sys.stdout.write(f"{rule.id:<10} {rule.severity:<8} {rule.name:<{width}}  {rule.title}\n")
    return CLEAN


def _explain(parsed: argparse.Namespace) -> int:
    rule: Rule = parsed.rule
    sys.stdout.write(rule.markdown())
    return CLEAN


def _summary(parsed: argparse.Namespace) -> int:
    text, readable = summary(parsed.folder)
    sys.stdout.write(text)
    return CLEAN if readable else UNREADABLE


def _diagram(parsed: argparse.Namespace) -> int:
    loaded = load(parsed.paths)
    for error in loaded.errors:
        sys.stderr.write(f"cannot read {one_line(error)}\n")
    sys.stdout.write(diagram(loaded.templates))
    return UNREADABLE if loaded.errors else CLEAN
