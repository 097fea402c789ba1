"""What counts as too much loss, to the single answer."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_operator.quantization.verdict import Accuracy, Verdict, coarse, no_better_than_guessing


@pytest.mark.parametrize(
    ("before", "after", "total", "max_loss", "accepted"),
    [
        pytest.param(950, 950, 1000, "2.0", True, id="nothing is lost"),
        pytest.param(950, 930, 1000, "2.0", True, id="just the limit is not more than the limit"),
        pytest.param(950, 929, 1000, "2.0", False, id="one answer more is"),
        pytest.param(950, 960, 1000, "0", True, id="a gain is no loss"),
        pytest.param(950, 949, 1000, "0", False, id="a limit of nothing bears nothing"),
        pytest.param(500, 477, 1000, "2.3", True, id="a limit that binary fractions can't hold is exact"),
        pytest.param(2, 1, 3, "33.3", False, id="a third is more than 33.3 points"),
    ],
)
def test_accepted(before, after, total, max_loss, accepted):
    verdict = Verdict(Accuracy(before, total), Accuracy(after, total), Decimal(max_loss))
    assert verdict.accepted is accepted


@given(
    total=st.integers(1, 10_000),
    limit=st.decimals(0, 100, places=2),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_a_model_that_answers_more_right_is_never_worse_off(total, limit, shares):
    before, after = (int(share * total) for share in shares)
    verdict = Verdict(Accuracy(before, total), Accuracy(after, total), limit)
    better = Verdict(Accuracy(before, total), Accuracy(min(after + 1, total), total), limit)
    assert better.accepted or not verdict.accepted
    assert verdict.accepted or verdict.loss > 0


@pytest.mark.parametrize(
    ("correct", "total", "classes", "expected"),
    [
        pytest.param(10, 100, 10, True, id="a tenth of ten classes is guessing"),
        pytest.param(11, 100, 10, False, id="more is not"),
        pytest.param(0, 5, 2, True, id="nothing right"),
    ],
)
def test_no_better_than_guessing(correct, total, classes, expected):
    assert no_better_than_guessing(Accuracy(correct, total), classes) is expected


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        pytest.param(49, True, id="one of 49 answers weighs more than 2 points"),
        pytest.param(50, False, id="one of 50 weighs just 2"),
    ],
)
def test_coarse(total, expected):
    assert coarse(total, Decimal("2.0")) is expected
