"""When evidence becomes an alarm, and when it is over: k of n to open, a lower mark and a quiet time to close."""

from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

Change: TypeAlias = Literal["opened", "closed"]

OPEN_AT: Final = 0.5
"""Evidence (0..1) of an alarm: the witnesses' mean rarity is 1 in 60 of the series' own past."""


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """How sure one wants to be."""

    open_at: float = OPEN_AT
    close_below: float = 0.3
    needed: int = 2
    out_of: int = 4
    """Samples: `needed` of the last `out_of` at or above `open_at` open the alarm."""
    quiet_seconds: float = 120.0
    """Below `close_below` for so long closes it."""
    refractory_seconds: float = 600.0
    """After closing, for so long only more evidence than the last alarm's highest opens another."""


@dataclass(frozen=True, slots=True)
class AlarmState:
    """Of one series; the initial one knows nothing."""

    recent: tuple[bool, ...] = ()
    opened_at: float | None = None
    highest: float = 0.0
    """Evidence of the open alarm, or of the last one."""
    loud_at: float | None = None
    """The last time the evidence was not below `close_below`."""
    closed_at: float | None = None


def judge(state: AlarmState, evidence: float | None, now: float, rule: AlarmRule) -> tuple[AlarmState, Change | None]:
    """The state after a sample, and what changed. None: the sample is missing, which neither opens nor closes."""
    if evidence is None:
        return state, None
    recent = (*state.recent, evidence >= rule.open_at)[-rule.out_of :]
    state = replace(state, recent=recent)
    return (
        _while_open(state, evidence, now, rule)
        if state.opened_at is not None
        else _while_closed(state, evidence, now, rule)
    )


def _while_open(state: AlarmState, evidence: float, now: float, rule: AlarmRule) -> tuple[AlarmState, Change | None]:
    if evidence >= rule.close_below:
        return replace(state, loud_at=now, highest=max(state.highest, evidence)), None
    if state.loud_at is not None and now - state.loud_at < rule.quiet_seconds:
        return state, None
    return replace(state, opened_at=None, closed_at=now, recent=()), "closed"


def _while_closed(state: AlarmState, evidence: float, now: float, rule: AlarmRule) -> tuple[AlarmState, Change | None]:
    if sum(state.recent) < rule.needed:
        return state, None
    refractory = state.closed_at is not None and now - state.closed_at < rule.refractory_seconds
    if refractory and evidence <= state.highest:
        return state, None
    return replace(state, opened_at=now, loud_at=now, highest=evidence), "opened"
