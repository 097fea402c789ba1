"""The scoring of the Numenta Anomaly Benchmark: early detections pay, false ones cost, one threshold for all files.

After Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms - the Numenta Anomaly Benchmark" (2015). A
window counts by its earliest detection, at the value of a sigmoid over the position in it; a detection outside costs by
the distance from the window before it; the first 15 % of a file (at most 750 samples) are probation; the sum is
normalised between the null detector (0) and the perfect one (100).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

PROBATION_SHARE: Final = 0.15
PROBATION_LONGEST: Final = 750
OUTSIDE: Final = -1
SECONDS_A_DAY: Final = 86_400.0
_FAR: Final = 3.0  # window widths behind a window: from there on a false detection costs in full


@dataclass(frozen=True, slots=True)
class Profile:
    """What a false detection and a missed window cost, against 1 for a found one."""

    name: str
    false_positive: float
    missed: float


STANDARD: Final = Profile("standard", 0.11, 1.0)
LOW_FP: Final = Profile("low_fp", 0.22, 1.0)
LOW_FN: Final = Profile("low_fn", 0.11, 2.0)
PROFILES: Final = (STANDARD, LOW_FP, LOW_FN)


@dataclass(frozen=True, slots=True)
class ScoredSeries:
    """A detector's answer on one file, with the truth."""

    times: Floats
    """Seconds, not descending."""
    scores: Floats
    windows: tuple[tuple[float, float], ...]
    """First and last second of each labelled window, ascending; both belong to it."""


@dataclass(frozen=True, slots=True)
class Errors:
    """What a threshold means for whoever is on call."""

    windows: int
    found: int
    false_alarms: int
    """Runs of flagged samples outside the windows; a run is one alarm however long it is."""
    days: float
    """Series-days after probation."""
    delay_seconds: float | None
    """Median from a window's begin to its first detection; None: nothing was found."""

    @property
    def false_alarms_per_day(self) -> float:
        """Per series and day."""
        return self.false_alarms / self.days if self.days else 0.0


@dataclass(frozen=True, slots=True)
class _Points:
    """Every sample after probation, of all files."""

    scores: Floats
    worth: Floats
    """In a window: the share of a found window (0..1); outside: the share of a false detection (-1..1)."""
    window: NDArray[np.int64]
    """Number of the window over all files, or OUTSIDE."""
    windows: int
    """How many there are, those in probation included."""


def probation(length: int) -> int:
    """Samples at a file's begin whose scores don't count."""
    return int(min(PROBATION_SHARE * length, PROBATION_LONGEST))


def best(series: Sequence[ScoredSeries], profile: Profile = STANDARD) -> tuple[float, float]:
    """The best score that one threshold over all `series` reaches, and that threshold (infinite: flagging nothing)."""
    points = _points(series)
    order = np.argsort(-points.scores, kind="stable")
    scores = points.scores[order]
    totals = np.cumsum(_gains(points.worth[order], points.window[order], profile))
    last_of_ties = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)) if scores.size else np.array([], int)
    candidates = np.concatenate(([0.0], totals[last_of_ties]))
    thresholds = np.concatenate(([np.inf], scores[last_of_ties]))
    top = int(np.argmax(candidates))
    return _normalised(candidates[top], points.windows, profile), float(thresholds[top])


def score_at(series: Sequence[ScoredSeries], threshold: float, profile: Profile = STANDARD) -> float:
    """The score when every sample of at least `threshold` is flagged."""
    points = _points(series)
    flagged = points.scores >= threshold
    total = float(_gains(points.worth[flagged], points.window[flagged], profile).sum())
    return _normalised(total, points.windows, profile)


def held_out(series: Sequence[ScoredSeries]) -> float | None:
    """The score on every second series with the threshold that is best on the others; None: a half has no window."""
    chosen_on, reported = series[0::2], series[1::2]
    if not any(one.windows for one in chosen_on) or not any(one.windows for one in reported):
        return None
    return score_at(reported, best(chosen_on)[1])


def errors_at(series: Iterable[ScoredSeries], threshold: float) -> Errors:
    """What is found and what is falsely told at `threshold`."""
    windows = found = alarms = 0
    days, delays = 0.0, list[float]()
    for one in series:
        begin = probation(len(one.times))
        flagged = one.scores >= threshold
        flagged[:begin] = False
        inside = np.zeros(len(one.times), bool)
        for first, last in one.windows:
            window = (one.times >= first) & (one.times <= last)
            inside |= window
            hits = one.times[window & flagged]
            windows += 1
            if hits.size:
                found += 1
                delays.append(float(hits[0] - first))
        outside = flagged & ~inside
        alarms += int(np.count_nonzero(outside & ~np.append(False, outside[:-1])))
        if len(one.times):
            days += float(one.times[-1] - one.times[min(begin, len(one.times) - 1)]) / SECONDS_A_DAY
    return Errors(windows, found, alarms, days, float(np.median(delays)) if delays else None)


def _points(series: Sequence[ScoredSeries]) -> _Points:
    scores, worths, windows, number = [], [], [], 0
    for one in series:
        begin = probation(len(one.times))
        worth, window = _worth(one, number)
        number += len(one.windows)
        scores.append(np.nan_to_num(one.scores[begin:], nan=0.0))
        worths.append(worth[begin:])
        windows.append(window[begin:])
    if not scores:
        return _Points(np.array([]), np.array([]), np.array([], np.int64), 0)
    return _Points(np.concatenate(scores), np.concatenate(worths), np.concatenate(windows), number)


def _worth(one: ScoredSeries, number: int) -> tuple[Floats, NDArray[np.int64]]:
    """Of each sample: what a detection there is worth, and the window it lies in (counted from `number`)."""
    length = len(one.times)
    position = np.arange(length, dtype=float)
    worth, window = np.full(length, -1.0), np.full(length, OUTSIDE, np.int64)
    for offset, (first, last) in enumerate(one.windows):
        left = int(np.searchsorted(one.times, first, "left"))
        right = int(np.searchsorted(one.times, last, "right")) - 1
        width = right - left + 1
        if width < 1:
            continue
        worth[left : right + 1] = _sigmoid(-(right - position[left : right + 1] + 1) / width) / _sigmoid(-1.0)
        window[left : right + 1] = number + offset
        worth[right + 1 :] = _sigmoid((position[right + 1 :] - right) / max(width - 1, 1))
    return worth, window


def _sigmoid(position: Floats | float) -> Floats:
    at = np.asarray(position, dtype=float)
    return np.asarray(np.where(at > _FAR, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(at, _FAR))) - 1.0))


def _gains(worth: Floats, window: NDArray[np.int64], profile: Profile) -> Floats:
    """What each detection adds, in the order given, to the sum of a detector that has flagged those before it."""
    gains = worth * profile.false_positive
    for number in np.unique(window[window != OUTSIDE]):
        members = np.flatnonzero(window == number)
        reached = np.maximum.accumulate(worth[members])
        gains[members] = np.diff(reached, prepend=-profile.missed)
    return gains


def _normalised(gained: float, windows: int, profile: Profile) -> float:
    """`gained` over the null detector, as a share (0..100) of what the perfect one gains."""
    return 100.0 * gained / (windows * (1.0 + profile.missed)) if windows else 0.0
