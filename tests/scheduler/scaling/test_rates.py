"""Counters become a load, or are said to be unknown."""

import math

import pytest

from glm_operator.scheduler.scaling.rates import UNKNOWN, Load, Reading, increase, load

NAN = math.nan


def read(at, complete=True, **counters):
    return Reading(at, counters, complete)


def loaded(*readings, now=None):
    return load(readings, readings[-1].at if now is None else now, stable_seconds=60, burst_seconds=6, stale=10)


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        pytest.param(10, 25, 15, id="a counter counts"),
        pytest.param(10, 10, 0, id="a counter stands still"),
        pytest.param(10, 4, 4, id="one that fell was restarted"),
        pytest.param(10, 0, 0, id="restarted and unused"),
        pytest.param(NAN, 4, None, id="NaN is no count"),
        pytest.param(4, math.inf, None, id="infinity is no count"),
        pytest.param(-1, 4, None, id="less than nothing is no count"),
        pytest.param(4, -1, None, id="nor is it on the later side"),
    ],
)
def test_the_increase_of_a_counter(earlier, later, expected):
    assert increase(earlier, later) == expected


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        pytest.param([read(0, a=0), read(10, a=50)], 5.0, id="one source"),
        pytest.param([read(0, a=0, b=100), read(10, a=50, b=150)], 10.0, id="sources add up"),
        pytest.param([read(0, a=90), read(10, a=100), read(20, a=10)], 1.0, id="a restart loses nothing that is known"),
        pytest.param([read(0, a=0, b=0), read(10, a=50)], 5.0, id="a pod that vanished counts no more"),
        pytest.param(
            [read(0, a=0, b=0), read(10, a=50), read(20, a=100, b=9)], 5.0, id="one that came back counts from then on"
        ),
        pytest.param([read(0, a=0), read(10, a=50, b=10**6)], 5.0, id="a new source's past isn't taken for load"),
        pytest.param(
            [read(5, a=50), read(5, a=60), read(10, a=100)], 10.0, id="a second reading of one time is dropped"
        ),
    ],
)
def test_the_stable_rate(readings, expected):
    assert loaded(*readings).stable == expected


@pytest.mark.parametrize(
    ("readings", "now"),
    [
        pytest.param([read(0, a=0)], 0, id="one reading"),
        pytest.param([read(0, a=0), read(10, a=5)], 21, id="stale readings"),
        pytest.param([read(0, a=0), read(10, a=5)], 1e9, id="a clock that jumped far ahead"),
        pytest.param([read(100, a=0), read(110, a=5)], 50, id="a clock that went back: readings from the future"),
        pytest.param([read(0, a=0), read(10, a=NAN)], 10, id="NaN"),
        pytest.param([read(0, a=0), read(10, a=-5)], 10, id="a negative counter"),
        pytest.param([read(0, a=0), read(10, b=5)], 10, id="every source was replaced between the readings"),
        pytest.param([read(0), read(10)], 10, id="no source at all is not a load of zero"),
    ],
)
def test_what_is_unknown_is_no_load_of_zero(readings, now):
    assert loaded(*readings, now=now) == UNKNOWN


def test_no_reading_is_unknown():
    assert load([], 10, 60, 6, 10) == UNKNOWN


def test_a_burst_shows_in_the_short_window_first():
    calm = [read(float(at), a=at * 10) for at in range(0, 60, 2)]
    assert loaded(*calm, read(60.0, a=590 + 500)) == Load((590 + 500) / 60, (590 + 500 - 540) / 6)


def test_an_unanswering_source_makes_the_load_a_lower_bound():
    assert loaded(read(0, a=0, b=0), read(10, complete=False, a=50)).complete is False


def test_unsorted_readings_are_left_out():
    assert loaded(read(0, a=0), read(10, a=50), read(5, a=20), read(20, a=100)).stable == 5.0
