"""Jobs of AWS Batch, each run as a process of this machine.

A program stands for an image: `images.json` in the run's directory tells which, by the name of the repository or the
start of it. It is the image's entry point, so that the job's command follows it. It gets the job's environment and
the credentials of the job's role, writes to the job's log group by the execution role, and is told nothing else of
the machine. What only a container could give is not there: no file system, memory, user or network of its own.
"""

from __future__ import annotations

from secure_containers.local.jobs.job import Job
from secure_containers.local.jobs.runner import Runner

__all__ = ["Job", "Runner"]
