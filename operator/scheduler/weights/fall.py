"""Falling fast: what shows within one or two ticks that a pod is much slower than the others, or answers nothing.

Three kinds of evidence, each against the other pods in the same second, so that a surge that slows all of them is none:

- **Slower**: 4 times the middle pod's latency, and 20 ms more, in 2 samples in a row. Its weight is cut by that ratio
  at once (to a fifth at most) and comes back within seconds: a pod that has to share its CPU for a while.
- **Far slower**: 20 times, and 100 ms more, in one sample of 5 requests or two of fewer. It gets nothing at once.
- **Not answering**: no answer, where its share of the traffic owed so many that chance is no explanation. A pod that
  answers in 2 s shows this a second before its first slow answer could show in any latency. It gets nothing at once.

Why that doesn't swing: pods that differ by load alone reach such ratios only next to saturation, and there the cut is
bounded by what the others have room for (`room`), and a pause is withheld unless they can serve without it (`cap`).
The middle is the lower one of two, so of two pods the slower can be told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from glm_operator.scheduler.weights import rules as by
from glm_operator.scheduler.weights.average import part


class Verdict(Enum):
    """What a tick shows of a pod."""

    FINE = "Fine"
    """It answers as the others do."""
    OPEN = "Open"
    """Nothing new, or not enough of it."""
    SLOWER = "Slower"
    FAR_SLOWER = "FarSlower"
    NOT_ANSWERING = "NotAnswering"

    @property
    def is_broken(self) -> bool:
        """Whether the pod shall get nothing at once."""
        return self in {Verdict.FAR_SLOWER, Verdict.NOT_ANSWERING}


@dataclass(frozen=True, slots=True)
class Evidence:
    """One new sample of a pod."""

    latency_ms: float | None
    """Failures included; None: nothing ended."""
    ended: float | None
    """Requests that ended, well or badly; None: unknown."""
    owed: float
    """Answers to be expected by its share of the traffic and by what it answered before."""
    queued: bool
    """Requests are known to wait in it."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What the samples in a row add up to."""

    slower: int = 0
    far_slower: int = 0
    unanswered: int = 0
    """Samples without an answer."""
    owed: float = 0.0
    """Answers that were to be expected in them."""
    answered_at: float | None = None
    """None: it never has, so that silence says nothing."""


NONE: Final = Suspicion()


def next_suspicion(
    before: Suspicion, evidence: Evidence, typical_ms: float | None, now: float
) -> tuple[Suspicion, Verdict]:
    """What is suspected after a sample, and what that means. `typical_ms`: of the middle pod, in the same second."""
    if evidence.ended is None and evidence.latency_ms is None:
        return before, Verdict.OPEN
    if evidence.ended == 0:
        return _unanswered(before, evidence, typical_ms, now)
    if evidence.latency_ms is None or typical_ms is None:
        return Suspicion(answered_at=now), Verdict.OPEN
    ratio, excess = evidence.latency_ms / max(typical_ms, by.LATENCY_FLOOR_MS), evidence.latency_ms - typical_ms
    slower = before.slower + 1 if ratio >= by.SLOWER_RATIO and excess >= by.SLOWER_EXCESS_MS else 0
    far = before.far_slower + 1 if ratio >= by.FAR_SLOWER_RATIO and excess >= by.FAR_SLOWER_EXCESS_MS else 0
    after = Suspicion(slower, far, answered_at=now)
    if far >= by.SLOWER_SAMPLES or (far and (evidence.ended or 0.0) >= by.SURE_REQUESTS):
        return after, Verdict.FAR_SLOWER
    if slower >= by.SLOWER_SAMPLES:
        return after, Verdict.SLOWER
    return after, Verdict.OPEN if slower else Verdict.FINE


def _unanswered(
    before: Suspicion, evidence: Evidence, typical_ms: float | None, now: float
) -> tuple[Suspicion, Verdict]:
    if before.answered_at is None:
        return before, Verdict.OPEN
    after = Suspicion(
        before.slower, before.far_slower, before.unanswered + 1, before.owed + evidence.owed, before.answered_at
    )
    patience = by.MISSED_LATENCIES * (typical_ms or 0.0) / 1000
    if now - before.answered_at < patience:
        return after, Verdict.OPEN
    if evidence.queued:
        return after, Verdict.NOT_ANSWERING if after.owed >= by.MISSED_ANSWERS_QUEUED else Verdict.OPEN
    enough = after.owed >= by.MISSED_ANSWERS and after.unanswered >= by.SLOWER_SAMPLES
    return after, Verdict.NOT_ANSWERING if enough else Verdict.OPEN


def room(cpu: float | None, others: Sequence[float], slower: int) -> float:
    """The least part of a slower pod's weight that it must keep, or the others would have more than they can serve.

    `cpu` is its own use, `others` theirs, `slower` the pods that want to give away at the same time.
    """
    if cpu is None or cpu <= 0 or not others:
        return 0.0
    free = sum(max(0.0, by.HIGHEST_UTILISATION - other) for other in others) / max(1, slower)
    return max(0.0, 1.0 - free / cpu)


def next_cut(cut: float, verdict: Verdict, ratio: float, least: float, seconds: float) -> float:
    """The part of its weight that a pod keeps: falls at once to `1/ratio`, comes back by itself.

    `ratio`: its latency against the middle pod's; `least`: of `room`.
    """
    if verdict in {Verdict.FINE, Verdict.OPEN}:
        recovered = cut ** (1.0 - part(seconds, by.CUT_RECOVERY_SECONDS))
        return 1.0 if recovered > 1.0 - by.PUBLISHED_CHANGE else recovered
    return min(cut, max(by.DEEPEST_CUT, least, 1.0 / max(ratio, 1.0)))
