"""The whole of a quantisation: read, convert, judge on the hold-out set, and keep the file only if that accepts it."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from glm_operator.quantization import samples as sample_sets
from glm_operator.quantization.convert import convert
from glm_operator.quantization.errors import QuantizationError
from glm_operator.quantization.measure import Runner, accuracy, median_milliseconds
from glm_operator.quantization.model_file import SourceModel, read_model
from glm_operator.quantization.recipes import Attempt, Recipe, best, next_recipe
from glm_operator.quantization.report import Figures, Report, Request
from glm_operator.quantization.samples import Samples
from glm_operator.quantization.verdict import Accuracy, Verdict, no_better_than_guessing

Tell = Callable[[str], None]


def quantize(request: Request, tell: Tell = lambda _: None) -> Report:
    """Make the model; a file is at `request.target` afterwards only if the hold-out set accepts it.

    Raises:
        QuantizationError: what was given can't be used.
    """
    _check_target(request)
    with tempfile.TemporaryDirectory(prefix="glm-quantize-") as name:
        workshop = _Workshop.open(request, Path(name))
        attempts = workshop.attempts(tell)
        chosen = best(attempts)
        before, after = workshop.figures(chosen.recipe)
        file = workshop.file(chosen.recipe)
        digest = _publish(file, request.target) if chosen.verdict.accepted else None
        calibrated = len(workshop.calibration) if workshop.calibration is not None else 0
        return Report(request, attempts, chosen, before, after, calibrated, workshop.source.layers, digest)


@dataclass(frozen=True, slots=True)
class _Workshop:
    """Everything that one quantisation works on, in a folder of its own."""

    request: Request
    folder: Path
    source: SourceModel
    calibration: Samples | None
    holdout: Samples
    output: str
    float_runner: Runner
    before: Accuracy

    @classmethod
    def open(cls, request: Request, folder: Path) -> "_Workshop":
        source = read_model(request.model, request.precision, folder)
        _check_names(request, source)
        output = source.signature.scores(request.output).name
        calibration = _samples(request, source, request.calibration, labels=None) if request.calibration else None
        holdout = _samples(request, source, request.holdout, request.labels)
        if calibration is not None:
            sample_sets.check_disjoint(calibration, holdout)
        runner = Runner(request.model, output, source.signature.batch_size, str(request.model))
        before = _float_accuracy(runner, request, holdout)
        return cls(request, folder, source, calibration, holdout, output, runner, before)

    def attempts(self, tell: Tell) -> tuple[Attempt, ...]:
        """Recipe after recipe, until the hold-out set accepts one or none is left."""
        made: list[Attempt] = []
        layers = len(set(self.source.layers) - set(self.request.keep))
        while recipe := next_recipe(self.request.precision, made, layers):
            tell(f"trying {recipe} ...")
            file, keep, symmetric = self.file(recipe), self.request.keep, self.request.symmetric
            convert(self.source, recipe, self.calibration, file, keep, symmetric)
            answers, _ = self.runner(recipe).classes(self.holdout)
            verdict = Verdict(self.before, accuracy(answers, _labels(self.holdout)), self.request.max_loss)
            made.append(Attempt(recipe, verdict))
            tell(
                f"  {'accepted' if verdict.accepted else 'refused'}: {verdict.after.percent:.2f} % on the hold-out set"
            )
        return tuple(made)

    def figures(self, recipe: Recipe) -> tuple[Figures, Figures]:
        """Of the float model and of the one made by `recipe`."""
        before, after = median_milliseconds([self.float_runner, self.runner(recipe)], self.holdout)
        size = self.request.model.stat().st_size
        return Figures(size, before), Figures(self.file(recipe).stat().st_size, after)

    def runner(self, recipe: Recipe) -> Runner:
        """The model made by `recipe`."""
        return Runner(self.file(recipe), self.output, self.source.signature.batch_size, f"the model made by {recipe}")

    def file(self, recipe: Recipe) -> Path:
        """Where the model made by `recipe` is."""
        return self.folder / f"{recipe.precision}-{recipe.calibration}-{recipe.float_ends}.onnx"


def _check_target(request: Request) -> None:
    if request.precision == "INT8" and request.calibration is None:
        raise QuantizationError("INT8 takes the ranges of its activations from samples: give --calibration FILE.npz")
    if request.target.resolve() == request.model.resolve():
        raise QuantizationError(f"{request.target} is the float model itself; give another file with --out")
    if not request.target.parent.is_dir():
        raise QuantizationError(f"the folder {request.target.parent} doesn't exist; make it, or give another --out")


def _check_names(request: Request, source: SourceModel) -> None:
    inputs = [spec.name for spec in source.signature.inputs]
    if unknown := [name for name in request.inputs if name not in inputs]:
        raise QuantizationError(f"the model has no input {unknown[0]!r}; it has: {', '.join(inputs)}")
    if missing := [name for name in request.keep if name not in source.nodes]:
        raise QuantizationError(
            f"the model has no node {missing[0]!r} to keep in FP32; its layers are: {', '.join(source.layers)}"
        )


def _samples(request: Request, source: SourceModel, path: Path, labels: str | None) -> Samples:
    arrays = sample_sets.read_arrays(path)
    return sample_sets.match(arrays, source.signature, request.inputs, labels, str(path))


def _float_accuracy(runner: Runner, request: Request, holdout: Samples) -> Accuracy:
    answers, classes = runner.classes(holdout)
    labels = _labels(holdout)
    if classes is not None and not ((labels >= 0) & (labels < classes)).all():
        raise QuantizationError(
            f"{request.holdout}: labels go from {labels.min()} to {labels.max()}, and the model has {classes} classes,"
            f" 0 to {classes - 1}"
        )
    before = accuracy(answers, labels)
    if no_better_than_guessing(before, classes or len(set(labels.tolist()) | set(answers.tolist()))):
        raise QuantizationError(
            f"the float model itself gets {before.correct} of the {before.total} samples of {request.holdout} right, no"
            " more than guessing would: the labels or the preparation of the samples don't belong to it"
        )
    return before


def _labels(holdout: Samples) -> sample_sets.Array:
    if holdout.labels is None:
        raise QuantizationError("a hold-out set needs labels")
    return holdout.labels


def _publish(file: Path, target: Path) -> str:
    """Put the file in its place by a rename, so that it is there whole or not at all; its SHA-256."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(file, part)
        digest = hashlib.sha256(part.read_bytes()).hexdigest()
        part.replace(target)
    except OSError as error:
        raise QuantizationError(f"{target} can't be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)
    return digest
