"""Keeps a cache as the cluster is: one list, then one watch, for each kind and namespace scope.

The Kubernetes client's own informer works with threads and model objects and kopf's watches keep a task and a memory
for each object; at tens of thousands of children both cost more than everything else (decision 6).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Generic, Protocol, TypeVar

from glm_operator.clients.errors import ClusterError
from glm_operator.clients.kubernetes import Cluster
from glm_operator.observability.log import log
from glm_operator.reconcile.backoff import backoff_seconds
from glm_operator.reconcile.object_cache import Name, Object, ObjectCache

GONE: Final = 410
"""The API server doesn't know that version any more: all is to be listed anew."""

REOPEN_SECONDS: Final = 0.2
"""Between a stream that the server ended and the next: it must not become a busy loop."""

OnChange = Callable[[str, Name], Awaitable[None]]
"""Is told of the kind, and of whom an object that is new, changed or gone concerns: its owner, as a rule."""


class Cache(Protocol):
    """What an informer keeps. All methods return whom a change concerns; None where it was none."""

    def told(self, body: Object) -> Name | None:
        """A watch told of an object."""

    def gone(self, body: Object) -> Name | None:
        """A watch told that an object is gone."""

    def listed(self, bodies: Iterable[Object], version: int) -> frozenset[Name]:
        """A list of everything that there is."""


Kept = TypeVar("Kept", bound=Cache)


class Informer(Generic[Kept]):
    """The watch of one kind in one namespace, or in all."""

    def __init__(
        self,
        cluster: Cluster,
        kind: str,
        scope: str | None,
        selector: str,
        cache: Kept,
        *,
        metadata_only: bool = False,
    ) -> None:
        self.kind = kind
        self.title = f"{kind} metadata" if metadata_only else kind
        """What it is called where it is told of: a kind may be watched whole and by its metadata."""
        self.cache = cache
        self.synced = asyncio.Event()
        self.problem = ""
        """Why the cache can't be kept current at present; empty while it is."""
        self._cluster = cluster
        self._scope = scope
        self._selector = selector
        self._metadata_only = metadata_only

    async def run(self, on_change: OnChange, heard: Callable[[str], None]) -> None:
        """Work until cancelled. `heard` is called whenever the API server says anything, also that nothing is new."""
        failures = 0
        version: str | None = None
        while True:
            try:
                if version is None:
                    version = await self._list(on_change)
                    heard(self.title)
                async for event, body in self._cluster.watch(
                    self.kind, self._scope, self._selector, version, metadata_only=self._metadata_only
                ):
                    failures, self.problem = 0, ""
                    heard(self.title)
                    version = body["metadata"]["resourceVersion"]
                    await self._take(event, body, on_change)
                self.problem = ""
                await asyncio.sleep(REOPEN_SECONDS)
            except ClusterError as error:
                failures += 1
                version = None if error.status == GONE else version
                self._tell(error, failures)
                await asyncio.sleep(backoff_seconds(failures))

    async def _list(self, on_change: OnChange) -> str:
        bodies, version = await self._cluster.list_all(
            self.kind, self._scope, self._selector, metadata_only=self._metadata_only
        )
        changed = self.cache.listed(bodies, int(version))
        self.problem = ""
        self.synced.set()
        for owner in changed:
            await on_change(self.kind, owner)
        return version

    async def _take(self, event: str, body: dict[str, object], on_change: OnChange) -> None:
        if event == "BOOKMARK":
            return
        owner = self.cache.gone(body) if event == "DELETED" else self.cache.told(body)
        if owner is not None:
            await on_change(self.kind, owner)

    def _tell(self, error: ClusterError, failures: int) -> None:
        self.problem = str(error)
        # A single broken stream is everyday life; one that doesn't come back is not.
        level = log.info if failures == 1 else log.warning
        level("the watch broke off and is opened anew", extra={"kind": self.kind, "error": self.problem})


class Watches(Generic[Kept]):
    """The watches of some kinds in all scopes (namespaces; None: all of them), each with a cache of its own."""

    def __init__(
        self,
        cluster: Cluster,
        kinds: Sequence[str],
        scopes: Sequence[str | None],
        selector: str,
        new_cache: Callable[[], Kept],
        *,
        metadata_only: bool = False,
    ) -> None:
        self._informers = {
            (kind, scope): Informer(cluster, kind, scope, selector, new_cache(), metadata_only=metadata_only)
            for kind in kinds
            for scope in scopes
        }

    def cache(self, kind: str, namespace: str) -> Kept:
        """What is known of a kind in a namespace."""
        informer = self._informers.get((kind, None)) or self._informers[kind, namespace]
        return informer.cache

    async def run(self, on_change: OnChange, heard: Callable[[str], None]) -> None:
        """Keep all caches current until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for informer in self._informers.values():
                tasks.create_task(informer.run(on_change, heard))

    async def synced(self) -> None:
        """Wait until everything that there is has been listed once."""
        await asyncio.gather(*(informer.synced.wait() for informer in self._informers.values()))

    def unsynced(self) -> str:
        """Which kinds could not be listed yet, and why; empty when all have been."""
        return "; ".join(
            f"{informer.title}: {informer.problem or 'not listed yet'}"
            for informer in self._informers.values()
            if not informer.synced.is_set()
        )


class Informers(Watches[ObjectCache]):
    """The watches of all kinds that children have: whole objects."""

    def __init__(self, cluster: Cluster, kinds: Sequence[str], scopes: Sequence[str | None], selector: str) -> None:
        super().__init__(cluster, kinds, scopes, selector, ObjectCache)
