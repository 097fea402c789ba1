"""The simulated queue, fleet and policies."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_operator.cli.backtest.scaling.fleet import Fleet, Setting, violations
from glm_operator.cli.backtest.scaling.policies import ORACLE, POLICIES, Scene, _sliding_max
from glm_operator.cli.backtest.scaling.results import run_backtest
from glm_operator.cli.backtest.scaling.traffic import Arrivals, Traffic

DAY = 86_400
SETTING = Setting(pod_rps=100.0, pod_start_seconds=180, latency_limit_ms=320.0, service_ms=70.0)


def by_hand(counts, ready):
    """The queue, second by second."""
    backlog, late = 0.0, []
    for count, pods in zip(counts, ready, strict=True):
        after = max(0.0, backlog + count - pods * 100.0)
        waits = pods == 0 or (backlog + after) / 2 / (pods * 100.0) > 0.25
        late.append(count if waits else 0.0)
        backlog = after
    return late


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 6)), min_size=1, max_size=60))
def test_the_queue_without_a_loop_is_the_queue_with_one(seconds):
    counts, ready = (np.array(column, dtype=float) for column in zip(*seconds, strict=True))
    assert list(violations(counts, ready, SETTING)) == by_hand(counts, ready)


@pytest.mark.parametrize(
    ("counts", "ready", "expected"),
    [
        pytest.param([100, 100], [1, 1], [0, 0], id="at capacity nobody waits"),
        pytest.param([140], [1], [0], id="a backlog of 0.2 s at the mean is within the limit"),
        pytest.param([160], [1], [160], id="one of 0.3 s is not"),
        pytest.param([160, 0, 100], [1, 1, 1], [160, 0, 0], id="an idle second empties it"),
        pytest.param([5], [0], [5], id="without a pod everybody waits too long"),
    ],
)
def test_violations(counts, ready, expected):
    assert list(violations(np.array(counts, float), np.array(ready, float), SETTING)) == expected


def moved(*moves, start=10, length=40, replicas=2):
    fleet = Fleet(replicas, start, length)
    for second, wanted in moves:
        fleet.advance(second)
        fleet.scale(second, wanted)
    return fleet.course()


@pytest.mark.parametrize(
    ("moves", "ready"),
    [
        pytest.param([], {0: 2, 39: 2}, id="nothing changes"),
        pytest.param([(5, 4)], {14: 2, 15: 4, 39: 4}, id="pods serve when they have started"),
        pytest.param([(5, 1)], {4: 2, 5: 1}, id="pods are gone at once"),
        pytest.param([(5, 5), (7, 3)], {14: 2, 15: 3}, id="pods that have not started go first"),
        pytest.param([(5, 5), (7, 1)], {6: 2, 7: 1, 39: 1}, id="then those that serve"),
        pytest.param([(5, 3), (8, 5), (9, 4)], {15: 3, 18: 4}, id="the last ones asked for go first"),
        pytest.param([(35, 9)], {39: 2}, id="pods that start after the end never serve"),
    ],
)
def test_the_fleet(moves, ready):
    course = moved(*moves)
    assert len(course.ready) == len(course.wanted) == 40
    assert {second: course.ready[second] for second in ready} == ready


def test_pods_cost_from_the_moment_they_are_asked_for():
    assert moved((5, 4)).wanted.sum() == 5 * 2 + 35 * 4


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(1, 40))
def test_the_sliding_maximum(values, width):
    if width > len(values):
        return
    expected = [max(values[at : at + width]) for at in range(len(values) - width + 1)]
    assert list(_sliding_max(np.array(values, float), width)) == expected


def day_and_more(days=1.3, seed=0):
    """Ramps of ten minutes, a day and a little more."""
    seconds = np.arange(0.0, days * DAY, 600.0)
    rates = np.random.default_rng(seed).uniform(200, 1200, size=len(seconds))
    return Traffic(seconds, rates)


def scene(traffic, seed=1):
    return Scene(Arrivals.of(traffic, seed), SETTING)


SCENE = scene(day_and_more())


def test_the_oracle_violates_nothing_and_nobody_with_as_little_cost_does_better():
    results = run_backtest(SCENE, POLICIES, (0.8,))
    oracle = next(result for result in results if result.policy == ORACLE)
    assert (oracle.target, oracle.oracle_ratio) == (1.0, 1.0)
    assert oracle.violation_share < 1e-4
    assert all(one.violation_share >= oracle.violation_share or one.oracle_ratio > 1 for one in results)


def test_the_oracle_foresees_a_step():
    edges = np.arange(0, 1.3 * DAY, 3 * 3600)
    seconds = np.sort(np.concatenate([edges, edges + 60]))
    steps = Traffic(seconds, np.where(np.searchsorted(edges + 30, seconds) % 2, 1000.0, 400.0))
    (oracle,) = run_backtest(scene(steps), [ORACLE], ())
    assert oracle.violation_share < 1e-4


@pytest.mark.parametrize("policy", [policy for policy in POLICIES if policy != ORACLE])
def test_no_policy_sees_the_future(policy):
    """What comes after a time must not change what was done before it."""
    until = int(1.1 * DAY)
    counts = SCENE.arrivals.counts.copy()
    counts[until:] = counts[until:] * 3 + 500
    other = Scene(Arrivals(counts, np.concatenate([[0.0], np.cumsum(counts)])), SETTING)
    courses = [POLICIES[policy](one, 0.7).wanted for one in (SCENE, other)]
    np.testing.assert_array_equal(courses[0][:until], courses[1][:until])
    assert (courses[0] != courses[1]).any()


def test_a_forecast_only_adds_pods_at_the_same_target():
    reactive, predictive = run_backtest(SCENE, ["glm-reactive", "glm-predictive"], (0.8,))
    assert predictive.replica_hours >= reactive.replica_hours
    assert predictive.violation_share < reactive.violation_share


def test_a_higher_target_costs_less():
    for policy in ("hpa", "kpa", "glm-reactive"):
        costs = [result.replica_hours for result in run_backtest(SCENE, [policy], (0.5, 0.7, 0.9))]
        assert costs == sorted(costs, reverse=True)


def test_the_same_seed_gives_the_same_results():
    traffic = day_and_more()
    runs = [run_backtest(scene(traffic, seed), ["kpa"], (0.8,))[0] for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_arrivals_follow_the_curve():
    arrivals = SCENE.arrivals
    assert arrivals.means(np.array([600.0]), 60)[0] == pytest.approx(arrivals.counts[540:600].mean())
    assert arrivals.means(np.array([0.0, 1.0]), 60).tolist() == [arrivals.counts[0]] * 2
    expected = np.interp(np.arange(len(arrivals.counts)) + 0.5, *_points(day_and_more())).mean()
    assert arrivals.counts.mean() == pytest.approx(expected, rel=0.01)


def _points(traffic):
    return traffic.seconds, traffic.rates


def test_the_first_day_is_not_counted():
    traffic = day_and_more()
    worse = Traffic(traffic.seconds, np.where(traffic.seconds < 0.5 * DAY, 3 * traffic.rates, traffic.rates))
    one, other = (run_backtest(scene(load), ["kpa"], (0.6,))[0] for load in (traffic, worse))
    assert one.replica_hours == pytest.approx(other.replica_hours, rel=0.01)
    assert one.violation_share == pytest.approx(other.violation_share, abs=0.002)


def test_policies_that_run_side_by_side_share_one_forecast():
    told = []
    one = Scene(SCENE.arrivals, SETTING, told.append)
    run_backtest(one, ["glm-predictive"], (0.6, 0.7))
    forecasts = [text for text in told if text.startswith("forecast")]
    assert forecasts == ["forecast of day 2 of 2"]
    assert len(list(itertools.filterfalse(forecasts.__contains__, told))) == 2
