"""A server that speaks Triton's protocol, for what a real one does too seldom or too slowly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc


@dataclass
class FakeTriton(service_pb2_grpc.GRPCInferenceServiceServicer):
    """Keeps the parameters of what it is told to load; refuses `refused`, and never answers for `silent`."""

    loaded: dict[str, dict[str, str]] = field(default_factory=dict)
    listed: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    """Model to version, state and reason, as the index has them."""
    refused: dict[str, str] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    requests: list = field(default_factory=list)

    async def RepositoryIndex(self, request, context):  # noqa: N802
        entries = ((name, *entry) for name, listed in self.listed.items() for entry in listed)
        models = [dict(zip(("name", "version", "state", "reason"), entry, strict=True)) for entry in entries]
        return pb.RepositoryIndexResponse(models=models)

    async def ModelStatistics(self, request, context):  # noqa: N802
        return pb.ModelStatisticsResponse(model_stats=[{"name": name, "version": "1"} for name in self.loaded])

    async def ModelConfig(self, request, context):  # noqa: N802
        parameters = {key: {"string_value": value} for key, value in self.loaded[request.name].items()}
        return pb.ModelConfigResponse(config={"name": request.name, "parameters": parameters})

    async def ModelMetadata(self, request, context):  # noqa: N802
        if request.name not in self.loaded:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"unknown model: '{request.name}' is not found")
        return pb.ModelMetadataResponse(name=request.name, versions=["1"])

    async def ModelReady(self, request, context):  # noqa: N802
        return pb.ModelReadyResponse(ready=request.name in self.loaded)

    async def ModelInfer(self, request, context):  # noqa: N802
        return pb.ModelInferResponse(model_name=request.model_name)

    async def RepositoryModelLoad(self, request, context):  # noqa: N802
        self.requests.append(request)
        if request.model_name in self.silent:
            await asyncio.Event().wait()
        if request.model_name in self.refused:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, self.refused[request.model_name])
        self.loaded[request.model_name] = {}
        return pb.RepositoryModelLoadResponse()

    async def RepositoryModelUnload(self, request, context):  # noqa: N802
        del self.loaded[request.model_name]
        return pb.RepositoryModelUnloadResponse()


@asynccontextmanager
async def serving(fake: FakeTriton, address: str = "127.0.0.1:0") -> AsyncIterator[str]:
    """Serve, and tell the address."""
    server = grpc.aio.server()
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(fake, server)
    port = server.add_insecure_port(address)
    await server.start()
    try:
        yield f"{address.rpartition(':')[0]}:{port}"
    finally:
        await server.stop(None)
