"""Reads the ConfigMaps that users name as sources. They may hold a megabyte, and most looks find them unchanged.

So a look asks for the metadata alone, and for the rest only when the version is new. What was read is kept up to a
total size; beyond it the least recently used is read again when it is needed.
"""

from collections import OrderedDict
from typing import Final, NamedTuple

from glm_operator.clients.kubernetes import Cluster, Object

KEPT_BYTES: Final = 32 * 1024 * 1024


class _Kept(NamedTuple):
    version: str
    size: int
    config_map: Object


class SourceReader:
    """ConfigMaps by namespace and name, as they are now."""

    def __init__(self, cluster: Cluster, kept_bytes: int = KEPT_BYTES) -> None:
        self._cluster = cluster
        self._room = kept_bytes
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    async def read(self, namespace: str, name: str) -> Object | None:
        """The ConfigMap; None when there is none.

        Raises:
            ClusterError: when the API server can't tell.
        """
        key = (namespace, name)
        metadata = await self._cluster.get_metadata("ConfigMap", namespace, name)
        kept = self._kept.get(key)
        if metadata is not None and kept is not None and kept.version == _version(metadata):
            self._kept.move_to_end(key)
            return kept.config_map
        self._drop(key)
        config_map = None if metadata is None else await self._cluster.get("ConfigMap", namespace, name)
        if config_map is not None:
            self._keep(key, config_map)
        return config_map

    def _keep(self, key: tuple[str, str], config_map: Object) -> None:
        contents = {**(config_map.get("data") or {}), **(config_map.get("binaryData") or {})}
        size = sum(len(name) + len(text) for name, text in contents.items())
        self._drop(key)
        self._kept[key] = _Kept(_version(config_map["metadata"]), size, config_map)
        self._room -= size
        while self._room < 0:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: tuple[str, str]) -> None:
        kept = self._kept.pop(key, None)
        self._room += kept.size if kept is not None else 0


def _version(metadata: Object) -> str:
    return f"{metadata['uid']}/{metadata['resourceVersion']}"
