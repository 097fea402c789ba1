"""The average of a pod's health, in logarithms: what keeps `1/(cpu * latency_ms^2)` from swinging.

More weight makes a pod slower and busier, which lowers its weight: around the loop the formula has the gain `1 +
2*rho/(1-rho)` (3 at half load, 9 at 80 %; M/M/1). With a delay from the weight to the sample that shows it (half the
window, and the way to Envoy and back), an average with the time constant T is stable while `gain * delay / T` is well
below 1. So T is `4 * (window/2 + 5 s)`, 40 s by default, and grows with the gain above half load. Around the loop the
shares then move with `T / (1 + gain)`, some 10 s at every load. It is time-based: a late tick moves it by as much as
the ones that it stands for.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

from glm_operator.scheduler.weights.rules import (
    BASE_GAIN,
    BLACKOUT_SECONDS,
    DELAYS_PER_TIME_CONSTANT,
    HIGHEST_UTILISATION,
    LAG_SECONDS,
    LONGEST_STEP_SECONDS,
    LOWEST_HEALTH,
    PROBE_AFTER_SECONDS,
    PROBE_TIME_CONSTANT,
    ROUNDING,
)


@dataclass(frozen=True, slots=True)
class Average:
    """A pod's averaged health."""

    log_health: float = 0.0
    """Against the other pods: 0 is the average pod."""
    log_balance: float = 0.0
    """See `balance`."""
    known_since: float | None = None
    """Time of the first score; None: none yet."""
    at: float | None = None
    """Time of the last score."""


NEW: Final = Average()


def time_constant(window_seconds: float, utilisation: float | None) -> float:
    """Seconds; `utilisation` is the pods' mean CPU, 0..1, None if unknown."""
    base = DELAYS_PER_TIME_CONSTANT * (window_seconds / 2 + LAG_SECONDS)
    if utilisation is None:
        return base
    load = min(utilisation, HIGHEST_UTILISATION)
    return base * max(1.0, (1 + 2 * load / (1 - load)) / BASE_GAIN)


def is_warming(average: Average, now: float) -> bool:
    """Whether it is too new for its samples to count."""
    return average.known_since is None or now - average.known_since < BLACKOUT_SECONDS - ROUNDING


def towards(average: Average, score: float, constant: float, now: float) -> Average:
    """The average after a score (of `formula.relative`)."""
    known_since = now if average.known_since is None else average.known_since
    started = Average(average.log_health, average.log_balance, known_since, now)
    if is_warming(started, now) or average.at is None:
        return started
    moved = average.log_health + part(now - average.at, constant) * (score - average.log_health)
    return Average(moved, average.log_balance, known_since, now)


def without_score(average: Average, seconds: float, now: float) -> Average:
    """The average of a pod that answers nothing: after a while it drifts to the average pod's.

    That is the probe: a pod that was starved gets requests again, and fresh samples with them.
    """
    if average.at is None or now - average.at < PROBE_AFTER_SECONDS - ROUNDING:
        return average
    kept = 1.0 - part(seconds, PROBE_TIME_CONSTANT)
    return Average(average.log_health * kept, average.log_balance * kept, average.known_since, average.at)


def lowered(average: Average, to_part: float) -> Average:
    """The average of a pod whose weight was too much for it: a part of it, and of the average pod's at most."""
    log_health = max(math.log(LOWEST_HEALTH), min(0.0, average.log_health) + math.log(to_part))
    return replace(average, log_health=log_health)


def scaled(average: Average, factor: float) -> Average:
    """The average of a weight that is multiplied by a factor from now on."""
    bound = math.log(LOWEST_HEALTH)
    return replace(average, log_health=max(bound, average.log_health + math.log(factor)) if factor > 0 else bound)


def part(seconds: float, constant: float) -> float:
    """The part of the way that is gone in a time."""
    return -math.expm1(-min(max(0.0, seconds), LONGEST_STEP_SECONDS) / constant)
