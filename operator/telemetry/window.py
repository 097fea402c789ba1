"""From two readings of a pod to what it did between them. Pure.

What a real server (2.51) showed, and what is made of it:

- A failed request adds nothing to the durations: the mean is that of the requests that ended well.
- A model that is unloaded and loaded anew counts from 0, in the same process. Its duration may by then be past what it
  was, so one counter that fell makes all counters of that model new.
- An ensemble's request is counted for the ensemble and for each model that it calls; one that fails, twice for the
  ensemble.
- A model of the Python backend that answers with an error of its own counts as a success; only an exception is a
  failure. No counter tells of the former.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from glm_operator.telemetry.exposition import Counters, Exposition
from glm_operator.telemetry.target import Steps

LONGEST_WINDOW_SECONDS: Final = 10.0
"""A mean over more than this says nothing of the present: after such a gap a reading counts as the first one."""
_NOTHING: Final = Counters(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Reading:
    """One text, and when it was read."""

    at: float
    """Seconds, on the operator's monotonic clock."""
    told: Exposition


@dataclass(frozen=True, slots=True)
class Change:
    """What happened between two readings; None: not known."""

    latency_ms: float | None = None
    requests_per_second: float | None = None
    failures_per_second: float | None = None


def change(before: Reading | None, now: Reading, steps: Steps) -> Change:
    """What a server did between two readings of the same process.

    Args:
        before: the reading before; None where there is none.
        now: the reading.
        steps: what its ensembles call.
    """
    seconds = now.at - before.at if before is not None else 0.0
    if before is None or not 0.0 < seconds <= LONGEST_WINDOW_SECONDS:
        return Change()
    # An ensemble that nobody has asked yet called no model.
    asked = {name for name, done in _by_name(now.told.models).items() if done.success + done.failure > 0}
    called = {ensemble: models for ensemble, models in steps.items() if ensemble in asked}
    done = _by_name({model: _since(before, model, counters) for model, counters in now.told.models.items()})
    return Change(
        latency_ms=_latency_ms(done, called),
        requests_per_second=_requests(done, called) / seconds,
        failures_per_second=_failures(done, called) / seconds,
    )


def _since(before: Reading, model: tuple[str, str], now: Counters) -> Counters:
    """What was added; all of it, where the model is new or was loaded anew."""
    then = before.told.models.get(model, _NOTHING)
    if now.duration_us is None or then.duration_us is None:
        if now.success < then.success or now.failure < then.failure:
            return Counters(now.success, now.failure, None)
        return Counters(now.success - then.success, now.failure - then.failure, None)
    if now.success < then.success or now.failure < then.failure or now.duration_us < then.duration_us:
        return now
    return Counters(now.success - then.success, now.failure - then.failure, now.duration_us - then.duration_us)


def _by_name(models: Mapping[tuple[str, str], Counters]) -> dict[str, Counters]:
    """The versions of a model together."""
    sums: dict[str, Counters] = {}
    for (name, _), added in models.items():
        total = sums.get(name, _NOTHING)
        known = total.duration_us is not None and added.duration_us is not None
        duration = total.duration_us + added.duration_us if known else None  # type: ignore[operator]
        sums[name] = Counters(total.success + added.success, total.failure + added.failure, duration)
    return sums


def _latency_ms(done: Mapping[str, Counters], called: Steps) -> float | None:
    """Mean time of the requests that clients sent, ensembles as a whole.

    Models that ensembles call are left out. When the second step hangs, the first one goes on, fast: counted, it would
    make a server that answers nobody look like the fastest.
    """
    inner = {model for models in called.values() for model in models}
    outer = [counters for name, counters in done.items() if name not in inner and counters.success > 0]
    count = sum(counters.success for counters in outer)
    durations = [counters.duration_us for counters in outer]
    if not count or None in durations:
        return None
    return sum(duration for duration in durations if duration is not None) / count / 1000.0


def _requests(done: Mapping[str, Counters], called: Steps) -> float:
    """Requests that clients sent: what ensembles called is taken off from the models that they called."""
    from_ensembles: dict[str, float] = {}
    for ensemble, models in called.items():
        for model in models:
            from_ensembles[model] = from_ensembles.get(model, 0.0) + done.get(ensemble, _NOTHING).success
    return sum(max(counters.success - from_ensembles.get(name, 0.0), 0.0) for name, counters in done.items())


def _failures(done: Mapping[str, Counters], called: Steps) -> float:
    """Requests of clients that failed; those of ensembles may count twice.

    A model that fails in an ensemble fails it as well: the larger number counts.
    """
    members = {model for models in called.values() for model in models} - called.keys()
    inner_ensembles = {model for models in called.values() for model in models} & called.keys()
    plain = sum(done[name].failure for name in done if name not in members and name not in called)
    ensembles = sum(done[name].failure for name in done if name in called and name not in inner_ensembles)
    return plain + max(ensembles, sum(done[name].failure for name in done if name in members))
