"""Whether a stack can be updated without losing data, and without getting stuck.

What CloudFormation replaces is told by its own schemas, which cfn-lint carries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final

from secure_containers.errors import check_list, invalid
from secure_containers.rules.intrinsics import placeholders, sub_parts
from secure_containers.rules.template import Resource, Template, is_true
from secure_containers.rules.template_hygiene import replacement_blocking_name
from secure_containers.testing.deployment import REGION
from secure_containers.testing.extra import needed
from secure_containers.testing.templates import Templates, read

_HOLDS_DATA: Final[Mapping[str, str]] = {
    "AWS::Backup::BackupVault": "its backups",
    "AWS::Batch::JobQueue": "its waiting jobs",
    "AWS::CloudFormation::Stack": "all that is in it",
    "AWS::Cognito::UserPool": "its users",
    "AWS::DocDB::DBCluster": "its data",
    "AWS::DynamoDB::GlobalTable": "its items",
    "AWS::DynamoDB::Table": "its items",
    "AWS::EC2::Volume": "its data",
    "AWS::ECR::Repository": "its images",
    "AWS::EFS::FileSystem": "its files",
    "AWS::ElastiCache::ReplicationGroup": "its data",
    "AWS::FSx::FileSystem": "its files",
    "AWS::KMS::Key": "what it encrypted",
    "AWS::Kinesis::Stream": "its records",
    "AWS::Logs::LogGroup": "its log events",
    "AWS::Neptune::DBCluster": "its data",
    "AWS::OpenSearchService::Domain": "its documents",
    "AWS::RDS::DBCluster": "its data",
    "AWS::RDS::DBInstance": "its data",
    "AWS::Redshift::Cluster": "its data",
    "AWS::S3::Bucket": "its objects",
    "AWS::SNS::Topic": "its subscriptions",
    "AWS::SQS::Queue": "its messages",
    "AWS::SSM::Parameter": "its value",
    "AWS::SecretsManager::Secret": "its value",
}
"""Resource types that hold data, and what is lost with one."""
_ENVIRONMENT: Final = "AWS::Batch::ComputeEnvironment"
_REPLACES: Final = "ReplaceComputeEnvironment"
_ALSO: Final[Mapping[str, tuple[str, ...]]] = {"AWS::Batch::JobQueue": ("Tags",)}
"""Properties of which the user guide says, unlike the schema, that another value replaces the resource.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-batch-jobqueue.html
"""
_EVERYWHERE: Final = "us-east-1"
"""The Region that has every type."""
_KEPT: Final = ("Retain", "RetainExceptOnCreate", "Snapshot")


@dataclass(frozen=True, slots=True)
class _Problem:
    resource: str
    at: str
    happens: str
    do: str

    def __str__(self) -> str:
        return f"  {self.resource}{f'.{self.at}' if self.at else ''}: {self.happens}\n    {self.do}"


@dataclass(frozen=True, slots=True)
class _Change:
    """A resource before and after the update, and the properties of which another value makes another resource."""

    before: Resource
    after: Resource
    create_only: tuple[str, ...]
    in_place: tuple[str, ...]
    """Those that AWS Batch changes in place here."""
    names: tuple[str, ...]
    """Those among them that are physical names."""

    def changed(self, path: str) -> bool:
        """Whether the value at a path is another one, as the templates write it."""
        return bool(_at(self.before.body.get("Properties"), path) != _at(self.after.body.get("Properties"), path))

    def replacing(self, replaced: Set[str]) -> list[str]:
        """The paths that make CloudFormation replace the resource; what they take from replaced ones changes too."""
        return [
            path
            for path in self.create_only
            if self.changed(path) or replaced & set(_references(_at(self.after.body.get("Properties"), path)))
        ]

    def fixed_names(self) -> list[str]:
        """The names that are taken when CloudFormation makes the new resource."""
        return [
            path
            for path in self.names
            if not self.changed(path)
            and (name := _at(self.after.body.get("Properties"), path)) is not None
            and not any(each in self.after.template.resources for each in _references(name))
        ]


def assert_replacement_safe(
    before: Templates, after: Templates, *, allowed: Sequence[str] = (), region: str = REGION
) -> None:
    """An update from the templates `before` to the templates `after` loses no data and does not get stuck.

    Resources are the same by their logical ids; of several templates those with the same stack's name or, where that
    is not known, at the same place in the list are compared. Refused are:

    - what holds data (objects, items, images, messages, waiting jobs, keys) and is removed without a `DeletionPolicy`
      of `Retain`, or is replaced: by another value of a property that is only set on creation.
      `UpdateReplacePolicy: Retain` keeps the old one, but the new one is empty all the same;
    - what becomes a resource of another type, whatever it holds: CloudFormation refuses the whole update;
    - what carries a fixed name and is replaced: CloudFormation makes the new one first, and the name is taken;
    - a compute environment of AWS Batch of which `ReplaceComputeEnvironment` turns to false together with anything
      else: a failed update cannot be rolled back; and one that changes between Fargate and instances.

    Values are compared as the templates write them: another text for the same value is taken for a change. Properties
    that CloudFormation replaces only under some conditions count as replaced.

    Args:
        before: the templates as they are deployed: a snapshot, or `cdk.out` of the last release.
        after: the templates to deploy.
        allowed: logical ids of resources that may be lost, replaced or stuck all the same.
        region: whose schemas count, where a cloud assembly does not tell it.

    Raises:
        AssertionError: an update is refused; the message says of each resource what happens and what to do.
        ValueError: an argument is wrong, or `allowed` names what the templates do not have.
    """
    where = "assert_replacement_safe"
    check_list(where, "allowed", allowed, str, allowed="a list of logical ids", write='allowed=["Results0A1B2C3D"]')
    pairs = _paired(read(where, "before", before), read(where, "after", after))
    known = {logical_id for old, new in pairs for each in (old, new) if each for logical_id in each.resources}
    for logical_id in allowed:
        if logical_id not in known:
            raise invalid(
                where,
                "allowed",
                logical_id,
                allowed="a logical id of the templates",
                write=f"one of {', '.join(sorted(known))}",
            )
    problems = [
        problem
        for old, new in pairs
        if old is not None
        for problem in _problems(old, new, region)
        if problem.resource not in allowed
    ]
    if problems:
        raise AssertionError("the update is not safe:\n" + "\n".join(map(str, problems)))


def _paired(before: Sequence[Template], after: Sequence[Template]) -> list[tuple[Template | None, Template | None]]:
    """The templates of one stack each, nested stacks by the logical ids through which they are met."""
    if len(before) == len(after) == 1:
        return [(before[0], after[0])]
    olds, news = _keyed(before), _keyed(after)
    return [(olds.get(key), news.get(key)) for key in {**olds, **news}]


def _keyed(templates: Sequence[Template]) -> Mapping[tuple[str, ...], Template]:
    roots = [template for template in templates if template.parent is None]
    return {_way(template, roots): template for template in templates}


def _way(template: Template, roots: Sequence[Template]) -> tuple[str, ...]:
    if template.parent is not None:
        return (*_way(template.parent.template, roots), template.parent.logical_id)
    return (template.stack or f"number {roots.index(template)}",)


def _problems(old: Template, new: Template | None, region: str) -> Iterator[_Problem]:
    afters = new.resources if new else {}
    changes: list[_Change] = []
    for before in old.resources.values():
        after = afters.get(before.logical_id)
        if after is None:
            yield from _removed(before)
        elif after.type != before.type:
            yield _of_another_type(before, after)
        else:
            changes.append(_change(before, after, region))
    replaced: set[str] = set()
    while True:  # what is replaced may make others be replaced that refer to it
        more = {each.after.logical_id for each in changes if each.replacing(replaced)}
        if more == replaced:
            break
        replaced = more
    for change in changes:
        yield from _updated(change, change.replacing(replaced))


def _removed(before: Resource) -> Iterator[_Problem]:
    data = _HOLDS_DATA.get(before.type)
    if data and not _kept(before, "DeletionPolicy"):
        yield _Problem(
            before.logical_id,
            "",
            f"it is removed, and {data} with it",
            "leave it as it was; or deploy it with DeletionPolicy: Retain first; or, if nothing in it is needed, "
            f'write allowed=["{before.logical_id}"]',
        )


def _of_another_type(before: Resource, after: Resource) -> _Problem:
    """`Update of resource type is not permitted`, says CloudFormation, whatever the type and its policies."""
    return _Problem(
        before.logical_id,
        "",
        f"its type {before.type} becomes {after.type}: CloudFormation refuses the whole update",
        f"give the {after.type} another logical id",
    )


def _updated(change: _Change, replacing: Sequence[str]) -> Iterator[_Problem]:
    before = change.before
    if before.type == _ENVIRONMENT:
        yield from _environment(change)
    if not replacing:
        return
    at, data = ", ".join(replacing), _HOLDS_DATA.get(before.type)
    if data:
        old = "kept, but not in use" if _kept(before, "UpdateReplacePolicy") else "deleted"
        yield _Problem(
            before.logical_id,
            at,
            f"CloudFormation replaces the {before.type}: the new one starts without {data}, and the old one is {old}",
            "leave the property as it is; or make a second resource, move what the first holds, and remove it later; "
            f'or, if nothing in it is needed, write allowed=["{before.logical_id}"]',
        )
    for name in change.fixed_names():
        yield _Problem(
            before.logical_id,
            at,
            f"CloudFormation has to replace the {before.type} and cannot: {name} is fixed and taken by the old one",
            f"leave {name} out, or change it in the same update",
        )


def _environment(change: _Change) -> Iterator[_Problem]:
    """What AWS Batch says of updates of compute environments that keep them.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-batch-computeenvironment.html
    """
    before, after = (each.body.get("Properties") or {} for each in (change.before, change.after))
    keys = sorted({*before, *after} - {_REPLACES})
    others = [key for key in keys if before.get(key) != after.get(key)]
    if _keeps(change.after) and not _keeps(change.before) and others:
        yield _Problem(
            change.before.logical_id,
            ", ".join([_REPLACES, *others]),
            f"{_REPLACES} turns to false together with other properties: if the update fails, it cannot be rolled back",
            f"deploy {_REPLACES}: false alone first",
        )
    if _is_fargate(change.before) is not _is_fargate(change.after):
        yield _Problem(
            change.before.logical_id,
            "ComputeResources.Type",
            "AWS Batch makes no instances of Fargate nor Fargate of instances: the update fails",
            "give the new compute environment, and its queue, another logical id",
        )
        return
    changed = [path for path in change.in_place if change.changed(path)]
    strategy = _at(after, "ComputeResources.AllocationStrategy") or "BEST_FIT"
    if changed and strategy == "BEST_FIT" and not _is_fargate(change.after):
        yield _Problem(
            change.before.logical_id,
            ", ".join(changed),
            f"AWS Batch cannot change this in place with the allocation strategy BEST_FIT, and {_REPLACES} is false",
            f"take BEST_FIT_PROGRESSIVE or SPOT_PRICE_CAPACITY_OPTIMIZED, or set {_REPLACES} to true for this update",
        )


def _change(before: Resource, after: Resource, region: str) -> _Change:
    schema = _schema(after, region)
    always, sometimes, identifier = (
        _paths(schema, key) for key in ("createOnlyProperties", "conditionalCreateOnlyProperties", "primaryIdentifier")
    )
    in_place = sometimes if after.type == _ENVIRONMENT and (_keeps(after) or _is_fargate(after)) else []
    create_only = [path for path in (*always, *sometimes, *_ALSO.get(after.type, ())) if path not in in_place]
    named = list(after.template.once(_named).get(after.logical_id, ()))
    named += [path for path in identifier if path in always and path.endswith("Name")]
    return _Change(before, after, tuple(create_only), tuple(in_place), tuple(dict.fromkeys(named)))


def _named(template: Template) -> Mapping[str, list[str]]:
    """The names that a template gives, by logical id."""
    found: dict[str, list[str]] = {}
    for each in replacement_blocking_name.judge(template):
        if each.resource is not None:
            found.setdefault(each.resource.logical_id, []).append(each.at.removeprefix("Properties."))
    return found


def _schema(resource: Resource, region: str) -> Mapping[str, Any]:
    """The schema of a resource's type; empty where none is known."""
    schemas = needed("cfnlint.schema", of="cfn-lint")
    if not resource.type.startswith("AWS::"):  # CloudFormation asks the function of a custom resource what happens
        return {"createOnlyProperties": ["/properties/ServiceToken"]}
    for place in (resource.template.region or region, _EVERYWHERE):
        try:
            found: Mapping[str, Any] = schemas.PROVIDER_SCHEMA_MANAGER.get_resource_schema(place, resource.type).schema
        except (schemas.ResourceNotFoundError, KeyError):
            continue
        return found
    return {}


def _paths(schema: Mapping[str, Any], key: str) -> list[str]:
    return [each.removeprefix("/properties/").replace("/", ".") for each in schema.get(key) or ()]


def _at(node: Any, path: str) -> Any:
    """What stands at a path, `*` for each element of a list; below a function the function itself."""
    keys = path.split(".") if path else []
    for index, key in enumerate(keys):
        if isinstance(node, list) and key == "*":
            return [_at(child, ".".join(keys[index + 1 :])) for child in node]
        if not isinstance(node, dict) or _is_function(node):
            return node if isinstance(node, dict) else None
        node = node.get(key)
    return node


def _is_function(node: Mapping[str, Any]) -> bool:
    return len(node) == 1 and next(iter(node)).startswith(("Ref", "Fn::"))


def _references(node: Any) -> Iterator[str]:
    """The logical ids to which a value refers."""
    if isinstance(node, list):
        for child in node:
            yield from _references(child)
    elif isinstance(node, dict):
        for key, child in node.items():
            if key == "Ref" and isinstance(child, str):
                yield child
            elif key == "Fn::GetAtt":
                yield str(child[0] if isinstance(child, list) else child).split(".", 1)[0]
            elif key == "Fn::Sub" and (parts := sub_parts(child)):
                yield from (name.partition(".")[0] for name in placeholders(parts[0]))
                yield from _references(dict(parts[1]))
            else:
                yield from _references(child)


def _kept(resource: Resource, policy: str) -> bool:
    return all(value.data in _KEPT for value in resource.attribute(policy))


def _keeps(environment: Resource) -> bool:
    """Whether AWS Batch changes the compute environment in place."""
    return all(value.data is not None and not is_true(value.data) for value in environment.get(_REPLACES))


def _is_fargate(environment: Resource) -> bool:
    return all(value.text.startswith("FARGATE") for value in environment.get("ComputeResources", "Type"))
