"""The Horizontal Pod Autoscaler's published algorithm, as a rival in the backtest.

Replicas by the kinds of metrics, then its default `behavior` (whose rules the operator shares).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from glm_operator.scheduler.scaling.behavior import Moments, fewest, most, recent, stabilized, with_high, with_low
from glm_operator.scheduler.scaling.rules import DEFAULT_DOWN, DEFAULT_UP, TOLERANCE

SYNC_SECONDS: Final = 15
WINDOW_SECONDS: Final = 30
"""Its metric: the mean of two scrapes. Slower pipelines are usual; this one is in its favour."""
_ROUNDING: Final = 1e-9


def replicas_by_total(total: float, target_per_pod: float, current: int) -> int:
    """By an external metric with an `AverageValue`: the whole, shared out among pods (ready or not)."""
    if current and abs(total / (target_per_pod * current) - 1) <= TOLERANCE:
        return current
    return math.ceil(total / target_per_pod - _ROUNDING)


def replicas_by_value(value: float, target: float, ready: int, current: int) -> int:
    """By an object metric with a `Value`: the ratio to it, times the ready pods."""
    if abs(value / target - 1) <= TOLERANCE:
        return current
    return math.ceil(value / target * ready - _ROUNDING)


def replicas_by_pods(levels: Sequence[float], missing: int, target: float, current: int) -> int:
    """By a metric of each pod. A pod without one counts as idle on the way out, as at its target on the way in."""
    if not levels:
        raise ValueError("no pod has the metric")
    ratio = sum(levels) / len(levels) / target
    if not missing:
        return current if abs(ratio - 1) <= TOLERANCE else math.ceil(ratio * len(levels) - _ROUNDING)
    assumed = 0.0 if ratio > 1 else target
    count = len(levels) + missing
    new_ratio = (sum(levels) + missing * assumed) / count / target
    crossed = (ratio > 1) != (new_ratio > 1)
    if abs(new_ratio - 1) <= TOLERANCE or crossed:
        return current
    return math.ceil(new_ratio * count - _ROUNDING)


@dataclass(slots=True)
class Hpa:
    """One autoscaler, with the memory that it keeps."""

    target: float
    _highs: Moments = field(default=())
    _changes: Moments = field(default=())

    def replicas(self, totals: Sequence[float], current: int, now: float) -> int:
        """What it sets: the largest of what its metrics ask for, as far as its behavior lets it."""
        wanted = max(1, *(replicas_by_total(total, self.target, current) for total in totals))
        if not self._highs:
            self._highs = ((now, current),)
        self._highs = with_high(self._highs, now, wanted, DEFAULT_DOWN.window_seconds)
        wanted = stabilized(current, self._highs, with_low((), now, wanted, 0.0))
        self._changes = recent(self._changes, now, (DEFAULT_UP, DEFAULT_DOWN))
        if wanted > current:
            wanted = min(wanted, most(current, self._changes, now, DEFAULT_UP))
        elif wanted < current:
            wanted = max(wanted, fewest(current, self._changes, now, DEFAULT_DOWN))
        if wanted != current:
            self._changes = (*self._changes, (now, wanted - current))
        return wanted
