"""The formula: `1 / (cpu * latency_ms^2)`, as a logarithm, with floors and with failures as latency."""

import math
from collections.abc import Sequence
from statistics import median

from glm_operator.scheduler.weights.rules import (
    CPU_FLOOR,
    FAILURE_MS,
    HIGHEST_HEALTH,
    LATENCY_FLOOR_MS,
    LOWEST_HEALTH,
)

_LOWEST, _HIGHEST = math.log(LOWEST_HEALTH), math.log(HIGHEST_HEALTH)


def log_health(cpu: float, latency_ms: float) -> float:
    """The logarithm of `1 / (cpu * latency_ms^2)`."""
    return -math.log(max(cpu, CPU_FLOOR)) - 2.0 * math.log(max(latency_ms, LATENCY_FLOOR_MS))


def relative(scores: Sequence[float]) -> list[float]:
    """Scores against the middle one, and only then bounded.

    Bounded first, all pods of a slow model would stand at the same bound and none could be told from another. The
    middle one rather than the mean: a single pod that fails doesn't move the others.
    """
    if not scores:
        return []
    middle = median(scores)
    return [min(_HIGHEST, max(_LOWEST, score - middle)) for score in scores]


def failure_share(answered: float, failed: float) -> float:
    """The share of the requests that ended badly. One failure is forgiven: alone it says nothing about a pod."""
    return max(0.0, failed - 1.0) / (answered + failed) if failed > 1.0 else 0.0


def with_failures(latency_ms: float | None, share: float, usual_share: float) -> float | None:
    """The latency, with the failures beyond what is usual for the other pods as slow requests.

    What fails everywhere (bad requests of a client) is no pod's fault. None: no request ended, well or badly.
    """
    excess = max(0.0, share - usual_share)
    if latency_ms is None:
        return FAILURE_MS * excess if excess else None
    return latency_ms + FAILURE_MS * excess
