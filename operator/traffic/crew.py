"""Which of a resource's pods serve, which stand by and which are ending. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from glm_operator.resources.names import Object
from glm_operator.status.observation import is_server_of, observe_pod
from glm_operator.status.pauses import pause_reason


@dataclass(frozen=True, slots=True)
class Member:
    """A pod that can be sent requests, or has been until now."""

    name: str
    address: str
    paused: bool
    """By a user."""
    ending: bool
    body: Object
    """The pod as the API server has it."""


@dataclass(frozen=True, slots=True)
class Crew:
    """The pods of one resource that kubelet counts as ready, and those that are ending."""

    members: tuple[Member, ...]
    standby: frozenset[str]

    @classmethod
    def of(cls, name: str, pods: Iterable[Object], wanted: int, standbys: int) -> Self:
        """The crew.

        The oldest pods serve and the newest stand by, so that a pod that replaces another becomes the new standby, and
        nobody has to remember who is which.

        Args:
            name: the resource's.
            pods: all pods that are labelled with it.
            wanted: pods that it asks for, standbys among them.
            standbys: how many of those stand by. One pod serves in any case.
        """
        members = tuple(member for pod in pods if (member := _member(name, pod)) is not None)
        ready = sorted((member for member in members if not member.ending), key=_age)
        serving = max(1, wanted - standbys)
        return cls(members, frozenset(member.name for member in ready[serving:]) if standbys else frozenset())

    def without(self, pods: Iterable[str]) -> "Crew":
        """The crew but for these pods."""
        gone = frozenset(pods)
        return replace(self, members=tuple(each for each in self.members if each.name not in gone)) if gone else self

    @property
    def ending(self) -> frozenset[str]:
        """Pods that are being deleted."""
        return frozenset(member.name for member in self.members if member.ending)

    @property
    def paused(self) -> frozenset[str]:
        """Pods that a user has paused."""
        return frozenset(member.name for member in self.members if member.paused)


def _member(name: str, pod: Object) -> Member | None:
    seen = observe_pod(pod)
    if not is_server_of(pod, name) or not seen.address or not (seen.ready or seen.deleting):
        return None
    return Member(seen.name, seen.address, pause_reason(pod) is not None, seen.deleting, pod)


def _age(member: Member) -> tuple[str, str]:
    return str(member.body["metadata"].get("creationTimestamp", "")), member.name
