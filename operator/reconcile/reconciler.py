"""The loop of a GLMInference: gather, decide, act. Any step may be killed and run again."""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from glm_operator.api import group
from glm_operator.api.inference import GLMInference, InvalidSpecError, parse
from glm_operator.clients.errors import ClusterError, RefusedError
from glm_operator.clients.kubernetes import Cluster, Object
from glm_operator.observability.log import log
from glm_operator.observability.metrics import Metrics
from glm_operator.reconcile.backoff import unsettled_seconds
from glm_operator.reconcile.decide import Plan, decide, event_body, gate_condition
from glm_operator.reconcile.gather import Gatherer
from glm_operator.reconcile.queue import Key
from glm_operator.reconcile.settings import Settings
from glm_operator.status.conditions import READY, find
from glm_operator.status.decisions import Decision, readiness_decision, recorded
from glm_operator.status.summary import refusal, summarize


@dataclass(frozen=True, slots=True)
class _Target:
    """Whom the status and the Events are for."""

    body: Object
    generation: int
    previous: Mapping[str, Any]


class Reconciler:
    """Brings the cluster to what the resources ask for."""

    def __init__(
        self,
        cluster: Cluster,
        settings: Settings,
        metrics: Metrics,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._monotonic = monotonic
        self._gatherer = Gatherer(cluster)
        self._unsettled_since: dict[Key, float] = {}

    async def reconcile(self, key: Key) -> float | None:
        """One look at one resource.

        Returns:
            Seconds until the next look; None when the resource is gone.

        Raises:
            ClusterError: when the API server could not be read or written; the look is to be repeated.
        """
        with self._metrics.reconcile():
            body = await self._cluster.get(group.KIND, key.namespace, key.name)
            if body is None or "deletionTimestamp" in body["metadata"]:
                self._forget(key)
                return None
            target = _Target(body, body["metadata"].get("generation", 0), body.get("status", {}))
            return await self._reconcile(key, target)

    async def _reconcile(self, key: Key, target: _Target) -> float:
        try:
            inference = parse(target.body)
        except InvalidSpecError as error:
            await self._refuse(target, Decision("reconcile", "Refuse", "InvalidSpec", str(error), warning=True))
            return self._settings.resync_seconds
        observed = await self._gatherer.gather(inference, target.previous)
        plan = decide(inference, observed, self._settings.images)
        if plan.refused is not None:
            await self._refuse(target, plan.refused)
            return self._settings.resync_seconds
        try:
            written = await self._act(inference, plan)
        except RefusedError as error:
            await self._refuse(target, Decision("reconcile", "Refuse", "ApplyRefused", str(error), warning=True))
            raise
        # What was written now is what the pods must be measured by, or old pods would pass for the new revision's.
        observed = replace(observed, children={**observed.children, **written})
        status = summarize(inference, observed, self._clock())
        await self._report(target, status, plan.decisions)
        return self._next_look(key, status, bool(plan.apply))

    async def _act(self, inference: GLMInference, plan: Plan) -> dict[str, Object]:
        """Write; returns kind to object as the API server has it now."""
        written = {}
        # In order: what the Deployment needs comes before it.
        for child in plan.apply:
            written[child["kind"]] = await self._cluster.apply(child)
            self._metrics.wrote(child["kind"])
        for pod, value in plan.gates:
            await self._cluster.set_pod_condition(inference.namespace, pod, dict(gate_condition(value)))
            self._metrics.wrote("Pod")
        for kind, name in plan.delete:
            await self._cluster.delete(kind, inference.namespace, name)
            self._metrics.wrote(kind)
        return written

    async def _refuse(self, target: _Target, decision: Decision) -> None:
        status = refusal(target.generation, decision.reason, decision.message, target.previous, self._clock())
        ready = find(target.previous, READY)
        is_new = ready is None or (ready["reason"], ready["message"]) != (decision.reason, decision.message)
        await self._report(target, status, (decision,) if is_new else (), tell_readiness=False)

    async def _report(
        self, target: _Target, status: dict[str, Any], decisions: tuple[Decision, ...], tell_readiness: bool = True
    ) -> None:
        """Write the status when it differs, and tell each decision by an Event and in the log."""
        readiness = readiness_decision(status, target.previous) if tell_readiness else None
        taken = (*decisions, *([readiness] if readiness else []))
        now = self._clock()
        wanted = status | {"decisions": recorded(target.previous, taken, now)}
        if wanted != target.previous:
            metadata = target.body["metadata"]
            await self._cluster.apply_status(
                {
                    "apiVersion": group.API_VERSION,
                    "kind": group.KIND,
                    "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
                    "status": wanted,
                }
            )
            self._metrics.wrote("status")
        await asyncio.gather(*(self._tell(target, decision, now) for decision in taken))

    async def _tell(self, target: _Target, decision: Decision, now: datetime) -> None:
        metadata = target.body["metadata"]
        self._metrics.decided(decision.loop, decision.action, decision.reason)
        log.info(
            decision.message,
            extra={
                "namespace": metadata["namespace"],
                "inference": metadata["name"],
                "loop": decision.loop,
                "action": decision.action,
                "reason": decision.reason,
            },
        )
        try:
            await self._cluster.create(event_body(metadata, decision, now, uuid.uuid4().hex[:16]))
            self._metrics.wrote("Event")
        except ClusterError as error:
            # An Event is a courtesy: the decision stands in the status and in the log already.
            log.warning("the Event could not be written", extra={"error": str(error)})

    def _next_look(self, key: Key, status: Mapping[str, Any], wrote: bool) -> float:
        ready = find(status, READY)
        settled = not wrote and ready is not None and ready["status"] == "True" and len(status["conditions"]) == 1
        if settled or (ready is not None and ready["reason"] == "ScaledToZero"):
            self._unsettled_since.pop(key, None)
            return self._settings.resync_seconds
        since = self._unsettled_since.setdefault(key, self._monotonic())
        return unsettled_seconds(self._monotonic() - since)

    def _forget(self, key: Key) -> None:
        self._unsettled_since.pop(key, None)
        self._gatherer.forget(key.namespace, key.name)
