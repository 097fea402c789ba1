"""What is asked of a quantisation, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final

from glm_operator.quantization.recipes import Attempt, Precision
from glm_operator.quantization.verdict import DEFAULT_MAX_LOSS

LABELS: Final = "labels"
"""Name of the array with the right classes, unless another one is given."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a user asks for."""

    model: Path
    holdout: Path
    target: Path
    precision: Precision = "INT8"
    calibration: Path | None = None  # INT8 needs it, FP16 doesn't
    max_loss: Decimal = DEFAULT_MAX_LOSS
    inputs: Mapping[str, str] = field(default_factory=dict)  # input of the model to name of the array
    output: str | None = None
    labels: str = LABELS
    keep: Sequence[str] = ()  # nodes that stay in FP32
    symmetric: bool = False  # INT8 with zero points of 0, as TensorRT wants them


@dataclass(frozen=True, slots=True)
class Figures:
    """One of the two models: bytes of its file, and the median milliseconds of one sample on this machine."""

    size: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it: all attempts, the one that counts, and the figures of the float model and of that one."""

    request: Request
    attempts: tuple[Attempt, ...]
    chosen: Attempt
    before: Figures
    after: Figures
    calibration_samples: int
    layers: tuple[str, ...]  # names of the nodes with weights
    sha256: str | None  # of the file that was written; None: refused, nothing was written

    @property
    def accepted(self) -> bool:
        """Whether there is a new file."""
        return self.chosen.verdict.accepted
