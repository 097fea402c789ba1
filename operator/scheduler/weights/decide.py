"""One tick: samples of all pods of a resource in; weights, whether to publish them, and the next state out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from glm_operator.scheduler.sample import PodSample
from glm_operator.scheduler.weights import rules as by
from glm_operator.scheduler.weights.decision import Reason, WeightDecision
from glm_operator.scheduler.weights.endpoints import endpoints_of
from glm_operator.scheduler.weights.fleet import Look, fleet_of, look_at
from glm_operator.scheduler.weights.history import FRESH, History, unserved, with_sample
from glm_operator.scheduler.weights.outage import Outage
from glm_operator.scheduler.weights.pauses import Tick
from glm_operator.scheduler.weights.publishing import is_due, published
from glm_operator.scheduler.weights.roles import Roles, roles_of
from glm_operator.scheduler.weights.serving import served
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
    histories, withheld = served(serving, shares, tick)
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
