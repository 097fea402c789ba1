"""The lasso's answer is the minimum: checked by the conditions that only the minimum fulfils."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glm_operator.anomaly.lasso import lasso


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    columns=st.integers(1, 12),
    problems=st.integers(1, 5),
    penalty=st.floats(1e-4, 1e2),
    warm=st.booleans(),
)
def test_no_direction_leads_down(seed, columns, problems, penalty, warm):
    rng = np.random.default_rng(seed)
    basis = rng.normal(size=(problems, columns + 3, columns)).cumsum(axis=1)
    gram = basis.transpose(0, 2, 1) @ basis
    target = rng.normal(size=(problems, columns)) * 10
    penalties = np.full(problems, penalty)
    start = rng.normal(size=target.shape) * (rng.random(target.shape) < 0.5) if warm else np.zeros_like(target)
    point = lasso(gram, target, penalties, start)
    slope = target - (gram @ point[:, :, None])[:, :, 0]
    reach = 1e-6 * (penalty + np.abs(target).max() + np.abs(gram).max() * np.abs(point).max())
    assert np.all(np.abs(slope) <= penalty + reach)
    moved = point != 0
    assert np.all(np.abs(slope[moved] - penalty * np.sign(point[moved])) <= reach)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param(0.9, 0.0, id="below the penalty nothing moves"),
        pytest.param(3.0, 1.0, id="above it the surplus does"),
        pytest.param(-3.0, -1.0, id="in its own direction"),
    ],
)
def test_one_column(target, expected):
    point = lasso(np.array([[[2.0]]]), np.array([[target]]), np.array([1.0]), np.zeros((1, 1)))
    assert point[0, 0] == pytest.approx(expected)
