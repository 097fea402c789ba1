"""Falling fast: what shows within one or two ticks that a pod is much slower than the others, or answers nothing.

Three kinds of evidence, each against the other pods in the same second, so that a surge that slows all of them is none:

- **Slower**: 4 times the middle pod's latency, and 20 ms more, in 2 samples in a row. Its weight is cut by that ratio
  at once (to a fifth at most) and comes back within seconds: a pod that has to share its CPU for a while.
- **Far slower**: 20 times, and 100 ms more, in one sample of 5 requests or two of fewer. It gets nothing at once.
- **Not answering**: no answer, where its share of the traffic owed so many that chance is no explanation. A pod that
  answers in 2 s shows this a second before its first slow answer could show in any latency. It gets nothing at once.
  A pod in which nothing waits is taken for an idle one, whatever was expected.

Falling fast is for changes; what lasts is the formula's: a pod on slower hardware is judged against what it usually
takes longer than the middle pod (`usual_ratio`, which follows within a minute).

A pod that is slow because it has too much to do isn't broken: it is cut, not paused. After a pause it would come back
to the same weight and be slow again.

Why that doesn't swing: pods that differ by load alone reach such ratios only next to saturation, and there the cut is
bounded by what the others have room for (`room`), and a pause is withheld unless they can serve without it (`cap`).
The middle is the lower one of two, so of two pods the slower can be told.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    answered: float
    """Those that ended well."""
    owed: float
    """Answers to be expected by its share of the traffic and by what it answered before."""
    queued: bool | None
    """Whether requests wait in it; None: unknown."""
    overloaded: bool
    """It does as much as it can."""


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
    usual: float = 0.0
    """Logarithm of its latency against the middle pod's, averaged."""


NONE: Final = Suspicion()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a tick shows of a pod, and from what."""

    verdict: Verdict = Verdict.OPEN
    evidence: Evidence | None = None
    suspicion: Suspicion = NONE
    """What is suspected from now on."""

    @property
    def is_overloaded(self) -> bool:
        """Whether the pod does as much as it can, and isn't broken."""
        return self.evidence is not None and self.evidence.overloaded

    @property
    def serves_little(self) -> bool:
        """Whether it is known to give less than half of the answers that it owes."""
        if self.verdict is Verdict.NOT_ANSWERING:
            return True
        return self.evidence is not None and self.evidence.answered < by.OVERLOADED_ANSWERS * self.evidence.owed


UNJUDGED: Final = Judgement()


def next_suspicion(
    before: Suspicion, evidence: Evidence, typical_ms: float | None, seconds: float, now: float
) -> tuple[Suspicion, Verdict]:
    """What is suspected after a sample, and what that means. `typical_ms`: of the middle pod, in the same second."""
    if evidence.ended is None and evidence.latency_ms is None:
        return before, Verdict.OPEN
    if evidence.ended == 0:
        return _unanswered(before, evidence, typical_ms, now)
    if evidence.latency_ms is None or typical_ms is None:
        return Suspicion(answered_at=now, usual=before.usual), Verdict.OPEN
    ratio, excess = ratio_of(evidence.latency_ms, typical_ms), evidence.latency_ms - typical_ms
    beyond = ratio / math.exp(before.usual)
    slower = before.slower + 1 if beyond >= by.SLOWER_RATIO and excess >= by.SLOWER_EXCESS_MS else 0
    far = before.far_slower + 1 if beyond >= by.FAR_SLOWER_RATIO and excess >= by.FAR_SLOWER_EXCESS_MS else 0
    after = Suspicion(slower, far, answered_at=now, usual=_usual(before.usual, ratio, seconds))
    return after, _judged(after, evidence)


def ratio_of(latency_ms: float, typical_ms: float) -> float:
    """A latency against the middle pod's."""
    return max(latency_ms, by.LATENCY_FLOOR_MS) / max(typical_ms, by.LATENCY_FLOOR_MS)


def _usual(before: float, ratio: float, seconds: float) -> float:
    """What it usually takes longer. Never less than the middle pod, and bounded: none may get used to being broken."""
    wanted = min(math.log(by.HIGHEST_USUAL_RATIO), max(0.0, math.log(ratio)))
    return before + part(seconds, by.USUAL_TIME_CONSTANT) * (wanted - before)


def _judged(after: Suspicion, evidence: Evidence) -> Verdict:
    sure = (evidence.ended or 0.0) >= by.SURE_REQUESTS
    if after.far_slower >= (1 if sure else by.SLOWER_SAMPLES):
        return Verdict.SLOWER if evidence.overloaded else Verdict.FAR_SLOWER
    if after.slower >= by.SLOWER_SAMPLES:
        return Verdict.SLOWER
    return Verdict.OPEN if after.slower else Verdict.FINE


def _unanswered(
    before: Suspicion, evidence: Evidence, typical_ms: float | None, now: float
) -> tuple[Suspicion, Verdict]:
    if before.answered_at is None:
        return before, Verdict.OPEN
    after = replace(before, unanswered=before.unanswered + 1, owed=before.owed + evidence.owed)
    patience = by.MISSED_LATENCIES * (typical_ms or 0.0) / 1000
    if now - before.answered_at < patience:
        return after, Verdict.OPEN
    if evidence.queued:
        stuck = after.owed >= by.MISSED_ANSWERS_QUEUED
    else:
        idle = evidence.queued is False
        stuck = not idle and after.owed >= by.MISSED_ANSWERS and after.unanswered >= by.SLOWER_SAMPLES
    return after, Verdict.NOT_ANSWERING if stuck else Verdict.OPEN


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
