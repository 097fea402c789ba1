"""Whether what was read of a resource is older than what is known of it already.

An API server that is behind, or a cache, may tell a spec from before one that was acted on; acting on it would roll the
pods back, and its status would tell everything a second time. Versions of one kind of object only grow, and may be
compared as numbers (Kubernetes promises that since 1.35, and etcd has always made them so).
"""

from collections.abc import Mapping
from typing import Any

from glm_operator.reconcile.queue import Key


class NewestVersions:
    """The newest version seen of each resource."""

    def __init__(self) -> None:
        self._newest: dict[Key, int] = {}

    def saw(self, body: Mapping[str, Any]) -> bool:
        """Note what was read, or returned by a write; False when it is older than what was seen before."""
        metadata = body["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        version = _number(metadata.get("resourceVersion"))
        if version is None:
            return True
        newest = self._newest.get(key, 0)
        self._newest[key] = max(newest, version)
        return version >= newest

    def forget(self, key: Key) -> None:
        """Drop what is remembered of a resource that is gone."""
        self._newest.pop(key, None)


def _number(version: Any) -> int | None:
    """The version as a number; None where it is none, and so can't be compared."""
    return int(version) if isinstance(version, str) and version.isascii() and version.isdigit() else None
