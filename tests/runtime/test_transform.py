"""The sample transform, on objects as they come from S3."""

from __future__ import annotations

import importlib.util
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_containers.runtime.functions.intake import Upload
from secure_containers.runtime.job import ExitCode, FailedError, InputObject, perform
from tests.runtime.support import created


def _sample() -> Any:
    path = Path(__file__).parents[2] / "stacks" / "csv_image" / "transform.py"
    spec = importlib.util.spec_from_file_location("sample_transform", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SAMPLE = _sample()


@pytest.fixture
def done(upload, intake, job, item):
    """What becomes of a file: exit code and item."""

    def done(content: bytes) -> tuple[ExitCode, dict[str, Any]]:
        version = upload("in/file.csv", content)
        intake().take(Upload.of(created(version.key, version.version)))
        return perform(job(version), SAMPLE.transform), item(version)

    return done


@pytest.mark.parametrize(
    ("content", "rows", "columns"),
    [
        (b"a,b\n1,x\n2.5,\n", 2, [("a", 2, "3.5"), ("b", 1, "0")]),
        (b"\xef\xbb\xbfa,b\r\n1,2\r\n", 1, [("a", 1, "1"), ("b", 1, "2")]),
        (b'"a ""1""","b\nc"\n"1","2,5"\n', 1, [('a "1"', 1, "1"), ("b\nc", 1, "0")]),
        ("größe,名\n1,日本\n".encode(), 1, [("größe", 1, "1"), ("名", 1, "0")]),
        (b"a\n", 0, [("a", 0, "0")]),
        (b"a", 0, [("a", 0, "0")]),
        (b"a\nnan\ninf\n-inf\n1e400\n", 4, [("a", 4, "0")]),
        (b"a\n" + b"1\n" * 200_000, 200_000, [("a", 200_000, "200000")]),
    ],
    ids=["plain", "with a mark", "quoted", "other scripts", "no rows", "no line end", "no numbers", "long"],
)
def test_a_csv_is_counted_by_columns(done, content, rows, columns) -> None:
    code, item = done(content)
    assert code is ExitCode.DONE
    assert item["result"]["rows"] == rows
    told = [(column["name"], column["values"], column["sum"]) for column in item["result"]["columns"]]
    assert told == [(name, values, Decimal(total)) for name, values, total in columns]


@pytest.mark.parametrize(
    "content",
    [
        *(b"\n", b"a,a\n1,2\n", b"a,b\n1\n", b"a,b\n1,2,3\n", b"a,b\n1,2\n\n"),
        *(b'a\n"open', b'a\n"b"c\n', b"\xff\xfe\x00a", b"\x89PNG\r\n\x1a\n\x00\x00", b"PK\x03\x04\x14\x00\x80"),
        *(b"a\n" + b"x" * 140_000, ",".join(map(str, range(1001))).encode()),
    ],
)
def test_what_is_no_csv_is_rejected_for_good(done, content) -> None:
    code, item = done(content)
    assert code is ExitCode.REJECTED
    assert item["reason"] == "not-a-csv"


def _of(content: bytes) -> InputObject:
    return InputObject(
        bucket="b", key="k", version="v", size=len(content), content_type="", metadata={}, _body=io.BytesIO(content)
    )


@given(st.binary() | st.text("a1,\"\n\r'").map(str.encode))
def test_any_bytes_have_a_result_or_are_rejected(content: bytes) -> None:
    try:
        told = SAMPLE.transform(_of(content))
    except FailedError as failed:
        told = {"reason": failed.reason}
    assert told.get("reason", "not-a-csv") == "not-a-csv"
