"""What is unusual about the newest sample of many series at once: features, and how rare each is for that series.

One call a step for all series, no loop over them. Nothing here looks ahead: a step uses the past and its own sample.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from glm_operator.anomaly import neighbours, surprise

Floats: TypeAlias = NDArray[np.float64]

MEASURES: Final = ("level", "season", *(f"shape of {length} samples" for length in neighbours.LENGTHS))
"""Judged against their own past: the distances from the running mean and the baseline, and the shapes' novelty."""
FEATURES: Final = ("level", "season", "step", "volatility", *MEASURES[2:])
"""What the forest sees: signed where there is a sign, in standard deviations, on a logarithmic scale."""

VOLATILITY_SAMPLES: Final = 16
LEAST_SPREAD: Final = 1e-3
"""Of the level: smaller wobbles are nobody's concern, and a constant series must not divide by zero."""
LARGEST: Final = 1e100
"""What is larger is an overflow somewhere, not a sample; its square would stay in the state as infinity."""
_TINY: Final = 1e-9
_SETTLED_SAMPLES: Final = 20.0
_LEAST_RESIDUAL: Final = 0.05  # of the spread: a perfect baseline must not make noise of 1e-12 an anomaly


@dataclass(frozen=True, slots=True)
class Readings:
    """Of one step; a row of NaN: the series had no sample."""

    features: Floats
    """Series x FEATURES."""
    surprises: Floats
    """Series x MEASURES: -log10 of the share of the past that was at least as odd; 0 in the warm-up."""


@dataclass(slots=True)
class Detector:
    """The state of many series, one row each."""

    seen: Floats
    mean: Floats
    square: Floats
    """Mean square around the mean."""
    residual: Floats
    """Mean square of the distance from the baseline."""
    last: Floats
    memory: neighbours.Memory
    counts: surprise.Counts

    @classmethod
    def empty(cls, series: int) -> "Detector":
        """Of series that have seen nothing."""
        return cls(
            seen=np.zeros(series),
            mean=np.zeros(series),
            square=np.zeros(series),
            residual=np.zeros(series),
            last=np.zeros(series),
            memory=neighbours.Memory.empty(series),
            counts=surprise.empty(series, len(MEASURES)),
        )

    @property
    def bytes_per_series(self) -> float:
        """State in memory, without the baseline's."""
        size = sum(column.nbytes for column in self._columns()) + self.memory.values.nbytes + self.counts.nbytes
        return size / max(len(self.seen), 1)

    def pack(self, row: int) -> bytes:
        """One series' state, for a cache that a restart can read."""
        numbers = np.array([column[row] for column in self._columns()])
        parts = (numbers.astype("<f8"), self.memory.values[row].astype("<f2"), self.counts[row].astype("<f4"))
        return b"".join(part.tobytes() for part in parts)

    def unpack(self, row: int, packed: bytes) -> None:
        """Put back what `pack` returned. ValueError, and nothing changed, when it is something else."""
        columns = self._columns()
        begin, middle = 8 * len(columns), 8 * len(columns) + 2 * neighbours.KEPT
        if len(packed) != middle + 4 * self.counts[0].size:
            raise ValueError(f"{len(packed)} bytes are no state of a series")
        numbers = np.frombuffer(packed[:begin], "<f8")
        counts = np.frombuffer(packed[middle:], "<f4").reshape(self.counts[0].shape)
        if not (np.all(np.isfinite(numbers)) and np.all(counts >= 0)):
            raise ValueError("a series' state holds numbers that no series reaches")
        for column, number in zip(columns, numbers, strict=True):
            column[row] = number
        self.memory.values[row] = np.frombuffer(packed[begin:middle], "<f2")
        self.counts[row] = counts

    def step(self, values: Floats, expected: Floats) -> Readings:
        """Judge one sample of each series, then remember it. What is not `usable` is no sample and changes nothing.

        `expected` is the baseline's prediction; where it is NaN, the running mean stands in for it.
        """
        rows = np.flatnonzero(usable(values))
        features = np.full((len(values), len(FEATURES)), np.nan)
        surprises = np.full((len(values), len(MEASURES)), np.nan)
        if rows.size:
            features[rows], deviations = self._look(rows, values[rows], expected[rows])
            counts = self.counts if len(rows) == len(values) else self.counts[rows]
            surprises[rows] = surprise.observe(counts, deviations)
            self.counts[rows] = counts
        return Readings(features, surprises)

    def _columns(self) -> list[Floats]:
        return [self.seen, self.mean, self.square, self.residual, self.last, self.memory.anchor, self.memory.unit]

    def _look(self, rows: NDArray[np.intp], values: Floats, expected: Floats) -> tuple[Floats, Floats]:
        first = self.seen[rows] == 0
        mean = np.where(first, values, self.mean[rows])
        spread = np.maximum(np.sqrt(self.square[rows]), LEAST_SPREAD * np.abs(mean) + _TINY)
        level = (values - mean) / spread
        off = values - np.where(np.isfinite(expected), expected, mean)
        season = off / np.maximum(np.sqrt(self.residual[rows]), _LEAST_RESIDUAL * spread)
        step = np.where(first, 0.0, values - self.last[rows]) / spread
        self.memory.push(rows, values, mean, spread)
        shapes = self.memory.distances(rows) / spread[:, None]
        shapes[self.seen[rows][:, None] < neighbours.enough()] = np.nan
        volatility = self._volatility(rows) / spread
        self._remember(rows, values, mean, off)
        unsettled = self.seen[rows] <= _SETTLED_SAMPLES
        deviations = np.column_stack([np.abs(level), np.abs(season), shapes])
        deviations[unsettled] = np.nan
        signed = np.column_stack([_logarithmic(level), _logarithmic(season), _logarithmic(step), np.log1p(volatility)])
        return np.column_stack([signed, np.log1p(np.nan_to_num(shapes))]), deviations

    def _volatility(self, rows: NDArray[np.intp]) -> Floats:
        tail, known = self.memory.tail(rows, VOLATILITY_SAMPLES)
        count = known.sum(axis=1)
        mean = tail.sum(axis=1) / count
        square = (np.where(known, tail - mean[:, None], 0.0) ** 2).sum(axis=1) / count
        return np.asarray(np.sqrt(square) * self.memory.unit[rows])

    def _remember(self, rows: NDArray[np.intp], values: Floats, mean: Floats, off: Floats) -> None:
        seen = self.seen[rows] + 1
        weight = 1.0 / np.minimum(seen, surprise.MEMORY_SAMPLES)
        moved = values - mean
        self.seen[rows] = seen
        self.mean[rows] = mean + weight * moved
        self.square[rows] = (1 - weight) * (self.square[rows] + weight * moved**2)
        self.residual[rows] += weight * (off**2 - self.residual[rows])
        self.last[rows] = values


def usable(values: Floats) -> NDArray[np.bool_]:
    """Whether each of `values` is a sample: finite, and no larger than LARGEST."""
    return np.asarray(np.abs(values) <= LARGEST)


def _logarithmic(numbers: Floats) -> Floats:
    return np.asarray(np.sign(numbers) * np.log1p(np.abs(numbers)))
