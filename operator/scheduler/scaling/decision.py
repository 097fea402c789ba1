"""A scaling decision, and how it is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What is done about the number of pods."""

    OUT = "ScaleOut"
    IN = "ScaleIn"
    HOLD = "Hold"


class Reason(StrEnum):
    """Why that many pods are wanted."""

    LOAD = "LoadOffTarget"
    TOLERANCE = "WithinTolerance"
    PANIC = "Burst"
    FORECAST = "ForecastFloor"
    IDLE = "Idle"
    UNKNOWN = "MetricsUnknown"
    FALLBACK = "FallbackActive"


class Limit(StrEnum):
    """What keeps the number of pods from what is wanted."""

    NONE = ""
    MINIMUM = "TooFewReplicas"
    MAXIMUM = "TooManyReplicas"
    WINDOW = "Stabilized"
    POLICY = "PolicyLimited"
    QUOTA = "QuotaReached"
    ACCELERATORS = "NoFreeAccelerators"
    ROLLOUT = "RolloutInProgress"
    INCOMPLETE = "MetricsIncomplete"


_LIMIT_TEXTS: Mapping[Limit, str] = {
    Limit.MINIMUM: "minReplicas is the fewest",
    Limit.MAXIMUM: "maxReplicas is the most; raise it if the load is real",
    Limit.WINDOW: "the stabilization window still holds another recommendation",
    Limit.POLICY: "a policy of spec.scaling.behavior limits the speed",
    Limit.QUOTA: "the namespace's quota has no room for more; raise it",
    Limit.ACCELERATORS: "no node has a free accelerator for more; add nodes",
    Limit.ROLLOUT: "nothing is taken away during a rollout",
    Limit.INCOMPLETE: "not every source of the load could be read, so nothing is taken away",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """How many replicas from now on, why, and from what."""

    replicas: int
    current: int
    wanted: int
    """By load, burst and forecast alone, before any limit."""
    why: Reason
    limit: Limit
    target: float
    ready: int | None
    stable: float | None
    burst: float | None
    forecast: float | None
    """Requests per second; None: none is used."""

    @property
    def action(self) -> Action:
        """Out, in or hold."""
        if self.replicas == self.current:
            return Action.HOLD
        return Action.OUT if self.replicas > self.current else Action.IN

    @property
    def reason(self) -> str:
        """One word: what moved the number of pods, or what kept it from moving."""
        held_back = self.action is Action.HOLD and self.limit is not Limit.NONE
        return str(self.limit if held_back else self.why)

    @property
    def limited(self) -> bool:
        """Whether a bound that somebody may want to raise is in the way (the condition `ScalingLimited`)."""
        return self.limit in {Limit.MINIMUM, Limit.MAXIMUM, Limit.QUOTA, Limit.ACCELERATORS}

    @property
    def message(self) -> str:
        """A sentence for people."""
        step = f"stays at {self.current}" if self.action is Action.HOLD else f"{self.current} -> {self.replicas} pods"
        limit = f"; {_LIMIT_TEXTS[self.limit]}" if self.limit else ""
        return f"{step}: {self._cause()}{limit}"

    @property
    def inputs(self) -> Mapping[str, str]:
        """What it was decided from."""
        return {
            "requests per second": _number(self.stable),
            "requests per second in the panic window": _number(self.burst),
            "forecast": "not used" if self.forecast is None else _number(self.forecast),
            "target per pod": _number(self.target),
            "pods": str(self.current),
            "ready pods": "unknown" if self.ready is None else str(self.ready),
            "wanted": str(self.wanted),
        }

    def _cause(self) -> str:
        texts = {
            Reason.LOAD: f"{_number(self.stable)} requests/s want {self.wanted} at {_number(self.target)} each",
            Reason.TOLERANCE: f"{_number(self.stable)} requests/s are near {_number(self.target)} for each pod",
            Reason.PANIC: f"a burst of {_number(self.burst)} requests/s; {self.wanted} wanted until it is well over",
            Reason.FORECAST: f"up to {_number(self.forecast)} requests/s are forecast before a new pod could serve",
            Reason.IDLE: "no request for a while",
            Reason.UNKNOWN: "the load is unknown",
            Reason.FALLBACK: "the load has been unknown for too long; spec.scaling.fallback holds",
        }
        return texts[self.why]


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}" if value < 1000 else f"{value:.0f}"  # noqa: PLR2004
