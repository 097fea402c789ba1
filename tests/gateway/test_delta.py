"""The incremental protocol against a model of an Envoy, which takes, rejects, hangs up and calls again."""

from dataclasses import dataclass, field

import pytest
from envoy.service.discovery.v3 import discovery_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from glm_operator.api.traffic import Traffic
from glm_operator.gateway import names
from glm_operator.gateway.configuration import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES, TYPES, VIRTUAL_HOSTS
from glm_operator.gateway.delta import DeltaStream, NackReport
from glm_operator.gateway.store import ConfigStore
from glm_operator.gateway.traffic import GatewayEndpoint, GatewaySettings, ResourceTraffic


def resource(name: str, weight: int = 1, retries: int = 2) -> ResourceTraffic:
    traffic = Traffic.model_validate({"failover": {"maxRetries": retries}})
    return ResourceTraffic("shop", name, traffic, (GatewayEndpoint("pod", "10.0.0.1", weight),))


def store_of(*resources: ResourceTraffic) -> ConfigStore:
    store = ConfigStore(GatewaySettings())
    store.publish_all(resources)
    return store


@dataclass
class Envoy:
    """What it has, what it says, and what it can't stand. It checks that nothing points at what it doesn't have."""

    has: dict[str, dict[str, str]] = field(default_factory=lambda: {type_url: {} for type_url in TYPES})
    hates: set[str] = field(default_factory=set)
    """Names of resources whose present and later versions it rejects."""
    responses: list[discovery_pb2.DeltaDiscoveryResponse] = field(default_factory=list)
    reports: list[NackReport] = field(default_factory=list)
    stream: DeltaStream | None = None
    subscribed: set[str] = field(default_factory=set)

    def call(self, store: ConfigStore) -> "Envoy":
        """Begin a stream: first requests of all types, with the versions it has."""
        self.stream, self.subscribed = DeltaStream(store), set()
        store.on_change(self.stream.note)
        for type_url in TYPES:
            request = discovery_pb2.DeltaDiscoveryRequest(
                type_url=type_url, initial_resource_versions=self.has[type_url]
            )
            request.node.id = "envoy"
            if type_url == ENDPOINTS:
                if not self.has[CLUSTERS]:
                    continue
                self.subscribed = set(self.has[CLUSTERS])
                request.resource_names_subscribe.extend(sorted(self.subscribed))
            if type_url == ROUTES:
                request.resource_names_subscribe.append(names.ROUTES)
            self.say(request)
        return self

    def say(self, request: discovery_pb2.DeltaDiscoveryRequest) -> None:
        assert self.stream is not None
        report = self.stream.receive(request)
        if report is not None:
            self.reports.append(report)

    def settle(self) -> "Envoy":
        """Answer until there is nothing more to say."""
        for _ in range(10_000):
            if not self.step():
                return self
        raise AssertionError("the stream never comes to rest")

    def step(self) -> bool:
        """Take one response and answer it."""
        assert self.stream is not None
        response = self.stream.next_response()
        if response is None:
            return False
        self.responses.append(response)
        answer = discovery_pb2.DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
        if self.hates & {each.name for each in response.resources}:
            answer.error_detail.message = "something in it is bad"
        else:
            self.take(response)
        self.say(answer)
        if response.type_url == CLUSTERS:
            self.follow_clusters()
        return True

    def take(self, response: discovery_pb2.DeltaDiscoveryResponse) -> None:
        has = self.has[response.type_url]
        has |= {each.name: each.version for each in response.resources}
        for name in response.removed_resources:
            has.pop(name, None)
        if response.type_url in {CLUSTERS, VIRTUAL_HOSTS}:
            for host in self.has[VIRTUAL_HOSTS].keys() - {names.UNKNOWN_HOST}:
                assert set(clusters_of(host)) <= self.has[CLUSTERS].keys(), "a route points at no cluster"
        if response.type_url == VIRTUAL_HOSTS:
            for each in response.resources:
                if each.name != names.UNKNOWN_HOST:
                    assert set(clusters_of(each.name)) <= self.has[ENDPOINTS].keys(), "a route points at no endpoints"

    def follow_clusters(self) -> None:
        clusters = set(self.has[CLUSTERS])
        added, dropped = clusters - self.subscribed, self.subscribed - clusters
        if not added and not dropped:
            return
        self.subscribed = clusters
        for name in dropped:
            self.has[ENDPOINTS].pop(name, None)
        self.say(
            discovery_pb2.DeltaDiscoveryRequest(
                type_url=ENDPOINTS,
                resource_names_subscribe=sorted(added),
                resource_names_unsubscribe=sorted(dropped),
            )
        )

    def sent(self) -> list[tuple[str, str]]:
        """Types and names in the order in which they were sent, and forget them."""
        sent = [(response.type_url, each.name) for response in self.responses for each in response.resources]
        self.responses.clear()
        return sent


def clusters_of(host: str) -> tuple[str, ...]:
    name, _, namespace = host.rpartition("/")[2].partition(".")
    return tuple(names.cluster((namespace, name), protocol) for protocol in names.PROTOCOLS)


def wanted(store: ConfigStore) -> dict[str, dict[str, str]]:
    return {type_url: {n: each.version for n, each in store.resources(type_url).items()} for type_url in TYPES}


BOTH = [(type_url, f"shop/bot/{protocol}") for type_url in (CLUSTERS, ENDPOINTS) for protocol in ("grpc", "http")]
HOST = (VIRTUAL_HOSTS, "kserve/bot.shop")


def test_a_new_envoy_gets_everything_with_clusters_before_the_routes_to_them():
    store = store_of(resource("bot"))
    envoy = Envoy().call(store).settle()
    assert envoy.has == wanted(store)
    sent = envoy.sent()
    assert sent.index(BOTH[0]) < sent.index(BOTH[2]) < sent.index(HOST)


def test_nothing_is_sent_before_all_resources_are_known():
    store = ConfigStore(GatewaySettings())
    store.publish(resource("bot"))
    assert Envoy().call(store).settle().responses == []


def test_an_empty_configuration_is_an_answer():
    envoy = Envoy().call(store_of()).settle()
    assert [(r.type_url, len(r.resources)) for r in envoy.responses] == [
        (CLUSTERS, 0),
        (LISTENERS, 1),
        (ROUTES, 1),
        (VIRTUAL_HOSTS, 1),
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(resource("bot"), [], id="the same again: nothing"),
        pytest.param(resource("bot", weight=2), BOTH[2:], id="a weight: endpoints alone"),
        pytest.param(resource("bot", retries=1), [HOST], id="retries: the virtual host alone"),
        pytest.param(
            resource("new"),
            [(type_url, name.replace("bot", "new")) for type_url, name in [*BOTH, HOST]],
            id="a new resource: its own parts alone",
        ),
    ],
)
def test_a_change_is_sent_alone(change, expected):
    store = store_of(resource("bot"), resource("other"))
    envoy = Envoy().call(store).settle()
    envoy.sent()
    store.publish(change)
    assert envoy.settle().sent() == expected
    assert envoy.has == wanted(store)


def test_a_changed_cluster_gets_its_endpoints_without_an_answer():
    """Envoy acknowledges a cluster when it is warm, and it is warm when it has its endpoints."""
    store = store_of(resource("bot"))
    envoy = Envoy().call(store).settle()
    assert envoy.stream is not None
    changed = Traffic.model_validate({"connectionPool": {"maxPoolSize": 20}})
    store.publish(ResourceTraffic("shop", "bot", changed, resource("bot").endpoints))
    sent = [envoy.stream.next_response(), envoy.stream.next_response()]
    assert [response.type_url for response in sent if response] == [CLUSTERS, ENDPOINTS]
    assert [each.name for each in sent[1].resources] == ["shop/bot/grpc", "shop/bot/http"]


def test_a_slow_envoy_gets_the_newest_and_not_what_was_between():
    store = store_of(resource("bot", weight=1))
    envoy = Envoy().call(store).settle()
    assert envoy.stream is not None
    store.publish(resource("bot", weight=2))
    waiting = envoy.stream.next_response()
    for weight in range(3, 10):
        store.publish(resource("bot", weight=weight))
        assert envoy.stream.next_response() is None
    envoy.take(waiting)
    envoy.say(discovery_pb2.DeltaDiscoveryRequest(type_url=ENDPOINTS, response_nonce=waiting.nonce))
    envoy.sent()
    assert envoy.settle().sent() == BOTH[2:]
    assert envoy.has == wanted(store)


def test_who_calls_again_is_sent_the_difference():
    store = store_of(resource("bot"), resource("old"))
    envoy = Envoy().call(store).settle()
    envoy.sent()
    store = store_of(resource("bot", weight=2), resource("new"))
    assert ("shop/old/http" in envoy.has[CLUSTERS], envoy.call(store).settle().has) == (True, wanted(store))
    assert {name for _, name in envoy.sent()} == {
        "shop/bot/http", "shop/bot/grpc", "shop/new/http", "shop/new/grpc", "kserve/new.shop",
    }  # fmt: skip


def test_routes_are_taken_away_before_their_clusters():
    store = store_of(resource("bot"), resource("old"))
    envoy = Envoy().call(store).settle()
    envoy.sent()
    store.withdraw(("shop", "old"))
    envoy.settle()
    removed = [(each.type_url, list(each.removed_resources)) for each in envoy.responses]
    assert removed == [(VIRTUAL_HOSTS, ["kserve/old.shop"]), (CLUSTERS, ["shop/old/grpc", "shop/old/http"])]
    assert envoy.has == wanted(store)


def test_who_asks_for_endpoints_that_are_not_there_is_told_so_once():
    store = store_of(resource("bot"))
    envoy = Envoy().call(store).settle()
    envoy.sent()
    envoy.say(discovery_pb2.DeltaDiscoveryRequest(type_url=ENDPOINTS, resource_names_subscribe=["shop/gone/http"]))
    envoy.settle()
    assert [list(response.removed_resources) for response in envoy.responses] == [["shop/gone/http"]]


def test_who_asks_again_for_what_it_has_is_sent_it_again():
    envoy = Envoy().call(store_of(resource("bot"))).settle()
    envoy.sent()
    envoy.say(discovery_pb2.DeltaDiscoveryRequest(type_url=ENDPOINTS, resource_names_subscribe=["shop/bot/http"]))
    assert envoy.settle().sent() == [(ENDPOINTS, "shop/bot/http")]


def test_an_answer_to_a_response_that_was_never_sent_is_not_an_answer():
    store = store_of(resource("bot"))
    envoy = Envoy().call(store)
    assert envoy.stream is not None
    first = envoy.stream.next_response()
    envoy.say(discovery_pb2.DeltaDiscoveryRequest(type_url=first.type_url, response_nonce="other"))
    assert not envoy.stream.holds(store.of(("shop", "bot"))[0])


def test_a_type_that_is_not_served_is_not_answered():
    envoy = Envoy().call(store_of()).settle()
    envoy.sent()
    envoy.say(discovery_pb2.DeltaDiscoveryRequest(type_url="type.googleapis.com/envoy.config.Other"))
    assert envoy.settle().responses == []


def test_one_bad_resource_among_thousands_is_found_in_few_steps_and_held_back():
    store = store_of(*(resource(f"r{number}") for number in range(1500)))
    envoy = Envoy(hates={"kserve/r777.shop"}).call(store).settle()
    assert [(report.type_url, report.name) for report in envoy.reports] == [(VIRTUAL_HOSTS, "kserve/r777.shop")]
    assert envoy.reports[0].message == "something in it is bad"
    assert wanted(store)[VIRTUAL_HOSTS].keys() - envoy.has[VIRTUAL_HOSTS].keys() == {"kserve/r777.shop"}
    assert sum(response.type_url == VIRTUAL_HOSTS for response in envoy.responses) <= 30


def test_a_rejected_removal_is_not_repeated():
    store = store_of(resource("bot"), resource("old"))
    envoy = Envoy().call(store).settle()
    assert envoy.stream is not None
    store.withdraw(("shop", "old"))
    removal = envoy.stream.next_response()
    envoy.take(removal)
    answer = discovery_pb2.DeltaDiscoveryRequest(type_url=removal.type_url, response_nonce=removal.nonce)
    answer.error_detail.message = "no"
    envoy.say(answer)
    assert [list(each.removed_resources) for each in envoy.settle().responses[-1:]] == [
        ["shop/old/grpc", "shop/old/http"]
    ]
    assert envoy.reports == []


def test_a_rejected_version_is_not_sent_again_and_another_one_is():
    store = store_of(resource("bot"), resource("bad"))
    envoy = Envoy(hates={"kserve/bad.shop"}).call(store).settle()
    envoy.sent()
    store.publish(resource("bot", weight=5))
    assert envoy.settle().sent() == BOTH[2:]
    envoy.hates.clear()
    store.publish(resource("bad", retries=1))
    assert envoy.settle().sent() == [(VIRTUAL_HOSTS, "kserve/bad.shop")]
    assert (envoy.has, len(envoy.reports)) == (wanted(store), 1)


def test_a_resource_whose_cluster_is_rejected_gets_no_route():
    store = store_of(resource("bad"))
    envoy = Envoy(hates={"shop/bad/http"}).call(store).settle()
    assert "kserve/bad.shop" not in envoy.has[VIRTUAL_HOSTS]
    assert [report.name for report in envoy.reports] == ["shop/bad/http"]


NAMES = ("a", "b", "c", "d")
PUBLISH = st.builds(resource, st.sampled_from(NAMES), st.integers(1, 3), st.integers(0, 2))
ACTION = st.one_of(
    PUBLISH,
    st.sampled_from([("withdraw", name) for name in NAMES]),
    st.sampled_from([("hate", f"kserve/{name}.shop") for name in NAMES]),
    st.sampled_from([("hate", f"shop/{name}/http") for name in NAMES]),
    st.sampled_from([("step",), ("again",), ("restart",)]),
)


def act(action: object, store: ConfigStore, envoy: Envoy) -> ConfigStore:
    """Do one thing; the store after it."""
    match action:
        case ResourceTraffic():
            store.publish(action)
        case ("withdraw", name):
            store.withdraw(("shop", name))
        case ("hate", name):
            envoy.hates.add(name)
        case ("step",):
            envoy.step()
        case ("again",):
            envoy.call(store)
        case ("restart",):
            old, store = store, ConfigStore(GatewaySettings())
            store.publish_all(old.traffic.values())
            envoy.call(store)
    return store


def stands(envoy: Envoy, type_url: str, name: str) -> bool:
    """Whether it can stand a resource, and the clusters without which that is not sent."""
    clusters = {ENDPOINTS: (name,), VIRTUAL_HOSTS: clusters_of(name)}.get(type_url, ())
    return name == names.UNKNOWN_HOST or not envoy.hates & {name, *clusters}


@settings(max_examples=200, deadline=None)
@given(st.lists(ACTION, max_size=30))
def test_whatever_happens_an_envoy_ends_up_with_all_that_it_can_stand(actions):
    """In between, no route ever points at a cluster that isn't there: `Envoy.take` looks."""
    store, envoy = store_of(), Envoy()
    envoy.call(store)
    for action in actions:
        store = act(action, store, envoy)
    envoy.settle()
    for type_url, versions in wanted(store).items():
        expected = {name: version for name, version in versions.items() if stands(envoy, type_url, name)}
        assert expected.items() <= envoy.has[type_url].items()
        assert envoy.has[type_url].keys() <= versions.keys()
