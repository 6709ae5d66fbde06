"""Whatever happens in whatever order, every object version gets one job and one final result."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from secure_containers.runtime.functions.intake import InFlightError, Intake, Upload
from secure_containers.runtime.functions.reconciler import Reconciler
from secure_containers.runtime.functions.recorder import Recorder
from secure_containers.runtime.functions.tools import NotSubmittedError, Submitter
from secure_containers.runtime.job import ExitCode, FailedError, InputObject, Job, TryAgainError, perform
from secure_containers.runtime.ledger import Ledger, ObjectVersion, TakenError
from tests.runtime.support import (
    ACCEPTANCE,
    BUCKET,
    DEFINITION,
    FINAL,
    JOB_LEASE,
    KEEP,
    MAX_ATTEMPTS,
    QUEUE,
    Clock,
    Counted,
    FakeBatch,
    Fault,
    Faulty,
    created,
    job_ended,
)
from tests.runtime.world import DirectBucket, DirectTable, Process

FUNCTIONS_LAST = timedelta(minutes=3)
"""AWS Lambda ends a function after that: less than the lease of a claim."""
NO_RETRY = (ExitCode.MISUSED, ExitCode.REJECTED, ExitCode.CRASHED)
EXPECTED = (InFlightError, NotSubmittedError, TakenError, ClientError, BotoCoreError)
RIGHT = timedelta()
MAY_FOLLOW = {
    None: {"CLAIMED", "REFUSED"},
    "CLAIMED": {"CLAIMED", "SUBMITTED", "RUNNING", "FAILED"},
    "SUBMITTED": {"RUNNING", "FAILED"},
    "RUNNING": {"RUNNING", "SUCCEEDED", "FAILED"},
    "SUCCEEDED": set(),
    "FAILED": {"CLAIMED"},
    "REFUSED": set(),
}
ACCEPTABLE = ("in/a.csv", "in/ä b.csv")
UNACCEPTABLE = ("in/a.exe", "in/$(id).csv")

FAULTS = (*Fault, Fault.BROKEN_AFTER, Fault.UNANSWERED_AFTER, Fault.REPEATED, Fault.CRASH_AFTER)
"""Those of which the caller cannot know whether they had an effect are likelier."""
OUTCOMES = ("result", "result", "deep", "rejected", "again", "bug")
Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(eq=False)
class Message:
    """An event in a queue, until a function has taken it."""

    body: dict[str, Any]
    gone: bool = False

    def __repr__(self) -> str:
        return str(self.body["detail"].get("jobId", self.body["id"]))


@dataclass
class History:
    """What has become of an object version."""

    acceptable: bool
    reopened: int = 0
    writers: dict[int, set[str]] = field(default_factory=dict)
    """The jobs that have written, by how often it was reopened before."""


class Pipeline(RuleBasedStateMachine):
    """Clocks are right in this one."""

    clocks_jump = False

    def __init__(self) -> None:
        super().__init__()
        logging.disable(logging.CRITICAL)
        self.clock = Clock()
        self.table, self.bucket, self.batch = DirectTable(), DirectBucket(self.clock), FakeBatch()
        self.uploads, self.ends = list[Message](), list[Message]()
        self.processes, self.histories = list[Process](), dict[ObjectVersion, History]()
        self.items: dict[ObjectVersion, dict[str, Any]] = {}
        self.new = True

    @initialize(new=st.booleans())
    def the_pipeline_is_deployed(self, new: bool) -> None:
        self.new = new
        self._run(self._reconciler(self._look))
        self._upload(ACCEPTABLE[0])

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        """One rule, since Hypothesis leaves rules out at random, and what is looked for takes all of these."""
        getattr(self, data.draw(st.sampled_from(self._possible())))(data.draw)

    def _possible(self) -> list[str]:
        """What can happen now, and the likelier more than once."""
        few = len(self.processes) < 3  # which meet each other the more often
        waiting, running = self._jobs("RUNNABLE"), self._jobs("RUNNING")
        return [
            "time_passes",
            "mishap",
            *["upload"] * (len(self.histories) < 3),
            *["deliver_upload"] * 3 * few,
            *["deliver_end"] * bool(few and self.ends),
            *["reconcile"] * 3 * few,
            *["try_again"] * bool(few and self._failed()),
            *["step"] * 3 * len(self.processes),
            *["run_to_the_end"] * len(self.processes),
            *["start_attempt"] * 2 * bool(waiting),
            *["give_an_attempt_up_that_still_runs"] * bool(running),
        ]

    # Objects and events.

    def upload(self, draw: Draw) -> None:
        self._upload(draw(st.sampled_from(ACCEPTABLE * 4 + UNACCEPTABLE)), lost=draw(st.sampled_from([False, True])))

    def deliver_upload(self, draw: Draw) -> None:
        skew = self._skew(draw)
        self._go_on(self._intake(draw(st.sampled_from(self.uploads)), skew), draw, skew)

    def deliver_end(self, draw: Draw) -> None:
        skew = self._skew(draw)
        self._go_on(self._recorder(draw(st.sampled_from(self.ends)), skew), draw, skew)

    # Functions.

    def reconcile(self, draw: Draw) -> None:
        skew = self._skew(draw)
        self._go_on(self._reconciler(self._look, skew), draw, skew)

    def try_again(self, draw: Draw) -> None:
        version = draw(st.sampled_from(self._failed()))
        self._go_on(self._reconciler(lambda reconciler: reconciler.again(version)), draw, RIGHT)

    def step(self, draw: Draw) -> None:
        process = draw(st.sampled_from(self.processes))
        self._step(process, draw(st.sampled_from([*FAULTS, *[Fault.NONE] * len(FAULTS)])), self._skew(draw))

    def run_to_the_end(self, draw: Draw) -> None:
        self._run(draw(st.sampled_from(self.processes)))

    def time_passes(self, draw: Draw) -> None:
        self.clock.pass_(minutes=draw(st.sampled_from([1, 1, 6, 11, 61])))
        for process in list(self.processes):
            if process.kind != "job" and self.clock() - process.started > FUNCTIONS_LAST:
                self._step(process, Fault.CRASH_BEFORE)

    # AWS Batch.

    def start_attempt(self, draw: Draw) -> None:
        job = self._one_of(self._jobs("RUNNABLE"), draw)
        skew = self._skew(draw)
        self._go_on(self._attempt(job, draw(st.sampled_from(OUTCOMES)), skew), draw, skew)

    def give_an_attempt_up_that_still_runs(self, draw: Draw) -> None:
        job = self._one_of(self._jobs("RUNNING"), draw)
        job["process"] = None
        if draw(st.booleans()):
            self._job_ends(job, "FAILED", "Job attempt duration exceeded timeout")
        else:
            self._attempt_ends(job, None)

    def mishap(self, draw: Draw) -> None:
        what = draw(st.sampled_from(["none", "none", "a job is cancelled", "an object is deleted", "an event is lost"]))
        if what == "a job is cancelled" and (waiting := self._jobs("RUNNABLE")):
            self._job_ends(self._one_of(waiting, draw), "FAILED", "CAPACITY:INSUFFICIENT")
        elif what == "an object is deleted" and self.bucket.contents:
            self.bucket.delete(draw(st.sampled_from(list(self.bucket.contents))))
        elif what == "an event is lost" and self.ends:
            draw(st.sampled_from(self.ends)).gone = True

    # Promises.

    @invariant()
    def one_job_at_most_writes(self) -> None:
        for version, history in self.histories.items():
            assert all(len(jobs) <= 1 for jobs in history.writers.values()), (version, history)

    def teardown(self) -> None:
        try:
            self._settle()
            for version, history in self.histories.items():
                self._check(version, history)
        finally:
            for process in list(self.processes):
                process.step(Fault.CRASH_BEFORE)
            logging.disable(logging.NOTSET)

    def _check(self, version: ObjectVersion, history: History) -> None:
        item = self.items.get(version)
        if item is None and version not in self.bucket.contents:
            return  # deleted before anybody could know of it
        assert item is not None, f"{version} is lost"
        assert item["status"] in (("SUCCEEDED", "FAILED") if history.acceptable else ("REFUSED",)), item
        assert item["status"] == "SUCCEEDED" or item["reason"], item
        assert item["status"] != "SUCCEEDED" or self._result(item) == version.version, item
        assert item.get("reason") != "no-result", item
        jobs = [job for job in self.batch.jobs.values() if ObjectVersion.from_parameters(job["parameters"]) == version]
        if not self.clocks_jump:  # a job of before `reopen` that starts then does the work of the new one
            allowed = range(1, 2 + history.reopened) if history.acceptable else range(1)
            assert len(jobs) in allowed, (version, history, jobs)

    def _result(self, item: dict[str, Any]) -> str:
        if "result" in item:
            return item["result"]["of"]
        return json.loads(self.bucket.results[item["result_location"]])["of"]

    def _settle(self) -> None:
        """Deliver what is left, have all that waits go on, let time pass and the reconciler look, until all is done."""
        until = self.clock() + timedelta(hours=5)
        quiet = 0
        while quiet < 2:
            assert self.clock() < until, "something is never done"
            for message in [each for each in self.uploads if not each.gone]:
                self._intake(message)
            for message in [each for each in self.ends if not each.gone]:
                self._recorder(message)
            self._reconciler(self._look)
            self._run_side_by_side()
            while waiting := self._jobs("RUNNABLE"):
                for job in waiting:
                    self._attempt(job, "result")
                self._run_side_by_side()
            self.clock.pass_(minutes=16)
            quiet = quiet + 1 if self._is_done() else 0

    def _run_side_by_side(self) -> None:
        while self.processes:
            for process in list(self.processes):
                self._step(process)

    def _is_done(self) -> bool:
        known = [version in self.items or version not in self.bucket.contents for version in self.histories]
        return all(known) and all(item["status"] in FINAL for item in self.items.values())

    # How it moves.

    def _go_on(self, process: Process, draw: Draw, skew: timedelta) -> None:
        """Have the first calls of a process go well, or all; the next may not."""
        for _ in range(draw(st.sampled_from([0, 1, 1, 2, 3, 100]))):
            if not process.ended:
                self._step(process, skew=skew)
        if not process.ended and draw(st.booleans()):
            self._step(process, draw(st.sampled_from(FAULTS)), skew)

    def _upload(self, key: str, *, lost: bool = False) -> None:
        version = self.bucket.upload(key)
        self.histories[version] = History(acceptable=key in ACCEPTABLE)
        self.uploads.append(Message(created(key, version.version, id=f"event-{len(self.uploads)}"), gone=lost))

    def _step(self, process: Process, fault: Fault = Fault.NONE, skew: timedelta = RIGHT) -> None:
        process.step(fault, skew)
        self._moved(process)

    def _run(self, process: Process, skew: timedelta = RIGHT) -> None:
        for _ in range(500):
            if process.ended:
                return
            self._step(process, skew=skew)
        raise AssertionError(f"{process.kind} comes to no end")

    def _start(self, kind: str, work: Callable[[Process], Any], skew: timedelta = RIGHT, about: Any = None) -> Process:
        process = Process(kind, self.clock, work, skew=skew, about=about)
        self.processes.append(process)
        self._moved(process)
        return process

    def _moved(self, process: Process) -> None:
        """Look at what a process has changed, and at how it ended."""
        while self.table.written:
            item = self.table.written.pop(0)
            if "status" in item:
                self._changed(ObjectVersion.of(item), item, process)
        if not process.ended:
            return
        self.processes.remove(process)
        if process.error is not None and not isinstance(process.error, EXPECTED):
            raise process.error
        well = not process.crashed and process.error is None
        if process.kind == "job" and process.about.get("process") is process:
            self._attempt_ends(process.about, process.value if well else None)
        elif isinstance(process.about, Message) and well:
            process.about.gone = True

    def _changed(self, version: ObjectVersion, item: dict[str, Any], process: Process) -> None:
        before = self.items.get(version)
        self.items[version], history = item, self.histories[version]
        status = before and before["status"]
        assert item["status"] in MAY_FOLLOW[status], f"{before} has become {item}"
        if status == "FAILED":
            history.reopened += 1
        elif before is not None:
            assert item.get("attempt", 0) >= before.get("attempt", 0), f"{before} has become {item}"
            same = [name for name in ("job_id", "job_name") if name in before]
            assert [item.get(name) for name in same] == [before[name] for name in same], f"{before} has become {item}"
        if before is not None:
            assert item["correlation_id"] == before["correlation_id"]
            assert status == "FAILED" or item["received_at"] == before["received_at"]
        if process.kind == "job":
            history.writers.setdefault(history.reopened, set()).add(process.about["jobId"])

    def _attempt_ends(self, job: dict[str, Any], code: int | None) -> None:
        if code == ExitCode.DONE:
            self._job_ends(job, "SUCCEEDED", "Essential container in task exited", code)
        elif code not in NO_RETRY and job["tries"] < MAX_ATTEMPTS:
            job.update(status="RUNNABLE", process=None)
        else:
            self._job_ends(job, "FAILED", "Host EC2 terminated" if code is None else "Essential container exited", code)

    def _job_ends(self, job: dict[str, Any], status: str, reason: str, code: int | None = None) -> None:
        ended = self.batch.end(job["jobId"], status, reason, code=code)
        self.ends.append(Message(job_ended(ended)))

    # Who moves.

    def _ledger(self, process: Process) -> Ledger:
        return Ledger(Faulty(self.table, process.around), keep=KEEP, clock=process.clock)

    def _takes(self, process: Process) -> tuple[Intake, Submitter]:
        submitter = Submitter(
            Faulty(self.batch, process.around), queue=QUEUE, definition=DEFINITION, tags={}, share=None
        )
        return Intake(self._ledger(process), submitter, ACCEPTANCE, Counted()), submitter

    def _intake(self, message: Message, skew: timedelta = RIGHT) -> Process:
        return self._start(
            "intake", lambda process: self._takes(process)[0].take(Upload.of(message.body)), skew, message
        )

    def _recorder(self, message: Message, skew: timedelta = RIGHT) -> Process:
        def work(process: Process) -> None:
            Recorder(self._ledger(process), Counted()).record(message.body["detail"])

        return self._start("recorder", work, skew, message)

    def _reconciler(self, do: Callable[[Reconciler], None], skew: timedelta = RIGHT) -> Process:
        def work(process: Process) -> None:
            intake, submitter = self._takes(process)
            ledger = self._ledger(process)
            do(
                Reconciler(
                    ledger=ledger,
                    intake=intake,
                    submitter=submitter,
                    recorder=Recorder(ledger, Counted()),
                    batch=Faulty(self.batch, process.around),
                    s3=Faulty(self.bucket, process.around),
                    bucket=BUCKET,
                    prefix="in/",
                    new=self.new,
                    scanned=False,
                    count=Counted(),
                    clock=process.clock,
                )
            )

        return self._start("reconciler", work, skew)

    @staticmethod
    def _look(reconciler: Reconciler) -> None:
        reconciler.look_at_claims()
        reconciler.look_at_objects()

    def _attempt(self, job: dict[str, Any], outcome: str, skew: timedelta = RIGHT) -> Process:
        job.update(status="RUNNING", tries=job.get("tries", 0) + 1)
        version = ObjectVersion.from_parameters(job["parameters"])
        attempt = job["tries"]

        def work(process: Process) -> ExitCode:
            job["process"] = process
            return perform(
                Job(
                    version=version,
                    job_id=job["jobId"],
                    attempt=attempt,
                    ledger=self._ledger(process),
                    s3=Faulty(self.bucket, process.around),
                    lease=JOB_LEASE,
                    sizes=(1, 1000),
                    outputs=("out", "results/"),
                ),
                lambda given: _transform(given, outcome),
            )

        return self._start("job", work, skew, job)

    def _skew(self, draw: Draw) -> timedelta:
        minutes = draw(st.sampled_from([0, -60, -7, 7, 60])) if self.clocks_jump else 0
        return timedelta(minutes=minutes)

    def _jobs(self, status: str) -> list[dict[str, Any]]:
        return [job for job in self.batch.jobs.values() if job["status"] == status]

    def _one_of(self, jobs: list[dict[str, Any]], draw: Draw) -> dict[str, Any]:
        return self.batch.jobs[draw(st.sampled_from([job["jobId"] for job in jobs]))]

    def _failed(self) -> list[ObjectVersion]:
        return [version for version, item in self.items.items() if item["status"] == "FAILED"]


def _transform(given: InputObject, outcome: str) -> dict[str, Any]:
    match outcome:
        case "rejected":
            raise FailedError("not-a-csv")
        case "again":
            raise TryAgainError
        case "bug":
            raise ValueError
    deep: dict[str, Any] = {}
    for _ in range(40 if outcome == "deep" else 0):
        deep = {"deeper": deep}
    return {"of": given.version, **deep}


class PipelineWithClocksThatJump(Pipeline):
    """For any one call a machine's clock is up to an hour ahead or behind."""

    clocks_jump = True


Pipeline.TestCase.settings = settings(
    max_examples=100, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
PipelineWithClocksThatJump.TestCase.settings = Pipeline.TestCase.settings
TestPipeline = Pipeline.TestCase
TestPipelineWithClocksThatJump = PipelineWithClocksThatJump.TestCase
