"""Carries out loads and unloads, which may take minutes, beside the looks; remembers what a server refused.

Nothing of it needs to outlive the operator: one that is started anew reads from the servers what they run, and tries
once more what fails.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Final

from glm_operator.clients import triton
from glm_operator.observability.log import log
from glm_operator.observability.metrics import Metrics
from glm_operator.reconcile.backoff import load_backoff_seconds
from glm_operator.reconcile.model_updates import ModelUpdate
from glm_operator.reconcile.queue import Key
from glm_operator.resources.model_revision import load_override
from glm_operator.resources.names import GRPC_PORT
from glm_operator.status.observation import PodObservation, UpdateFailure

PATIENCE_SECONDS: Final = 3.0
"""A look waits so long for a load that it has begun; a longer one goes on beside the next looks."""


@dataclass(slots=True)
class _Running:
    update: ModelUpdate
    task: asyncio.Task[triton.LoadResult]


class ModelLoads:
    """Loads under way, at most one a resource, and failures of those that ended."""

    def __init__(self, metrics: Metrics, monotonic: Callable[[], float]) -> None:
        self._metrics = metrics
        self._monotonic = monotonic
        self._running: dict[Key, _Running] = {}
        self._failures: dict[Key, dict[tuple[str, str], UpdateFailure]] = {}
        self._told: dict[Key, set[tuple[str, str]]] = {}

    def is_busy(self, key: Key) -> bool:
        """Whether a load or unload of this resource is under way."""
        return key in self._running

    async def begin(self, key: Key, update: ModelUpdate, seconds: float) -> None:
        """Begin an update that must end within `seconds`, and wait for it for a moment."""
        task = asyncio.create_task(_carry_out(update, seconds), name=f"models of {key.namespace}/{key.name}")
        self._running[key] = _Running(update, task)
        await asyncio.wait({task}, timeout=PATIENCE_SECONDS)

    def ended(self, key: Key) -> ModelUpdate | None:
        """An update that has ended since the last time; what was known of that server holds no longer."""
        running = self._running.get(key)
        if running is None or not running.task.done():
            return None
        del self._running[key]
        if not running.task.cancelled():
            self._note(key, running.update, running.task.result())
        return running.update

    def with_failures(self, key: Key, pods: Collection[PodObservation]) -> tuple[PodObservation, ...]:
        """The pods with what they refused; what pods that are gone refused is forgotten."""
        failures = self._failures.get(key, {})
        names = {pod.name for pod in pods}
        kept = {place: failure for place, failure in failures.items() if place[0] in names}
        if kept:
            self._failures[key] = kept
        else:
            self._failures.pop(key, None)
        return tuple(_with_failures(pod, {m: f for (name, m), f in kept.items() if name == pod.name}) for pod in pods)

    def is_news(self, key: Key, update: ModelUpdate) -> bool:
        """Whether this change of the model is begun with for the first time: it is told once, not once a pod."""
        told = self._told.setdefault(key, set())
        change = (update.change.model, update.change.to_revision)
        if change in told:
            return False
        # The newest change of each model: going back to an earlier revision is told again.
        self._told[key] = {known for known in told if known[0] != change[0]} | {change}
        return True

    def forget(self, key: Key) -> None:
        """Drop what is remembered of a resource that is gone."""
        running = self._running.pop(key, None)
        if running is not None:
            running.task.cancel()
        self._failures.pop(key, None)
        self._told.pop(key, None)

    def close(self) -> None:
        """Give up waiting for what is under way; the servers go on with it."""
        for key in list(self._running):
            self.forget(key)

    def _note(self, key: Key, update: ModelUpdate, result: triton.LoadResult) -> None:
        change = update.change
        self._metrics.loaded(change.action, result.done)
        fields = {
            "namespace": key.namespace,
            "inference": key.name,
            "pod": update.pod,
            "model": change.model,
            "from": change.from_revision,
            "to": change.to_revision,
        }
        failures, place = self._failures.setdefault(key, {}), (update.pod, change.model)
        if result.done:
            failures.pop(place, None)
            log.info(f"{change.action.lower()} of a model succeeded", extra=fields)
            return
        before = failures.get(place)
        tries = before.tries + 1 if before is not None and before.revision == change.to_revision else 1
        wait = load_backoff_seconds(tries)
        failures[place] = UpdateFailure(change.to_revision, result.reason, tries, self._monotonic() + wait)
        told = fields | {"error": result.reason, "retry_seconds": wait}
        log.warning(f"{change.action.lower()} of a model failed", extra=told)


def _with_failures(pod: PodObservation, failures: dict[str, UpdateFailure]) -> PodObservation:
    """A model that isn't loaded has no reason in Triton's index when it came with the request: here it is."""
    models = pod.models and {
        name: replace(model, reason=failures[name].reason)
        if name in failures and not model.ready and not model.reason
        else model
        for name, model in pod.models.items()
    }
    return replace(pod, failures=failures, models=models)


async def _carry_out(update: ModelUpdate, seconds: float) -> triton.LoadResult:
    address, change = f"{update.address}:{GRPC_PORT}", update.change
    if change.wanted is None:
        return await triton.unload_model(address, change.model, seconds)
    config, files = load_override(change.wanted)
    return await triton.load_model(address, change.model, config, files, seconds)
