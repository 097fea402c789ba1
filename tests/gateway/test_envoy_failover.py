"""Pods that fail behind a real Envoy: clients see nothing of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from loopback_gateway import BOT, Gateway, eventually, loopback_gateway

FAST = {"heartbeatTimeoutSeconds": 1}
NO_CHECKS = {"heartbeatTimeoutSeconds": 600}
"""Health checks that say nothing for the length of a test: what is seen is the work of the retries."""
NEVER_EJECTED = {"consecutiveErrors": 1000}


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with loopback_gateway() as gateway:
        await gateway.serve()
        await gateway.start_envoy()
        gateway.store.publish_all([])
        yield gateway


@pytest.mark.parametrize("status", [pytest.param(500, id="errors"), pytest.param(503, id="it is not ready")])
async def test_another_pod_answers_for_one_that_fails(gateway, status):
    bad, good = await gateway.with_pods(2)
    bad.status = status
    gateway.publish([bad.endpoint(), good.endpoint()], traffic={"circuitBreaker": NEVER_EJECTED})
    await gateway.ready(healthy=2)
    answers = await gateway.until(lambda: bad.asked >= 10)
    assert {answer.pod for answer in answers} == {good.name}


async def test_a_pod_that_fails_fast_is_hidden_under_load(gateway):
    """The balancer likes it best, for it is never busy; a retry must not end there again."""
    bad, good = await gateway.with_pods(2)
    bad.status, good.delay = 500, 0.02
    gateway.publish([bad.endpoint(), good.endpoint()], traffic={"circuitBreaker": NEVER_EJECTED})
    await gateway.ready(healthy=2)

    async def client() -> int:
        return (await gateway.count(25))[""]

    assert await asyncio.gather(*(client() for _ in range(8))) == [0] * 8
    assert bad.asked > 50


async def test_a_wrong_request_is_not_tried_again(gateway):
    one, two = await gateway.with_pods(2)
    one.status = two.status = 400
    gateway.publish([one.endpoint(), two.endpoint()])
    await gateway.ready(healthy=2)
    assert (await gateway.ask()).status == 400
    assert one.asked + two.asked == 1


async def test_without_retries_the_failure_is_shown(gateway):
    bad, good = await gateway.with_pods(2)
    bad.status = 500
    traffic = {"failover": {"maxRetries": 0}, "circuitBreaker": NEVER_EJECTED}
    gateway.publish([bad.endpoint(), good.endpoint()], traffic=traffic)
    await gateway.ready(healthy=2)
    assert (await gateway.count(20))[""] == bad.asked > 0


async def test_a_pod_that_is_killed_is_not_noticed(gateway):
    one, two = await gateway.with_pods(2)
    gateway.publish([one.endpoint(), two.endpoint()], traffic={"failover": NO_CHECKS})
    await gateway.ready(healthy=2)
    await gateway.until(lambda: bool(one.asked and two.asked))
    await one.stop()
    assert await gateway.count(40) == {two.name: 40}


async def test_requests_at_a_pod_that_is_killed_are_answered_by_another(gateway):
    one, two = await gateway.with_pods(2)
    one.delay = 30.0
    gateway.publish([one.endpoint(), two.endpoint()], traffic={"failover": NO_CHECKS})
    await gateway.ready(healthy=2)
    # Some wait at the first pod, so that the others go to the second one.
    waiting = [asyncio.create_task(gateway.ask()) for _ in range(8)]
    await eventually("requests at both pods", lambda: one.asked > 0 and two.asked > 0)
    await one.stop()
    assert {(await answer).pod for answer in waiting} == {two.name}


async def test_a_slow_try_is_given_up_for_another_pod(gateway):
    slow, fast = await gateway.with_pods(2)
    slow.delay = 30.0
    gateway.publish(
        [slow.endpoint(), fast.endpoint()],
        traffic={"circuitBreaker": NEVER_EJECTED},
        per_try_timeout=timedelta(milliseconds=50),
    )
    await gateway.ready(healthy=2)
    answers = await gateway.until(lambda: slow.asked >= 3)
    assert {answer.pod for answer in answers} == {fast.name}


async def test_a_request_that_only_takes_long_still_gets_its_answer(gateway):
    pods = await gateway.with_pods(2)
    for pod in pods:
        pod.delay = 1.0
    gateway.publish(
        [pod.endpoint() for pod in pods],
        traffic={"circuitBreaker": NEVER_EJECTED, "failover": {"maxRetries": 1}},
        per_try_timeout=timedelta(milliseconds=50),
    )
    await gateway.ready(healthy=2)
    answer = await gateway.ask()
    assert answer.status == 200
    assert sum(pod.asked for pod in pods) == 2


async def test_a_pod_that_errs_in_a_row_is_left_out_although_it_lives_and_comes_back(gateway):
    bad, good = await gateway.with_pods(2)
    bad.status = 500
    breaker = {"consecutiveErrors": 3, "openSeconds": 8}
    gateway.publish([bad.endpoint(), good.endpoint()], traffic={"circuitBreaker": breaker, "failover": FAST})
    await gateway.ready(healthy=2)
    await gateway.until(lambda: bad.asked == 3)
    assert await gateway.count(40) == {good.name: 40}
    assert bad.asked == 3
    assert await gateway.gauge(BOT, "http", "outlier_detection.ejections_active") == 1
    checked = await gateway.gauge(BOT, "http", "health_check.success")

    async def was_checked_again() -> bool:
        return await gateway.gauge(BOT, "http", "health_check.success") >= checked + 2

    await eventually("passed health checks", was_checked_again, 6)
    assert await gateway.count(10) == {good.name: 10}
    bad.status = 200

    async def is_back() -> bool:
        return (await gateway.count(4))[bad.name] > 0

    await eventually("the pod's return", is_back)


async def test_the_last_pod_is_not_left_out_for_its_errors(gateway):
    (pod,) = await gateway.with_pods(1)
    pod.status = 500
    gateway.publish([pod.endpoint()], traffic={"circuitBreaker": {"consecutiveErrors": 1}})
    await gateway.ready(healthy=1)
    for _ in range(5):
        assert (await gateway.ask()).json["pod"] == pod.name


async def test_a_silent_pod_is_found_by_its_heartbeat_and_asked_again_when_it_is_back(gateway):
    one, two = await gateway.with_pods(2)
    gateway.publish([one.endpoint(), two.endpoint()], traffic={"failover": FAST})
    await gateway.ready(healthy=2)
    await gateway.ask()  # a cluster that was never asked is checked less often
    await one.stop()

    async def healthy() -> int:
        return await gateway.gauge(BOT, "http", "membership_healthy")

    await eventually("the pod's end", lambda: _is(healthy, 1))
    await one.start()
    await eventually("the pod's return", lambda: _is(healthy, 2))
    one.asked = 0
    await gateway.until(lambda: one.asked > 0)


async def _is(read, value: int) -> bool:
    return await read() == value


STANDBYS = {"failover": {"standbyReplicas": 1, **FAST}, "circuitBreaker": {"openSeconds": 1}}


async def test_standbys_get_nothing_while_one_endpoint_is_left(gateway):
    one, two, three, standby = await gateway.with_pods(4)
    gateway.publish([p.endpoint() for p in (one, two, three)], [standby.endpoint()], traffic=STANDBYS)
    await gateway.ready(healthy=4)
    assert standby.name not in await gateway.count(30)
    await one.stop()
    await two.stop()
    await eventually("the end of two", lambda: _is(lambda: gateway.gauge(BOT, "http", "membership_healthy"), 2))
    assert await gateway.count(30) == {three.name: 30}


async def test_a_standby_takes_over_and_gives_back_and_no_request_fails(gateway):
    primary, standby = await gateway.with_pods(2)
    gateway.publish([primary.endpoint()], [standby.endpoint()], traffic=STANDBYS)
    await gateway.ready(healthy=2)
    assert await gateway.count(10) == {primary.name: 10}
    await primary.stop()
    assert await gateway.count(40) == {standby.name: 40}
    await primary.start()
    seen = set()

    async def is_back() -> bool:
        seen.add((await gateway.ask()).pod)
        return primary.name in seen

    await eventually("the primary's return", is_back)
    assert "" not in seen


@pytest.mark.parametrize(
    "closed",
    [
        pytest.param({"draining": True}, id="the primary drains"),
        pytest.param({"weight": 0}, id="the primary is paused"),
        pytest.param(None, id="the primary is gone"),
    ],
)
async def test_a_standby_takes_over_from_a_primary_that_is_closed(gateway, closed):
    primary, standby = await gateway.with_pods(2)
    endpoints = [] if closed is None else [primary.endpoint(**closed)]
    gateway.publish(endpoints, [standby.endpoint()], traffic=STANDBYS)
    await gateway.ready(healthy=1)
    assert await gateway.count(20) == {standby.name: 20}


async def test_no_pods_are_said(gateway):
    gateway.publish([])
    await gateway.ready()
    answer = await gateway.ask()
    assert (answer.status, answer.json["error"]) == (503, "no healthy upstream")


async def test_more_than_may_be_under_way_is_shed_at_once(gateway):
    (pod,) = await gateway.with_pods(1)
    pod.delay = 3.0
    breaker = {"maxRequests": 4, "maxPendingRequests": 1}
    gateway.publish([pod.endpoint()], traffic={"circuitBreaker": breaker})
    await gateway.ready(healthy=1)
    running = []
    for number in range(1, 5):
        running.append(asyncio.create_task(gateway.ask()))
        await eventually(f"request {number} at the pod", lambda number=number: pod.asked == number)
    shed = [await gateway.ask() for _ in range(5)]
    assert not any(task.done() for task in running)
    assert [(answer.status, answer.headers["x-envoy-overloaded"]) for answer in shed] == [(503, "true")] * 5
    assert [(await answer).status for answer in running] == [200] * 4
    pod.delay = 0.0
    assert (await gateway.ask()).status == 200


async def test_a_pod_gets_no_more_connections_than_the_pool_has(gateway):
    (pod,) = await gateway.with_pods(1)
    pod.delay = 0.2
    gateway.publish([pod.endpoint()], traffic={"connectionPool": {"maxPoolSize": 3, "minPoolSize": 0}})
    await gateway.ready(healthy=1)
    answers = await asyncio.gather(*(gateway.ask() for _ in range(12)))
    assert {answer.status for answer in answers} == {200}
    assert await gateway.gauge(BOT, "http", "upstream_cx_total") == 3


async def test_another_setting_replaces_the_cluster_and_no_request_fails(gateway):
    pods = await gateway.with_pods(2)
    gateway.publish([pod.endpoint() for pod in pods])
    await gateway.ready(healthy=2)
    failed = 0
    for size in range(20, 30):
        gateway.publish([pod.endpoint() for pod in pods], traffic={"connectionPool": {"maxPoolSize": size}})
        failed += (await gateway.count(10))[""]
        await gateway.ready()

        async def is_in_force(limit: int = size) -> bool:
            clusters = await gateway.envoys[0].admin(gateway.session, "/config_dump?mask=dynamic_active_clusters")
            return f'"max_connections": {limit}' in clusters

        await eventually(f"a pool of {size}", is_in_force, 3)
    assert failed == 0
