"""What a running server would have to load or unload to serve the newest models."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from glm_operator.resources.model_revision import WantedModel
from glm_operator.status.observation import Observation, PodObservation


@dataclass(frozen=True, slots=True)
class ModelChange:
    """One model to load or unload on one server."""

    action: Literal["Load", "Unload"]
    model: str
    from_revision: str
    """Empty: the model is not loaded."""
    to_revision: str
    """Empty: the model is not wanted."""
    wanted: WantedModel | None = None
    """What to load; None to unload."""


def model_changes(
    pod: PodObservation, observed: Observation, served: Collection[str]
) -> tuple[ModelChange, ...] | None:
    """The changes that bring a server up to date, in their order; None when it is unknown what it runs or shall run.

    A model that is no longer wanted goes last, when nothing can need it any more. Ensembles never change in a running
    pod (`fixed_layout`).
    """
    if pod.loaded is None or pod.models is None or observed.wanted is None:
        return None
    return (*_loads(pod, observed.wanted), *_unloads(pod, served))


def pending_changes(
    pod: PodObservation, observed: Observation, served: Collection[str], refused: Collection[str]
) -> tuple[ModelChange, ...] | None:
    """The changes that are still to come; None when that is unknown.

    What a server has refused, or what the source doesn't hold, is tried again later, but nobody need wait for it.
    """
    changes = model_changes(pod, observed, served)
    if changes is None:
        return None
    return tuple(each for each in changes if each.model not in refused and not (each.wanted and each.wanted.problem))


def refused_models(pod: PodObservation, observed: Observation) -> set[str]:
    """Models whose newest revision this server has refused; also one to unload that it keeps."""
    wanted = {model.name: model.revision for model in observed.wanted or ()}
    return {name for name, failure in pod.failures.items() if failure.revision == wanted.get(name, "")}


def _loads(pod: PodObservation, wanted: Collection[WantedModel]) -> Iterator[ModelChange]:
    for model in wanted:
        running = (pod.loaded or {}).get(model.name, "")
        if running != model.revision:
            yield ModelChange("Load", model.name, running, model.revision, model)


def _unloads(pod: PodObservation, served: Collection[str]) -> Iterator[ModelChange]:
    for name in sorted((pod.loaded or {}).keys() - set(served)):
        yield ModelChange("Unload", name, (pod.loaded or {})[name], "")
