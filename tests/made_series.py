"""Series for the tests: two weeks with a day's season, and what breaks them."""

import numpy as np

STEP = 300.0
DAY = 288
BEGIN = 1.7e9


def times(count, step=STEP):
    return BEGIN + np.arange(count) * step


def seasonal(count, seed=0, noise=2.0):
    at = times(count)
    return 100 + 20 * np.sin(2 * np.pi * at / 86_400) + np.random.default_rng(seed).normal(0, noise, count)
