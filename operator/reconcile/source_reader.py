"""Reads the ConfigMaps that users name as sources. They may hold a megabyte, and most looks find them unchanged.

So what was read is kept for as long as the watch tells of nothing newer, up to a total size; beyond it the least
recently used is read again when it is needed.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from glm_operator.clients.kubernetes import Cluster, Object
from glm_operator.reconcile.object_cache import Name, version_of

KEPT_BYTES: Final = 32 * 1024 * 1024


class _Kept(NamedTuple):
    version: int
    size: int
    config_map: Object


class SourceReader:
    """ConfigMaps by namespace and name, as they are now.

    Args:
        cluster: where they are read.
        newest: the newest version that a watch has told of; None when it told of none.
        kept_bytes: how much is kept of what was read.
    """

    def __init__(self, cluster: Cluster, newest: Callable[[Name], int | None], kept_bytes: int = KEPT_BYTES) -> None:
        self._cluster = cluster
        self._newest = newest
        self._room = kept_bytes
        self._kept: OrderedDict[Name, _Kept] = OrderedDict()

    async def read(self, name: Name) -> Object | None:
        """The ConfigMap; None when there is none.

        Raises:
            ClusterError: when the API server can't tell.
        """
        kept, newest = self._kept.get(name), self._newest(name)
        if kept is not None and newest is not None and kept.version >= newest:
            self._kept.move_to_end(name)
            return kept.config_map
        # A watch that told of none may only be behind, so it is asked for.
        config_map = await self._cluster.get("ConfigMap", name.namespace, name.name)
        self._drop(name)
        if config_map is not None:
            self._keep(name, config_map)
        return config_map

    def _keep(self, name: Name, config_map: Object) -> None:
        contents = {**(config_map.get("data") or {}), **(config_map.get("binaryData") or {})}
        size = sum(len(key) + len(text) for key, text in contents.items())
        self._kept[name] = _Kept(version_of(config_map), size, config_map)
        self._room -= size
        while self._room < 0:
            self._drop(next(iter(self._kept)))

    def _drop(self, name: Name) -> None:
        kept = self._kept.pop(name, None)
        self._room += kept.size if kept is not None else 0
