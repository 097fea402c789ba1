"""What a series should be at a time: trend and seasons from its own history, refitted now and then.

The fit is Prophet's model (`prophet_map`); a young series, and one whose fit failed, gets a ridge on the same design.
A baseline belongs to (model, workload, metric), because pods rarely live for a week: a pod adds its own `offset`.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from glm_operator.anomaly import prophet_map
from glm_operator.anomaly.prophet_map import CHANGEPOINT_SCALE, SEASONAL_SCALE, SECONDS_A_DAY, TREND_SCALE, Fit, Frame

Floats: TypeAlias = NDArray[np.float64]
Kind: TypeAlias = Literal["prophet", "ridge"]

HISTORY_DAYS: Final = 28.0
MOST_POINTS: Final = 4032
"""Two weeks of five-minute means; a longer or denser history is averaged down to it, so a fit's cost is bounded."""
FIRST_AFTER_DAYS: Final = 1.0
PROPHET_AFTER_DAYS: Final = prophet_map.DAILY_AFTER_DAYS
BAND: Final = (0.005, 0.995)
"""Quantiles of the residuals that bound the band."""
_FEWEST_POINTS: Final = 24
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

    def state(self) -> dict[str, Any]:
        """Plain values for a cache that a restart can read; about a kilobyte as JSON."""
        return {
            "kind": self.kind,
            "fit": self.fit.state(),
            "below": self.below,
            "above": self.above,
            "fittedAt": self.fitted_at,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Baseline":
        """What `state` returned. KeyError, TypeError or ValueError when it is something else."""
        if state["kind"] not in ("prophet", "ridge"):
            raise ValueError(f"there is no baseline of kind {state['kind']!r}")
        fit = Fit.from_state(state["fit"])
        return cls(state["kind"], fit, float(state["below"]), float(state["above"]), float(state["fittedAt"]))


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
        weights = np.linalg.solve(design.T @ design + np.diag((noise / prior) ** 2), design.T @ scaled)
    except np.linalg.LinAlgError:
        return None
    return Fit(frame, weights, noise, scale) if np.all(np.isfinite(weights)) else None
