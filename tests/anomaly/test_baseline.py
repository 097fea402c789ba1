"""The baseline: which model a history gets, how bounded its cost is, and what a restart finds."""

import numpy as np
import pytest

from glm_operator.anomaly import prophet_map
from glm_operator.anomaly.baseline import MOST_POINTS, Baseline, expect_all, fit_baseline, history, offset
from made_series import BEGIN, DAY, seasonal, times


def fitted(count, values=None):
    at = times(count)
    return fit_baseline(at, seasonal(count) if values is None else values, at[-1])


@pytest.mark.parametrize(
    ("days", "kind"),
    [
        pytest.param(0.9, None, id="less than a day is too little"),
        pytest.param(1.5, "ridge", id="a young series gets the ridge"),
        pytest.param(3, "prophet", id="from two days on it is Prophet's model"),
    ],
)
def test_the_model_grows_with_the_history(days, kind):
    baseline = fitted(int(days * DAY) + 1)
    assert (baseline.kind if baseline else None) == kind


def test_a_failed_fit_falls_back_to_the_ridge(monkeypatch):
    def fail(*_):
        raise np.linalg.LinAlgError("singular")

    monkeypatch.setattr(prophet_map, "fit_many", fail)
    assert fitted(5 * DAY).kind == "ridge"


@pytest.mark.parametrize("days", [1.5, 5], ids=["ridge", "prophet"])
def test_tomorrow_is_expected_as_the_season_says(days):
    count = int(days * DAY)
    baseline = fitted(count)
    ahead = times(count + DAY)[count:]
    truth = 100 + 20 * np.sin(2 * np.pi * ahead / 86_400)
    assert np.abs(baseline.expect(ahead) - truth).mean() < 3
    low, high = baseline.band(ahead)
    assert np.all(low < high)


def test_an_outage_in_the_history_does_not_bend_the_baseline():
    values = seasonal(5 * DAY)
    values[600:620] = 0.0
    assert np.abs(fitted(5 * DAY, values).expect(times(5 * DAY)) - seasonal(5 * DAY, noise=0)).mean() < 1.5


def test_a_long_history_is_averaged_down():
    at, means = history(times(100_000, 15.0), np.arange(100_000.0), BEGIN + 1e9)
    assert (len(at), len(means)) == (0, 0)
    at, means = history(times(100_000, 15.0), np.arange(100_000.0), BEGIN + 100_000 * 15.0)
    assert len(at) <= MOST_POINTS
    assert np.all(np.diff(at) > 0)
    assert means == pytest.approx((at - BEGIN) / 15.0)


def test_the_future_is_not_in_the_history():
    at = times(1000)
    known, _ = history(at, np.ones(1000), at[499])
    assert known[-1] == at[499]


def test_a_pod_has_an_offset_of_its_own_and_none_without_samples():
    baseline, at = fitted(3 * DAY), times(3 * DAY)
    assert offset(baseline, at, baseline.expect(at) + 7) == pytest.approx(7)
    assert offset(baseline, at, np.full(len(at), np.nan)) is None


def test_many_are_expected_as_each_alone():
    one, other = fitted(3 * DAY), fitted(4 * DAY)
    later = times(5 * DAY)[-1]
    expected = expect_all([one, None, other, one], later)
    assert np.isnan(expected[1])
    alone = [one.expect(np.array([later]))[0], other.expect(np.array([later]))[0]]
    assert expected[[0, 2, 3]] == pytest.approx([alone[0], alone[1], alone[0]])


def test_a_restart_goes_on_with_the_packed_baseline():
    baseline, at = fitted(4032), times(4032)
    packed = baseline.pack()
    assert len(packed) < 450
    again = Baseline.unpack(packed)
    assert (again.kind, again.below, again.above, again.fitted_at) == (
        baseline.kind, baseline.below, baseline.above, baseline.fitted_at,
    )  # fmt: skip
    assert again.expect(at) == pytest.approx(baseline.expect(at), rel=1e-4)


@pytest.mark.parametrize("packed", [b"", b"\xff" * 40, b"\0" * 3], ids=["empty", "garbage", "cut off"])
def test_what_is_no_baseline_is_refused(packed):
    with pytest.raises(ValueError, match=r"bytes are no|numbers are no"):
        Baseline.unpack(packed)
