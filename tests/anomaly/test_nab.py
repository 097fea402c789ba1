"""NAB's scoring: what a detection is worth by where it falls, and its published figures."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from bench.anomaly_peers import windowed_gaussian
from demo.paths import ROOT
from glm_operator.anomaly import nab
from glm_operator.cli.backtest.anomalies.labels import read_labels
from glm_operator.cli.backtest.anomalies.series import find_files, read_series

LENGTH, FIRST, LAST = 1000, 400, 499
DATA = Path(os.environ.get("NAB_DATA", ROOT.parent / "shared/data/nab"))


def series(*flagged, windows=((FIRST, LAST),), level=1.0):
    scores = np.zeros(LENGTH)
    scores[list(flagged)] = level
    return nab.ScoredSeries(np.arange(LENGTH, dtype=float), scores, tuple(windows))


def score(*flagged, profile=nab.STANDARD, **kwargs):
    return nab.score_at([series(*flagged, **kwargs)], 1.0, profile)


@pytest.mark.parametrize(
    ("flagged", "profile", "expected"),
    [
        pytest.param([], nab.STANDARD, 0.0, id="flagging nothing is the null detector"),
        pytest.param([], nab.LOW_FN, 0.0, id="also where a miss costs double"),
        pytest.param([FIRST], nab.STANDARD, 100.0, id="the window's first sample is perfect"),
        pytest.param([FIRST, 450, LAST], nab.STANDARD, 100.0, id="only the earliest detection in a window counts"),
        pytest.param([10, FIRST], nab.STANDARD, 100.0, id="a detection in probation costs nothing"),
        pytest.param([200, FIRST], nab.STANDARD, 100 - 5.5, id="a false one before any window costs 0.11 of 2"),
        pytest.param([200, FIRST], nab.LOW_FP, 100 - 11, id="and twice that in the low-FP profile"),
        pytest.param([200, FIRST], nab.LOW_FN, 100 - 11 / 3, id="and 0.11 of 3 in the low-FN profile"),
        pytest.param([FIRST, 900], nab.STANDARD, 100 - 5.5, id="far behind a window a false one costs in full"),
    ],
)
def test_what_detections_are_worth(flagged, profile, expected):
    assert score(*flagged, profile=profile) == pytest.approx(expected, abs=1e-9)


def test_later_in_the_window_is_worth_less_and_just_behind_it_costs_little():
    worths = [score(FIRST), score(430), score(470), score(LAST)]
    assert worths == sorted(worths, reverse=True)
    assert score(FIRST) - score(FIRST, LAST + 1) < score(FIRST) - score(FIRST, LAST + 60) < 5.5


def test_the_best_threshold_is_the_best_of_all():
    rng = np.random.default_rng(0)
    corpus = [
        nab.ScoredSeries(np.arange(300.0), rng.integers(0, 9, 300) / 9, ((100.0, 130.0), (200.0, 220.0))),
        nab.ScoredSeries(np.arange(200.0), rng.integers(0, 9, 200) / 9, ()),
    ]
    for profile in nab.PROFILES:
        thresholds = [*(np.arange(9) / 9), np.inf]
        by_hand = max(nab.score_at(corpus, each, profile) for each in thresholds)
        best, threshold = nab.best(corpus, profile)
        assert best == pytest.approx(by_hand)
        assert nab.score_at(corpus, threshold, profile) == pytest.approx(best)


def test_nothing_to_score_is_null():
    assert nab.best([]) == (0.0, np.inf)
    assert nab.errors_at([], 1.0).false_alarms_per_day == 0.0
    assert nab.held_out([series(FIRST)]) is None


def test_errors_count_runs_outside_the_windows_and_the_delay_inside():
    day = nab.SECONDS_A_DAY
    times = np.arange(LENGTH) * day / 100
    scores = np.zeros(LENGTH)
    scores[[300, 301, 302, 420, 600, 700]] = 1.0
    errors = nab.errors_at([nab.ScoredSeries(times, scores, ((float(times[400]), float(times[500])),))], 1.0)
    assert (errors.windows, errors.found, errors.false_alarms) == (1, 1, 3)
    assert errors.delay_seconds == pytest.approx(20 * day / 100)
    assert errors.days == pytest.approx(8.49)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"NAB's files are not in {DATA}; NAB_DATA tells another folder")
def test_the_scorer_reproduces_the_published_windowed_gaussian():
    labels = read_labels(DATA / "labels/combined_windows.json")
    published = set(json.loads((DATA / "labels/combined_windows.json").read_text()))
    corpus = []
    for name, path in find_files(DATA / "data", DATA / "results").items():
        if name in published:
            one = read_series(name, path)
            corpus.append(nab.ScoredSeries(one.times, windowed_gaussian(one.values), labels.of(name) or ()))
    if len(corpus) != 35:
        pytest.skip(f"the figures are those of 35 files; here are {len(corpus)}")
    # The published threshold of all three profiles is 1.0, where scores of twelve digits tie.
    assert [round(nab.score_at(corpus, 1.0, profile), 1) for profile in nab.PROFILES] == [37.1, 18.8, 44.7]
    assert round(nab.held_out(corpus), 1) == 32.5
