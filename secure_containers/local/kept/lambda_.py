"""Functions: network, key, dead letters and concurrency; and the tags of what feeds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.kept.properties import Kept
from secure_containers.local.shapes import fitted

_Properties = Mapping[str, Any]
_SETTINGS: Final[Mapping[str, Any]] = {"DeadLetterConfig": {}, "KmsKeyArn": "", "VpcConfig": {}}
"""What is dropped of a function, and what takes it away."""
_CONCURRENCY: Final = "ReservedConcurrentExecutions"


def _keep(account: Account, function: str, properties: _Properties, before: _Properties) -> Mapping[str, Any]:
    lambda_ = account.client("lambda")
    given = {
        name: properties.get(name, nothing)
        for name, nothing in _SETTINGS.items()
        if properties.get(name) != before.get(name)
    }
    if given:
        arguments = fitted(lambda_, "UpdateFunctionConfiguration", {**given, "FunctionName": function})
        lambda_.update_function_configuration(**arguments)
    if _CONCURRENCY in properties:
        lambda_.put_function_concurrency(FunctionName=function, **{_CONCURRENCY: int(properties[_CONCURRENCY])})
    elif _CONCURRENCY in before:
        lambda_.delete_function_concurrency(FunctionName=function)
    return {}


def _keep_source(account: Account, mapping: str, properties: _Properties, before: _Properties) -> Mapping[str, Any]:
    lambda_ = account.client("lambda")
    arn = account.arn("lambda", f"event-source-mapping:{mapping}")
    tags, old = ({each["Key"]: each["Value"] for each in given.get("Tags", [])} for given in (properties, before))
    if dropped := [key for key in old if key not in tags]:
        lambda_.untag_resource(Resource=arn, TagKeys=dropped)
    if tags:
        lambda_.tag_resource(Resource=arn, Tags=tags)
    return {}


KEPT: Final = {
    "AWS::Lambda::EventSourceMapping": Kept(keep=_keep_source),
    "AWS::Lambda::Function": Kept(keep=_keep),
}
