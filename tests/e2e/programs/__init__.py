"""Programs that stand for images when a job runs."""

import sys
from pathlib import Path

IMAGES = {"command": [sys.executable, str(Path(__file__).parent / "job.py")]}
"""What `images.json` says of the repository of BatchJobs."""
