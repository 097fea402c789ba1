"""What one look at the cluster showed. Frozen; what could not be read is None, never a zero or an empty list."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from glm_operator.api import group
from glm_operator.resources.model_revision import WantedModel
from glm_operator.resources.names import CONFIG_VOLUME, FETCH_CONTAINER, REPOSITORY_CONTAINER, TRITON_CONTAINER, Object
from glm_operator.resources.triton_deployment import revision_of


@dataclass(frozen=True, slots=True)
class ModelObservation:
    """One model on one pod."""

    ready: bool
    version: str
    reason: str
    answers: bool | None
    """Whether a probe inference succeeded on this server; None: not tried yet."""

    @property
    def serves(self) -> bool:
        """Ready, and an inference has succeeded."""
        return self.ready and self.answers is True

    @property
    def fails(self) -> bool:
        """Known not to serve; a model that nobody has loaded yet doesn't fail."""
        return not self.serves and (self.reason != "" or self.answers is False)


@dataclass(frozen=True, slots=True)
class UpdateFailure:
    """A revision that a running server refused to load; what it served before it goes on serving."""

    revision: str
    reason: str
    tries: int
    retry_at: float
    """On the monotonic clock."""


@dataclass(frozen=True, slots=True)
class ContainerTrouble:
    """Why a container isn't running."""

    container: str
    reason: str
    """Kubelet's word: ImagePullBackOff, CrashLoopBackOff, CreateContainerConfigError, Error, ..."""
    message: str
    killed: bool = False
    """It didn't end by itself: kubelet told it to, since a probe had failed for too long."""


@dataclass(frozen=True, slots=True)
class PodObservation:
    """One Triton pod."""

    name: str
    address: str
    node: str
    revision: str
    config_map: str
    """The generated ConfigMap that it mounts; empty when it mounts none."""
    deleting: bool
    started: bool
    """Kubelet's startup probe has passed: the server has bound its ports."""
    ready: bool
    """Kubelet counts it as ready, so that the Service sends it requests."""
    node_lost: bool
    """Its node's kubelet has gone silent, so that nothing is known of the pod."""
    gate: bool | None
    """The operator's readiness gate as it stands; None: none set."""
    incarnation: str
    """Changes whenever the server is a new process: pod and number of restarts."""
    unschedulable: str
    """The scheduler's message; empty when a node was found."""
    trouble: ContainerTrouble | None
    models: Mapping[str, ModelObservation] | None
    """None: the server could not be read."""
    fetching: bool = False
    """The model files are being fetched into it."""
    loaded: Mapping[str, str] | None = None
    """Every model that the server has loaded, wanted or not, to its revision; None: unknown."""
    failures: Mapping[str, UpdateFailure] = field(default_factory=dict)
    """Models that the server refused to load when it was told to, last time."""

    @property
    def crashed(self) -> bool:
        """The server has ended at least once, and is started anew."""
        return not self.incarnation.endswith("/0")

    def serves(self, required: Iterable[str]) -> bool:
        """Whether every one of the models answers on this pod."""
        models = self.models
        return (
            not self.deleting
            and models is not None
            and all(name in models and models[name].serves for name in required)
        )


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything that a decision about one resource is made from."""

    children: Mapping[str, Object | None]
    """The child as the cluster has it, by its key (`resources.children.single_children`)."""
    config_maps: tuple[Object, ...]
    """All generated ConfigMaps, of older revisions as well."""
    pods: tuple[PodObservation, ...]
    wanted: tuple[WantedModel, ...] | None
    """The models as every server shall run them; None while the source of their files isn't there."""
    repository_problem: str
    """Why the source isn't there; empty when it is, or when only the pods can tell."""
    status: Mapping[str, Any]
    """The status as last written."""


def is_server_of(pod: Object, name: str) -> bool:
    """Whether a pod with the right labels is a living server of this resource's own.

    It must be made by a ReplicaSet of the Deployment; and pods that failed or were evicted stay in the API server until
    they are collected, though nothing of them runs.
    """
    owners = pod["metadata"].get("ownerReferences", ())
    made_by_us = any(
        owner["kind"] == "ReplicaSet" and owner.get("controller") and owner["name"].startswith(f"{name}-")
        for owner in owners
    )
    return made_by_us and pod.get("status", {}).get("phase") not in {"Failed", "Succeeded"}


def observe_pod(pod: Object) -> PodObservation:
    """What the API server knows of a pod; its models are filled in by whoever reads the server."""
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status", {})
    conditions = {condition["type"]: condition for condition in status.get("conditions", ())}
    scheduled = conditions.get("PodScheduled", {})
    server = _server(status)
    return PodObservation(
        name=metadata["name"],
        address=status.get("podIP", ""),
        node=spec.get("nodeName", ""),
        revision=revision_of(pod),
        config_map=generated_config_map(spec),
        deleting="deletionTimestamp" in metadata,
        started=bool(server.get("started")) and "running" in server.get("state", {}),
        ready=conditions.get("Ready", {}).get("status") == "True",
        node_lost=conditions.get("Ready", {}).get("status") == "Unknown"
        or conditions.get("Ready", {}).get("reason") == "NodeNotReady",
        gate=conditions[group.READINESS_GATE].get("status") == "True" if group.READINESS_GATE in conditions else None,
        incarnation=f"{metadata['uid']}/{server.get('restartCount', 0)}",
        unschedulable=scheduled.get("message", "") if scheduled.get("reason") == "Unschedulable" else "",
        trouble=_trouble(status),
        models=None,
        fetching=any(
            container["name"] == FETCH_CONTAINER and "running" in container.get("state", {})
            for container in status.get("initContainerStatuses", ())
        ),
    )


def generated_config_map(spec: Mapping[str, Any]) -> str:
    """The generated ConfigMap that a pod mounts; empty when it mounts none."""
    volumes = {volume["name"]: volume for volume in spec.get("volumes", ())}
    return str(volumes.get(CONFIG_VOLUME, {}).get("configMap", {}).get("name", ""))


def _server(status: Mapping[str, Any]) -> Mapping[str, Any]:
    for container in status.get("containerStatuses", ()):
        if container["name"] == TRITON_CONTAINER:
            return dict(container)
    return {}


def _trouble(status: Mapping[str, Any]) -> ContainerTrouble | None:
    containers = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    for container in containers:
        trouble = _container_trouble(container)
        if trouble is not None:
            return trouble
    return None


_KILLED = frozenset({128 + 9, 128 + 15})
_PASSING = frozenset({"", "PodInitializing", "ContainerCreating", "Completed"})


def _container_trouble(container: Mapping[str, Any]) -> ContainerTrouble | None:
    state, last = container.get("state", {}), container.get("lastState", {}).get("terminated", {})
    ended = state.get("terminated", {})
    if ended.get("exitCode"):
        return ContainerTrouble(
            container["name"], ended.get("reason", "Error"), ended.get("message", ""), _was_killed(ended)
        )
    waiting = state.get("waiting", {})
    reason = waiting.get("reason", "")
    if reason in _PASSING:
        return None
    message = last.get("message", "") if container["name"] in {FETCH_CONTAINER, REPOSITORY_CONTAINER} else ""
    if container["name"] == FETCH_CONTAINER and last.get("reason") == "OOMKilled":
        reason = "OOMKilled"
    return ContainerTrouble(container["name"], reason, message or waiting.get("message", ""), _was_killed(last))


def _was_killed(ended: Mapping[str, Any]) -> bool:
    """Whether a container ended by SIGTERM or SIGKILL, and not for lack of memory."""
    return ended.get("exitCode") in _KILLED and ended.get("reason") != "OOMKilled"
