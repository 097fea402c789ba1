"""The CPU rule: a pod whose CPU is busy for long gets less.

It is reduced once its CPU has been above the threshold for `forSeconds`. What is taken from it lowers its CPU, so the
end isn't the threshold itself, or it would come and go every few seconds: the reduction ends when its CPU has been
for as long so low that it would not be above the threshold with its whole weight.
"""

from dataclasses import dataclass
from typing import Final

from glm_operator.api.traffic import CpuRule
from glm_operator.scheduler.weights.rules import BLACKOUT_SECONDS, ROUNDING

_LEAST_PART: Final = 0.5
"""Of the threshold: with a reduction to nothing, no CPU would ever be low enough."""


@dataclass(frozen=True, slots=True)
class CpuRun:
    """How long a CPU has been busy, or calm."""

    busy_since: float | None = None
    calm_since: float | None = None
    at: float | None = None
    """Time of the last known reading."""
    reduced: bool = False


QUIET: Final = CpuRun()


def next_cpu_run(run: CpuRun, cpu: float | None, at: float, rule: CpuRule) -> CpuRun:
    """The run after a sample; `cpu` is a share, `at` seconds.

    An unknown reading neither counts nor breaks a run, but a longer break does: nothing shows what was in it.
    """
    if cpu is None:
        return run
    threshold = rule.threshold_percent / 100
    together = run.at is not None and at - run.at <= BLACKOUT_SECONDS + ROUNDING
    busy_since = _since(run.busy_since if together else None, cpu > threshold, at)
    calm_since = _since(run.calm_since if together else None, cpu <= threshold * _part(rule) + ROUNDING, at)
    reduced = (run.reduced and not _lasts(calm_since, at, rule)) or _lasts(busy_since, at, rule)
    return CpuRun(busy_since, calm_since, at, reduced)


def cpu_factor(rule: CpuRule, utilisation: float | None, pods: int, busy: int) -> float:
    """What the weights of the busy pods are multiplied by, so that the others aren't pushed over the threshold.

    `utilisation`: mean CPU of all `pods`, `busy` of which are reduced. Pods of one resource answer its requests
    together, so what is taken from the busy ones is added to the others. Where those have room, the factor is the
    rule's own; as the mean comes near the threshold it goes to 1: all are busy then, and moving the load would
    overload the rest. The mean doesn't change with where the load is, so that this can't swing.
    """
    wanted = rule.reduce_percent / 100
    threshold = rule.threshold_percent / 100
    if utilisation is None or not busy:
        return 1.0 - wanted
    if threshold <= 0.0:
        return 1.0
    return 1.0 - min(wanted, max(0.0, pods * (1.0 - utilisation / threshold) / busy))


def _part(rule: CpuRule) -> float:
    return max(_LEAST_PART, (100 - rule.reduce_percent) / 100)


def _since(before: float | None, holds: bool, at: float) -> float | None:
    if not holds:
        return None
    return at if before is None else before


def _lasts(since: float | None, at: float, rule: CpuRule) -> bool:
    return since is not None and at - since >= rule.for_seconds - ROUNDING
