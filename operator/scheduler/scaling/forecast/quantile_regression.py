"""Linear quantile regression, and the loss that it minimises."""

import numpy as np

from glm_operator.scheduler.scaling.forecast.history import Array

ITERATIONS = 40
SMOOTHING = 1e-3
"""Of the mean outcome: residuals below it count as it."""


def pinball_loss(actual: Array, predicted: Array, quantile: float) -> float:
    """Mean pinball loss over the pairs that are known; NaN when there are none."""
    known = ~(np.isnan(actual) | np.isnan(predicted))
    if not known.any():
        return float("nan")
    error = actual[known] - predicted[known]
    return float(np.mean(np.maximum(quantile * error, (quantile - 1) * error)))


def fit_quantile(rows: Array, outcomes: Array, quantile: float, prior: Array, ridge: float) -> Array:
    """The weights that minimise the pinball loss of `rows @ weights`, drawn to `prior` as `ridge` says.

    Hunter and Lange's MM algorithm: each round is a weighted least-squares fit, so that no solver is needed and the
    time is bounded.
    """
    scale = float(np.mean(np.abs(outcomes))) + 1e-9
    pull = np.diag(ridge * np.mean(rows * rows, axis=0) * len(outcomes) + 1e-9) / scale
    weights = prior
    constant = (2 * quantile - 1) * rows.sum(axis=0) + pull @ prior
    for _ in range(ITERATIONS):
        certainty = 1 / (np.abs(outcomes - rows @ weights) + SMOOTHING * scale)
        weighted = rows * certainty[:, None]
        weights = np.linalg.solve(weighted.T @ rows + pull, weighted.T @ outcomes + constant)
    return weights
