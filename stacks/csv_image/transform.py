"""The sample transform: what is in a CSV file, by columns."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from secure_containers.runtime import FailedError, InputObject, run

_MOST_COLUMNS = 1000


def transform(given: InputObject) -> dict[str, Any]:
    """Count rows, and of each column the values that are there and the sum of those that are numbers."""
    try:
        rows = csv.reader(io.TextIOWrapper(given.open(), encoding="utf-8-sig", newline=""), strict=True)
        names = next(rows, [])
        if not names or len(names) > _MOST_COLUMNS or len(set(names)) != len(names):
            raise FailedError("not-a-csv", f"the first line needs 1 to {_MOST_COLUMNS} different names")
        count, present, sums = 0, dict.fromkeys(names, 0), dict.fromkeys(names, 0.0)
        for row in rows:
            if len(row) != len(names):
                raise FailedError("not-a-csv", f"line {rows.line_num} has {len(row)} values, and not {len(names)}")
            count += 1
            for name, value in zip(names, row, strict=True):
                present[name] += value != ""
                sums[name] += _number(value)
        if not all(map(math.isfinite, sums.values())):
            raise FailedError("too-large-numbers", "a sum is beyond what numbers can be here")
    except (UnicodeDecodeError, csv.Error) as error:
        raise FailedError("not-a-csv", type(error).__name__) from error
    columns = [{"name": name, "values": present[name], "sum": sums[name]} for name in names]
    return {"rows": count, "columns": columns}


def _number(text: str) -> float:
    try:
        number = float(text) if "_" not in text else math.nan  # Python's own way to write numbers
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0


if __name__ == "__main__":
    run(transform)
