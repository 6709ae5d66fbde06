"""Programs that stand for images when a job, a task or a service runs."""

import sys
from pathlib import Path
from typing import Any


def _program(name: str) -> dict[str, Any]:
    return {"command": [sys.executable, str(Path(__file__).parent / name)]}


IMAGES = {
    "batchjobs-images": _program("job.py"),
    "csvpipeline-": _program("csv_image.py"),
    "imagerepositories-application": _program("service.py"),
}
"""What `images.json` says: by the start of a repository's name."""
