"""What the model moves: the table, the bucket, AWS Batch, and processes that stop before each call they make."""

# ruff: noqa: N803 - arguments are AWS's

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO
from types import SimpleNamespace
from typing import Any

from boto3.dynamodb.types import TypeSerializer
from moto.dynamodb.exceptions import ConditionalCheckFailed
from moto.dynamodb.models import DynamoDBBackend

from secure_containers.runtime.ledger import ObjectVersion
from tests.runtime.support import ATTRIBUTES, BUCKET, INDEX, KEYS, Clock, Crash, Fault, client_error

_PAGE = 2
"""Things in one answer, so that all of them come in several."""


class DirectTable:
    """moto's table without HTTP between, which takes more than nine tenths of the time."""

    name = "scans"

    def __init__(self) -> None:
        self._backend = DynamoDBBackend("eu-central-1", "123456789012")
        self._backend.create_table(
            *(self.name, KEYS, None, ATTRIBUTES, [INDEX], None, None, "PAY_PER_REQUEST", None, [], None, None)
        )
        self.meta = SimpleNamespace(client=self)
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        """What moto has, by primary key."""
        self.written: list[dict[str, Any]] = []
        """Items as writes have left them, until somebody takes them from here."""

    def put_item(self, *, Item: dict, ConditionExpression: str, ExpressionAttributeNames: dict, **_: Any) -> dict:
        return self._write(
            lambda: self._backend.put_item(
                *(self.name, _wire(Item), None, ConditionExpression, ExpressionAttributeNames, {}),
                return_values_on_condition_check_failure="ALL_OLD",
            ),
            Item,
        )

    def update_item(
        self,
        *,
        Key: dict,
        UpdateExpression: str,
        ExpressionAttributeValues: dict,
        ExpressionAttributeNames: dict | None = None,
        ConditionExpression: str | None = None,
        **_: Any,
    ) -> dict:
        return self._write(
            lambda: self._backend.update_item(
                *(self.name, _wire(Key), UpdateExpression, ExpressionAttributeNames or {}),
                _wire(ExpressionAttributeValues),
                condition_expression=ConditionExpression,
                return_values_on_condition_check_failure="ALL_OLD",
            ),
            Key,
        )

    def get_item(self, *, Key: dict, **_: Any) -> dict:
        found = self.items.get((Key["object"], Key["version"]))
        return {"Item": found} if found else {}

    def batch_get_item(self, *, RequestItems: dict) -> dict:
        keys = RequestItems[self.name]["Keys"]
        now, left = self.items, keys[_PAGE:]
        found = [now[key] for each in keys[:_PAGE] if (key := (each["object"], each["version"])) in now]
        return {
            "Responses": {self.name: found},
            "UnprocessedKeys": {self.name: {"Keys": left}} if left else {},
        }

    def query(self, *, ExpressionAttributeValues: dict, ExclusiveStartKey: Any = None, **_: Any) -> dict:
        """The index by status."""
        status, before = ExpressionAttributeValues[":status"], ExpressionAttributeValues.get(":before", "9")
        found = [item for item in self.items.values() if item.get("status") == status]
        found = [item for item in found if item["received_at"] < before]
        places = sorted((item["received_at"], item["object"], item["version"]) for item in found)
        rest = [place for place in places if ExclusiveStartKey is None or place > ExclusiveStartKey]
        by_place = {(item["received_at"], item["object"], item["version"]): item for item in found}
        page = {"Items": [by_place[place] for place in rest[:_PAGE]]}
        return page if len(rest) <= _PAGE else {**page, "LastEvaluatedKey": rest[_PAGE - 1]}

    def _write(self, write: Callable[[], Any], key: dict) -> dict:
        place = (key["object"], key["version"])
        try:
            written = write().to_regular_json()
        except ConditionalCheckFailed:
            error = client_error("ConditionalCheckFailedException", 400)
            if place in self.items:
                error.response["Item"] = _wire(self.items[place])
            raise error from None
        self.items[place] = written
        self.written.append(written)
        return {"Attributes": written}


def _wire(item: dict) -> dict:
    return {name: TypeSerializer().serialize(value) for name, value in item.items()}


class DirectBucket:
    """A versioned bucket: what the runtime asks of Amazon S3."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.versions: dict[ObjectVersion, datetime] = {}
        self.contents: dict[ObjectVersion, bytes] = {}
        self.results: dict[str, bytes] = {}

    def upload(self, key: str) -> ObjectVersion:
        version = ObjectVersion(bucket=BUCKET, key=key, version=f"v{len(self.versions)}")
        self.versions[version], self.contents[version] = self._clock(), f"{version}".encode()
        return version

    def delete(self, version: ObjectVersion) -> None:
        self.contents.pop(version, None)

    def get_object(self, *, Bucket: str, Key: str, VersionId: str) -> dict:
        content = self.contents.get(ObjectVersion(bucket=Bucket, key=Key, version=VersionId))
        if content is None:
            raise client_error("NoSuchVersion", 404)
        return {"Body": BytesIO(content), "ContentLength": len(content)}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> dict:
        self.results[f"s3://{Bucket}/{Key}"] = Body
        return {}

    def list_object_versions(self, *, Bucket: str, Prefix: str, KeyMarker: str = "", VersionIdMarker: str = "") -> dict:
        after = (KeyMarker, VersionIdMarker)
        listed = sorted((each.key, each.version) for each in self.contents if each.key.startswith(Prefix))
        rest = [each for each in listed if each > after]
        page = {"Versions": [self._listed(Bucket, *each) for each in rest[:_PAGE]], "IsTruncated": len(rest) > _PAGE}
        if page["IsTruncated"]:
            page["NextKeyMarker"], page["NextVersionIdMarker"] = rest[_PAGE - 1]
        return page

    def _listed(self, bucket: str, key: str, version: str) -> dict:
        uploaded = ObjectVersion(bucket=bucket, key=key, version=version)
        return {
            "Key": key,
            "VersionId": version,
            "ETag": '"0"',
            "Size": len(self.contents[uploaded]),
            "LastModified": self.versions[uploaded].replace(microsecond=0),
        }


class Process:
    """A program that stops before each call it makes, until it is told how the call goes.

    Threads, since the code under test knows nothing of this; only one of them moves at any time.
    """

    def __init__(self, kind: str, clock: Clock, work: Callable[[Process], Any], *, skew: timedelta, about: Any) -> None:
        self.kind, self.about, self.started, self.at = kind, about, clock(), ""
        self.ended, self.crashed, self.value, self.error = False, False, None, None
        self._world_clock, self._skew, self._fault = clock, skew, Fault.NONE
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=self._work, args=(work,), daemon=True).start()
        self._back.acquire()

    def __repr__(self) -> str:
        return f"{self.kind} {self.at}"

    def clock(self) -> datetime:
        """What time this machine thinks it is."""
        return self._world_clock() + self._skew

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        """Stop before a call."""
        self.at = f"before {name}"
        self._back.release()
        self._go.acquire()
        return self._fault.around(name, call)

    def step(self, fault: Fault = Fault.NONE, skew: timedelta = timedelta()) -> None:
        """Make the call, and go on to the next one."""
        if self.ended:
            return
        self._fault, self._skew = fault, skew
        self._go.release()
        self._back.acquire()

    def _work(self, work: Callable[[Process], Any]) -> None:
        try:
            self.value = work(self)
        except Crash:
            self.crashed = True
        except BaseException as error:  # noqa: BLE001 - the model looks at it
            self.error = error
        finally:
            self.ended = True
            self._back.release()
