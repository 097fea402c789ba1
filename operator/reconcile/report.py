"""Report: the status when it differs, and each decision as condition, Event, metric and log line."""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from glm_operator.api import group
from glm_operator.clients.errors import ClusterError
from glm_operator.clients.kubernetes import Cluster, Object
from glm_operator.observability.log import log
from glm_operator.observability.metrics import Metrics
from glm_operator.reconcile.decide import event_body
from glm_operator.reconcile.freshness import NewestVersions
from glm_operator.status.conditions import READY, find
from glm_operator.status.decisions import Decision, readiness_decision, recorded


@dataclass(frozen=True, slots=True)
class Target:
    """A resource as it was when the look began: whom the status and the Events are for."""

    metadata: Mapping[str, Any]
    previous: Mapping[str, Any]
    """The status as last written."""

    @property
    def generation(self) -> int:
        """The generation that this look speaks of."""
        return int(self.metadata.get("generation", 0))

    @property
    def is_told(self) -> bool:
        """Whether the status has a verdict on this generation."""
        ready = find(self.previous, READY)
        return ready is not None and ready.get("observedGeneration") == self.generation


def target_of(body: Object) -> Target:
    """The target of a look at this resource."""
    return Target(body["metadata"], body.get("status", {}))


class Reporter:
    """Tells what was seen and decided."""

    def __init__(
        self, cluster: Cluster, metrics: Metrics, clock: Callable[[], datetime], newest: NewestVersions
    ) -> None:
        self._cluster = cluster
        self._newest = newest
        self._metrics = metrics
        self._clock = clock

    async def report(self, target: Target, status: Mapping[str, Any], *decisions: Decision) -> None:
        """Write the status if it differs from the last one, and tell of `decisions` and of a change of readiness.

        Raises:
            ClusterError: when the status could not be written.
        """
        readiness = readiness_decision(status, target.previous)
        taken = [*decisions, *([readiness] if readiness is not None else [])]
        now = self._clock()
        wanted = {**status, "decisions": recorded(target.previous, taken, now)}
        if wanted != target.previous:
            self._newest.wrote(target.metadata, await self._cluster.apply_status(_status_body(target, wanted)))
            self._metrics.wrote("status")
        await asyncio.gather(*(self._tell(target, each, now) for each in taken))

    async def _tell(self, target: Target, decision: Decision, now: datetime) -> None:
        metadata = target.metadata
        self._metrics.decided(decision.loop, decision.action, decision.reason)
        fields = {"loop": decision.loop, "action": decision.action, "reason": decision.reason}
        log.info(decision.message, extra={"namespace": metadata["namespace"], "inference": metadata["name"], **fields})
        try:
            await self._cluster.create(event_body(metadata, decision, now, uuid.uuid4().hex[:16]))
            self._metrics.wrote("Event")
        except ClusterError as error:
            # An Event is a courtesy: the decision stands in the status and in the log already.
            log.warning("the Event could not be written", extra={"error": str(error)})


def _status_body(target: Target, status: Mapping[str, Any]) -> Object:
    """The uid makes the API server refuse a status that belongs to a deleted resource of the same name."""
    named = {key: target.metadata[key] for key in ("name", "namespace", "uid")}
    return {"apiVersion": group.API_VERSION, "kind": group.KIND, "metadata": named, "status": dict(status)}
