"""Requests through a real Envoy: which pod gets them, and what a client is told that asks for something else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from glm_operator.api.traffic import Traffic
from glm_operator.gateway.traffic import ModelTraffic, ResourceTraffic
from loopback_gateway import BOT_HOST, INFER, Gateway, eventually, loopback_gateway


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with loopback_gateway() as gateway:
        await gateway.serve()
        await gateway.start_envoy()
        gateway.store.publish_all([])
        yield gateway


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("bot-gateway.shop", id="the Service's name and namespace"),
        pytest.param("bot-gateway.shop:8000", id="a port says nothing"),
        pytest.param("bot-gateway.shop.svc", id="with svc"),
        pytest.param("bot-gateway.shop.svc.cluster.local", id="the full name"),
        pytest.param("bot-gateway.shop.svc.cluster.local.", id="the full name with the dot that DNS ends it with"),
        pytest.param("BOT-gateway.Shop", id="capitals say nothing"),
    ],
)
async def test_a_resource_answers_to_the_names_of_its_service(gateway, host):
    own, other = await gateway.with_pods(2)
    gateway.publish([own.endpoint()])
    gateway.store.publish(ResourceTraffic("shop", "other", Traffic(), (other.endpoint(),)))
    await gateway.ready(healthy=1)
    assert await gateway.count(3, host=host) == {own.name: 3}
    assert own.hosts == [host.removesuffix(".")] * 3


async def test_a_header_names_the_resource_where_the_host_is_the_gateways_own(gateway):
    own, other = await gateway.with_pods(2)
    gateway.publish([own.endpoint()])
    gateway.store.publish(ResourceTraffic("shop", "other", Traffic(), (other.endpoint(),)))
    await gateway.ready(("shop", "other"), healthy=1)
    await gateway.ready(healthy=1)
    for name, pod in (("shop/bot", own), ("shop/other", other)):
        assert await gateway.count(3, host="gateway.sys", headers={"x-glm-inference": name}) == {pod.name: 3}


@pytest.mark.parametrize(
    ("headers", "path", "status", "words"),
    [
        pytest.param({"host": "nobody"}, INFER, 404, "send requests to NAME-gateway.NAMESPACE", id="an unknown host"),
        pytest.param(
            {"x-glm-inference": "shop/gone"}, INFER, 404, "NAMESPACE/NAME", id="an unknown resource in the header"
        ),
        pytest.param(
            {"host": "nobody", "x-glm-route": "shop/bot"}, INFER, 404, "send requests to", id="Envoy's own header"
        ),
        pytest.param({}, "/v2/repository/models/intent/unload", 404, "has to be asked of that server", id="unloading"),
        pytest.param({}, "/v2/logging", 404, "has to be asked of that server", id="logging"),
        pytest.param({}, "/v2/models/a/../../repository/index", 404, "asked of that server", id="dots in the path"),
        pytest.param({}, "/v2//models/../repository/index", 404, "asked of that server", id="slashes in the path"),
        pytest.param({}, "/v2/models/a%2f..%2f..%2frepository/index", 400, "", id="escaped slashes"),
        pytest.param({}, "/v2/models/intent/trace/setting", 403, "denied", id="a model's tracing"),
        pytest.param({}, "/v2/models/intent/versions/1/trace/setting", 403, "denied", id="a version's tracing"),
        pytest.param({"x-large": "x" * 65_536}, INFER, 431, "Too Large", id="a header of 64 KB"),
    ],
)
async def test_what_is_refused_and_what_is_said(gateway, headers, path, status, words):
    (pod,) = await gateway.with_pods(1)
    gateway.publish([pod.endpoint()])
    await gateway.ready(healthy=1)
    answer = await gateway.ask(path, headers=headers)
    assert (answer.status, pod.asked) == (status, 0)
    assert words in answer.json["error"]
    assert (await gateway.ask()).pod == pod.name


async def test_a_client_cannot_set_envoys_own_headers(gateway):
    """Fifty retries of one client, or a time that ends everybody's tries, are not theirs to ask for."""
    (pod,) = await gateway.with_pods(1)
    pod.status = 503
    gateway.publish([pod.endpoint()], traffic={"failover": {"maxRetries": 0}})
    await gateway.ready(healthy=1)
    answer = await gateway.ask(headers={"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "9"})
    assert (answer.status, pod.asked) == (503, 1)


async def test_weights_are_honoured_and_a_change_arrives(gateway):
    light, heavy = await gateway.with_pods(2)
    gateway.publish([light.endpoint(100), heavy.endpoint(300)])
    await gateway.ready(healthy=2)
    shares = await gateway.count(400)
    assert shares[heavy.name] == pytest.approx(300, abs=30)
    assert shares[light.name] == pytest.approx(100, abs=30)
    gateway.publish([light.endpoint(100), heavy.endpoint(100)])

    async def is_even() -> bool:
        return (await gateway.count(40))[light.name] >= 16

    await eventually("equal shares", is_even, 5)


async def test_a_new_weight_is_sent_without_clusters_routes_and_listeners(gateway):
    (pod,) = await gateway.with_pods(1)
    gateway.publish([pod.endpoint(100)])
    await gateway.ready(healthy=1)
    names = ("cluster_manager.cds", "listener_manager.lds", "http.kserve.rds.kserve")
    filters = "|".join(f"{name}.update_success" for name in names).replace(".", r"\.")

    async def updates() -> str:
        return await gateway.envoys[0].admin(gateway.session, f"/stats?filter={filters}")

    before, changes = await updates(), await gateway.gauge(("shop", "bot"), "http", "update_success")
    gateway.publish([pod.endpoint(200)])
    await gateway.ready()
    assert await gateway.gauge(("shop", "bot"), "http", "update_success") == changes + 1
    assert await updates() == before


@pytest.mark.parametrize(
    "closed",
    [
        pytest.param({"draining": True}, id="a draining pod"),
        pytest.param({"weight": 0}, id="weight 0"),
        pytest.param({"weight": None}, id="no weight"),
    ],
)
async def test_a_closed_pod_gets_nothing_and_comes_back(gateway, closed):
    one, two = await gateway.with_pods(2)
    gateway.publish([one.endpoint(), two.endpoint(**closed)])
    await gateway.ready(healthy=1)
    assert await gateway.count(40) == {one.name: 40}
    gateway.publish([one.endpoint(), two.endpoint()])

    async def is_back() -> bool:
        return (await gateway.count(10))[two.name] > 0

    await eventually("the pod is back", is_back, 5)


async def test_a_running_request_ends_on_a_pod_that_is_closed(gateway):
    one, two = await gateway.with_pods(2)
    one.delay = 1.0
    gateway.publish([one.endpoint()])
    await gateway.ready(healthy=1)
    running = asyncio.create_task(gateway.ask())
    await eventually("the request at the pod", lambda: one.asked == 1)
    gateway.publish([one.endpoint(draining=True), two.endpoint()])
    await gateway.ready(healthy=1)
    assert (await running).pod == one.name


async def test_a_taken_away_pod_gets_nothing_although_it_lives(gateway):
    one, two = await gateway.with_pods(2)
    gateway.publish([one.endpoint(), two.endpoint()])
    await gateway.ready(healthy=2)
    gateway.publish([one.endpoint()])
    await gateway.ready()

    async def is_gone() -> bool:
        return await gateway.gauge(("shop", "bot"), "http", "membership_total") == 1

    await eventually("the pod's end", is_gone, 5)
    assert await gateway.count(20) == {one.name: 20}


async def test_a_resource_that_is_deleted_is_unknown_and_the_others_stay(gateway):
    (pod,) = await gateway.with_pods(1)
    gateway.publish([pod.endpoint()])
    gateway.store.publish(ResourceTraffic("shop", "other", Traffic(), (pod.endpoint(),)))
    await gateway.ready(("shop", "other"), healthy=1)
    gateway.store.withdraw(("shop", "other"))

    async def is_unknown() -> bool:
        return (await gateway.ask(host="other-gateway.shop")).status == 404

    await eventually("the end of the other", is_unknown, 5)

    async def clusters_are_gone() -> bool:
        return "shop/other" not in await gateway.envoys[0].admin(gateway.session, "/clusters")

    await eventually("the end of its clusters", clusters_are_gone, 5)
    assert await gateway.count(10) == {pod.name: 10}


async def test_a_session_stays_with_its_pod_and_sessions_are_spread(gateway):
    pods = await gateway.with_pods(3)
    gateway.publish([pod.endpoint() for pod in pods], traffic={"affinity": {"mode": "ConsistentHash"}})
    await gateway.ready(healthy=3)
    used = set()
    for session in range(60):
        answered = await gateway.count(3, headers={"x-session-id": f"session {session}"})
        assert len(answered) == 1
        used |= set(answered)
    assert used == {pod.name for pod in pods}


async def test_over_the_rate_a_client_is_told_when_to_come_again(gateway):
    (pod,) = await gateway.with_pods(1)
    gateway.publish([pod.endpoint()], traffic={"rateLimit": {"tokensPerSecond": 1, "burst": 5}})
    await gateway.ready(healthy=1)
    answers = [await gateway.ask() for _ in range(20)]
    shed = [answer for answer in answers if answer.status == 429]
    assert [answer.status for answer in answers[:5]] == [200] * 5
    assert len(shed) >= 10
    assert {answer.headers["retry-after"] for answer in shed} == {"1"}
    assert pod.asked == len(answers) - len(shed)


async def test_another_resource_has_a_bucket_of_its_own(gateway):
    (pod,) = await gateway.with_pods(1)
    limited = Traffic.model_validate({"rateLimit": {"tokensPerSecond": 1, "burst": 1}})
    gateway.publish([pod.endpoint()])
    gateway.store.publish(ResourceTraffic("shop", "other", limited, (pod.endpoint(),)))
    await gateway.ready(("shop", "other"), healthy=1)
    await gateway.ready(healthy=1)
    statuses = [(await gateway.ask(host="other-gateway.shop")).status for _ in range(5)]
    assert 429 in statuses
    assert (await gateway.count(20))[""] == 0


async def test_a_models_own_time_holds_for_it_alone(gateway):
    slow, fast = await gateway.with_pods(2)
    slow.delay = 1.0
    quick = ModelTraffic("quick", timedelta(milliseconds=100))
    gateway.publish([slow.endpoint(), fast.endpoint()], models=(quick,))
    await gateway.ready(healthy=2)
    answers = await gateway.until(lambda: slow.asked > 0, path="/v2/models/quick/infer")
    assert {answer.pod for answer in answers} == {fast.name}
    answers = await gateway.until(lambda: slow.asked > 1, path="/v2/models/quicker/infer")
    assert answers[-1].pod == slow.name


@pytest.mark.parametrize("mode", ["None", "ConsistentHash"])
async def test_a_model_that_not_every_pod_has_is_asked_for_where_it_is(gateway, mode):
    pods = await gateway.with_pods(4)
    traffic, endpoints = {"affinity": {"mode": mode}}, [pod.endpoint() for pod in pods]

    def at(*having) -> tuple[ModelTraffic, ...]:
        return (ModelTraffic("extra", pods=frozenset(pod.name for pod in having)),)

    gateway.publish(endpoints, models=at(pods[1], pods[2]), traffic=traffic)
    await gateway.ready(healthy=4)
    everybody = {pod.name for pod in pods}
    assert set(await gateway.count(40, path="/v2/models/extra/infer")) == {pods[1].name, pods[2].name}
    assert set(await gateway.count(80, path="/v2/models/other/infer")) == everybody
    await pods[1].stop()
    assert await gateway.count(20, path="/v2/models/extra/infer") == {pods[2].name: 20}
    gateway.publish(endpoints, models=at(pods[3]), traffic=traffic)

    async def has_moved() -> bool:
        return (await gateway.ask("/v2/models/extra/infer")).pod == pods[3].name

    await eventually("another pod", has_moved, 5)
    gateway.publish(endpoints, models=at(), traffic=traffic)

    async def any_is_asked() -> bool:
        return (await gateway.ask("/v2/models/extra/infer")).pod in {pods[0].name, pods[2].name}

    await eventually("any pod", any_is_asked, 5)


async def test_a_model_that_becomes_partial_under_load_costs_no_request(gateway):
    pods = await gateway.with_pods(3)
    gateway.publish([pod.endpoint() for pod in pods])
    await gateway.ready(healthy=3)
    answered = await gateway.count(10, path="/v2/models/extra/infer")
    for having in (pods[:1], pods[1:], None, pods[2:], None):
        held = None if having is None else frozenset(pod.name for pod in having)
        gateway.publish([pod.endpoint() for pod in pods], models=(ModelTraffic("extra", pods=held),))
        answered += await gateway.count(20, path="/v2/models/extra/infer")
        await gateway.ready(healthy=3)
    assert answered[""] == 0


async def test_a_large_request_is_tried_again_too(gateway):
    bad, good = await gateway.with_pods(2)
    bad.status = 500
    gateway.publish([bad.endpoint(), good.endpoint()])
    await gateway.ready(healthy=2)
    answers = await gateway.until(lambda: bad.asked > 0, data=b"x" * 8_000_000)
    assert {(answer.pod, answer.json["bytes"]) for answer in answers} == {(good.name, 8_000_000)}


@pytest.fixture
async def triton(gateway):
    async with grpc.aio.insecure_channel(
        f"127.0.0.1:{gateway.settings.grpc_port}", options=[("grpc.default_authority", BOT_HOST)]
    ) as channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(channel)


async def test_grpc_reaches_the_pods_and_hides_one_that_fails(gateway, triton):
    bad, good = await gateway.with_pods(2)
    bad.code = grpc.StatusCode.UNAVAILABLE
    gateway.publish([bad.endpoint(), good.endpoint()])
    await gateway.ready(healthy=2)
    answers = [await triton.ModelInfer(service_pb2.ModelInferRequest(model_name="intent")) for _ in range(40)]
    assert {answer.id for answer in answers} == {good.name}
    assert bad.asked > 0


async def test_a_stream_of_answers_is_neither_cut_nor_moved(gateway, triton):
    """Each answer takes longer than a try may take until its answer begins."""
    pods = await gateway.with_pods(2)
    for pod in pods:
        pod.delay = 0.3
    gateway.publish([pod.endpoint() for pod in pods], per_try_timeout=timedelta(milliseconds=100))
    await gateway.ready(healthy=2)
    stream = triton.ModelStreamInfer(iter([service_pb2.ModelInferRequest(model_name="llm")] * 2))
    answers = [answer.infer_response.id async for answer in stream]
    assert answers in [[f"{pod.name}/{number}" for number in (0, 1, 2)] * 2 for pod in pods]


@pytest.mark.parametrize(
    ("call", "metadata", "code", "words"),
    [
        pytest.param(
            "RepositoryModelUnload", (), grpc.StatusCode.UNIMPLEMENTED, "asked of that server", id="unloading a model"
        ),
        pytest.param(
            "ModelInfer",
            (("x-glm-inference", "shop/gone"),),
            grpc.StatusCode.UNIMPLEMENTED,
            "NAME-gateway",
            id="an unknown resource",
        ),
    ],
)
async def test_what_grpc_clients_are_told(gateway, triton, call, metadata, code, words):
    (pod,) = await gateway.with_pods(1)
    gateway.publish([pod.endpoint()])
    await gateway.ready(healthy=1)
    request = {"RepositoryModelUnload": service_pb2.RepositoryModelUnloadRequest}.get(
        call, service_pb2.ModelInferRequest
    )
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await getattr(triton, call)(request(), metadata=metadata)
    assert refused.value.code() is code
    assert words in refused.value.details()


async def test_grpc_over_the_rate_is_told_so(gateway, triton):
    (pod,) = await gateway.with_pods(1)
    gateway.publish([pod.endpoint()], traffic={"rateLimit": {"tokensPerSecond": 1, "burst": 1}})
    await gateway.ready(healthy=1)
    calls = (triton.ModelInfer(service_pb2.ModelInferRequest(model_name="intent")) for _ in range(5))
    with pytest.raises(grpc.aio.AioRpcError) as shed:
        await asyncio.gather(*calls)
    assert shed.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    told = [*(shed.value.initial_metadata() or ()), *(shed.value.trailing_metadata() or ())]
    assert ("retry-after", "1") in told
