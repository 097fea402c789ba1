"""Whether a decision is worth a new configuration: each one makes Envoy rebuild its balancer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from glm_operator.scheduler.weights.decision import EndpointWeight, State
from glm_operator.scheduler.weights.rules import PUBLISHED_CHANGE, PUBLISHED_EVERY_SECONDS, ROUNDING

_ROUNDING: Final = 1e-9
"""Of a share."""


@dataclass(frozen=True, slots=True)
class Published:
    """What was published last."""

    at: float
    shares: Mapping[str, float]
    """Of the pods that get something."""
    states: Mapping[str, State]


def published(endpoints: Iterable[EndpointWeight], now: float) -> Published:
    """What is published from now on."""
    told = tuple(endpoints)
    return Published(
        at=now,
        shares={one.pod: one.share for one in told if one.weight is not None},
        states={one.pod: one.state for one in told},
    )


def is_due(endpoints: Iterable[EndpointWeight], before: Published | None, now: float) -> bool:
    """Whether to publish: a state or a pod has changed, or a share by more than 5 %; once a second at most.

    That a pod gets nothing from now on doesn't wait for the second.
    """
    if before is None:
        return True
    told = tuple(endpoints)
    if any(one.weight is None and one.pod in before.shares for one in told):
        return True
    if now - before.at < PUBLISHED_EVERY_SECONDS - ROUNDING:
        return False
    if before.states != {one.pod: one.state for one in told}:
        return True
    return any(_differs(one, before.shares.get(one.pod, 0.0)) for one in told)


def _differs(endpoint: EndpointWeight, share: float) -> bool:
    return abs(endpoint.share - share) > PUBLISHED_CHANGE * share + _ROUNDING
