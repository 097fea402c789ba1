"""The last words of a container: kubelet reads them, and the operator reports them as the condition's message."""

import sys
from pathlib import Path
from typing import Final

TERMINATION_LOG: Final = Path("/dev/termination-log")
LONGEST: Final = 4096
"""Bytes that kubelet reads."""


def tell_failure(error: object) -> None:
    """Say why the container fails, in the log and as its last words."""
    print(error, file=sys.stderr, flush=True)
    if TERMINATION_LOG.exists():
        TERMINATION_LOG.write_bytes(str(error).encode()[:LONGEST])
