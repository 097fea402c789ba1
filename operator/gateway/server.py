"""The stream by which Envoys are configured: aggregated, incremental xDS over gRPC."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import grpc
from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2

from glm_operator.gateway.delta import DeltaStream, NackReport
from glm_operator.gateway.store import Change, ConfigStore
from glm_operator.gateway.traffic import ResourceKey

logger = logging.getLogger(__name__)

_OPTIONS: Final = (
    # An Envoy whose node is gone is noticed.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Envoy's own pings are welcome.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Certificates are looked at when a connection begins, so none may last for ever. Envoy calls again, and is told
    # only what it does not have.
    ("grpc.max_connection_age_ms", 3_600_000),
    ("grpc.max_connection_age_grace_ms", 5_000),
    ("grpc.so_reuseport", 0),
)


@dataclass(frozen=True, slots=True)
class Programmed:
    """How far a resource's configuration has come."""

    envoys: int
    """Envoys that are connected."""
    in_step: int
    """Those that have acknowledged all of the resource's present configuration."""
    rejections: tuple[NackReport, ...]
    """What Envoys said against parts of it; they work by what they had before."""


class AdsServer:
    """Serves what the store holds to every Envoy that calls.

    Args:
        store: the configuration.
        on_nack: is told of every resource that an Envoy rejects.
        clients: names, one of which the client's certificate must bear as a DNS name or URI; None: any client may
            read, for tests without TLS only.
    """

    def __init__(
        self, store: ConfigStore, on_nack: Callable[[NackReport], None], clients: frozenset[str] | None
    ) -> None:
        self._store = store
        self._on_nack = on_nack
        self._clients = clients
        self._streams: set[DeltaStream] = set()
        self._server: Any = None

    async def start(self, address: str, credentials: Any | None) -> int:
        """Listen on `address`, with TLS unless there are no credentials. Returns the port.

        Raises:
            ValueError: when there are names to check and nothing to prove them.
            OSError: when the address is taken.
        """
        if self._clients is not None and credentials is None:
            raise ValueError("clients cannot prove their names without TLS")
        server = grpc.aio.server(options=_OPTIONS)
        ads_pb2_grpc.add_AggregatedDiscoveryServiceServicer_to_server(_Servicer(self), server)
        try:
            port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}: {error}") from error
        await server.start()
        self._server = server
        return int(port)

    async def stop(self, grace_seconds: float = 1.0) -> None:
        """End all streams. Envoys keep what they have."""
        if self._server is not None:
            await self._server.stop(grace_seconds)
            self._server = None

    @property
    def envoys(self) -> tuple[str, ...]:
        """Node ids of the Envoys that are connected."""
        return tuple(sorted(stream.node for stream in self._streams if stream.node))

    def programmed(self, key: ResourceKey) -> Programmed:
        """How many Envoys work by the present configuration of a resource."""
        wanted = self._store.of(key)
        streams = [stream for stream in self._streams if stream.node]
        in_step = sum(all(map(stream.holds, wanted)) for stream in streams) if wanted else 0
        rejections = (stream.rejection(resource) for stream in streams for resource in wanted)
        return Programmed(len(streams), in_step, tuple(report for report in rejections if report is not None))

    async def serve(
        self, requests: AsyncIterator[discovery_pb2.DeltaDiscoveryRequest], context: Any
    ) -> AsyncGenerator[discovery_pb2.DeltaDiscoveryResponse, None]:
        """One Envoy, until it hangs up."""
        await self._admit(context)
        stream, wake = DeltaStream(self._store), asyncio.Event()

        def tell(changes: frozenset[Change]) -> None:
            stream.note(changes)
            wake.set()

        unsubscribe = self._store.on_change(tell)
        reader = asyncio.create_task(self._read(stream, requests, wake))
        self._streams.add(stream)
        try:
            while not reader.done():
                wake.clear()
                while (response := stream.next_response()) is not None:
                    yield response
                await wake.wait()
            reader.result()
        finally:
            self._streams.discard(stream)
            unsubscribe()
            reader.cancel()
            logger.info("Envoy %s is gone", stream.node or "(unnamed)")

    async def _read(
        self, stream: DeltaStream, requests: AsyncIterator[discovery_pb2.DeltaDiscoveryRequest], wake: asyncio.Event
    ) -> None:
        try:
            async for request in requests:
                if request.node.id and not stream.node:
                    logger.info("Envoy %s asks for its configuration", request.node.id)
                report = stream.receive(request)
                if report is not None:
                    self._report(report)
                wake.set()
        finally:
            wake.set()

    def _report(self, report: NackReport) -> None:
        logger.error(
            "Envoy %s rejects %s %s: %s", report.node, report.type_url.rpartition(".")[2], report.name, report.message
        )
        try:
            self._on_nack(report)
        except Exception:
            # The stream must not end by it: the Envoy would call again, reject the same, and so on for ever.
            logger.exception("the report of a rejected configuration went wrong")

    async def _admit(self, context: Any) -> None:
        if self._clients is None:
            return
        named = context.auth_context().get("x509_subject_alternative_name", ())
        if not self._clients & {name.decode(errors="replace") for name in named}:
            await context.abort(
                grpc.StatusCode.PERMISSION_DENIED, "this certificate is not one of the gateway's; ask for one of them"
            )


class _Servicer(ads_pb2_grpc.AggregatedDiscoveryServiceServicer):  # type: ignore[misc]  # generated without types
    def __init__(self, server: AdsServer) -> None:
        self._server = server

    async def DeltaAggregatedResources(  # noqa: N802 - gRPC's name
        self, request_iterator: AsyncIterator[discovery_pb2.DeltaDiscoveryRequest], context: Any
    ) -> AsyncIterator[discovery_pb2.DeltaDiscoveryResponse]:
        # Closed at once when the Envoy hangs up, and not when it's collected: until then it would count as connected.
        async with aclosing(self._server.serve(request_iterator, context)) as responses:
            async for response in responses:
                yield response

    async def StreamAggregatedResources(self, _: Any, context: Any) -> None:  # noqa: N802 - gRPC's name
        await context.abort(
            grpc.StatusCode.UNIMPLEMENTED, "only incremental xDS is served: set ads_config.api_type to DELTA_GRPC"
        )
