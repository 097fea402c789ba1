"""Waiting is polling with a deadline, and nothing else."""

import time
from collections.abc import Callable

from devcluster.errors import ClusterError

INTERVAL = 0.05  # seconds


def until(condition: Callable[[], bool], seconds: float, what: str, hint: str = "") -> None:
    """Return as soon as `condition` holds; after `seconds` say what was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ClusterError(f"waited {seconds:.0f} s for {what}", hint)
        time.sleep(INTERVAL)
