"""Prometheus metrics of the traffic loop: what it reads, decides and publishes. Series of pods that are gone go too."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Gauge, Histogram

_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.5, 5.0)
_POD_LABELS: Final = ("namespace", "inference", "pod")


class Owner(NamedTuple):
    """A GLMInference."""

    namespace: str
    name: str


class Shown(NamedTuple):
    """One pod as the metrics show it; None: not known, and no series."""

    weight: int | None
    state: str
    latency_seconds: float | None = None
    cpu: float | None = None


class TrafficMetrics:
    """All of the traffic loop's metrics."""

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shown: dict[Owner, dict[str, Shown]] = {}
        self._weight = Gauge("glm_endpoint_weight", "Weight of a pod.", _POD_LABELS, registry=registry)
        self._state = Gauge(
            "glm_endpoint_state",
            "1 for the state that a pod is in: Active, Reduced, Paused, Standby or Unknown.",
            (*_POD_LABELS, "state"),
            registry=registry,
        )
        self._latency = Gauge(
            "glm_endpoint_latency_seconds",
            "Mean latency of a pod in its server, of the last second.",
            _POD_LABELS,
            registry=registry,
        )
        self._cpu = Gauge(
            "glm_endpoint_cpu_ratio",
            "CPU that a pod uses, of its limit, or of its node where it has none.",
            _POD_LABELS,
            registry=registry,
        )
        self._update = Histogram(
            "glm_weight_update_seconds",
            "Time of one round, from the beginning of reading the pods until the weights are published.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._read = Histogram(
            "glm_telemetry_read_seconds", "Time of reading all pods once.", buckets=_SECONDS, registry=registry
        )
        self._unknown = Gauge(
            "glm_telemetry_unknown_pods", "Pods that could not be read in whole in the last round.", registry=registry
        )
        self._pods = Gauge("glm_telemetry_pods", "Pods that the last round was to read.", registry=registry)

    @contextmanager
    def update(self) -> Iterator[None]:
        """Times one round; one that fails isn't counted."""
        began = self._clock()
        yield
        self._update.observe(self._clock() - began)

    def read(self, seconds: float, pods: int, unknown: int) -> None:
        """All pods were read."""
        self._read.observe(seconds)
        self._pods.set(pods)
        self._unknown.set(unknown)

    def show(self, owner: Owner, pods: Mapping[str, Shown]) -> None:
        """What a resource's pods are like now; those that aren't named are gone."""
        before = self._shown.get(owner, {})
        for pod in before.keys() - pods.keys():
            self._remove(owner, pod, before[pod])
        for pod, now in pods.items():
            then = before.get(pod)
            if now != then:
                self._set((*owner, pod), then, now)
        self._shown[owner] = dict(pods)
        if not pods:
            del self._shown[owner]

    def keep(self, owners: Iterable[Owner]) -> None:
        """All other resources are gone."""
        for gone in self._shown.keys() - set(owners):
            self.show(gone, {})

    def _set(self, labels: tuple[str, ...], then: Shown | None, now: Shown) -> None:
        for gauge, old, new in (
            (self._weight, then.weight if then else None, now.weight),
            (self._latency, then.latency_seconds if then else None, now.latency_seconds),
            (self._cpu, then.cpu if then else None, now.cpu),
        ):
            if new is not None:
                gauge.labels(*labels).set(new)
            elif old is not None:
                gauge.remove(*labels)
        if then is not None and then.state != now.state:
            self._state.remove(*labels, then.state)
        self._state.labels(*labels, now.state).set(1)

    def _remove(self, owner: Owner, pod: str, last: Shown) -> None:
        labels = (*owner, pod)
        for gauge, value in ((self._weight, last.weight), (self._latency, last.latency_seconds), (self._cpu, last.cpu)):
            if value is not None:
                gauge.remove(*labels)
        self._state.remove(*labels, last.state)
