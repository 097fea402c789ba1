"""The record of decisions: the last ten in the status, each with the inputs that it was taken from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from glm_operator.api.status import MAX_DECISIONS
from glm_operator.status.conditions import READY, find, timestamp


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, why, and from what."""

    loop: str
    action: str
    reason: str
    message: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    warning: bool = False
    """Whether a human may have to do something."""

    def record(self, now: datetime) -> dict[str, Any]:
        """As it stands in `status.decisions`."""
        return {
            "time": timestamp(now),
            "loop": self.loop,
            "action": self.action,
            "reason": self.reason,
            "message": self.message,
            "inputs": dict(self.inputs),
        }


def recorded(previous: Mapping[str, Any], decisions: Iterable[Decision], now: datetime) -> list[dict[str, Any]]:
    """The last decisions, oldest first."""
    return [*previous.get("decisions", ()), *(decision.record(now) for decision in decisions)][-MAX_DECISIONS:]


def readiness_decision(status: Mapping[str, Any], previous: Mapping[str, Any]) -> Decision | None:
    """What is to be told about readiness: a change of the verdict or of its reason."""
    now_ready, was_ready = find(status, READY), find(previous, READY)
    if now_ready is None or (was_ready is not None and _same(now_ready, was_ready)):
        return None
    ready = now_ready["status"] == "True"
    models = {f"model {model['name']}": model["state"] for model in status.get("models", ())}
    inputs = {
        "pods": str(status.get("replicas", "unknown")),
        "serving pods": str(status.get("readyReplicas", "unknown")),
        "generation": str(status.get("observedGeneration")),
        **dict(list(models.items())[:8]),
    }
    return Decision(
        loop="readiness",
        action="Ready" if ready else "NotReady",
        reason=now_ready["reason"],
        message=now_ready["message"],
        inputs=inputs,
        warning=not ready and any(c["type"] == "Stalled" for c in status["conditions"]),
    )


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return (one["status"], one["reason"]) == (other["status"], other["reason"])
