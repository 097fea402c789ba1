"""A sample as it can be reckoned with: what can't be true is unknown."""

import math
from typing import Final

from glm_operator.scheduler.sample import PodSample

MOST: Final = 1e12
"""No rate, queue or latency is larger; a larger one is a fault of the measurement."""
_MOST_CPU: Final = 100.0
"""A share of a limit above 1 is possible for a moment; a hundred limits are not."""


def usable(sample: PodSample | None) -> PodSample | None:
    """`sample` with negative, infinite, huge and NaN values made unknown; None when not even its time is known."""
    if sample is None or not math.isfinite(sample.at):
        return None
    return sample if _is_sound(sample) else _without_the_impossible(sample)


def _is_sound(sample: PodSample) -> bool:
    rates = (sample.latency_ms, sample.requests_per_second, sample.failures_per_second, sample.pending, sample.gpu)
    for value in rates:
        if value is not None and not 0.0 <= value <= MOST:
            return False
    return sample.cpu is None or 0.0 <= sample.cpu <= _MOST_CPU


def _without_the_impossible(sample: PodSample) -> PodSample:
    return PodSample(
        at=sample.at,
        alive=sample.alive,
        cpu=_known(sample.cpu, _MOST_CPU),
        latency_ms=_known(sample.latency_ms),
        requests_per_second=_known(sample.requests_per_second),
        failures_per_second=_known(sample.failures_per_second),
        pending=_known(sample.pending),
        gpu=_known(sample.gpu),
    )


def tells_something(sample: PodSample) -> bool:
    """Whether anything that weights are decided from is known."""
    return not (sample.cpu is None and sample.latency_ms is None and sample.requests_per_second is None)


def _known(value: float | None, most: float = MOST) -> float | None:
    # The comparison is false for NaN as well.
    return value if value is not None and 0.0 <= value <= most else None
