"""The three rules at their edges, on a virtual clock: each alone, and what the loop makes of it."""

from dataclasses import replace
from itertools import pairwise

import pytest

from glm_operator.api.traffic import CpuRule, Failover, IdleRule, LatencyRule, Weighting
from glm_operator.scheduler.weights.cpu_rule import QUIET, cpu_factor, next_cpu_run
from glm_operator.scheduler.weights.idle_rule import BUSY, idle_factor, next_idle_run
from glm_operator.scheduler.weights.latency_rule import asks_for_pause, next_slow_run
from glm_operator.scheduler.weights.rules import Rules, rules_of
from weight_ticks import GOOD, IDLE, Ticks, pods, settled

CPU, LATENCY, IDLENESS = CpuRule(), LatencyRule(), IdleRule()


def ticks(*readings):
    """Readings at 0 s, 1 s, ..."""
    return [(float(at), reading) for at, reading in enumerate(readings)]


@pytest.mark.parametrize(
    ("readings", "reduced"),
    [
        pytest.param([], False, id="nothing is known: nothing is done"),
        pytest.param([(0.0, 0.801), (9.9, 0.801)], False, id="80.1 % for 9.9 s is not long enough"),
        pytest.param([(0.0, 0.801), (10.0, 0.801)], True, id="80.1 % for 10.0 s is"),
        pytest.param([(0.0, 0.8), (10.0, 0.8), (20.0, 0.8)], False, id="80.0 % is not busy, however long"),
        pytest.param(ticks(*[0.9] * 10), False, id="the tenth sample of one a second is 9 s after the first"),
        pytest.param(ticks(*[0.9] * 11), True, id="the eleventh is 10 s after it"),
        pytest.param(ticks(*[0.9] * 6, 0.8, *[0.9] * 10), False, id="a recovery in between begins anew"),
        pytest.param(ticks(*[0.9] * 6, None, *[0.9] * 4), True, id="an unknown reading in between doesn't"),
        pytest.param([(0.0, 0.9), (10.1, 0.9)], False, id="after a gap of more than 10 s nothing is known of between"),
        pytest.param(ticks(*[0.9] * 11, *[0.7] * 20), True, id="at 70 % it would be back at once, so it stays reduced"),
        pytest.param(ticks(*[0.9] * 11, *[0.56] * 10), True, id="9 s at 56 % are not enough to end it"),
        pytest.param(ticks(*[0.9] * 11, *[0.56] * 11), False, id="10 s at 56 %, 80 % with the whole weight, are"),
    ],
)
def test_cpu_rule(readings, reduced):
    run = QUIET
    for at, cpu in readings:
        run = next_cpu_run(run, cpu, at, CPU)
    assert run.reduced == reduced


@pytest.mark.parametrize(
    ("utilisation", "busy", "factor"),
    [
        pytest.param(None, 1, 0.7, id="unknown room: the rule as it stands"),
        pytest.param(0.5, 1, 0.7, id="room: -30 %"),
        pytest.param(0.78, 5, 0.95, id="little room for what five of ten give away: as much of it as fits"),
        pytest.param(0.8, 5, 1.0, id="the mean is at the threshold: nothing"),
        pytest.param(0.95, 10, 1.0, id="all are busy: nothing"),
    ],
)
def test_the_cpu_rule_takes_no_more_than_the_others_have_room_for(utilisation, busy, factor):
    assert cpu_factor(CPU, utilisation, 10, busy) == pytest.approx(factor)


SLOW, FAST, EDGE = 200.1, 50.0, 200.0


@pytest.mark.parametrize(
    ("latencies", "pause"),
    [
        pytest.param([SLOW] * 4, False, id="four slow samples are not enough"),
        pytest.param([SLOW] * 5, True, id="the fifth is"),
        pytest.param([EDGE] * 9, False, id="a sample at the threshold is not slow"),
        pytest.param([SLOW] * 4 + [FAST] + [SLOW] * 4, False, id="a recovery in between begins anew"),
        pytest.param([SLOW] * 4 + [None, SLOW], True, id="an unknown sample neither counts nor breaks the run"),
    ],
)
def test_latency_rule(latencies, pause):
    run = 0
    for latency in latencies:
        run = next_slow_run(run, latency, LATENCY)
    assert asks_for_pause(run, LATENCY) == pause


@pytest.mark.parametrize(
    ("readings", "factor"),
    [
        pytest.param([(0.0, IDLE), (10.0, IDLE), (20.0, IDLE), (29.9, IDLE)], 1.0, id="29.9 s are not enough"),
        pytest.param([(0.0, IDLE), (10.0, IDLE), (20.0, IDLE), (30.0, IDLE)], 1.0, id="30 s are not more than 30 s"),
        pytest.param(ticks(*[IDLE] * 32), 1.2, id="31 s are"),
        pytest.param(ticks(*[IDLE] * 200), 1.2, id="much longer raises no further"),
        pytest.param(ticks(*[IDLE] * 20, GOOD, *[IDLE] * 31), 1.0, id="a request in between begins anew"),
        pytest.param(ticks(*[IDLE] * 40, GOOD), 1.0, id="a request ends it"),
        pytest.param(
            ticks(*[IDLE] * 20, replace(IDLE, requests_per_second=None), *[IDLE] * 11),
            1.2,
            id="an unknown sample neither counts nor breaks the run",
        ),
        pytest.param(
            ticks(*[replace(IDLE, requests_per_second=None)] * 60), 1.0, id="unknown requests are not no requests"
        ),
        pytest.param(ticks(*[replace(IDLE, pending=1.0)] * 60), 1.0, id="a pod with a waiting request isn't idle"),
    ],
)
def test_idle_rule(readings, factor):
    run = BUSY
    for at, sample in readings:
        run = next_idle_run(run, sample, at)
    assert idle_factor(run, IDLENESS) == factor


def test_the_loop_takes_30_percent_from_a_busy_pod_after_10_s_and_leaves_the_others_alone():
    loop = settled()
    busy = pods(3) | {"a": replace(GOOD, cpu=0.801)}
    seen = loop.run(11, busy)
    before, after = seen[9], seen[10]
    assert [(str(one["a"].state), str(one["a"].reason)) for one in (before, after)] == [
        ("Active", "Healthy"),
        ("Reduced", "CpuBusy"),
    ]
    # Meanwhile the formula moves as well, by less than 2 % in a tick.
    assert after["a"].weight == pytest.approx(0.7 * before["a"].weight, rel=0.02)
    assert after["b"].weight == pytest.approx(before["b"].weight, rel=0.02)


def test_when_all_pods_are_busy_nothing_is_taken_from_any_and_it_is_said():
    loop = settled()
    seen = loop.run(20, pods(3, replace(GOOD, cpu=0.9)))[-1]
    assert {(str(one.state), str(one.reason), one.weight) for one in seen.values()} == {("Active", "CpuBusy", 1000)}
    assert seen["a"].message.endswith("CPU above 80 % for 10 s: -30 %, as far as the others have room: -0%")


def test_the_loop_gives_a_pod_its_weight_back_slowly_when_its_cpu_is_calm():
    loop = settled()
    loop.run(20, pods(3) | {"a": replace(GOOD, cpu=0.9)})
    shares = []
    for _ in range(300):
        now = {one.pod: one.share for one in loop.decision.endpoints}
        given = {pod: replace(GOOD, cpu=0.4 * 3 * share) for pod, share in now.items()}
        shares.append(loop.tick(given)["a"].share)
    assert max(later / earlier for earlier, later in pairwise(shares)) < 1.05
    assert shares[-1] == pytest.approx(1 / 3, rel=0.1)


def test_the_loop_pauses_a_pod_for_5_s_after_its_fifth_slow_sample_and_brings_it_back_half_open():
    loop = settled()
    # Twice as slow as the others, so that only this rule sees it.
    slow = pods(3, replace(GOOD, latency_ms=150.0)) | {"a": replace(GOOD, latency_ms=200.1)}
    assert [one["a"].weight is None for one in loop.run(5, slow)] == [False] * 4 + [True]
    paused = loop.decision.endpoints[0]
    assert (str(paused.state), str(paused.reason), paused.share) == ("Paused", "LatencyHigh", 0.0)
    good = pods(3, replace(GOOD, latency_ms=150.0))
    shares = [one["a"].share for one in loop.run(12, good)]
    assert shares[:4] == [0.0] * 4, "paused for 5 s from the decision on"
    assert 0 < shares[4] < 0.02, "then one request in fifty"
    assert shares[4:] == sorted(shares[4:]), "and more with every good sample"
    assert shares[-1] == pytest.approx(1 / 3, rel=0.3)


def test_the_loop_raises_an_idle_pod_by_20_percent_once():
    loop = settled()
    idle = pods(3) | {"a": replace(IDLE, cpu=0.4)}
    seen = loop.run(120, idle)
    raised = [one["a"] for one in seen if one["a"].reason == "Idle"]
    assert seen.index(next(one for one in seen if one["a"].reason == "Idle")) == 31
    base = seen[30]["a"].weight
    assert raised[0].weight == pytest.approx(1.2 * base, rel=0.01)
    assert raised[-1].weight == pytest.approx(1.2 * base, rel=0.05), "and no second time"
    assert loop.tick(pods(3))["a"].weight == pytest.approx(base, rel=0.05), "a request ends it"


def test_the_resources_numbers_are_what_the_loop_goes_by():
    weighting = Weighting.model_validate(
        {
            "windowSeconds": 5,
            "cpuRule": {"thresholdPercent": 30, "forSeconds": 2, "reducePercent": 50},
            "latencyRule": {"thresholdMilliseconds": 15, "consecutive": 2, "pauseSeconds": 7},
            "idleRule": {"afterSeconds": 3, "raisePercent": 40},
        }
    )
    rules = rules_of(weighting, Failover(heartbeat_timeout_seconds=9))
    assert (rules.window_seconds, rules.heartbeat_seconds) == (5.0, 9.0)
    assert (rules.cpu, rules.latency, rules.idle) == (weighting.cpu_rule, weighting.latency_rule, weighting.idle_rule)
    loop = Ticks(rules=rules)
    calm = replace(GOOD, cpu=0.1, latency_ms=10.0)
    loop.run(15, pods(4, calm))
    given = pods(4, calm) | {"a": replace(calm, cpu=0.31), "b": replace(calm, latency_ms=16.0), "c": IDLE}
    first = loop.run(10, given)
    assert [one["b"].weight is None for one in first[:9]] == [False] + [True] * 7 + [False]
    assert [str(one["a"].reason) for one in first[1:3]] == ["Healthy", "CpuBusy"]
    assert [str(one["c"].reason) for one in first[3:5]] == ["Healthy", "Idle"]


def test_the_resources_defaults_are_the_rules_defaults():
    assert rules_of(Weighting(), Failover()) == Rules()
