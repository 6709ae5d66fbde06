"""Stands for the image of CsvPipeline: its own entry point, which takes its time for objects with `slow` in their name."""

import runpy
import sys
import time
from pathlib import Path

TRANSFORM = str(Path(__file__).parents[3] / "stacks" / "csv_image" / "transform.py")
SLOW = 60


def main() -> None:
    if not any("slow" in word for word in sys.argv):
        runpy.run_path(TRANSFORM, run_name="__main__")
    from secure_containers.runtime import run  # noqa: PLC0415 - the entry point imports it by itself

    transform = runpy.run_path(TRANSFORM)["transform"]

    def slowly(given):
        time.sleep(SLOW)
        return transform(given)

    run(slowly)


if __name__ == "__main__":
    main()
