"""Which pods may get requests at all, whatever their samples say."""

from collections.abc import Iterable, Set
from dataclasses import dataclass

from glm_operator.scheduler.weights.decision import Reason, State


@dataclass(frozen=True, slots=True)
class Roles:
    """The pods by what is wanted of them; each is in one set."""

    serving: frozenset[str]
    draining: frozenset[str]
    standby: frozenset[str]
    paused: frozenset[str]
    """By a user."""
    kept: frozenset[str]
    """Of `serving`: paused by a user, but nobody else is left to serve."""

    def aside(self, pod: str) -> tuple[State, Reason] | None:
        """State and reason of a pod that gets nothing by its role; None: it may get requests."""
        if pod in self.draining:
            return State.PAUSED, Reason.DRAINING
        if pod in self.standby:
            return State.STANDBY, Reason.STANDBY
        return (State.PAUSED, Reason.PAUSED_BY_USER) if pod in self.paused else None


def roles_of(pods: Iterable[str], *, paused: Set[str], standby: Set[str], draining: Set[str]) -> Roles:
    """The roles. A pod that ends is that before all else.

    A user's pause is not bound by the cap on pauses, except that the last pods aren't taken away: with no standby
    and no other pod, those that are paused serve on, since nobody pauses a pod to end all service, and the others may
    have gone after the pause.
    """
    every = frozenset(pods)
    ending = every & draining
    ready = (every & standby) - ending
    held = (every & paused) - ending - ready
    serving = every - ending - ready - held
    if held and not serving and not ready:
        return Roles(held, ending, ready, frozenset(), held)
    return Roles(serving, ending, ready, held, frozenset())
