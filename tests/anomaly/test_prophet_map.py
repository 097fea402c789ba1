"""The fast fit of Prophet's model: its maximum is no lower than Stan's, and bad input is no fit."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.anomaly_peers import stock_prophet
from glm_operator.anomaly.prophet_map import Fit, Seasons, fit_many, frame_for, log_posterior
from made_series import seasonal, times


@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", [864, 3600], ids=["three days", "twelve and a half days"])
def test_the_posterior_is_not_below_stock_prophets(count):
    at = times(count)
    values = seasonal(count) + 15 * (np.arange(count) > count // 2)
    weekly = count > 2880
    stock = stock_prophet(at, values, daily_seasonality=True, weekly_seasonality=weekly, yearly_seasonality=False)
    fit = fit_many(at, values[None])[0]
    weights = np.concatenate([np.ravel(stock.params[name]) for name in ("k", "m", "beta", "delta")])
    theirs = Fit(fit.frame, weights, float(np.ravel(stock.params["sigma_obs"])[0]), float(stock.y_scale))
    # Ours is Stan's own objective, up to a constant that both leave out.
    assert log_posterior(theirs, at, values) == pytest.approx(stock.stan_fit.optimized_params_dict["lp__"], rel=1e-6)
    assert log_posterior(fit, at, values) >= log_posterior(theirs, at, values) - 1e-3


def test_no_step_away_from_the_fit_is_more_probable():
    at, values = times(1000), seasonal(1000)
    fit = fit_many(at, values[None])[0]
    best, rng = log_posterior(fit, at, values), np.random.default_rng(0)
    for size in (1e-2, 1e-4, 1e-6):
        for _ in range(20):
            weights = fit.weights + size * rng.normal(size=fit.weights.shape)
            noise = fit.noise * (1 + size * rng.normal())
            assert log_posterior(Fit(fit.frame, weights, noise, fit.scale), at, values) <= best + 1e-6


def test_series_that_lack_different_samples_are_each_fitted_on_their_own():
    at, values = times(600), np.array([seasonal(600, seed) for seed in range(4)])
    values[1, 100:150] = values[2, 7] = np.nan
    together = fit_many(at, values)
    for row, fit in zip(values, together, strict=True):
        seen = np.isfinite(row)
        alone = fit_many(at[seen], row[seen][None])[0]
        assert fit.predict(at) == pytest.approx(alone.predict(at), abs=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([], id="no sample"),
        pytest.param([1.0, 2.0, 3.0], id="three samples"),
        pytest.param([np.nan] * 50, id="nothing but missing samples"),
    ],
)
def test_too_few_samples_are_no_fit(values):
    assert fit_many(times(len(values)), np.array([values])) == [None]


@pytest.mark.parametrize("level", [0.0, 7.0, -3e9, 1e-12])
def test_a_constant_series_is_expected_to_stay(level):
    fit = fit_many(times(600), np.full((1, 600), level))[0]
    assert fit.predict(times(700)) == pytest.approx(np.full(700, level))


def test_a_week_counts_after_ten_days_and_a_day_after_two():
    seasons = [frame_for(times(int(days * 288) + 1)).seasons for days in (1.9, 2, 9.9, 10)]
    assert seasons == [Seasons(0, 0), Seasons(4, 0), Seasons(4, 0), Seasons(4, 3)]


def test_a_restart_goes_on_with_the_packed_fit():
    at = times(4032)
    fit = fit_many(at, seasonal(4032)[None])[0]
    packed = fit.pack()
    assert len(packed) < 400
    assert Fit.unpack(packed).predict(at) == pytest.approx(fit.predict(at), rel=1e-4)


@given(st.binary(max_size=200))
def test_what_is_no_fit_is_refused(packed):
    try:
        Fit.unpack(packed)
    except ValueError:
        return
    count = struct.unpack_from("<B", packed, 34)[0]
    assert len(packed) >= 35 + 4 * count
