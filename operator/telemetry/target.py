"""Which pods are read, and what must be known of them beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from glm_operator.api.inference import GLMInferenceSpec
from glm_operator.api.quantity import quantity
from glm_operator.resources.names import HTTP_PORT, METRICS_PORT, TRITON_CONTAINER, Object
from glm_operator.status.observation import observe_pod

Steps = Mapping[str, tuple[str, ...]]
"""Ensemble to the models that each of its requests calls; a model that it calls twice is named twice."""


@dataclass(frozen=True, slots=True)
class Target:
    """One pod to be read."""

    uid: str
    incarnation: str
    """Changes whenever the server is a new process: counters before and after can't be compared."""
    namespace: str
    name: str
    address: str
    """IP address."""
    node: str = ""
    cpu_limit_cores: float | None = None
    """Of the server's container; None where it has no limit."""
    steps: Steps = field(default_factory=dict)
    http_port: int = HTTP_PORT
    metrics_port: int = METRICS_PORT


def target_of(pod: Object, steps: Steps) -> Target:
    """The target for a pod as the API server has it; `steps` are those of its resource."""
    seen, metadata = observe_pod(pod), pod["metadata"]
    return Target(
        uid=metadata["uid"],
        incarnation=seen.incarnation,
        namespace=metadata["namespace"],
        name=seen.name,
        address=seen.address,
        node=seen.node,
        cpu_limit_cores=_cpu_limit(pod),
        steps=steps,
    )


def steps_of(spec: GLMInferenceSpec) -> Steps:
    """The steps of a resource's ensembles."""
    return {ensemble.name: tuple(step.model for step in ensemble.steps) for ensemble in spec.ensembles}


def _cpu_limit(pod: Object) -> float | None:
    for container in pod["spec"]["containers"]:
        if container["name"] == TRITON_CONTAINER:
            cores = quantity(container.get("resources", {}).get("limits", {}).get("cpu", ""))
            return float(cores) if cores is not None and cores > 0 else None
    return None
