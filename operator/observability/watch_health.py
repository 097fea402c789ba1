"""Whether the watches still tell everything: what a list shows is compared with what was heard.

Silence alone proves nothing, since an idle cluster is silent. But a resource whose version in a list is newer than
the last one heard of has changed without an event, and one that stays so shows a watch that has gone deaf.
"""

from collections.abc import Mapping

Name = tuple[str, str]
"""Namespace and name."""


class WatchHealth:
    """Versions heard, and since when any is overdue. Times are seconds on a monotonic clock."""

    def __init__(self) -> None:
        self._heard: dict[Name, str] = {}
        self._overdue: dict[Name, float] = {}

    def heard(self, name: Name, version: str) -> None:
        """An event told of this version: the watch lives, whatever a list showed meanwhile."""
        self._heard[name] = version
        self._overdue.pop(name, None)

    def gone(self, name: Name) -> None:
        """An event told that the resource is deleted."""
        self._heard.pop(name, None)
        self._overdue.pop(name, None)

    def __contains__(self, name: Name) -> bool:
        """Whether there is such a resource, as far as events and lists have told."""
        return name in self._heard or name in self._overdue

    def listed(self, versions: Mapping[Name, str], now: float) -> frozenset[Name]:
        """A list showed these versions.

        Returns:
            Resources that were not heard of in this version yet, which are to be looked at.
        """
        unheard = [name for name, version in versions.items() if self._heard.get(name) != version]
        # A newer version of a resource that was overdue before doesn't start the wait anew: it was never heard of.
        self._overdue = {name: self._overdue.get(name, now) for name in unheard}
        self._heard = {name: version for name, version in self._heard.items() if name in versions}
        return frozenset(unheard)

    def overdue_seconds(self, now: float) -> float:
        """How long the oldest missed change has been waiting; 0 when none is."""
        return max((now - since for since in self._overdue.values()), default=0.0)
