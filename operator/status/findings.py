"""Why a resource isn't ready: a chain of checks that reads as sentences. The first that finds something is the reason.

A finding's reason is the word that reaches the condition, the Event, the metric and `kubectl glm explain`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from glm_operator.api.inference import GLMInferenceSpec
from glm_operator.resources.names import FETCH_CONTAINER, REPOSITORY_CONTAINER, TRITON_CONTAINER
from glm_operator.resources.triton_deployment import template_revision
from glm_operator.status.observation import ContainerTrouble, Observation, PodObservation

_FIRST_PULL_FAILED: Final = "ErrImagePull"
"""A single try: kubelet says ImagePullBackOff when the next ones fail as well."""
ENDED_ONCE: Final = frozenset({"Error", "Completed", "OOMKilled"})
"""A single end of the server: kubelet starts it anew, and says CrashLoopBackOff when that doesn't help."""
IMAGE_REASONS: Final = frozenset({_FIRST_PULL_FAILED, "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_FETCH_REMEDIES: Final = {
    "CreateContainerConfigError": "{message}; create the Secret in the resource's namespace, or correct secretRef",
    "OOMKilled": "fetching took more memory than its limit; raise spec.repository.download.resources.limits.memory",
}
"""What to do about what ends the container that fetches before it can say anything itself."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason for not being ready."""

    reason: str
    message: str
    stalled: bool
    """Whether it stays so until somebody mends it."""


Check = Callable[[GLMInferenceSpec, Observation], Finding | None]


def first_finding(spec: GLMInferenceSpec, observed: Observation) -> Finding | None:
    """The first reason that applies."""
    for check in CHECKS:
        finding = check(spec, observed)
        if finding is not None:
            return finding
    return None


def newest_pods(observed: Observation) -> tuple[PodObservation, ...]:
    """Pods of the Deployment's present revision: those that show whether the present spec works."""
    deployment = observed.children.get("Deployment")
    if deployment is None:
        return ()
    revision = template_revision(deployment)
    return tuple(pod for pod in observed.pods if pod.revision == revision and not pod.deleting)


def repository_is_missing(_: GLMInferenceSpec, observed: Observation) -> Finding | None:
    """The model repository's ConfigMap or claim isn't there."""
    if not observed.repository_problem:
        return None
    return Finding("RepositoryMissing", observed.repository_problem, stalled=True)


def repository_is_incomplete(_: GLMInferenceSpec, observed: Observation) -> Finding | None:
    """The init container found that a required model has no files."""
    for pod, trouble in _troubles(observed):
        if trouble.container == REPOSITORY_CONTAINER and trouble.reason not in IMAGE_REASONS:
            logs = f"the init container failed; see the logs of {REPOSITORY_CONTAINER} of pod {pod.name}"
            return Finding("RepositoryIncomplete", trouble.message or logs, stalled=True)
    return None


def repository_cannot_be_fetched(_: GLMInferenceSpec, observed: Observation) -> Finding | None:
    """The init container could not fetch the files, or could not be started for want of its Secret."""
    for pod, trouble in _troubles(observed):
        if trouble.container == FETCH_CONTAINER and trouble.reason not in IMAGE_REASONS:
            logs = f"{trouble.reason}; see `kubectl logs {pod.name} -c {FETCH_CONTAINER} --previous`"
            message = _FETCH_REMEDIES.get(trouble.reason, "{message}").format(message=trouble.message or logs)
            return Finding("RepositoryFetchFailed", message, stalled=True)
    return None


def image_cannot_be_pulled(_: GLMInferenceSpec, observed: Observation) -> Finding | None:
    """The node can't get the image."""
    for pod, trouble in _troubles(observed):
        if trouble.reason in IMAGE_REASONS:
            message = f"pod {pod.name}, container {trouble.container}: {trouble.message}"
            return Finding("ImagePullFailed", message, stalled=trouble.reason != _FIRST_PULL_FAILED)
    return None


def loading_takes_too_long(spec: GLMInferenceSpec, observed: Observation) -> Finding | None:
    """Kubelet ended the server before it had loaded its models."""
    for pod, trouble in _troubles(observed):
        if trouble.container == TRITON_CONTAINER and trouble.killed and not pod.started:
            message = (
                f"pod {pod.name}: the server was ended because it had not loaded its models within"
                f" runtime.startupSeconds ({spec.runtime.startup_seconds}); raise it, or find out why with"
                f" `kubectl logs {pod.name} --previous`"
            )
            return Finding("LoadingTookTooLong", message, stalled=trouble.reason not in ENDED_ONCE)
    return None


def server_crashes(_: GLMInferenceSpec, observed: Observation) -> Finding | None:
    """The container doesn't stay up, or can't be made."""
    for pod, trouble in _troubles(observed):
        detail = f"{trouble.reason}: {trouble.message}" if trouble.message else trouble.reason
        text = f"pod {pod.name}, container {trouble.container}: {detail}; see `kubectl logs {pod.name} --previous`"
        return Finding("ServerFailed", text, stalled=trouble.reason not in ENDED_ONCE)
    return None


def required_model_failed(spec: GLMInferenceSpec, observed: Observation) -> Finding | None:
    """Triton refuses to load a required model, or the model fails its probe inference."""
    for pod in newest_pods(observed):
        for name in spec.required_models:
            model = (pod.models or {}).get(name)
            if model is not None and model.reason and not model.serves:
                return Finding("ModelFailed", f"model {name} on pod {pod.name}: {model.reason}", stalled=True)
    return None


def required_model_not_updated(spec: GLMInferenceSpec, observed: Observation) -> Finding | None:
    """A running server refuses a required model's new revision, and serves the one that it has."""
    wanted = {model.name: model.revision for model in observed.wanted or () if model.name in spec.required_models}
    for pod in newest_pods(observed):
        for name, failure in pod.failures.items():
            if wanted.get(name) == failure.revision:
                serving = (pod.loaded or {}).get(name)
                kept = f"revision {serving} goes on serving" if serving else "no revision of it is loaded"
                text = f"model {name} on pod {pod.name}: {failure.reason}; {kept}; it is tried again"
                return Finding("ModelFailed", text, stalled=True)
    return None


def required_model_cannot_be_loaded(_: GLMInferenceSpec, observed: Observation) -> Finding | None:
    """The source doesn't hold what a required model needs."""
    for model in observed.wanted or ():
        if model.required and model.problem:
            return Finding("RepositoryIncomplete", f"model {model.name}: {model.problem}", stalled=True)
    return None


def pods_are_refused(_: GLMInferenceSpec, observed: Observation) -> Finding | None:
    """The API server doesn't let the Deployment make its pods: a quota, or a policy."""
    for condition in _deployment_conditions(observed):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return Finding("PodsRefused", condition.get("message", ""), stalled=True)
    return None


def no_node_fits(_: GLMInferenceSpec, observed: Observation) -> Finding | None:
    """The scheduler finds no node, for lack of GPUs for example."""
    for pod in observed.pods:
        if pod.unschedulable and not pod.deleting:
            return Finding("Unschedulable", f"pod {pod.name}: {pod.unschedulable}", stalled=False)
    return None


def progress_deadline_passed(_: GLMInferenceSpec, observed: Observation) -> Finding | None:
    """The rollout takes longer than loading may take."""
    for condition in _deployment_conditions(observed):
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return Finding("ProgressDeadlineExceeded", condition.get("message", ""), stalled=True)
    return None


CHECKS: Final[tuple[Check, ...]] = (
    repository_is_missing,
    image_cannot_be_pulled,
    repository_cannot_be_fetched,
    repository_is_incomplete,
    loading_takes_too_long,
    server_crashes,
    required_model_failed,
    required_model_not_updated,
    required_model_cannot_be_loaded,
    pods_are_refused,
    no_node_fits,
    progress_deadline_passed,
)


def _troubles(observed: Observation) -> list[tuple[PodObservation, ContainerTrouble]]:
    return [(pod, pod.trouble) for pod in newest_pods(observed) if pod.trouble is not None]


def _deployment_conditions(observed: Observation) -> list[dict[str, str]]:
    deployment = observed.children.get("Deployment") or {}
    return list(deployment.get("status", {}).get("conditions", ()))
