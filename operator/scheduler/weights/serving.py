"""The pods that may get requests, one tick further: judged, averaged, cut, paused and brought back."""

import math
from collections.abc import Mapping, Set
from dataclasses import replace

from glm_operator.scheduler.weights import rules as by
from glm_operator.scheduler.weights.average import (
    Average,
    is_warming,
    lowered,
    scaled,
    time_constant,
    towards,
    without_score,
)
from glm_operator.scheduler.weights.balance import balanced
from glm_operator.scheduler.weights.fall import Judgement, Verdict, next_cut, next_suspicion, ratio_of, room
from glm_operator.scheduler.weights.fleet import Look, evidence, latency_now
from glm_operator.scheduler.weights.formula import log_health, relative, with_failures
from glm_operator.scheduler.weights.history import History, unserved
from glm_operator.scheduler.weights.outage import Outage
from glm_operator.scheduler.weights.pauses import Tick, begun, continued


def served(
    seen: Mapping[str, Look], shares: Mapping[str, float], tick: Tick
) -> tuple[dict[str, History], frozenset[str]]:
    """The next histories of these pods, and those of them that should be paused but can't be spared.

    `shares`: of the requests, as published last.
    """
    looks = {pod: _judged(look, shares, tick) for pod, look in seen.items()}
    outages = continued(looks, tick)
    active = {pod: look for pod, look in looks.items() if look.history.outage is None}
    new, withheld = begun(active, len(outages), tick)
    averages, cuts = _averaged(active, tick), _cuts(active, withheld, tick)
    histories = {}
    for pod, look in looks.items():
        average = averages.get(pod, look.history.average)
        if pod in new and look.judgement.is_overloaded:
            average = lowered(average, by.OVERLOADED_PART)
        history = replace(
            look.history,
            suspicion=look.judgement.suspicion,
            average=average,
            cut=cuts.get(pod, look.history.cut),
        )
        histories[pod] = _with_outage(history, new.get(pod, outages.get(pod)))
    return histories, withheld


def _judged(look: Look, shares: Mapping[str, float], tick: Tick) -> Look:
    shown = evidence(look, tick.fleet, shares)
    before = look.history.suspicion
    if shown is None:
        return replace(look, judgement=Judgement(suspicion=before))
    suspicion, verdict = next_suspicion(before, shown, tick.fleet.typical_ms, tick.seconds, tick.now)
    return replace(look, judgement=Judgement(verdict, shown, suspicion))


def _with_outage(history: History, outage: Outage | None) -> History:
    if outage is not None and outage.is_pause:
        return unserved(history, outage)
    if outage == history.outage:
        return history
    begins = outage is not None and history.outage is not None and history.outage.is_pause
    return unserved(history, outage) if begins else replace(history, outage=outage)


def _averaged(looks: Mapping[str, Look], tick: Tick) -> dict[str, Average]:
    """The averages of the pods that take part in the traffic."""
    latencies = {
        pod: latency
        for pod, look in looks.items()
        if look.fresh is not None
        and (latency := with_failures(look.means.latency_ms, look.failures, tick.fleet.failures)) is not None
    }
    # An unknown CPU is taken for the mean one, so that latency alone decides about the pod.
    usual = tick.fleet.utilisation or 1.0
    scores = relative([log_health(_or(looks[pod].means.cpu, usual), latency) for pod, latency in latencies.items()])
    scored = dict(zip(latencies, scores, strict=True))
    constant = time_constant(tick.rules.window_seconds, tick.fleet.utilisation)
    return {pod: _average(look, scored.get(pod), constant, tick) for pod, look in looks.items()}


def _average(look: Look, score: float | None, constant: float, tick: Tick) -> Average:
    before = _without_rule(look.history)
    if look.fresh is None:
        return before
    if score is None:
        return without_score(before, tick.seconds, tick.now)
    after = towards(before, score, constant, tick.now)
    slower = look.judgement.verdict is Verdict.SLOWER or look.history.cut < 1.0
    if slower or is_warming(after, tick.now) or not look.means.answered:
        return after
    return balanced(after, look.means.cpu, tick.fleet.utilisation, tick.seconds)


def _without_rule(history: History) -> Average:
    """The average as it goes on when the CPU rule ends.

    It takes over what the rule had taken away, so that the weight doesn't jump back and make the pod busy again, but
    rises as slowly as the average does.
    """
    if history.cpu.reduced or history.busy >= 1.0:
        return history.average
    return scaled(history.average, history.busy)


def _cuts(looks: Mapping[str, Look], withheld: Set[str], tick: Tick) -> dict[str, float]:
    """What the pods that are slower than the others keep of their weights.

    A broken pod that can't be spared is cut as far as the others have room.
    """
    verdicts = {pod: look.judgement.verdict for pod, look in looks.items()}
    slower = {
        pod for pod, verdict in verdicts.items() if verdict is Verdict.SLOWER or (verdict.is_broken and pod in withheld)
    }
    others = [look.means.cpu for pod, look in looks.items() if pod not in slower and look.means.cpu is not None]
    cuts = {}
    for pod, look in looks.items():
        least = room(look.means.cpu, others, len(slower)) if pod in slower else 0.0
        verdict = Verdict.SLOWER if pod in slower else Verdict.OPEN
        cuts[pod] = next_cut(look.history.cut, verdict, _ratio(look, tick), least, tick.seconds)
    return cuts


def _ratio(look: Look, tick: Tick) -> float:
    """Its latency against the middle pod's; without an answer, beyond all measure."""
    latency = latency_now(look, tick.fleet.failures)
    if latency is None or tick.fleet.typical_ms is None:
        return math.inf
    return ratio_of(latency, tick.fleet.typical_ms)


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
