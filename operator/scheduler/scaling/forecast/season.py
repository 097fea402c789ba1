"""Curves of the usual day: the interface, and the two simplest ones, which every better one has to beat."""

from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np

from glm_operator.scheduler.scaling.forecast.history import DAY_SECONDS, Array, History

VALID_SECONDS: Final = 1.25 * DAY_SECONDS
"""How far a season is drawn. A forecast that is older is of no use: it should have been made anew long ago."""


class Season(Protocol):
    """A way to continue a history."""

    @property
    def name(self) -> str:
        """As it is told to users."""
        ...

    def curve(self, history: History, ahead: int) -> Array | None:
        """One value a step: what it makes of the history itself, then `ahead` more. None: the history is too short."""
        ...


@dataclass(frozen=True, slots=True)
class SeasonalNaive:
    """What was a period ago will be again."""

    name: str = "SeasonalNaive"
    period_seconds: float = DAY_SECONDS

    def curve(self, history: History, ahead: int) -> Array | None:
        """The history, a period later; after its end the last period, over and over. An unknown step stays unknown."""
        period = history.steps(self.period_seconds)
        if len(history.values) < period:
            return None
        later = np.resize(history.values[-period:], ahead)
        return np.concatenate([np.full(period, np.nan), history.values[:-period], later])


def drawn(season: Season, history: History, lead: int) -> Array | None:
    """The season's curve for `VALID_SECONDS` and `lead` steps: always as far, so that `Remembered` can help."""
    return season.curve(history, history.steps(VALID_SECONDS) + lead)


LAST_DAY = SeasonalNaive()
LAST_WEEK = SeasonalNaive("SeasonalNaiveWeek", 7 * DAY_SECONDS)


@dataclass(frozen=True, slots=True)
class Flat:
    """No season at all: the mean. A season that is no better has learned nothing."""

    name: str = "Flat"

    def curve(self, history: History, ahead: int) -> Array | None:
        """The mean, everywhere."""
        if not history.known_seconds:
            return None
        return np.full(len(history.values) + ahead, float(np.nanmean(history.values)))


@dataclass(slots=True)
class Remembered:
    """A season that fits no history twice (the folds of a backtest are fits of earlier days)."""

    season: Season
    curves: dict[tuple[float, float, int], Array | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The season's."""
        return self.season.name

    def curve(self, history: History, ahead: int) -> Array | None:
        """The season's, from memory if it is there."""
        key = (history.start, history.end, ahead)
        if key not in self.curves:
            self.curves[key] = self.season.curve(history, ahead)
        return self.curves[key]
