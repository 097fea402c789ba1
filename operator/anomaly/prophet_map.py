"""Prophet's linear-growth model, fitted exactly and for many series at once.

The model and its priors are Prophet's own (its `prophet.stan`): a trend of piecewise constant slope, Fourier terms, and
noise; y is scaled by its largest absolute value and time to [0, 1]. For a given noise the maximum of the posterior is a
lasso over the slope changes once everything with a normal prior is eliminated, and that needs only the design's Gram
matrix, which all series with the same sample times share. So a fit costs a matrix product instead of Stan's run over
the samples again and again. `log_posterior` is the objective itself, for comparing with Prophet's answer.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from glm_operator.anomaly.lasso import lasso

Floats: TypeAlias = NDArray[np.float64]

SECONDS_A_DAY: Final = 86_400.0
CHANGEPOINTS: Final = 25
CHANGEPOINT_RANGE: Final = 0.8
CHANGEPOINT_SCALE: Final = 0.05  # Laplace prior on the slope changes
TREND_SCALE: Final = 5.0  # normal priors on slope and offset
SEASONAL_SCALE: Final = 10.0  # normal prior on the Fourier terms
NOISE_SCALE: Final = 0.5  # half-normal prior on the noise
SMALLEST_NOISE: Final = 1e-9  # Prophet's value for a constant series
DAILY_ORDER, WEEKLY_ORDER = 4, 3
DAILY_AFTER_DAYS, WEEKLY_AFTER_DAYS = 2.0, 10.0
FEWEST_SAMPLES: Final = 4

_HEAD: Final = struct.Struct("<4d3B")
_NOISE_ROUNDS: Final = 30
_TOLERANCE: Final = 1e-7


@dataclass(frozen=True, slots=True)
class Seasons:
    """Orders of the Fourier series; 0: none."""

    daily: int
    weekly: int

    @property
    def terms(self) -> int:
        """Number of columns."""
        return 2 * (self.daily + self.weekly)


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a model's time begins and ends (seconds), its slope changes (0..1) and its seasons."""

    start: float
    span: float
    changes: Floats
    seasons: Seasons

    def design(self, times: Floats) -> Floats:
        """One row for each of `times`: slope, offset, Fourier terms, slope changes."""
        at = (times - self.start) / self.span
        hinges = np.maximum(at[:, None] - self.changes[None, :], 0.0)
        return np.column_stack([at, np.ones_like(at), _fourier(times, self.seasons), hinges])


@dataclass(frozen=True, slots=True)
class Fit:
    """The most probable parameters of one series."""

    frame: Frame
    weights: Floats
    """In the order of the design's columns, for values divided by `scale`."""
    noise: float
    """Standard deviation, for values divided by `scale`."""
    scale: float

    def predict(self, times: Floats) -> Floats:
        """The model's mean at `times` (seconds), in the series' own unit."""
        # Summed row by row: a matrix product's last digit depends on how many other times are asked for.
        return np.asarray((self.frame.design(times) * self.weights).sum(axis=1) * self.scale)

    def pack(self) -> bytes:
        """A few hundred bytes, enough to go on after a restart. Weights keep seven digits, far below any noise."""
        frame = self.frame
        head = _HEAD.pack(
            frame.start,
            frame.span,
            self.noise,
            self.scale,
            frame.seasons.daily,
            frame.seasons.weekly,
            len(frame.changes),
        )
        return head + np.concatenate([frame.changes, self.weights]).astype("<f4").tobytes()

    @classmethod
    def unpack(cls, packed: bytes) -> "Fit":
        """What `pack` returned. ValueError when it is something else."""
        if len(packed) < _HEAD.size:
            raise ValueError(f"{len(packed)} bytes are no fit")
        start, span, noise, scale, daily, weekly, changes = _HEAD.unpack_from(packed)
        numbers = np.frombuffer(packed[_HEAD.size :], "<f4").astype(float)
        seasons = Seasons(daily, weekly)
        if len(numbers) != 2 * changes + 2 + seasons.terms or not np.all(np.isfinite(numbers)) or not span > 0:
            raise ValueError(f"{len(numbers)} numbers are no fit with {changes} slope changes and {seasons}")
        return cls(Frame(start, span, numbers[:changes], seasons), numbers[changes:], noise, scale)


def frame_for(times: Floats, seasons: Seasons | None = None) -> Frame:
    """Prophet's frame for samples at `times` (ascending, at least FEWEST_SAMPLES); seasons by the history's length."""
    if len(times) < FEWEST_SAMPLES or times[-1] <= times[0]:
        raise ValueError(f"{len(times)} samples in one moment are too few for a fit")
    early = int(np.floor(len(times) * CHANGEPOINT_RANGE))
    count = min(CHANGEPOINTS, early - 1)
    places = np.linspace(0, early - 1, count + 1).round().astype(int)[1:]
    span = float(times[-1] - times[0])
    return Frame(float(times[0]), span, (times[places] - times[0]) / span, seasons or _seasons(span / SECONDS_A_DAY))


def fit_many(times: Floats, values: Floats, frame: Frame | None = None) -> list[Fit | None]:
    """One fit for each row of `values` (series by samples) at `times`; NaN is missing.

    None for a series with too few samples. Rows that lack the same samples share the work.
    """
    fits: list[Fit | None] = [None] * len(values)
    present = np.isfinite(values)
    patterns, members = np.unique(present, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        seen = times[pattern]
        if len(seen) < FEWEST_SAMPLES or seen[-1] <= seen[0]:
            continue
        rows = np.flatnonzero(members.ravel() == number)
        for row, fit in zip(rows, _fit_complete(seen, values[rows][:, pattern], frame or frame_for(seen)), strict=True):
            fits[row] = fit
    return fits


def log_posterior(fit: Fit, times: Floats, values: Floats) -> float:
    """Prophet's objective (up to its constant) of `fit` for complete `values`."""
    residual = values / fit.scale - fit.frame.design(times) @ fit.weights
    terms = fit.frame.seasons.terms
    trend, seasonal, changes = np.split(fit.weights, [2, 2 + terms])
    return float(
        -len(values) * np.log(fit.noise)
        - residual @ residual / (2 * fit.noise**2)
        - trend @ trend / (2 * TREND_SCALE**2)
        - seasonal @ seasonal / (2 * SEASONAL_SCALE**2)
        - np.abs(changes).sum() / CHANGEPOINT_SCALE
        - fit.noise**2 / (2 * NOISE_SCALE**2)
    )


def _fit_complete(times: Floats, values: Floats, frame: Frame) -> Sequence[Fit]:
    scales = np.abs(values).max(axis=1)
    scales[scales == 0] = 1.0
    scaled = values / scales[:, None]
    problem = _Problem.of(frame.design(times), scaled, frame.seasons.terms)
    weights, noise = problem.solve()
    constant = values.min(axis=1) == values.max(axis=1)
    weights[constant] = 0.0
    weights[constant, 1] = scaled[constant, 0]
    noise[constant] = SMALLEST_NOISE
    return [Fit(frame, *each) for each in zip(weights, noise.tolist(), scales.tolist(), strict=True)]


@dataclass(frozen=True, slots=True)
class _Problem:
    """The least squares of several series on one design, in a basis where the normal priors are the identity."""

    samples: int
    plain: int
    """Columns with a normal prior: they come first."""
    prior: Floats
    vectors: Floats
    eigenvalues: Floats
    coupling: Floats
    """plain x changes, in the basis of `vectors`."""
    changes: Floats
    """Gram matrix of the slope changes."""
    plain_target: Floats
    """series x plain, in the basis of `vectors`."""
    change_target: Floats
    design: Floats
    values: Floats

    @classmethod
    def of(cls, design: Floats, values: Floats, terms: int) -> "_Problem":
        plain = 2 + terms
        prior = np.concatenate([np.full(2, TREND_SCALE), np.full(terms, SEASONAL_SCALE)])
        gram, target = design.T @ design, values @ design
        eigenvalues, vectors = np.linalg.eigh(gram[:plain, :plain] * np.outer(prior, prior))
        return cls(
            samples=len(design),
            plain=plain,
            prior=prior,
            vectors=vectors,
            eigenvalues=np.maximum(eigenvalues, 0.0),
            coupling=vectors.T @ (prior[:, None] * gram[:plain, plain:]),
            changes=gram[plain:, plain:],
            plain_target=target[:, :plain] * prior @ vectors,
            change_target=target[:, plain:],
            design=design,
            values=values,
        )

    def solve(self) -> tuple[Floats, Floats]:
        """Weights (series x columns) and noise: the lasso for a noise and the noise for a lasso, in turn."""
        changes = np.zeros_like(self.change_target)
        variance = self._variance(self._weights(changes, np.full(len(changes), SMALLEST_NOISE**2)))
        for _ in range(_NOISE_ROUNDS):
            changes = self._lasso(changes, variance)
            before, variance = variance, self._variance(self._weights(changes, variance))
            if np.all(np.abs(variance - before) <= _TOLERANCE * before):
                break
        return self._weights(changes, variance), np.sqrt(variance)

    def _lasso(self, changes: Floats, variance: Floats) -> Floats:
        """The most probable slope changes for a noise variance, from those for a variance nearby."""
        shrunk = 1.0 / (self.eigenvalues[None, :] + variance[:, None])
        gram = self.changes - self.coupling.T @ (shrunk[:, :, None] * self.coupling[None])
        target = self.change_target - (self.plain_target * shrunk) @ self.coupling
        return lasso(gram, target, variance / CHANGEPOINT_SCALE, changes)

    def _weights(self, changes: Floats, variance: Floats) -> Floats:
        inner = (self.plain_target - changes @ self.coupling.T) / (self.eigenvalues + variance[:, None])
        return np.hstack([inner @ self.vectors.T * self.prior, changes])

    def _variance(self, weights: Floats) -> Floats:
        """Root of the derivative by the noise: 4 s^2 + N s - RSS = 0 for Prophet's prior."""
        residual = self.values - weights @ self.design.T
        squares = np.einsum("ij,ij->i", residual, residual)
        half = NOISE_SCALE**-2
        variance = 2 * squares / (self.samples + np.sqrt(self.samples**2 + 4 * half * squares))
        return np.asarray(np.maximum(variance, SMALLEST_NOISE**2))


def _seasons(days: float) -> Seasons:
    return Seasons(DAILY_ORDER if days >= DAILY_AFTER_DAYS else 0, WEEKLY_ORDER if days >= WEEKLY_AFTER_DAYS else 0)


def _fourier(times: Floats, seasons: Seasons) -> Floats:
    """Prophet's columns: sine and cosine in turn, phases counted from 1970; the week before the day."""
    turns = 2 * np.pi * times / SECONDS_A_DAY
    columns: list[Floats] = []
    for days, order in ((7.0, seasons.weekly), (1.0, seasons.daily)):
        for number in range(1, order + 1):
            columns += [np.sin(number / days * turns), np.cos(number / days * turns)]
    return np.column_stack(columns) if columns else np.empty((len(times), 0))
