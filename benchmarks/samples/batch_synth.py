"""Times and counts so many kinds of jobs, in plain aws_cdk or with `LeastPrivilegeBatchEnv`: see `two_ways.py`."""

from __future__ import annotations

from batches import BATCHES

if __name__ == "__main__":
    BATCHES.main()
