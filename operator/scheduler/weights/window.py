"""The sliding window: what a pod's samples of the last seconds say together."""

from dataclasses import dataclass
from typing import Final

from glm_operator.scheduler.weights.rules import ROUNDING

MOST_MOMENTS: Final = 600
"""The longest window at a sample a second."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One sample, with counts of what ended since the one before it."""

    at: float
    """On the loop's clock."""
    cpu: float | None
    latency_ms: float | None
    answered: float | None
    """Requests that ended well; None: not counted."""
    failed: float
    queued: bool | None = None
    """Whether requests were waiting; None: unknown."""

    @property
    def ended(self) -> float | None:
        """Requests that ended, well or badly."""
        return None if self.answered is None else self.answered + self.failed


Window = tuple[Moment, ...]


@dataclass(frozen=True, slots=True)
class Means:
    """The window's means. None: nothing in it tells."""

    cpu: float | None = None
    latency_ms: float | None = None
    """Over requests, not over samples."""
    answered: float = 0.0
    failed: float = 0.0


NOTHING: Final = Means()


def with_moment(window: Window, moment: Moment) -> Window:
    """The window with one more sample."""
    return (*window, moment)[-MOST_MOMENTS:]


def since(window: Window, begin: float) -> Window:
    """What is younger than `begin`."""
    if not window or window[0].at > begin + ROUNDING:
        return window
    return tuple(moment for moment in window if moment.at > begin + ROUNDING)


def means(window: Window) -> Means:
    """What the window says. A sample whose requests weren't counted has the weight of one request."""
    if not window:
        return NOTHING
    cpu = cpus = latency = weights = answered = failed = 0.0
    for moment in window:
        answered += moment.answered or 0.0
        failed += moment.failed
        if moment.cpu is not None:
            cpu += moment.cpu
            cpus += 1
        if moment.latency_ms is not None:
            weight = moment.answered or 1.0
            latency += moment.latency_ms * weight
            weights += weight
    return Means(cpu / cpus if cpus else None, latency / weights if weights else None, answered, failed)
