"""The load of a backtest: a curve of requests per second, and the requests that it stands for, second by second."""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np

from glm_operator.scheduler.scaling.forecast.history import DAY_SECONDS, Array

COLUMNS: Final = ("seconds", "requests_per_second")
FEWEST_POINTS: Final = 2


class TrafficError(Exception):
    """The load can't be used; the message says where and what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Points of a curve; between them it is a straight line."""

    seconds: Array
    """Since the first point."""
    rates: Array

    @classmethod
    def of(cls, points: Iterable[tuple[float, float]], origin: str) -> Self:
        """From `(seconds, requests per second)`, checked."""
        rows = list(points)
        if len(rows) < FEWEST_POINTS:
            raise TrafficError(f"{origin} has {len(rows)} points; a curve needs two")
        seconds, rates = np.array(rows, dtype=np.float64).T
        traffic = cls(seconds - seconds[0], rates)
        if traffic.seconds[-1] <= DAY_SECONDS:
            raise TrafficError(
                f"{origin} covers {traffic.days:.2f} days; the first day is not counted, so give more than one"
            )
        if not rates.any():
            raise TrafficError(f"{origin} has no request at all")
        return traffic

    @property
    def days(self) -> float:
        """Length."""
        return float(self.seconds[-1]) / DAY_SECONDS

    def scaled_to(self, peak: float) -> "Traffic":
        """The same shape with another peak."""
        return Traffic(self.seconds, self.rates * (peak / float(self.rates.max())))


def read_traffic(path: Path) -> Traffic:
    """A CSV file with the columns `seconds,requests_per_second`."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise TrafficError(f"{path} has no column {missing[0]}; its first line must be {','.join(COLUMNS)}")
        points: list[tuple[float, float]] = []
        for row in reader:
            points.append(_point(row, points[-1][0] if points else -math.inf, f"{path}, line {reader.line_num}"))
    return Traffic.of(points, str(path))


def _point(row: dict[str, str], after: float, where: str) -> tuple[float, float]:
    try:
        seconds, rate = (float(row[column]) for column in COLUMNS)
    except (TypeError, ValueError):
        raise TrafficError(f"{where}: two numbers are wanted; leave out steps without a value") from None
    if not 0 <= rate < math.inf or not math.isfinite(seconds):
        raise TrafficError(
            f"{where}: {row[COLUMNS[1]]} at {row[COLUMNS[0]]} is no rate; leave out steps without a value"
        )
    if seconds <= after:
        raise TrafficError(f"{where}: {seconds:g} does not come after {after:g}; sort the file by seconds")
    return seconds, rate


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """How many requests came in each second: drawn from Poisson's distribution around the curve."""

    counts: Array
    total: Array
    """Before each second, and at the end."""

    @classmethod
    def of(cls, traffic: Traffic, seed: int) -> Self:
        """The arrivals of one seed."""
        middles = np.arange(math.floor(traffic.seconds[-1])) + 0.5
        rates = np.interp(middles, traffic.seconds, traffic.rates)
        counts = np.random.default_rng(seed).poisson(rates).astype(np.float64)
        return cls(counts, np.concatenate([[0.0], np.cumsum(counts)]))

    def means(self, ends: Array, window: int) -> Array:
        """Mean rate over the `window` seconds before each of `ends` (less at the begin; the first second's at 0)."""
        last = np.maximum(ends.astype(int), 1)
        first = np.maximum(last - window, 0)
        return np.asarray((self.total[last] - self.total[first]) / (last - first))
