"""Made-up loads for the tests of the forecasts, in steps of a minute."""

import numpy as np

from glm_operator.scheduler.scaling.forecast.history import History

MINUTE, DAY = 60.0, 86_400.0
LEAD_SECONDS = 185.0


def history(values):
    return History(0.0, MINUTE, np.asarray(values, dtype=float))


def minutes(days):
    return np.arange(int(days * 1440))


def daily(days, noise=0.05, seed=0):
    """A smooth day between 400 and 1,600 requests a second."""
    rng = np.random.default_rng(seed)
    smooth = 1000 - 600 * np.cos(2 * np.pi * minutes(days) / 1440)
    return smooth * (1 + noise * rng.standard_normal(len(smooth)))


def unforecastable(days, seed=0):
    """Another level every ten minutes, reached in a straight line."""
    rng = np.random.default_rng(seed)
    levels = rng.lognormal(7, 0.35, size=int(days * 144) + 1)
    return np.interp(minutes(days), np.arange(len(levels)) * 10, levels)
