"""Fit a forecast and put it to the test: one pure call, which a process pool can run.

A season is used only if its loss a day ahead is the lowest: Prophet has to beat seasonal-naive, and whichever wins a
flat line as well. The nowcast is used only if it beats, over the lead, both seasonal-naive and "what is will be". The
work is bounded by the history's length: one fit of each season and of the nowcast for each tested day, and one for
the days to come.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from glm_operator.scheduler.scaling.forecast.history import DAY_SECONDS, Array, History
from glm_operator.scheduler.scaling.forecast.nowcast import STEP_SECONDS, Nowcast, Recent, fit_nowcast, season_parts
from glm_operator.scheduler.scaling.forecast.prophet_season import ProphetSeason
from glm_operator.scheduler.scaling.forecast.season import (
    LAST_DAY,
    LAST_WEEK,
    VALID_SECONDS,
    Flat,
    Remembered,
    Season,
    drawn,
)
from glm_operator.scheduler.scaling.forecast.trial import (
    Fold,
    Forecaster,
    Score,
    by_last_value,
    by_nowcast,
    by_season,
    by_season_over_lead,
    folds,
    score,
)

LEAST_SECONDS: Final = 0.75 * DAY_SECONDS
"""Before the first tested fold of the nowcast."""
LEAST_SEASON_SECONDS: Final = 2 * DAY_SECONDS
"""Before the first tested day of a season."""
FLAT_MARGIN: Final = 0.98
"""A season that is not 2 % better than a flat line has found nothing."""
NOWCAST, LAST_VALUE, NAIVE_OVER_LEAD = "Nowcast", "LastValue", f"{LAST_DAY.name}OverLead"


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """What to fit."""

    history: History
    """In steps of `nowcast.STEP_SECONDS`."""
    lead_seconds: float
    """From now until a pod that is asked for now serves, and a look more."""
    quantile: float = 0.9
    history_days: int = 14
    max_error_percent: float = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """What was learned, and what the test says about it."""

    made_at: float
    trusted: bool
    reason: str
    message: str
    season: str = ""
    """Name of the season in use; empty: none."""
    losses: Mapping[str, float] | None = None
    """Pinball loss by forecaster, as a share of the mean load, on days that it had not seen: the seasons' a day ahead;
    `Nowcast`'s, `LastValue`'s and `SeasonalNaiveOverLead`'s over the lead."""
    start: float = 0.0
    step: float = STEP_SECONDS
    season_now: Array | None = None
    season_peak: Array | None = None
    """At the end of each step since `start`: the season, and its peak over the lead after."""
    nowcast: Nowcast | None = None

    def upper(self, recent: Recent, now: Array) -> Array:
        """Requests per second to provide for at each time; NaN where unknown, or the forecast too old."""
        if self.nowcast is None:
            return np.full(len(now), np.nan)
        upper = self.nowcast.upper(recent, self._at(self.season_now, now), self.peak(now))
        return np.where((now >= self.made_at) & (now < self.made_at + VALID_SECONDS), upper, np.nan)

    def peak(self, now: Array) -> Array:
        """The season's own peak over the lead at each time; NaN without a season."""
        return self._at(self.season_peak, now)

    def _at(self, part: Array | None, now: Array) -> Array:
        if part is None:
            return np.full(len(now), np.nan)
        # `now` is the end of a step, as it was when the nowcast was learned.
        index = np.ceil((now - self.start) / self.step - 1e-6).astype(int) - 1
        return np.where((index >= 0) & (index < len(part)), part[np.clip(index, 0, len(part) - 1)], np.nan)


def default_seasons() -> tuple[Season, ...]:
    """Those that compete."""
    return (LAST_DAY, LAST_WEEK, ProphetSeason())


def fit_forecast(request: Request, seasons: Sequence[Season] | None = None) -> Forecast:
    """The forecast from the newest `history_days`, made at the history's end."""
    history = request.history.last(request.history_days * DAY_SECONDS)
    if history.known_seconds < DAY_SECONDS * 0.9 or not np.nanmean(history.values):
        hours = history.known_seconds / 3600
        text = f"{hours:.0f} hours of the load are known; a day with some load is the least"
        return Forecast(history.end, trusted=False, reason="HistoryTooShort", message=text)
    lead = max(1, math.ceil(request.lead_seconds / history.step))
    candidates = tuple(map(Remembered, default_seasons() if seasons is None else seasons))
    season, scores = _best_season(history, candidates, lead, request.quantile)
    helps, lead_scores = _proven(history, season, lead, request.quantile)
    scores |= lead_scores
    losses = {name: one.loss for name, one in scores.items()}
    reason, message = _verdict(scores, season, request.max_error_percent)
    if reason:
        return Forecast(history.end, trusted=False, reason=reason, message=message, losses=losses)
    curve = None if season is None else drawn(season, history, lead)
    nowcast = fit_nowcast(history, curve if helps else None, lead, request.quantile)
    season_now, season_peak = (None, None) if curve is None else season_parts(curve, len(curve) - lead, lead)
    return Forecast(
        made_at=history.end,
        trusted=nowcast is not None,
        reason="BeatsNaive",
        message=message,
        season="" if season is None else season.name,
        losses=losses,
        start=history.start,
        step=history.step,
        season_now=season_now,
        season_peak=season_peak,
        nowcast=nowcast,
    )


def _best_season(
    history: History, seasons: Sequence[Season], lead: int, quantile: float
) -> tuple[Season | None, dict[str, Score]]:
    """The season of the lowest loss a day ahead; None when none is better than a flat line. And all their scores."""
    tested = folds(history, LEAST_SEASON_SECONDS)
    scores = _scores({season.name: by_season(season, lead) for season in (*seasons, Flat())}, tested, quantile)
    flat = scores.get(Flat().name)
    rivals = [season for season in seasons if season.name in scores]
    best = min(rivals, key=lambda season: scores[season.name].loss, default=None)
    if best is None or flat is None or scores[best.name].loss > FLAT_MARGIN * flat.loss:
        return None, scores
    return best, scores


def _proven(history: History, season: Season | None, lead: int, quantile: float) -> tuple[bool, dict[str, Score]]:
    """Whether the season helps the nowcast, and the scores over the lead with it if it does, else without."""
    bare = _lead_scores(history, None, lead, quantile)
    if season is None:
        return False, bare
    scores = _lead_scores(history, season, lead, quantile)
    with_it, without = scores.get(NOWCAST), bare.get(NOWCAST)
    helps = with_it is not None and (without is None or with_it.loss <= without.loss)
    return helps, scores if helps else bare


def _lead_scores(history: History, season: Season | None, lead: int, quantile: float) -> dict[str, Score]:
    tested = folds(history, LEAST_SECONDS)
    forecasters = {
        NOWCAST: by_nowcast(season, lead),
        LAST_VALUE: by_last_value(lead),
        NAIVE_OVER_LEAD: by_season_over_lead(LAST_DAY, lead),
    }
    return _scores(forecasters, tested, quantile)


def _scores(forecasters: Mapping[str, Forecaster], tested: Sequence[Fold], quantile: float) -> dict[str, Score]:
    results = {name: score(one, tested, quantile) for name, one in forecasters.items()}
    return {name: result for name, result in results.items() if result is not None}


def _verdict(scores: Mapping[str, Score], season: Season | None, max_error_percent: float) -> tuple[str, str]:
    """Why the forecast is not to be trusted (one word; empty: it is), and a sentence."""
    own = scores.get(NOWCAST)
    rivals = {name: scores[name] for name in (LAST_VALUE, NAIVE_OVER_LEAD) if name in scores}
    if own is None or not rivals:
        return "HistoryTooShort", "too little of the load is known to test a forecast"
    best = min(rivals, key=lambda name: rivals[name].loss)
    comparison = f"loss {own.loss:.2%} of the mean load, {best}'s {rivals[best].loss:.2%}"
    if own.loss >= rivals[best].loss:
        return "NoBetterThanNaive", f"on the last days it was no better than {best}: {comparison}"
    if own.error_percent > max_error_percent:
        return (
            "ErrorTooHigh",
            f"its error is {own.error_percent:.0f} %, above maxErrorPercent, {max_error_percent:.0f} %",
        )
    shape = "no season beats a flat line" if season is None else f"the season is {season.name}'s"
    return "", f"it beats the naive forecasts on the last days ({comparison}); {shape}"
