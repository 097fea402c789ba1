"""What runs where there is a gateway: its certificates, the stream that configures it, and the traffic loop."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry

from glm_operator.api import group
from glm_operator.api.inference import GLMInference
from glm_operator.clients.errors import ClusterError
from glm_operator.clients.kubernetes import Cluster, Object
from glm_operator.gateway.certificates import CLIENT_NAME, ServerCredentials
from glm_operator.gateway.delta import NackReport
from glm_operator.gateway.server import AdsServer
from glm_operator.gateway.store import ConfigStore
from glm_operator.gateway.tls import server_credentials
from glm_operator.gateway.traffic import GatewaySettings, ResourceKey
from glm_operator.observability.log import log
from glm_operator.observability.metrics import Metrics
from glm_operator.observability.traffic_metrics import TrafficMetrics
from glm_operator.reconcile.backoff import backoff_seconds
from glm_operator.reconcile.gateway_certificates import GatewayCertificates, SecretName
from glm_operator.reconcile.informer import Informers
from glm_operator.reconcile.object_cache import Owner
from glm_operator.reconcile.settings import Settings
from glm_operator.status.decisions import Decision
from glm_operator.telemetry.cpu_sources import CpuSource, MetricsApi, PrometheusSource
from glm_operator.telemetry.cpu_use import CpuUse
from glm_operator.telemetry.telemetry import Telemetry, allow_many_connections
from glm_operator.traffic.loop import OnNews, TrafficLoop
from glm_operator.traffic.report import TrafficReport
from glm_operator.traffic.served import Served, served_in

ALL_ADDRESSES: Final = "[::]"


class TrafficServices:
    """The traffic loop and the stream to the gateway."""

    def __init__(
        self,
        cluster: Cluster,
        informers: Informers,
        settings: Settings,
        metrics: Metrics,
        registry: CollectorRegistry,
        on_news: OnNews,
        monotonic: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._informers = informers
        self._settings = settings
        gateway = GatewaySettings(cluster_domain=settings.cluster_domain)
        self._store = ConfigStore(gateway)
        self._server = AdsServer(self._store, _nothing_more, frozenset({CLIENT_NAME}))
        self._credentials: ServerCredentials | None = None
        self._has_credentials = asyncio.Event()
        secret = SecretName(settings.gateway_namespace, settings.gateway_secret)
        self._certificates = GatewayCertificates(
            cluster, secret, settings.xds_names, self._take, metrics, lambda: datetime.now(UTC)
        )
        # Nodes are not listed: that would be a right to read all of them, for pods without a CPU limit alone.
        self._telemetry = Telemetry(CpuUse(_cpu_source(cluster, settings), None))
        self._loop = TrafficLoop(
            self._store,
            gateway,
            self._telemetry,
            TrafficMetrics(registry),
            self._pods_of,
            lambda: len(self._server.envoys),
            self._server.programmed,
            on_news,
            monotonic,
        )

    def tasks(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """What is to run for as long as the operator does, by its name."""
        return {"certificates": self._certificates.run(), "gateway": self._serve(), "traffic": self._weigh()}

    async def close(self) -> None:
        """End the streams; gateways keep what they have."""
        await self._server.stop()
        await self._telemetry.close()

    def serve(self, inference: GLMInference, status: Mapping[str, Any]) -> TrafficReport | None:
        """A resource is as this says. Returns what stands in its status; None where the gateway isn't used."""
        served = Served.of(inference, status)
        key = (inference.namespace, inference.name)
        if served is None:
            self._loop.forget(key)
            return None
        self._loop.serve(served)
        return self._loop.report(key)

    def forget(self, key: ResourceKey) -> None:
        """A resource is gone."""
        self._loop.forget(key)

    def take_decisions(self, key: ResourceKey) -> tuple[Decision, ...]:
        """Decisions about a resource that nobody was told of yet."""
        return self._loop.take_decisions(key)

    def _take(self, credentials: ServerCredentials) -> None:
        self._credentials = credentials
        self._has_credentials.set()

    def _present(self) -> ServerCredentials:
        if self._credentials is None:
            raise RuntimeError("the server is started with the first credentials")
        return self._credentials

    async def _serve(self) -> None:
        await self._has_credentials.wait()
        address = f"{ALL_ADDRESSES}:{self._settings.xds_port}"
        await self._server.start(address, server_credentials(self._present))
        await asyncio.Event().wait()

    async def _weigh(self) -> None:
        allow_many_connections()
        await self._informers.synced()
        self._loop.begin(served_in(await self._listed()))
        await self._loop.run()

    async def _listed(self) -> list[Object]:
        failures = 0
        while True:
            try:
                lists = [await self._cluster.list_objects(group.KIND, scope) for scope in self._settings.scopes]
                return [body for listed in lists for body in listed]
            except ClusterError as error:
                failures += 1
                log.warning("the resources could not be listed for the gateway", extra={"error": str(error)})
                await asyncio.sleep(backoff_seconds(failures))

    def _pods_of(self, namespace: str, name: str) -> list[Object]:
        return self._informers.cache("Pod", namespace).of(Owner(namespace, name))


def _cpu_source(cluster: Cluster, settings: Settings) -> CpuSource:
    namespaces = [scope for scope in settings.scopes if scope is not None]
    if settings.prometheus_url:
        return PrometheusSource(settings.prometheus_url, namespaces)
    return MetricsApi(cluster, settings.scopes)


def _nothing_more(_: NackReport) -> None:
    """The server has logged it, and the condition of the resource is made from what it remembers."""
