"""The idle rule: a pod that has had nothing to do for long gets more, once.

The raise is a factor of the weight without it, so it can't compound. It ends with the first request.
"""

from dataclasses import dataclass
from typing import Final

from glm_operator.api.traffic import IdleRule
from glm_operator.scheduler.sample import PodSample
from glm_operator.scheduler.weights.rules import BLACKOUT_SECONDS, ROUNDING


@dataclass(frozen=True, slots=True)
class IdleRun:
    """Since when a pod has been idle."""

    since: float | None = None
    at: float | None = None
    """Time of the last sample that told."""


BUSY: Final = IdleRun()


def next_idle_run(run: IdleRun, sample: PodSample, at: float) -> IdleRun:
    """The run after a sample. One whose requests aren't known neither counts nor breaks it; a longer break does."""
    if sample.requests_per_second is None:
        return run
    if sample.requests_per_second or sample.failures_per_second or sample.pending:
        return IdleRun(None, at)
    together = run.at is not None and at - run.at <= BLACKOUT_SECONDS + ROUNDING
    return IdleRun(run.since if together and run.since is not None else at, at)


def raised(run: IdleRun, rule: IdleRule) -> bool:
    """Whether it has been idle for more than `afterSeconds`."""
    return run.since is not None and run.at is not None and run.at - run.since > rule.after_seconds + ROUNDING


def idle_factor(run: IdleRun, rule: IdleRule) -> float:
    """What the weight is multiplied by."""
    return (100 + rule.raise_percent) / 100 if raised(run, rule) else 1.0
