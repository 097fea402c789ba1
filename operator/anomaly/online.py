"""One series from its first sample to its last, as the operator would have seen it: for backtests.

Strictly online: the score of a sample uses that sample and those before it. Models are fitted at times that only the
past decides, on the past alone.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from glm_operator.anomaly import baseline as baselines
from glm_operator.anomaly.combine import Combined, combine
from glm_operator.anomaly.detector import FEATURES, MEASURES, Detector, usable
from glm_operator.anomaly.forest import FEWEST_ROWS, fit_forest
from glm_operator.anomaly.prophet_map import SECONDS_A_DAY

Floats: TypeAlias = NDArray[np.float64]

REFIT_SECONDS: Final = SECONDS_A_DAY
_FEWEST_BETWEEN_FITS: Final = 24
_FOREST_GROWTH: Final = 4  # a forest is fitted anew when the history has grown by a quarter


@dataclass(frozen=True, slots=True)
class Run:
    """A series and what was thought of each of its samples; NaN where there was none to judge."""

    times: Floats
    values: Floats
    combined: Combined
    low: Floats
    high: Floats
    """The band; NaN before the first baseline."""
    left_out: int
    """Samples at or before the time of an earlier one."""


def run_online(times: Floats, values: Floats) -> Run:
    """Score every sample of a series in the order given. Late and repeated times, NaN and infinities are not judged."""
    newest = np.maximum.accumulate(np.where(np.isfinite(times), times, -np.inf))
    in_order = np.isfinite(times) & (times > np.concatenate(([-np.inf], newest[:-1]))[: len(times)])
    kept = np.flatnonzero(in_order)
    at, seen = times[kept], np.where(usable(values[kept]), values[kept], np.nan)
    features, surprises, low, high = _steps(at, seen)
    forest = _forest_surprises(features)
    combined = combine(np.column_stack([surprises, forest]))
    return Run(
        times,
        values,
        combined.spread(kept, len(times)),
        _spread(low, kept, len(times)),
        _spread(high, kept, len(times)),
        int(len(times) - len(kept)),
    )


def _steps(times: Floats, values: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    count = len(times)
    features, surprises = np.full((count, len(FEATURES)), np.nan), np.full((count, len(MEASURES)), np.nan)
    expected, low, high = np.full((3, count), np.nan)
    detector = Detector.empty(1)
    due, next_sample = times[0] + baselines.FIRST_AFTER_DAYS * SECONDS_A_DAY if count else np.inf, 0
    for number in range(count):
        if times[number] >= due and number >= next_sample:
            due, next_sample = times[number] + REFIT_SECONDS, number + _FEWEST_BETWEEN_FITS
            fitted = baselines.fit_baseline(times[:number], values[:number], times[number - 1])
            if fitted is not None:
                until = max(int(np.searchsorted(times, due)), next_sample)
                ahead = slice(number, until + 1)
                expected[ahead] = fitted.expect(times[ahead])
                low[ahead], high[ahead] = expected[ahead] + fitted.below, expected[ahead] + fitted.above
        readings = detector.step(values[number : number + 1], expected[number : number + 1])
        features[number], surprises[number] = readings.features[0], readings.surprises[0]
    return features, surprises, low, high


def _forest_surprises(features: Floats) -> Floats:
    """Blocks between fits are scored in one call; the fits fall where only the number of past samples says so."""
    surprises = np.full(len(features), np.nan)
    begin = FEWEST_ROWS
    while begin < len(features):
        end = begin + max(FEWEST_ROWS, begin // _FOREST_GROWTH)
        forest = fit_forest(features[:begin])
        if forest is not None:
            surprises[begin:end] = forest.surprise(features[begin:end])
        begin = end
    return surprises


def _spread(numbers: Floats, kept: NDArray[np.intp], length: int) -> Floats:
    result = np.full(length, np.nan)
    result[kept] = numbers
    return result
