"""Times and counts a network with so many workloads, in plain aws_cdk or with `PrivateNetwork`: see `two_ways.py`."""

from __future__ import annotations

from networks import NETWORKS

if __name__ == "__main__":
    NETWORKS.main()
