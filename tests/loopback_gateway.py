"""The operator's side of the gateway, real Envoys and pods that do as they are told, all on loopback."""

import asyncio
import contextlib
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import grpc
from aiohttp import ClientSession, ClientTimeout, web
from multidict import CIMultiDictProxy
from tritonclient.grpc import service_pb2, service_pb2_grpc
from yarl import URL

from devcluster import binaries
from glm_operator.api.traffic import Traffic
from glm_operator.gateway.delta import NackReport
from glm_operator.gateway.server import AdsServer
from glm_operator.gateway.store import ConfigStore
from glm_operator.gateway.traffic import GatewayEndpoint, GatewaySettings, ResourceKey, ResourceTraffic

T = TypeVar("T")
BOT: ResourceKey = ("shop", "bot")
BOT_HOST = "bot-gateway.shop"
INFER = "/v2/models/intent/infer"
HTTP2 = {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def eventually(what: str, look: Callable[[], T | None], seconds: float = 20.0) -> T:
    """Look until there is a result; `look` may be a coroutine function."""
    deadline = time.monotonic() + seconds
    while True:
        result = look()
        if asyncio.iscoroutine(result):
            result = await result
        if result:
            return result
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        await asyncio.sleep(0.02)


class Pod(service_pb2_grpc.GRPCInferenceServiceServicer):
    """A pod of Triton: it says that it lives, and answers inference with its name."""

    def __init__(self, number: int, settings: GatewaySettings) -> None:
        self.name, self.address = f"pod-{number}", f"127.0.1.{number}"
        self.settings = settings
        self.status, self.delay, self.code = 200, 0.0, grpc.StatusCode.OK
        self.asked = 0
        self.hosts: list[str] = []
        self._running: set[asyncio.Task[Any] | None] = set()
        self._runner: web.AppRunner | None = None
        self._grpc: Any = None

    def endpoint(self, weight: int | None = 100, draining: bool = False) -> GatewayEndpoint:
        return GatewayEndpoint(self.name, self.address, weight, draining)

    async def start(self) -> "Pod":
        app = web.Application(client_max_size=2**26)
        app.router.add_get("/v2/health/live", self._live)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.address, self.settings.pod_http_port).start()
        self._grpc = grpc.aio.server()
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(self, self._grpc)
        self._grpc.add_insecure_port(f"{self.address}:{self.settings.pod_grpc_port}")
        await self._grpc.start()
        return self

    async def stop(self) -> None:
        """Gone: connections are cut, and then refused."""
        if self._runner is not None:
            for task in tuple(self._running):
                assert task is not None
                task.cancel()
            await self._runner.cleanup()
            await self._grpc.stop(0)
        self._runner = self._grpc = None

    async def _live(self, _: web.Request) -> web.Response:
        return web.Response()

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        self.hosts.append(request.host)
        task = asyncio.current_task()
        self._running.add(task)
        try:
            await asyncio.sleep(self.delay)
        except asyncio.CancelledError:
            if request.transport is not None:
                request.transport.abort()
            raise
        finally:
            self._running.discard(task)
        return web.json_response(
            {"pod": self.name, "path": request.path, "bytes": len(await request.read())}, status=self.status
        )

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.asked += 1
        await asyncio.sleep(self.delay)
        if self.code is not grpc.StatusCode.OK:
            await context.abort(self.code, "as told")
        return service_pb2.ModelInferResponse(model_name=request.model_name, id=self.name)

    async def ModelStreamInfer(self, requests: AsyncIterator[Any], _: Any) -> AsyncIterator[Any]:  # noqa: N802
        """Decoupled: three answers for each request."""
        self.asked += 1
        async for request in requests:
            for number in range(3):
                await asyncio.sleep(self.delay)
                answer = service_pb2.ModelInferResponse(model_name=request.model_name, id=f"{self.name}/{number}")
                yield service_pb2.ModelStreamInferResponse(infer_response=answer)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: CIMultiDictProxy[str]
    text: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.text)

    @property
    def pod(self) -> str:
        return self.json.get("pod", "") if self.status == 200 else ""


@dataclass
class Envoy:
    """A running Envoy."""

    port: int
    grpc_port: int
    admin_port: int
    process: subprocess.Popen[bytes]
    log: Path

    async def admin(self, session: ClientSession, target: str) -> str:
        try:
            async with session.get(f"http://127.0.0.1:{self.admin_port}{target}") as response:
                return await response.text()
        except OSError:
            return ""


@dataclass
class Gateway:
    """One operator and its Envoys."""

    settings: GatewaySettings
    store: ConfigStore
    session: ClientSession
    folder: Path
    nacks: list[NackReport] = field(default_factory=list)
    envoys: list[Envoy] = field(default_factory=list)
    pods: list[Pod] = field(default_factory=list)
    server: AdsServer | None = None
    port: int = 0

    async def serve(self, credentials: Any = None, clients: frozenset[str] | None = None) -> AdsServer:
        """Start the operator's server; again on the same port after it was stopped."""
        self.server = AdsServer(self.store, self.nacks.append, clients)
        self.port = await self.server.start(f"127.0.0.1:{self.port}", credentials)
        return self.server

    async def with_pods(self, count: int) -> list[Pod]:
        new = [Pod(len(self.pods) + number, self.settings) for number in range(1, count + 1)]
        self.pods += new
        for pod in new:
            await pod.start()
        return new

    async def start_envoy(self, transport_socket: dict[str, Any] | None = None) -> Envoy:
        """Another Envoy; it listens on the settings' ports if it is the first, else nowhere that a test asks."""
        number, admin_port = len(self.envoys), free_port()
        binaries.ensure([binaries.named("envoy")])
        config, log = self.folder / f"envoy-{number}.json", self.folder / f"envoy-{number}.log"
        config.write_text(json.dumps(bootstrap(f"envoy-{number}", admin_port, self.port, transport_socket)))
        argv = [str(binaries.named("envoy").path), "-c", str(config), "--concurrency", "1", "--disable-hot-restart"]
        process = started([*argv, "--log-level", "warning"], log)
        envoy = Envoy(self.settings.http_port, self.settings.grpc_port, admin_port, process, log)
        self.envoys.append(envoy)
        return envoy

    async def ready(self, key: ResourceKey = BOT, *, healthy: int = 0) -> None:
        """Wait until all Envoys have the present configuration, and the first knows so many healthy pods."""

        async def look() -> bool:
            assert self.server is not None
            programmed = self.server.programmed(key)
            in_step = programmed.in_step == len(self.envoys) == programmed.envoys
            return in_step and await self.gauge(key, "http", "membership_healthy") >= healthy

        await eventually("the configuration in all Envoys", look)

    async def gauge(self, key: ResourceKey, protocol: str, name: str) -> int:
        """A figure of a cluster in the first Envoy; 0 where there is none."""
        text = await self.envoys[0].admin(self.session, f"/stats?filter=^cluster.{key[0]}/{key[1]}/{protocol}.{name}$")
        return int(text.rpartition(": ")[2] or 0)

    async def ask(self, path: str = INFER, host: str = BOT_HOST, **options: Any) -> Answer:
        """Ask the first Envoy."""
        headers = {"host": host, **options.pop("headers", {})}
        url = URL(f"http://127.0.0.1:{self.settings.http_port}{path}", encoded=True)
        async with self.session.request(options.pop("method", "POST"), url, headers=headers, **options) as response:
            return Answer(response.status, response.headers, await response.text())

    async def count(self, requests: int, **options: Any) -> Counter[str]:
        """How many of so many requests, one after the other, each pod answered; "" counts failures."""
        return Counter([(await self.ask(**options)).pod for _ in range(requests)])

    async def until(self, condition: Callable[[], bool], **options: Any) -> list[Answer]:
        """The answers until something is so. Which pod gets a request is left to chance where weights are equal."""
        answers = [await self.ask(**options)]
        while not condition():
            assert len(answers) < 200
            answers.append(await self.ask(**options))
        return answers

    def publish(
        self, endpoints: list[GatewayEndpoint], standbys: list[GatewayEndpoint] | None = None, **options: Any
    ) -> None:
        """Configure `shop/bot`."""
        traffic = Traffic.model_validate(options.pop("traffic", {}))
        self.store.publish(bot(endpoints, standbys, traffic=traffic, **options))

    async def clear(self) -> None:
        for envoy in self.envoys:
            envoy.process.kill()
            envoy.process.wait(timeout=10)
        for pod in self.pods:
            await pod.stop()
        if self.server is not None:
            await self.server.stop(0)


def started(argv: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        return subprocess.Popen(argv, stdout=file, stderr=file)


def bot(endpoints: Any = (), standbys: Any = (), traffic: Traffic | None = None, **options: Any) -> ResourceTraffic:
    return ResourceTraffic(
        *BOT, traffic or Traffic(), endpoints=tuple(endpoints), standbys=tuple(standbys or ()), **options
    )


@contextlib.asynccontextmanager
async def loopback_gateway() -> AsyncIterator[Gateway]:
    settings = GatewaySettings(
        listen_address="127.0.0.1",
        http_port=free_port(),
        grpc_port=free_port(),
        pod_http_port=free_port(),
        pod_grpc_port=free_port(),
    )
    folder = Path(tempfile.mkdtemp(prefix="glm-xds-"))
    async with ClientSession(timeout=ClientTimeout(total=20)) as session:
        gateway = Gateway(settings, ConfigStore(settings), session, folder)
        try:
            yield gateway
        finally:
            await gateway.clear()
            shutil.rmtree(folder)


def bootstrap(node: str, admin_port: int, xds_port: int, transport_socket: dict[str, Any] | None) -> dict[str, Any]:
    """What Envoy knows before it asks."""
    xds = {"ads": {}, "resource_api_version": "V3"}
    operator = {
        "name": "operator",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": "operator",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(xds_port)}}]}],
        },
        "typed_extension_protocol_options": HTTP2,
    }
    if transport_socket is not None:
        operator["transport_socket"] = transport_socket
    service = {
        "envoy_grpc": {
            "cluster_name": "operator",
            "retry_policy": {"retry_back_off": {"base_interval": "0.1s", "max_interval": "0.5s"}},
        }
    }
    return {
        "node": {"id": node, "cluster": "gateway"},
        "admin": {"address": _address(admin_port)},
        "dynamic_resources": {
            "ads_config": {"api_type": "DELTA_GRPC", "transport_api_version": "V3", "grpc_services": [service]},
            "cds_config": xds,
            "lds_config": xds,
        },
        "static_resources": {"clusters": [operator]},
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
