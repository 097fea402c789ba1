"""What the gateway is told of a resource: its pods with the weights that were last worth telling. Pure."""

from collections.abc import Mapping
from datetime import timedelta

from glm_operator.gateway.traffic import GatewayEndpoint, ResourceTraffic
from glm_operator.scheduler.weights.decision import WeightDecision
from glm_operator.scheduler.weights.rules import MEAN_WEIGHT
from glm_operator.traffic.crew import Crew, Member
from glm_operator.traffic.served import Served


def resource_traffic(
    served: Served, crew: Crew, weights: Mapping[str, int | None], patience: float | None = None
) -> ResourceTraffic:
    """A resource as the gateway is to see it.

    Args:
        served: the resource.
        crew: its pods.
        weights: by pod, as last published; a pod without one counts as an average one.
        patience: seconds until another pod is asked as well; None for none.
    """
    # Standbys are weighed by nobody, since nothing is known of how they would answer: they count alike.
    told = {**weights, **dict.fromkeys(crew.standby - crew.paused, MEAN_WEIGHT)}
    endpoints = [_endpoint(member, told) for member in sorted(crew.members, key=lambda member: member.name)]
    return ResourceTraffic(
        namespace=served.namespace,
        name=served.name,
        traffic=served.traffic,
        endpoints=tuple(each for each in endpoints if each.pod not in crew.standby),
        standbys=tuple(each for each in endpoints if each.pod in crew.standby),
        per_try_timeout=None if patience is None else timedelta(seconds=patience),
    )


def weights_of(decision: WeightDecision) -> dict[str, int | None]:
    """The decided weights by pod; None for a pod that gets nothing."""
    return {endpoint.pod: endpoint.weight for endpoint in decision.endpoints}


def _endpoint(member: Member, weights: Mapping[str, int | None]) -> GatewayEndpoint:
    return GatewayEndpoint(member.name, member.address, weights.get(member.name, MEAN_WEIGHT), draining=member.ending)
