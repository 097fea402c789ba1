"""How many pods may be out at once: at most half of them, never all, and only while the others can serve."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import floor

from glm_operator.scheduler.weights.decision import Reason
from glm_operator.scheduler.weights.rules import FULL_UTILISATION, MOST_PAUSED


@dataclass(frozen=True, slots=True)
class Wish:
    """A pod that shall be paused."""

    pod: str
    reason: Reason
    severity: float
    """The larger, the earlier it is granted."""
    cpu: float | None
    serves_little: bool
    """It gives less than half of the answers that it owes."""


def most_out(pods: int) -> int:
    """How many of so many pods may be out."""
    return min(floor(pods * MOST_PAUSED), max(0, pods - 1))


def granted(wishes: Iterable[Wish], out: int, pods: int, utilisation: Mapping[str, float]) -> set[str]:
    """The pods that may be paused now, the worst first.

    `out`: pods that are out already. `utilisation`: CPU of those that aren't, where known.
    """
    allowed: set[str] = set()
    for wish in sorted(wishes, key=lambda one: (-one.severity, one.pod)):
        others = pods - out - len(allowed) - 1
        if out + len(allowed) < most_out(pods) and _can_do_without(wish, others, utilisation):
            allowed.add(wish.pod)
    return allowed


def _can_do_without(wish: Wish, others: int, utilisation: Mapping[str, float]) -> bool:
    """Whether the others can serve without it: they have room, or it serves next to nothing anyway."""
    if others < 1:
        return False
    if wish.serves_little or wish.cpu is None:
        return True
    return sum(utilisation.values()) / others <= FULL_UTILISATION
