"""The scaling decision: what is done, why, and what is never done."""

import math
from dataclasses import replace

import pytest

from glm_operator.api.scaling import Fallback
from glm_operator.scheduler.scaling.decide import Memory, Observation, Room, decide
from glm_operator.scheduler.scaling.decision import Action
from glm_operator.scheduler.scaling.rates import UNKNOWN, Load
from glm_operator.scheduler.scaling.rules import ChangePolicy, Direction, Rules

AT_ONCE = Direction(0.0, "Max", (ChangePolicy("Percent", 10_000, 15.0), ChangePolicy("Pods", 10_000, 15.0)))
RULES = Rules(minimum=1, maximum=100, target=100.0, up=AT_ONCE, down=replace(AT_ONCE, window_seconds=0.0))
T0 = 1_000.0


def load(rate, burst=None):
    return Load(rate, rate if burst is None else burst)


def seen(current, rate, burst=None, **fields):
    return Observation(current, load(rate, burst), **({"ready": current} | fields))


def settled(current):
    """The memory of somebody who has seen `current` pods at their target for long."""
    return Memory(known_at=T0 - 5, replicas=current)


def decided(observation, rules=RULES, memory=None, now=T0):
    return decide(observation, rules, settled(observation.current) if memory is None else memory, now)[0]


@pytest.mark.parametrize(
    ("observation", "replicas", "reason"),
    [
        pytest.param(seen(3, 300), 3, "WithinTolerance", id="the load is at its target"),
        pytest.param(seen(3, 329), 3, "WithinTolerance", id="10 % above it are tolerated"),
        pytest.param(seen(3, 331), 4, "LoadOffTarget", id="more are not"),
        pytest.param(seen(3, 271), 3, "WithinTolerance", id="10 % below it are tolerated"),
        pytest.param(seen(10, 300), 3, "LoadOffTarget", id="too many pods"),
        pytest.param(
            seen(3, 900, ready=1), 9, "LoadOffTarget", id="pods are counted by the load, not by the ready ones"
        ),
        pytest.param(
            seen(9, 850, ready=3), 9, "WithinTolerance", id="pods on the way are capacity: no more are asked for"
        ),
        pytest.param(seen(3, 300, burst=650), 7, "Burst", id="twice the load for seconds is answered at once"),
        pytest.param(seen(3, 300, burst=490), 3, "WithinTolerance", id="less than twice is not a burst"),
        pytest.param(seen(3, 300, forecast=550.0), 6, "ForecastFloor", id="the forecast raises the floor"),
        pytest.param(seen(6, 600, forecast=100.0), 6, "WithinTolerance", id="and never takes a pod away"),
        pytest.param(seen(3, 300, forecast=math.nan), 3, "WithinTolerance", id="an unknown forecast is none"),
        pytest.param(seen(0, 10), 1, "LoadOffTarget", id="the first request wakes the first pod"),
        pytest.param(seen(3, 1e6), 100, "LoadOffTarget", id="never above the most"),
        pytest.param(seen(3, 1.7e308, forecast=1.7e308), 100, "LoadOffTarget", id="nor when a sum has gone mad"),
        pytest.param(seen(3, 0.0), 1, "Idle", id="never below the fewest"),
        pytest.param(seen(200, 1e5), 100, "LoadOffTarget", id="a lowered maxReplicas holds at once"),
    ],
)
def test_what_is_wanted_and_why(observation, replicas, reason):
    decision = decided(observation)
    assert (decision.replicas, str(decision.why)) == (replicas, reason)


@pytest.mark.parametrize(
    ("observation", "rules", "replicas", "reason", "limited"),
    [
        pytest.param(seen(100, 1e5), RULES, 100, "TooManyReplicas", True, id="at the most"),
        pytest.param(
            seen(1, 300),
            replace(RULES, minimum=5),
            5,
            "LoadOffTarget",
            True,
            id="more than the load asks for",
        ),
        pytest.param(
            seen(5, 1000, room=Room(quota=2)), RULES, 7, "LoadOffTarget", True, id="the quota has room for two"
        ),
        pytest.param(seen(5, 1000, room=Room(quota=0)), RULES, 5, "QuotaReached", True, id="the quota is full"),
        pytest.param(
            seen(5, 1000, room=Room(accelerators=0)), RULES, 5, "NoFreeAccelerators", True, id="no GPU is free"
        ),
        pytest.param(
            seen(5, 100, room=Room(quota=-3)), RULES, 1, "LoadOffTarget", False, id="no room takes no pod away"
        ),
        pytest.param(seen(5, 100, rollout=True), RULES, 5, "RolloutInProgress", False, id="a rollout holds the pods"),
        pytest.param(seen(5, 990, rollout=True), RULES, 10, "LoadOffTarget", False, id="but load still adds some"),
        pytest.param(
            replace(seen(5, 100), load=Load(100, 100, complete=False)),
            RULES,
            5,
            "MetricsIncomplete",
            False,
            id="a load that is at least this takes nothing away",
        ),
        pytest.param(
            replace(seen(5, 900), load=Load(900, 900, complete=False)),
            RULES,
            9,
            "LoadOffTarget",
            False,
            id="but adds what it asks for",
        ),
        pytest.param(
            seen(10, 5000),
            Rules(1, 100, 100.0),
            20,
            "LoadOffTarget",
            False,
            id="the default policies double at most",
        ),
    ],
)
def test_what_stands_in_the_way(observation, rules, replicas, reason, limited):
    decision = decided(observation, rules)
    assert (decision.replicas, decision.reason, decision.limited) == (replicas, reason, limited)


def course(steps, rules=RULES, current=3, memory=None):
    """Replicas after each `(seconds, load)`, with pods that are ready at once."""
    memory, taken = memory or settled(current), []
    for now, one in steps:
        decision, memory = decide(Observation(current, one, current, 0.0), rules, memory, now)
        current = decision.replicas
        taken.append(current)
    return taken


def test_nothing_is_taken_away_until_a_burst_is_well_over():
    steps = [(T0, load(300, 900)), (T0 + 30, load(100)), (T0 + 60, load(100)), (T0 + 61, load(100))]
    assert course(steps) == [9, 9, 9, 1]


def test_a_second_burst_extends_the_first():
    steps = [(T0, load(300, 900)), (T0 + 50, load(300, 2000)), (T0 + 100, load(100)), (T0 + 111, load(100))]
    assert course(steps) == [9, 20, 20, 1]


def test_scaling_in_waits_for_the_window():
    rules = Rules(1, 100, 100.0, down=Direction(60.0, "Max", AT_ONCE.policies))
    steps = [(T0, load(500)), (T0 + 30, load(100)), (T0 + 60, load(100)), (T0 + 61, load(100))]
    assert course(steps, rules, current=5) == [5, 5, 5, 1]


def test_a_restarted_operator_waits_a_whole_window_before_it_scales_in():
    rules = Rules(1, 100, 100.0, down=Direction(60.0, "Max", AT_ONCE.policies))
    steps = [(T0 + second, load(100)) for second in (0, 30, 60, 61)]
    assert course(steps, rules, current=5, memory=Memory()) == [5, 5, 5, 1]


def test_so_it_does_after_an_hour_without_metrics():
    rules = Rules(1, 100, 100.0, down=Direction(60.0, "Max", AT_ONCE.policies), fallback=Fallback())
    down = [(T0 + 15 * step, UNKNOWN) for step in range(1, 241)]
    back = [(T0 + 3700 + second, load(100)) for second in (0, 30, 61)]
    assert course([(T0, load(500)), *down, *back], rules, current=5) == [5] * 241 + [5, 5, 1]


def test_a_clock_that_goes_back_keeps_what_was_recommended():
    rules = Rules(1, 100, 100.0, down=Direction(60.0, "Max", AT_ONCE.policies))
    steps = [(T0, load(500)), (T0 - 900, load(100)), (T0 - 870, load(100)), (T0 - 839, load(100))]
    assert course(steps, rules, current=5) == [5, 5, 5, 1]


def test_a_clock_that_leaps_ahead_begins_the_window_anew():
    rules = Rules(1, 100, 100.0, down=Direction(60.0, "Max", AT_ONCE.policies))
    steps = [(T0, load(500)), (T0 + 1e6, load(100)), (T0 + 1e6 + 30, load(100)), (T0 + 1e6 + 61, load(100))]
    assert course(steps, rules, current=5) == [5, 5, 5, 1]


@pytest.mark.parametrize("rate", [None, math.nan, math.inf, -1.0])
def test_a_load_that_is_none_is_unknown_and_holds(rate):
    decision = decided(Observation(7, Load(rate, rate), 7))
    assert (decision.action, decision.reason, decision.replicas) == (Action.HOLD, "MetricsUnknown", 7)


@pytest.mark.parametrize(
    ("behavior", "current", "expected"),
    [
        pytest.param("CurrentReplicasIfHigher", 2, 4, id="IfHigher raises a small fleet"),
        pytest.param("CurrentReplicasIfHigher", 9, 9, id="IfHigher keeps a larger one"),
        pytest.param("CurrentReplicas", 2, 2, id="CurrentReplicas changes nothing"),
        pytest.param("Static", 2, 4, id="Static raises"),
        pytest.param("Static", 9, 4, id="Static lowers, as it was told to"),
        pytest.param("CurrentReplicasIfLower", 2, 2, id="IfLower keeps a small fleet"),
        pytest.param("CurrentReplicasIfLower", 9, 4, id="IfLower lowers a large one"),
    ],
)
def test_the_fallback_takes_over_at_the_third_failure(behavior, current, expected):
    rules = replace(RULES, fallback=Fallback(failure_threshold=3, replicas=4, behavior=behavior))
    steps = [(T0 + 5 * step, UNKNOWN) for step in range(3)]
    assert course(steps, rules, current) == [current, current, expected]


def test_one_known_reading_ends_the_fallback_and_its_count():
    rules = replace(RULES, fallback=Fallback(failure_threshold=2, replicas=9))
    steps = [(T0, UNKNOWN), (T0 + 5, load(300)), (T0 + 10, UNKNOWN), (T0 + 15, UNKNOWN)]
    assert course(steps, rules) == [3, 3, 3, 9]


def test_a_rollout_keeps_a_lowering_fallback_from_taking_pods():
    rules = replace(RULES, fallback=Fallback(failure_threshold=1, replicas=1, behavior="Static"))
    decision = decided(Observation(5, UNKNOWN, 5, rollout=True), rules)
    assert (decision.replicas, decision.reason) == (5, "RolloutInProgress")


TO_ZERO = replace(RULES, minimum=0, idle_seconds=300.0)


def idle(current, ready_since, idle_for, rules=TO_ZERO, rate=0.0, **fields):
    memory = replace(settled(current), idle_since=T0 - idle_for)
    return decide(seen(current, rate, ready_since=ready_since, **fields), rules, memory, T0)[0].replicas


@pytest.mark.parametrize(
    ("replicas", "expected"),
    [
        pytest.param(idle(1, T0 - 900, 900), 0, id="the last pod goes after the cooldown"),
        pytest.param(idle(1, T0 - 900, 299), 1, id="not before it"),
        pytest.param(idle(1, T0 - 200, 900), 1, id="the cooldown counts from Ready, not from creation"),
        pytest.param(idle(1, None, 900), 1, id="nor while it is unknown when it became ready"),
        pytest.param(idle(4, T0 - 900, 900), 1, id="to zero only from one"),
        pytest.param(idle(1, T0 - 900, 900, forecast=5.0), 1, id="a forecast load keeps it"),
        pytest.param(idle(1, T0 - 900, 900, rate=0.01), 1, id="a single request a while ago keeps it"),
        pytest.param(idle(1, T0 - 900, 900, rules=RULES), 1, id="never with minReplicas 1"),
        pytest.param(idle(0, None, 900), 0, id="none stay none without a request"),
    ],
)
def test_scaling_to_zero(replicas, expected):
    assert replicas == expected


def test_policies_count_changes_that_somebody_else_made():
    rules = replace(RULES, up=Direction(0.0, "Max", (ChangePolicy("Pods", 5, 60.0),)))
    _, memory = decide(seen(3, 300), rules, settled(3), T0)
    decision, _ = decide(seen(7, 5000), rules, memory, T0 + 5)
    assert decision.replicas == 8


def test_a_decision_tells_what_it_was_taken_from():
    decision = decided(seen(5, 1000, ready=4, room=Room(quota=2)))
    assert decision.message == (
        "5 -> 7 pods: 1000 requests/s want 10 at 100 each; the namespace's quota has no room for more; raise it"
    )
    assert decision.inputs == {
        "requests per second": "1000",
        "requests per second in the panic window": "1000",
        "forecast": "not used",
        "target per pod": "100",
        "pods": "5",
        "ready pods": "4",
        "wanted": "10",
    }


def test_an_unknown_input_is_called_so():
    decision = decided(Observation(5, UNKNOWN))
    assert (decision.inputs["requests per second"], decision.inputs["ready pods"]) == ("unknown", "unknown")
