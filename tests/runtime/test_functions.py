"""The functions as AWS Lambda calls them: messages of a queue in, answers, logs and metrics out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError

from secure_containers.runtime.functions import intake, notifier, reconciler, recorder, tools
from secure_containers.runtime.functions.intake import Upload
from secure_containers.runtime.job import perform
from secure_containers.runtime.ledger import Ledger, ObjectVersion
from tests.runtime.support import Context, Fault, created, job_ended, messages, plan, version_of

pytestmark = [
    pytest.mark.usefixtures("deployed"),
    pytest.mark.filterwarnings("ignore:No application metrics"),  # Powertools says so of every call that counts nothing
]
NOTHING: dict[str, Any] = {"batchItemFailures": []}


def failed(answer: dict[str, Any]) -> list[str]:
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def metrics(lines: list[dict[str, Any]]) -> dict[str, float]:
    """What CloudWatch makes of a log: the sums of the metrics."""
    found: dict[str, float] = {}
    for line in lines:
        for group in line.get("_aws", {}).get("CloudWatchMetrics", []):
            assert group["Namespace"] == "pipeline"
            for metric in group["Metrics"]:
                found[metric["Name"]] = found.get(metric["Name"], 0) + sum(line[metric["Name"]])
    return found


def events(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if "_aws" not in line]


# Intake.


def test_one_poison_message_among_ten_leaves_the_nine_done(batch, deployed) -> None:
    bodies: list[Any] = [created(version=f"v{number}", id=f"event-{number}") for number in range(9)]
    bodies.insert(4, '{"not": "an event"}')
    assert failed(intake.handler(messages(*bodies), Context())) == ["message-4"]
    assert len(batch.jobs) == 9
    assert metrics(deployed.lines())["Submitted"] == 9


@pytest.mark.parametrize(
    "poison",
    [
        *("", "{", "[]", "null", "7", '"text"', "{}", '{"source": "aws.s3", "detail-type": "Object Created"}'),
        '{"source": "aws.s3", "detail-type": "Object Created", "detail": null}',
        json.dumps(created("in/\ud800.csv")),
        json.dumps(created("in/" + "ä" * 2000 + ".csv")),
    ],
)
def test_a_message_that_is_no_event_stays_in_the_queue_whose_dead_letters_show_it(batch, poison) -> None:
    answer = intake.handler(messages(poison, created()), Context())
    assert failed(answer) == ["message-0"]
    assert len(batch.jobs) == 1


def test_when_every_message_fails_each_is_told_and_the_function_does_not_fail() -> None:
    assert failed(intake.handler(messages("{", "{"), Context())) == ["message-0", "message-1"]


def test_uploads_are_counted_as_they_go(deployed) -> None:
    uploads = [created(id="event-1"), created(id="event-2"), created("in/a.exe", id="event-3")]
    assert intake.handler(messages(*uploads), Context()) == NOTHING
    assert metrics(deployed.lines()) == {"Submitted": 1, "Duplicates": 1, "Refused": 1}


def test_each_line_of_the_log_has_the_correlation_id_of_its_own_upload(deployed) -> None:
    intake.handler(messages(created(id="event-1"), "{", created("in/a.exe", id="event-2")), Context())
    submitted, poison, refused = events(deployed.lines())
    assert (submitted["message"], submitted["correlation_id"]) == ("submitted", "event-1")
    assert "correlation_id" not in poison
    assert (refused["message"], refused["correlation_id"]) == ("refused", "event-2")
    assert refused["reason"] == "wrong-type"
    assert refused["object"].endswith("in/a.exe")


def test_a_job_gets_the_tags_and_the_definition_of_its_pipeline(batch) -> None:
    intake.handler(messages(created()), Context())
    (job,) = batch.jobs.values()
    assert (job["tags"], job["jobDefinition"], job["jobQueue"]) == ({"pipeline": "scans"}, "scans-job", "scans-queue")


# Recorder.


def test_ends_of_jobs_are_recorded_and_somebody_elses_do_no_harm(batch, item, deployed) -> None:
    intake.handler(messages(created(id="event-1")), Context())
    deployed.lines()
    ended = job_ended(batch.end("job-0", "FAILED", "Your Spot Task was interrupted."))
    other = job_ended({"jobId": "x", "jobName": "y", "status": "FAILED", "parameters": {}})
    assert failed(recorder.handler(messages("{", other, ended), Context())) == ["message-0"]
    assert item(version_of())["reason"] == "reclaimed"
    lines = deployed.lines()
    assert metrics(lines)["Failed"] == 1
    assert events(lines)[-1]["correlation_id"] == "event-1"


# Reconciler.


def test_the_reconciler_looks_at_claims_and_every_line_has_its_objects_correlation_id(
    intake: Any, batch, item, deployed, clock
) -> None:
    clock.pass_(minutes=-30)
    for id in ("event-1", "event-2"):
        with pytest.raises(ClientError):
            intake(plan(call_1=Fault.BROKEN)).take(_upload(id))
    intake().take(_upload("event-3"))
    batch.end("job-0", "FAILED", "lost")
    deployed.lines()
    reconciler.handler({"look_at": "claims"}, Context())
    assert [item(version_of(version=f"v-event-{number}"))["status"] for number in (1, 2, 3)] == [
        *("SUBMITTED", "SUBMITTED", "FAILED")
    ]
    lines = deployed.lines()
    assert [line["correlation_id"] for line in events(lines)] == [*["event-1"] * 2, *["event-2"] * 2, "event-3"]
    assert events(lines)[0]["object"] == version_of().uri
    assert metrics(lines)["Repaired"] == 2
    assert metrics(lines)["OldestUnfinished"] == pytest.approx(30 * 60, abs=5)


def _upload(id: str) -> Any:
    return Upload.of(created(version=f"v-{id}", id=id))


def test_the_reconciler_looks_at_objects(upload, deployed) -> None:
    upload()  # just now, so that its event may still come
    reconciler.handler({"look_at": "objects"}, Context())
    assert metrics(deployed.lines()) == {"Missing": 0}


def test_a_failed_object_is_tried_again_by_name(batch, item) -> None:
    intake.handler(messages(created("in/ä b.csv")), Context())
    recorder.handler(messages(job_ended(batch.end("job-0", "FAILED"))), Context())
    reconciler.handler({"again": {"key": "in/ä b.csv", "version": "v1"}}, Context())
    assert item(version_of("in/ä b.csv"))["job_id"] == "job-1"


# Notifier.


def stream(*images: dict[str, Any]) -> dict[str, Any]:
    """What a stream of DynamoDB has of items."""
    write = TypeSerializer().serialize
    return {
        "Records": [
            {
                "eventID": f"id-{number}",
                "eventName": "MODIFY",
                "eventSource": "aws:dynamodb",
                "dynamodb": {
                    "Keys": {name: write(image[name]) for name in ("object", "version")},
                    "NewImage": {name: write(value) for name, value in image.items()},
                    "SequenceNumber": f"{number}",
                    "StreamViewType": "NEW_IMAGE",
                },
            }
            for number, image in enumerate(images)
        ]
    }


IMAGE = {
    **version_of("in/ä.csv").primary_key,
    "status": "FAILED",
    "reason": "not-a-csv",
    "words": "line 3",
    "correlation_id": "event-1",
    "job_id": "job-0",
    "received_at": "2026-11-22T12:00:00.000+00:00",
    "attempt": 2,
    "result": {"secret": 1},
    "claim": "token",
}


def test_topics_hear_what_failed_and_why_and_nothing_of_results(deployed, monkeypatch) -> None:
    monkeypatch.setenv("TOPICS", "arn:one,arn:two")
    assert notifier.handler(stream(IMAGE), Context()) == NOTHING
    assert [each["TopicArn"] for each in deployed.published] == ["arn:one", "arn:two"]
    assert deployed.published[0]["Subject"] == "Object failed"
    told = json.loads(deployed.published[0]["Message"])
    assert told == {name: IMAGE[name] for name in told}
    assert {"status", "reason", "words", "object", "version", "correlation_id"} <= told.keys()
    assert not {"result", "claim"} & told.keys()


def test_a_topic_that_does_not_answer_has_the_change_told_again(deployed, monkeypatch) -> None:
    monkeypatch.setenv("TOPICS", "arn:one")
    broken = {name: value for name, value in IMAGE.items() if name != "status"}
    assert failed(notifier.handler(stream(IMAGE, broken), Context())) == ["1"]
    assert len(deployed.published) == 1


# All of the way.


def test_one_correlation_id_leads_from_upload_to_result(upload, batch, job, item, deployed) -> None:
    version = upload()
    intake.handler(messages(created(version.key, version.version, id="event-1")), Context())
    (submitted,) = batch.jobs.values()
    worked_on = ObjectVersion.from_parameters(submitted["parameters"])
    perform(job(worked_on), lambda given: {"size": given.size})
    recorder.handler(messages(job_ended(batch.end("job-0", "SUCCEEDED", code=0))), Context())
    reconciler.handler({"look_at": "claims"}, Context())
    assert intake.handler(messages(created(version.key, version.version, id="event-1")), Context()) == NOTHING
    found = item(version)
    assert (found["status"], found["result"], found["correlation_id"]) == ("SUCCEEDED", {"size": 4}, "event-1")
    assert {line["correlation_id"] for line in events(deployed.lines())} == {"event-1"}


def test_the_table_is_kept_for_as_long_as_the_pipeline_says(deployed) -> None:
    assert isinstance(tools.ledger(), Ledger)
    assert tools.ledger() is tools.ledger()
    assert tools.acceptance().suffixes == (".csv",)
