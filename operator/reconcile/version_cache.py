"""Which version of each object of one kind a watch has told of; nothing else of them is kept."""

from collections.abc import Iterable

from glm_operator.reconcile.object_cache import Name, Object, version_of


class VersionCache:
    """Versions by name: a list of them all, then what the watch tells."""

    def __init__(self) -> None:
        self._versions: dict[Name, int] = {}

    def get(self, name: Name) -> int | None:
        """The newest version told of; None when there is no such object, as far as is known."""
        return self._versions.get(name)

    def told(self, body: Object) -> Name | None:
        """A watch told of an object.

        Returns:
            Its name, when that was news.
        """
        name, version = _name_of(body), version_of(body)
        if self._versions.get(name, -1) >= version:
            return None
        self._versions[name] = version
        return name

    def gone(self, body: Object) -> Name | None:
        """A watch told that an object, in its last version, is gone. A newer one of the same name stays."""
        name = _name_of(body)
        known = self._versions.get(name)
        if known is None or known > version_of(body):
            return None
        del self._versions[name]
        return name

    def listed(self, bodies: Iterable[Object], version: int) -> frozenset[Name]:
        """A list of everything that there is, as of `version`.

        Returns:
            Names of objects that are new, changed or gone.
        """
        there = {_name_of(body): version_of(body) for body in bodies}
        newer = {name: known for name, known in self._versions.items() if known > version}
        before, self._versions = self._versions, there | newer
        return frozenset(name for name in before.keys() | there.keys() if before.get(name) != self._versions.get(name))


def _name_of(body: Object) -> Name:
    return Name(body["metadata"]["namespace"], body["metadata"]["name"])
