"""What a pod gets, why, and how it is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from glm_operator.scheduler.weights.rules import EXPIRY_SECONDS, MEAN_WEIGHT, Rules


class State(StrEnum):
    """What a pod gets, as in `status.endpoints`."""

    ACTIVE = "Active"
    REDUCED = "Reduced"
    PAUSED = "Paused"
    STANDBY = "Standby"
    UNKNOWN = "Unknown"


class Reason(StrEnum):
    """Why."""

    HEALTHY = "Healthy"
    WARMING = "Warming"
    IDLE = "Idle"
    PAUSE_WITHHELD = "PauseWithheld"
    LAST_POD = "LastPod"
    LESS_HEALTHY = "LessHealthy"
    BUSY = "CpuBusy"
    SLOWER = "SlowerThanOthers"
    HALF_OPEN = "HalfOpen"
    SLOW = "LatencyHigh"
    FAR_SLOWER = "FarSlowerThanOthers"
    NOT_ANSWERING = "NotAnswering"
    NO_HEARTBEAT = "NoHeartbeat"
    PAUSED_BEFORE = "PausedBefore"
    PAUSED_BY_USER = "PausedByUser"
    DRAINING = "Draining"
    STANDBY = "Standby"
    UNKNOWN = "NoSamples"


@dataclass(frozen=True, slots=True)
class Basis:
    """What a pod's weight was decided from. None: unknown, or not so."""

    rules: Rules
    cpu: float | None = None
    latency_ms: float | None = None
    """Over the window, without failures."""
    failures: float = 0.0
    """Share of the requests."""
    answered: float | None = None
    """Requests per second."""
    typical_ms: float | None = None
    """Of the middle pod, in the last second."""
    health: float = 1.0
    """By the formula; 1 is the average pod."""
    balance: float = 1.0
    """The correction for utilisation in it."""
    cut: float = 1.0
    """Factor for a pod that is slower than the others."""
    busy: float = 1.0
    """Factor of the CPU rule."""
    trial: float | None = None
    remaining: float | None = None
    """Seconds until the pause ends."""


@dataclass(frozen=True, slots=True)
class EndpointWeight:
    """One pod as a target of requests."""

    pod: str
    weight: int | None
    """1 or more; None: it gets nothing."""
    share: float
    """Of the requests, 0..1."""
    state: State
    reason: Reason
    basis: Basis

    @property
    def message(self) -> str:
        """A sentence for people."""
        return f"{_amount(self)}: {_cause(self)}"

    @property
    def inputs(self) -> Mapping[str, str]:
        """What it was decided from."""
        basis = self.basis
        given: dict[str, str] = {
            "cpu": _percent(basis.cpu),
            "latency": _milliseconds(basis.latency_ms),
            "latency of the middle pod": _milliseconds(basis.typical_ms),
            "requests per second": "unknown" if basis.answered is None else f"{basis.answered:.4g}",
            "failures": _percent(basis.failures),
            "health": f"{basis.health:.3g}",
            "balance": f"{basis.balance:.3g}",
        }
        if basis.cut < 1.0:
            given["cut to"] = _percent(basis.cut)
        if basis.trial is not None:
            given["trial"] = f"{basis.trial:.2%}"
        return given


@dataclass(frozen=True, slots=True)
class WeightDecision:
    """What all pods get."""

    endpoints: tuple[EndpointWeight, ...]
    """By name."""
    publish: bool
    """Whether that differs enough from what was published last to be published now."""


def _amount(endpoint: EndpointWeight) -> str:
    if endpoint.weight is None:
        return "no requests"
    return f"{endpoint.share:.1%} of the requests (weight {endpoint.weight}, {MEAN_WEIGHT} is average)"


def _cause(endpoint: EndpointWeight) -> str:
    basis, rules = endpoint.basis, endpoint.basis.rules
    latency, typical = _milliseconds(basis.latency_ms), _milliseconds(basis.typical_ms)
    texts = {
        Reason.HEALTHY: f"CPU {_percent(basis.cpu)}, latency {latency}, failures {_percent(basis.failures)}",
        Reason.WARMING: "too few samples so far, so it counts as an average pod",
        Reason.IDLE: f"idle for more than {rules.idle.after_seconds} s, so +{rules.idle.raise_percent} %",
        Reason.PAUSE_WITHHELD: (
            f"it should be paused (latency {latency}, others {typical}), but the other pods are as slow, or could not "
            "serve without it; add pods if this stays"
        ),
        Reason.LAST_POD: "paused by a user, but no other pod is left to serve; resume it, or add pods",
        Reason.LESS_HEALTHY: (
            f"worse than the others: CPU {_percent(basis.cpu)}, latency {latency}, failures {_percent(basis.failures)}"
        ),
        Reason.BUSY: (
            f"CPU above {rules.cpu.threshold_percent} % for {rules.cpu.for_seconds} s: -{rules.cpu.reduce_percent} %, "
            f"as far as the others have room: -{1 - basis.busy:.0%}"
        ),
        Reason.SLOWER: f"several times slower than the others ({typical}), so cut to {_percent(basis.cut)} for now",
        Reason.HALF_OPEN: f"back from a pause with {_part(basis.trial)} of its weight, more while it answers well",
        Reason.SLOW: (
            f"slower than {rules.latency.threshold_milliseconds} ms in {rules.latency.consecutive} samples in a row"
        ),
        Reason.FAR_SLOWER: f"far slower than the others ({typical})",
        Reason.NOT_ANSWERING: "it answers nothing while the others do",
        Reason.NO_HEARTBEAT: f"no answer to health requests for {rules.heartbeat_seconds:g} s",
        Reason.PAUSED_BEFORE: "it was paused before the operator started",
        Reason.PAUSED_BY_USER: "paused by a user; `kubectl glm resume` brings it back",
        Reason.DRAINING: "it is ending",
        Reason.STANDBY: "it takes over when the other pods are gone",
        Reason.UNKNOWN: (f"no samples; it keeps its weight for {EXPIRY_SECONDS:g} s and then counts as an average pod"),
    }
    remaining = f"; tried again in {basis.remaining:.0f} s" if basis.remaining is not None else ""
    return texts[endpoint.reason] + remaining


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1%}"


def _part(share: float | None) -> str:
    return "a part" if share is None else f"{share:.2g}"


def _milliseconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g} ms"
