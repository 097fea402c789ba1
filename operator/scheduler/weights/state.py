"""What the loop keeps from one tick to the next, as a value."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from glm_operator.api.status import EndpointStatus
from glm_operator.scheduler.weights.average import Average
from glm_operator.scheduler.weights.decision import Reason, State
from glm_operator.scheduler.weights.history import History
from glm_operator.scheduler.weights.outage import Outage
from glm_operator.scheduler.weights.publishing import Published
from glm_operator.scheduler.weights.rules import HIGHEST_HEALTH, LOWEST_HEALTH, MEAN_WEIGHT

LONG_AGO: Final = -math.inf


@dataclass(frozen=True, slots=True)
class WeightState:
    """The state after a tick. A new one knows no pod, so that all of them count as average ones."""

    clock: float | None = None
    """The loop's own clock, in seconds, which never goes back; None: it hasn't run yet."""
    offset: float = 0.0
    """What is added to the caller's clock; grows when that goes back."""
    pods: Mapping[str, History] = field(default_factory=dict)
    published: Published | None = None

    @classmethod
    def from_weights(cls, endpoints: Iterable[EndpointStatus]) -> Self:
        """The state of a loop that goes on where an earlier one was, by `status.endpoints`.

        Who was paused comes back half-open. Unweighted pods of other states begin as new ones.
        """
        return cls(pods={one.pod: known for one in endpoints if (known := _restored(one)) is not None})


def _restored(endpoint: EndpointStatus) -> History | None:
    if endpoint.state == State.PAUSED.value:
        return History(outage=Outage(Reason.PAUSED_BEFORE, LONG_AGO))
    if endpoint.weight is None or endpoint.weight < 1:
        return None
    health = min(HIGHEST_HEALTH, max(LOWEST_HEALTH, endpoint.weight / MEAN_WEIGHT))
    return History(average=Average(log_health=math.log(health), known_since=LONG_AGO))
