"""From health to whole weights: the average pod's is 1000, then rules, cuts and trials multiply a pod's own.

The factors aren't normalised away again: -30 % is 1000 -> 700, and the other pods' weights stay as they are.
"""

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

from glm_operator.scheduler.weights import rules as by
from glm_operator.scheduler.weights.average import is_warming
from glm_operator.scheduler.weights.cpu_rule import cpu_factor
from glm_operator.scheduler.weights.decision import Basis, EndpointWeight, Reason, State
from glm_operator.scheduler.weights.fleet import Look
from glm_operator.scheduler.weights.history import History, is_unheard
from glm_operator.scheduler.weights.idle_rule import idle_factor, raised
from glm_operator.scheduler.weights.pauses import Tick
from glm_operator.scheduler.weights.roles import Roles


def endpoints_of(
    looks: Mapping[str, Look], histories: Mapping[str, History], roles: Roles, withheld: Set[str], tick: Tick
) -> tuple[tuple[EndpointWeight, ...], dict[str, History]]:
    """Every pod's weight, share and state, and the histories with what their owners are called now."""
    healths = _healths({pod: histories[pod] for pod in looks if pod in roles.serving}, tick.now)
    after, verdicts, weights = dict(histories), {}, {}
    busy_factor = _busy_factor([histories[pod] for pod in healths], tick)
    for pod in looks:
        aside = roles.aside(pod)
        if aside is not None:
            verdicts[pod] = aside
            continue
        health = healths[pod]
        after[pod] = _called(after[pod], health, busy_factor)
        verdicts[pod] = _verdict(after[pod], pod in withheld, pod in roles.kept, tick)
        if verdicts[pod][0] is not State.PAUSED:
            weights[pod] = _weight(after[pod], health, tick.rules)
    total = sum(weights.values())
    endpoints = tuple(
        EndpointWeight(
            pod=pod,
            weight=weights.get(pod),
            share=weights[pod] / total if pod in weights else 0.0,
            state=verdicts[pod][0],
            reason=verdicts[pod][1],
            basis=_basis(look, after[pod], healths.get(pod, 1.0), tick),
        )
        for pod, look in looks.items()
    )
    return endpoints, after


def _healths(histories: Mapping[str, History], now: float) -> dict[str, float]:
    """Healths with the mean 1; pods of which too little is known are average ones."""
    known = {
        pod: math.exp(one.average.log_health + one.average.log_balance)
        for pod, one in histories.items()
        if not is_warming(one.average, now)
    }
    mean = math.fsum(known.values()) / len(known) if known else 1.0
    return {pod: known[pod] / mean if pod in known else 1.0 for pod in histories}


def _called(history: History, health: float, busy_factor: float) -> History:
    """The history with what its owner gets by the CPU rule, and whether that or its health makes it Reduced.

    Between the edges it is what it was.
    """
    was = history.reduced
    busy = busy_factor if history.cpu.reduced else 1.0
    by_health = health < (by.NOT_REDUCED_ABOVE if was else by.REDUCED_BELOW)
    reduced = by_health or busy < (by.RULE_NOT_REDUCED_ABOVE if was else by.RULE_REDUCED_BELOW)
    return history if reduced == was and busy == history.busy else replace(history, reduced=reduced, busy=busy)


def _busy_factor(histories: Sequence[History], tick: Tick) -> float:
    served = [one for one in histories if one.outage is None]
    busy = sum(one.cpu.reduced for one in served)
    return cpu_factor(tick.rules.cpu, tick.fleet.utilisation, len(served), busy)


def _weight(history: History, health: float, rules: by.Rules) -> int:
    part = health * history.busy * history.cut * idle_factor(history.idle, rules.idle)
    trial = 1.0 if history.outage is None or history.outage.part is None else history.outage.part
    return max(1, round(by.MEAN_WEIGHT * max(by.FLOOR, part) * trial))


def _verdict(history: History, withheld: bool, kept: bool, tick: Tick) -> tuple[State, Reason]:
    """State and reason of a pod that may get requests: what weighs most comes first."""
    outage = history.outage
    if outage is not None:
        return (State.PAUSED, outage.reason) if outage.is_pause else (State.REDUCED, Reason.HALF_OPEN)
    cases = (
        (kept, State.ACTIVE, Reason.LAST_POD),
        (is_unheard(history, tick.now, by.BLACKOUT_SECONDS), State.UNKNOWN, Reason.UNKNOWN),
        (withheld, State.REDUCED if history.cut < 1.0 else State.ACTIVE, Reason.PAUSE_WITHHELD),
        (history.cut < 1.0, State.REDUCED, Reason.SLOWER),
        (history.cpu.reduced, State.REDUCED if history.reduced else State.ACTIVE, Reason.BUSY),
        (history.reduced, State.REDUCED, Reason.LESS_HEALTHY),
        (raised(history.idle, tick.rules.idle), State.ACTIVE, Reason.IDLE),
        (is_warming(history.average, tick.now), State.ACTIVE, Reason.WARMING),
    )
    return next(((state, reason) for holds, state, reason in cases if holds), (State.ACTIVE, Reason.HEALTHY))


def _basis(look: Look, history: History, health: float, tick: Tick) -> Basis:
    outage = history.outage
    return Basis(
        rules=tick.rules,
        cpu=look.means.cpu,
        latency_ms=look.means.latency_ms,
        failures=look.failures,
        answered=look.means.answered / len(look.history.window) if look.history.window else None,
        typical_ms=tick.fleet.typical_ms,
        health=health,
        balance=math.exp(history.average.log_balance),
        cut=history.cut,
        busy=history.busy,
        trial=None if outage is None else outage.part,
        remaining=None if outage is None or not outage.is_pause else max(0.0, outage.until - tick.now),
    )
