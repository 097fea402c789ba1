"""How long a request waits for one pod before another one is asked as well. Pure.

It follows what healthy pods show: a pod that hangs is passed by after some twenty times the usual latency, long before
its weight can fall. The first try goes on, so that a request that only takes long still gets its answer; the retry
budget bounds what the second tries cost.
"""

import math
from typing import Final

TIMES_TYPICAL: Final = 20.0
"""Requests of one model that take so much longer than its mean are seldom."""
LEAST_SECONDS: Final = 0.1
MOST_SECONDS: Final = 30.0
"""Who usually waits longer for an answer is not helped by asking twice."""
_STEP: Final = 2.0
_FALL: Final = 4.0
"""The time falls only when it would be so much shorter: each change is a new route in every Envoy."""


def patience_seconds(before: float | None, typical_ms: float | None) -> float | None:
    """Seconds; None for as long as it takes.

    Args:
        before: what was decided last.
        typical_ms: latency of the middle pod; None while it is unknown, which changes nothing.
    """
    if typical_ms is None or not math.isfinite(typical_ms) or typical_ms < 0:
        return before
    wanted = max(LEAST_SECONDS, TIMES_TYPICAL * typical_ms / 1000.0)
    stepped = LEAST_SECONDS * _STEP ** math.ceil(math.log(wanted / LEAST_SECONDS, _STEP) - 1e-9)
    if before is not None and before / _FALL < stepped <= before:
        return before
    return stepped if stepped <= MOST_SECONDS else None
