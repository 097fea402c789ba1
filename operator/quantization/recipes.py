"""The ladder of recipes: the cheapest first, the next one when the hold-out set refuses the last. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from glm_operator.quantization.verdict import Verdict

Precision = Literal["INT8", "FP16"]
Calibration = Literal["MinMax", "Entropy", "Percentile"]

CALIBRATIONS: Final[tuple[Calibration, ...]] = ("MinMax", "Entropy", "Percentile")
"""Ways to take the range of an activation from the calibration set: all that was seen; the range that keeps most
information; all but the outermost values, so that a few outliers don't make it wide."""
LAYERS_BETWEEN_ENDS: Final = 3
"""With fewer layers nothing would be left to quantise between the first and the last."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is made smaller."""

    precision: Precision
    calibration: Calibration | None = None  # INT8 only
    float_ends: bool = False  # the first and the last layer stay in FP32

    def __str__(self) -> str:
        calibration = f", {self.calibration} calibration, weights per channel" if self.calibration else ""
        return f"{self.precision}{calibration}{', first and last layer in FP32' if self.float_ends else ''}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A recipe and what the hold-out set said to it."""

    recipe: Recipe
    verdict: Verdict


def next_recipe(precision: Precision, tried: Sequence[Attempt], layers: int) -> Recipe | None:
    """What to try after `tried`; None: nothing is left, or the last one was accepted.

    Args:
        precision: of the wanted model.
        tried: attempts so far, in their order.
        layers: how many layers of the model have weights to quantise.
    """
    if tried and tried[-1].verdict.accepted:
        return None
    if precision == "FP16":
        return None if tried else Recipe("FP16")
    if len(tried) < len(CALIBRATIONS):
        return Recipe("INT8", CALIBRATIONS[len(tried)])
    if len(tried) == len(CALIBRATIONS) and layers >= LAYERS_BETWEEN_ENDS:
        return Recipe("INT8", best(tried).recipe.calibration, float_ends=True)
    return None


def best(tried: Sequence[Attempt]) -> Attempt:
    """The attempt that loses least, the earliest of several. Requires: `tried` is not empty."""
    return max(tried, key=lambda attempt: attempt.verdict.after.correct)
