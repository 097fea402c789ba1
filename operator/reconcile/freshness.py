"""Whether what was read of a resource is older than what is known of it already.

An API server that is behind, or a cache, may tell a spec from before one that was acted on; acting on it would roll the
pods back, and its status would tell everything a second time. Versions of one kind of object only grow, and may be
compared as numbers (Kubernetes promises that since 1.35, and etcd has always made them so).
"""

from collections.abc import Mapping
from typing import Any, Final

from glm_operator.reconcile.queue import Key

_ASKED: Final = ("uid", "generation", "labels", "annotations", "deletionTimestamp", "ownerReferences", "finalizers")
"""Metadata by which others ask for something."""


class NewestVersions:
    """The newest version seen of each resource."""

    def __init__(self) -> None:
        self._newest: dict[Key, int] = {}
        self._own: dict[Key, str] = {}

    def __len__(self) -> int:
        """Resources that are known."""
        return len(self._newest)

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

    def wrote(self, looked_at: Mapping[str, Any], written: Mapping[str, Any]) -> None:
        """Note what the write of a status returned.

        Args:
            looked_at: the resource's metadata that the look began with.
            written: the resource as it is now; it may hold changes of others that came in between.
        """
        self.saw(written)
        metadata = written["metadata"]
        if all(looked_at.get(field) == metadata.get(field) for field in _ASKED):
            self._own[Key(metadata["namespace"], metadata["name"])] = metadata["resourceVersion"]

    def is_own(self, key: Key, version: str) -> bool:
        """Whether this version differs by our own status alone from one that was looked at."""
        return self._own.get(key) == version

    def forget(self, key: Key) -> None:
        """Drop what is remembered of a resource that is gone."""
        self._newest.pop(key, None)
        self._own.pop(key, None)


def _number(version: Any) -> int | None:
    """The version as a number; None where it is none, and so can't be compared."""
    return int(version) if isinstance(version, str) and version.isascii() and version.isdigit() else None
