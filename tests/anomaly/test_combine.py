"""One score of many witnesses, and what is news."""

import numpy as np
import pytest

from glm_operator.anomaly.combine import REFRACTORY_SAMPLES, REPEATED, WITNESSES, combine, explain, mean_evidence, news
from glm_operator.anomaly.surprise import FULL_SURPRISE

NONE = [np.nan] * len(WITNESSES)


def row(**surprises):
    return np.array([surprises.get(name, np.nan) for name in ("level", "season", "s8", "s16", "s32", "forest")])


@pytest.mark.parametrize(
    ("surprises", "expected"),
    [
        pytest.param(row(level=FULL_SURPRISE, season=FULL_SURPRISE), 1.0, id="all who know have never seen it"),
        pytest.param(row(level=0.0, forest=0.0), 0.0, id="nobody is surprised"),
        pytest.param(row(level=FULL_SURPRISE, s8=0.0), 0.5, id="one of two"),
        pytest.param(row(), np.nan, id="nobody knows: that is not zero"),
    ],
)
def test_the_evidence_is_the_mean_of_those_who_know(surprises, expected):
    assert mean_evidence(surprises) == pytest.approx(expected, nan_ok=True)


def test_only_more_than_before_is_news():
    evidence = np.array([0.2, 0.6, 0.5, 0.6, 0.7, np.nan, 0.1])
    assert news(evidence) == pytest.approx(
        [0.2, 0.6, 0.5 * REPEATED, 0.6 * REPEATED, 0.7, np.nan, 0.1 * REPEATED], nan_ok=True
    )


def test_after_the_refractory_time_the_same_is_news_again():
    evidence = np.zeros(REFRACTORY_SAMPLES + 2)
    evidence[[0, -2, -1]] = 0.6
    assert news(evidence)[[0, -2, -1]] == pytest.approx([0.6, 0.6 * REPEATED, 0.6 * REPEATED])
    evidence[-2] = 0.0
    assert news(evidence)[-1] == 0.6


def test_the_explanation_names_the_witnesses_by_their_share():
    assert explain(row(level=1.0, s16=3.0, forest=0.0)) == {WITNESSES[3]: 0.75, "level": 0.25}
    assert explain(row()) == {}


def test_no_samples_are_no_scores():
    assert combine(np.empty((0, len(WITNESSES)))).score.shape == (0,)
