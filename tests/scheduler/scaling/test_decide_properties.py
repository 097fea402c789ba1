"""What holds for every load, memory and clock."""

import math
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from glm_operator.api.scaling import Fallback
from glm_operator.scheduler.scaling.decide import Memory, Observation, Room, decide
from glm_operator.scheduler.scaling.panic import Panic
from glm_operator.scheduler.scaling.rates import Load
from glm_operator.scheduler.scaling.rules import ChangePolicy, Direction, Rules

RATES = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.floats(0, 1e5))
KNOWN = st.floats(0, 1e5)
POLICIES = st.builds(
    ChangePolicy, st.sampled_from(["Pods", "Percent"]), st.integers(1, 300), st.sampled_from([5.0, 15.0, 60.0])
)
DIRECTIONS = st.builds(
    Direction,
    st.sampled_from([0.0, 10.0, 60.0]),
    st.sampled_from(["Max", "Min", "Disabled"]),
    st.lists(POLICIES, min_size=1, max_size=3).map(tuple),
)
KEEPING = st.builds(
    Fallback,
    failure_threshold=st.integers(1, 4),
    replicas=st.integers(0, 60),
    behavior=st.sampled_from(["CurrentReplicas", "CurrentReplicasIfHigher"]),
)


@st.composite
def rules(draw):
    minimum = draw(st.integers(0, 20))
    maximum = draw(st.integers(max(1, minimum), 60))
    return Rules(
        minimum,
        maximum,
        draw(st.floats(0.5, 1000)),
        draw(DIRECTIONS),
        draw(DIRECTIONS),
        panic_threshold=draw(st.floats(1.1, 10)),
        fallback=draw(KEEPING),
    )


ROOMS = st.builds(Room, st.one_of(st.none(), st.integers(-5, 30)), st.one_of(st.none(), st.integers(-5, 30)))


def observations(rates=RATES):
    return st.builds(
        Observation,
        st.integers(0, 80),
        st.builds(Load, rates, rates, st.booleans()),
        st.one_of(st.none(), st.integers(0, 80)),
        st.one_of(st.none(), st.floats(-1e4, 1e4)),
        st.booleans(),
        RATES,
        ROOMS,
    )


GAPS = st.one_of(st.floats(0.5, 20), st.floats(-100, 1000), st.sampled_from([0.0, -1e9, 1e9]))
RUNS = st.lists(st.tuples(GAPS, observations()), min_size=1, max_size=5)


def run(steps, by):
    """Decisions of a run in which every one is carried out."""
    now, memory, current, decisions = 0.0, Memory(), steps[0][1].current, []
    for gap, seen in steps:
        now += gap
        decision, memory = decide(replace(seen, current=current), by, memory, now)
        current = decision.replicas
        decisions.append((now, decision))
    return decisions


@settings(max_examples=60)
@given(RUNS, rules())
def test_never_outside_the_bounds(steps, by):
    assert all(by.minimum <= decision.replicas <= by.maximum for _, decision in run(steps, by))


@settings(max_examples=60)
@given(RUNS, rules())
def test_the_same_input_gives_the_same_output(steps, by):
    assert run(steps, by) == run(steps, by)


@settings(max_examples=60)
@given(RUNS, rules())
def test_every_decision_can_be_told(steps, by):
    for _, decision in run(steps, by):
        assert decision.reason.isalnum()
        assert decision.message
        assert all(decision.inputs.values())


@settings(max_examples=60)
@given(RUNS, rules(), observations(rates=st.sampled_from([None, float("nan"), float("-inf"), -1.0])))
def test_never_in_on_an_unknown_load(steps, by, blind):
    now, memory, current = 0.0, Memory(), steps[0][1].current
    for gap, seen in steps:
        now += gap
        decision, memory = decide(replace(seen, current=current), by, memory, now)
        current = decision.replicas
    decision, _ = decide(replace(blind, current=current), by, memory, now + 5)
    assert decision.replicas >= current


@settings(max_examples=60)
@given(RUNS, rules(), observations(), KNOWN, KNOWN, KNOWN, KNOWN)
def test_more_load_never_means_fewer_pods(steps, by, seen, slow, fast, more_slow, more_fast):
    now, memory, current = 0.0, Memory(), steps[0][1].current
    for gap, one in steps:
        now += gap
        decision, memory = decide(replace(one, current=current), by, memory, now)
        current = decision.replicas
    lesser = replace(seen, current=current, load=Load(slow, fast))
    greater = replace(lesser, load=Load(slow + more_slow, fast + more_fast))
    fewer, more = (decide(one, by, memory, now + 5)[0].replicas for one in (lesser, greater))
    assert fewer <= more


@given(st.lists(st.tuples(st.floats(0.5, 20), KNOWN), min_size=2, max_size=15), POLICIES, POLICIES)
def test_no_step_takes_a_period_beyond_its_policy(steps, up, down):
    by = Rules(0, 10_000, 10.0, Direction(0.0, "Max", (up,)), Direction(0.0, "Max", (down,)), panic_threshold=1e9)
    now, memory, current, history = 0.0, Memory(), 50, [(-1e3, 50)]
    for gap, rate in steps:
        now += gap
        decision, memory = decide(Observation(current, Load(rate, rate), current, 0.0), by, memory, now)
        way = 1 if decision.replicas > current else -1
        policy = up if way > 0 else down
        begin = [value for at, value in history if at <= now - policy.period_seconds][-1]
        limit = policy.value if policy.kind == "Pods" else math.ceil(begin * policy.value / 100)
        if decision.replicas != current:
            assert way * (decision.replicas - begin) <= max(limit, 1)
        current = decision.replicas
        history.append((now, current))


@settings(max_examples=60)
@given(observations(), rules(), st.integers(1, 500))
def test_a_burst_never_takes_a_pod_away(seen, by, replicas):
    seen = replace(seen, current=min(seen.current, by.maximum))
    memory = Memory(known_at=95.0, replicas=seen.current, panic=Panic(95.0, max(replicas, seen.current)))
    assert decide(seen, by, memory, 100.0)[0].replicas >= seen.current
