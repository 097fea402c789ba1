"""What holds for every sample, role and clock."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from glm_operator.api.status import EndpointStatus
from glm_operator.api.traffic import CpuRule, IdleRule, LatencyRule
from glm_operator.scheduler.sample import PodSample
from glm_operator.scheduler.weights.decide import Observation, decide
from glm_operator.scheduler.weights.decision import State
from glm_operator.scheduler.weights.rules import Rules
from glm_operator.scheduler.weights.state import WeightState
from weight_ticks import GOOD

NAMES = ["a", "b", "c", "d", "e"]
IMPOSSIBLE = st.sampled_from([math.nan, math.inf, -math.inf, -1.0, -1e-9, 1e300])
NUMBERS = st.one_of(st.none(), IMPOSSIBLE, st.just(0.0), st.floats(0, 1e5))
AGES = st.sampled_from([0.0, 0.0, 0.0, 0.3, 30.0, 500.0, -5.0])


def samples(numbers=NUMBERS):
    return st.builds(
        PodSample,
        at=AGES,
        alive=st.sampled_from([None, True, True, False]),
        cpu=st.one_of(st.floats(0, 1.2), numbers),
        latency_ms=st.one_of(st.sampled_from([5.0, 20.0, 30.0, 250.0, 4000.0]), numbers),
        requests_per_second=st.one_of(st.floats(0, 100), numbers),
        failures_per_second=st.one_of(st.just(0.0), numbers),
        pending=st.one_of(st.just(0.0), numbers),
    )


SUBSETS = st.frozensets(st.sampled_from(NAMES), max_size=2)
RULES = st.builds(
    Rules,
    window_seconds=st.sampled_from([1.0, 10.0, 60.0]),
    cpu=st.builds(
        CpuRule, threshold_percent=st.sampled_from([0, 80, 100]), reduce_percent=st.sampled_from([0, 30, 100])
    ),
    latency=st.builds(LatencyRule, consecutive=st.sampled_from([1, 5]), pause_seconds=st.sampled_from([1, 5, 100])),
    idle=st.builds(IdleRule, after_seconds=st.sampled_from([1, 30]), raise_percent=st.sampled_from([0, 20, 100])),
)


@st.composite
def runs(draw, gaps=None, numbers=NUMBERS):
    """Ticks: (seconds since the one before, what was seen); samples' times are ages."""
    gap = gaps if gaps is not None else st.sampled_from([1.0, 1.0, 1.0, 0.2, 9.0, 200.0, 0.0, -3.0, -1e6, 1e9])
    ticks = []
    for _ in range(draw(st.integers(1, 6))):
        present = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=5))
        pods = {name: draw(st.one_of(st.none(), samples(numbers))) for name in present}
        roles = {role: draw(SUBSETS) for role in ("paused", "standby", "draining")}
        # The same for some ticks, so that runs of samples add up.
        ticks += [(draw(gap), pods, roles)] * draw(st.integers(1, 6))
    return ticks


def play(ticks, rules, order=sorted, state=None):
    now, decisions = 1000.0, []
    state = WeightState() if state is None else state
    for gap, pods, roles in ticks:
        now += gap
        seen = {name: _at(pods[name], now) for name in order(pods)}
        decision, state = decide(Observation(seen, **roles), rules, state, now)
        decisions.append(decision)
    return decisions


def _at(sample, now):
    if sample is None:
        return None
    return PodSample(
        now - sample.at,
        sample.alive,
        sample.cpu,
        sample.latency_ms,
        sample.requests_per_second,
        sample.failures_per_second,
        sample.pending,
    )


@settings(max_examples=150)
@given(runs(), RULES)
def test_weights_and_shares_are_sound(ticks, rules):
    for decision, (_, pods, _) in zip(play(ticks, rules), ticks, strict=True):
        weights = [one.weight for one in decision.endpoints if one.weight is not None]
        assert [one.pod for one in decision.endpoints] == sorted(pods)
        assert all(isinstance(weight, int) and weight >= 1 for weight in weights)
        assert sum(weights) * 200 < 2**32, "a thousand pods still fit"
        shares = math.fsum(one.share for one in decision.endpoints)
        assert math.isclose(shares, 1.0 if weights else 0.0)
        for one in decision.endpoints:
            assert (one.weight is None) == (one.state in {State.PAUSED, State.STANDBY})
            assert one.weight is not None or one.share == 0.0


@settings(max_examples=150)
@given(runs(), RULES)
def test_pauses_never_take_more_than_half_nor_the_last_pod(ticks, rules):
    for decision, (_, pods, roles) in zip(play(ticks, rules), ticks, strict=True):
        told = {one.pod: one for one in decision.endpoints}
        open_to_all = set(pods) - roles["draining"] - roles["standby"] - roles["paused"]
        assert sum(told[pod].state is State.PAUSED for pod in open_to_all) <= len(open_to_all) // 2
        if set(pods) - roles["draining"] and not (set(pods) & roles["standby"] - roles["draining"]):
            assert any(one.weight is not None for one in decision.endpoints)


@settings(max_examples=100)
@given(runs(), RULES)
def test_the_order_of_the_pods_changes_nothing(ticks, rules):
    backwards = play(ticks, rules, order=lambda names: sorted(names, reverse=True))
    assert play(ticks, rules) == backwards


@settings(max_examples=100)
@given(runs(), RULES)
def test_the_same_input_gives_the_same_output(ticks, rules):
    assert play(ticks, rules) == play(ticks, rules)


@settings(max_examples=100)
@given(runs(), RULES)
def test_every_decision_can_be_told(ticks, rules):
    for decision in play(ticks, rules):
        for one in decision.endpoints:
            assert one.reason.isalnum()
            assert one.message
            assert "nan" not in f"{one.message} {one.inputs}"
            assert all(one.inputs.values())


@settings(max_examples=100)
@given(runs(numbers=IMPOSSIBLE), RULES)
def test_impossible_samples_are_unknown_ones(ticks, rules):
    def cleared(sample):
        if sample is None:
            return None
        values = {
            name: None if (value := getattr(sample, name)) is None or not 0 <= value <= 1e12 else value
            for name in ("cpu", "latency_ms", "requests_per_second", "failures_per_second", "pending")
        }
        return PodSample(sample.at, sample.alive, **values)

    clear = [(gap, {pod: cleared(one) for pod, one in pods.items()}, roles) for gap, pods, roles in ticks]
    assert play(ticks, rules) == play(clear, rules)


@settings(max_examples=100)
@given(st.lists(st.sampled_from([0.0, -1.0, -1e9, 1e-9]), max_size=5), st.floats(-1e9, 1e9))
def test_a_clock_that_goes_back_is_harmless(jumps, begin):
    state, now = WeightState(), begin
    for gap in [1.0] * 15 + jumps + [1.0] * 15:
        now += gap
        seen = {name: _at(GOOD, now) for name in NAMES}
        decision, state = decide(Observation(seen), Rules(), state, now)
    assert {(one.weight, str(one.reason)) for one in decision.endpoints} == {(1000, "Healthy")}


@settings(max_examples=60)
@given(st.lists(st.sampled_from([math.nan, math.inf, -math.inf]), max_size=3))
def test_a_clock_that_is_no_number_stands_still(times):
    state = WeightState()
    for now in [1.0, 2.0, *times, 3.0]:
        decision, state = decide(Observation({"a": GOOD, "b": None}), Rules(), state, now)
    assert [one.weight for one in decision.endpoints] == [1000, 1000]


@given(st.lists(st.floats(0.1, 100), max_size=8), st.integers(1, 5))
def test_pods_of_which_nothing_is_known_get_the_same(gaps, count):
    now, state = 0.0, WeightState()
    for gap in [1.0, *gaps]:
        now += gap
        decision, state = decide(Observation(dict.fromkeys(NAMES[:count])), Rules(), state, now)
    assert {(one.weight, one.share, str(one.state)) for one in decision.endpoints} == {(1000, 1 / count, "Unknown")}


@settings(max_examples=60)
@given(runs(), st.dictionaries(st.sampled_from(NAMES), st.integers(-5, 2**40), max_size=5), st.data())
def test_any_status_can_be_gone_on_from(ticks, weights, data):
    states = st.sampled_from(["Active", "Reduced", "Paused", "Standby", "Unknown"])
    status = [EndpointStatus(pod=pod, weight=weight, state=data.draw(states)) for pod, weight in weights.items()]
    for decision in play(ticks, Rules(), state=WeightState.from_weights(status)):
        assert all(one.weight is None or 1 <= one.weight < 2**20 for one in decision.endpoints)
