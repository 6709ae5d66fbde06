"""Writes the generated pages: the rules, the guidance and the reference of constructs. `make docs` runs it, a test
compares."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any, Final

import griffe

from secure_containers.check.costs import RUNNING, fixed_costs, prices
from secure_containers.check.diagram import diagram
from secure_containers.check.loader import parse
from secure_containers.guidance import Guideline, catalogue
from secure_containers.rules import ENGINE_RULES, RULES

HERE: Final = Path(__file__).parent
_GENERATED: Final = "<!-- Written by docs/generate.py (`make docs`); change the code it is written from. -->\n"

PAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "SecureEcrRepository": (
        "secure_containers.ecr.repository.SecureEcrRepository",
        "secure_containers.ecr.repository.ScanSeverity",
        "secure_containers.ecr.tag_scheme.TagScheme",
        "secure_containers.ecr.tag_scheme.EnvironmentTags",
        "secure_containers.ecr.lifecycle.LifecycleRule",
        "secure_containers.ecr.image.EcrImage",
    ),
    "PrivateNetwork": (
        "secure_containers.network.private_network.PrivateNetwork",
        "secure_containers.network.addresses.Egress",
    ),
    "AuditBaseline": (
        "secure_containers.audit.baseline.AuditBaseline",
        "secure_containers.audit.parts.AuditPart",
        "secure_containers.audit.parts.VpcBlockMode",
        "secure_containers.audit.parts.VpcExclusionMode",
        "secure_containers.audit.rules.conformance_pack_template",
    ),
    "LeastPrivilegeBatchEnv": (
        "secure_containers.batch.environment.LeastPrivilegeBatchEnv",
        "secure_containers.batch.job.BatchJob",
        "secure_containers.batch.platforms.Fargate",
        "secure_containers.batch.platforms.Ec2",
        "secure_containers.batch.platforms.Eks",
        "secure_containers.tasks.parts.CpuArchitecture",
        "secure_containers.batch.parts.Fleet",
        "secure_containers.batch.parts.Share",
        "secure_containers.batch.parts.QueueLimits",
        "secure_containers.batch.parts.Retries",
        "secure_containers.tasks.parts.SecretField",
        "secure_containers.tasks.parts.SecureParameter",
        "secure_containers.tasks.parts.FileMount",
    ),
    "S3BatchPipeline": (
        "secure_containers.pipeline.pipeline.S3BatchPipeline",
        "secure_containers.pipeline.parts.Accept",
        "secure_containers.pipeline.parts.PipelineLimits",
        "secure_containers.runtime.job.run",
        "secure_containers.runtime.job.Job",
        "secure_containers.runtime.job.InputObject",
        "secure_containers.runtime.job.ExitCode",
        "secure_containers.runtime.job.FailedError",
        "secure_containers.runtime.job.TryAgainError",
        "secure_containers.runtime.job.SupersededError",
    ),
    "Services": (
        "secure_containers.services.fargate.SecureFargateService",
        "secure_containers.services.express.PrivateExpressService",
        "secure_containers.services.app_runner.PrivateAppRunnerService",
        "secure_containers.services.worker.SecureFargateWorker",
        "secure_containers.services.scheduled.SecureFargateTask",
        "secure_containers.services.cluster.SecureEcsCluster",
        "secure_containers.services.task.ServiceTask",
        "secure_containers.services.capacity.Hosts",
        "secure_containers.services.capacity.HostCapacity",
        "secure_containers.services.parts.Scaling",
        "secure_containers.services.parts.HealthCheck",
        "secure_containers.services.parts.Domain",
        "secure_containers.services.parts.Scratch",
        "secure_containers.services.parts.Deployment",
        "secure_containers.services.parts.Discovery",
        "secure_containers.services.parts.Tracing",
        "secure_containers.services.parts.TrustedSigners",
        "secure_containers.services.parts.ServiceLimits",
        "secure_containers.services.source.CodeSource",
    ),
    "Enforcement": (
        "secure_containers.validation.enforce",
        "secure_containers.validation.Pack",
        "secure_containers.waivers.Waiver",
        "secure_containers.waivers.waive",
    ),
}
"""The reference pages and what each of them tells of."""
FOR_USERS: Final[Mapping[str, tuple[str, ...]]] = {
    "ServiceTask": (
        "role",
        "execution_role",
        "log_group",
        "definition",
        "security_group",
        "connections",
        "grant_principal",
        "add_sidecar",
    ),
    "FileMount": (),
}
"""What users call of classes whose other public members are for the constructs that make or take them."""
SNAPSHOTS: Final = HERE.parent / "tests" / "__snapshots__" / "test_stacks"
"""The templates of the reference stacks, as the tests keep them."""


def pages() -> dict[str, str]:
    """Every generated page by its path below docs/."""
    found = {f"rules/{rule.id}.md": rule.markdown() for rule in (*RULES, *ENGINE_RULES)}
    found["rules/README.md"] = "\n".join(_rule_index())
    found["guidance.md"] = "\n".join(_guidance())
    found["reference-stacks.md"] = "\n".join(_stacks())
    package = griffe.load("secure_containers", search_paths=[str(HERE.parent)])
    for name in PAGES:
        found[f"constructs/{name}.md"] = "\n".join(_page(package, name))
    return {path: _GENERATED + text.rstrip() + "\n" for path, text in found.items()}


def write() -> None:
    """Write every page, and remove generated ones that nothing makes any more."""
    wanted = pages()
    for folder in ("rules", "constructs"):
        for path in (HERE / folder).glob("*.md"):
            if f"{folder}/{path.name}" not in wanted:
                path.unlink()
    for path, text in wanted.items():
        (HERE / path).parent.mkdir(exist_ok=True)
        (HERE / path).write_text(text, encoding="utf-8")
    print(f"{len(wanted)} pages written")


def _rule_index() -> Iterator[str]:
    yield from ("# Rules", "", "| id | name | severity | what it finds |", "|---|---|---|---|")
    for rule in (*RULES, *ENGINE_RULES):
        yield f"| [{rule.id}]({rule.id}.md) | `{rule.name}` | {rule.severity} | {rule.title} |"


def _stacks() -> Iterator[str]:
    """What each reference stack holds, costs and looks like, from its template."""
    table = prices()
    yield from ("# Reference stacks", "", "What `make synth` makes, from the templates in tests/__snapshots__.", "")
    yield f"Costs are an estimate, before any use: {table['source']}, {table['date']}, USD a month; {RUNNING}."
    for path in sorted(SNAPSHOTS.glob("test_templates*.yaml")):
        name = path.stem.split("[")[1].rstrip("]")
        template = parse(path.read_bytes(), name)
        costs = fixed_costs([template])
        yield from ("", f"## {name}", "", str(template.body.get("Description", "")), "")
        yield from ("| fixed costs | USD a month |", "|---|---:|")
        yield from (f"| {cost.what} ({cost.count}) | {cost.monthly:.2f} |" for cost in costs)
        yield f"| **together** | **{sum(cost.monthly for cost in costs):.2f}** |"
        if any(template.of_type("AWS::EC2::VPC")):
            yield from ("", "```mermaid", diagram([template]).rstrip(), "```")


def _guidance() -> Iterator[str]:
    known = catalogue()
    yield from ("# Guidance", "", "What the library answers to, and what answers it.", "", "Sources:", "")
    yield from (f"- `{id}`: {title}" for id, title in known.sources.items())
    for guideline in known.guidelines.values():
        yield from (
            "",
            f"## {guideline.id}",
            "",
            guideline.says,
            "",
            f"Sources: {', '.join(guideline.sources)}. To be answered by: {guideline.where}.",
            "",
        )
        yield from _answers(guideline, known.not_yet.get(guideline.id, ()))
    yield from ("", "## Not yet answered", "")
    yield from (f"- [{id}](#{id}): {', '.join(kinds)}" for id, kinds in known.not_yet.items())


def _answers(guideline: Guideline, not_yet: Iterable[str]) -> Iterator[str]:
    for kind, names in guideline.answers.items():
        yield f"- {kind}: {', '.join(_link(name) for name in names)}"
    rules = [rule for rule in RULES if guideline.id in rule.guidelines]
    if rules:
        yield f"- rule: {', '.join(f'[{rule.id} {rule.name}](rules/{rule.id}.md)' for rule in rules)}"
    yield from (f"- {kind}: not yet" for kind in not_yet)


def _link(name: str) -> str:
    if name.startswith("docs/"):
        return f"[{name}]({name.removeprefix('docs/')})"
    short = name.removeprefix("secure_containers.")
    page = next(
        (
            page
            for page, members in PAGES.items()
            if short.split(".", maxsplit=1)[0] in {member.rsplit(".", 1)[1] for member in members}
        ),
        None,
    )
    return f"[`{short}`](constructs/{page}.md)" if page else f"`{short}`"


def _page(package: Any, name: str) -> Iterator[str]:
    """One page of the reference, with links to parts that its arguments take and other pages tell of."""
    members = [package[path.removeprefix("secure_containers.")] for path in PAGES[name]]
    lines = [line for member in members for line in _reference(member)]
    own = {member.name for member in members}
    homes = {path.rsplit(".", 1)[1]: page for page, paths in PAGES.items() for path in paths}
    types = " ".join(line.split(" | ")[1] for line in lines if line.startswith("| `"))
    elsewhere = sorted(set(re.findall(r"\w+", types)) & homes.keys() - own)
    yield f"# {name}"
    if elsewhere:
        links = ", ".join(f"[`{each}`]({homes[each]}.md#{each.lower()})" for each in elsewhere)
        yield from ("", f"On other pages: {links}.")
    yield from lines


def _reference(member: Any) -> Iterator[str]:
    yield from ("", f"## {member.name}", "")
    callable_ = member.members.get("__init__", member) if member.is_class else member
    yield from _description(member, callable_)
    if not member.is_class:
        return
    yield from (_attribute(member, each) for each in _public(member, "attribute"))
    for method in _public(member, "function"):
        yield from ("", f"### {method.name}", "")
        yield from _description(method, method)


def _attribute(class_: Any, attribute: Any) -> str:
    """Its type, or the value of an enumeration's member, and what is said of it here or where it comes from."""
    declared = [each.members[attribute.name] for each in (class_, *class_.mro()) if attribute.name in each.members]
    told = next((f". {' '.join(each.docstring.value.split())}" for each in declared if each.docstring), "")
    type_ = next((each.annotation for each in declared if each.annotation), None)
    value = f": `{type_}`" if type_ else f" = `{attribute.value}`" if "class-attribute" in attribute.labels else ""
    return f"- `{attribute.name}`{value}{told}"


def _public(member: Any, kind: str) -> list[Any]:
    """The public members, those of base classes of ours too; the fields of a dataclass are told as its arguments."""
    fields = set(member.members) if "dataclass" in member.labels else set()
    wanted = FOR_USERS.get(member.name)
    return [
        each
        for name, each in member.all_members.items()
        if each.kind.value == kind
        and not name.startswith("_")
        and (each.docstring or name not in fields)
        and (wanted is None or name in wanted)
    ]


def _sections(member: Any) -> list[Any]:
    return list(member.docstring.parse("google", warnings=False)) if member.docstring else []


def _description(member: Any, callable_: Any) -> Iterator[str]:
    """The text, the arguments with their types and defaults, and the errors of a class or function."""
    defaults = {each.name: each for each in getattr(callable_, "parameters", ())}
    attributes = member.members if member.is_class else {}
    if not member.is_class or any(section.kind.value == "parameters" for section in _sections(member)):
        yield from ("```python", *_signature(member, callable_), "```", "")
    for section in _sections(member):
        if section.kind.value == "text":
            yield from (section.value, "")
        elif section.kind.value == "parameters":
            yield from ("| argument | type | default | |", "|---|---|---|---|")
            for each in section.value:
                declared = defaults.get(each.name) or attributes.get(each.name)
                type_ = (
                    str(declared.annotation).replace("|", "\\|") if declared is not None and declared.annotation else ""
                )
                yield f"| `{each.name}` | `{type_}` | {_default(declared)} | {' '.join(each.description.split())} |"
            yield ""
        elif section.kind.value == "raises":
            yield from (f"Raises `{each.annotation}`: {' '.join(each.description.split())}" for each in section.value)
            yield ""
        elif section.kind.value == "admonition":
            yield from (f"{section.title}: {section.value.description}", "")


def _signature(member: Any, callable_: Any) -> Iterator[str]:
    """How it is called; what stands after the `*` is given by keyword only."""
    names: list[str] = []
    for each in callable_.parameters:
        if each.name in ("self", "cls"):
            continue
        kind = each.kind.value
        if kind == "keyword-only" and not any(name.startswith("*") for name in names):
            names.append("*")
        names.append({"variadic positional": "*", "variadic keyword": "**"}.get(kind, "") + each.name)
    returns = getattr(callable_, "returns", None)
    answer = f" -> {returns}" if returns and not member.is_class else ""
    yield from wrap(f"{member.name}({', '.join(names)}){answer}", 118, subsequent_indent="    ", break_long_words=False)


def _default(declared: Any) -> str:
    value = getattr(declared, "default", None) or getattr(declared, "value", None)
    if value is None:
        return "needed"
    text = str(value)
    if text.startswith("field("):
        return f"`{text.split('default=', 1)[1].split(',', 1)[0]}`" if "default=" in text else "needed"
    return f"`{text}`"


if __name__ == "__main__":
    sys.exit(write())
