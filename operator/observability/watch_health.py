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
        self._overdue: dict[Name, tuple[str, float]] = {}

    def heard(self, name: Name, version: str) -> None:
        """An event told of this version."""
        self._heard[name] = version

    def listed(self, versions: Mapping[Name, str], now: float) -> frozenset[Name]:
        """A list showed these versions.

        Returns:
            Resources that were not heard of in this version yet, which are to be looked at.
        """
        unheard = {name: version for name, version in versions.items() if self._heard.get(name) != version}
        self._overdue = {name: self._since(name, version, now) for name, version in unheard.items()}
        self._heard = {name: version for name, version in self._heard.items() if name in versions}
        return frozenset(unheard)

    def overdue_seconds(self, now: float) -> float:
        """How long the oldest missed change has been waiting; 0 when none is."""
        waiting = (since for name, (version, since) in self._overdue.items() if self._heard.get(name) != version)
        return max((now - since for since in waiting), default=0.0)

    def _since(self, name: Name, version: str, now: float) -> tuple[str, float]:
        # A newer version of a resource that was overdue before doesn't start the wait anew: it was never heard of.
        _, since = self._overdue.get(name, (version, now))
        return version, since
