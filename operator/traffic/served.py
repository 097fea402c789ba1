"""What the traffic loop knows of a resource, whatever its pods are like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from glm_operator.api.inference import GLMInference, GLMInferenceSpec, InvalidSpecError, parse
from glm_operator.api.model import SELF_PLACING_ENGINES
from glm_operator.api.status import EndpointStatus
from glm_operator.api.traffic import Traffic
from glm_operator.gateway.traffic import ResourceKey
from glm_operator.resources.gateway_service import uses_gateway
from glm_operator.telemetry.target import Steps, steps_of


@dataclass(frozen=True, slots=True)
class Served:
    """A resource whose requests go through the gateway."""

    namespace: str
    name: str
    traffic: Traffic
    pods: int
    """Pods that it asks for, standbys among them."""
    steps: Steps = field(default_factory=dict)
    """Of its ensembles."""
    uniform: bool = False
    """Whether its requests usually take alike, so that one that takes much longer tells of its pod."""
    endpoints: tuple[Mapping[str, Any], ...] = ()
    """As its status has them."""

    @property
    def key(self) -> ResourceKey:
        """Which resource it is."""
        return self.namespace, self.name

    @classmethod
    def of(cls, inference: GLMInference, status: Mapping[str, Any]) -> Self | None:
        """The resource; None when its requests don't go through the gateway."""
        spec = inference.spec
        if not uses_gateway(spec):
            return None
        return cls(
            inference.namespace,
            inference.name,
            spec.traffic,
            spec.effective_replicas,
            steps_of(spec),
            is_uniform(spec),
            tuple(status.get("endpoints", ())),
        )


def is_uniform(spec: GLMInferenceSpec) -> bool:
    """Whether one latency speaks for all requests: one model, that doesn't make an answer piece by piece."""
    (first, *others) = spec.models
    return not (others or spec.ensembles or first.decoupled or first.engine in SELF_PLACING_ENGINES)


def served_in(bodies: Sequence[Mapping[str, Any]]) -> dict[ResourceKey, Served]:
    """All resources of a list that go through the gateway.

    One whose spec can't be read may have pods that serve: its requests go on by the defaults.
    """
    found = {}
    for body in bodies:
        metadata = body["metadata"]
        if "deletionTimestamp" in metadata:
            continue
        try:
            served = Served.of(parse(body), body.get("status", {}))
        except InvalidSpecError:
            served = Served(metadata["namespace"], metadata["name"], Traffic(), pods=0)
        if served is not None:
            found[served.key] = served
    return found


def weighed(endpoints: Sequence[Mapping[str, Any]]) -> tuple[EndpointStatus, ...]:
    """Endpoints as a status has them, for a loop that goes on where another one was."""
    return tuple(
        EndpointStatus(pod=each["pod"], weight=each.get("weight"), state=each["state"])
        for each in endpoints
        if each.get("pod") and each.get("state")
    )
