"""Who is paused in a tick, who is on the way back, and who should be paused but can't be spared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from glm_operator.scheduler.weights import rules as by
from glm_operator.scheduler.weights.cap import Wish, granted, most_out
from glm_operator.scheduler.weights.decision import Reason
from glm_operator.scheduler.weights.fall import Verdict
from glm_operator.scheduler.weights.fleet import Fleet, Look, latency_now
from glm_operator.scheduler.weights.history import History
from glm_operator.scheduler.weights.latency_rule import asks_for_pause
from glm_operator.scheduler.weights.outage import Outage, next_outage, paused, trial_part

_CERTAIN: Final = 1e15
"""Severity of what is not a matter of degree; more than any latency."""


@dataclass(frozen=True, slots=True)
class Tick:
    """What every part of a tick shares."""

    now: float
    """On the loop's clock."""
    seconds: float
    """Since the tick before."""
    rules: by.Rules
    fleet: Fleet


def continued(looks: Mapping[str, Look], tick: Tick) -> dict[str, Outage]:
    """The outages that go on, of the pods that were out; no more than may be (pods may have gone meanwhile)."""
    outages = {
        pod: outage
        for pod, look in looks.items()
        if look.history.outage is not None and (outage := _continued(look, look.history.outage, tick)) is not None
    }
    ranked = sorted(outages, key=lambda pod: (not outages[pod].is_pause, -outages[pod].until, pod))
    return {pod: outages[pod] for pod in ranked[: most_out(len(looks))]}


def begun(looks: Mapping[str, Look], out: int, tick: Tick) -> tuple[dict[str, Outage], frozenset[str]]:
    """New outages among the pods that take part in the traffic, and the pods that should be out but can't be spared.

    `out`: pods that are out already.
    """
    wishes = _wishes(looks, out, tick)
    allowed = granted(
        wishes.values(),
        out,
        len(looks) + out,
        {pod: look.means.cpu for pod, look in looks.items() if look.means.cpu is not None},
    )
    seconds = float(tick.rules.latency.pause_seconds)
    pauses = {pod: paused(wishes[pod].reason, tick.now, seconds) for pod in allowed}
    withheld = {pod for pod in wishes if pod not in allowed and wishes[pod].reason is not Reason.NO_HEARTBEAT}
    return pauses, frozenset(withheld | _all_slow(looks, tick))


def _continued(look: Look, outage: Outage, tick: Tick) -> Outage | None:
    seconds = float(tick.rules.latency.pause_seconds)
    if outage.reason is Reason.NO_HEARTBEAT and look.history.silent_since is not None:
        return paused(outage.reason, tick.now, seconds)
    usual = look.means.answered / max(tick.rules.window_seconds, 1.0)
    rate = tick.fleet.answered / tick.fleet.pods if tick.fleet.pods else usual
    return next_outage(
        outage,
        well=_does_well(look, tick),
        first_part=trial_part(rate),
        pause_seconds=seconds,
        seconds=tick.seconds,
        now=tick.now,
    )


def _does_well(look: Look, tick: Tick) -> bool | None:
    """Whether a pod on trial answers as it should; None: it has answered nothing new."""
    if look.judgement.verdict.is_broken or look.judgement.verdict is Verdict.SLOWER:
        return False
    if look.fresh is not None and look.fresh.failed > look.answered and tick.fleet.failures < by.FAILING_SHARE:
        return False
    latency = latency_now(look, tick.fleet.failures)
    if latency is None:
        return None
    if look.judgement.suspicion.slower:
        return False
    usual = by.TRIAL_RATIO * (tick.fleet.typical_ms or 0.0)
    return latency <= max(float(tick.rules.latency.threshold_milliseconds), usual)


def _wishes(looks: Mapping[str, Look], out: int, tick: Tick) -> dict[str, Wish]:
    silent = {pod for pod, look in looks.items() if _is_silent(look.history, tick)}
    if len(silent) + out > most_out(len(looks) + out):
        # So many at once: rather the operator is cut off than they. Envoy's own checks see what is really gone.
        silent = set()
    all_slow = _all_slow(looks, tick)
    return {
        pod: wish
        for pod, look in looks.items()
        if (wish := _wish(look, pod in silent, pod in all_slow, tick)) is not None
    }


def _wish(look: Look, silent: bool, all_slow: bool, tick: Tick) -> Wish | None:
    if silent:
        return Wish(look.pod, Reason.NO_HEARTBEAT, _CERTAIN, None, serves_little=True)
    cause = _cause(look, all_slow, tick)
    if cause is None:
        return None
    return Wish(look.pod, *cause, look.means.cpu, serves_little=look.judgement.serves_little)


def _cause(look: Look, all_slow: bool, tick: Tick) -> tuple[Reason, float] | None:
    """Why a new sample asks for a pause, and how much."""
    if look.fresh is None:
        return None
    if look.judgement.verdict is Verdict.NOT_ANSWERING:
        return Reason.NOT_ANSWERING, _CERTAIN
    if look.judgement.verdict is Verdict.FAR_SLOWER:
        return Reason.FAR_SLOWER, latency_now(look, tick.fleet.failures) or 0.0
    if asks_for_pause(look.history.slow, tick.rules.latency) and not all_slow:
        return Reason.SLOW, look.fresh.latency_ms or 0.0
    return None


def _is_silent(history: History, tick: Tick) -> bool:
    since = history.silent_since
    return since is not None and tick.now - since >= tick.rules.heartbeat_seconds - by.ROUNDING


def _all_slow(looks: Mapping[str, Look], tick: Tick) -> set[str]:
    """The pods that the latency rule would pause while all of them are slow: that would only move the load."""
    if not all(look.history.slow for look in looks.values()):
        return set()
    return {pod for pod, look in looks.items() if asks_for_pause(look.history.slow, tick.rules.latency)}
