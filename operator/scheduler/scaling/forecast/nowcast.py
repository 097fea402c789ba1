"""The next minutes: an upper quantile of the highest load before a new pod can serve.

A quantile regression on the last minutes' load, its rise and fall, and where the season goes from here. How much a
rise tells of the next minutes is learned from the workload itself: on a load that ramps it is extrapolated, on one
that jitters it is not.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from glm_operator.scheduler.scaling.forecast.history import DAY_SECONDS, Array, History
from glm_operator.scheduler.scaling.forecast.quantile_regression import fit_quantile

STEP_SECONDS: Final = 60.0
"""Of the history that it learns from, and of the means that it looks at."""
LAGS: Final = (0, 1, 2, 5)
"""Steps back that it looks at."""
LEARNED_DAYS: Final = 7
RIDGE: Final = 1e-3
_PRIOR: Final = (1.0, *[0.0] * 9)
"""Before anything is learned: what is will be."""


@dataclass(frozen=True, slots=True, eq=False)
class Recent:
    """The load of the last minutes, at one time or at many (arrays). NaN: unknown."""

    means: tuple[Array, ...]
    """Means over a step that ended now, and `LAGS` steps ago."""

    @classmethod
    def of(cls, history: History) -> Self:
        """At the end of each step of a history."""
        return cls(tuple(_earlier(history.values, lag) for lag in LAGS))


@dataclass(frozen=True, slots=True, eq=False)
class Nowcast:
    """What was learned."""

    weights: Array

    def upper(self, recent: Recent, season_now: Array, season_peak: Array) -> Array:
        """The quantile of the highest load in the lead; NaN where the present load is unknown."""
        return np.maximum(0.0, _rows(recent, season_now, season_peak) @ self.weights)


def fit_nowcast(history: History, curve: Array | None, lead: int, quantile: float) -> Nowcast | None:
    """Learn from a history and its season; None: too little is known.

    `curve`: the season, one value a step and `lead` more; None: no season. `lead` is in steps.
    """
    count = len(history.values)
    now, peak = season_parts(curve, count, lead)
    rows = _rows(Recent.of(history), now, peak)
    outcomes = highest_ahead(history.values, lead)
    usable = ~(np.isnan(rows).any(axis=1) | np.isnan(outcomes))
    usable[: max(0, count - history.steps(LEARNED_DAYS * DAY_SECONDS))] = False
    if np.count_nonzero(usable) < 10 * rows.shape[1]:
        return None
    return Nowcast(fit_quantile(rows[usable], outcomes[usable], quantile, np.array(_PRIOR), RIDGE))


def season_parts(curve: Array | None, count: int, lead: int) -> tuple[Array, Array]:
    """The season at the end of each of `count` steps, and its peak over the `lead` after. NaN: there is none."""
    if curve is None:
        nothing = np.full(count, np.nan)
        return nothing, nothing
    windows = np.lib.stride_tricks.sliding_window_view(np.append(curve, np.full(lead, curve[-1])), lead + 1)
    return curve[:count], windows.max(axis=1)[:count]


def highest_ahead(values: Array, lead: int) -> Array:
    """The highest of the `lead` steps after each one; NaN where not all of them are known."""
    padded = np.append(values, np.full(lead, np.nan))
    highest: Array = np.lib.stride_tricks.sliding_window_view(padded[1:], lead).max(axis=1)
    return highest[: len(values)]


def _rows(recent: Recent, season_now: Array, season_peak: Array) -> Array:
    """One row of features a time. An unknown lag is taken as no change, an unknown season as none."""
    now = recent.means[0]
    before, earlier, long_ago = (np.where(np.isnan(lag), now, lag) for lag in recent.means[1:])
    step, step_before, longer = now - before, before - earlier, now - long_ago
    rise, rise_before = np.maximum(step, 0), np.maximum(step_before, 0)
    gap = np.nan_to_num(season_peak - now) * ~np.isnan(now)
    return np.column_stack(
        [
            now,
            rise,
            np.minimum(step, 0),
            rise_before,
            np.minimum(step_before, 0),
            np.minimum(rise, rise_before),
            np.maximum(longer, 0),
            np.nan_to_num(season_peak - season_now),
            np.maximum(gap, 0),
            np.minimum(gap, 0),
        ]
    )


def _earlier(values: Array, lag: int) -> Array:
    return np.concatenate([np.full(min(lag, len(values)), np.nan), values[: max(0, len(values) - lag)]])
