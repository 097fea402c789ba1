"""Which pods serve, which stand by, which end."""

import pytest

from glm_operator.traffic.crew import Crew
from traffic_pods import api_pod

OLD, MIDDLE, NEW = (api_pod(name, age=age) for name, age in (("a", 9), ("b", 5), ("c", 1)))


def names(members):
    return {member.name for member in members}


@pytest.mark.parametrize(
    ("pods", "members"),
    [
        pytest.param([OLD, NEW], {"a", "c"}, id="ready ones"),
        pytest.param([api_pod("a", ready=False)], set(), id="not one that is not ready"),
        pytest.param([api_pod("a", ready=False, ending=True)], {"a"}, id="one that ends may still answer what it has"),
        pytest.param([api_pod("a", address="")], set(), id="not one without an address"),
        pytest.param([api_pod("a", phase="Failed")], set(), id="not one that has failed"),
    ],
)
def test_members(pods, members):
    assert names(Crew.of("echo", pods, wanted=2, standbys=0).members) == members


@pytest.mark.parametrize(
    ("pods", "wanted", "standbys", "standby"),
    [
        pytest.param([OLD, MIDDLE, NEW], 3, 0, set(), id="nobody stands by unless asked to"),
        pytest.param([NEW, OLD, MIDDLE], 3, 1, {"c"}, id="the newest does"),
        pytest.param([NEW, OLD, MIDDLE], 3, 2, {"b", "c"}, id="the two newest do"),
        pytest.param([MIDDLE, NEW], 3, 1, set(), id="a gone primary is replaced at once by the standby"),
        pytest.param([OLD], 1, 1, set(), id="one pod serves in any case"),
        pytest.param([api_pod("a", age=9, ending=True), MIDDLE, NEW], 2, 1, {"c"}, id="one that ends counts no more"),
    ],
)
def test_standbys(pods, wanted, standbys, standby):
    assert Crew.of("echo", pods, wanted, standbys).standby == standby


def test_those_that_end_and_those_that_a_user_paused_are_known():
    crew = Crew.of("echo", [api_pod("a", ending=True), api_pod("b", paused="slow disk"), NEW], 3, 0)
    assert (crew.ending, crew.paused) == ({"a"}, {"b"})
