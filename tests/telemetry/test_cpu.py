"""CPU use as the sources tell it: bad rows are left out, old news is none, and what can't be compared isn't mixed."""

import math
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glm_operator.telemetry.cpu import (
    STALE_SECONDS,
    CpuSourceError,
    PodName,
    Usage,
    UsageTable,
    cores_of_nodes,
    prometheus_query,
    share,
    usages_of_metrics_api,
    usages_of_prometheus,
)
from glm_operator.telemetry.cpu_sources import MAX_ANSWER_BYTES, MetricsApi, PrometheusSource
from glm_operator.telemetry.cpu_use import REFRESH_SECONDS, RETRY_SECONDS, CpuUse
from glm_operator.telemetry.target import Target
from telemetry.api_server import METRICS, NODES, api_server

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

POD = PodName("shop", "a")


def row(*containers, name="a", stamp="T1"):
    return {
        "metadata": {"namespace": "shop", "name": name},
        "timestamp": stamp,
        "window": "15s",
        "containers": [{"name": kind, "usage": {"cpu": cpu, "memory": "1Ki"}} for kind, cpu in containers],
    }


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        pytest.param([], {}, id="no pods"),
        pytest.param([row(("triton", "250m"))], {POD: Usage(0.25, "T1")}, id="milli-cores"),
        pytest.param([row(("triton", "1500000000n"))], {POD: Usage(1.5, "T1")}, id="nano-cores"),
        pytest.param([row(("triton", "0"))], {POD: Usage(0.0, "T1")}, id="an idle server's use is zero and known"),
        pytest.param([row(("proxy", "3"), ("triton", "1"))], {POD: Usage(1.0, "T1")}, id="sidecars don't count"),
        pytest.param([row(("proxy", "3"))], {}, id="a pod without a server"),
        pytest.param([row(("triton", "much")), row(("triton", "1"))], {POD: Usage(1.0, "T1")}, id="what is no number"),
        pytest.param([row(("triton", "-1"))], {}, id="less than nothing is left out"),
        pytest.param([{"metadata": {"name": "a"}, "containers": None}], {}, id="a row without containers"),
    ],
)  # fmt: skip
def test_the_metrics_api(items, expected):
    assert usages_of_metrics_api(items) == expected


def vector(*values):
    result = [{"metric": {"namespace": "shop", "pod": pod}, "value": [1.5, value]} for pod, value in values]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(vector(), {}, id="no series"),
        pytest.param(vector(("a", "0.5")), {POD: Usage(0.5, "1.5")}, id="cores"),
        pytest.param(vector(("a", "NaN"), ("b", "+Inf"), ("c", "-1")), {}, id="what is no number of cores is left out"),
    ],
)
def test_prometheus(answer, expected):
    assert usages_of_prometheus(answer) == expected


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param({"status": "error", "error": "parse error"}, "refuses the query: parse error", id="refused"),
        pytest.param({"status": "success", "data": {"result": [{"metric": {}}]}}, "no answer", id="a series of no pod"),
        pytest.param({"hello": "world"}, "no answer", id="another program"),
        pytest.param([1], "no answer", id="a list"),
        pytest.param(None, "no answer", id="nothing"),
        pytest.param(vector(("a", "many")), "no answer", id="a word for a number"),
    ],
)
def test_an_answer_that_is_none_of_prometheus_is_refused_with_the_reason(answer, why):
    with pytest.raises(CpuSourceError, match=why):
        usages_of_prometheus(answer)


def test_the_query_is_one_for_all_pods():
    everywhere = prometheus_query([])
    assert everywhere == 'sum by (namespace, pod) (rate(container_cpu_usage_seconds_total{container="triton"}[2m]))'
    assert 'namespace=~"a|b"' in prometheus_query(["b", "a"])


@pytest.mark.parametrize(
    ("cores", "limit", "node", "expected"),
    [
        pytest.param(0.5, 2.0, 8.0, 0.25, id="of the limit"),
        pytest.param(0.5, None, 8.0, 0.0625, id="of the node, without a limit"),
        pytest.param(0.5, None, None, None, id="of nothing that is known"),
        pytest.param(None, 2.0, 8.0, None, id="an unknown use"),
        pytest.param(0.0, 2.0, None, 0.0, id="no use is known"),
        pytest.param(3.0, 2.0, None, 1.5, id="more than the limit, as it is measured at times"),
        pytest.param(1.0, 0.0, None, None, id="a limit of nothing"),
    ],
)
def test_share(cores, limit, node, expected):
    assert share(cores, limit, node) == expected


@CALM
@given(*[st.none() | st.floats(0, 1e6)] * 3)
def test_a_share_is_a_number_or_unknown(cores, limit, node):
    seen = share(cores, limit, node)
    assert seen is None or seen >= 0


def test_nodes_offer_what_is_allocatable():
    nodes = [
        {"metadata": {"name": "a"}, "status": {"allocatable": {"cpu": "3900m"}, "capacity": {"cpu": "4"}}},
        {"metadata": {"name": "b"}, "status": {"capacity": {"cpu": "4"}}},
        {"metadata": {"name": "c"}, "status": {}},
        {"metadata": {"name": "d"}},
    ]
    assert cores_of_nodes(nodes) == {"a": 3.9, "b": 4.0}


def test_a_use_that_is_measured_no_more_becomes_unknown():
    table = UsageTable()
    for now in range(0, 200, 5):
        table.told({POD: Usage(0.5, "T1" if now < 100 else "T2")}, float(now))
    assert table.cores(POD, 100.0 + STALE_SECONDS) == 0.5
    assert table.cores(POD, 100.1 + STALE_SECONDS) is None
    assert not table.any_at(100.1 + STALE_SECONDS)


def test_a_pod_that_is_told_of_no_more_is_forgotten():
    table = UsageTable()
    table.told({POD: Usage(0.5, "T1")}, 0.0)
    table.told({}, 1.0)
    assert table.cores(POD, 1.0) is None


class Source:
    """Tells what it is given, or raises it."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), 0

    async def read(self):
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self):
        pass


SIZES = [{"metadata": {"name": "n"}, "status": {"allocatable": {"cpu": "8"}}}]
BUSY_NODE = 0.9


def target(limit=2.0, name="a", node="n"):
    return Target(name, f"{name}/0", "shop", name, "127.0.0.1", node, limit)


TOLD = {POD: Usage(0.5, "T1")}
ABSENT = CpuSourceError("the cluster has no metrics API")
FORBIDDEN = 403


@pytest.mark.parametrize(
    ("source", "nodes", "one", "expected"),
    [
        pytest.param(Source(TOLD), SIZES, target(), 0.25, id="of its limit"),
        pytest.param(Source(TOLD), SIZES, target(None), 0.0625, id="of its node, without a limit"),
        pytest.param(Source(TOLD), FORBIDDEN, target(), 0.25, id="of its limit, when nodes may not be listed"),
        pytest.param(Source(TOLD), FORBIDDEN, target(None), BUSY_NODE, id="the node's, when its size isn't known"),
        pytest.param(Source(TOLD), SIZES, target(name="new"), None, id="unknown, while the source knows only others"),
        pytest.param(Source({}), SIZES, target(), BUSY_NODE, id="the node's, if the source knows nobody"),
        pytest.param(Source(ABSENT), SIZES, target(), BUSY_NODE, id="the node's, where there is no source"),
        pytest.param(None, SIZES, target(), BUSY_NODE, id="the node's, if none is wanted"),
    ],
)
async def test_what_a_pods_cpu_is_taken_from(tmp_path, source, nodes, one, expected):
    async with api_server(tmp_path, {NODES: nodes}) as (cluster, _):
        use = CpuUse(source, cluster)
        if (task := use.refresh(0.0, nodes=True)) is not None:
            await task
        assert use.share(one, 0.0, BUSY_NODE) == expected
        await use.close()


async def test_the_source_is_asked_now_and_then_and_seldom_when_it_is_absent():
    source = Source(TOLD, ABSENT, TOLD)
    use = CpuUse(source, None)

    async def asked_at(now):
        before = source.asked
        use.refresh(now, nodes=False)
        if use._task is not None:
            await use._task
        return source.asked > before

    assert await asked_at(0.0)
    assert not await asked_at(REFRESH_SECONDS - 1)
    assert await asked_at(REFRESH_SECONDS)
    assert use.problem == str(ABSENT)
    assert not await asked_at(2 * REFRESH_SECONDS)
    assert await asked_at(REFRESH_SECONDS + RETRY_SECONDS)
    assert use.problem == ""


SELECTED = "pods?limit=500&labelSelector=serving.autoglm.io/inference"
EVERYWHERE, IN_SHOP, IN_OTHER = (f"{METRICS}/{place}pods" for place in ("", "namespaces/shop/", "namespaces/other/"))


@pytest.mark.parametrize(
    ("scopes", "asked"),
    [
        pytest.param([None], [f"{METRICS}/{SELECTED}"], id="one list for all namespaces"),
        pytest.param(
            ["shop", "other"],
            [f"{METRICS}/namespaces/other/{SELECTED}", f"{METRICS}/namespaces/shop/{SELECTED}"],
            id="one list for each namespace that is served",
        ),
    ],
)
async def test_the_metrics_api_is_asked_once_for_all_pods(tmp_path, scopes, asked):
    mine, others = row(("triton", "1")), row(("triton", "2"), name="b")
    answers = {EVERYWHERE: [mine, others], IN_SHOP: [mine], IN_OTHER: [others]}
    async with api_server(tmp_path, answers) as (cluster, seen):
        told = await MetricsApi(cluster, scopes).read()
    assert told == {POD: Usage(1.0, "T1"), PodName("shop", "b"): Usage(2.0, "T1")}
    assert sorted(seen) == asked


@pytest.mark.parametrize(
    ("status", "told"),
    [
        pytest.param(404, "install metrics-server", id="no such API"),
        pytest.param(403, "does not answer: status 403", id="no permission"),
        pytest.param(503, "does not answer: status 503", id="the adapter is down"),
    ],
)
async def test_why_the_metrics_api_tells_nothing(tmp_path, status, told):
    async with api_server(tmp_path, {EVERYWHERE: status}) as (cluster, _):
        with pytest.raises(CpuSourceError, match=told):
            await MetricsApi(cluster, [None]).read()


@asynccontextmanager
async def prometheus(answer):
    """A source for a server that answers so, and the queries that it was asked."""
    queries = []

    async def handle(request):
        queries.append((request.path, request.query.get("query")))
        return answer()

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    source = PrometheusSource(f"http://127.0.0.1:{runner.addresses[0][1]}/", ["shop"])
    try:
        yield source, queries
    finally:
        await source.close()
        await runner.cleanup()


async def test_prometheus_is_asked_once_for_all():
    async with prometheus(lambda: web.json_response(vector(("a", "0.5"), ("b", "2")))) as (source, queries):
        assert await source.read() == {POD: Usage(0.5, "1.5"), PodName("shop", "b"): Usage(2.0, "1.5")}
    assert queries == [("/api/v1/query", prometheus_query(["shop"]))]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        pytest.param(lambda: web.Response(text="<html>"), "no JSON", id="a web page"),
        pytest.param(
            lambda: web.json_response({"status": "error", "error": "bad"}, status=400), "refuses", id="a refusal"
        ),
        pytest.param(
            lambda: web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
            "no JSON",
            id="a redirect is not followed",
        ),
        pytest.param(lambda: web.Response(body=b" " * (MAX_ANSWER_BYTES + 1)), "more than", id="too much"),
    ],
)
async def test_why_prometheus_tells_nothing(answer, told):
    async with prometheus(answer) as (source, _):
        with pytest.raises(CpuSourceError, match=told):
            await source.read()


async def test_a_prometheus_that_is_gone_says_so():
    async with prometheus(web.Response) as (source, _):
        pass
    with pytest.raises(CpuSourceError, match="does not answer"):
        await source.read()
    await source.close()


@pytest.mark.parametrize("url", ["", "prometheus:9090", "ftp://p", "http://user:word@p", "http://p?x=1", "http://"])
def test_an_address_of_prometheus_that_is_none_is_refused(url):
    with pytest.raises(ValueError, match="http://HOST:PORT"):
        PrometheusSource(url, [])


@CALM
@given(st.recursive(st.none() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["status", "data", "result", "metric", "value", "namespace", "pod"]), inner
)))  # fmt: skip
def test_any_json_is_an_answer_or_refused(answer):
    try:
        usages = usages_of_prometheus(answer)
    except CpuSourceError:
        return
    assert all(0 <= usage.cores < math.inf for usage in usages.values())
