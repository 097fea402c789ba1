"""Requests to an API server that doesn't always answer."""

from contextlib import asynccontextmanager

import pytest
import yaml
from aiohttp import web

from glm_operator.clients.errors import ClusterError, RefusedError
from glm_operator.clients.kubernetes import Cluster
from glm_operator.clients.retry import ATTEMPTS

BROKEN = None
"""In place of a status: the connection is broken without an answer."""
EVENT = {"kind": "Event", "metadata": {"namespace": "shop"}}


@asynccontextmanager
async def cluster_that_answers(folder, statuses, **more):
    """A connection to a server that answers so, one by one, and then well; and the methods that it was asked with."""
    asked, left = [], list(statuses)

    async def answer(request):
        asked.append(request.method)
        status = left.pop(0) if left else 200
        if status is BROKEN:
            request.transport.abort()
        return web.json_response({"metadata": {}} | more, status=status or 200)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    cluster = await Cluster.connect(kubeconfig=_kubeconfig(folder, runner.addresses[0][1]))
    try:
        yield cluster, asked
    finally:
        await cluster.close()
        await runner.cleanup()


def _kubeconfig(folder, port):
    named = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "x"} | named))
    return str(path)


@pytest.mark.parametrize("status", [BROKEN, 410, 429, 500])
async def test_a_read_outlives_what_passes(tmp_path, status):
    async with cluster_that_answers(tmp_path, [status, status]) as (cluster, asked):
        assert await cluster.get("Pod", "shop", "a") == {"metadata": {}}
    assert asked == ["GET"] * 3


@pytest.mark.parametrize("status", [BROKEN, 500])
async def test_what_does_not_pass_is_an_error_in_the_end(tmp_path, status):
    async with cluster_that_answers(tmp_path, [status] * 20) as (cluster, asked):
        with pytest.raises(ClusterError, match="pods/a"):
            await cluster.get("Pod", "shop", "a")
    # The HTTP client itself repeats a read whose kept connection was broken.
    assert ATTEMPTS <= len(asked) <= 2 * ATTEMPTS


async def test_what_might_be_made_twice_is_sent_once(tmp_path):
    async with cluster_that_answers(tmp_path, [BROKEN]) as (cluster, asked):
        with pytest.raises(ClusterError):
            await cluster.create(EVENT)
    assert asked == ["POST"]


async def test_an_applied_object_with_an_unknown_field_is_refused_at_once_although_the_status_says_that_it_may_pass(
    tmp_path,
):
    message = "failed to create typed patch object: .spec.wrong: field not declared in schema"
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": "a"}}
    async with cluster_that_answers(tmp_path, [500] * ATTEMPTS, message=message) as (cluster, asked):
        with pytest.raises(RefusedError, match=r"\.spec\.wrong"):
            await cluster.apply(body)
    assert asked == ["PATCH"]


async def test_an_empty_list_of_metadata_is_an_empty_list_although_the_api_server_writes_null(tmp_path):
    async with cluster_that_answers(tmp_path, [], items=None) as (cluster, _):
        assert await cluster.list_metadata("GLMInference", None) == []
