"""The CPU that pods use, as two sources tell it, and how long what they told counts. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from glm_operator.api.quantity import quantity
from glm_operator.resources.names import TRITON_CONTAINER

STALE_SECONDS: Final = 60.0
"""Kubelet measures every 10 s and the metrics API every 15 s or more; what stays the same for longer is no news."""


class PodName(NamedTuple):
    """How the sources name pods."""

    namespace: str
    name: str


class Usage(NamedTuple):
    """What one source tells of one pod's server."""

    cores: float
    stamp: str
    """When it was measured, in the source's own words. Only that it changes matters: nodes' clocks may be wrong."""


Usages = Mapping[PodName, Usage]


class CpuSourceError(Exception):
    """The source can't tell; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class _Known:
    usage: Usage
    since: float


class UsageTable:
    """The newest usage of each pod."""

    def __init__(self) -> None:
        self._known: dict[PodName, _Known] = {}
        self._newest = -math.inf

    def told(self, usages: Usages, now: float) -> None:
        """A source told this. Pods that it doesn't name are gone."""
        self._known = {pod: self._merged(pod, usage, now) for pod, usage in usages.items()}
        self._newest = max((known.since for known in self._known.values()), default=-math.inf)

    def cores(self, pod: PodName, now: float) -> float | None:
        """What a pod uses; None when no source told lately."""
        known = self._known.get(pod)
        return known.usage.cores if known is not None and now - known.since <= STALE_SECONDS else None

    def any_at(self, now: float) -> bool:
        """Whether a source told anything lately."""
        return now - self._newest <= STALE_SECONDS

    def _merged(self, pod: PodName, usage: Usage, now: float) -> _Known:
        before = self._known.get(pod)
        return before if before is not None and before.usage.stamp == usage.stamp else _Known(usage, now)


def share(cores: float | None, limit: float | None, node: float | None) -> float | None:
    """CPU in use as a share of the limit, or of the node where there is none; None when it can't be told."""
    whole = limit if limit is not None else node
    return cores / whole if cores is not None and whole is not None and whole > 0 else None


def usages_of_metrics_api(items: Iterable[Mapping[str, Any]]) -> dict[PodName, Usage]:
    """The servers' usages among `PodMetrics`; what isn't whole is left out."""
    found: dict[PodName, Usage] = {}
    for item in items:
        metadata = item.get("metadata", {})
        pod = PodName(str(metadata.get("namespace", "")), str(metadata.get("name", "")))
        for container in item.get("containers") or ():
            cores = quantity(container.get("usage", {}).get("cpu", ""))
            if container.get("name") == TRITON_CONTAINER and cores is not None and cores >= 0:
                found[pod] = Usage(float(cores), str(item.get("timestamp", "")))
    return found


def check_prometheus_url(url: str) -> None:
    """Refuse what isn't the address of a Prometheus.

    Raises:
        ValueError: telling how it is written.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or parts.query:
        raise ValueError("the address of Prometheus is written http://HOST:PORT, without a user or a query")


def prometheus_query(namespaces: Iterable[str]) -> str:
    """One query for the servers of all pods. cAdvisor is scraped every 30 s as a rule: two minutes hold enough points.

    Args:
        namespaces: names as Kubernetes allows them; none: all.
    """
    among = "|".join(sorted(namespaces))
    matchers = [f'container="{TRITON_CONTAINER}"', *([f'namespace=~"{among}"'] if among else [])]
    return f"sum by (namespace, pod) (rate(container_cpu_usage_seconds_total{{{','.join(matchers)}}}[2m]))"


def usages_of_prometheus(answer: Any) -> dict[PodName, Usage]:
    """The usages in the answer to the query; what is no number is left out.

    Raises:
        CpuSourceError: it isn't the answer of a query that succeeded.
    """
    try:
        if answer["status"] != "success":
            raise CpuSourceError(f"Prometheus refuses the query: {answer.get('error', answer['status'])}")
        series = [(one["metric"], one["value"]) for one in answer["data"]["result"]]
        usages = {
            PodName(metric["namespace"], metric["pod"]): Usage(float(value), str(at)) for metric, (at, value) in series
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CpuSourceError(f"this is no answer of Prometheus': {type(error).__name__}: {error}") from None
    return {pod: usage for pod, usage in usages.items() if 0 <= usage.cores < math.inf}


def cores_of_nodes(nodes: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """What each node offers to pods."""
    found: dict[str, float] = {}
    for node in nodes:
        status = node.get("status", {})
        offered = status.get("allocatable") or status.get("capacity") or {}
        cores = quantity(offered.get("cpu", ""))
        if cores is not None and cores > 0:
            found[node["metadata"]["name"]] = float(cores)
    return found
