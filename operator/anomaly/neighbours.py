"""How far the newest stretch of a series is from its nearest stretches in the past, at several lengths.

A shape that came before (the daily job, the hourly peak) has near neighbours however odd it looks to a mean; a new one
has none. After Burnaev and Ishimtsev's KNN-CAD, with the mean of three neighbours, so that one earlier fault doesn't
make the next one normal. Values are kept as half floats around an anchor: 2 KiB a series.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

LENGTHS: Final = (8, 16, 32)
"""Samples in a stretch."""
KEPT: Final = 1024
NEIGHBOURS: Final = 3

_ROWS_AT_ONCE: Final = 32  # what fits a core's own cache
_UNSEEN: Final = 60_000.0  # far from everything, and within a half float
_REACH: Final = 8.0  # how far scale or level move, in units, before the anchor follows


@dataclass(slots=True)
class Memory:
    """The last KEPT values of many series, newest last, as (value - anchor) / unit."""

    values: NDArray[np.float16]
    anchor: Floats
    unit: Floats

    @classmethod
    def empty(cls, series: int) -> "Memory":
        """Of series that have seen nothing."""
        return cls(np.full((series, KEPT), _UNSEEN, np.float16), np.zeros(series), np.zeros(series))

    def push(self, rows: NDArray[np.intp], values: Floats, level: Floats, spread: Floats) -> None:
        """Append one value to each of `rows`; the anchors follow `level` and `spread` (> 0) where they have moved."""
        unit = self.unit[rows]
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            moved = (spread > _REACH * unit) | (spread * _REACH < unit)
            moved |= np.abs(level - self.anchor[rows]) > _REACH * unit
        if moved.any():
            self._anchor(rows[moved], level[moved], spread[moved])
        place = np.clip((values - self.anchor[rows]) / self.unit[rows], -_UNSEEN / 2, _UNSEEN / 2)
        if len(rows) == len(self.values):
            self.values[:, :-1] = self.values[:, 1:]
            self.values[:, -1] = place
        else:
            self.values[rows, :-1] = self.values[rows, 1:]
            self.values[rows, -1] = place

    def distances(self, rows: NDArray[np.intp]) -> Floats:
        """Of each row's newest stretches: root mean square distance to the nearest earlier ones, rows x LENGTHS.

        In the values' own unit; meaningless before a row has seen `enough`.
        """
        found = np.empty((len(rows), len(LENGTHS)))
        for begin in range(0, len(rows), _ROWS_AT_ONCE):
            part = rows[begin : begin + _ROWS_AT_ONCE]
            found[begin : begin + _ROWS_AT_ONCE] = _nearest(self.values[part].astype(np.float32))
        return found * self.unit[rows][:, None]

    def tail(self, rows: NDArray[np.intp], count: int) -> tuple[Floats, NDArray[np.bool_]]:
        """The last `count` values of each row, in units from the anchor, and which were seen; the others are 0."""
        last = self.values[rows, -count:].astype(float)
        seen = last != _UNSEEN
        return np.where(seen, last, 0.0), seen

    def _anchor(self, rows: NDArray[np.intp], level: Floats, spread: Floats) -> None:
        kept = self.values[rows].astype(float)
        values = kept * self.unit[rows, None] + self.anchor[rows, None]
        place = np.clip((values - level[:, None]) / spread[:, None], -_UNSEEN / 2, _UNSEEN / 2)
        self.values[rows] = np.where(kept == _UNSEEN, _UNSEEN, place)
        self.anchor[rows], self.unit[rows] = level, spread


def enough() -> NDArray[np.intp]:
    """Samples that a series must have seen, one for each of LENGTHS."""
    return np.array([2 * length + NEIGHBOURS for length in LENGTHS])


def _nearest(values: NDArray[np.float32]) -> Floats:
    """Mean over the NEIGHBOURS smallest distances that don't overlap the newest stretch."""
    longest = max(LENGTHS)
    ends = KEPT - longest  # stretches that end at longest - 1 .. KEPT - 1
    total = np.zeros((len(values), ends), np.float32)
    difference = np.empty_like(total)
    found = np.empty((len(values), len(LENGTHS)))
    for lag in range(longest):
        np.subtract(values[:, longest - 1 - lag : KEPT - 1 - lag], values[:, KEPT - 1 - lag, None], out=difference)
        np.multiply(difference, difference, out=difference)
        np.add(total, difference, out=total)
        if lag + 1 in LENGTHS:
            apart = total[:, : ends - lag]
            found[:, LENGTHS.index(lag + 1)] = np.sqrt(_smallest(apart) / (lag + 1))
    return found


def _smallest(totals: NDArray[np.float32]) -> Floats:
    """Mean of each row's NEIGHBOURS smallest: a few passes are faster than a partition."""
    left, row, total = totals.copy(), np.arange(len(totals)), np.zeros(len(totals))
    for _ in range(NEIGHBOURS):
        column = np.argmin(left, axis=1)
        total += left[row, column]
        left[row, column] = np.inf
    return total / NEIGHBOURS
