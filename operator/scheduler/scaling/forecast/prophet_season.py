"""The usual day by Prophet: daily terms after two days, weekly ones after ten.

Prophet is imported when it is first used: it costs half a second and 100 MB, and the operator's image may go without
it.
"""

import logging
import math
import tempfile
from typing import Any, Final

import numpy as np

from glm_operator.scheduler.scaling.forecast.history import DAY_SECONDS, Array, History

STEP_SECONDS: Final = 600.0
"""Prophet gets means over this: finer ones cost time and change nothing in a curve of a few harmonics."""
DAILY_AFTER_DAYS: Final = 2
WEEKLY_AFTER_DAYS: Final = 10
DAILY_ORDER: Final = 8
WEEKLY_ORDER: Final = 3
TREND_FLEXIBILITY: Final = 0.005
"""A tenth of the default, which makes a few busy days a trend and draws it on: measured, a third more loss a day
ahead."""
LONGEST_FIT_ITERATIONS: Final = 2_000
LONGEST_FIT_SECONDS: Final = 60


class ProphetSeason:
    """Prophet's mean curve. Its uncertainty comes from the residuals, not from its own samples, which are slow."""

    name = "Prophet"

    def curve(self, history: History, ahead: int) -> Array | None:
        """The curve on the history's grid, never below zero; None with under two days, or when the fit fails."""
        coarse = history.coarser(max(1, round(STEP_SECONDS / history.step)))
        if coarse.known_seconds < DAILY_AFTER_DAYS * DAY_SECONDS * 0.9:
            return None
        centres = coarse.middles(len(coarse.values))
        wanted = history.middles(len(history.values) + ahead)
        known = ~np.isnan(coarse.values)
        coarse_wanted = coarse.middles(math.ceil((wanted[-1] - coarse.start) / coarse.step) + 1)
        weekly = coarse.known_seconds >= WEEKLY_AFTER_DAYS * DAY_SECONDS * 0.9
        try:
            fitted = _fit_and_predict(centres[known], coarse.values[known], coarse_wanted, weekly)
        except (RuntimeError, TimeoutError):
            return None  # Stan found no optimum in time: the other seasons compete without this one.
        curve: Array = np.interp(wanted, coarse_wanted, fitted)
        return np.maximum(0.0, curve)


def _fit_and_predict(times: Array, values: Array, wanted: Array, weekly: bool) -> Array:
    prophet, pandas = _libraries()
    scale = float(np.mean(values)) or 1.0
    model = prophet.Prophet(
        daily_seasonality=DAILY_ORDER,
        weekly_seasonality=WEEKLY_ORDER if weekly else False,
        yearly_seasonality=False,
        changepoint_prior_scale=TREND_FLEXIBILITY,
        uncertainty_samples=0,
    )
    frame = pandas.DataFrame({"ds": pandas.to_datetime(times, unit="s"), "y": values / scale})
    # Stan writes its data and results as files: they go with the folder, which /tmp alone would keep.
    with tempfile.TemporaryDirectory(prefix="prophet-") as folder:
        model.fit(frame, output_dir=folder, iter=LONGEST_FIT_ITERATIONS, seed=1, timeout=LONGEST_FIT_SECONDS)
    predicted = model.predict(pandas.DataFrame({"ds": pandas.to_datetime(wanted, unit="s")}), vectorized=True)
    return np.asarray(predicted["yhat"], dtype=np.float64) * scale


def _libraries() -> tuple[Any, Any]:
    """Prophet and pandas, told to keep quiet about what is no concern of the user (plots, one line a fit)."""
    for name in ("prophet", "prophet.plot", "cmdstanpy"):
        # Not its level: cmdstanpy sets that anew when it is used.
        logging.getLogger(name).disabled = True
    import pandas as pd
    import prophet

    return prophet, pd
