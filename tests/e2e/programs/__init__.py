"""Programs that stand for images when a job runs."""

import sys
from pathlib import Path
from typing import Any


def _program(name: str) -> dict[str, Any]:
    return {"command": [sys.executable, str(Path(__file__).parent / name)]}


IMAGES = {"BatchJobs": _program("job.py"), "CsvPipeline": _program("csv_image.py")}
"""By stack what `images.json` says of its repository."""
