"""The loop: when the gateway is told, and what is told of a resource in its status. No server answers these pods."""

import pytest
from prometheus_client import CollectorRegistry

from glm_operator.api.traffic import Traffic
from glm_operator.gateway.delta import NackReport
from glm_operator.gateway.server import Programmed
from glm_operator.gateway.store import ConfigStore
from glm_operator.gateway.traffic import GatewaySettings
from glm_operator.observability.traffic_metrics import TrafficMetrics
from glm_operator.resources.triton_deployment import PRE_STOP_SECONDS
from glm_operator.telemetry.cpu_use import CpuUse
from glm_operator.telemetry.telemetry import Telemetry
from glm_operator.traffic import loop as loop_module
from glm_operator.traffic import programme
from glm_operator.traffic.loop import TrafficLoop
from glm_operator.traffic.served import Served, served_in
from traffic_pods import api_pod

KEY = ("shop", "echo")
SERVED = Served(*KEY, Traffic(), pods=2)
IN_STEP = Programmed(2, 2, ())
PODS = [api_pod("a", "127.0.0.2"), api_pod("b", "127.0.0.3")]


class World:
    """A loop with its pods and its clock; what it told of is noted."""

    def __init__(self):
        self.pods, self.now, self.news = list(PODS), 100.0, []
        self.programmed = IN_STEP
        self.store, settings = ConfigStore(GatewaySettings()), GatewaySettings()
        self.telemetry = Telemetry(CpuUse(None, None))
        self.loop = TrafficLoop(
            self.store,
            settings,
            self.telemetry,
            TrafficMetrics(CollectorRegistry()),
            lambda *_: self.pods,
            lambda: 2,
            lambda _: self.programmed,
            self.note,
            lambda: self.now,
        )

    async def note(self, key):
        self.news.append(key)

    async def tick(self, seconds=1.0):
        self.now += seconds
        await self.loop.tick()

    @property
    def states(self):
        return {each["pod"]: each["state"] for each in self.loop.report(KEY).endpoints}


@pytest.fixture
async def world():
    made = World()
    yield made
    await made.telemetry.close()


async def test_the_gateway_is_told_of_all_resources_at_the_first_tick(world):
    world.loop.begin({KEY: SERVED})
    assert not world.store.whole
    await world.tick()
    assert world.store.whole
    assert [each.pod for each in world.store.traffic[KEY].endpoints] == ["a", "b"]


async def test_pods_that_answer_no_health_request_are_told_of_once_and_not_all_of_them_are_paused(world):
    world.loop.begin({KEY: SERVED})
    for _ in range(6):
        await world.tick()
    decisions = world.loop.take_decisions(KEY)
    assert world.loop.take_decisions(KEY) == ()
    assert "Active" in world.states.values() or "Unknown" in world.states.values()
    assert all(decision.loop == "traffic" for decision in decisions)
    assert set(world.news) == {KEY}


async def test_a_pod_that_ends_gets_nothing_from_the_next_tick_on(world):
    world.loop.begin({KEY: SERVED})
    await world.tick()
    world.pods = [api_pod("a", "127.0.0.2", ending=True), PODS[1]]
    await world.tick()
    assert {each.pod: each.open for each in world.store.traffic[KEY].endpoints} == {"a": False, "b": True}


async def test_a_pod_that_has_been_ending_for_long_is_left_out_so_that_its_idle_connections_are_closed(world):
    world.loop.begin({KEY: SERVED})
    world.pods = [api_pod("a", "127.0.0.2", ending=True), PODS[1]]
    await world.tick()
    assert {each.pod for each in world.store.traffic[KEY].endpoints} == {"a", "b"}
    await world.tick(PRE_STOP_SECONDS)
    assert {each.pod for each in world.store.traffic[KEY].endpoints} == {"b"}


async def test_an_operator_that_starts_where_another_was_has_no_news_of_what_the_status_says_already(world):
    said = tuple({"pod": pod, "state": "Active", "weight": 1000, "cpuPercent": 7} for pod in ("a", "b"))
    world.programmed = Programmed(0, 0, ())
    world.loop.begin({KEY: Served(*KEY, Traffic(), pods=2, endpoints=said)})
    await world.tick()
    await world.tick()
    assert world.news == []
    assert world.loop.report(KEY).endpoints == said
    assert world.loop.report(KEY).verdict is None


async def test_a_resource_that_can_not_be_decided_about_goes_on_as_before_and_holds_up_no_other(world, monkeypatch):
    other = Served("shop", "other", Traffic(), pods=2)
    world.loop.begin({KEY: SERVED, other.key: other})
    await world.tick()
    told = world.store.traffic[KEY]

    def broken(served, *_):
        if served.key == KEY:
            raise ZeroDivisionError
        return programme.resource_traffic(served, *_)

    monkeypatch.setattr(loop_module, "resource_traffic", broken)
    world.pods = [PODS[0], api_pod("c", "127.0.0.4", of="other")]
    await world.tick()
    assert world.store.traffic[KEY] == told
    assert [each.pod for each in world.store.traffic[other.key].endpoints] == ["c"]


async def test_a_status_in_which_nothing_is_new_is_not_written_again(world):
    world.loop.begin({KEY: SERVED})
    for _ in range(30):
        await world.tick()
    world.loop.take_decisions(KEY)
    world.news.clear()
    for _ in range(20):
        await world.tick()
    assert world.news == []


async def test_a_resource_that_is_gone_is_taken_from_the_gateway_and_its_report_with_it(world):
    world.loop.begin({KEY: SERVED})
    await world.tick()
    world.loop.forget(KEY)
    assert KEY not in world.store.traffic
    assert world.loop.report(KEY) is None


async def test_a_rejected_configuration_is_in_the_condition_until_it_is_another(world):
    world.loop.begin({KEY: SERVED})
    world.programmed = Programmed(2, 1, (NackReport("gateway-1", "Cluster", "shop/echo/http", "1", "bad port"),))
    await world.tick()
    assert world.loop.report(KEY).verdict.reason == "ConfigurationRejected"
    world.programmed = IN_STEP
    await world.tick()
    assert world.loop.report(KEY).verdict.reason == "Programmed"


def test_a_resource_whose_spec_can_not_be_read_goes_on_by_the_defaults():
    body = {"metadata": {"namespace": "shop", "name": "echo", "uid": "u", "generation": 1}, "spec": {"models": 7}}
    assert served_in([body])[KEY].traffic == Traffic()


def test_a_resource_that_is_being_deleted_is_not_served():
    body = {"metadata": {"namespace": "shop", "name": "echo", "deletionTimestamp": "now"}, "spec": {}}
    assert served_in([body]) == {}
