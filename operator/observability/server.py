"""The operator's own HTTP server: `/metrics` and `/healthz`."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

Health = Callable[[], str]
"""Why the operator should be started anew; empty while it is well."""


async def serve(registry: CollectorRegistry, health: Health, port: int) -> web.AppRunner:
    """Start the server on all addresses; the caller cleans the runner up."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthz(_: web.Request) -> web.Response:
        trouble = health()
        return web.Response(text=trouble or "ok", status=503 if trouble else 200)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
