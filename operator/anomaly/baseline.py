"""What a series should be at a time: trend and seasons from its own history, refitted now and then.

The fit is Prophet's model (`prophet_map`); a young series, and one whose fit failed, gets a ridge on the same design.
A baseline belongs to (model, workload, metric), because pods rarely live for a week: a pod adds its own `offset`.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from glm_operator.anomaly import prophet_map
from glm_operator.anomaly.prophet_map import CHANGEPOINT_SCALE, SEASONAL_SCALE, SECONDS_A_DAY, TREND_SCALE, Fit, Frame

Floats: TypeAlias = NDArray[np.float64]
Kind: TypeAlias = Literal["prophet", "ridge"]

KINDS: Final[tuple[Kind, ...]] = ("prophet", "ridge")

HISTORY_DAYS: Final = 28.0
MOST_POINTS: Final = 4032
"""Two weeks of five-minute means; a longer or denser history is averaged down to it, so a fit's cost is bounded."""
FIRST_AFTER_DAYS: Final = 1.0
PROPHET_AFTER_DAYS: Final = prophet_map.DAILY_AFTER_DAYS
BAND: Final = (0.005, 0.995)
"""Quantiles of the residuals that bound the band."""
_FEWEST_POINTS: Final = 24
_HEAD: Final = struct.Struct("<B3d")
_CLIP: Final = 3.0  # robust standard deviations: what lies beyond is pulled in before the second fit


@dataclass(frozen=True, slots=True)
class Baseline:
    """A fitted expectation, and how far from it the history was."""

    kind: Kind
    fit: Fit
    below: float
    above: float
    """Residuals at the quantiles of BAND, in the series' unit."""
    fitted_at: float

    def expect(self, times: Floats) -> Floats:
        """The expected values at `times` (seconds)."""
        return self.fit.predict(times)

    def band(self, times: Floats) -> tuple[Floats, Floats]:
        """Lower and upper bound of what is usual."""
        expected = self.expect(times)
        return expected + self.below, expected + self.above

    def pack(self) -> bytes:
        """Some 350 bytes for a cache that a restart can read."""
        return _HEAD.pack(KINDS.index(self.kind), self.below, self.above, self.fitted_at) + self.fit.pack()

    @classmethod
    def unpack(cls, packed: bytes) -> "Baseline":
        """What `pack` returned. ValueError when it is something else."""
        if len(packed) < _HEAD.size or packed[0] >= len(KINDS):
            raise ValueError(f"{len(packed)} bytes are no baseline")
        kind, below, above, fitted_at = _HEAD.unpack_from(packed)
        return cls(KINDS[kind], Fit.unpack(packed[_HEAD.size :]), below, above, fitted_at)


def fit_baseline(times: Floats, values: Floats, now: float) -> Baseline | None:
    """The baseline of samples up to `now` (times ascend; NaN is missing), or None while there are too few."""
    at, means = history(times, values, now)
    if len(at) < _FEWEST_POINTS or at[-1] - at[0] < FIRST_AFTER_DAYS * SECONDS_A_DAY:
        return None
    fit = _prophet(at, means) if at[-1] - at[0] >= PROPHET_AFTER_DAYS * SECONDS_A_DAY else None
    kind: Kind = "prophet" if fit else "ridge"
    fit = fit or _ridge(at, means)
    if fit is None:
        return None
    below, above = np.quantile(means - fit.predict(at), BAND)
    return Baseline(kind, fit, float(below), float(above), now)


def expect_all(baselines: Sequence[Baseline | None], time: float) -> Floats:
    """What each series should be at `time`; NaN for one without a baseline. Baselines of one frame share the work."""
    expected = np.full(len(baselines), np.nan)
    by_frame: dict[int, list[int]] = {}
    for number, one in enumerate(baselines):
        if one is not None:
            by_frame.setdefault(id(one.fit.frame), []).append(number)
    for numbers in by_frame.values():
        fits = [one.fit for number in numbers if (one := baselines[number]) is not None]
        row = fits[0].frame.design(np.array([time]))[0]
        expected[numbers] = (np.array([fit.weights for fit in fits]) @ row) * np.array([fit.scale for fit in fits])
    return expected


def offset(baseline: Baseline, times: Floats, values: Floats) -> float | None:
    """How far one pod lies from its workload's baseline: the median; None: it has no sample."""
    known = np.isfinite(values)
    return float(np.median(values[known] - baseline.expect(times[known]))) if known.any() else None


def history(times: Floats, values: Floats, now: float) -> tuple[Floats, Floats]:
    """Mean times and values of at most MOST_POINTS buckets of the last HISTORY_DAYS before `now`; gaps stay out."""
    begin = np.searchsorted(times, now - HISTORY_DAYS * SECONDS_A_DAY)
    end = np.searchsorted(times, now, "right")
    times, values = times[begin:end], values[begin:end]
    known = np.isfinite(values)
    times, values = times[known], values[known]
    if len(times) <= MOST_POINTS:
        return times, values
    width = (times[-1] - times[0]) / (MOST_POINTS - 1)
    starts = np.flatnonzero(np.diff(np.floor((times - times[0]) / width), prepend=-1.0))
    sizes = np.diff(np.append(starts, len(times)))
    offsets = np.add.reduceat(times - times[0], starts) / sizes
    return times[0] + offsets, np.add.reduceat(values, starts) / sizes


def _prophet(times: Floats, values: Floats) -> Fit | None:
    """Fitted twice: outliers of the first fit are pulled in for the second. None: there is no sound fit."""
    frame = prophet_map.frame_for(times)
    try:
        first = prophet_map.fit_many(times, values[None], frame)[0]
        if first is None:
            return None
        second = prophet_map.fit_many(times, _pulled_in(values, first.predict(times))[None], frame)[0]
    except np.linalg.LinAlgError:
        return None
    return second if second is not None and np.all(np.isfinite(second.weights)) else None


def _pulled_in(values: Floats, expected: Floats) -> Floats:
    residual = values - expected
    reach = _CLIP * 1.4826 * np.median(np.abs(residual - np.median(residual)))
    return np.asarray(expected + np.clip(residual, -reach, reach)) if reach > 0 else values


def _ridge(times: Floats, values: Floats) -> Fit | None:
    """One linear solve with normal priors, a day's season, and a slope that needs proof."""
    span = float(times[-1] - times[0])
    seasons = prophet_map.frame_for(times).seasons
    if not seasons.daily:
        seasons = prophet_map.Seasons(prophet_map.DAILY_ORDER, 0)
    frame = Frame(float(times[0]), span, np.array([]), seasons)
    scale = float(np.abs(values).max()) or 1.0
    design, scaled = frame.design(times), values / scale
    prior = np.array([CHANGEPOINT_SCALE, TREND_SCALE] + [SEASONAL_SCALE] * seasons.terms)
    noise = max(float(scaled.std()), prophet_map.SMALLEST_NOISE)
    try:
        weights: Floats = np.asarray(
            np.linalg.solve(design.T @ design + np.diag((noise / prior) ** 2), design.T @ scaled), dtype=float
        )
    except np.linalg.LinAlgError:
        return None
    return Fit(frame, weights, noise, scale) if np.all(np.isfinite(weights)) else None
