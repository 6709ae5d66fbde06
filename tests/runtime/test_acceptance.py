"""A name cannot become a path, an option or a command, and ordinary names in any script are taken."""

from __future__ import annotations

import string
import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from secure_containers.runtime.acceptance import Acceptance, key_problem
from secure_containers.runtime.ledger import ObjectVersion
from tests.runtime.support import ACCEPTANCE, BUCKET

FIVE_TERABYTES = 5 * 1024**4
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=1024).filter(lambda name: len(name.encode()) <= 1024)
words = st.text(
    st.characters(categories=["L", "N", "Mn", "Mc", "So", "Sc"], exclude_characters="$"), min_size=1, max_size=20
)
# S3 itself takes these.
hostile = st.sampled_from(
    [*'`$|;&<>"*?\\', "\n", "\r", "\0", "\x1b", "\x7f", "\u202e", "\u2066", "\u200b", "\ufeff", "\u2028"]
)


@given(st.lists(words, min_size=1, max_size=4))
@example(["Übersicht 2026", "données (1)", "日本語", "👍 ok"])
def test_ordinary_names_in_any_script_are_taken(parts: list[str]) -> None:
    key = "in/" + "/".join(parts) + ".csv"
    assume(len(key.encode()) <= 1024)
    assert ACCEPTANCE.refusal(key, 10) is None


@given(words, hostile, words)
def test_a_character_for_shells_or_of_control_or_direction_is_refused(before: str, character: str, after: str) -> None:
    refusal = ACCEPTANCE.refusal(f"in/{before}{character}{after}.csv", 10)
    assert refusal is not None
    assert refusal.reason == "unsafe-name"


@given(names)
def test_any_name_gets_an_answer_and_none_that_is_taken_can_hurt(key: str) -> None:
    if key_problem(key) is None:
        assert not set(key) & set('`$|;&<>"*?\\\n\r\0')
        assert not any(unicodedata.category(each) in ("Cc", "Cf", "Cs") for each in key)
        assert all(part not in ("", ".", "..") and part[0] not in "-~" for part in key.split("/"))


@pytest.mark.parametrize(
    "key",
    [
        *("in/../a.csv", "../in/a.csv", "in/..", "in/./a.csv", "/in/a.csv", "in//a.csv", "in/a.csv/", "/etc/passwd"),
        *("-rf.csv", "in/-rf.csv", "in/--output=x.csv", "~root/a.csv", "in/~/a.csv", "in/$(id).csv", "in/a;id.csv"),
        *("in/\ud800.csv", "", "in/" + "ä" * 511 + ".csv"),
    ],
)
def test_a_name_that_is_a_path_an_option_or_no_name_is_refused(key: str) -> None:
    assert ACCEPTANCE.refusal(key, 10).reason == "unsafe-name"


def test_a_name_of_1024_bytes_is_taken_and_one_of_1025_is_not() -> None:
    longest = "in/" + "ä" * 508 + "a.csv"
    assert len(longest.encode()) == 1024
    assert ACCEPTANCE.refusal(longest, 10) is None
    assert ACCEPTANCE.refusal("in/a" + longest.removeprefix("in/"), 10).reason == "unsafe-name"


@pytest.mark.parametrize(
    ("key", "size", "reason"),
    [
        ("in/a.csv", 0, "too-small"),
        ("in/a.csv", FIVE_TERABYTES, "too-large"),
        ("in/a.exe", 1, "wrong-type"),
        ("in/a.csv.exe", 1, "wrong-type"),
        ("in/a.CSV", 1, "wrong-type"),
        ("out/a.csv", 1, "wrong-place"),
        ("inside/a.csv", 1, "wrong-place"),
    ],
)
def test_what_is_not_asked_for_is_refused_by_a_word(key: str, size: int, reason: str) -> None:
    assert ACCEPTANCE.refusal(key, size).reason == reason


@pytest.mark.parametrize("size", [ACCEPTANCE.smallest, ACCEPTANCE.largest, None])
def test_sizes_at_the_limits_are_taken_and_one_that_is_not_known_is_left_to_the_job(size: int | None) -> None:
    assert ACCEPTANCE.refusal("in/a.csv", size) is None


def test_without_suffixes_any_type_is_taken() -> None:
    any_type = Acceptance(prefix="", suffixes=(), smallest=0, largest=1)
    assert any_type.refusal("a", 0) is None


@given(names, st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=64))
@example("in/../ä $(id)\n%2F%2e.csv", "null")
def test_parameters_bring_any_name_through_and_have_no_character_that_means_anything(key: str, version: str) -> None:
    given = ObjectVersion(bucket=BUCKET, key=key, version=version)
    parameters = given.as_parameters()
    allowed = set(string.ascii_letters + string.digits + "._~%/-")
    assert set("".join(parameters.values())) <= allowed
    assert ObjectVersion.from_parameters(parameters) == given
    assert ObjectVersion.of(given.primary_key) == given


@given(names)
def test_the_stand_in_for_a_name_fits_where_a_name_would_not(key: str) -> None:
    digest = ObjectVersion(bucket=BUCKET, key=key, version="v").digest
    assert len(digest) == 32
    assert set(digest) <= set(string.hexdigits)


def test_versions_of_an_object_have_stand_ins_of_their_own() -> None:
    digests = {ObjectVersion(bucket=BUCKET, key="a", version=version).digest for version in ("v1", "v2")}
    assert len(digests) == 2
