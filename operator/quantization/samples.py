"""Sample sets: `.npz` files with one array for each input of the model, and `labels` in a hold-out set.

The first dimension of each array counts the samples. Labels are the indices of the classes, from 0.
"""

import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from glm_operator.quantization.errors import QuantizationError
from glm_operator.quantization.signature import Signature, TensorSpec

Array = NDArray[Any]
Tensors = Mapping[str, Array]

BATCH_SIZE: Final = 8
"""Samples that run at once where the model leaves it open; bounds the memory that calibration takes."""


@dataclass(frozen=True, slots=True)
class Samples:
    """A checked set: arrays by the model's input names, all of the same length, which is at least 1."""

    inputs: Tensors
    labels: Array | None = None

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))


def read_arrays(path: Path) -> dict[str, Array]:
    """The arrays of a `.npz` file.

    Raises:
        QuantizationError: it can't be read, isn't a `.npz` file, or holds Python objects, which are never unpickled.
    """
    try:
        found = _load(path)
    except OSError as error:
        raise QuantizationError(f"{path} can't be read: {error.strerror or error}") from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise QuantizationError(
            f"{path} is no .npz file of plain arrays ({error}); write one with numpy.savez(path, input=..., labels=...)"
        ) from None
    if found is None:
        raise QuantizationError(f"{path} holds one array without a name; save it with numpy.savez(path, input=...)")
    return found


def _load(path: Path) -> dict[str, Array] | None:
    loaded = np.load(path, allow_pickle=False)
    if not isinstance(loaded, np.lib.npyio.NpzFile):
        return None
    with loaded as archive:
        return {name: archive[name] for name in archive.files}


def match(
    arrays: Mapping[str, Array],
    signature: Signature,
    names: Mapping[str, str],
    labels: str | None,
    where: str,
) -> Samples:
    """The arrays as the model takes them.

    Args:
        arrays: what the file holds.
        signature: of the model.
        names: input of the model to name of the array, where they differ; an array with the input's own name will do
            where there is none of that one.
        labels: name of the array of labels; None: they aren't needed.
        where: the file, for messages.

    Raises:
        QuantizationError: an array is missing, or has a shape, type or value that the model doesn't take.
    """
    inputs = {
        spec.name: _input(arrays, spec, _array_name(arrays, names, spec.name), where) for spec in signature.inputs
    }
    lengths = {name: len(array) for name, array in inputs.items()}
    if len(set(lengths.values())) > 1:
        raise QuantizationError(f"{where}: the arrays have different numbers of samples: {lengths}")
    samples = Samples(inputs)
    if not len(samples):
        raise QuantizationError(f"{where} holds no samples")
    return samples if labels is None else Samples(inputs, _labels(arrays, labels, len(samples), where))


def _array_name(arrays: Mapping[str, Array], names: Mapping[str, str], own: str) -> str:
    given = names.get(own, own)
    return own if given not in arrays and own in arrays else given


def _input(arrays: Mapping[str, Array], spec: TensorSpec, name: str, where: str) -> Array:
    if name not in arrays:
        raise QuantizationError(
            f"{where} has no array {name!r} for the model's input {spec.name!r}; it holds: {_names(arrays)}."
            f" Name the right one with --input {spec.name}=ARRAY"
        )
    array = arrays[name]
    fits = array.ndim == len(spec.dims) and all(
        want in {None, have} for want, have in zip(spec.dims[1:], array.shape[1:], strict=True)
    )
    if not fits:
        raise QuantizationError(
            f"{where}: array {name!r} has the shape {list(array.shape)}, and the model's input {spec.name!r} takes"
            f" {spec.shape_text}; the first dimension counts the samples"
        )
    return _converted(array, spec, f"{where}: array {name!r}")


def _converted(array: Array, spec: TensorSpec, where: str) -> Array:
    wanted = np.dtype(spec.dtype)
    # Whole numbers for a float input are mostly raw pixels, which the service would scale first: ranges would be wrong.
    if array.dtype.kind != wanted.kind:
        raise QuantizationError(
            f"{where} holds {array.dtype}, and the model's input {spec.name!r} takes {wanted}; prepare the samples just"
            " as the requests are prepared that the model will get"
        )
    converted = array.astype(wanted, copy=False)
    if wanted.kind == "f" and not np.isfinite(converted).all():
        raise QuantizationError(f"{where} holds values that are not finite; remove those samples")
    return converted


def _labels(arrays: Mapping[str, Array], name: str, count: int, where: str) -> Array:
    if name not in arrays:
        raise QuantizationError(
            f"{where} has no array {name!r}; a hold-out set needs the right class of each sample. It holds:"
            f" {_names(arrays)}. Name the right one with --labels ARRAY"
        )
    labels = arrays[name]
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise QuantizationError(
            f"{where}: {name!r} is {labels.dtype} of the shape {list(labels.shape)}; it must hold {count} class"
            " indices, whole numbers from 0"
        )
    return labels.astype(np.int64)


def check_disjoint(calibration: Samples, holdout: Samples) -> None:
    """A model must not be judged on samples that its ranges were taken from.

    Raises:
        QuantizationError: with the number of samples that are in both.
    """
    known = set(_fingerprints(calibration))
    if both := sum(fingerprint in known for fingerprint in _fingerprints(holdout)):
        raise QuantizationError(
            f"{both} of the {len(holdout)} samples of the hold-out set are in the calibration set as well, so it would"
            " prove too little; take them out of one of the two"
        )


def _fingerprints(samples: Samples) -> Iterator[bytes]:
    arrays = [samples.inputs[name] for name in sorted(samples.inputs)]
    for index in range(len(samples)):
        digest = hashlib.sha256()
        for array in arrays:
            digest.update(np.ascontiguousarray(array[index]).tobytes())
        yield digest.digest()


def batches(samples: Samples, size: int | None) -> Iterator[Tensors]:
    """The samples in batches of the model's own `size`; the last one is filled up with its last sample.

    None: the model takes any size, and the last batch is as large as it happens to be.
    """
    step = size or BATCH_SIZE
    for start in range(0, len(samples), step):
        yield {name: _filled(array[start : start + step], size or 0) for name, array in samples.inputs.items()}


def _filled(array: Array, size: int) -> Array:
    missing = max(size - len(array), 0)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array


def _names(arrays: Mapping[str, Array]) -> str:
    return ", ".join(sorted(arrays)) or "nothing"
