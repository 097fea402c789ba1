"""What a server did between two readings: never more than it did, and unknown rather than guessed."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glm_operator.telemetry.exposition import Counters, Exposition, parse_exposition
from glm_operator.telemetry.window import LONGEST_WINDOW_SECONDS, Change, Reading, change
from telemetry.samples import AFTER, BEFORE, STEPS

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

UNKNOWN = Change()
NOTHING_ENDED = Change(latency_ms=None, requests_per_second=0.0, failures_per_second=0.0)


def reading(at, **models):
    """Models by name: success, failure and duration in microseconds; `a_2` is version 2 of a."""
    told, failures = {}, {}
    for key, (success, failure, duration) in models.items():
        name, _, version = key.partition("_")
        told[name, version or "1"] = Counters(success, duration)
        failures[name, version or "1"] = failure
    return Reading(at, Exposition(told, failures, pending=None, cpu=None, gpu=None))


def test_a_real_server():
    """What was sent is in triton-2.51.md: 43 requests ended well and 7 badly, those to ensembles took 18 ms."""
    seen = change(Reading(10.0, parse_exposition(BEFORE)), Reading(11.0, parse_exposition(AFTER)), STEPS)
    # The two that failed in their second step went through `echo`, and look like two of its own.
    assert seen.requests_per_second == 43 + 2
    assert seen.failures_per_second == 7
    assert seen.latency_ms == pytest.approx(18.0, abs=2.0)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param(None, reading(1, a=(9, 0, 9000)), UNKNOWN, id="a first reading tells no rate"),
        pytest.param(reading(1, a=(9, 0, 9)), reading(1, a=(10, 0, 19)), UNKNOWN, id="two readings at one time"),
        pytest.param(reading(5, a=(9, 0, 9)), reading(1, a=(10, 0, 19)), UNKNOWN, id="a clock that went back"),
        pytest.param(
            reading(0, a=(0, 0, 0)),
            reading(LONGEST_WINDOW_SECONDS + 0.1, a=(10, 0, 19)),
            UNKNOWN,
            id="a reading before a long gap is none",
        ),
        pytest.param(
            reading(0, a=(100, 1, 50_000)),
            reading(2, a=(110, 5, 70_000)),
            Change(latency_ms=2.0, requests_per_second=5.0, failures_per_second=2.0),
            id="differences over time",
        ),
        pytest.param(
            reading(0, a=(5, 0, 5)), reading(1, a=(5, 0, 5)), NOTHING_ENDED, id="no request: no latency, and not 0"
        ),
        pytest.param(
            reading(0, a=(5, 0, 5)),
            reading(1, a=(5, 7, 5)),
            Change(latency_ms=None, requests_per_second=0.0, failures_per_second=7.0),
            id="only failures tell no latency",
        ),
        pytest.param(
            reading(0, a=(5, 0, 5)),
            reading(1, a=(5, 0, 5), b=(4, 0, 8000)),
            Change(latency_ms=2.0, requests_per_second=4.0, failures_per_second=0.0),
            id="a model that is new began in between",
        ),
        pytest.param(
            reading(0, a=(5, 0, 5), b=(900, 0, 900_000)), reading(1, a=(5, 0, 5)), NOTHING_ENDED, id="a model that went"
        ),
        pytest.param(
            reading(0, a=(15, 0, 36_097)),
            reading(1, a=(10, 0, 179_000)),
            Change(latency_ms=17.9, requests_per_second=10.0, failures_per_second=0.0),
            id="loaded anew, and its duration is already past what it was",
        ),
        pytest.param(
            reading(0, a=(15, 7, 36_000)),
            reading(1, a=(3, 9, 6_000)),
            Change(latency_ms=2.0, requests_per_second=3.0, failures_per_second=2.0),
            id="loaded anew, and its failures go on from where they were",
        ),
        pytest.param(
            reading(0, a=(15, 7, 36_000)),
            reading(1, a=(15, 3, 36_000)),
            Change(latency_ms=None, requests_per_second=0.0, failures_per_second=3.0),
            id="should failures begin anew, all of them are new",
        ),
        pytest.param(
            reading(0, a=(10, 0, 10_000)),
            reading(1, a=(11, 0, 12_000), a_2=(3, 0, 6_000)),
            Change(latency_ms=2.0, requests_per_second=4.0, failures_per_second=0.0),
            id="two versions of a model are one model",
        ),
        pytest.param(
            reading(0, a=(10, 0, 10_000), b=(10, 0, 10_000)),
            reading(1, a=(11, 0, 11_000), b=(13, 0, 40_000)),
            Change(latency_ms=7.75, requests_per_second=4.0, failures_per_second=0.0),
            id="the mean of two models is that of their requests",
        ),
        pytest.param(
            reading(0, a=(10, 0, None)),
            reading(1, a=(12, 0, None)),
            Change(latency_ms=None, requests_per_second=2.0, failures_per_second=0.0),
            id="a server that counts no durations tells rates",
        ),
        pytest.param(
            reading(0, a=(10, 0, None)),
            reading(1, a=(3, 0, None)),
            Change(latency_ms=None, requests_per_second=3.0, failures_per_second=0.0),
            id="also when a model is loaded anew",
        ),
        pytest.param(
            reading(0, a=(10, 0, None)),
            reading(1, a=(12, 0, 90_000)),
            Change(latency_ms=None, requests_per_second=2.0, failures_per_second=0.0),
            id="durations that have only begun tell nothing",
        ),
    ],
)
def test_change(before, now, expected):
    assert change(before, now, {}) == expected


PAIR = {"chain": ("first", "second")}


@pytest.mark.parametrize(
    ("steps", "before", "now", "expected"),
    [
        pytest.param(
            PAIR,
            reading(0, chain=(10, 0, 0), first=(10, 0, 0), second=(10, 0, 0)),
            reading(1, chain=(14, 0, 80_000), first=(14, 0, 4_000), second=(14, 0, 70_000)),
            Change(latency_ms=20.0, requests_per_second=4.0, failures_per_second=0.0),
            id="an ensemble's request is one request, as long as the whole",
        ),
        pytest.param(
            PAIR,
            reading(0, chain=(10, 0, 0), first=(10, 0, 0), second=(10, 0, 0)),
            reading(1, chain=(14, 0, 80_000), first=(17, 0, 4_000), second=(14, 0, 70_000)),
            Change(latency_ms=20.0, requests_per_second=7.0, failures_per_second=0.0),
            id="a member that is asked directly as well counts what the ensemble didn't ask",
        ),
        pytest.param(
            PAIR,
            reading(0, chain=(100, 0, 0), first=(100, 0, 0), second=(100, 0, 0)),
            reading(1, chain=(100, 0, 0), first=(150, 0, 50_000), second=(100, 0, 0)),
            Change(latency_ms=None, requests_per_second=50.0, failures_per_second=0.0),
            id="a second step that hangs doesn't make the first one's speed the server's",
        ),
        pytest.param(
            PAIR,
            reading(0, chain=(1, 0, 0), first=(900, 0, 0), second=(1, 0, 0)),
            reading(1, chain=(1, 0, 0), first=(902, 0, 6_000), second=(1, 0, 0)),
            Change(latency_ms=3.0, requests_per_second=2.0, failures_per_second=0.0),
            id="a member that clients ask far more often than the ensemble does is a model as all others",
        ),
        pytest.param(
            PAIR,
            reading(0, chain=(1, 0, 0), first=(900, 0, 0), second=(1, 0, 0)),
            reading(1, chain=(3, 0, 60_000), first=(906, 0, 6_000), second=(3, 0, 50_000)),
            Change(latency_ms=(2 * 30 + 4 * 1) / 6, requests_per_second=6.0, failures_per_second=0.0),
            id="its own requests count beside the ensemble's",
        ),
        pytest.param(
            PAIR,
            reading(0, chain=(0, 0, 0), first=(0, 0, 0), second=(0, 0, 0)),
            reading(1, chain=(0, 0, 0), first=(2, 0, 6_000), second=(0, 0, 0)),
            Change(latency_ms=3.0, requests_per_second=2.0, failures_per_second=0.0),
            id="members of an ensemble that nobody has asked yet are models as all others",
        ),
        pytest.param(
            {"chain": ("first", "first")},
            reading(0, chain=(10, 0, 0), first=(20, 0, 0)),
            reading(1, chain=(12, 0, 8_000), first=(24, 0, 2_000)),
            Change(latency_ms=4.0, requests_per_second=2.0, failures_per_second=0.0),
            id="a model that an ensemble calls twice",
        ),
        pytest.param(
            {"outer": ("inner",), "inner": ("first",)},
            reading(0, outer=(1, 0, 0), inner=(1, 0, 0), first=(1, 0, 0)),
            reading(1, outer=(3, 0, 8_000), inner=(3, 0, 6_000), first=(3, 0, 2_000)),
            Change(latency_ms=4.0, requests_per_second=2.0, failures_per_second=0.0),
            id="an ensemble in an ensemble",
        ),
        pytest.param(
            PAIR,
            reading(0, chain=(1, 0, 0), first=(1, 0, 0), second=(1, 0, 0)),
            reading(1, chain=(1, 4, 0), first=(3, 0, 0), second=(1, 2, 0)),
            Change(latency_ms=None, requests_per_second=2.0, failures_per_second=4.0),
            id="a failure in an ensemble counts twice for it, and its first step as a request",
        ),
        pytest.param(
            PAIR,
            reading(0, chain=(1, 0, 0), first=(1, 0, 0), second=(1, 0, 0)),
            reading(1, chain=(1, 0, 0), first=(1, 0, 0), second=(1, 5, 0)),
            Change(latency_ms=None, requests_per_second=0.0, failures_per_second=5.0),
            id="a failure of a member that was asked directly",
        ),
        pytest.param(
            {"gone": ("a",)},
            reading(0, a=(1, 0, 0)),
            reading(1, a=(3, 0, 4_000)),
            Change(latency_ms=2.0, requests_per_second=2.0, failures_per_second=0.0),
            id="an ensemble that the server doesn't have",
        ),
    ],
)
def test_ensembles_are_not_counted_twice(steps, before, now, expected):
    assert change(before, now, steps) == expected


models = st.tuples(st.sampled_from("abcd"), st.sampled_from("12"))
counts = st.integers(0, 10**9).map(float)
readings = st.builds(
    lambda at, told, failures: Reading(at, Exposition(told, failures, None, None, None)),
    st.floats(-1e3, 1e3),
    st.dictionaries(models, st.builds(Counters, counts, st.floats(0, 1e15) | st.none()), max_size=6),
    st.dictionaries(models, counts, max_size=6),
)
any_steps = st.dictionaries(st.sampled_from("abcd"), st.lists(st.sampled_from("abcdx"), max_size=3).map(tuple))


@CALM
@given(st.none() | readings, readings, any_steps)
def test_nothing_is_ever_below_zero_or_more_than_all_that_was_counted(before, now, steps):
    seen = change(before, now, steps)
    assert seen.latency_ms is None or seen.latency_ms >= 0
    assert (seen.requests_per_second is None) == (seen.failures_per_second is None)
    if before is not None and seen.requests_per_second is not None:
        seconds = now.at - before.at
        everything = sum(one.success for one in now.told.models.values())
        assert 0 <= seen.requests_per_second * seconds <= everything + 1e-6 * everything
        assert seen.failures_per_second >= 0
