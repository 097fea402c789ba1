"""The record of who gets traffic: a decision for each change that somebody may ask about later."""

from collections.abc import Iterable, Mapping
from typing import Final

from glm_operator.scheduler.weights.decision import EndpointWeight, Reason, State, WeightDecision
from glm_operator.status.decisions import Decision

LOOP: Final = "traffic"
MAX_TOLD_PODS: Final = 8
"""Of many pods to which the same happens at once, the first ones are named."""

_UNTOLD: Final = frozenset({Reason.DRAINING, Reason.SLOWER})
"""An ending pod is the rollout's matter. A cut for seconds would push everything else out of the ten decisions that are
kept; `kubectl glm traffic` shows it while it lasts."""
_WARNINGS: Final = frozenset({Reason.NOT_ANSWERING, Reason.NO_HEARTBEAT, Reason.PAUSE_WITHHELD, Reason.LAST_POD})


def traffic_decisions(decision: WeightDecision, before: WeightDecision | None) -> list[Decision]:
    """What has changed for pods that were there before, one decision for all pods to which the same happened."""
    if before is None:
        return []
    earlier = {one.pod: one for one in before.endpoints}
    groups: dict[tuple[str, Reason], list[EndpointWeight]] = {}
    for endpoint in decision.endpoints:
        action = _action(earlier.get(endpoint.pod), endpoint)
        if action:
            groups.setdefault((action, endpoint.reason), []).append(endpoint)
    return [_decision(action, reason, pods) for (action, reason), pods in groups.items()]


def _action(before: EndpointWeight | None, now: EndpointWeight) -> str:
    """What was done to a pod; empty: nothing to tell."""
    if before is None or {before.reason, now.reason} & _UNTOLD:
        return ""
    if now.reason is not before.reason and now.reason in {Reason.PAUSE_WITHHELD, Reason.LAST_POD}:
        return now.reason.value
    return "" if now.state is before.state else _step(before.state, now.state)


def _step(before: State, now: State) -> str:
    if before is State.PAUSED:
        return "Resumed"
    if before is State.STANDBY:
        return "Promoted"
    actions: Mapping[State, str] = {
        State.PAUSED: "Paused",
        State.REDUCED: "Reduced",
        State.ACTIVE: "Restored",
        State.UNKNOWN: "Unknown",
        State.STANDBY: "Demoted",
    }
    return actions[now]


def _decision(action: str, reason: Reason, pods: Iterable[EndpointWeight]) -> Decision:
    told = list(pods)
    first, others = told[0], len(told) - 1
    names = [one.pod for one in told[:MAX_TOLD_PODS]]
    more = f" and {len(told) - len(names)} more" if len(told) > len(names) else ""
    also = f" (and {others} more like it)" if others else ""
    return Decision(
        loop=LOOP,
        action=action,
        reason=reason.value,
        message=f"{first.pod}{also}: {first.message}",
        inputs={"pods": ", ".join(names) + more, **first.inputs},
        warning=reason in _WARNINGS,
    )
