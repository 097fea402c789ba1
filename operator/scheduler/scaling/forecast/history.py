"""The past load on an even grid. An unknown step is NaN, never zero."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Mean requests per second in each step."""

    start: float
    """Begin of the first step, seconds since the epoch."""
    step: float
    """Seconds."""
    values: Array

    @property
    def end(self) -> float:
        """End of the last step."""
        return self.start + len(self.values) * self.step

    @property
    def known_seconds(self) -> float:
        """How much of it is known."""
        return float(np.count_nonzero(~np.isnan(self.values)) * self.step)

    def steps(self, seconds: float) -> int:
        """A time in steps."""
        return round(seconds / self.step)

    def middles(self, count: int) -> Array:
        """The middle of each of the first `count` steps, which may go on after the end."""
        return np.asarray(self.start + (np.arange(count) + 0.5) * self.step, dtype=np.float64)

    def until(self, end: float) -> Self:
        """What was known at `end`."""
        count = max(0, math.floor((end - self.start) / self.step + 1e-6))
        return type(self)(self.start, self.step, self.values[:count])

    def last(self, seconds: float) -> Self:
        """The newest part."""
        skipped = max(0, len(self.values) - self.steps(seconds))
        return type(self)(self.start + skipped * self.step, self.step, self.values[skipped:])

    def coarser(self, factor: int) -> Self:
        """Means of `factor` steps each; NaN where less than half of them is known. A rest at the end is left out."""
        count = len(self.values) // factor
        blocks = self.values[: count * factor].reshape(count, factor)
        known = np.count_nonzero(~np.isnan(blocks), axis=1)
        means = np.nansum(blocks, axis=1) / np.maximum(known, 1)
        return type(self)(self.start, self.step * factor, np.where(known * 2 >= factor, means, np.nan))


def history_of(samples: Iterable[tuple[float, float]], step: float) -> History:
    """A history of `(time, requests per second)` in any order; what is no rate (NaN, less than nothing) is left out."""
    good = [(at, value) for at, value in samples if math.isfinite(at) and 0 <= value < math.inf]
    if not good:
        return History(0.0, step, np.empty(0))
    start = min(at for at, _ in good) // step * step
    slots = np.array([int((at - start) // step) for at, _ in good])
    sums = np.bincount(slots, weights=np.array([value for _, value in good]))
    counts = np.bincount(slots)
    return History(start, step, np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))
