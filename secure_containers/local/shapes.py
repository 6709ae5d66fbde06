"""Properties of a template in the shape of an API call, by the service's own model.

CloudFormation writes names with a capital and now and then numbers as text; an API has its own spelling and types.
What the API does not know is an error: nothing that a template asks for is dropped without a word.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

_SCALARS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "string": str,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": lambda value: value if isinstance(value, bool) else str(value).lower() == "true",
}


def fitted(
    client: Any, operation: str, properties: Mapping[str, Any], *, without: Sequence[str] = ()
) -> dict[str, Any]:
    """The arguments of an operation.

    Args:
        client: the boto3 client of the service.
        operation: its name, such as `CreateTrail`.
        properties: what the template says; the names' case does not matter.
        without: top-level properties that go elsewhere.

    Raises:
        ValueError: the operation does not know a property.
    """
    shape = client.meta.service_model.operation_model(operation).input_shape
    left = {name: value for name, value in properties.items() if name not in without}
    return dict(_fit(shape, left, operation))


def _fit(shape: Any, value: Any, path: str) -> Any:
    if shape.type_name == "structure":
        if shape.is_document_type:  # any JSON, in a template as an object or as its text
            return json.loads(value) if isinstance(value, str) else value
        return _structure(shape, value, path)
    if shape.type_name == "list":
        if isinstance(value, Mapping):  # tags are a map in one place and a list in another
            value = [{"Key": key, "Value": each} for key, each in value.items()]
        return [_fit(shape.member, each, path) for each in value]
    if shape.type_name == "map":
        if isinstance(value, list):
            value = {each["Key"]: each["Value"] for each in value}
        return {str(key): _fit(shape.value, each, f"{path}.{key}") for key, each in value.items()}
    return _SCALARS.get(shape.type_name, lambda given: given)(value)


def _structure(shape: Any, value: Mapping[str, Any], path: str) -> dict[str, Any]:
    names = {name.lower(): name for name in shape.members}
    fitted_: dict[str, Any] = {}
    for key, child in value.items():
        name = names.get(key.lower())
        if name is None:
            raise ValueError(f"{path} does not know {key}")
        if child is not None:
            fitted_[name] = _fit(shape.members[name], child, f"{path}.{key}")
    return fitted_
