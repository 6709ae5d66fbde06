"""Reads templates: a cloud assembly (`cdk.out`), JSON or YAML files, folders of them, standard input.

Nested stacks and stages are followed. What cannot be read is told in one line and does not keep the rest from being
read.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from secure_containers.check.yaml_template import MOST_LEVELS, parse_yaml, place_in
from secure_containers.rules.template import Resource, Template

LARGEST: Final = 10_000_000
"""Bytes. CloudFormation itself takes templates of 1 MB at most."""
STDIN: Final = "-"

_SUFFIXES: Final = (".json", ".yaml", ".yml", ".template")
_SECTION: Final = re.compile(rb"(?:^|[{,])[ \t]*[\"']?Resources[\"']?\s*:", re.MULTILINE)
_BYTE_ORDER_MARKS: Final = b"\xef\xbb\xbf\xff\xfe"
_JSON_KEY_OR_BRACE: Final = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|[{}]')
_PASSED_OVER: Final = frozenset({"node_modules", "__pycache__"})
"""Folders in which other people's files lie; hidden ones are passed over too."""
_NESTED_STACK: Final = "AWS::CloudFormation::Stack"
_ASSET_HASH: Final = re.compile(r"[0-9a-f]{64}")
_FILE_OF: Final = {"cdk:cloud-assembly": "directoryName", "aws:cloudformation:stack": "templateFile"}
"""The artifacts of a cloud assembly that are read, and the property that names their file."""
_ENVIRONMENT: Final = re.compile(r"aws://([^/]+)/(.+)")
_UNKNOWN_ENVIRONMENT: Final = ("unknown-account", "unknown-region")


class UnreadableTemplateError(Exception):
    """A file is no template that can be judged; the message is one line that names it."""


@dataclass(slots=True)
class Loaded:
    """What was read, and what could not be."""

    templates: list[Template] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def load(paths: list[str], *, stdin: BinaryIO | None = None) -> Loaded:
    """Read every template at `paths`; `-` is standard input."""
    loaded = Loaded()
    for path in paths:
        try:
            if path == STDIN:
                loaded.templates.append(parse(_standard_input(stdin), "<stdin>"))
            elif not Path(path).exists():
                loaded.errors.append(f"{path}: there is no such file or folder")
            elif Path(path).is_dir():
                _load_folder(Path(path), loaded)
            else:
                _add(loaded, _stacks(Path(path)))
        except UnreadableTemplateError as error:
            loaded.errors.append(str(error))
        except OSError as error:  # a name that is too long, a folder above it that is closed to us
            loaded.errors.append(f"{path}: cannot be read: {error.strerror}")
    loaded.templates[:] = _without_doubles(loaded.templates)
    loaded.errors[:] = dict.fromkeys(loaded.errors)
    return loaded


def load_stack(
    path: Path, *, account: str | None = None, region: str | None = None, may_be_empty: bool = False
) -> Iterator[Template]:
    """The template at `path` and, below it, those of its nested stacks as far as they are at hand.

    `may_be_empty` is for cloud assemblies: CDK writes stacks without resources too.

    Raises:
        UnreadableTemplateError: one of them cannot be read.
    """
    stack = _stack_names(path.parent).get(path.name)
    for read in _stacks(path, account=account, region=region, stack=stack, may_be_empty=may_be_empty):
        if isinstance(read, UnreadableTemplateError):
            raise read
        yield read


def parse(
    raw: bytes,
    name: str,
    *,
    account: str | None = None,
    region: str | None = None,
    stack: str | None = None,
    parent: Resource | None = None,
    may_be_empty: bool = False,
) -> Template:
    """A template from its bytes.

    Raises:
        UnreadableTemplateError: it is too large, no UTF-8, no JSON or YAML, or no template.
    """
    if len(raw) >= LARGEST:
        raise UnreadableTemplateError(f"{name}: has {LARGEST / 1e6:.0f} MB or more; CloudFormation takes 1 MB at most")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        raise UnreadableTemplateError(
            f"{name}:{line}:{column}: is not UTF-8 (byte 0x{raw[error.start]:02x})"
        ) from error
    if not text.strip():
        raise UnreadableTemplateError(f"{name}: is empty")
    body, lines = (
        _parse_json(text, name) if text.lstrip()[0] in "{[" and not _is_flow_yaml(text) else parse_yaml(text, name)
    )
    if _is_too_deep(body):
        raise UnreadableTemplateError(f"{name}: is nested more than {MOST_LEVELS} levels deep")
    if not isinstance(body, dict):
        raise UnreadableTemplateError(f"{name}: holds {_kind(body)}, not a template")
    entries = body.get("Resources", {})
    if not isinstance(entries, dict):
        raise UnreadableTemplateError(
            f"{name}: holds {_kind(entries)} as 'Resources', so it is no CloudFormation template"
        )
    if not entries and not may_be_empty:
        raise UnreadableTemplateError(f"{name}: has no 'Resources', so it is no CloudFormation template")
    return Template(body, name, account=account, region=region, stack=stack, parent=parent, source=text, lines=lines)


def _parse_json(text: str, name: str) -> tuple[Any, None]:
    doubled = False

    def unite(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal doubled
        united = dict(pairs)
        doubled = doubled or len(united) < len(pairs)
        return united

    try:
        body = json.loads(text, object_pairs_hook=unite)
    except json.JSONDecodeError as error:
        raise UnreadableTemplateError(f"{name}:{error.lineno}:{error.colno}: is not JSON: {error.msg}") from error
    except RecursionError as error:
        raise UnreadableTemplateError(f"{name}: is nested more than {MOST_LEVELS} levels deep") from error
    except ValueError as error:  # a number of more digits than Python converts
        raise UnreadableTemplateError(f"{name}: is not JSON that can be followed: {error}") from error
    if doubled:
        raise UnreadableTemplateError(f"{name}{_doubled_key(text)}")
    return body, None


def _doubled_key(text: str) -> str:
    """The first key that stands twice in one object, with its place; Python's JSON reader silently takes the last."""
    open_: list[set[str]] = []
    for token in _JSON_KEY_OR_BRACE.finditer(text):
        if token[0] == "{":
            open_.append(set())
        elif token[0] == "}":
            open_.pop()
        elif token[2]:
            key = json.loads(token[1])
            if key in open_[-1]:
                return f"{place_in(text, token.start())}: is not JSON: the key {key!r} stands twice in one object"
            open_[-1].add(key)
    return ": is not JSON: a key stands twice in one object"


def _is_flow_yaml(text: str) -> bool:
    """YAML may start with a brace as well; it then does not quote its first key, or with single quotes."""
    return re.match(r"\s*\{\s*[A-Za-z#']", text) is not None


def _is_too_deep(body: object) -> bool:
    """Rules and readers go down a template by recursion, which Python ends with an error at some depth."""
    level = [body]
    for _ in range(MOST_LEVELS):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
    return bool(level)


def _stacks(
    path: Path,
    *,
    account: str | None = None,
    region: str | None = None,
    stack: str | None = None,
    parent: Resource | None = None,
    may_be_empty: bool = False,
) -> Iterator[Template | UnreadableTemplateError]:
    """As `load_stack`, with the error in the place of a template that cannot be read."""
    try:
        template = parse(
            _read(path),
            str(path),
            account=account,
            region=region,
            stack=stack,
            parent=parent,
            may_be_empty=may_be_empty,
        )
    except UnreadableTemplateError as error:
        yield error
        return
    yield template
    assets = _assets(path)
    for nested in template.of_type(_NESTED_STACK):
        names = list(_nested_names(nested, assets))
        if not names:
            template.unread.append(nested)
        for name in names:
            file = path.parent / name
            if not _is_file(file):
                yield UnreadableTemplateError(
                    f"{file}: there is no such file, and the nested stack {nested.logical_id} of {path} names it"
                )
            elif str(file.resolve()) in _way_to(template):
                yield UnreadableTemplateError(f"{file}: is a nested stack of itself, by {nested.logical_id} of {path}")
            else:
                yield from _stacks(file, account=account, region=region, parent=nested, may_be_empty=may_be_empty)


def _load_folder(folder: Path, loaded: Loaded) -> None:
    before = len(loaded.templates) + len(loaded.errors)
    if _is_file(folder / "manifest.json"):
        _load_assembly(folder, loaded)
    else:
        for path in sorted(_files(folder, loaded)):
            if _looks_like_template(path):
                _add(loaded, _stacks(path))
    if len(loaded.templates) + len(loaded.errors) == before:
        loaded.errors.append(f"{folder}: holds no template")


def _load_assembly(folder: Path, loaded: Loaded, outer: frozenset[Path] = frozenset()) -> None:
    manifest = folder / "manifest.json"
    try:
        artifacts: list[tuple[str, Any]] = list(json.loads(_read(manifest))["artifacts"].items())
    except UnreadableTemplateError as error:
        loaded.errors.append(str(error))
        return
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        loaded.errors.append(f"{manifest}: is no manifest of a cloud assembly; run `cdk synth` again")
        return
    if folder.resolve() in outer:
        loaded.errors.append(f"{manifest}: names its own assembly as a stage; run `cdk synth` again")
        return
    for id, artifact in artifacts:
        try:
            kind = artifact["type"]
            if kind not in _FILE_OF:
                continue
            path = folder / artifact["properties"][_FILE_OF[kind]]
            found = _ENVIRONMENT.fullmatch(artifact.get("environment", ""))
        except (KeyError, TypeError, AttributeError):
            loaded.errors.append(f"{manifest}: cannot tell the file of the artifact {id!r}; run `cdk synth` again")
            continue
        if kind == "cdk:cloud-assembly":
            _load_assembly(path, loaded, outer | {folder.resolve()})
        else:
            account, region = (
                (None if part in _UNKNOWN_ENVIRONMENT else part for part in found.groups()) if found else (None, None)
            )
            stack = artifact["properties"].get("stackName", id)
            _add(loaded, _stacks(path, account=account, region=region, stack=stack, may_be_empty=True))


def _stack_names(folder: Path) -> Mapping[str, str]:
    """The names of the stacks of a cloud assembly, by the files of their templates; none where there is no assembly."""
    try:
        artifacts = json.loads(_read(folder / "manifest.json"))["artifacts"].items()
        return {
            artifact["properties"]["templateFile"]: artifact["properties"].get("stackName", id)
            for id, artifact in artifacts
            if artifact["type"] == "aws:cloudformation:stack"
        }
    except (UnreadableTemplateError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _add(loaded: Loaded, reads: Iterable[Template | UnreadableTemplateError]) -> None:
    for read in reads:
        if isinstance(read, Template):
            loaded.templates.append(read)
        else:
            loaded.errors.append(str(read))


def _read(path: Path) -> bytes:
    """As much of a file as is judged at most: a pipe or a device may never end."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST)
    except OSError as error:
        raise UnreadableTemplateError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # a name with a NUL or half a surrogate pair in it
        raise UnreadableTemplateError(f"{path}: cannot be read: {error}") from error


def _standard_input(stdin: BinaryIO | None) -> bytes:
    if stdin is None and sys.stdin is None:
        raise UnreadableTemplateError("<stdin>: is closed")
    try:
        return (stdin or sys.stdin.buffer).read(LARGEST)
    except OSError as error:
        raise UnreadableTemplateError(f"<stdin>: cannot be read: {error.strerror or error}") from error


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _files(folder: Path, loaded: Loaded) -> Iterator[Path]:
    """The files that could be templates; links to nowhere too, since they stand for something that cannot be read."""
    for place, folders, names in os.walk(
        folder, onerror=lambda error: loaded.errors.append(f"{error.filename}: cannot be read: {error.strerror}")
    ):
        folders[:] = [each for each in folders if not each.startswith(".") and each not in _PASSED_OVER]
        for path in (Path(place, name) for name in names if name.lower().endswith(_SUFFIXES)):
            if _is_file(path) or path.is_symlink():
                yield path


def _looks_like_template(path: Path) -> bool:
    """Cheap, and generous: a broken template must be told of, a package.json must not."""
    try:
        raw = _read(path)
    except UnreadableTemplateError:
        return True
    # A template in UTF-16 cannot be judged either, and is told of.
    raw = raw.lstrip(_BYTE_ORDER_MARKS).replace(b"\0", b"")
    return _SECTION.search(raw) is not None or b"AWSTemplateFormatVersion" in raw


def _without_doubles(templates: list[Template]) -> list[Template]:
    """A nested stack's file is met by itself as well as through its parent, which knows its parameters."""
    ways = [_way_to(template) for template in templates]
    trees: dict[str, set[str]] = {}
    for way in ways:
        trees.setdefault(way[0], set()).add(way[-1])
    nested = {
        root
        for root, tree in trees.items()
        if any(root in other and outer not in tree for outer, other in trees.items())
    }
    kept: dict[tuple[str, ...], Template] = {}
    for way, template in zip(ways, templates, strict=True):
        if way[0] not in nested:
            kept.setdefault(way, template)
    return list(kept.values())


def _way_to(template: Template) -> tuple[str, ...]:
    """The files and nested stacks through which a template is met, outermost first."""
    file = str(Path(template.name).resolve())
    return (*_way_to(template.parent.template), template.parent.logical_id, file) if template.parent else (file,)


def _assets(path: Path) -> Mapping[str, str]:
    """The files of a stack's asset manifest by their hash, by which alone CDK names a nested template in its parent."""
    manifest = path.with_name(path.name.removesuffix(".template.json").removesuffix(".nested") + ".assets.json")
    manifests = (
        [manifest]
        if _is_file(manifest)
        else sorted(path.parent.glob("*.assets.json"))
        if path.name.endswith(".nested.template.json")
        else []
    )
    found: dict[str, str] = {}
    for each in manifests:
        try:
            files = json.loads(_read(each))["files"].items()
            found |= {hash: file["source"]["path"] for hash, file in files if isinstance(file["source"]["path"], str)}
        except (UnreadableTemplateError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
    return found


def _nested_names(stack: Resource, assets: Mapping[str, str]) -> Iterable[str]:
    """The local files that can be a nested stack's template; none for one that is fetched from elsewhere."""
    recorded = stack.metadata.get("aws:asset:path")
    if isinstance(recorded, str) and recorded:
        return [recorded]
    names: list[str] = []
    for url in stack.get("TemplateURL"):
        hashed = [assets[hash] for hash in _ASSET_HASH.findall(url.text) if hash in assets]
        is_local = isinstance(url.data, str) and url.data and "://" not in url.data and "${" not in url.data
        names += hashed or ([url.text] if is_local else [])
    return dict.fromkeys(names)


def _kind(body: object) -> str:
    kinds = {
        list: "a list",
        str: "a text",
        bool: "a truth value",
        int: "a number",
        float: "a number",
        type(None): "nothing",
    }
    return kinds.get(type(body), f"a {type(body).__name__}")
