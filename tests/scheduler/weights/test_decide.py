"""The loop's one step: who gets how much, who gets nothing, and why."""

from dataclasses import replace

import pytest

from glm_operator.api.status import EndpointStatus
from glm_operator.scheduler.weights.decide import Observation, decide
from glm_operator.scheduler.weights.decision import Reason, State
from glm_operator.scheduler.weights.rules import MEAN_WEIGHT, Rules
from glm_operator.scheduler.weights.state import WeightState
from weight_ticks import DEAD, GOOD, IDLE, Ticks, pods, settled

ONLY_A = frozenset("a")


def told(endpoint):
    return str(endpoint.state), str(endpoint.reason), endpoint.weight


@pytest.mark.parametrize(
    ("sample", "worth"),
    [
        pytest.param(replace(GOOD, latency_ms=40.0), 1 / 4, id="twice the latency: a quarter"),
        pytest.param(replace(GOOD, latency_ms=10.0), 4.0, id="half the latency: four times as much, the most there is"),
        pytest.param(replace(GOOD, latency_ms=30.0), 1 / 2.25, id="half as much again: 1/1.5^2"),
        pytest.param(replace(GOOD, latency_ms=1.0), 4.0, id="a twentieth of the latency: no more than that"),
        pytest.param(replace(GOOD, latency_ms=1e9), None, id="a huge latency: nothing"),
        pytest.param(replace(GOOD, cpu=None, latency_ms=40.0), 1 / 4, id="an unknown CPU is taken for the usual one"),
    ],
)
def test_weights_follow_the_formula(sample, worth):
    loop = settled(5)
    seen = loop.run(450, pods(5) | {"a": sample})[-1]
    assert (
        seen["a"].weight is None if worth is None else seen["a"].weight / seen["b"].weight == pytest.approx(worth, 0.05)
    )


def test_a_pod_with_more_cpu_in_use_gets_less_by_the_formula_and_by_the_balance():
    loop = settled(5)
    seen = loop.run(450, pods(5) | {"a": replace(GOOD, cpu=0.6)})[-1]
    assert seen["a"].basis.balance == pytest.approx(1 / 2, rel=0.01)
    assert seen["a"].weight / seen["b"].weight * seen["b"].basis.balance == pytest.approx(1 / 1.5 / 2, rel=0.1)


@pytest.mark.parametrize(
    ("given", "roles", "expected"),
    [
        pytest.param(pods(3), {}, ("Active", "Healthy", 1000), id="a healthy pod has the average weight"),
        pytest.param(pods(3), {"draining": ONLY_A}, ("Paused", "Draining", None), id="an ending pod gets nothing"),
        pytest.param(pods(3), {"paused": ONLY_A}, ("Paused", "PausedByUser", None), id="nor does one a user paused"),
        pytest.param(pods(3), {"standby": ONLY_A}, ("Standby", "Standby", None), id="nor a standby, until the end"),
        pytest.param(
            pods(3), {"standby": ONLY_A, "draining": ONLY_A}, ("Paused", "Draining", None), id="ending comes first"
        ),
        pytest.param(
            pods(3),
            {"paused": frozenset("abc")},
            ("Active", "LastPod", 1000),
            id="pauses of all pods by users take none of them away",
        ),
        pytest.param(
            pods(2),
            {"paused": ONLY_A, "standby": frozenset("b")},
            ("Paused", "PausedByUser", None),
            id="with a standby to take over, the last pod may be paused by a user",
        ),
        pytest.param(
            pods(2), {"draining": frozenset("ab")}, ("Paused", "Draining", None), id="ending pods end, all of them too"
        ),
    ],
)
def test_roles(given, roles, expected):
    assert told(settled().tick(given, **roles)["a"]) == expected


def test_a_new_pod_is_an_average_one_for_10_s():
    loop = settled(3)
    poor = pods(4) | {"d": replace(GOOD, latency_ms=35.0)}
    seen = loop.run(40, poor)
    assert [told(one["d"]) for one in seen[:10]] == [("Active", "Warming", 1000)] * 10
    assert seen[-1]["d"].weight < 900


def test_a_pod_without_samples_keeps_its_weight_for_3_minutes_is_unknown_and_then_an_average_one():
    loop = settled(3)
    worse = replace(GOOD, latency_ms=35.0)
    before = loop.run(100, pods(3) | {"a": worse})[-1]
    seen = loop.run(200, pods(3) | {"a": None})
    assert [str(one["a"].state) for one in seen[:11]] == [str(before["a"].state)] * 10 + ["Unknown"]
    assert {one["a"].weight for one in seen[10:180]} == {seen[10]["a"].weight}
    assert seen[10]["a"].weight == pytest.approx(before["a"].weight, rel=0.05)
    assert told(seen[180]["a"]) == ("Unknown", "NoSamples", 1000)


def test_a_pod_that_was_never_read_is_an_average_one_and_leaves_the_others_alone():
    loop = Ticks()
    given = {"a": None, "b": GOOD, "c": replace(GOOD, latency_ms=30.0)}
    without = Ticks()
    seen = loop.run(60, given)[-1]
    alone = without.run(60, {pod: sample for pod, sample in given.items() if pod != "a"})[-1]
    assert told(seen["a"]) == ("Unknown", "NoSamples", 1000)
    assert [seen[pod].weight for pod in "bc"] == [alone[pod].weight for pod in "bc"]


def test_without_any_sample_all_pods_get_the_same():
    seen = Ticks().run(300, pods(4, None))[-1]
    assert {told(one) for one in seen.values()} == {("Unknown", "NoSamples", 1000)}
    assert {one.share for one in seen.values()} == {0.25}


def test_a_starved_pod_gets_its_way_back_from_a_floor_and_a_probe():
    loop = settled(5)
    loop.run(300, pods(5) | {"a": replace(GOOD, latency_ms=200.0)})
    low = loop.decision.endpoints[0]
    assert 40 <= low.weight < 100
    seen = loop.run(300, pods(5) | {"a": replace(IDLE, requests_per_second=0.0, cpu=None)})
    assert seen[-1]["a"].weight > 900, "although nothing showed that it is better"


@pytest.mark.parametrize(
    ("count", "bad", "most"),
    [
        pytest.param(1, 1, 0, id="the only pod is never paused"),
        pytest.param(2, 1, 1, id="of two, one may be"),
        pytest.param(3, 2, 1, id="of three, one"),
        pytest.param(10, 4, 4, id="of ten, four that are bad"),
        pytest.param(10, 7, 5, id="of ten, no more than five"),
        pytest.param(10, 10, 0, id="when all are slow, none: the load is the cause, or the model"),
    ],
)
def test_no_more_than_half_of_the_pods_are_paused(count, bad, most):
    loop = settled(count)
    slow = dict.fromkeys(list(pods(count))[:bad], replace(GOOD, latency_ms=2000.0))
    seen = loop.run(100, pods(count) | slow)
    paused = [sum(one.state is State.PAUSED for one in tick.values()) for tick in seen]
    assert max(paused) == most
    assert all(sum(one.share for one in tick.values()) == pytest.approx(1.0) for tick in seen)


def test_when_all_are_slow_it_is_said_and_they_go_on():
    loop = settled(4)
    seen = loop.run(10, pods(4, replace(GOOD, latency_ms=300.0)))[-1]
    assert {told(one) for one in seen.values()} == {("Active", "PauseWithheld", 1000)}
    assert "the other pods are as slow" in seen["a"].message


def test_a_slow_pod_that_the_others_can_not_do_without_goes_on():
    loop = settled(4)
    busy = replace(GOOD, cpu=0.78, latency_ms=150.0)
    loop.run(20, pods(4, busy))
    seen = loop.run(10, pods(4, busy) | {"a": replace(busy, latency_ms=210.0)})[-1]
    assert seen["a"].reason is Reason.PAUSE_WITHHELD
    assert seen["a"].weight is not None


@pytest.mark.parametrize(
    ("dead", "paused"),
    [
        pytest.param("a", {"a"}, id="one of four is paused"),
        pytest.param("ab", {"a", "b"}, id="two of four are"),
        pytest.param("abc", set(), id="three of four: rather the operator is cut off, so none is"),
        pytest.param("abcd", set(), id="nor all of them"),
    ],
)
def test_pods_that_answer_no_health_requests_for_3_s(dead, paused):
    loop = settled(4)
    seen = loop.run(5, pods(4) | dict.fromkeys(dead, DEAD))
    assert [{pod for pod, one in tick.items() if one.weight is None} for tick in seen] == [set()] * 3 + [paused] * 2


def test_a_pod_that_answers_health_requests_again_comes_back_half_open():
    loop = settled(4)
    loop.run(60, pods(4) | {"a": DEAD})
    assert told(loop.decision.endpoints[0]) == ("Paused", "NoHeartbeat", None)
    seen = loop.run(15, pods(4))
    states = [str(one["a"].reason) for one in seen]
    assert states[:4] == ["NoHeartbeat"] * 4
    assert states[4] == "HalfOpen"
    assert states[-1] == "Healthy"


def test_what_a_user_resumes_comes_back_half_open():
    loop = settled(3)
    loop.run(100, pods(3), paused=ONLY_A)
    seen = loop.run(12, pods(3))
    assert told(seen[0]["a"])[:2] == ("Reduced", "HalfOpen")
    assert seen[0]["a"].share < 0.02
    assert seen[-1]["a"].share == pytest.approx(1 / 3, rel=0.01)


def test_pods_that_go_take_no_pause_beyond_the_cap():
    loop = settled(10)
    bad = dict.fromkeys("abcde", replace(GOOD, latency_ms=2000.0))
    loop.run(3, pods(10) | bad)
    assert sum(one.weight is None for one in loop.decision.endpoints) == 5
    left = loop.tick(dict.fromkeys("abcdef", GOOD))
    assert sum(one.state is State.PAUSED or one.reason is Reason.HALF_OPEN for one in left.values()) == 3


def test_a_pause_is_published_at_once_and_all_else_once_a_second():
    loop = settled(3)
    assert loop.decision.publish is False, "nothing has changed"
    loop.tick(pods(3), seconds=0.4, paused=ONLY_A)
    assert loop.decision.publish is True
    loop.tick(pods(3), seconds=0.4)
    assert loop.decision.publish is False
    loop.tick(pods(3), seconds=0.4)
    assert loop.decision.publish is False
    loop.tick(pods(3), seconds=0.2)
    assert loop.decision.publish is True


def test_a_restart_goes_on_from_the_status():
    status = [
        EndpointStatus(pod="a", weight=400, state="Reduced"),
        EndpointStatus(pod="b", weight=1200, state="Active"),
        EndpointStatus(pod="c", weight=1400, state="Active"),
        EndpointStatus(pod="d", state="Paused"),
        EndpointStatus(pod="e", state="Standby"),
    ]
    state = WeightState.from_weights(status)
    decision, _ = decide(Observation(pods(6, None) | {"f": None}, standby=frozenset("e")), Rules(), state, 17.0)
    seen = {one.pod: one for one in decision.endpoints}
    assert decision.publish
    assert [seen[pod].weight for pod in "abc"] == [400, 1200, 1400]
    assert told(seen["d"])[:2] == ("Reduced", "HalfOpen")
    assert seen["d"].weight < MEAN_WEIGHT / 10
    assert told(seen["e"]) == ("Standby", "Standby", None)
    assert told(seen["f"]) == ("Unknown", "NoSamples", 1000)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_sentence(reason):
    endpoint = replace(settled().decision.endpoints[0], reason=reason)
    assert len(endpoint.message) > 30
    assert all(endpoint.inputs.values())


def test_a_decision_says_what_it_was_taken_from():
    endpoint = settled().decision.endpoints[0]
    assert endpoint.message == (
        "33.3% of the requests (weight 1000, 1000 is average): CPU 40.0%, latency 20 ms, failures 0.0%"
    )
    assert endpoint.inputs == {
        "cpu": "40.0%",
        "latency": "20 ms",
        "latency of the middle pod": "20 ms",
        "requests per second": "50",
        "failures": "0.0%",
        "health": "1",
        "balance": "1",
    }
