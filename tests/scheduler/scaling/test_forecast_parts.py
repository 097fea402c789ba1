"""Histories, seasons, the regression and the nowcast."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_operator.scheduler.scaling.forecast.history import DAY_SECONDS, history_of
from glm_operator.scheduler.scaling.forecast.nowcast import Recent, fit_nowcast, highest_ahead, season_parts
from glm_operator.scheduler.scaling.forecast.prophet_season import ProphetSeason
from glm_operator.scheduler.scaling.forecast.quantile_regression import fit_quantile, pinball_loss
from glm_operator.scheduler.scaling.forecast.season import LAST_DAY, Flat
from loads import daily, history, unforecastable

NAN = math.nan


@pytest.mark.parametrize(
    ("samples", "start", "expected"),
    [
        pytest.param([], 0.0, [], id="nothing"),
        pytest.param([(60, 1.0), (90, 3.0), (130, 5.0)], 60.0, [2.0, 5.0], id="means of each minute"),
        pytest.param([(0, 1.0), (185, 5.0)], 0.0, [1.0, NAN, NAN, 5.0], id="a gap is unknown, not zero"),
        pytest.param([(61, 5.0), (0, 1.0)], 0.0, [1.0, 5.0], id="in any order"),
        pytest.param(
            [(0, NAN), (60, -1.0), (120, math.inf), (180, 2.0)], 180.0, [2.0], id="what is no rate is left out"
        ),
        pytest.param([(NAN, 3.0), (0, 0.0)], 0.0, [0.0], id="zero is a rate"),
    ],
)
def test_a_history_of_samples(samples, start, expected):
    made = history_of(samples, 60.0)
    assert made.start == start
    np.testing.assert_array_equal(made.values, expected)


def test_a_history_is_cut_at_a_time_and_from_a_time():
    whole = history([1, 2, 3, 4, 5])
    assert list(whole.until(179).values) == [1, 2]
    assert list(whole.until(180).values) == [1, 2, 3]
    assert (whole.last(120).start, list(whole.last(120).values)) == (180.0, [4, 5])
    assert list(whole.last(1e9).values) == [1, 2, 3, 4, 5]


def test_coarser_steps_are_known_when_half_of_their_parts_are():
    coarse = history([1, 3, NAN, 5, NAN, NAN, 9]).coarser(2)
    np.testing.assert_array_equal(coarse.values, [2, 5, NAN])


def test_seasonal_naive_repeats_the_last_day():
    values = np.arange(2 * 1440.0)
    curve = LAST_DAY.curve(history(values), 1500)
    assert np.isnan(curve[:1440]).all()
    np.testing.assert_array_equal(curve[1440:2880], values[:1440])
    np.testing.assert_array_equal(curve[2880:], np.resize(values[1440:], 1500))


@pytest.mark.parametrize("days", [0.0, 0.99])
def test_less_than_a_day_has_no_season(days):
    assert LAST_DAY.curve(history(daily(days)), 10) is None


def test_a_flat_season_needs_one_known_step():
    assert Flat().curve(history([NAN, NAN]), 2) is None
    assert list(Flat().curve(history([NAN, 2.0]), 1)) == [2.0, 2.0, 2.0]


def test_prophet_draws_a_smooth_day_on():
    truth = daily(4, noise=0.0)
    curve = ProphetSeason().curve(history(daily(4)[: 3 * 1440]), 1440)
    assert len(curve) == 4 * 1440
    assert np.mean(np.abs(curve[-1440:] - truth[-1440:])) < 0.05 * truth.mean()


def test_prophet_bridges_gaps():
    values = daily(4)
    values[2000:2600] = NAN
    curve = ProphetSeason().curve(history(values), 1440)
    assert not np.isnan(curve).any()


def test_prophet_waits_for_two_days():
    assert ProphetSeason().curve(history(daily(1.5)), 10) is None


@pytest.mark.parametrize(
    ("actual", "predicted", "quantile", "expected"),
    [
        pytest.param([10.0], [8.0], 0.9, 1.8, id="too low costs the quantile"),
        pytest.param([8.0], [10.0], 0.9, 0.2, id="too high costs the rest"),
        pytest.param([8.0, NAN, 3.0], [10.0, 5.0, NAN], 0.5, 1.0, id="unknown pairs do not count"),
        pytest.param([NAN], [1.0], 0.5, NAN, id="no known pair"),
    ],
)
def test_pinball_loss(actual, predicted, quantile, expected):
    assert pinball_loss(np.array(actual), np.array(predicted), quantile) == pytest.approx(expected, nan_ok=True)


@given(st.sampled_from([0.1, 0.5, 0.9]), st.integers(0, 2**32 - 1))
def test_the_regression_leaves_the_right_share_above(quantile, seed):
    rng = np.random.default_rng(seed)
    rows = np.column_stack([rng.uniform(1, 10, 800), np.ones(800)])
    outcomes = 3 * rows[:, 0] + 20 + rng.standard_normal(800) * rows[:, 0]
    weights = fit_quantile(rows, outcomes, quantile, np.zeros(2), 1e-6)
    assert np.mean(outcomes <= rows @ weights) == pytest.approx(quantile, abs=0.04)


def test_the_highest_ahead():
    np.testing.assert_array_equal(highest_ahead(np.array([1.0, 5, 2, 3]), 2), [5, 3, NAN, NAN])


def test_the_season_now_and_its_peak():
    now, peak = season_parts(np.array([1.0, 2, 5, 3, 0, 0]), 4, 2)
    assert (list(now), list(peak)) == ([1, 2, 5, 3], [5, 5, 5, 3])


def told(nowcast, *means):
    recent = Recent(tuple(np.array([mean]) for mean in means))
    unknown = np.array([NAN])
    return float(nowcast.upper(recent, unknown, unknown)[0])


def test_a_rise_is_extrapolated_where_rises_go_on():
    nowcast = fit_nowcast(history(unforecastable(3)), None, 4, 0.9)
    steady, rising = told(nowcast, 1000, 1000, 1000, 1000), told(nowcast, 1000, 950, 900, 750)
    assert rising > steady + 150


def test_and_is_not_where_the_load_only_jitters():
    nowcast = fit_nowcast(history(daily(3, noise=0.1)), None, 4, 0.9)
    steady, rising = told(nowcast, 1000, 1000, 1000, 1000), told(nowcast, 1000, 900, 1000, 1000)
    assert rising < steady + 50


def test_an_unknown_present_has_no_nowcast_and_an_unknown_past_has_one():
    nowcast = fit_nowcast(history(daily(3)), None, 4, 0.9)
    assert math.isnan(told(nowcast, NAN, 1000, 1000, 1000))
    assert told(nowcast, 1000, NAN, NAN, NAN) == told(nowcast, 1000, 1000, 1000, 1000)


def test_too_little_history_has_no_nowcast():
    assert fit_nowcast(history(daily(0.05)), None, 4, 0.9) is None


def test_a_day_is_a_day():
    assert DAY_SECONDS == 1440 * 60
