"""The trained classifier and its sets, as files; and the same classifier, rewritten so that 8 bits can't hold it."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from images.models import digits


@dataclass(frozen=True)
class Files:
    folder: Path
    model: Path
    fragile: Path
    calibration: Path
    holdout: Path


@cache
def trained() -> tuple[digits.Layer, ...]:
    return digits.train_version_2()


def accuracy_percent() -> float:
    """As NumPy computes it, on the hold-out set."""
    return 100 * digits.holdout_accuracy(trained())


def write(folder: Path) -> Files:
    split, layers = digits.data(), trained()
    files = Files(folder, *(folder / name for name in ("m.onnx", "fragile.onnx", "calibration.npz", "holdout.npz")))
    files.model.write_bytes(digits.to_onnx(layers))
    files.fragile.write_bytes(digits.to_onnx(fragile(layers)))
    np.savez(files.calibration, input=split.train_pictures)
    np.savez(files.holdout, input=split.holdout_pictures, labels=split.holdout_digits)
    return files


def fragile(layers: tuple[digits.Layer, ...], decades: float = 5.0) -> tuple[digits.Layer, ...]:
    """The same function with a layer more: hidden values are scaled by factors over `decades` powers of ten and back.

    ReLU lets positive factors through, so FP32 doesn't care. One step of 8 bits for all of a layer's values does: the
    small ones become 0. The layer between the ends makes keeping those in FP32 of no use.
    """
    random, hidden = np.random.default_rng(0), layers[0].bias.size
    first, second = (10 ** random.uniform(-decades / 2, decades / 2, hidden) for _ in range(2))
    return (
        digits.Layer(layers[0].weights * first, layers[0].bias * first),
        digits.Layer(np.diag(second / first), np.zeros(hidden)),
        digits.Layer(layers[1].weights / second[:, None], layers[1].bias),
    )
