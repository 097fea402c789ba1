"""An isolation forest over the features: how odd is the combination, where no single feature is."""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

FEWEST_ROWS: Final = 256
MOST_ROWS: Final = 4032
TREES: Final = 100
_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Forest:
    """A fitted forest with its own scores of what it was fitted on, ascending."""

    model: Any
    usual: Floats

    def surprise(self, features: Floats) -> Floats:
        """-log10 of the share of the fitted rows at least as odd; NaN for rows with NaN. A call is dear: batch."""
        result = np.full(len(features), np.nan)
        known = np.isfinite(features).all(axis=1)
        if known.any():
            odd = -self.model.score_samples(features[known])
            at_least = len(self.usual) - np.searchsorted(self.usual, odd, "left")
            result[known] = -np.log10((1.0 + at_least) / (len(self.usual) + 1.0))
        return result


def fit_forest(features: Floats) -> Forest | None:
    """A forest of the newest MOST_ROWS complete rows (oldest first); None while there are fewer than FEWEST_ROWS."""
    from sklearn.ensemble import IsolationForest

    rows = features[np.isfinite(features).all(axis=1)][-MOST_ROWS:]
    if len(rows) < FEWEST_ROWS:
        return None
    model = IsolationForest(n_estimators=TREES, max_samples=FEWEST_ROWS, random_state=_SEED).fit(rows)
    return Forest(model, np.sort(-model.score_samples(rows)))
