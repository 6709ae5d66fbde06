"""The words that the pipeline's table, its functions and its template share."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

BY_STATUS: Final = "by-status"
"""The index of items by their status and by when their object was received."""


class Status(StrEnum):
    """Where an object version is in its life."""

    CLAIMED = "CLAIMED"
    """A function has it and is about to submit its job."""
    SUBMITTED = "SUBMITTED"
    """Its job waits."""
    RUNNING = "RUNNING"
    """Its job runs."""
    SUCCEEDED = "SUCCEEDED"
    """There is a result."""
    FAILED = "FAILED"
    """Its job ended without a result, and `reason` says why."""
    REFUSED = "REFUSED"
    """It was not taken, and `reason` says why."""


OPEN: Final = (Status.CLAIMED, Status.SUBMITTED, Status.RUNNING)
"""Of these something is still to come."""
