"""A pause, and the way back: paused, then half-open with about one request a second, then more by doublings.

A pod that fails its trial is paused again at once, for twice as long as before, so that one that stays broken harms
fewer and fewer requests. One that no request reaches isn't stuck: its part doubles as well, more slowly.
"""

from dataclasses import dataclass

from glm_operator.scheduler.weights import rules as by
from glm_operator.scheduler.weights.decision import Reason


@dataclass(frozen=True, slots=True)
class Outage:
    """A pod that gets nothing, or is on trial."""

    reason: Reason
    """Why it was paused."""
    until: float
    """When the pause ends, or ended."""
    trials: int = 0
    """How many it has failed."""
    part: float | None = None
    """The part of its weight that it gets on trial; None: it is paused."""

    @property
    def is_pause(self) -> bool:
        """Whether it gets nothing."""
        return self.part is None


def paused(reason: Reason, now: float, seconds: float, trials: int = 0) -> Outage:
    """A pause from now on; each failed trial before it doubles the time."""
    longest = max(seconds, by.LONGEST_PAUSE_SECONDS)
    return Outage(reason, now + min(longest, seconds * 2.0 ** min(trials, 16)), trials)


def trial_part(requests_per_second: float | None) -> float:
    """The part of a weight that brings about one request a second, for a pod that usually gets so many."""
    if not requests_per_second:
        return by.HIGHEST_TRIAL
    return min(by.HIGHEST_TRIAL, max(by.LOWEST_TRIAL, by.TRIAL_REQUESTS_PER_SECOND / requests_per_second))


def next_outage(
    outage: Outage, *, well: bool | None, first_part: float, pause_seconds: float, seconds: float, now: float
) -> Outage | None:
    """The outage a tick later; None: it is over.

    `well`: whether what the pod answered on trial is as it should be; None: nothing was answered.
    """
    if outage.part is None:
        return outage if now < outage.until - by.ROUNDING else Outage(outage.reason, now, outage.trials, first_part)
    if well is False:
        return paused(outage.reason, now, pause_seconds, outage.trials + 1)
    if well is None and now - outage.until < by.PROBE_AFTER_SECONDS:
        return outage
    doubling = by.DOUBLING_SECONDS if well else by.PROBING_DOUBLING_SECONDS
    part = outage.part * 2.0 ** (seconds / doubling)
    return None if part >= 1.0 else Outage(outage.reason, outage.until, outage.trials, part)
