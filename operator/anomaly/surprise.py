"""How rare a deviation is against the series' own past: the empirical tail, as a histogram that forgets slowly."""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.float32]

MEMORY_SAMPLES: Final = 4000.0
"""Two weeks of five-minute samples: what is older fades."""
WARM_UP_SAMPLES: Final = 50.0
"""Nothing is surprising before so many samples: with fewer, everything is."""
FULL_SURPRISE: Final = float(np.log10(MEMORY_SAMPLES + 1))
"""Of something that was never seen in a full memory."""

BINS: Final = 64
_LOWEST, _HIGHEST = -10.0, 6.0  # powers of two, in standard deviations: from nothing at all to far beyond anything


def empty(series: int, measures: int) -> Counts:
    """Histograms of a series that has seen nothing."""
    return np.zeros((series, measures, BINS), np.float32)


def observe(counts: Counts, deviations: Floats) -> Floats:
    """-log10 of the share of past `deviations` (series x measures, >= 0) at least as large; then remembers these.

    After Laxhammar and Falkman's conformal anomaly detection, with the rank read from bins of a quarter of an octave,
    linearly within a bin. NaN: not known, remembered as nothing; its surprise is NaN.
    """
    known = np.isfinite(deviations)
    place = np.log2(np.maximum(np.where(known, deviations, 1.0), 1e-12)) - _LOWEST
    place = np.clip(place * (BINS / (_HIGHEST - _LOWEST)), 0.0, BINS - 1e-9)
    bins = place.astype(np.intp)
    within = place - bins
    total = counts.sum(axis=2, dtype=np.float64)
    above = np.where(np.arange(BINS) > bins[:, :, None], counts, np.float32(0)).sum(axis=2, dtype=np.float64)
    own = np.take_along_axis(counts, bins[:, :, None], axis=2)[:, :, 0]
    surprise = -np.log10((1.0 + above + own * (1.0 - within)) / (total + 1.0))
    full = known & (total >= MEMORY_SAMPLES)
    counts *= np.where(full, 1.0 - 1.0 / MEMORY_SAMPLES, 1.0).astype(np.float32)[:, :, None]
    rows, columns = np.nonzero(known)
    counts[rows, columns, bins[rows, columns]] += np.float32(1)
    result: Floats = np.where(known, np.where(total >= WARM_UP_SAMPLES, np.maximum(surprise, 0.0), 0.0), np.nan)
    return result
