"""`status.endpoints`: pods as targets of requests, for people to look at. Pure.

Latency and CPU stand there, rounded, so that whoever may read the resource sees them (`kubectl glm traffic`); the
operator's metrics have them every second, but few may reach those. A status that changed every second would be a write
a second for every resource: so what only drifts is written now and then, and what a person must see at once, at once.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from glm_operator.api.status import MAX_ENDPOINT_REASON, MAX_ENDPOINTS
from glm_operator.status.conditions import shortened

State = Literal["Active", "Reduced", "Paused", "Standby", "Unknown"]

WITHOUT_SHARE: Final = frozenset({"Paused", "Standby"})
"""States in which a pod gets nothing, whatever its weight is."""
SHIFT_SECONDS: Final = 2.0
"""How soon weights that have shifted are written again."""
DRIFT_SECONDS: Final = 60.0
"""How soon latencies and CPU that have drifted are written again."""
DRIFT_RATIO: Final = 1.5
DRIFT_CPU_POINTS: Final = 20
"""Changes of latency and weight, and of CPU, that are worth a write: an idle resource must not cause any."""
SHIFT_POINTS: Final = 5.0
"""Change of a pod's share of the traffic, in percentage points, from which on weights have shifted."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One pod as a target; None: not known."""

    pod: str
    state: State
    weight: int | None = None
    latency_ms: float | None = None
    cpu: float | None = None
    """As a share."""
    reason: str = ""
    """Why it doesn't get its full share; empty when it does."""


def endpoint_statuses(endpoints: Iterable[Endpoint]) -> list[dict[str, Any]]:
    """As they stand in the status, by name; what isn't known is left out."""
    ordered = sorted(endpoints, key=lambda endpoint: endpoint.pod)[:MAX_ENDPOINTS]
    return [_status(endpoint) for endpoint in ordered]


def worth_writing(
    before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]], seconds_since: float | None
) -> bool:
    """Whether the endpoints are to be written again.

    Args:
        before: as they were last written.
        now: as they would be written.
        seconds_since: time since then; None: not known, as after a restart.
    """
    if before == now:
        return False
    if seconds_since is None or _states(before) != _states(now):
        return True
    if _shifted(before, now):
        return seconds_since >= SHIFT_SECONDS
    return seconds_since >= DRIFT_SECONDS and _drifted(before, now)


def shares(endpoints: Iterable[Mapping[str, Any]]) -> dict[str, float | None]:
    """Share of the requests that each pod gets, by its name; None: it isn't weighted."""
    weights = {endpoint["pod"]: _effective_weight(endpoint) for endpoint in endpoints}
    total = sum(weight for weight in weights.values() if weight is not None)
    return {pod: weight / total if weight is not None and total else weight for pod, weight in weights.items()}


def rounded(value: float) -> str:
    """A number of at least 0 to two significant digits, written out."""
    if value <= 0:
        return "0"
    digits = 1 - math.floor(math.log10(value))
    text = f"{round(value, digits):.{max(digits, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _status(endpoint: Endpoint) -> dict[str, Any]:
    status: dict[str, Any] = {"pod": endpoint.pod, "state": endpoint.state}
    if endpoint.weight is not None:
        status["weight"] = endpoint.weight
    if endpoint.latency_ms is not None and math.isfinite(endpoint.latency_ms):
        status["latencyMilliseconds"] = rounded(endpoint.latency_ms)
    if endpoint.cpu is not None and math.isfinite(endpoint.cpu):
        status["cpuPercent"] = round(endpoint.cpu * 100)
    if endpoint.reason:
        status["reason"] = shortened(endpoint.reason, MAX_ENDPOINT_REASON)
    return status


def _states(endpoints: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {endpoint["pod"]: endpoint["state"] for endpoint in endpoints}


def _shifted(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> bool:
    old, new = shares(before), shares(now)
    return any(
        (old.get(pod) is None) != (share is None) or abs((old.get(pod) or 0.0) - (share or 0.0)) * 100 >= SHIFT_POINTS
        for pod, share in new.items()
    )


def _drifted(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> bool:
    old = {endpoint["pod"]: endpoint for endpoint in before}
    return any(_is_far(old.get(endpoint["pod"], {}), endpoint) for endpoint in now)


def _is_far(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a number tells a person something else than before; one that isn't known any more tells nothing."""
    cpu = new.get("cpuPercent")
    if cpu is not None and ("cpuPercent" not in old or abs(cpu - old["cpuPercent"]) >= DRIFT_CPU_POINTS):
        return True
    return any(
        field in new and _is_far_from(float(new[field]), old.get(field)) for field in ("latencyMilliseconds", "weight")
    )


def _is_far_from(new: float, old: str | int | None) -> bool:
    if old is None:
        return True
    if float(old) <= 0:
        return new > 0
    return not 1 / DRIFT_RATIO < new / float(old) < DRIFT_RATIO


def _effective_weight(endpoint: Mapping[str, Any]) -> float | None:
    if endpoint["state"] in WITHOUT_SHARE:
        return 0.0
    weight = endpoint.get("weight")
    return None if weight is None else float(weight)
