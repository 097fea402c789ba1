"""`spec.scaling`, with every default of `autoscaling/v2` filled in, as the decisions need it."""

from dataclasses import dataclass
from typing import Final, Literal

from glm_operator.api.scaling import Fallback, Scaling, ScalingPolicy, ScalingRules

TOLERANCE: Final = 0.1
"""Relative deviation from the target that changes nothing (HPA's default)."""
STABLE_WINDOW_SECONDS: Final = 60.0
"""The load is a mean over this window, and after a burst nothing is taken away for as long (Knative's default)."""


@dataclass(frozen=True, slots=True)
class ChangePolicy:
    """At most `value` pods, or percent of the pods at its begin, in any period."""

    kind: Literal["Pods", "Percent"]
    value: int
    period_seconds: float


@dataclass(frozen=True, slots=True)
class Direction:
    """Limits of change in one direction."""

    window_seconds: float
    select: Literal["Max", "Min", "Disabled"]
    policies: tuple[ChangePolicy, ...]


DEFAULT_UP: Final = Direction(0.0, "Max", (ChangePolicy("Pods", 4, 15.0), ChangePolicy("Percent", 100, 15.0)))
DEFAULT_FALLBACK: Final = Fallback()
DEFAULT_DOWN: Final = Direction(300.0, "Max", (ChangePolicy("Percent", 100, 15.0),))


@dataclass(frozen=True, slots=True)
class Rules:
    """What a decision is taken by."""

    minimum: int
    maximum: int
    target: float
    """Requests per second that one pod shall get."""
    up: Direction = DEFAULT_UP
    down: Direction = DEFAULT_DOWN
    tolerance: float = TOLERANCE
    stable_window_seconds: float = STABLE_WINDOW_SECONDS
    panic_window_seconds: float = 6.0
    panic_threshold: float = 2.0
    """Demand over capacity."""
    idle_seconds: float = 300.0
    """Without a request, and since the last pod became Ready, before that pod may go (only with `minimum` 0)."""
    fallback: Fallback = DEFAULT_FALLBACK


def rules_of(scaling: Scaling) -> Rules:
    """The rules that a resource asks for."""
    return Rules(
        minimum=scaling.min_replicas,
        maximum=scaling.max_replicas,
        target=float(scaling.target_requests_per_second),
        up=_direction(scaling.behavior.scale_up, DEFAULT_UP),
        down=_direction(scaling.behavior.scale_down, DEFAULT_DOWN),
        panic_window_seconds=float(scaling.panic.window_seconds),
        panic_threshold=scaling.panic.threshold_percent / 100,
        idle_seconds=float(scaling.scale_to_zero_after_seconds),
        fallback=scaling.fallback,
    )


def _direction(given: ScalingRules | None, default: Direction) -> Direction:
    if given is None:
        return default
    window = given.stabilization_window_seconds
    return Direction(
        window_seconds=default.window_seconds if window is None else float(window),
        select=given.select_policy,
        policies=tuple(map(_policy, given.policies)) or default.policies,
    )


def _policy(given: ScalingPolicy) -> ChangePolicy:
    return ChangePolicy(given.type, given.value, float(given.period_seconds))
