import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_operator.api.types import duration_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("250ms", 0.25, id="milliseconds"),
        pytest.param("3s", 3.0, id="seconds"),
        pytest.param("30m", 1800.0, id="minutes, not milliseconds"),
        pytest.param("1h30m", 5400.0, id="several units add up"),
        pytest.param("1.5s", 1.5, id="a fraction"),
    ],
)
def test_a_duration_is_read_as_go_writes_it(text, seconds):
    assert duration_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "60", "s", "1 s", "-1s", "1d", "1s "])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="is not a duration"):
        duration_seconds(text)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_hours_minutes_and_seconds_add_up(hours, minutes, seconds):
    assert duration_seconds(f"{hours}h{minutes}m{seconds}s") == hours * 3600 + minutes * 60 + seconds
