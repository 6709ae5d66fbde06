"""The record of every object version, in one DynamoDB table: who works on it, and what came of it.

Each method is one conditional write, so that duplicates, retries and crashes at any point leave one owner and one
result. Functions and jobs share it; it needs boto3 and nothing else.

Sources: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html and
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, unquote

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

from secure_containers.runtime.terms import BY_STATUS, OPEN, Status

_MOST_WORDS: Final = 1024

Item = Mapping[str, Any]
Clock = Callable[[], datetime]


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectVersion:
    """One version of one object: what a job works on."""

    bucket: str
    key: str
    version: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def digest(self) -> str:
        """Letters and digits that stand for it where its name would not fit, such as in the name of a job."""
        return hashlib.sha256(f"{self.uri}\n{self.version}".encode()).hexdigest()[:32]

    @property
    def primary_key(self) -> dict[str, str]:
        return {"object": self.uri, "version": self.version}

    def as_parameters(self) -> dict[str, str]:
        """As the parameters of a job, encoded so that no name can be read as anything else."""
        return {"bucket": self.bucket, "key": quote(self.key, safe="/"), "version": quote(self.version, safe="")}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> ObjectVersion | None:
        """What a job works on, or None if it is not one of a pipeline."""
        if not {"bucket", "key", "version"} <= parameters.keys():
            return None
        key, version = unquote(parameters["key"]), unquote(parameters["version"])
        return cls(bucket=parameters["bucket"], key=key, version=version)

    @classmethod
    def of(cls, item: Item) -> ObjectVersion:
        bucket, _, key = str(item["object"]).removeprefix("s3://").partition("/")
        return cls(bucket=bucket, key=key, version=item["version"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """The right to submit the job of an object version."""

    version: ObjectVersion
    token: str
    job_name: str
    correlation_id: str


class TakenError(Exception):
    """Somebody else has the object version, or it is done; `item` is what the table says, empty if nothing."""

    def __init__(self, item: Item) -> None:
        super().__init__(f"it is {item.get('status', 'not known')}")
        self.item = item


class Ledger:
    """The table, as functions and jobs use it.

    Args:
        table: the table, as `boto3.resource("dynamodb").Table(name)` gives it.
        keep: how long items without a result are kept.
        within: what the objects begin with that its caller answers for, as `s3://bucket/prefix`: pipelines may share a
            table. Left out, all of them.
        clock: what time it is.
    """

    def __init__(
        self, table: Any, *, keep: timedelta, within: str = "", clock: Clock = lambda: datetime.now(UTC)
    ) -> None:
        self._table, self._keep, self._within, self._clock = table, keep, within, clock
        self._place = {"object": f"reconciler of {within}", "version": "place"}

    # What functions do.

    def claim(
        self, version: ObjectVersion, *, lease: timedelta, correlation_id: str, details: Mapping[str, Any]
    ) -> Claim:
        """Take an object version that nobody has, or that was given back.

        Raises:
            TakenError: somebody has it.
        """
        claim = _claim(version, _job_name(version), correlation_id)
        own = {
            "status": Status.CLAIMED,
            "claim": claim.token,
            "job_name": claim.job_name,
            "lease_until": self._in(lease),
        }
        try:
            self._add(version, correlation_id, {**details, **own})
        except TakenError as taken:
            if taken.item.get("claim") == claim.token:  # a retry of boto3, whose first call came through
                return claim
            if taken.item.get("status") == Status.CLAIMED and "claim" not in taken.item:
                return self.take_over(taken.item, lease=lease)
            raise
        return claim

    def refuse(
        self, version: ObjectVersion, *, reason: str, words: str, correlation_id: str, details: Mapping[str, Any]
    ) -> None:
        """Record that an object version is not taken, and why.

        Raises:
            TakenError: it has an item, from before this upload was delivered.
        """
        own = {"status": Status.REFUSED, "reason": reason, "words": _cut(words)}
        try:
            self._add(version, correlation_id, {**details, **own})
        except TakenError as taken:  # else by a retry of boto3, or before a crash
            if (taken.item.get("status"), taken.item.get("correlation_id")) != (Status.REFUSED, correlation_id):
                raise

    def take_over(self, item: Item, *, lease: timedelta) -> Claim:
        """Take a claim that was given back, or whose lease is over.

        Raises:
            TakenError: it is not like that, or no longer.
        """
        version = ObjectVersion.of(item)
        claim = _claim(version, str(item["job_name"]), str(item["correlation_id"]))
        try:
            now = self._change(
                version,
                {"claim": claim.token, "lease_until": self._in(lease)},
                where="#status = :claimed AND (attribute_not_exists(claim) OR lease_until < :now)",
                values={":claimed": Status.CLAIMED, ":now": self._in(timedelta())},
            )
        except TakenError as taken:
            if taken.item.get("claim") != claim.token:
                raise
            now = taken.item
        return replace(claim, job_name=str(now["job_name"]))  # `item` may be from before `reopen`, if from the index

    def give_back(self, claim: Claim) -> None:
        """Let others take a claim at once, since surely no job was submitted for it."""
        try:
            self._change(
                claim.version,
                {},
                where="#status = :claimed AND claim = :claim",
                values={":claimed": Status.CLAIMED, ":claim": claim.token},
                remove=("claim",),
            )
        except TakenError:
            return

    def submitted(self, claim: Claim, job_id: str) -> None:
        """Record the job of a claim. If the job has started already, it has done so itself."""
        try:
            self._change(
                claim.version,
                {"status": Status.SUBMITTED, "job_id": job_id},
                where="#status = :claimed AND claim = :claim",
                values={":claimed": Status.CLAIMED, ":claim": claim.token},
                remove=("lease_until",),
            )
        except TakenError as taken:
            if taken.item.get("job_id") != job_id:
                raise

    def ended(self, version: ObjectVersion, job_id: str, job_name: str, *, reason: str, words: str) -> bool:
        """Record that a job has ended, for one that could not do so itself; whether that was so.

        The id tells the job that has the object. Where there is none yet, the name tells the job of this claim from
        one of before `reopen`, of which events may still come.
        """
        try:
            self._change(
                version,
                {"status": Status.FAILED, "job_id": job_id, "reason": reason, "words": _cut(words)},
                where=f"{_IS_OPEN} AND (job_id = :job OR (attribute_not_exists(job_id) AND job_name = :name))",
                values={**_OPEN_VALUES, ":name": job_name, ":job": job_id},
                remove=("lease_until",),
            )
        except TakenError as taken:  # else by a retry of boto3, or when it was delivered before
            return (taken.item.get("job_id"), taken.item.get("reason")) == (job_id, reason)
        return True

    def reopen(self, version: ObjectVersion) -> None:
        """Have an object version that failed or was refused tried anew, by another job. It counts as received now.

        Raises:
            TakenError: it is not like that.
        """
        job_name = _job_name(version)
        again = {"status": Status.CLAIMED, "job_name": job_name, "received_at": self._now()}
        try:
            self._change(
                version,
                {**again, "expires_at": self._in(self._keep)},
                where="#status IN (:failed, :refused)",
                values={":failed": Status.FAILED, ":refused": Status.REFUSED},
                remove=("claim", "job_id", "attempt", "reason", "words"),
            )
        except TakenError as taken:
            if taken.item.get("job_name") != job_name:
                raise

    def waiting(self, status: Status, *, before: datetime | None = None) -> Iterator[Item]:
        """Items of a status, the one received first at the beginning; they may have changed meanwhile."""
        condition, values = "#status = :status", {":status": str(status), ":within": self._within}
        if before is not None:
            condition, values = f"{condition} AND received_at < :before", {**values, ":before": _text(before)}
        asked: dict[str, Any] = {
            "IndexName": BY_STATUS,
            "KeyConditionExpression": condition,
            "FilterExpression": "begins_with(#object, :within)",
            "ExpressionAttributeNames": {"#status": "status", "#object": "object"},
            "ExpressionAttributeValues": values,
        }
        while True:
            page = self._table.query(**asked)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def find(self, version: ObjectVersion) -> Item | None:
        """What the table says now."""
        found: Item | None = self._table.get_item(Key=version.primary_key, ConsistentRead=True).get("Item")
        return found

    def age(self, item: Item) -> timedelta:
        """How long ago an object was received."""
        return self._clock() - datetime.fromisoformat(str(item["received_at"]))

    def is_over(self, item: Item) -> bool:
        """Whether the lease of an item is over, or it was given back."""
        return "claim" not in item or int(item.get("lease_until", 0)) < self._in(timedelta())

    def known(self, versions: Sequence[ObjectVersion]) -> set[ObjectVersion]:
        """Which of some object versions, 100 at most, have an item."""
        found: set[ObjectVersion] = set()
        keys = [version.primary_key for version in versions]
        while keys:
            answer = self._table.meta.client.batch_get_item(
                RequestItems={
                    self._table.name: {
                        "Keys": keys,
                        "ConsistentRead": True,
                        "ProjectionExpression": "#object, #version",
                        "ExpressionAttributeNames": {"#object": "object", "#version": "version"},
                    }
                }
            )
            found |= {ObjectVersion.of(item) for item in answer["Responses"].get(self._table.name, [])}
            keys = answer.get("UnprocessedKeys", {}).get(self._table.name, {}).get("Keys", [])
        return found

    def watched_since(self, *, new: bool) -> datetime:
        """From when on objects have to have an item: if bucket or table were there before, from the first call on; and
        never for longer than half the time that items are kept."""
        earliest = self._clock() - self._keep / 2
        if new:
            return earliest
        answer = self._table.update_item(
            Key=self._place,
            UpdateExpression="SET since = if_not_exists(since, :now)",
            ExpressionAttributeValues={":now": self._now()},
            ReturnValues="ALL_NEW",
        )
        return max(earliest, datetime.fromisoformat(answer["Attributes"]["since"]))

    def place(self) -> dict[str, str]:
        """Where the list of objects was left the last time, as Amazon S3 says it."""
        item = self._table.get_item(Key=self._place, ConsistentRead=True).get("Item", {})
        place: dict[str, str] = item.get("place", {})
        return place

    def remember_place(self, place: Mapping[str, str]) -> None:
        """Remember where to go on; at the beginning if it is empty."""
        self._table.update_item(
            Key=self._place, UpdateExpression="SET place = :place", ExpressionAttributeValues={":place": dict(place)}
        )

    # What jobs do.

    def start(self, version: ObjectVersion, job_id: str, attempt: int, *, lease: timedelta) -> Item:
        """Begin an attempt of the one job that may work on an object version.

        Raises:
            TakenError: another job may, a later attempt of it does, or there is a result already.
        """
        return self._change(
            version,
            {"status": Status.RUNNING, "job_id": job_id, "attempt": attempt, "lease_until": self._in(lease)},
            where=f"{_IS_OPEN} AND (attribute_not_exists(job_id) OR job_id = :job) "
            "AND (attribute_not_exists(attempt) OR attempt <= :this)",
            values={**_OPEN_VALUES, ":job": job_id, ":this": attempt},
        )

    def finish(self, version: ObjectVersion, job_id: str, attempt: int, result: Mapping[str, Any]) -> None:
        """Write the result, once: `result` has the attributes that hold it.

        Raises:
            TakenError: this attempt may not, or no longer.
        """
        self._end(
            version, job_id, attempt, {"status": Status.SUCCEEDED, **result}, remove=("lease_until", "expires_at")
        )

    def fail(self, version: ObjectVersion, job_id: str, attempt: int, *, reason: str, words: str) -> None:
        """Record that there will be no result.

        Raises:
            TakenError: this attempt may not, or no longer.
        """
        failed = {"status": Status.FAILED, "reason": reason, "words": _cut(words)}
        self._end(version, job_id, attempt, failed, remove=("lease_until",))

    def _end(
        self, version: ObjectVersion, job_id: str, attempt: int, changes: Mapping[str, Any], remove: tuple[str, ...]
    ) -> None:
        try:
            self._change(
                version,
                changes,
                where="#status = :running AND job_id = :job AND attempt = :this",
                values={":running": Status.RUNNING, ":job": job_id, ":this": attempt},
                remove=remove,
            )
        except TakenError as taken:
            done = (taken.item.get("status"), taken.item.get("job_id"), taken.item.get("attempt"))
            if done != (changes["status"], job_id, attempt):  # else a retry of boto3
                raise

    # The two ways to write.

    def _add(self, version: ObjectVersion, correlation_id: str, more: Item) -> None:
        """Make the item of an object version that has none."""
        now = self._now()
        item = {
            **more,
            **version.primary_key,
            "correlation_id": correlation_id,
            "received_at": now,
            "changed_at": now,
            "expires_at": self._in(self._keep),
        }
        self._write(
            self._table.put_item,
            Item=item,
            ConditionExpression="attribute_not_exists(#object)",
            ExpressionAttributeNames={"#object": "object"},
        )

    def _change(
        self,
        version: ObjectVersion,
        changes: Mapping[str, Any],
        *,
        where: str,
        values: Mapping[str, Any],
        remove: tuple[str, ...] = (),
    ) -> Item:
        changes = {**changes, "changed_at": self._now()}
        expression = "SET " + ", ".join(f"#{name} = :set_{name}" for name in changes)
        if remove:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in remove)
        answer = self._write(
            self._table.update_item,
            Key=version.primary_key,
            UpdateExpression=expression,
            ConditionExpression=where,
            ExpressionAttributeNames={f"#{name}": name for name in ("status", *changes, *remove)},
            ExpressionAttributeValues={**values, **{f":set_{name}": value for name, value in changes.items()}},
            ReturnValues="ALL_NEW",
        )
        return dict(answer["Attributes"])

    def _write(self, call: Callable[..., Any], **arguments: Any) -> Any:
        try:
            return call(**arguments, ReturnValuesOnConditionCheckFailure="ALL_OLD")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise TakenError(_plain(error.response.get("Item", {}))) from None

    def _now(self) -> str:
        return _text(self._clock())

    def _in(self, time: timedelta) -> int:
        return int((self._clock() + time).timestamp())


_IS_OPEN: Final = f"#status IN ({', '.join(f':{status.lower()}' for status in OPEN)})"
_OPEN_VALUES: Final = {f":{status.lower()}": str(status) for status in OPEN}


def _claim(version: ObjectVersion, job_name: str, correlation_id: str) -> Claim:
    return Claim(version=version, token=str(uuid.uuid4()), job_name=job_name, correlation_id=correlation_id)


def _job_name(version: ObjectVersion) -> str:
    """The name by which a job is found that nobody has recorded."""
    return f"{version.digest}-{uuid.uuid4().hex[:8]}"


def _text(moment: datetime) -> str:
    """A time as items have it: one length, so that texts sort as times do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _cut(words: str) -> str:
    """Words as DynamoDB takes them: so many, and Unicode, which what a program quotes need not be."""
    return words.encode(errors="replace").decode()[:_MOST_WORDS]


def _plain(item: Mapping[str, Any]) -> Item:
    """An item as a failed condition returns it, which boto3 leaves in DynamoDB's own form."""
    read = TypeDeserializer()
    return {name: read.deserialize(value) for name, value in item.items()}
