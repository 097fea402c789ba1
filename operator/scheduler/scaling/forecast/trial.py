"""The rolling backtest: each of the last days is forecast from what was known before it; losses are compared."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from glm_operator.scheduler.scaling.forecast.history import DAY_SECONDS, Array, History
from glm_operator.scheduler.scaling.forecast.nowcast import Recent, fit_nowcast, highest_ahead, season_parts
from glm_operator.scheduler.scaling.forecast.quantile_regression import pinball_loss
from glm_operator.scheduler.scaling.forecast.season import Season, drawn

TESTED_FOLDS: Final = 3
SHORT_FOLD_SECONDS: Final = DAY_SECONDS / 4
"""Length of the one fold of a history of less than two days."""
_TOLERATED: Final = 0.95
"""A day of which a few minutes are missing is a day."""


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """A stretch that is forecast, and what was known before it."""

    before: History
    whole: History

    @property
    def length(self) -> int:
        """Of the stretch, in steps."""
        return len(self.whole.values) - len(self.before.values)

    @property
    def actual(self) -> Array:
        """What came."""
        return self.whole.values[-self.length :]


@dataclass(frozen=True, slots=True)
class Score:
    """How a forecaster did on days that it had not seen."""

    loss: float
    """Pinball loss as a share of the mean load."""
    error_percent: float
    """Mean distance of what was provided for from what came, in percent of the mean load."""


Forecaster = Callable[[Fold, float], tuple[Array, Array] | None]
"""A fold and a quantile to what came and what was forecast; None: it can't, for want of history."""


def folds(history: History, least_seconds: float) -> list[Fold]:
    """The newest stretches of a history that have at least `least_seconds` before them, newest first."""
    return list(_folds(history, least_seconds))


def _folds(history: History, least_seconds: float) -> Iterator[Fold]:
    whole_days = history.end - history.start >= 2 * DAY_SECONDS * _TOLERATED
    length = DAY_SECONDS if whole_days else SHORT_FOLD_SECONDS
    for number in range(1, TESTED_FOLDS + 1):
        end = history.end - (number - 1) * length
        fold = Fold(history.until(end - length), history.until(end))
        if fold.before.known_seconds < least_seconds * _TOLERATED:
            return
        yield fold


def score(forecaster: Forecaster, tested: Sequence[Fold], quantile: float) -> Score | None:
    """The mean over the folds; None unless there is an answer for every one, so that scores can be compared."""
    pairs = [forecaster(fold, quantile) for fold in tested]
    answers = [pair for pair in pairs if pair is not None]
    if not answers or len(answers) < len(pairs):
        return None
    actual, predicted = (np.concatenate(parts) for parts in zip(*answers, strict=True))
    loss = pinball_loss(actual, predicted, quantile)
    mean = float(np.nanmean(np.concatenate([fold.actual for fold in tested])))
    if not mean or np.isnan(loss):
        return None
    return Score(loss / mean, 100 * float(np.nanmean(np.abs(actual - predicted))) / mean)


def by_season(season: Season, lead: int) -> Forecaster:
    """A season alone, a fold ahead, with the quantile of its residuals on top."""

    def forecast(fold: Fold, quantile: float) -> tuple[Array, Array] | None:
        curve = _curve(season, fold, lead)
        if curve is None:
            return None
        count = len(fold.before.values)
        residuals = fold.before.values - curve[:count]
        if np.isnan(residuals).all():
            return None
        return fold.actual, curve[count : count + fold.length] + float(np.nanquantile(residuals, quantile))

    return forecast


def by_season_over_lead(season: Season, lead: int) -> Forecaster:
    """The season's peak over the lead, with the quantile of its residuals on top."""

    def forecast(fold: Fold, quantile: float) -> tuple[Array, Array] | None:
        curve = _curve(season, fold, lead)
        if curve is None:
            return None
        _, peak = season_parts(curve, len(fold.whole.values), lead)
        return _with_offset(peak, fold, lead, quantile)

    return forecast


def by_last_value(lead: int) -> Forecaster:
    """What is will be, with the quantile of what came on top in the past."""

    def forecast(fold: Fold, quantile: float) -> tuple[Array, Array] | None:
        return _with_offset(fold.whole.values, fold, lead, quantile)

    return forecast


def by_nowcast(season: Season | None, lead: int) -> Forecaster:
    """The nowcast on this season."""

    def forecast(fold: Fold, quantile: float) -> tuple[Array, Array] | None:
        curve = None if season is None else _curve(season, fold, lead)
        nowcast = fit_nowcast(fold.before, curve, lead, quantile)
        if nowcast is None:
            return None
        upper = nowcast.upper(Recent.of(fold.whole), *season_parts(curve, len(fold.whole.values), lead))
        return highest_ahead(fold.whole.values, lead)[-fold.length :], upper[-fold.length :]

    return forecast


def _curve(season: Season, fold: Fold, lead: int) -> Array | None:
    """What the season makes of what was known, up to `lead` after the fold."""
    curve = drawn(season, fold.before, lead)
    return None if curve is None else curve[: len(fold.whole.values) + lead]


def _with_offset(level: Array, fold: Fold, lead: int, quantile: float) -> tuple[Array, Array] | None:
    """A level as a forecast of the highest load over the lead; as it is while there is no residual to learn from."""
    outcomes = highest_ahead(fold.whole.values, lead)
    residuals = (outcomes - level)[: -fold.length - lead]
    offset = 0.0 if np.isnan(residuals).all() else float(np.nanquantile(residuals, quantile))
    return outcomes[-fold.length :], level[-fold.length :] + offset
