"""From how rare each measure is to one score between 0 and 1, who made it, and what is news, not more of the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from glm_operator.anomaly.detector import MEASURES
from glm_operator.anomaly.surprise import FULL_SURPRISE

Floats: TypeAlias = NDArray[np.float64]

WITNESSES: Final = (*MEASURES, "forest")
REFRACTORY_SAMPLES: Final = 120
"""So long nothing but a higher score is news: half an hour of 15 s samples, ten hours of five-minute ones."""
REPEATED: Final = 0.25
"""What a score that is not news keeps."""


@dataclass(frozen=True, slots=True)
class Combined:
    """Of each sample; NaN where there was none."""

    evidence: Floats
    """0..1: the mean surprise of the witnesses over that of something never seen in a full memory."""
    score: Floats
    """The evidence where it is news, a part of it where it is more of the same."""
    witnesses: Floats
    """Samples x WITNESSES: each one's surprise."""

    def explain(self, sample: int) -> Mapping[str, float]:
        """Share of each witness in a sample's evidence, the largest first; unknown ones are left out."""
        return explain(self.witnesses[sample])

    def spread(self, places: NDArray[np.intp], length: int) -> "Combined":
        """The same samples at `places` among `length`, NaN between."""
        evidence, score = np.full((2, length), np.nan)
        witnesses = np.full((length, len(WITNESSES)), np.nan)
        evidence[places], score[places], witnesses[places] = self.evidence, self.score, self.witnesses
        return Combined(evidence, score, witnesses)


def combine(surprises: Floats) -> Combined:
    """Scores of samples in the order of time; `surprises`: samples x WITNESSES, NaN where one has nothing to say."""
    evidence = mean_evidence(surprises)
    return Combined(evidence, news(evidence), surprises)


def mean_evidence(surprises: Floats) -> Floats:
    """The mean over those who know, so one excited witness doesn't convince alone; NaN when nobody knows."""
    known = np.isfinite(surprises)
    total = np.where(known, surprises, 0.0).sum(axis=-1)
    mean = total / np.maximum(known.sum(axis=-1), 1) / FULL_SURPRISE
    return np.asarray(np.where(known.any(axis=-1), np.minimum(mean, 1.0), np.nan))


def news(evidence: Floats) -> Floats:
    """Suppress what is no higher than the highest of the REFRACTORY_SAMPLES before it."""
    if not len(evidence):
        return evidence
    known = np.nan_to_num(evidence, nan=0.0)
    padded = np.concatenate([np.full(REFRACTORY_SAMPLES, -1.0), known])
    before = np.lib.stride_tricks.sliding_window_view(padded[:-1], REFRACTORY_SAMPLES).max(axis=1)
    return np.asarray(np.where(known > before, evidence, evidence * REPEATED))


def explain(surprises: Floats) -> Mapping[str, float]:
    """Share of each witness in the evidence, the largest first."""
    total = float(np.nansum(surprises))
    known = [(name, float(each) / total) for name, each in zip(WITNESSES, surprises, strict=True) if each > 0]
    return dict(sorted(known, key=lambda item: -item[1]))
