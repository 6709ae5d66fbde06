"""AWS Batch: compute environments, queues, job definitions and jobs. `jobs` runs the jobs."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.jobs import Job, Runner
from secure_containers.local.jobs.job import begins
from secure_containers.local.services.api import ApiError, Request

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_MOST_CHILDREN: Final = 10_000
_CANCELLABLE: Final = ("SUBMITTED", "PENDING", "RUNNABLE")
_OVER: Final = ("SUCCEEDED", "FAILED")
_ARNS: Final = re.compile(r"arn:[^:]*:batch:[^:]*:[^:]*:[a-z-]+/(.+)")

_Body = Mapping[str, Any]
_Record = dict[str, Any]


def _of_definition(record: _Record, value: str) -> bool:
    """Whether a job is of a definition: by its ARN, or by a name that means all its revisions."""
    return value == record["jobDefinition"] or begins(_short(record["jobDefinition"]).partition(":")[0], value)


_FILTERS: Final[Mapping[str, Callable[[_Record, str], bool]]] = {
    "AFTER_CREATED_AT": lambda record, value: bool(record["createdAt"] > int(value)),
    "BEFORE_CREATED_AT": lambda record, value: bool(record["createdAt"] < int(value)),
    "JOB_DEFINITION": _of_definition,
    "JOB_NAME": lambda record, value: begins(record["jobName"].lower(), value.lower()),
}
"""Those of ListJobs. The status is ignored then, and the most recent jobs come first.

Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html
"""


class Batch:
    """The service in one account and Region."""

    def __init__(self, account: Account, runner: Runner) -> None:
        self._account = account
        self._runner = runner
        self._lock = threading.RLock()
        self._environments: dict[str, _Record] = {}
        self._queues: dict[str, _Record] = {}
        self._policies: dict[str, _Record] = {}
        self._definitions: dict[str, list[_Record]] = {}
        self._jobs: dict[str, Job] = {}
        self._operations: dict[str, Callable[[_Body], _Body]] = {
            "createcomputeenvironment": self._create_environment,
            "updatecomputeenvironment": self._update_environment,
            "deletecomputeenvironment": self._delete_environment,
            "describecomputeenvironments": lambda body: {
                "computeEnvironments": _named(self._environments, body.get("computeEnvironments"))
            },
            "createjobqueue": self._create_queue,
            "updatejobqueue": self._update_queue,
            "deletejobqueue": self._delete_queue,
            "describejobqueues": lambda body: {"jobQueues": _named(self._queues, body.get("jobQueues"))},
            "createschedulingpolicy": self._create_policy,
            "updateschedulingpolicy": self._update_policy,
            "deleteschedulingpolicy": self._delete_policy,
            "describeschedulingpolicies": lambda body: {"schedulingPolicies": _named(self._policies, body.get("arns"))},
            "listschedulingpolicies": lambda _: {
                "schedulingPolicies": [{"arn": each["arn"]} for each in self._policies.values()]
            },
            "registerjobdefinition": self._register,
            "deregisterjobdefinition": self._deregister,
            "describejobdefinitions": self._describe_definitions,
            "describejobs": lambda body: {"jobs": [self._jobs[id].seen() for id in body["jobs"] if id in self._jobs]},
            "listjobs": self._list_jobs,
            "canceljob": self._cancel,
            "terminatejob": self._terminate,
        }

    def __call__(self, request: Request) -> _Body:
        path = request.path.strip("/").removeprefix("v1/")
        with self._lock:
            if path.startswith("tags/"):
                return self._tags(request, path.removeprefix("tags/"))
            if path == "submitjob":
                return self._submit(request)
            operation = self._operations.get(path)
            if operation is None:
                raise _refused(f"the emulator does not know {request.method} {request.path}")
            return operation(request.body)

    # What IAM asks for.

    def resource(self, path: str, body: _Body) -> str:
        """The ARN that a call is authorized on; `*` for those that have no resource level."""
        operation = path.strip("/").removeprefix("v1/")
        if operation.startswith("tags/"):
            return operation.removeprefix("tags/")
        if operation == "submitjob":
            return self._arn("job-queue", _short(body.get("jobQueue", "")))
        if operation in ("canceljob", "terminatejob"):
            return self._arn("job", body.get("jobId", ""))
        if operation in ("registerjobdefinition", "deregisterjobdefinition"):
            return self._arn("job-definition", _short(body.get("jobDefinitionName") or body.get("jobDefinition", "")))
        return "*"

    @staticmethod
    def conditions(body: _Body) -> Mapping[str, str]:
        """The condition keys of a submission that are AWS Batch's own."""
        share = body.get("shareIdentifier")
        return {"batch:ShareIdentifier": share} if share else {}

    def tagged(self) -> Iterable[tuple[str, Mapping[str, str]]]:
        """Everything with its tags, for policies that ask for them."""
        with self._lock:
            found = [(record["jobArn"], record["tags"]) for record in (job.record for job in self._jobs.values())]
            return [*found, *((arn, record["tags"]) for arn, record in self._taggable())]

    # Compute environments.

    def _create_environment(self, body: _Body) -> _Body:
        name = _checked_name(body, "computeEnvironmentName", self._environments)
        arn = self._arn("compute-environment", name)
        self._environments[name] = {
            "state": "ENABLED",
            "tags": {},
            **body,
            "computeEnvironmentArn": arn,
            "containerOrchestrationType": "EKS" if "eksConfiguration" in body else "ECS",
            "ecsClusterArn": self._account.arn("ecs", f"cluster/AWSBatch-{name}-{uuid.uuid4()}"),
            "status": "VALID",
            "statusReason": "ComputeEnvironment Healthy",
            "uuid": str(uuid.uuid4()),
        }
        return {"computeEnvironmentName": name, "computeEnvironmentArn": arn}

    def _update_environment(self, body: _Body) -> _Body:
        record = _one(self._environments, body["computeEnvironment"])
        resources = {**record.get("computeResources", {}), **body.get("computeResources", {})}
        record.update({key: value for key, value in body.items() if key != "computeEnvironment"})
        record["computeResources"] = resources
        return {name: record[name] for name in ("computeEnvironmentName", "computeEnvironmentArn")}

    def _delete_environment(self, body: _Body) -> _Body:
        record = _one(self._environments, body["computeEnvironment"])
        _check_disabled(record)
        arn = record["computeEnvironmentArn"]
        for queue in self._queues.values():
            if any(each["computeEnvironment"] == arn for each in queue["computeEnvironmentOrder"]):
                raise _refused(f"cannot delete, found existing JobQueue relationship: {queue['jobQueueName']}")
        del self._environments[record["computeEnvironmentName"]]
        return {}

    # Queues and how they share.

    def _create_queue(self, body: _Body) -> _Body:
        name = _checked_name(body, "jobQueueName", self._queues)
        arn = self._arn("job-queue", name)
        self._queues[name] = {
            "state": "ENABLED",
            "tags": {},
            **body,
            **self._order(body),
            "jobQueueArn": arn,
            "status": "VALID",
            "statusReason": "JobQueue Healthy",
        }
        return {"jobQueueName": name, "jobQueueArn": arn}

    def _update_queue(self, body: _Body) -> _Body:
        record = _one(self._queues, body["jobQueue"])
        changed = {key: value for key, value in body.items() if key != "jobQueue"}
        record.update({**changed, **(self._order(body) if "computeEnvironmentOrder" in body else {})})
        return {name: record[name] for name in ("jobQueueName", "jobQueueArn")}

    def _delete_queue(self, body: _Body) -> _Body:
        record = _one(self._queues, body["jobQueue"])
        _check_disabled(record)
        del self._queues[record["jobQueueName"]]
        for job in self._jobs.values():  # AWS ends a queue's jobs before it deletes the queue
            if job.record["jobQueue"] == record["jobQueueArn"]:
                self._runner.stop(job, "the job queue was deleted")
        return {}

    def _order(self, body: _Body) -> _Body:
        """The environments of a queue by their ARNs; all of them exist, and so does the scheduling policy."""
        if "schedulingPolicyArn" in body:
            _one(self._policies, body["schedulingPolicyArn"])
        order = [
            {
                **each,
                "computeEnvironment": _one(self._environments, each["computeEnvironment"])["computeEnvironmentArn"],
            }
            for each in body.get("computeEnvironmentOrder", [])
        ]
        return {"computeEnvironmentOrder": order}

    def _create_policy(self, body: _Body) -> _Body:
        name = _checked_name(body, "name", self._policies)
        arn = self._arn("scheduling-policy", name)
        self._policies[name] = {"tags": {}, **body, "arn": arn}
        return {"name": name, "arn": arn}

    def _update_policy(self, body: _Body) -> _Body:
        _one(self._policies, body["arn"]).update(body)
        return {}

    def _delete_policy(self, body: _Body) -> _Body:
        record = _one(self._policies, body["arn"])
        if any(queue.get("schedulingPolicyArn") == record["arn"] for queue in self._queues.values()):
            raise _refused(f"cannot delete, a job queue uses {record['name']}")
        del self._policies[record["name"]]
        return {}

    # Job definitions.

    def _register(self, body: _Body) -> _Body:
        name = body["jobDefinitionName"]
        if not _NAME.fullmatch(name):
            raise _refused(f"jobDefinitionName {name!r} should match {_NAME.pattern}")
        revisions = self._definitions.setdefault(name, [])
        revision = len(revisions) + 1
        arn = self._arn("job-definition", f"{name}:{revision}")
        own = {"jobDefinitionArn": arn, "revision": revision, "status": "ACTIVE"}
        revisions.append({"tags": {}, "parameters": {}, **body, **own})
        return {"jobDefinitionName": name, "jobDefinitionArn": arn, "revision": revision}

    def _deregister(self, body: _Body) -> _Body:
        self._definition(body["jobDefinition"])["status"] = "INACTIVE"
        return {}

    def _describe_definitions(self, body: _Body) -> _Body:
        every = [each for revisions in self._definitions.values() for each in revisions]
        if "jobDefinitions" in body:
            # By ARN or name:revision; a bare name means all its revisions.
            asked = {_short(each) for each in body["jobDefinitions"]}
            found = [each for each in every if {each["jobDefinitionName"], _short(each["jobDefinitionArn"])} & asked]
        else:
            name, status = body.get("jobDefinitionName"), body.get("status")
            found = [
                each for each in every if name in (None, each["jobDefinitionName"]) and status in (None, each["status"])
            ]
        return {"jobDefinitions": found}

    def _definition(self, asked: str) -> _Record:
        """The revision that is named, or the last active one of a name."""
        name, _, revision = _short(asked).partition(":")
        active = [each for each in self._definitions.get(name, []) if each["status"] == "ACTIVE"]
        found = [each for each in active if revision in ("", str(each["revision"]))]
        if not found:
            raise _refused(f"JobDefinition {asked} does not exist or is not active")
        return found[-1]

    # Jobs.

    def _submit(self, request: Request) -> _Body:
        body = request.body
        if not _NAME.fullmatch(body.get("jobName", "")):
            raise _refused(f"jobName {body.get('jobName')!r} should match {_NAME.pattern}")
        # On the definition too, and under the name that the caller uses: with the revision, or without.
        asked = self._arn("job-definition", _short(body.get("jobDefinition", "")))
        tags = body.get("tags", {})
        tagging = {"aws:TagKeys": list(tags), **{f"aws:RequestTag/{key}": value for key, value in tags.items()}}
        request.authorize("batch:SubmitJob", asked, {**self.conditions(body), **(tagging if tags else {})})
        queue, definition = self._queue_to_submit(body), self._definition(body["jobDefinition"])
        id = str(uuid.uuid4())
        if tags:
            request.authorize("batch:TagResource", self._arn("job", id), tagging)
        for name in ("dependsOn", "nodeOverrides", "ecsPropertiesOverride", "eksPropertiesOverride"):
            if body.get(name):
                raise _refused(f"the emulator runs jobs of one container each: it does not know {name}")
        if "containerProperties" not in definition:
            raise _refused(
                f"the emulator runs jobs of one container each: {definition['jobDefinitionArn']} is another kind"
            )
        size = (body.get("arrayProperties") or {}).get("size")
        if size is not None and not 2 <= size <= _MOST_CHILDREN:
            raise _refused(f"the array size is {size}; it may be from 2 to {_MOST_CHILDREN}")
        self._start(Job.submitted(id, self._arn("job", id), body, queue, definition), size)
        return {"jobId": id, "jobName": body["jobName"], "jobArn": self._arn("job", id)}

    def _start(self, job: Job, size: int | None) -> None:
        self._jobs[job.id] = job
        for child in job.split(size or 0):
            self._jobs[child.id] = child
        self._runner.start(job)

    def _queue_to_submit(self, body: _Body) -> _Record:
        queue = _one(self._queues, body.get("jobQueue", ""))
        if queue["state"] != "ENABLED":
            raise _refused(f"JobQueue {queue['jobQueueName']} is {queue['state']}")
        fair, share = "schedulingPolicyArn" in queue, body.get("shareIdentifier")
        if fair and not share:
            raise _refused(f"JobQueue {queue['jobQueueName']} has a scheduling policy: a job needs a shareIdentifier")
        if share and not fair:
            raise _refused(f"JobQueue {queue['jobQueueName']} has no scheduling policy: a job has no shareIdentifier")
        return queue

    def _list_jobs(self, body: _Body) -> _Body:
        jobs = list(self._jobs.values())
        if "arrayJobId" in body:
            jobs = [job for job in jobs if job.parent is not None and job.parent.id == body["arrayJobId"]]
        else:
            queue = _one(self._queues, body.get("jobQueue", ""))["jobQueueArn"]
            jobs = [job for job in jobs if job.parent is None and job.record["jobQueue"] == queue]
        if body.get("filters"):
            (asked,) = body["filters"]
            fits = _FILTERS.get(asked["name"])
            if fits is None:
                raise _refused(f"the emulator does not know the filter {asked['name']}")
            jobs = [job for job in jobs if any(fits(job.record, value) for value in asked["values"])]
            jobs.sort(key=lambda job: -job.record["createdAt"])
        else:  # AWS lists what is running unless told otherwise
            status = body.get("jobStatus", "RUNNING")
            jobs = [job for job in jobs if job.record["status"] == status]
        start, most = int(body.get("nextToken", 0)), body.get("maxResults", len(jobs))
        more = {"nextToken": str(start + most)} if start + most < len(jobs) else {}
        return {"jobSummaryList": [job.summary() for job in jobs[start : start + most]], **more}

    def _cancel(self, body: _Body) -> _Body:
        job = self._job(body)
        for each in [job, *job.children]:
            if each.record["status"] in _CANCELLABLE:
                each.record["isCancelled"] = True
                self._runner.stop(each, body["reason"])
        return {}

    def _terminate(self, body: _Body) -> _Body:
        job = self._job(body)
        for each in [job, *job.children]:
            if each.record["status"] not in _OVER:
                each.record["isTerminated"] = True
                self._runner.stop(each, body["reason"])
        return {}

    def _job(self, body: _Body) -> Job:
        if body["jobId"] not in self._jobs:
            raise _refused(f"Job {body['jobId']} does not exist")
        return self._jobs[body["jobId"]]

    # Tags.

    def _tags(self, request: Request, arn: str) -> _Body:
        tags: dict[str, str] | None = dict(self._taggable()).get(arn, {}).get("tags")
        job = self._jobs.get(_short(arn))
        if tags is None and job is not None:
            tags = job.record["tags"]
        if tags is None:
            raise _refused(f"{arn} does not exist")
        if request.method == "GET":
            return {"tags": tags}
        if request.method == "POST":
            tags.update(request.body["tags"])
        for key in request.query.get("tagKeys", []):
            tags.pop(key, None)
        return {}

    def _taggable(self) -> list[tuple[str, _Record]]:
        return [
            *((each["computeEnvironmentArn"], each) for each in self._environments.values()),
            *((each["jobQueueArn"], each) for each in self._queues.values()),
            *((each["arn"], each) for each in self._policies.values()),
            *((each["jobDefinitionArn"], each) for revisions in self._definitions.values() for each in revisions),
        ]

    def _arn(self, kind: str, name: str) -> str:
        return self._account.arn("batch", f"{kind}/{name}")


def _refused(message: str) -> ApiError:
    return ApiError("ClientException", message)


def _short(reference: str) -> str:
    """The name in an ARN, or the name itself."""
    found = _ARNS.fullmatch(reference)
    return found[1] if found else reference


def _named(records: Mapping[str, _Record], asked: list[str] | None) -> list[_Record]:
    if asked is None:
        return list(records.values())
    return [records[name] for name in map(_short, asked) if name in records]


def _one(records: Mapping[str, _Record], asked: str) -> _Record:
    found = _named(records, [asked])
    if not found:
        raise _refused(f"{asked} does not exist")
    return found[0]


def _checked_name(body: _Body, key: str, records: Mapping[str, _Record]) -> str:
    name = str(body.get(key, ""))
    if not _NAME.fullmatch(name):
        raise _refused(f"{key} {name!r} should match {_NAME.pattern}")
    if name in records:
        raise _refused(f"object already exists: {name}")
    return name


def _check_disabled(record: _Record) -> None:
    if record["state"] != "DISABLED":
        raise _refused("cannot delete, resource is ENABLED; disable it first")
