"""Everything that runs beside kopf's watches: the queue, the resync, the operator's own HTTP server."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Final, Self

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector

from glm_operator.api import group
from glm_operator.clients.errors import ClusterError
from glm_operator.clients.kubernetes import Cluster
from glm_operator.observability.log import log
from glm_operator.observability.metrics import Metrics
from glm_operator.observability.server import serve
from glm_operator.observability.watch_health import WatchHealth
from glm_operator.reconcile.backoff import backoff_seconds
from glm_operator.reconcile.informer import Informers
from glm_operator.reconcile.object_cache import Owner
from glm_operator.reconcile.queue import Key, ReconcileQueue
from glm_operator.reconcile.reconciler import Reconciler
from glm_operator.reconcile.settings import Settings
from glm_operator.reconcile.source_watch import SourceWatch
from glm_operator.reconcile.traffic_services import TrafficServices
from glm_operator.resources.children import CHILD_KINDS

WATCHED_KINDS: Final = (*CHILD_KINDS, "Pod")


class Services:
    """The running operator."""

    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._cluster = cluster
        self._settings = settings
        self._registry = registry
        self._metrics = Metrics(registry)
        self._watch_health = WatchHealth()
        self._informers = Informers(cluster, WATCHED_KINDS, settings.scopes, group.LABEL_INFERENCE)
        self._source_watch = SourceWatch(cluster, settings.scopes)
        self._traffic = self._traffic_services() if settings.gateway_enabled else None
        self._reconciler = Reconciler(
            cluster,
            self._informers,
            self._source_watch,
            self._traffic,
            settings,
            self._metrics,
            lambda: datetime.now(UTC),
            time.monotonic,
        )
        self._queue = ReconcileQueue(self._reconciler.reconcile, _tell_failure)
        self._metrics.watch_queue(lambda: len(self._queue))
        self._began = time.monotonic()
        self._tasks: list[asyncio.Task[None]] = []
        self._runner: web.AppRunner | None = None

    @classmethod
    async def start(cls, settings: Settings) -> Self:
        """Connect and start everything."""
        services = cls(await Cluster.connect(), settings)
        services._tasks = [
            asyncio.create_task(
                services._informers.run(services._child_changed, services._metrics.heard), name="watch"
            ),
            asyncio.create_task(
                services._source_watch.run(services._is_due, services._metrics.heard), name="source watch"
            ),
            asyncio.create_task(services._work(), name="queue"),
            asyncio.create_task(services._resync(), name="resync"),
        ]
        if services._traffic is not None:
            more = services._traffic.tasks().items()
            services._tasks += [asyncio.create_task(work, name=name) for name, work in more]
        for task in services._tasks:
            task.add_done_callback(_tell_end)
        services._runner = await serve(services._registry, services.trouble, settings.metrics_port)
        return services

    async def stop(self) -> None:
        """Stop everything; what was under way is taken up again by whoever starts next."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._reconciler.close()
        if self._traffic is not None:
            await self._traffic.close()
        if self._runner is not None:
            await self._runner.cleanup()
        await self._cluster.close()

    async def heard(self, namespace: str, name: str, version: str) -> None:
        """A watch told of this version of a resource."""
        self._metrics.heard(group.PLURAL)
        self._watch_health.heard((namespace, name), version)
        key = Key(namespace, name)
        if not self._reconciler.is_own_write(key, version):
            await self._queue.add(key, urgent=True)

    async def gone(self, namespace: str, name: str) -> None:
        """A watch told that a resource is deleted: one more look forgets what is remembered of it."""
        self._metrics.heard(group.PLURAL)
        self._watch_health.gone((namespace, name))
        await self._queue.add(Key(namespace, name))

    def _traffic_services(self) -> TrafficServices:
        return TrafficServices(
            self._cluster,
            self._informers,
            self._settings,
            self._metrics,
            self._registry,
            self._is_due,
            time.monotonic,
        )

    async def _is_due(self, resource: tuple[str, str]) -> None:
        await self._queue.add(Key(*resource))

    async def _child_changed(self, _: str, owner: Owner) -> None:
        # Children of a resource that is gone go one by one; and of one that nobody has told of yet, somebody will.
        if owner in self._watch_health:
            await self._is_due(owner)

    async def _work(self) -> None:
        # Before everything has been listed, children that are there would seem to be missing.
        await self._informers.synced()
        await self._source_watch.synced()
        await self._queue.run(self._settings.workers)

    def trouble(self) -> str:
        """Why the operator should be started anew; empty while it is well."""
        ended = [task.get_name() for task in self._tasks if task.done()]
        if ended:
            return f"the {', '.join(ended)} loop has ended"
        waited = time.monotonic() - self._began
        unsynced = self._informers.unsynced() or self._source_watch.unsynced()
        if unsynced and waited > self._settings.silent_watch_seconds:
            return f"what the resources need could not be listed for {waited:.0f} s: {unsynced}"
        overdue = self._watch_health.overdue_seconds(time.monotonic())
        if overdue > self._settings.silent_watch_seconds:
            return f"a change has been missed by the watch for {overdue:.0f} s"
        return ""

    async def _resync(self) -> None:
        """Find what no event told of: one list of metadata a round, however many resources there are."""
        failures = 0
        while True:
            longest = self._settings.resync_seconds
            await asyncio.sleep(min(backoff_seconds(failures), longest) if failures else longest)
            try:
                versions = await self._listed()
            except ClusterError as error:
                failures += 1
                self._metrics.resynced(done=False)
                log.warning("the resources could not be listed", extra={"error": str(error)})
                continue
            failures = 0
            self._metrics.resynced(done=True)
            for namespace, name in self._watch_health.listed(versions, time.monotonic()):
                await self._queue.add(Key(namespace, name), urgent=True)

    async def _listed(self) -> dict[tuple[str, str], str]:
        scopes = self._settings.scopes
        lists = await asyncio.gather(*(self._cluster.list_metadata(group.KIND, scope) for scope in scopes))
        return {
            (metadata["namespace"], metadata["name"]): metadata["resourceVersion"]
            for listed in lists
            for metadata in listed
        }


def _tell_failure(key: Key, error: BaseException, delay: float) -> None:
    expected = isinstance(error, ClusterError)
    log.warning(
        "the look at the resource failed and is repeated",
        extra={"namespace": key.namespace, "inference": key.name, "error": str(error), "retry_seconds": delay},
        exc_info=None if expected else error,
    )


def _tell_end(task: "asyncio.Task[None]") -> None:
    if task.cancelled():
        return
    # `trouble` makes kubelet start the operator anew; without this line nobody would know why.
    error = task.exception()
    log.error("a loop has ended, which is a bug", extra={"loop": task.get_name()}, exc_info=error)
