"""What of the traffic stands in a resource's status, and when that is worth a write. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from glm_operator.observability.traffic_metrics import Shown
from glm_operator.scheduler.sample import PodSample
from glm_operator.scheduler.weights.decision import EndpointWeight, Reason, WeightDecision
from glm_operator.status.conditions import Verdict
from glm_operator.status.endpoints import Endpoint, endpoint_statuses, worth_writing

_FULL = frozenset({Reason.HEALTHY, Reason.IDLE, Reason.WARMING, Reason.STANDBY})


@dataclass(frozen=True, slots=True)
class TrafficReport:
    """As it stands in the status. Times are seconds on the monotonic clock."""

    endpoints: tuple[Mapping[str, Any], ...]
    verdict: Verdict | None
    """None while there is nothing to say but what the status says already."""
    endpoints_at: float
    """When the endpoints were last worth a write."""
    changed_at: float
    """When anything was."""


def first_report(endpoints: Sequence[Mapping[str, Any]], now: float) -> TrafficReport:
    """What the status says of an operator before this one, which is no news."""
    return TrafficReport(tuple(endpoints), None, now, -math.inf)


def next_report(
    before: TrafficReport, endpoints: list[dict[str, Any]], verdict: Verdict | None, now: float
) -> TrafficReport:
    """The report to go on with: the one before while nothing in it has changed that is worth a write."""
    told = verdict or before.verdict
    if worth_writing(before.endpoints, endpoints, now - before.endpoints_at):
        return TrafficReport(tuple(endpoints), told, now, now)
    return before if before.verdict == told else replace(before, verdict=told, changed_at=now)


def statuses_of(decision: WeightDecision, samples: Mapping[str, PodSample | None]) -> list[dict[str, Any]]:
    """`status.endpoints`."""
    return endpoint_statuses(_endpoint(each, samples.get(each.pod)) for each in decision.endpoints)


def shown_of(decision: WeightDecision, samples: Mapping[str, PodSample | None]) -> dict[str, Shown]:
    """The pods as the operator's metrics show them."""
    return {each.pod: _shown(each, samples.get(each.pod)) for each in decision.endpoints}


def _endpoint(each: EndpointWeight, sample: PodSample | None) -> Endpoint:
    return Endpoint(
        pod=each.pod,
        state=each.state.value,
        weight=each.weight,
        latency_ms=None if sample is None else sample.latency_ms,
        cpu=None if sample is None else sample.cpu,
        reason="" if each.reason in _FULL else each.message,
    )


def _shown(each: EndpointWeight, sample: PodSample | None) -> Shown:
    latency = None if sample is None or sample.latency_ms is None else sample.latency_ms / 1000.0
    return Shown(each.weight, each.state.value, latency, None if sample is None else sample.cpu)
