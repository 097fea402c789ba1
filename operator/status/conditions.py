"""Conditions as kstatus reads them: `Ready` is the verdict; `Reconciling` and `Stalled` are there while they hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

Status = Literal["True", "False", "Unknown"]

READY, RECONCILING, STALLED = "Ready", "Reconciling", "Stalled"
UNHANDLED_FIELDS = "UnhandledFields"
PODS_STARTING: Final = "PodsStarting"
"""Reason of a `Ready` that only needs time."""
TRAFFIC_PROGRAMMED: Final = "TrafficProgrammed"
"""Whether the gateway has what it needs to send requests; there only where one is used."""
SECURITY_WARNING = "SecurityWarning"
"""There while something is known to be unsafe; it says nothing about readiness."""

MAX_MESSAGE: Final = 8192
"""Characters of a condition's message. The API server may quote a whole object, and refuses a status with it."""
_CUT_OFF: Final = " ... (cut off)"


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


def shortened(text: str, most: int) -> str:
    """At most so many characters of a text, telling when that is not all of it."""
    return text if len(text) <= most else text[: most - len(_CUT_OFF)] + _CUT_OFF


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
        "message": shortened(verdict.message, MAX_MESSAGE),
    }
