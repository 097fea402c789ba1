"""The store: what is built again, and what is told of it."""

from dataclasses import replace

import pytest

from glm_operator.api.traffic import Traffic
from glm_operator.gateway import names
from glm_operator.gateway.configuration import CLUSTERS, ENDPOINTS, TYPES, VIRTUAL_HOSTS, inference_names
from glm_operator.gateway.store import Change, ConfigStore
from glm_operator.gateway.traffic import GatewayEndpoint, GatewaySettings, ModelTraffic, ResourceTraffic

POD = GatewayEndpoint("pod", "10.0.0.1", 1)
BOT = ResourceTraffic("shop", "bot", Traffic(), (POD,))
LIMITED = ResourceTraffic("shop", "limited", Traffic.model_validate({"rateLimit": {"tokensPerSecond": 90}}), (POD,))
ENDPOINTS_OF_BOT = {(ENDPOINTS, "shop/bot/http"), (ENDPOINTS, "shop/bot/grpc")}


@pytest.fixture
def store() -> ConfigStore:
    store = ConfigStore(GatewaySettings())
    store.publish_all([BOT, LIMITED])
    return store


def told(store: ConfigStore, act) -> list[set[Change]]:
    """What is told while `act` is done."""
    heard: list[set[Change]] = []
    silence = store.on_change(lambda changes: heard.append(set(changes)))
    act()
    silence()
    return heard


HEAVIER = replace(BOT, endpoints=(replace(POD, weight=2),))


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        pytest.param(lambda store: store.publish(BOT), [], id="the same again"),
        pytest.param(lambda store: store.publish_all([BOT, LIMITED]), [], id="all of the same again"),
        pytest.param(lambda store: store.publish(HEAVIER), [ENDPOINTS_OF_BOT], id="a weight"),
        pytest.param(lambda store: store.publish_all([HEAVIER, LIMITED]), [ENDPOINTS_OF_BOT], id="a weight among all"),
        pytest.param(lambda store: store.withdraw(BOT.key), [set(inference_names(BOT.key))], id="one less"),
        pytest.param(lambda store: store.publish_all([LIMITED]), [set(inference_names(BOT.key))], id="all but one"),
        pytest.param(lambda store: store.withdraw(("shop", "nobody")), [], id="one that was never there"),
        pytest.param(
            lambda store: store.use(GatewaySettings(envoys=3)),
            [{(VIRTUAL_HOSTS, names.virtual_host(LIMITED.key))}],
            id="more Envoys: parts of the rate limits",
        ),
        pytest.param(lambda store: store.use(GatewaySettings()), [], id="the same settings"),
    ],
)
def test_what_is_told(store, act, expected):
    assert told(store, lambda: act(store)) == expected


def test_what_cannot_be_said_to_envoy_is_told_and_harms_nobody(store):
    bad = replace(BOT, models=(ModelTraffic("\ud800"),))
    before = store.of(BOT.key)
    other = replace(LIMITED, traffic=Traffic())
    assert list(store.publish(bad, other)) == [BOT.key]
    assert store.of(BOT.key) == before
    assert store.traffic == {BOT.key: BOT, LIMITED.key: other}
    assert list(store.publish_all([bad, other])) == [BOT.key]
    assert store.of(BOT.key) == before
    fresh = ConfigStore(GatewaySettings())
    assert list(fresh.publish_all([bad, other])) == [BOT.key]
    assert (fresh.whole, fresh.of(BOT.key)) == (True, ())
    assert store.publish(BOT) == {}


def test_what_is_given_in_parts_is_served_when_it_is_whole():
    store = ConfigStore(GatewaySettings())
    store.publish(BOT)
    assert not store.whole
    assert len(told(store, lambda: store.publish_all([BOT, LIMITED]))) == 1
    assert store.whole


def test_no_resources_at_all_is_whole_too():
    store = ConfigStore(GatewaySettings())
    assert len(told(store, lambda: store.publish_all([]))) == 1
    assert store.whole


def test_nothing_is_left_of_what_is_gone(store):
    store.withdraw(BOT.key, LIMITED.key)
    left = {(type_url, name) for type_url in TYPES for name in store.resources(type_url)}
    assert not {(type_url, name) for type_url, name in left if type_url in {CLUSTERS, ENDPOINTS}}
    assert {name for type_url, name in left if type_url == VIRTUAL_HOSTS} == {names.UNKNOWN_HOST}
    assert (store.of(BOT.key), dict(store.traffic)) == ((), {})
