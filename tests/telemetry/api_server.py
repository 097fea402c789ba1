"""A server on loopback that answers lists as an API server does, and a connection to it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from glm_operator.clients.kubernetes import Cluster

METRICS, NODES = "/apis/metrics.k8s.io/v1beta1", "/api/v1/nodes"


@asynccontextmanager
async def api_server(folder: Path, answers: Mapping[str, Any]) -> AsyncIterator[tuple[Cluster, list[str]]]:
    """A connection, and the requests that were made: path to the items of a list, or to the status of a refusal."""
    asked: list[str] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        asked.append(request.path_qs)
        found = answers.get(request.path, 404)
        if isinstance(found, int):
            return web.json_response({"kind": "Status", "message": f"status {found}", "code": found}, status=found)
        # As metrics-server answers: its lists are of no version.
        return web.json_response({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": found})

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    named = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "x"} | named))
    cluster = await Cluster.connect(kubeconfig=str(path))
    try:
        yield cluster, asked
    finally:
        await cluster.close()
        await runner.cleanup()
