"""What a watch has told of one kind: the newest known version of each object, found by its name or by its owner.

Objects are kept as JSON text, which is a fifth of what the same dictionaries take. What the operator itself has written
is put in at once, so that the next look doesn't write it again only because its own event is still on the way.

Versions are compared as numbers, which the API promises since Kubernetes 1.35 and has held to long before.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from glm_operator.api import group

Object = dict[str, Any]


class Name(NamedTuple):
    """Which object of a kind."""

    namespace: str
    name: str


Owner = Name
"""The GLMInference that an object is labelled with."""


class _Entry(NamedTuple):
    version: int
    owner: Owner
    text: bytes


class ObjectCache:
    """Objects of one kind, as one watch tells of them: in its order, so that a version tells how far the watch is."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._names: dict[Owner, set[str]] = {}
        self._told = 0
        """The newest version that a watch or list has told of."""

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, namespace: str, name: str) -> Object | None:
        """The object; None when no watch has told of one."""
        entry = self._entries.get((namespace, name))
        return None if entry is None else orjson.loads(entry.text)

    def of(self, owner: Owner) -> list[Object]:
        """All objects that are labelled with this owner, by name."""
        names = sorted(self._names.get(owner, ()))
        return [orjson.loads(self._entries[owner.namespace, name].text) for name in names]

    def told(self, body: Object) -> Owner | None:
        """A watch told of an object.

        Returns:
            Its owner, when that was news.
        """
        self._told = max(self._told, version_of(body))
        return self._put(body)

    def wrote(self, body: Object) -> None:
        """The operator wrote this. What a watch that is ahead of it has told stands: also that the object is gone."""
        if version_of(body) > self._told:
            self._put(body)

    def gone(self, body: Object) -> Owner | None:
        """A watch told that an object, in its last version, is gone. A newer one of the same name stays."""
        version = version_of(body)
        self._told = max(self._told, version)
        metadata = body["metadata"]
        return self._drop((metadata["namespace"], metadata["name"]), version)

    def listed(self, bodies: Iterable[Object], version: int) -> frozenset[Owner]:
        """A list of everything that there is, as of `version`.

        Returns:
            Owners of objects that are new, changed or gone.
        """
        changed, there = set(), set()
        for body in bodies:
            there.add((body["metadata"]["namespace"], body["metadata"]["name"]))
            changed.add(self._put(body))
        missing = [name for name in self._entries if name not in there]
        changed.update([self._drop(name, version) for name in missing])
        self._told = max(self._told, version)
        return frozenset(owner for owner in changed if owner is not None)

    def _put(self, body: Object) -> Owner | None:
        metadata = body["metadata"]
        name, version = (metadata["namespace"], metadata["name"]), version_of(body)
        before = self._entries.get(name)
        if before is not None and before.version >= version:
            return None
        owner = owner_of(metadata)
        if before is not None and before.owner != owner:
            self._drop(name, before.version)
        self._entries[name] = _Entry(version, owner, _text(body))
        self._names.setdefault(owner, set()).add(name[1])
        return owner

    def _drop(self, name: tuple[str, str], version: int) -> Owner | None:
        entry = self._entries.get(name)
        if entry is None or entry.version > version:
            return None
        del self._entries[name]
        names = self._names[entry.owner]
        names.discard(name[1])
        if not names:
            del self._names[entry.owner]
        return entry.owner


def owner_of(metadata: Mapping[str, Any]) -> Owner:
    """Whom an object is labelled with; an empty name where it isn't."""
    return Owner(metadata["namespace"], metadata.get("labels", {}).get(group.LABEL_INFERENCE, ""))


def version_of(body: Object) -> int:
    """The resource version as a number."""
    return int(body["metadata"]["resourceVersion"])


def _text(body: Object) -> bytes:
    """Without `managedFields`, which nobody here reads and which are half of many objects."""
    metadata = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    return orjson.dumps(body | {"metadata": metadata})
