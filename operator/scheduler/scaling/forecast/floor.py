"""What the forecast says now: requests per second to provide for, which `decide` turns into the floor."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from glm_operator.scheduler.scaling.forecast.fit import Forecast
from glm_operator.scheduler.scaling.forecast.history import Array
from glm_operator.scheduler.scaling.forecast.nowcast import Recent

Mode = Literal["Off", "ForecastOnly", "ForecastAndScale"]

DIP_SECONDS = 3600.0
"""A load that fell out of its season is taken for an outage on the way to us for so long."""


@dataclass(frozen=True, slots=True)
class Provision:
    """What to provide for at one time."""

    shown: float | None
    """Requests per second; None: the forecast is unknown or not trusted."""
    used: float | None
    """As `shown`, where the mode lets it set the floor."""
    message: str


def provision(
    forecast: Forecast | None, recent: Recent, recent_peak: float | None, now: float, mode: Mode
) -> Provision:
    """What to provide for at `now` (seconds since the epoch).

    `recent_peak`: the load's highest minute in the last `DIP_SECONDS`.
    """
    if mode == "Off" or forecast is None:
        return Provision(None, None, "no forecast is wanted" if mode == "Off" else "no forecast has been made yet")
    peak = np.array([np.nan if recent_peak is None else recent_peak])
    rate = float(provisions(forecast, recent, peak, np.array([now]))[0])
    if not forecast.trusted or np.isnan(rate):
        why = forecast.message if not forecast.trusted else "the forecast is too old, or the load of now unknown"
        return Provision(None, None, f"the forecast is not used: {why}")
    return Provision(rate, rate if mode == "ForecastAndScale" else None, f"the forecast is trusted: {forecast.message}")


def provisions(forecast: Forecast, recent: Recent, recent_peaks: Array, now: Array) -> Array:
    """The same at many times at once; NaN where unknown or not trusted.

    The nowcast; and the season's own value as long as the load was that high within the last hour.
    """
    if not forecast.trusted:
        return np.full(len(now), np.nan)
    dip = np.minimum(forecast.peak(now), recent_peaks)
    upper = forecast.upper(recent, now)
    return np.where(np.isnan(upper), np.nan, np.fmax(upper, dip))
