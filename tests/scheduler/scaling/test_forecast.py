"""When a forecast is trusted, which one, and what it is used for."""

import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest

from glm_operator.scheduler.scaling.forecast.fit import (
    LAST_VALUE,
    NAIVE_OVER_LEAD,
    NOWCAST,
    Request,
    fit_forecast,
)
from glm_operator.scheduler.scaling.forecast.floor import provision
from glm_operator.scheduler.scaling.forecast.nowcast import Recent
from glm_operator.scheduler.scaling.forecast.process import bound_process
from glm_operator.scheduler.scaling.forecast.season import LAST_DAY, VALID_SECONDS
from loads import DAY, LEAD_SECONDS, daily, history, minutes, unforecastable

NAN = math.nan


def fitted(values, seasons=(LAST_DAY,), **fields):
    return fit_forecast(Request(history(values), LEAD_SECONDS, **fields), seasons)


def with_gaps(values):
    values = values.copy()
    values[1000:1200] = NAN
    values[::7] = NAN
    return values


def weekdays(days):
    work = (minutes(days) // 1440) % 7 < 5
    return np.where(work, daily(days), 0.3 * daily(days))


@pytest.mark.parametrize(
    ("values", "fields", "trusted", "reason", "season"),
    [
        pytest.param(daily(4), {}, True, "BeatsNaive", "SeasonalNaive", id="a regular day has a season"),
        pytest.param(with_gaps(daily(4)), {}, True, "BeatsNaive", "SeasonalNaive", id="gaps do not hide it"),
        pytest.param(unforecastable(4), {}, True, "BeatsNaive", "", id="chance has no season, but its ramps go on"),
        pytest.param(unforecastable(1), {}, True, "BeatsNaive", "", id="one day is enough to learn ramps"),
        pytest.param(daily(0.8), {}, False, "HistoryTooShort", "", id="less than a day is too short"),
        pytest.param([], {}, False, "HistoryTooShort", "", id="nothing is too short"),
        pytest.param(np.full(2880, NAN), {}, False, "HistoryTooShort", "", id="nothing known is too short"),
        pytest.param(
            np.zeros(2880), {}, False, "HistoryTooShort", "", id="nor is there anything to learn without load"
        ),
        pytest.param(np.full(5760, 7.0), {}, False, "NoBetterThanNaive", "", id="one constant value needs no forecast"),
        pytest.param(
            unforecastable(4), {"max_error_percent": 3.0}, False, "ErrorTooHigh", "", id="an error above the limit"
        ),
    ],
)
def test_what_is_trusted(values, fields, trusted, reason, season):
    forecast = fitted(values, **fields)
    assert (forecast.trusted, forecast.reason, forecast.season) == (trusted, reason, season)
    assert forecast.message


def test_prophet_is_used_where_it_beats_seasonal_naive():
    forecast = fitted(daily(4, noise=0.15), seasons=None)
    assert forecast.season == "Prophet"
    assert forecast.losses["Prophet"] < forecast.losses["SeasonalNaive"] < forecast.losses["Flat"]
    assert "the season is Prophet's" in forecast.message


def test_a_trusted_forecast_beats_both_naive_ones_over_the_lead():
    losses = fitted(daily(4)).losses
    assert losses[NOWCAST] < min(losses[LAST_VALUE], losses[NAIVE_OVER_LEAD])


def test_only_the_newest_history_days_count():
    old = np.concatenate([10 * unforecastable(3), daily(3)])
    assert fitted(old, history_days=3).losses == pytest.approx(fitted(daily(3)).losses)


def test_a_weekend_is_known_after_a_week():
    forecast = fit_forecast(Request(history(weekdays(14)), LEAD_SECONDS))
    assert forecast.season in {"SeasonalNaiveWeek", "Prophet"}


def test_the_same_history_gives_the_same_forecast():
    one, other = (fitted(daily(3), seasons=None) for _ in range(2))
    assert one.losses == other.losses
    np.testing.assert_array_equal(one.nowcast.weights, other.nowcast.weights)


def steady(rate):
    return Recent(tuple(np.array([rate]) for _ in range(4)))


FORECAST = fitted(daily(4))
NOON = 4 * DAY + DAY / 2


@pytest.mark.parametrize(
    ("forecast", "now", "mode", "shown", "used"),
    [
        pytest.param(FORECAST, NOON, "Off", False, False, id="Off shows nothing"),
        pytest.param(FORECAST, NOON, "ForecastOnly", True, False, id="ForecastOnly shows it"),
        pytest.param(FORECAST, NOON, "ForecastAndScale", True, True, id="ForecastAndScale uses it"),
        pytest.param(None, NOON, "ForecastAndScale", False, False, id="none was made yet"),
        pytest.param(replace(FORECAST, trusted=False), NOON, "ForecastAndScale", False, False, id="it is not trusted"),
        pytest.param(
            FORECAST, 4 * DAY + VALID_SECONDS, "ForecastAndScale", False, False, id="it is too old to be believed"
        ),
        pytest.param(FORECAST, 3 * DAY, "ForecastAndScale", False, False, id="the clock went back before it was made"),
    ],
)
def test_what_a_forecast_is_used_for(forecast, now, mode, shown, used):
    made = provision(forecast, steady(1600.0), 1600.0, now, mode)
    assert (made.shown is not None, made.used is not None) == (shown, used)
    assert made.message


def test_an_unknown_present_has_no_forecast():
    assert provision(FORECAST, steady(NAN), None, NOON, "ForecastAndScale").used is None


def test_a_forecast_provides_for_what_comes_before_a_pod_serves():
    morning = 4 * DAY + DAY / 4
    assert provision(FORECAST, steady(1000.0), 1000.0, morning, "ForecastAndScale").used > 1010


@pytest.mark.parametrize(
    ("peak", "least", "most"),
    [
        pytest.param(1600.0, 1400.0, 2000.0, id="a load that fell out of its season is not believed within the hour"),
        pytest.param(50.0, 0.0, 1000.0, id="after it, it is"),
    ],
)
def test_a_dip(peak, least, most):
    made = provision(FORECAST, steady(10.0), peak, NOON, "ForecastAndScale")
    assert least <= made.used < most


def test_a_process_pool_fits_a_forecast():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=bound_process) as pool:
        forecast = pool.submit(fit_forecast, Request(history(daily(3)), LEAD_SECONDS)).result(timeout=100)
    assert forecast.trusted
    assert forecast.losses.keys() >= {"Prophet", "SeasonalNaive", NOWCAST}


def _hoard():
    return len(bytearray(3 * 2**30))


def test_a_process_of_the_pool_gets_no_more_memory_than_its_share():
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=bound_process) as pool,
        pytest.raises(MemoryError),
    ):
        pool.submit(_hoard).result(timeout=100)
