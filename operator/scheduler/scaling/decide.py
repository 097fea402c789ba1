"""The scaling decision: one look at load and pods in; replicas, reason and the state to keep out.

The shape: pods for the offered load (not a ratio of ready pods, which shrinks the fleet while pods start), more at
once in a burst, at least the forecast's floor; then bounds, `behavior`, and what quota and accelerators have room
for. Pods that are not ready yet are pods: asking for them again would be over-scaling. An unknown load changes
nothing until the fallback takes over.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

from glm_operator.scheduler.scaling.behavior import Moments, fewest, most, recent, stabilized, with_high, with_low
from glm_operator.scheduler.scaling.decision import Decision, Limit, Reason
from glm_operator.scheduler.scaling.panic import CALM, Panic, next_panic
from glm_operator.scheduler.scaling.rates import Load
from glm_operator.scheduler.scaling.rules import Rules

GAP_SECONDS: Final = 60.0
"""Without a known load for longer, what was recommended before says nothing: the window begins anew, at the present
pods."""
_ROUNDING: Final = 1e-9
_BEYOND_ALL_BOUNDS: Final = 1e9
"""Pods: a rate that would overflow wants no more than this."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many more pods there is room for; None: unknown, and then not a limit (a pod that finds no room says so)."""

    quota: int | None = None
    accelerators: int | None = None


BOUNDLESS: Final = Room()


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen."""

    current: int
    """Pods that are asked for now, ready or not."""
    load: Load
    ready: int | None = None
    """None: unknown."""
    ready_since: float | None = None
    """When the youngest ready pod became so; None: unknown or none."""
    rollout: bool = False
    """Whether pods of two revisions are there."""
    forecast: float | None = None
    """Requests per second that shall be provided for; None: no forecast is trusted or wanted."""
    room: Room = BOUNDLESS


@dataclass(frozen=True, slots=True)
class Memory:
    """What the next decision needs to know of the earlier ones. A new one never scales in before a whole window."""

    known_at: float | None = None
    """When the load was last known."""
    replicas: int | None = None
    """Pods that were asked for at last."""
    highs: Moments = ()
    lows: Moments = ()
    """Recommendations that still count."""
    changes: Moments = ()
    """Changes that policies still count."""
    panic: Panic = CALM
    failures: int = 0
    """Looks in a row without a known load."""
    idle_since: float | None = None


def decide(seen: Observation, rules: Rules, memory: Memory, now: float) -> tuple[Decision, Memory]:
    """How many replicas, and the memory for the next call. `now`: seconds, on the clock of the observation's times."""
    memory = _at(memory, seen.current, rules, now)
    stable, burst = _count(seen.load.stable), _count(seen.load.burst)
    if stable is None:
        return _without_load(seen, rules, memory, now)
    needed = _pods(stable, rules.target)
    bursting = needed if burst is None else _pods(burst, rules.target)
    ready = seen.current if seen.ready is None else seen.ready
    panic = next_panic(memory.panic, needed, bursting, ready, rules, now)
    memory = _remembering(memory, seen, panic, needed, rules, now)
    wanted, why = _wanted(seen, rules, memory, stable, needed, now)
    replicas, limit, memory = _limited(seen, rules, memory, wanted, now)
    decision = Decision(
        replicas, seen.current, wanted, why, limit, rules.target, seen.ready, stable, burst, _count(seen.forecast)
    )
    return decision, _carried_out(memory, decision, now)


def _carried_out(memory: Memory, decision: Decision, now: float) -> Memory:
    """The memory once the decision is acted on; where it is not, the next look finds another number and corrects it."""
    change = decision.replicas - decision.current
    if not change:
        return memory
    return replace(memory, replicas=decision.replicas, changes=(*memory.changes, (now, change)))


def _count(value: float | None) -> float | None:
    """A rate that is one; NaN, infinity and less than nothing are unknown."""
    return value if value is not None and 0 <= value < math.inf else None


def _pods(rate: float, target: float) -> int:
    return math.ceil(min(rate / target, _BEYOND_ALL_BOUNDS) - _ROUNDING)


def _at(memory: Memory, current: int, rules: Rules, now: float) -> Memory:
    """The memory at `now`: a clock that went backwards makes nothing expire later than it would from now on."""
    newest = max((moments[-1][0] for moments in (memory.highs, memory.lows, memory.changes) if moments), default=now)
    if newest > now or (memory.known_at or now) > now:
        memory = replace(
            memory,
            known_at=None if memory.known_at is None else min(memory.known_at, now),
            highs=_not_after(memory.highs, now),
            lows=_not_after(memory.lows, now),
            changes=_not_after(memory.changes, now),
            idle_since=None,
        )
    if memory.replicas == current and not memory.changes:
        return memory
    change = 0 if memory.replicas is None else current - memory.replicas
    changes = (*memory.changes, (now, change)) if change else memory.changes
    return replace(memory, replicas=current, changes=recent(changes, now, (rules.up, rules.down)))


def _not_after(moments: Moments, now: float) -> Moments:
    return tuple((min(at, now), value) for at, value in moments)


def _remembering(memory: Memory, seen: Observation, panic: Panic, needed: int, rules: Rules, now: float) -> Memory:
    """The memory after a known load. After a gap, the present pods stand for what was recommended in it."""
    begins = memory.known_at is None or now - memory.known_at > GAP_SECONDS
    highs, lows = memory.highs, memory.lows
    idle_since = memory.idle_since
    if begins:
        idle_since = None
        highs = with_high((), now, seen.current, rules.down.window_seconds)
        lows = with_low((), now, seen.current, rules.up.window_seconds)
    idle = needed == 0
    idle_since = (now if idle_since is None else idle_since) if idle else None
    return Memory(now, memory.replicas, highs, lows, memory.changes, panic, 0, idle_since)


def _wanted(
    seen: Observation, rules: Rules, memory: Memory, stable: float, needed: int, now: float
) -> tuple[int, Reason]:
    """The pods that load, burst and forecast ask for."""
    wanted, why = needed, Reason.LOAD
    if seen.current and abs(stable / (rules.target * seen.current) - 1) <= rules.tolerance:
        wanted, why = seen.current, Reason.TOLERANCE
    if memory.panic.breached_at is not None and memory.panic.replicas > wanted:
        wanted, why = memory.panic.replicas, Reason.PANIC
    forecast = _count(seen.forecast)
    if forecast is not None and _pods(forecast, rules.target) > wanted:
        wanted, why = _pods(forecast, rules.target), Reason.FORECAST
    if wanted == 0:
        return (0 if _may_end(seen, rules, memory, now) else 1), Reason.IDLE
    return wanted, why


def _may_end(seen: Observation, rules: Rules, memory: Memory, now: float) -> bool:
    """Whether the last pod may go: it has been of no use for long enough, and it has been ready that long."""
    if seen.current == 0:
        return True
    rested = (memory.idle_since, seen.ready_since)
    return seen.current == 1 and all(since is not None and now - since >= rules.idle_seconds for since in rested)


def _limited(seen: Observation, rules: Rules, memory: Memory, wanted: int, now: float) -> tuple[int, Limit, Memory]:
    """What may be done of it now."""
    current = seen.current
    replicas, limit = _bounded(wanted, rules)
    if replicas < current and (seen.rollout or not seen.load.complete):
        replicas, limit = current, Limit.ROLLOUT if seen.rollout else Limit.INCOMPLETE
    highs = with_high(memory.highs, now, replicas, rules.down.window_seconds)
    # Without a window only the newest recommendation counts, whatever else came at the same time.
    lows = with_low(memory.lows if rules.up.window_seconds else (), now, replicas, rules.up.window_seconds)
    memory = Memory(
        memory.known_at, current, highs, lows, memory.changes, memory.panic, memory.failures, memory.idle_since
    )
    if replicas == current:
        return *_bounded(current, rules, limit), memory
    steady = stabilized(current, highs, lows)
    if steady != replicas:
        replicas, limit = steady, Limit.WINDOW
    replicas, limit = _paced(seen, rules, memory.changes, replicas, limit, now)
    return *_bounded(replicas, rules, limit), memory


def _paced(
    seen: Observation, rules: Rules, changes: Moments, replicas: int, limit: Limit, now: float
) -> tuple[int, Limit]:
    """`replicas`, as far as policies and room allow."""
    if replicas < seen.current:
        least = fewest(seen.current, changes, now, rules.down)
        return (least, Limit.POLICY) if replicas < least else (replicas, limit)
    if replicas > seen.current:
        bounds = (
            (most(seen.current, changes, now, rules.up), Limit.POLICY),
            (_up_to(seen.current, seen.room.quota), Limit.QUOTA),
            (_up_to(seen.current, seen.room.accelerators), Limit.ACCELERATORS),
        )
        bound, cause = min(bounds, key=lambda one: one[0])
        return (int(bound), cause) if replicas > bound else (replicas, limit)
    return replicas, limit


def _up_to(current: int, more: int | None) -> float:
    return math.inf if more is None else current + max(0, more)


def _bounded(replicas: int, rules: Rules, limit: Limit = Limit.NONE) -> tuple[int, Limit]:
    """`replicas` within the resource's bounds, which hold whatever else is known."""
    if replicas < rules.minimum:
        return rules.minimum, Limit.MINIMUM
    if replicas > rules.maximum:
        return rules.maximum, Limit.MAXIMUM
    return replicas, limit


def _without_load(seen: Observation, rules: Rules, memory: Memory, now: float) -> tuple[Decision, Memory]:
    """Hold; after enough failed readings, what the fallback says, at the speed that the policies allow."""
    failures = memory.failures + 1
    wanted, why = seen.current, Reason.UNKNOWN
    if failures >= rules.fallback.failure_threshold:
        wanted, why = _fallback(seen.current, rules), Reason.FALLBACK
    replicas, limit = _paced(seen, rules, memory.changes, wanted, Limit.NONE, now)
    replicas, limit = _bounded(replicas, rules, limit)
    if seen.rollout and replicas < seen.current <= rules.maximum:
        replicas, limit = seen.current, Limit.ROLLOUT
    decision = Decision(replicas, seen.current, wanted, why, limit, rules.target, seen.ready, None, None, None)
    memory = replace(memory, replicas=seen.current, failures=failures, idle_since=None)
    return decision, _carried_out(memory, decision, now)


def _fallback(current: int, rules: Rules) -> int:
    replicas = rules.fallback.replicas
    return {
        "Static": replicas,
        "CurrentReplicas": current,
        "CurrentReplicasIfHigher": max(current, replicas),
        "CurrentReplicasIfLower": min(current, replicas),
    }[rules.fallback.behavior]
