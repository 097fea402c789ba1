"""Counters to a load: requests per second that clients offered, from readings of counters that may restart.

A reading holds one counter a source (a gateway, a server). A source that is not in a reading could not be read or is
gone; one that is new tells nothing before its second reading, as what it counted before may be old.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Reading:
    """The counters at one time."""

    at: float
    """Seconds on the monotonic clock."""
    counters: Mapping[str, float]
    complete: bool = True
    """Whether every source that should answer did."""


@dataclass(frozen=True, slots=True)
class Load:
    """Offered requests per second; None: unknown."""

    stable: float | None
    """Mean over the stable window."""
    burst: float | None
    """Mean over the panic window."""
    complete: bool = True
    """False: some sources are missing, so that the load is at least this."""


UNKNOWN = Load(None, None, complete=False)


def load(readings: Sequence[Reading], now: float, stable_seconds: float, burst_seconds: float, stale: float) -> Load:
    """The load by the readings (oldest first) of the last `stable_seconds`; unknown without one of the last `stale`.

    Readings from the future (the clock went backwards) are not believed, nor are those that do not come in order.
    """
    believed = [reading for reading in readings if now - stable_seconds <= reading.at <= now]
    ordered = [reading for index, reading in enumerate(believed) if index == 0 or reading.at > believed[index - 1].at]
    if not ordered or now - ordered[-1].at > stale:
        return UNKNOWN
    stable = rate(ordered)
    if stable is None:
        return UNKNOWN
    late = [reading for reading in ordered if reading.at >= ordered[-1].at - burst_seconds]
    burst = rate(late)
    return Load(stable, stable if burst is None else burst, all(reading.complete for reading in late))


def rate(readings: Sequence[Reading]) -> float | None:
    """Requests per second over readings in order of time; None: fewer than two of them can be used."""
    if len(readings) < 2:  # noqa: PLR2004
        return None
    seconds = readings[-1].at - readings[0].at
    steps = [_increase(earlier.counters, later.counters) for earlier, later in pairwise(readings)]
    if seconds <= 0 or any(step is None for step in steps):
        return None
    return sum(step for step in steps if step is not None) / seconds


def _increase(earlier: Mapping[str, float], later: Mapping[str, float]) -> float | None:
    """What was counted between two readings; None when no source is in both, or a counter is no number."""
    shared = earlier.keys() & later.keys()
    if not shared:
        return None
    increases = [increase(earlier[source], later[source]) for source in sorted(shared)]
    known = [one for one in increases if one is not None]
    return sum(known) if len(known) == len(increases) else None


def increase(earlier: float, later: float) -> float | None:
    """The increase of one counter; one that fell was restarted and has counted `later` since. None: not a count."""
    if not (math.isfinite(earlier) and math.isfinite(later)) or earlier < 0 or later < 0:
        return None
    return later - earlier if later >= earlier else later
