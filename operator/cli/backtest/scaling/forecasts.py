"""What the forecast would have said at each second, made each day from the days before it alone."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from glm_operator.cli.backtest.scaling.traffic import Arrivals
from glm_operator.scheduler.scaling.forecast.fit import Forecast, Request, default_seasons, fit_forecast
from glm_operator.scheduler.scaling.forecast.floor import DIP_SECONDS, provisions
from glm_operator.scheduler.scaling.forecast.history import DAY_SECONDS, Array, History
from glm_operator.scheduler.scaling.forecast.nowcast import LAGS, STEP_SECONDS, Recent
from glm_operator.scheduler.scaling.forecast.season import Remembered

STEP = int(STEP_SECONDS)
DAY = int(DAY_SECONDS)


@dataclass(frozen=True, slots=True, eq=False)
class Foreseen:
    """The forecasts of a trace."""

    provisions: Array
    """Requests per second to provide for at each time that was asked about; NaN: none."""
    forecasts: tuple[Forecast, ...]
    """One a day, from the second day on."""


def foresee(arrivals: Arrivals, times: Array, lead_seconds: float, say: Callable[[str], None]) -> Foreseen:
    """What a forecast that is made anew each day says at each of `times` (seconds, rising)."""
    minutes = len(arrivals.counts) // STEP
    history = History(0.0, STEP_SECONDS, arrivals.counts[: minutes * STEP].reshape(minutes, STEP).mean(axis=1))
    seasons = tuple(Remembered(season) for season in default_seasons())
    result, forecasts = np.full(len(times), np.nan), []
    days = range(1, int(np.ceil(times[-1] / DAY)) if len(times) else 1)
    for day in days:
        say(f"forecast of day {day + 1} of {len(days) + 1}")
        forecast = fit_forecast(Request(history.until(day * DAY_SECONDS), lead_seconds), seasons)
        forecasts.append(forecast)
        today = (times >= day * DAY) & (times < (day + 1) * DAY)
        now = times[today]
        result[today] = provisions(forecast, _recent(arrivals, now), _peaks(history, now), now)
    return Foreseen(result, tuple(forecasts))


def _recent(arrivals: Arrivals, now: Array) -> Recent:
    return Recent(tuple(arrivals.means(now - lag * STEP, STEP) for lag in LAGS))


def _peaks(history: History, now: Array) -> Array:
    """The highest minute of the last `DIP_SECONDS`."""
    width = int(DIP_SECONDS) // STEP
    padded = np.concatenate([np.full(width - 1, history.values[0]), history.values])
    peaks = np.lib.stride_tricks.sliding_window_view(padded, width).max(axis=1)
    return np.asarray(peaks[np.clip((now // STEP).astype(int) - 1, 0, len(peaks) - 1)])
