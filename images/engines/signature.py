"""A model's inputs and outputs: what its file declares, and whether the model configuration agrees. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ANY = -1  # a dimension of any size, in Triton's notation


class SignatureError(ValueError):
    """The model configuration and the model file do not fit."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output as the model file declares it, batch dimension included."""

    name: str
    data_type: str  # as in config.pbtxt: "TYPE_FP32"
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """All inputs and outputs of a model file."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def declaration(tensor: Tensor, max_batch_size: int) -> dict[str, Any]:
    """The `input` or `output` entry of a model configuration for `tensor`; Triton itself adds the batch dimension."""
    dims = tensor.shape[1:] if max_batch_size else tensor.shape
    return {"name": tensor.name, "data_type": tensor.data_type, "dims": list(dims)}


def check(config: Mapping[str, Any], signature: Signature) -> None:
    """Raise `SignatureError`, in one sentence, for the first thing that would fail at the first request."""
    batched = int(config["max_batch_size"]) > 0
    if batched:
        _check_batch_dimension(signature)
    for kind, tensors in (("input", signature.inputs), ("output", signature.outputs)):
        declared = {entry["name"]: entry for entry in config[kind]}
        in_file = {tensor.name: tensor for tensor in tensors}
        if unknown := sorted(declared.keys() - in_file.keys()):
            raise SignatureError(f"the model file has no {kind} {unknown[0]!r}; it has {_names(in_file)}")
        if kind == "input" and (missing := sorted(in_file.keys() - declared.keys())):
            raise SignatureError(f"the model file needs the input {missing[0]!r}, which is not in the configuration")
        for name, entry in declared.items():
            _check_tensor(kind, entry, in_file[name], batched=batched)


def _check_batch_dimension(signature: Signature) -> None:
    for tensor in signature.inputs:
        if not tensor.shape or tensor.shape[0] != ANY:
            raise SignatureError(
                f"max_batch_size is above 0, but the model file fixes the shape of the input {tensor.name!r} to "
                f"{list(tensor.shape)}; set max_batch_size to 0 or export the model with a dynamic batch dimension"
            )


def _check_tensor(kind: str, entry: Mapping[str, Any], tensor: Tensor, *, batched: bool) -> None:
    if entry["data_type"] != tensor.data_type:
        raise SignatureError(
            f"the {kind} {tensor.name!r} is {tensor.data_type} in the model file "
            f"and {entry['data_type']} in the configuration"
        )
    declared = _dims(entry)
    in_file = tensor.shape[1:] if batched else tensor.shape
    if not _same(declared, in_file):
        raise SignatureError(
            f"the {kind} {tensor.name!r} has dims {list(in_file)} in the model file "
            f"and {list(declared)} in the configuration"
        )


def _same(declared: Sequence[int], in_file: Sequence[int]) -> bool:
    """Whether the shapes agree; a dimension of any size agrees with all sizes."""
    if len(declared) != len(in_file):
        return False
    return all(ANY in pair or pair[0] == pair[1] for pair in zip(declared, in_file, strict=True))


def _dims(entry: Mapping[str, Any]) -> Sequence[int]:
    """The shape that reaches the model: `reshape` if there is one."""
    reshape = entry.get("reshape", {}).get("shape")
    return tuple(int(size) for size in (entry["dims"] if reshape is None else reshape))


def _names(tensors: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in sorted(tensors)) or "none"
