"""Two pipelines over one table: neither touches what is the other's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from secure_containers.runtime.functions.intake import Upload
from secure_containers.runtime.ledger import Ledger
from secure_containers.runtime.terms import Status
from tests.runtime.support import BUCKET, KEEP, Clock, Crash, Fault, created, plan


@pytest.fixture
def others(table, clock: Clock) -> Ledger:
    return Ledger(table, keep=KEEP, within=f"s3://{BUCKET}/others/", clock=clock)


def test_a_claim_is_healed_by_its_own_pipeline_only(intake, clock: Clock, others: Ledger, table) -> None:
    with pytest.raises(Crash):
        intake(plan(call_0=Fault.CRASH_AFTER)).take(Upload.of(created("in/a.csv")))
    clock.pass_(minutes=6)
    assert list(others.waiting(Status.CLAIMED)) == []
    own = Ledger(table, keep=KEEP, within=f"s3://{BUCKET}/in/", clock=clock)
    assert [item["object"] for item in own.waiting(Status.CLAIMED)] == [f"s3://{BUCKET}/in/a.csv"]


def test_each_goes_on_where_it_has_stopped_itself(ledger: Ledger, others: Ledger) -> None:
    ledger.remember_place({"KeyMarker": "in/m.csv", "VersionIdMarker": "v"})
    others.remember_place({})
    assert ledger.place() == {"KeyMarker": "in/m.csv", "VersionIdMarker": "v"}
    assert others.place() == {}


def test_each_is_watched_from_its_own_first_look(ledger: Ledger, others: Ledger, clock: Clock) -> None:
    first = ledger.watched_since(new=False)
    clock.pass_(hours=1)
    assert others.watched_since(new=False) - first == timedelta(hours=1)
    assert ledger.watched_since(new=False) == first
