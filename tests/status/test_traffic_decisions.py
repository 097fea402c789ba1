"""What the record tells of traffic."""

from dataclasses import replace

import pytest

from glm_operator.status.traffic_decisions import traffic_decisions
from weight_ticks import DEAD, GOOD, pods, settled

ONLY_A = frozenset("a")
FAR_SLOWER = ("Paused", "FarSlowerThanOthers", False)
BUSY, SLOW = replace(GOOD, cpu=0.9), replace(GOOD, latency_ms=2000.0)


def recorded(ticks, given, **roles):
    """(action, reason, warning) of what was recorded in so many ticks, after pods had been served for a while."""
    loop = settled(4)
    seen, before = [], loop.decision
    for _ in range(ticks):
        loop.tick(given, **roles)
        seen += traffic_decisions(loop.decision, before)
        before = loop.decision
    return seen


@pytest.mark.parametrize(
    ("ticks", "given", "roles", "expected"),
    [
        pytest.param(40, pods(4), {}, [], id="while nothing changes, nothing is told"),
        pytest.param(40, pods(5), {}, [], id="a new pod is the rollout's matter"),
        pytest.param(9, pods(4), {"draining": ONLY_A}, [], id="so is one that ends"),
        pytest.param(9, pods(4), {"paused": ONLY_A}, [("Paused", "PausedByUser", False)], id="a user's pause, once"),
        pytest.param(9, pods(4), {"standby": ONLY_A}, [("Demoted", "Standby", False)], id="a pod becomes a standby"),
        pytest.param(4, pods(4) | {"a": DEAD}, {}, [("Paused", "NoHeartbeat", True)], id="a pod that is silent"),
        pytest.param(12, pods(4) | {"a": BUSY}, {}, [("Reduced", "CpuBusy", False)], id="a busy pod"),
        pytest.param(12, pods(4) | {"a": None}, {}, [("Unknown", "NoSamples", False)], id="a pod without samples"),
        pytest.param(
            7,
            pods(4) | {"a": SLOW},
            {},
            [
                ("Paused", "FarSlowerThanOthers", False),
                ("Resumed", "HalfOpen", False),
                ("Paused", "FarSlowerThanOthers", False),
            ],
            id="a slow pod, its trial, and that it failed",
        ),
        pytest.param(
            9,
            pods(4, SLOW),
            {},
            [("PauseWithheld", "PauseWithheld", True)],
            id="that all are slow, once",
        ),
    ],
)
def test_what_is_recorded(ticks, given, roles, expected):
    assert [(one.action, one.reason, one.warning) for one in recorded(ticks, given, **roles)] == expected


def test_a_record_names_the_pods_and_what_was_known_of_the_first():
    (one,) = recorded(4, pods(4) | dict.fromkeys("ab", DEAD))
    assert (
        one.message == "a (and 1 more like it): no requests: no answer to health requests for 3 s; tried again in 5 s"
    )
    assert one.inputs["pods"] == "a, b"
    assert one.inputs["cpu"] == "40.0%"


def test_of_many_pods_the_first_are_named():
    loop = settled(20)
    before = loop.decision
    loop.tick(pods(20), paused=frozenset("abcdefghijk"))
    (one,) = traffic_decisions(loop.decision, before)
    assert one.inputs["pods"] == "a, b, c, d, e, f, g, h and 3 more"


def test_without_an_earlier_decision_nothing_has_changed():
    assert traffic_decisions(settled(2).decision, None) == []
