"""The simulated pods, and the queue in front of them.

Assumptions, all of them:
- A pod serves `pod_rps` requests a second, from `pod_start_seconds` after it was asked for until it is no longer
  wanted. It costs from the moment that it is asked for. Pods that have not started are given up first.
- All pods serve one queue, first come, first served; requests are a fluid, and none gives up. An even split over the
  pods is what the gateway's least-request balancing comes close to.
- A request takes `service_ms` once it is its turn. It is violated when it waits longer than the rest of the latency
  limit.
- Arrivals within a second come evenly; their number is Poisson's around the trace's straight lines.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from glm_operator.scheduler.scaling.forecast.history import DAY_SECONDS, Array

SERVICE_MS: Final = 70.0
UNCOUNTED_SECONDS: Final = int(DAY_SECONDS)
"""At the begin of a trace: forecasts know nothing yet, and everybody starts with the right number of pods."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is simulated."""

    pod_rps: float = 100.0
    pod_start_seconds: int = 180
    latency_limit_ms: float = 320.0
    service_ms: float = SERVICE_MS
    seed: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What a policy did: replicas at each second."""

    wanted: Array
    ready: Array


class Fleet:
    """The pods while a policy runs. Seconds must not go backwards."""

    def __init__(self, replicas: int, start_seconds: int, length: int) -> None:
        self._start = start_seconds
        self._length = length
        self._starting: list[tuple[int, int]] = []
        self._moves: list[tuple[int, int, int]] = [(0, replicas, replicas)]
        self.current = replicas
        self.ready = replicas
        self.ready_since = 0
        """When the youngest ready pod became so."""

    def advance(self, second: int) -> None:
        """Let pods become ready."""
        while self._starting and self._starting[0][0] <= second:
            at, count = self._starting.pop(0)
            self.ready += count
            self.ready_since = at
            self._moves.append((at, self.current, self.ready))

    def scale(self, second: int, replicas: int) -> None:
        """Ask for `replicas`."""
        if replicas == self.current:
            return
        change = replicas - self.current
        if change > 0:
            self._starting.append((second + self._start, change))
        while change < 0 and self._starting:
            at, count = self._starting.pop()
            given_up = min(count, -change)
            change += given_up
            if count > given_up:
                self._starting.append((at, count - given_up))
        self.ready += min(0, change)
        self.current = replicas
        self._moves.append((second, self.current, self.ready))

    def course(self) -> Course:
        """What was done."""
        self.advance(self._length)
        seconds, wanted, ready = (np.array(column) for column in zip(*self._moves, strict=True))
        lengths = np.diff(np.append(np.minimum(seconds, self._length), self._length))
        return Course(np.repeat(wanted, lengths).astype(np.float64), np.repeat(ready, lengths).astype(np.float64))


def violations(counts: Array, ready: Array, setting: Setting) -> Array:
    """The requests of each second that wait too long.

    The backlog is the reflected sum of arrivals less capacity (Lindley), which needs no loop.
    """
    capacity = ready * setting.pod_rps
    excess = np.cumsum(counts - capacity)
    backlog = excess - np.minimum(np.minimum.accumulate(excess), 0.0)
    before = np.concatenate([[0.0], backlog[:-1]])
    limit = (setting.latency_limit_ms - setting.service_ms) / 1000
    waits_too_long = (before + backlog) / 2 > limit * capacity
    violated: Array = counts * (waits_too_long | (capacity == 0.0))
    return violated


def starting_replicas(first_rate: float, setting: Setting, target: float) -> int:
    """What every policy begins with."""
    return max(1, int(np.ceil(first_rate / (setting.pod_rps * target))))
