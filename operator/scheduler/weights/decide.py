"""One tick: samples of all pods of a resource in; weights, whether to publish them, and the next state out."""

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from typing import Final

from glm_operator.scheduler.sample import PodSample
from glm_operator.scheduler.weights import rules as by
from glm_operator.scheduler.weights.average import NEW, Average, is_warming, time_constant, towards, without_score
from glm_operator.scheduler.weights.balance import balanced
from glm_operator.scheduler.weights.decision import Reason, WeightDecision
from glm_operator.scheduler.weights.endpoints import endpoints_of
from glm_operator.scheduler.weights.fall import Verdict, next_cut, next_suspicion, room
from glm_operator.scheduler.weights.fleet import Look, evidence, fleet_of, latency_now, look_at
from glm_operator.scheduler.weights.formula import log_health, relative, with_failures
from glm_operator.scheduler.weights.history import FRESH, History, unserved, with_sample
from glm_operator.scheduler.weights.outage import Outage
from glm_operator.scheduler.weights.pauses import Tick, begun, continued
from glm_operator.scheduler.weights.publishing import is_due, published
from glm_operator.scheduler.weights.roles import Roles, roles_of
from glm_operator.scheduler.weights.state import WeightState

_NO_PODS: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of a resource's pods."""

    samples: Mapping[str, PodSample | None]
    """Every pod by name, with its newest sample; None: there is none."""
    paused: frozenset[str] = _NO_PODS
    """By a user."""
    standby: frozenset[str] = _NO_PODS
    draining: frozenset[str] = _NO_PODS
    """Ending, or about to."""


def decide(seen: Observation, rules: by.Rules, state: WeightState, now: float) -> tuple[WeightDecision, WeightState]:
    """What every pod gets from now on, and the state for the next tick.

    `now`: seconds, on the clock of the samples. When it goes back, the loop's own clock stands still for that tick.
    """
    clock, offset = _clock(state, now)
    seconds = 0.0 if state.clock is None else min(clock - state.clock, by.LONGEST_STEP_SECONDS)
    roles = roles_of(seen.samples, paused=seen.paused, standby=seen.standby, draining=seen.draining)
    looks = {pod: _look(pod, seen.samples[pod], state.pods.get(pod), rules, clock, now) for pod in sorted(seen.samples)}
    serving = {pod: look for pod, look in looks.items() if pod in roles.serving}
    tick = Tick(clock, seconds, rules, fleet_of(look for look in serving.values() if look.history.outage is None))
    shares = state.published.shares if state.published is not None else {}
    histories, withheld = _served(serving, shares, tick)
    histories.update({pod: _set_aside(looks[pod].history, pod, roles, clock) for pod in looks if pod not in serving})
    endpoints, histories = endpoints_of(looks, histories, roles, withheld, tick)
    publish = is_due(endpoints, state.published, clock)
    told = published(endpoints, clock) if publish else state.published
    return WeightDecision(endpoints, publish), WeightState(clock, offset, histories, told)


def _clock(state: WeightState, now: float) -> tuple[float, float]:
    """The loop's clock and its offset. A clock that isn't a number stands still as well."""
    if not math.isfinite(now):
        return state.clock or 0.0, state.offset
    if state.clock is None or now + state.offset >= state.clock:
        return now + state.offset, state.offset
    return state.clock, state.clock - now


def _look(
    pod: str, sample: PodSample | None, before: History | None, rules: by.Rules, clock: float, now: float
) -> Look:
    age = 0.0 if sample is None else now - sample.at
    return look_at(pod, before, with_sample(before or FRESH, sample, age, clock, rules))


def _set_aside(history: History, pod: str, roles: Roles, clock: float) -> History:
    """Of a pod that gets nothing. One that a user paused comes back half-open."""
    by_user = pod in roles.paused
    return unserved(history, Outage(Reason.PAUSED_BY_USER, clock) if by_user else None)


def _served(
    looks: Mapping[str, Look], shares: Mapping[str, float], tick: Tick
) -> tuple[dict[str, History], frozenset[str]]:
    """The next histories of the pods that may get requests, and those that should be paused but can't be spared."""
    verdicts: dict[str, Verdict] = {}
    looks = {pod: _judged(look, shares, tick, verdicts) for pod, look in looks.items()}
    outages = continued(looks, verdicts, tick)
    active = {pod: look for pod, look in looks.items() if look.history.outage is None}
    fresh_outages, withheld = begun(active, verdicts, len(outages), tick)
    outages |= fresh_outages
    histories = _cut(active, verdicts, withheld, tick, _averaged(active, verdicts, tick))
    for pod, look in looks.items():
        histories[pod] = _with_outage(histories.get(pod, look.history), outages.get(pod))
    return histories, withheld


def _judged(look: Look, shares: Mapping[str, float], tick: Tick, verdicts: dict[str, Verdict]) -> Look:
    """The look with its suspicion moved on; what that means goes into `verdicts`."""
    shown = evidence(look, tick.fleet, shares)
    if shown is None:
        verdicts[look.pod] = Verdict.OPEN
        return look
    suspicion, verdicts[look.pod] = next_suspicion(look.history.suspicion, shown, tick.fleet.typical_ms, tick.now)
    return replace(look, history=replace(look.history, suspicion=suspicion))


def _with_outage(history: History, outage: Outage | None) -> History:
    if outage is not None and outage.is_pause:
        return unserved(history, outage)
    if outage == history.outage:
        return history
    begins = outage is not None and history.outage is not None and history.outage.is_pause
    return unserved(history, outage) if begins else replace(history, outage=outage)


def _averaged(looks: Mapping[str, Look], verdicts: Mapping[str, Verdict], tick: Tick) -> dict[str, Average]:
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
    return {pod: _average(look, scored.get(pod), verdicts[pod], constant, tick) for pod, look in looks.items()}


def _average(look: Look, score: float | None, verdict: Verdict, constant: float, tick: Tick) -> Average:
    before = look.history.average
    if score is None:
        return without_score(before, tick.seconds, tick.now)
    after = towards(before, score, constant, tick.now)
    if is_warming(after, tick.now) or verdict is Verdict.SLOWER or look.history.cut < 1.0 or not look.means.answered:
        return after
    return balanced(after, look.means.cpu, tick.fleet.utilisation, tick.seconds)


def _cut(
    looks: Mapping[str, Look],
    verdicts: Mapping[str, Verdict],
    withheld: Set[str],
    tick: Tick,
    averages: Mapping[str, Average],
) -> dict[str, History]:
    """The histories with their averages, and with the cut of the pods that are slower than the others.

    A broken pod that can't be spared is cut as far as the others have room.
    """
    slower = {pod: Verdict.SLOWER if pod in withheld and verdicts[pod].is_broken else verdicts[pod] for pod in looks}
    count = sum(verdict is Verdict.SLOWER for verdict in slower.values())
    cpus = {pod: look.means.cpu for pod, look in looks.items() if look.means.cpu is not None}
    histories = {}
    for pod, look in looks.items():
        least = 0.0
        if slower[pod] is Verdict.SLOWER:
            others = [cpu for other, cpu in cpus.items() if slower[other] is not Verdict.SLOWER]
            least = room(look.means.cpu, others, count)
        cut = next_cut(look.history.cut, slower[pod], _ratio(look, tick), least, tick.seconds)
        histories[pod] = replace(look.history, average=averages.get(pod, NEW), cut=cut)
    return histories


def _ratio(look: Look, tick: Tick) -> float:
    """Its latency against the middle pod's; without an answer, beyond all measure."""
    latency = latency_now(look, tick.fleet.failures)
    if latency is None or tick.fleet.typical_ms is None:
        return math.inf
    return latency / max(tick.fleet.typical_ms, by.LATENCY_FLOOR_MS)


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
