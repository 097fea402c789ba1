"""From two readings of a pod to what it did between them. Pure.

What a real server (2.51) showed, and what is made of it:

- A failed request adds nothing to the durations: the mean is that of the requests that ended well.
- A model that is unloaded and loaded anew counts from 0, in the same process. Its duration may by then be past what it
  was, so that either counter that fell makes both of that model new. Its failures go on from where they were.
- An ensemble's request is counted for the ensemble and for each model that it calls; one that fails, twice for the
  ensemble.
- A model of the Python backend that answers with an error of its own counts as a success; only an exception is a
  failure. No counter tells of the former.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from glm_operator.telemetry.exposition import Counters, Exposition, Model
from glm_operator.telemetry.target import Steps

LONGEST_WINDOW_SECONDS: Final = 10.0
"""A mean over more than this says nothing of the present: after such a gap a reading counts as the first one."""
_NOTHING: Final = Counters(0.0, 0.0)


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
    done = _by_name({model: _since(before, model, counters) for model, counters in now.told.models.items()})
    called = {ensemble: models for ensemble, models in steps.items() if ensemble in done}
    failed = _failed(before.told.failures, now.told.failures)
    direct = _sent_by_clients(done, called)
    inner = _mostly_called(_by_name(now.told.models), _failed({}, now.told.failures), called)
    return Change(
        latency_ms=_latency_ms(done, {name: count for name, count in direct.items() if name not in inner}),
        requests_per_second=sum(direct.values()) / seconds,
        failures_per_second=_failures(failed, called) / seconds,
    )


def _since(before: Reading, model: Model, now: Counters) -> Counters:
    """What was added; all of it, where the model is new or was loaded anew."""
    then = before.told.models.get(model, _NOTHING)
    known = now.duration_us is not None and then.duration_us is not None
    added = now.duration_us - then.duration_us if known else None  # type: ignore[operator]
    if now.success < then.success or (added is not None and added < 0):
        return now
    return Counters(now.success - then.success, added)


def _failed(before: Mapping[Model, float], now: Mapping[Model, float]) -> dict[str, float]:
    """Failures that were added, by name of the model."""
    added: dict[str, float] = {}
    for model, count in now.items():
        then = before.get(model, 0.0)
        added[model[0]] = added.get(model[0], 0.0) + (count - then if count >= then else count)
    return added


def _by_name(models: Mapping[Model, Counters]) -> dict[str, Counters]:
    """The versions of a model together."""
    sums: dict[str, Counters] = {}
    for (name, _), added in models.items():
        total = sums.get(name, _NOTHING)
        known = total.duration_us is not None and added.duration_us is not None
        duration = total.duration_us + added.duration_us if known else None  # type: ignore[operator]
        sums[name] = Counters(total.success + added.success, duration)
    return sums


def _ended(done: Mapping[str, Counters], failed: Mapping[str, float]) -> dict[str, float]:
    return {name: counters.success + failed.get(name, 0.0) for name, counters in done.items()}


def _calls(ended: Mapping[str, float], called: Steps) -> dict[str, float]:
    """How often each model was called by ensembles, of whose requests so many ended."""
    calls: dict[str, float] = {}
    for ensemble, models in called.items():
        for model in models:
            calls[model] = calls.get(model, 0.0) + ended[ensemble]
    return calls


def _sent_by_clients(done: Mapping[str, Counters], called: Steps) -> dict[str, float]:
    """Requests that ended well and that clients sent, by model: all but what ensembles called that ended well.

    The steps before the one that failed look like requests of clients: which one failed, the counters don't tell.
    """
    calls = _calls(_ended(done, {}), called)
    return {name: max(counters.success - calls.get(name, 0.0), 0.0) for name, counters in done.items()}


def _mostly_called(loaded: Mapping[str, Counters], failed: Mapping[str, float], called: Steps) -> frozenset[str]:
    """Models that ensembles call at least as often as clients do. Their speed is not what clients see.

    When an ensemble's second step hangs, the first one goes on, fast, and its requests look like those of clients:
    counted, they would make a server that answers nobody look like the fastest.
    """
    ended = _ended(loaded, failed)
    calls = _calls(ended, called)
    return frozenset(name for name, count in calls.items() if count > 0 and 2 * count >= ended.get(name, 0.0))


def _latency_ms(done: Mapping[str, Counters], direct: Mapping[str, float]) -> float | None:
    """Mean time of requests: that of each model's, by how many clients sent to it. None when there was none."""
    sent = {name: count for name, count in direct.items() if count > 0}
    means = {name: _mean_us(done[name]) for name in sent}
    if not sent or None in means.values():
        return None
    total = sum(mean * sent[name] for name, mean in means.items() if mean is not None)
    return total / sum(sent.values()) / 1000.0


def _mean_us(counters: Counters) -> float | None:
    return None if counters.duration_us is None else counters.duration_us / counters.success


def _failures(failed: Mapping[str, float], called: Steps) -> float:
    """Requests of clients that failed; those of ensembles may count twice.

    A model that fails in an ensemble fails it as well: the larger number counts.
    """
    members = {model for models in called.values() for model in models}
    plain = sum(count for name, count in failed.items() if name not in members and name not in called)
    outermost = sum(count for name, count in failed.items() if name in called and name not in members)
    innermost = sum(count for name, count in failed.items() if name in members and name not in called)
    return plain + max(outermost, innermost)
