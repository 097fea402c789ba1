"""The record of decisions: the last ten in the status, each with the inputs that it was taken from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from glm_operator.api.status import MAX_DECISIONS
from glm_operator.status.conditions import PODS_STARTING, READY, STALLED, find, shortened, timestamp

MAX_MESSAGE: Final = 1024
"""Characters of a decision's message; ten of them are kept."""
MAX_TOLD_MODELS: Final = 8
"""Of a resource with many models, the first ones stand for the others among a decision's inputs."""


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
            "message": shortened(self.message, MAX_MESSAGE),
            "inputs": dict(self.inputs),
        }


def recorded(previous: Mapping[str, Any], decisions: Iterable[Decision], now: datetime) -> list[dict[str, Any]]:
    """The last decisions, oldest first."""
    return [*previous.get("decisions", ()), *(decision.record(now) for decision in decisions)][-MAX_DECISIONS:]


def readiness_decision(status: Mapping[str, Any], previous: Mapping[str, Any]) -> Decision | None:
    """What is to be told about readiness: a change of the verdict, or of what keeps it from getting better."""
    verdict = _verdict(status)
    if verdict is None or verdict == _verdict(previous):
        return None
    ready, stalled = find(status, READY) or {}, find(status, STALLED)
    if _verdict(previous) is None and ready["reason"] == PODS_STARTING and stalled is None:
        return None  # that pods start is what the making of them has told already
    told = stalled or ready
    return Decision(
        loop="readiness",
        action="Stalled" if stalled else ("Ready" if ready["status"] == "True" else "NotReady"),
        reason=told["reason"],
        message=told["message"],
        inputs={
            "generation": str(status.get("observedGeneration")),
            "pods": _text(status.get("replicas")),
            "serving pods": _text(status.get("readyReplicas")),
            **{f"model {model['name']}": model["state"] for model in status.get("models", ())[:MAX_TOLD_MODELS]},
        },
        warning=stalled is not None,
    )


def _verdict(status: Mapping[str, Any]) -> tuple[str, ...] | None:
    ready, stalled = find(status, READY), find(status, STALLED)
    return None if ready is None else (ready["status"], ready["reason"], stalled["reason"] if stalled else "")


def _text(value: int | None) -> str:
    return "unknown" if value is None else str(value)
