"""HPA's behavior, by the numbers of Kubernetes' own tests, and what holds whatever happens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_operator.api.scaling import Scaling
from glm_operator.scheduler.scaling.behavior import fewest, most, stabilized, with_high, with_low
from glm_operator.scheduler.scaling.rules import (
    DEFAULT_DOWN,
    DEFAULT_UP,
    ChangePolicy,
    Direction,
    rules_of,
)

NOW = 1000.0


def direction(*policies, select="Max", window=0.0):
    return Direction(window, select, policies)


def pods(value, period=60.0):
    return ChangePolicy("Pods", value, period)


def percent(value, period=60.0):
    return ChangePolicy("Percent", value, period)


def changes(*values, ago=30.0):
    return tuple((NOW - ago, value) for value in values)


@pytest.mark.parametrize(
    ("current", "made", "rules", "expected"),
    [
        pytest.param(10, (), DEFAULT_UP, 20, id="by default, ten may double to twenty in one go"),
        pytest.param(1, (), DEFAULT_UP, 5, id="by default, few may grow by four pods"),
        pytest.param(100, changes(1, 5, 9), direction(pods(150, 120.0)), 235, id="earlier pods count in the period"),
        pytest.param(100, changes(1, 5, 9), direction(percent(200)), 255, id="percent are of the period's begin"),
        pytest.param(100, changes(1, 5, 9, ago=60.0), direction(pods(150)), 250, id="older changes count no more"),
        pytest.param(100, changes(-10), direction(pods(5)), 115, id="what was taken away may be put back"),
        pytest.param(10, (), direction(pods(4), percent(100)), 20, id="Max takes the policy that allows most"),
        pytest.param(
            10, (), direction(pods(4), percent(100), select="Min"), 14, id="Min takes the one that allows least"
        ),
        pytest.param(10, (), direction(pods(4), select="Disabled"), 10, id="Disabled allows nothing"),
        pytest.param(0, (), direction(percent(100)), 1, id="percent of nothing still allow the first pod"),
        pytest.param(3, changes(4), direction(pods(4)), 3, id="a used-up policy never pushes back below the present"),
    ],
)
def test_the_most_that_policies_allow(current, made, rules, expected):
    assert most(current, made, NOW, rules) == expected


@pytest.mark.parametrize(
    ("current", "made", "rules", "expected"),
    [
        pytest.param(100, changes(-2, -4, -6), direction(percent(50)), 56, id="50 % of what the period began with"),
        pytest.param(10, (), DEFAULT_DOWN, 0, id="by default, all may go at once (after the window)"),
        pytest.param(10, (), direction(pods(3), percent(10)), 7, id="Max takes the policy that takes most away"),
        pytest.param(10, (), direction(pods(3), percent(10), select="Min"), 9, id="Min takes the one that takes least"),
        pytest.param(10, (), direction(pods(3), select="Disabled"), 10, id="Disabled takes nothing"),
        pytest.param(2, (), direction(pods(3)), 0, id="no fewer than none"),
    ],
)
def test_the_fewest_that_policies_allow(current, made, rules, expected):
    assert fewest(current, made, NOW, rules) == expected


def remembered(entries, window):
    highs = lows = ()
    for at, value in entries:
        highs, lows = with_high(highs, at, value, window), with_low(lows, at, value, window)
    return highs, lows


@pytest.mark.parametrize(
    ("earlier", "current", "expected"),
    [
        pytest.param([(10, 4), (20, 5)], 5, 5, id="{4, 5} and then 3: the highest of the window holds"),
        pytest.param([(10, 4), (20, 5)], 9, 5, id="and may be gone down to"),
        pytest.param([(-300, 5), (20, 4)], 9, 4, id="what is older than the window is ignored"),
        pytest.param([], 9, 3, id="nothing was recommended before"),
    ],
)
def test_stabilization_on_the_way_in(earlier, current, expected):
    highs, _ = remembered([*earlier, (30, 3)], 60)
    assert stabilized(current, highs, with_low((), 30, 3, 0)) == expected


def test_stabilization_on_the_way_out_takes_the_lowest_of_the_window():
    highs, lows = remembered([(10, 4), (20, 8), (30, 9)], 60)
    assert stabilized(2, highs, lows) == 4


@given(st.lists(st.tuples(st.floats(0, 50), st.integers(0, 20)), min_size=1, max_size=30), st.floats(0, 200))
def test_the_short_record_gives_the_same_as_all_recommendations(steps, window):
    at, entries = 0.0, []
    for gap, value in steps:
        at += gap
        entries.append((at, value))
    highs, lows = remembered(entries, window)
    inside = [value for when, value in entries if when >= at - window]
    assert (highs[0][1], lows[0][1]) == (max(inside), min(inside))


def test_unset_parts_of_a_behavior_are_autoscaling_v2s_defaults():
    scaling = Scaling.model_validate({"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}})
    rules = rules_of(scaling)
    assert rules.down == Direction(0.0, "Max", DEFAULT_DOWN.policies)
    assert rules.up == DEFAULT_UP


def test_the_resources_defaults_are_the_rules_defaults():
    scaling = Scaling()
    plain = rules_of(scaling)
    bare = type(plain)(scaling.min_replicas, scaling.max_replicas, scaling.target_requests_per_second)
    assert plain == bare
