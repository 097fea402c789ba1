"""`status.endpoints` of a decision: small, and written only when it says something new."""

from collections.abc import Iterable
from typing import Final

from glm_operator.api.status import EndpointStatus
from glm_operator.scheduler.weights.decision import EndpointWeight, WeightDecision

MOST_ENDPOINTS: Final = 1000
"""As many as the CRD lets in."""
KEPT_WITHIN: Final = 0.2
"""A weight in the status is left as it is while the real one is no further off."""
_DIGITS: Final = 2


def endpoint_statuses(decision: WeightDecision, before: Iterable[EndpointStatus] = ()) -> list[EndpointStatus]:
    """The pods' states by name, with weights to two digits.

    A weight that stands in the status (`before`) stays while it is within a fifth of the real one, so that noise writes
    nothing. The real weights are in Envoy and in the metric; these are for people, and for a restart to begin with.
    """
    stood = {one.pod: one for one in before}
    return [_status(endpoint, stood.get(endpoint.pod)) for endpoint in decision.endpoints[:MOST_ENDPOINTS]]


def _status(endpoint: EndpointWeight, before: EndpointStatus | None) -> EndpointStatus:
    return EndpointStatus(pod=endpoint.pod, weight=_weight(endpoint, before), state=endpoint.state.value)


def _weight(endpoint: EndpointWeight, before: EndpointStatus | None) -> int | None:
    weight = endpoint.weight
    if weight is None:
        return None
    if before is not None and before.weight is not None and abs(before.weight - weight) <= KEPT_WITHIN * weight:
        return before.weight
    return rounded(weight)


def rounded(weight: int) -> int:
    """A weight to two digits: 1234 is 1200."""
    return round(weight, _DIGITS - len(str(weight)))
