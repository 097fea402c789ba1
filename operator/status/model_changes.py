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


def is_up_to_date(pod: PodObservation, observed: Observation, served: Collection[str]) -> bool:
    """Whether nothing is left to change on this server; a server of which that is unknown isn't."""
    return model_changes(pod, observed, served) == ()


def _loads(pod: PodObservation, wanted: Collection[WantedModel]) -> Iterator[ModelChange]:
    for model in wanted:
        running = (pod.loaded or {}).get(model.name, "")
        if running != model.revision:
            yield ModelChange("Load", model.name, running, model.revision, model)


def _unloads(pod: PodObservation, served: Collection[str]) -> Iterator[ModelChange]:
    for name in sorted((pod.loaded or {}).keys() - set(served)):
        yield ModelChange("Unload", name, (pod.loaded or {})[name], "")
