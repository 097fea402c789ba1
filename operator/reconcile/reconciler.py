"""The loop of a GLMInference: gather, decide, act. Any step may be killed and run again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from glm_operator.api import group
from glm_operator.api.inference import GLMInference, InvalidSpecError, parse
from glm_operator.clients.errors import ClusterError, RefusedError
from glm_operator.clients.kubernetes import Cluster, Object
from glm_operator.observability.metrics import Metrics
from glm_operator.reconcile.backoff import UNSETTLED_LONGEST_SECONDS, unsettled_seconds
from glm_operator.reconcile.decide import Plan, applied_decision, decide, gate_condition
from glm_operator.reconcile.freshness import NewestVersions
from glm_operator.reconcile.gather import Gatherer
from glm_operator.reconcile.informer import Informers
from glm_operator.reconcile.model_loads import ModelLoads
from glm_operator.reconcile.model_updates import completed_decision, load_decision, next_update
from glm_operator.reconcile.queue import Key
from glm_operator.reconcile.report import Reporter, Target, target_of
from glm_operator.reconcile.settings import Settings
from glm_operator.reconcile.source_watch import SourceWatch
from glm_operator.reconcile.traffic_services import TrafficServices
from glm_operator.resources.children import child_key
from glm_operator.status.conditions import RECONCILING, STALLED, find
from glm_operator.status.decisions import Decision
from glm_operator.status.findings import Finding
from glm_operator.status.observation import Observation
from glm_operator.status.summary import Routed, awaits_servers, summarize, unobserved
from glm_operator.traffic.report import TrafficReport

MODELS_CHANGE_SECONDS: Final = 0.5
"""Between two looks while a model is being loaded into a running server, or has just been."""
SETTLED_LOOKS_PER_SECOND: Final = 20.0
"""Of all together: each of thousands is looked at less often without an event, so that those with one needn't wait."""
OLD_READ_SECONDS: Final = 1.0
"""Until the next look, when the API server told of a resource as it was before what is known of it."""


@dataclass(frozen=True, slots=True)
class Look:
    """What came of one look."""

    status: Mapping[str, Any]
    unwatched: bool = False
    """What the resource waits for is told by no watch."""


class Reconciler:
    """Brings the cluster to what the resources ask for."""

    def __init__(
        self,
        cluster: Cluster,
        informers: Informers,
        source_watch: SourceWatch,
        traffic: TrafficServices | None,
        settings: Settings,
        metrics: Metrics,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._traffic = traffic
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._monotonic = monotonic
        self._informers = informers
        self._gatherer = Gatherer(cluster, informers, source_watch, has_gateway=settings.gateway_enabled)
        self._loads = ModelLoads(metrics, monotonic)
        self._newest = NewestVersions()
        self._reporter = Reporter(cluster, metrics, clock, self._newest)
        self._unsettled_since: dict[Key, tuple[int, float]] = {}

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
            if not self._newest.saw(body):
                return OLD_READ_SECONDS
            ended = self._loads.ended(key)
            if ended is not None:
                self._gatherer.models_changed(*key, ended.incarnation, ended.affected)
            target = target_of(body)
            try:
                look = await self._look(target, body)
            except ClusterError as error:
                await self._tell_failure(target, error)
                raise
            return self._next_look(key, target, look)

    async def _look(self, target: Target, body: Object) -> "Look":
        try:
            inference = parse(body)
        except InvalidSpecError as error:
            finding = Finding("InvalidSpec", str(error), stalled=True)
            status = unobserved(target.generation, finding, target.previous, self._clock())
            await self._reporter.report(target, status)
            return Look(status)
        traffic = self._traffic.serve(inference, target.previous) if self._traffic is not None else None
        observed = await self._gather(inference, target)
        plan = decide(inference, observed, self._settings.images, self._settings.gateway_host)
        try:
            written = await self._act(inference, plan)
        except RefusedError as error:
            refused = Finding("ApplyRefused", str(error), stalled=True)
            await self._reporter.report(target, summarize(inference, observed, self._clock(), refused))
            raise
        applied = applied_decision(inference, written, observed)
        # What was written now is what the pods must be measured by, or old pods would pass for the new revision's.
        children = {**observed.children, **{child_key(child): child for child in written}}
        observed = replace(observed, children=children)
        loading = None if plan.blocked else await self._change_models(inference, observed)
        status = summarize(inference, observed, self._clock(), plan.blocked, self._routed(traffic))
        completed = completed_decision(status, target.previous)
        taken = [each for each in (applied, loading, completed) if each]
        weighed = () if self._traffic is None else self._traffic.take_decisions((inference.namespace, inference.name))
        await self._reporter.report(target, status, *taken, *weighed)
        # Somebody else's object of a child's name is not watched, and neither is what a server does.
        return Look(status, unwatched=plan.blocked is not None or awaits_servers(inference, observed))

    def _routed(self, traffic: TrafficReport | None) -> Routed | None:
        if self._settings.gateway_host is None:
            return None
        return Routed() if traffic is None else Routed(traffic.endpoints, traffic.verdict)

    async def _gather(self, inference: GLMInference, target: Target) -> Observation:
        observed = await self._gatherer.gather(inference, target.previous)
        pods = self._loads.with_failures(Key(inference.namespace, inference.name), observed.pods)
        return replace(observed, pods=pods)

    async def _change_models(self, inference: GLMInference, observed: Observation) -> Decision | None:
        """Take the next step towards the newest models in running pods; what is to be told of it."""
        key = Key(inference.namespace, inference.name)
        update = None if self._loads.is_busy(key) else next_update(inference, observed, self._monotonic())
        if update is None:
            return None
        news = self._loads.is_news(key, update)
        await self._loads.begin(key, update, inference.spec.runtime.startup_seconds)
        return load_decision(inference, update) if news else None

    async def _act(self, inference: GLMInference, plan: Plan) -> list[Object]:
        """Write; returns the children as the API server has them now."""
        written = []
        # In order: what the Deployment needs comes before it.
        for child in plan.apply:
            applied = await self._cluster.apply(child)
            self._informers.cache(child["kind"], inference.namespace).wrote(applied)
            written.append(applied)
            self._metrics.wrote(child["kind"])
        for pod, value in plan.gates:
            await self._cluster.set_pod_condition(inference.namespace, pod, dict(gate_condition(value)))
            self._metrics.wrote("Pod")
        for kind, name in plan.delete:
            await self._cluster.delete(kind, inference.namespace, name)
            self._metrics.wrote(kind)
        return written

    async def _tell_failure(self, target: Target, error: ClusterError) -> None:
        """Say at the first touch that it goes on; kstatus takes a resource without conditions for finished."""
        if target.is_told:
            return
        finding = Finding("ClusterError", f"{error}; it is tried again", stalled=False)
        status = unobserved(target.generation, finding, target.previous, self._clock())
        try:
            await self._reporter.report(target, status)
        except ClusterError:
            return  # the look itself is repeated, and reported by whoever repeats it

    def is_own_write(self, key: Key, version: str) -> bool:
        """Whether a resource's new version is nothing but the status that a look at it has written."""
        return self._newest.is_own(key, version)

    def close(self) -> None:
        """Leave what is under way to the servers."""
        self._loads.close()

    def _next_look(self, key: Key, target: Target, look: "Look") -> float:
        if self._loads.is_busy(key):
            return MODELS_CHANGE_SECONDS
        if find(look.status, RECONCILING) is None and find(look.status, STALLED) is None:
            self._unsettled_since.pop(key, None)
            return max(self._settings.resync_seconds, len(self._newest) / SETTLED_LOOKS_PER_SECOND)
        generation, since = self._unsettled_since.get(key, (None, 0.0))
        if generation != target.generation:
            since = self._monotonic()
            self._unsettled_since[key] = (target.generation, since)
        if not look.unwatched:
            # What is missing is told by a watch; looking more often would only keep others waiting.
            return UNSETTLED_LONGEST_SECONDS
        return unsettled_seconds(self._monotonic() - since)

    def _forget(self, key: Key) -> None:
        self._newest.forget(key)
        self._unsettled_since.pop(key, None)
        self._gatherer.forget(key.namespace, key.name)
        self._loads.forget(key)
        if self._traffic is not None:
            self._traffic.forget(key)
