"""What a pod's samples have left behind, as far as the next decisions need it."""

from dataclasses import dataclass, replace
from typing import Final

from glm_operator.scheduler.sample import PodSample
from glm_operator.scheduler.weights import window as sliding
from glm_operator.scheduler.weights.average import NEW, Average
from glm_operator.scheduler.weights.cpu_rule import QUIET, CpuRun, next_cpu_run
from glm_operator.scheduler.weights.fall import NONE, Suspicion
from glm_operator.scheduler.weights.idle_rule import BUSY, IdleRun, next_idle_run
from glm_operator.scheduler.weights.latency_rule import next_slow_run
from glm_operator.scheduler.weights.outage import Outage
from glm_operator.scheduler.weights.rules import EXPIRY_SECONDS, ROUNDING, Rules
from glm_operator.scheduler.weights.samples import tells_something, usable
from glm_operator.scheduler.weights.window import Moment, Window

_LONGEST_INTERVAL: Final = 60.0
"""Seconds between two samples; what is outside is no interval but a break, or a clock that was set."""


@dataclass(frozen=True, slots=True)
class History:
    """One pod's. Times are on the loop's clock, but for `sample_at`."""

    sample_at: float | None = None
    """Time of the newest sample as it came with it, to tell a new one from one that is shown again."""
    heard: float | None = None
    """When something was known of the pod for the last time."""
    silent_since: float | None = None
    """Since when its server has not answered health requests."""
    window: Window = ()
    cpu: CpuRun = QUIET
    slow: int = 0
    """Slow samples in a row."""
    idle: IdleRun = BUSY
    average: Average = NEW
    suspicion: Suspicion = NONE
    cut: float = 1.0
    """Factor for being slower than the others."""
    busy: float = 1.0
    """Factor of the CPU rule in the last tick."""
    outage: Outage | None = None
    reduced: bool = False
    """Whether it was called Reduced for its health or its CPU."""


FRESH: Final = History()


def is_unheard(history: History, now: float, seconds: float) -> bool:
    """Whether nothing has been known of it for so long."""
    return history.heard is None or now - history.heard > seconds + ROUNDING


def with_sample(history: History, given: PodSample | None, age: float, now: float, rules: Rules) -> History:
    """The history after a look at the pod. `age`: of the sample, in seconds; `now`: the loop's clock.

    A sample that was there at the last look already adds nothing. After EXPIRY_SECONDS of silence nothing of the past
    counts.
    """
    sample = usable(given)
    if history.heard is None and history.average.known_since is not None:
        history = replace(history, heard=now)  # known from before a restart
    if sample is not None and sample.at != history.sample_at:
        history = _added(history, sample, now - max(0.0, age), rules)
    if history.heard is not None and is_unheard(history, now, EXPIRY_SECONDS):
        return History(sample_at=history.sample_at, silent_since=history.silent_since, outage=history.outage)
    window = sliding.since(history.window, now - rules.window_seconds)
    return history if window is history.window else replace(history, window=window)


def unserved(history: History, outage: Outage | None) -> History:
    """The history of a pod that gets nothing: what it did before says nothing about how it comes back."""
    return History(
        sample_at=history.sample_at,
        heard=history.heard,
        silent_since=history.silent_since,
        cpu=history.cpu,
        average=history.average,
        suspicion=Suspicion(usual=history.suspicion.usual),
        outage=outage,
    )


def _added(history: History, sample: PodSample, at: float, rules: Rules) -> History:
    silent_since = history.silent_since
    if sample.alive is not None:
        silent_since = None if sample.alive else at if silent_since is None else silent_since
    if not tells_something(sample):
        return replace(history, sample_at=sample.at, silent_since=silent_since)
    interval = _interval(history.sample_at, sample.at)
    rate = sample.requests_per_second
    moment = Moment(
        at,
        sample.cpu,
        sample.latency_ms,
        answered=None if rate is None else rate * interval,
        failed=(sample.failures_per_second or 0.0) * interval,
        queued=None if sample.pending is None else sample.pending > 0,
    )
    return History(
        sample_at=sample.at,
        heard=at,
        silent_since=silent_since,
        window=sliding.since(sliding.with_moment(history.window, moment), at - rules.window_seconds),
        cpu=next_cpu_run(history.cpu, sample.cpu, at, rules.cpu),
        slow=next_slow_run(history.slow, sample.latency_ms, rules.latency),
        idle=next_idle_run(history.idle, sample, at),
        average=history.average,
        suspicion=history.suspicion,
        cut=history.cut,
        busy=history.busy,
        outage=history.outage,
        reduced=history.reduced,
    )


def _interval(before: float | None, at: float) -> float:
    """Seconds that the counts of a sample are of."""
    interval = 1.0 if before is None else at - before
    return interval if 0.0 < interval <= _LONGEST_INTERVAL else 1.0
