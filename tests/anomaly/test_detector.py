"""The detector: what it finds odd, what it must not, and that its state is all it needs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glm_operator.anomaly import neighbours, surprise
from glm_operator.anomaly.detector import MEASURES, Detector

NOBODY_KNOWS = np.array([np.nan])


def judged(values, detector=None):
    """Surprises (samples x MEASURES) of one series."""
    detector = detector or Detector.empty(1)
    return np.concatenate([detector.step(np.array([value]), NOBODY_KNOWS).surprises for value in values])


def wave(count, seed=0):
    return 10 + np.sin(np.arange(count) / 5) + np.random.default_rng(seed).normal(0, 0.1, count)


@pytest.mark.parametrize(
    ("broken", "measure"),
    [
        pytest.param(lambda part: part + 4, "level", id="a jump is far from the mean"),
        pytest.param(lambda part: np.full_like(part, 10.0), "shape of 16 samples", id="a flat line has no neighbour"),
        pytest.param(
            lambda part: part[::-1] * 0 + 10 + np.tile([1.0, -1.0], 20), "shape of 8 samples", id="nor a flutter"
        ),
    ],
)
def test_what_is_new_is_a_surprise(broken, measure):
    values = wave(440)
    values[400:] = broken(values[400:])
    surprises = judged(values)[:, MEASURES.index(measure)]
    assert np.nanmax(surprises[400:]) > 1.3
    assert np.nanmax(surprises[400:]) > np.nanmax(surprises[300:400])


@pytest.mark.parametrize("value", [0.0, 1.0, -4e12, 1e-13], ids=str)
def test_a_constant_series_never_surprises(value):
    assert np.nanmax(judged(np.full(200, value))) == 0.0


@pytest.mark.parametrize(
    "extreme",
    [1e300, -1e300, 1e99, 5e-324],
    ids=["an overflow", "a negative one", "the largest sample", "the smallest number"],
)
def test_an_extreme_sample_breaks_nothing_after_it(extreme):
    with np.errstate(all="raise", under="ignore"):
        surprises = judged([*wave(100), extreme, *wave(100)])
    assert np.all(np.isfinite(surprises[-100:, 0]))


def test_a_missing_sample_changes_nothing():
    whole, gappy = Detector.empty(1), Detector.empty(1)
    values = wave(200)
    judged(values, whole)
    surprises = judged(np.insert(values, [50, 120, 120], [np.nan, np.inf, -np.inf]), gappy)
    assert whole.pack(0) == gappy.pack(0)
    assert np.isnan(surprises[[50, 121, 122]]).all()


def test_a_series_among_others_is_judged_as_alone():
    values = np.array([wave(150, seed) * 10.0**seed for seed in range(40)])
    values[3, ::3] = np.nan
    together, nobody = Detector.empty(40), np.full(40, np.nan)
    surprises = np.array([together.step(column, nobody).surprises for column in values.T])
    for series in (0, 3, 39):
        np.testing.assert_array_equal(surprises[:, series], judged(values[series]))


def test_unit_and_offset_of_a_metric_do_not_matter():
    # The smallest spread that counts is a share of the level, so the offset stays small against the unit.
    assert judged(wave(300) * 1024) == pytest.approx(judged(wave(300)), abs=0.05, nan_ok=True)


def test_a_restart_goes_on_as_if_there_were_none():
    values = wave(260)
    without, before, after = Detector.empty(1), Detector.empty(1), Detector.empty(3)
    expected = judged(values, without)[130:]
    judged(values[:130], before)
    packed = before.pack(0)
    after.unpack(2, packed)
    assert len(packed) == before.bytes_per_series < 4096 - 450
    others = np.array([np.nan, 1.0])
    steps = [after.step(np.append(others, value), np.full(3, np.nan)).surprises[2] for value in values[130:]]
    np.testing.assert_array_equal(steps, expected)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda packed: b"", id="nothing"),
        pytest.param(lambda packed: packed[:-1], id="cut off"),
        pytest.param(lambda packed: b"\xff" * len(packed), id="garbage of the right size"),
    ],
)
def test_what_is_no_state_is_refused_and_changes_nothing(spoil):
    detector = Detector.empty(1)
    judged(wave(80), detector)
    before = detector.pack(0)
    with pytest.raises(ValueError, match="state"):
        detector.unpack(0, spoil(before))
    assert detector.pack(0) == before


def test_the_shapes_distances_are_those_of_a_search_by_hand():
    values = np.random.default_rng(2).normal(size=400)
    memory, row = neighbours.Memory.empty(1), np.array([0])
    for value in values:
        memory.push(row, np.array([value]), np.array([0.0]), np.array([1.0]))
    for length, found in zip(neighbours.LENGTHS, memory.distances(row)[0], strict=True):
        newest = values[-length:]
        starts = range(len(values) - 2 * length + 1)
        distances = sorted(np.sqrt(np.mean((values[start : start + length] - newest) ** 2)) for start in starts)
        root = np.sqrt(np.mean(np.square(distances[: neighbours.NEIGHBOURS])))
        assert found == pytest.approx(root, rel=5e-3)


@settings(max_examples=30, deadline=None)
@given(past=st.lists(st.floats(1e-3, 50), min_size=60, max_size=120), level=st.floats(1e-3, 50))
def test_more_of_a_deviation_is_never_less_surprising(past, level):
    counts = surprise.empty(1, 1)
    for deviation in past:
        surprise.observe(counts, np.array([[deviation]]))
    less = surprise.observe(counts.copy(), np.array([[level]]))[0, 0]
    more = surprise.observe(counts.copy(), np.array([[level * 2]]))[0, 0]
    assert 0 <= less <= more <= np.log10(len(past) + 1) + 1e-9


def test_the_memory_fades():
    counts = surprise.empty(1, 1)
    for _ in range(int(surprise.MEMORY_SAMPLES) + 500):
        surprise.observe(counts, np.array([[1.0]]))
    assert counts.sum() == pytest.approx(surprise.MEMORY_SAMPLES, rel=1e-3)
