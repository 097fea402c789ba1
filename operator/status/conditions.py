"""Conditions as kstatus reads them: `Ready` is the verdict; `Reconciling` and `Stalled` are there while they hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Status = Literal["True", "False", "Unknown"]

READY, RECONCILING, STALLED = "Ready", "Reconciling", "Stalled"
UNHANDLED_FIELDS = "UnhandledFields"
SECURITY_WARNING = "SecurityWarning"
"""There while something is known to be unsafe; it says nothing about readiness."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A condition without its history."""

    type: str
    status: Status
    reason: str
    message: str


def timestamp(now: datetime) -> str:
    """A time as the API writes it."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def conditions(
    verdicts: Iterable[Verdict], previous: Iterable[Mapping[str, Any]], generation: int, now: datetime
) -> list[dict[str, Any]]:
    """Conditions for the status; the time of the last transition is kept while a condition's status stays."""
    before = {condition["type"]: condition for condition in previous}
    return [_condition(verdict, before.get(verdict.type), generation, now) for verdict in verdicts]


def find(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """The condition of a type, if the status has one."""
    return next((condition for condition in status.get("conditions", ()) if condition["type"] == kind), None)


def _condition(verdict: Verdict, before: Mapping[str, Any] | None, generation: int, now: datetime) -> dict[str, Any]:
    stays = before is not None and before["status"] == verdict.status
    return {
        "type": verdict.type,
        "status": verdict.status,
        "observedGeneration": generation,
        "lastTransitionTime": before["lastTransitionTime"] if before is not None and stays else timestamp(now),
        "reason": verdict.reason,
        "message": verdict.message,
    }
