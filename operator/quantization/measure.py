"""Running a model on this machine's CPU: what it answers, and how long one sample takes."""

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from glm_operator.quantization.errors import QuantizationError
from glm_operator.quantization.samples import Array, Samples, batches
from glm_operator.quantization.verdict import Accuracy

MOST_TIMED_RUNS: Final = 200
MOST_TIMED_SECONDS: Final = 5.0


class Runner:
    """One model in ONNX Runtime, asked for one output."""

    def __init__(self, path: Path, output: str, batch_size: int | None, what: str) -> None:
        """Load it.

        Raises:
            QuantizationError: ONNX Runtime refuses `what`.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what goes wrong is raised
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exceptions have no common base class but this
            raise QuantizationError(f"ONNX Runtime can't load {what}: {error}") from error
        self._output, self._batch_size, self._what = output, batch_size, what

    def classes(self, samples: Samples) -> tuple[Array, int | None]:
        """The class that the model answers for each sample, and of how many; None: it answers with the class itself.

        Raises:
            QuantizationError: the model fails, or its output is neither classes nor a score for each class.
        """
        try:
            scores = np.concatenate([self._run(batch) for batch in batches(samples, self._batch_size)])[: len(samples)]
        except Exception as error:
            raise QuantizationError(f"{self._what} can't answer the samples: {error}") from error
        if scores.ndim == 1 and scores.dtype.kind in "iu":
            return scores.astype(np.int64), None
        if scores.ndim != 2 or scores.shape[1] < 2 or len(scores) != len(samples):  # noqa: PLR2004 a sample, its scores
            raise QuantizationError(
                f"the output {self._output!r} has the shape {list(scores.shape)} for {len(samples)} samples; top-1"
                " accuracy needs a score for each class, [samples, classes]. Name another one with --output"
            )
        return scores.argmax(axis=1), scores.shape[1]

    def milliseconds(self, samples: Samples, index: int) -> float:
        """How long one sample takes (with a fixed batch size: one batch)."""
        one = Samples({name: array[index : index + 1] for name, array in samples.inputs.items()})
        (batch,) = batches(one, self._batch_size)
        begin = time.perf_counter()
        self._run(batch)
        return (time.perf_counter() - begin) * 1000

    def _run(self, batch: Any) -> Array:
        (answer,) = self._session.run([self._output], dict(batch))
        return np.asarray(answer)


def accuracy(answers: Array, labels: Array) -> Accuracy:
    """How many answers are their labels."""
    return Accuracy(int((answers == labels).sum()), len(labels))


def median_milliseconds(runners: Sequence[Runner], samples: Samples) -> list[float]:
    """The median time of one sample for each model; they take turns, so that a busy moment meets all of them."""
    seen: list[list[float]] = [[] for _ in runners]
    for runner in runners:
        runner.milliseconds(samples, 0)  # the first run also sets up memory
    begin = time.monotonic()
    for turn in range(MOST_TIMED_RUNS):
        for runner, times in zip(runners, seen, strict=True):
            times.append(runner.milliseconds(samples, turn % len(samples)))
        if time.monotonic() - begin > MOST_TIMED_SECONDS:
            break
    return [median(times) for times in seen]
