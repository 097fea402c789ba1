"""What our detector is compared with on the same files, by the same scorer; strictly online as well."""

import logging
import math
import tempfile
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GAUSSIAN_WINDOW: Final = 6400
GAUSSIAN_STEP: Final = 100
GAUSSIAN_DIGITS: Final = 12
"""NAB's published results hold so many: what is nearer to 1 ties."""
PROPHET_REFIT_SECONDS: Final = 86_400.0
PROPHET_REFIT_GROWTH: Final = 0.1
"""A fit a day, as ours; after ten days when the history has grown by a tenth: a fit takes a second or more."""
PROPHET_FIRST_SECONDS: Final = 2 * 86_400.0


def windowed_gaussian(values: Floats) -> Floats:
    """NAB's Windowed Gaussian: how far into the normal tail of the last 6,400 values, which move on by a hundred."""
    scores, mean, deviation = np.zeros(len(values)), 0.0, 1.0
    for number, value in enumerate(values.tolist()):
        if number:
            scores[number] = 1.0 - 0.5 * math.erfc(abs(value - mean) / deviation / math.sqrt(2.0))
        over = number + 1 - GAUSSIAN_WINDOW
        if over > 0 and over % GAUSSIAN_STEP:
            continue
        window = values[max(over, 0) : number + 1]
        mean, deviation = float(window.mean()), float(window.std()) or 1e-6
    return scores.round(GAUSSIAN_DIGITS)


def prophet_intervals(times: Floats, values: Floats) -> Floats:
    """Stock Prophet, refitted on all of the past: distance from the forecast in half widths of its interval."""
    scores, due = np.zeros(len(values)), times[0] + PROPHET_FIRST_SECONDS
    while due <= times[-1]:
        until = due + max(PROPHET_REFIT_SECONDS, PROPHET_REFIT_GROWTH * (due - times[0]))
        past, ahead = times < due, (times >= due) & (times < until)
        due = until
        if not ahead.any():
            continue
        forecast = stock_prophet(times[past], values[past]).predict(_frame(times[ahead]))
        half = (forecast["yhat_upper"] - forecast["yhat_lower"]).to_numpy() / 2
        distance = np.abs(values[ahead] - forecast["yhat"].to_numpy()) / np.maximum(half, 1e-9)
        scores[ahead] = distance / (1.0 + distance)
    return scores


def stock_prophet(times: Floats, values: Floats, **settings: Any) -> Any:
    """A fitted `Prophet` with its own defaults."""
    for name in ("prophet", "cmdstanpy", "prophet.plot"):
        logger = logging.getLogger(name)
        logger.addHandler(logging.NullHandler())  # cmdstanpy chooses a level of its own when it finds no handler
        logger.setLevel(logging.CRITICAL)
    from prophet import Prophet

    # Stan's files go where they are removed: thousands of fits would fill /tmp (prophet#2668).
    with tempfile.TemporaryDirectory() as folder:
        return Prophet(**settings).fit(_frame(times, values), output_dir=folder)


def _frame(times: Floats, values: Floats | None = None) -> Any:
    import pandas as pd

    columns = {"ds": pd.to_datetime(times, unit="s")} | ({} if values is None else {"y": values})
    return pd.DataFrame(columns)
