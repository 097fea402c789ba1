"""The verdict on a smaller model: what it loses on the hold-out set, and whether that is too much.

Everything is counted in answers, so that a loss of exactly the limit is never refused by a rounding error.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

DEFAULT_MAX_LOSS: Final = Decimal("2.0")
"""Percentage points of top-1 accuracy on the hold-out set."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Top-1 accuracy: of `total` samples, at least one, `correct` were answered with their label."""

    correct: int
    total: int

    @property
    def percent(self) -> Decimal:
        """In percent of the samples."""
        return Decimal(100 * self.correct) / self.total


@dataclass(frozen=True, slots=True)
class Verdict:
    """Accepted or not, with the figures that it was taken from."""

    before: Accuracy
    after: Accuracy
    max_loss: Decimal

    @property
    def loss(self) -> Decimal:
        """Percentage points: 95.0 % before and 93.0 % after are a loss of 2.0. Negative: a gain."""
        return self.before.percent - self.after.percent

    @property
    def accepted(self) -> bool:
        """Whether the loss is at most the limit."""
        return 100 * (self.before.correct - self.after.correct) <= self.max_loss * self.before.total


def no_better_than_guessing(accuracy: Accuracy, classes: int) -> bool:
    """Whether the float model itself shows that labels and model don't belong together: then no loss can be seen."""
    return accuracy.correct * classes <= accuracy.total


def coarse(total: int, max_loss: Decimal) -> bool:
    """Whether one answer of a hold-out set weighs more than the limit, so that the verdict hangs on single samples."""
    return Decimal(100) / total > max_loss
