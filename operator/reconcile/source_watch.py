"""Tells when a ConfigMap that a resource names as its source changes. Users don't label theirs, so all are watched.

Of each only the version is kept: a cluster has many, and some are a megabyte.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from glm_operator.clients.kubernetes import Cluster
from glm_operator.reconcile.informer import Watches
from glm_operator.reconcile.object_cache import Name, Owner
from glm_operator.reconcile.version_cache import VersionCache

KIND: Final = "ConfigMap"


class SourceWatch:
    """The newest version of each ConfigMap, and which resources use it."""

    def __init__(self, cluster: Cluster, scopes: Sequence[str | None]) -> None:
        self._watches = Watches(cluster, [KIND], scopes, "", VersionCache, metadata_only=True)
        self._users: dict[Name, set[Owner]] = {}
        self._used: dict[Owner, Name] = {}

    def version(self, name: Name) -> int | None:
        """The newest version that the watch told of; None when it told of none."""
        return self._watches.cache(KIND, name.namespace).get(name)

    def uses(self, owner: Owner, name: Name | None) -> None:
        """A resource uses this ConfigMap from now on, and no other; None: it uses none."""
        before = self._used.pop(owner, None)
        if before is not None:
            users = self._users[before]
            users.discard(owner)
            if not users:
                del self._users[before]
        if name is not None:
            self._used[owner] = name
            self._users.setdefault(name, set()).add(owner)

    async def run(self, on_change: Callable[[Owner], Awaitable[None]], heard: Callable[[str], None]) -> None:
        """Keep the versions current until cancelled; tell of each resource whose source has changed."""

        async def changed(_: str, name: Name) -> None:
            await self.tell_users(name, on_change)

        await self._watches.run(changed, heard)

    async def tell_users(self, name: Name, on_change: Callable[[Owner], Awaitable[None]]) -> None:
        """Tell of each resource that uses this ConfigMap."""
        for owner in tuple(self._users.get(name, ())):
            await on_change(owner)

    async def synced(self) -> None:
        """Wait until everything that there is has been listed once."""
        await self._watches.synced()

    def unsynced(self) -> str:
        """Why the ConfigMaps could not be listed yet; empty when they have been."""
        return self._watches.unsynced()
