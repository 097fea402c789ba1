"""Which model to load into or unload from which running server next. Pure.

One server at a time, and never the next one before the last has answered a probe inference with what it was given: a
model that crashes its server, or that loads but doesn't answer, then costs one server of many.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from glm_operator.api.inference import GLMInference
from glm_operator.resources.model_revision import WantedModel
from glm_operator.status.conditions import RECONCILING, STALLED, find
from glm_operator.status.decisions import Decision
from glm_operator.status.findings import newest_pods
from glm_operator.status.model_changes import ModelChange, model_changes, refused_models
from glm_operator.status.observation import Observation, PodObservation
from glm_operator.status.summary import UPDATING_MODELS


@dataclass(frozen=True, slots=True)
class ModelUpdate:
    """One change on one server."""

    pod: str
    address: str
    incarnation: str
    change: ModelChange
    affected: frozenset[str]
    """What must prove anew that it answers: the model, and ensembles that may use it."""


def next_update(inference: GLMInference, observed: Observation, now: float) -> ModelUpdate | None:
    """The next change; None when there is none, or when something has to be waited for.

    Args:
        inference: the resource.
        observed: one look, with the Deployment as it is after what was written; pods of older revisions are left to
            the rollout.
        now: seconds on the clock of `UpdateFailure.retry_at`.
    """
    pods = [pod for pod in newest_pods(observed) if not pod.node_lost]
    required = set(inference.spec.required_models)
    refusing = [pod for pod in pods if refused_models(pod, observed) & required]
    if refusing:
        # Only those that refused are tried again: it would be the same on the others, or worse.
        return _first(refusing, inference, observed, now)
    if any(_is_in_doubt(pod, inference, observed) for pod in pods):
        return None
    return _first(pods, inference, observed, now)


def load_decision(inference: GLMInference, update: ModelUpdate) -> Decision:
    """The record of an update that begins with this pod."""
    change = update.change
    verb = "load" if change.action == "Load" else "unload"
    return Decision(
        loop="models",
        action=change.action,
        reason="ModelChanged",
        message=f"{verb} model {change.model} in the running pods, one at a time, first {update.pod}",
        inputs={
            "generation": str(inference.generation),
            "model": change.model,
            "from revision": change.from_revision or "not loaded",
            "to revision": change.to_revision or "not wanted",
            "pod": update.pod,
        },
    )


def completed_decision(status: Mapping[str, object], previous: Mapping[str, object]) -> Decision | None:
    """The record of an update that has reached every pod."""
    before = find(previous, RECONCILING)
    if before is None or before["reason"] != UPDATING_MODELS:
        return None
    if find(status, RECONCILING) is not None or find(status, STALLED) is not None:
        return None
    versions = {f"model {model['name']}": model.get("version", "") for model in _models(status)}
    return Decision(
        loop="models",
        action="Complete",
        reason="ModelsUpdated",
        message="every pod serves the newest models; none was restarted",
        inputs={"pods": str(status.get("replicas")), **versions},
    )


def _models(status: Mapping[str, object]) -> Iterable[Mapping[str, str]]:
    models = status.get("models")
    return models[:8] if isinstance(models, list) else ()


def _first(
    pods: Iterable[PodObservation], inference: GLMInference, observed: Observation, now: float
) -> ModelUpdate | None:
    refused_somewhere = {name for pod in newest_pods(observed) for name in refused_models(pod, observed)}
    for pod in pods:
        for change in model_changes(pod, observed, inference.spec.served_names) or ():
            if _may_be_tried(pod, change, refused_somewhere, now):
                affected = frozenset({change.model, *(ensemble.name for ensemble in inference.spec.ensembles)})
                return ModelUpdate(pod.name, pod.address, pod.incarnation, change, affected)
    return None


def _may_be_tried(pod: PodObservation, change: ModelChange, refused_somewhere: Iterable[str], now: float) -> bool:
    if change.wanted is not None and change.wanted.problem:
        return False
    failure = pod.failures.get(change.model)
    if failure is not None and failure.revision == change.to_revision:
        return now >= failure.retry_at
    return change.model not in refused_somewhere


def _is_in_doubt(pod: PodObservation, inference: GLMInference, observed: Observation) -> bool:
    """Whether this server has to be waited for: it can't be read, it has crashed, or what it got doesn't answer yet.

    One that starts for the first time loads the newest models anyway, and may wait for a node for long.
    """
    if not pod.started:
        return pod.crashed
    if pod.loaded is None or pod.models is None:
        return True
    current = {model.name: model for model in _loaded_as_wanted(pod, observed)}
    return any(name in current and not pod.serves([name]) for name in inference.spec.required_models)


def _loaded_as_wanted(pod: PodObservation, observed: Observation) -> Iterable[WantedModel]:
    return (model for model in observed.wanted or () if (pod.loaded or {}).get(model.name) == model.revision)
