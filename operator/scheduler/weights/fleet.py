"""All pods of a resource in one tick, and what is usual among them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean, median_low

from glm_operator.scheduler.weights.fall import UNJUDGED, Evidence, Judgement
from glm_operator.scheduler.weights.formula import failure_share, with_failures
from glm_operator.scheduler.weights.history import History
from glm_operator.scheduler.weights.rules import HIGHEST_UTILISATION, OVERLOADED_ANSWERS
from glm_operator.scheduler.weights.window import Means, Moment, means


@dataclass(frozen=True, slots=True)
class Look:
    """One pod in this tick."""

    pod: str
    history: History
    means: Means
    """Of its window."""
    fresh: Moment | None
    """Its new sample; None: there is none."""
    failures: float
    """Share of the requests in the window."""
    judgement: Judgement = UNJUDGED

    @property
    def answered(self) -> float:
        """Requests that the new sample counts."""
        return 0.0 if self.fresh is None else self.fresh.answered or 0.0

    @property
    def answered_before(self) -> float:
        """Requests that a sample of the window before it counts, in the mean."""
        samples = len(self.history.window) - (self.fresh is not None)
        return max(0.0, self.means.answered - self.answered) / samples if samples else 0.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """What is usual among the pods that take part in the traffic. None: unknown."""

    typical_ms: float | None
    """Latency of the middle pod in the new samples, failures included; of two, the quicker."""
    failures: float
    """Share of failures of the middle pod, in its window."""
    utilisation: float | None
    """Mean CPU, of the windows."""
    answered: float
    """Requests that all of them answered in the new samples."""
    answered_before: float
    """In the mean of the samples before."""
    pods: int


def look_at(pod: str, before: History | None, history: History) -> Look:
    """The look at a pod whose history was `before` until this tick."""
    newest = history.window[-1] if history.window else None
    known = before is not None and before.window and before.window[-1] is newest
    of_window = means(history.window)
    return Look(
        pod=pod,
        history=history,
        means=of_window,
        fresh=None if known else newest,
        failures=failure_share(of_window.answered, of_window.failed),
    )


def fleet_of(looks: Iterable[Look]) -> Fleet:
    """What is usual among these pods."""
    seen = list(looks)
    cpus = [look.means.cpu for look in seen if look.means.cpu is not None]
    failures = [look.failures for look in seen if look.means.answered or look.means.failed]
    usual = median_low(failures) if failures else 0.0
    latencies = [latency for look in seen if (latency := latency_now(look, usual)) is not None]
    return Fleet(
        typical_ms=median_low(latencies) if latencies else None,
        failures=usual,
        utilisation=fmean(cpus) if cpus else None,
        answered=sum(look.answered for look in seen),
        answered_before=sum(look.answered_before for look in seen),
        pods=len(seen),
    )


def latency_now(look: Look, usual_failures: float) -> float | None:
    """The latency in the new sample, failures included."""
    if look.fresh is None:
        return None
    share = failure_share(look.fresh.answered or 0.0, look.fresh.failed)
    return with_failures(look.fresh.latency_ms, share, usual_failures)


def evidence(look: Look, fleet: Fleet, shares: Mapping[str, float]) -> Evidence | None:
    """What the new sample shows of a pod. `shares`: of the requests, as published last."""
    if look.fresh is None:
        return None
    owed = _owed(look, fleet, shares.get(look.pod, 1 / max(1, fleet.pods)))
    return Evidence(
        latency_ms=latency_now(look, fleet.failures),
        ended=look.fresh.ended,
        answered=look.answered,
        owed=owed,
        queued=look.fresh.queued,
        overloaded=_does_all_it_can(look, fleet) and look.answered >= OVERLOADED_ANSWERS * owed,
    )


def _does_all_it_can(look: Look, fleet: Fleet) -> bool:
    """Whether a pod does as much as it can, by its CPU. Else: whether it does more than the others."""
    if look.fresh is None or not look.answered:
        return False
    if look.fresh.cpu is not None:
        return look.fresh.cpu >= HIGHEST_UTILISATION
    return fleet.pods > 1 and look.answered > (fleet.answered - look.answered) / (fleet.pods - 1)


def _owed(look: Look, fleet: Fleet, share: float) -> float:
    """Answers to be expected of it: by its share of what the others answer, and no more than it used to give.

    The second bound is there since not everything follows the weights: sessions stick to pods.
    """
    others = fleet.answered - look.answered
    others_before = fleet.answered_before - look.answered_before
    by_share = others * share / (1.0 - share) if share < 1.0 else 0.0
    used_to = look.answered_before * (min(1.0, others / others_before) if others_before > 0 else 0.0)
    return max(0.0, min(by_share, used_to))
