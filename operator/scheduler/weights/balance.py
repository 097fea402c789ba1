"""Pods of unequal size are brought to equal utilisation.

The formula alone settles elsewhere: for pods of 1 and 2 CPUs at the same latency, `weight ~ 1/cpu` leaves the smaller
41 % busier than the larger. So a slow correction follows the CPU itself (as Dropbox' Robinhood does): while a pod is
busier than the mean, its weight shrinks, by a factor of 2 at most and over a minute, which is too slow to disturb the
faster loop. It stops a little before they are equal: weights are published by steps of 5 %, between which it would hunt
for ever.
"""

import math
from dataclasses import replace
from typing import Final

from glm_operator.scheduler.weights.average import Average, part
from glm_operator.scheduler.weights.rules import (
    BALANCE_TIME_CONSTANT,
    BALANCED_WITHIN,
    CPU_FLOOR,
    HIGHEST_BALANCE,
    LEAST_UTILISATION,
)

_BOUND: Final = math.log(HIGHEST_BALANCE)


def balanced(average: Average, cpu: float | None, utilisation: float | None, seconds: float) -> Average:
    """The average with its correction moved for `seconds` of a pod at `cpu`, where the mean is `utilisation`."""
    if cpu is None or utilisation is None or utilisation < LEAST_UTILISATION:
        return average
    apart = math.log(max(utilisation, CPU_FLOOR) / max(cpu, CPU_FLOOR))
    beyond = math.copysign(max(0.0, abs(apart) - BALANCED_WITHIN), apart)
    moved = average.log_balance + part(seconds, BALANCE_TIME_CONSTANT) * beyond
    return replace(average, log_balance=min(_BOUND, max(-_BOUND, moved)))
