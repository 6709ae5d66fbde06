"""Functions of AWS Lambda."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any


def function(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    about = client("lambda").get_function(FunctionName=id)
    tags = about.get("Tags", {})
    return {**about["Configuration"], "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def invoke_config(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    about = client("lambda").get_function_event_invoke_config(
        FunctionName=wanted["FunctionName"], Qualifier=wanted["Qualifier"]
    )
    return {**about, "FunctionName": wanted["FunctionName"], "Qualifier": wanted["Qualifier"]}


def permission(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    names = [each["FunctionName"] for each in client("lambda").list_functions()["Functions"]]
    (name,) = (each for each in names if wanted["FunctionName"].matches(f"arn:aws:lambda:::{each}"))
    policy = json.loads(client("lambda").get_policy(FunctionName=name)["Policy"])
    (statement,) = (each for each in policy["Statement"] if each["Principal"] == {"Service": wanted["Principal"]})
    return {
        "Action": statement["Action"],
        "FunctionName": statement["Resource"],
        "Principal": statement["Principal"]["Service"],
        "SourceArn": statement["Condition"]["ArnLike"]["AWS:SourceArn"],
    }


READERS = {
    "AWS::Lambda::Function": function,
    "AWS::Lambda::EventInvokeConfig": invoke_config,
    "AWS::Lambda::Permission": permission,
}
NOT_READ = {"AWS::Lambda::Function": {"Code": "what runs is seen by its answers"}}
