"""What one pod was like at one moment: what telemetry gathers, and what weights are decided from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PodSample:
    """One reading of one pod. None: not known, which is never 0.

    Rates and means are of the time since the pod's reading before; a first reading has none.
    """

    at: float
    """Seconds, on the operator's monotonic clock."""
    alive: bool | None = None
    """Whether its server answered the health request: True, or False for a refusal or silence; None: not asked."""
    cpu: float | None = None
    """CPU in use, as a share of the pod's limit, or of its node where it has none; 1.0 is all of it."""
    latency_ms: float | None = None
    """Mean time of the requests that ended, in the server, queue included; None while none ended."""
    requests_per_second: float | None = None
    """Requests that ended well."""
    failures_per_second: float | None = None
    """Requests that ended badly."""
    pending: float | None = None
    """Requests in the queue."""
    gpu: float | None = None
    """GPU in use, as a share."""
