"""Functions of AWS Lambda, and what they are fed from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.e2e.compare import differences


def function(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    about = client("lambda").get_function(FunctionName=id)
    tags, configuration = about.get("Tags", {}), about["Configuration"]
    return {
        **configuration,
        **about.get("Concurrency", {}),
        "KmsKeyArn": configuration.get("KMSKeyArn"),
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }


def invoke_config(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    about = client("lambda").get_function_event_invoke_config(
        FunctionName=wanted["FunctionName"], Qualifier=wanted["Qualifier"]
    )
    return {**about, "FunctionName": wanted["FunctionName"], "Qualifier": wanted["Qualifier"]}


def permission(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    names = [each["FunctionName"] for each in client("lambda").list_functions()["Functions"]]
    (name,) = (each for each in names if wanted["FunctionName"].matches(f"arn:aws:lambda:::{each}"))
    policy = json.loads(client("lambda").get_policy(FunctionName=name)["Policy"])
    (statement,) = (
        each
        for each in policy["Statement"]
        if each["Principal"] == {"Service": wanted["Principal"]}
        and not any(differences(wanted["SourceArn"], each["Condition"]["ArnLike"]["AWS:SourceArn"]))
    )
    return {
        "Action": statement["Action"],
        "FunctionName": statement["Resource"],
        "Principal": statement["Principal"]["Service"],
        "SourceArn": statement["Condition"]["ArnLike"]["AWS:SourceArn"],
    }


def event_source(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    lambda_ = client("lambda")
    about = lambda_.get_event_source_mapping(UUID=id)
    tags = lambda_.list_tags(Resource=about["EventSourceMappingArn"])["Tags"]
    return {
        **about,
        "Enabled": about["State"] == "Enabled",
        "FunctionName": about["FunctionArn"].rpartition(":")[2],
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }


READERS = {
    "AWS::Lambda::EventSourceMapping": event_source,
    "AWS::Lambda::Function": function,
    "AWS::Lambda::EventInvokeConfig": invoke_config,
    "AWS::Lambda::Permission": permission,
}
NOT_READ = {"AWS::Lambda::Function": {"Code": "what runs is seen by its answers"}}
