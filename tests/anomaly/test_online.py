"""A whole series: strictly online, and nothing in it can break the run."""

import numpy as np
import pytest

from glm_operator.anomaly.combine import WITNESSES
from glm_operator.anomaly.forest import FEWEST_ROWS, MOST_ROWS, fit_forest
from glm_operator.anomaly.online import run_online
from made_series import BEGIN, DAY, seasonal, times


def incident(count):
    values = seasonal(count)
    values[count - 120 : count - 80] += 60
    return values


@pytest.mark.timeout(600)
def test_a_score_knows_nothing_of_the_future():
    """Three days, so that ridge, Prophet's model and two forests take part; cut off before and within the incident."""
    count = 3 * DAY
    at, values = times(count), incident(count)
    values[200:210] = np.nan
    whole = run_online(at, values)
    for end in (1, 2 * DAY + 30, count - 110):
        part = run_online(at[:end], values[:end])
        for now, before in (
            (whole.combined.score, part.combined.score),
            (whole.combined.witnesses, part.combined.witnesses),
            (whole.low, part.low),
        ):
            np.testing.assert_array_equal(now[:end], before)
    assert np.nanargmax(whole.combined.evidence) in range(count - 120, count - 70)
    shares = whole.combined.explain(int(np.nanargmax(whole.combined.score)))
    assert set(shares) <= set(WITNESSES)
    assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("at", "values", "left_out"),
    [
        pytest.param([], [], 0, id="empty"),
        pytest.param([BEGIN], [1.0], 0, id="one value"),
        pytest.param(times(400), [5.0] * 400, 0, id="constant"),
        pytest.param(times(400), [np.nan] * 400, 0, id="nothing but missing values"),
        pytest.param(times(400), [np.inf, -np.inf] * 200, 0, id="nothing but infinities"),
        pytest.param(times(400), [1.0, np.nan, 2.0, np.inf] * 100, 0, id="gaps everywhere"),
        pytest.param([BEGIN] * 400, [1.0] * 400, 399, id="all at one time"),
        pytest.param(times(400)[::-1], [1.0] * 400, 399, id="backwards"),
        pytest.param(np.repeat(times(200), 2), np.arange(400.0), 200, id="every sample twice"),
        pytest.param([BEGIN, np.nan, BEGIN + 1], [1.0, 2.0, 3.0], 1, id="a time that is none"),
        pytest.param([0.0, 1e18, 2e18], [1.0, 2.0, 3.0], 0, id="times at the end of the world"),
        pytest.param(np.arange(400) * 864e2 * 30, [1e308, -1e308] * 200, 0, id="the largest numbers, monthly"),
    ],
)
def test_bad_input_is_scored_between_0_and_1_or_not_at_all(at, values, left_out):
    run = run_online(np.array(at, dtype=float), np.array(values, dtype=float))
    score = run.combined.score
    assert len(score) == len(values) == len(run.low)
    assert run.left_out == left_out
    known = score[np.isfinite(score)]
    assert np.all((known >= 0) & (known <= 1))
    assert np.isnan(score[~np.isfinite(np.array(values, dtype=float))]).all()


def test_a_forest_waits_for_enough_rows_and_is_bounded():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(FEWEST_ROWS, 3))
    rows[0, 0] = np.nan
    assert fit_forest(rows) is None
    forest = fit_forest(rng.normal(size=(MOST_ROWS + 500, 3)))
    assert len(forest.usual) == MOST_ROWS
    odd, usual, unknown = forest.surprise(np.array([[9.0, -9.0, 9.0], [0.0, 0.0, 0.0], [np.nan, 0.0, 0.0]]))
    assert odd > 2
    assert usual < 1
    assert np.isnan(unknown)
