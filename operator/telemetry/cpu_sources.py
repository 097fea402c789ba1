"""Where the CPU use of all pods is asked for at once: the metrics API, or Prometheus."""

import asyncio
import json
from collections.abc import Sequence
from typing import Final, Protocol

import aiohttp

from glm_operator.api import group
from glm_operator.clients.errors import ClusterError
from glm_operator.clients.kubernetes import Cluster
from glm_operator.telemetry.cpu import (
    CpuSourceError,
    Usages,
    check_prometheus_url,
    prometheus_query,
    usages_of_metrics_api,
    usages_of_prometheus,
)

ANSWER_SECONDS: Final = 10.0
MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
NOT_FOUND: Final = 404


class CpuSource(Protocol):
    """Tells the CPU use of all pods."""

    async def read(self) -> Usages:
        """What it tells now.

        Raises:
            CpuSourceError: it can't.
        """

    async def close(self) -> None:
        """Close its connections."""


class MetricsApi:
    """`metrics.k8s.io`, which metrics-server or another adapter serves."""

    def __init__(self, cluster: Cluster, scopes: Sequence[str | None]) -> None:
        self._cluster = cluster
        self._scopes = scopes

    async def read(self) -> Usages:
        """One list for each namespace that is served, or one for all."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                lists = await asyncio.gather(
                    *(self._cluster.list_objects("PodMetrics", scope, group.LABEL_INFERENCE) for scope in self._scopes)
                )
        except ClusterError as error:
            if error.status == NOT_FOUND:
                raise CpuSourceError("the cluster has no metrics API; install metrics-server") from None
            raise CpuSourceError(f"the metrics API does not answer: {error}") from None
        except TimeoutError:
            raise CpuSourceError(f"the metrics API did not answer within {ANSWER_SECONDS:.0f} s") from None
        return usages_of_metrics_api(item for listed in lists for item in listed)

    async def close(self) -> None:
        """The connection belongs to somebody else."""


class PrometheusSource:
    """A Prometheus that scrapes the kubelets' cAdvisor.

    Asked with aiohttp: `prometheus-api-client`, which the backtests use, blocks while it waits, and brings pandas and
    matplotlib into the operator's image for one GET.
    """

    def __init__(self, url: str, namespaces: Sequence[str]) -> None:
        check_prometheus_url(url)
        self._url = f"{url.rstrip('/')}/api/v1/query"
        self._query = prometheus_query(namespaces)
        self._session: aiohttp.ClientSession | None = None

    async def read(self) -> Usages:
        """One query for all pods."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS))
        try:
            async with self._session.get(self._url, params={"query": self._query}, allow_redirects=False) as response:
                content = await _bounded(response)
        except TimeoutError:
            raise CpuSourceError(f"Prometheus did not answer within {ANSWER_SECONDS:.0f} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise CpuSourceError(f"Prometheus does not answer: {type(error).__name__}: {error}") from None
        try:
            answer = json.loads(content)
        except ValueError:
            raise CpuSourceError(f"what Prometheus' address answers is no JSON (HTTP {response.status})") from None
        return usages_of_prometheus(answer)

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise CpuSourceError(f"Prometheus answers more than {MAX_ANSWER_BYTES} bytes")
    return bytes(content)
