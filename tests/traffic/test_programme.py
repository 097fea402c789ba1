"""What the gateway is told of a resource."""

from glm_operator.api.traffic import Traffic
from glm_operator.scheduler.weights.rules import MEAN_WEIGHT
from glm_operator.traffic.crew import Crew
from glm_operator.traffic.programme import resource_traffic
from glm_operator.traffic.served import Served
from traffic_pods import api_pod

SERVED = Served("shop", "echo", Traffic(), pods=3)


def told(pods, weights, standbys=0):
    traffic = resource_traffic(SERVED, Crew.of("echo", pods, 3, standbys), weights)
    return {each.pod: each for each in traffic.endpoints}, {each.pod: each for each in traffic.standbys}


def test_pods_have_the_weights_that_were_published_and_a_new_one_counts_as_average():
    endpoints, _ = told([api_pod("a"), api_pod("b")], {"a": 300})
    assert {name: each.weight for name, each in endpoints.items()} == {"a": 300, "b": MEAN_WEIGHT}


def test_a_pod_that_ends_or_gets_nothing_is_closed_to_new_requests_and_stays_known():
    endpoints, _ = told([api_pod("a", ending=True), api_pod("b"), api_pod("c")], {"a": 900, "b": None, "c": 900})
    assert {name: each.open for name, each in endpoints.items()} == {"a": False, "b": False, "c": True}


def test_a_standby_is_open_one_priority_below_unless_a_user_paused_it():
    pods = [api_pod("a", age=9), api_pod("b", age=5), api_pod("c", age=1, paused="disk")]
    endpoints, standbys = told(pods, {"a": 900, "b": None, "c": None}, standbys=2)
    assert set(endpoints) == {"a"}
    assert {name: each.open for name, each in standbys.items()} == {"b": True, "c": False}
