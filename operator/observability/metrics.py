"""The operator's own Prometheus metrics."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_DURATION_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counters of the loops. One registry an operator, so that tests don't meet."""

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._reconciles = Counter("glm_reconciles", "Looks at a resource, by result.", ["result"], registry=registry)
        self._seconds = Histogram(
            "glm_reconcile_seconds", "Duration of a look at a resource.", buckets=_DURATION_BUCKETS, registry=registry
        )
        self._resyncs = Counter("glm_resyncs", "Lists of all resources, by result.", ["result"], registry=registry)
        self._writes = Counter("glm_api_writes", "Writes to the API server, by kind.", ["kind"], registry=registry)
        self._decisions = Counter(
            "glm_decisions", "Decisions, by loop, action and reason.", ["loop", "action", "reason"], registry=registry
        )
        self._loads = Counter(
            "glm_model_loads",
            "Models loaded into or unloaded from running servers, by action and result.",
            ["action", "result"],
            registry=registry,
        )
        self._queue = Gauge("glm_queue_length", "Resources that are due or being looked at.", registry=registry)
        self._silence = Gauge(
            "glm_seconds_since_last_watch_event",
            "Time since a watch last told anything; an idle cluster is silent as well.",
            ["resource"],
            registry=registry,
        )
        self._certificates = Gauge(
            "glm_gateway_certificate_end_timestamp_seconds",
            "When the certificates of the stream between operator and gateway expire.",
            ["certificate"],
            registry=registry,
        )

    @contextmanager
    def reconcile(self) -> Iterator[None]:
        """Times and counts one look."""
        begin = self._clock()
        try:
            yield
        except Exception:
            self._reconciles.labels("error").inc()
            raise
        else:
            self._reconciles.labels("success").inc()
        finally:
            self._seconds.observe(self._clock() - begin)

    def resynced(self, done: bool) -> None:
        """Counts a list of all resources."""
        self._resyncs.labels("success" if done else "error").inc()

    def wrote(self, kind: str) -> None:
        """Counts a write."""
        self._writes.labels(kind).inc()

    def decided(self, loop: str, action: str, reason: str) -> None:
        """Counts a decision."""
        self._decisions.labels(loop, action, reason).inc()

    def loaded(self, action: str, done: bool) -> None:
        """Counts a load or unload."""
        self._loads.labels(action, "success" if done else "failure").inc()

    def certificate_ends(self, certificate: str, at: float) -> None:
        """Show when a certificate expires, in seconds of the epoch."""
        self._certificates.labels(certificate).set(at)

    def watch_queue(self, length: Callable[[], int]) -> None:
        """Show the length of the queue."""
        self._queue.set_function(length)

    def heard(self, resource: str) -> None:
        """A watch of this resource has told something."""
        at = self._clock()
        self._silence.labels(resource).set_function(lambda: self._clock() - at)
