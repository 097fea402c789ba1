"""As much of an ONNX file as tells whether it is whole, and which tensors it has: protobuf's wire format by hand.

The library that reads ONNX is large and slow to import. Field numbers: onnx.proto3 (ModelProto: ir_version 1, graph 7,
opset_import 8; GraphProto: initializer 5, input 11, output 12; TensorProto: name 8; ValueInfoProto: name 1).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT: Final = 10
_MODEL_GRAPH, _MODEL_IR_VERSION = 7, 1
_GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 5, 11, 12
_TENSOR_NAME, _VALUE_NAME = 8, 1


class NotOnnxError(ValueError):
    """The bytes aren't a whole ONNX model; the message says why."""


@dataclass(frozen=True, slots=True)
class OnnxTensors:
    """Names of the tensors of a model, without its weights."""

    inputs: frozenset[str]
    outputs: frozenset[str]


def read_tensors(content: bytes) -> OnnxTensors:
    """The names of inputs and outputs.

    Raises:
        NotOnnxError: when the bytes aren't a whole ONNX model.
    """
    graph, has_version = None, False
    for number, value in _fields(memoryview(content)):
        has_version |= number == _MODEL_IR_VERSION
        if number == _MODEL_GRAPH and isinstance(value, memoryview):
            graph = value
    if graph is None or not has_version:
        raise NotOnnxError("it has no graph")
    names: dict[int, set[str]] = {_GRAPH_INPUT: set(), _GRAPH_OUTPUT: set(), _GRAPH_INITIALIZER: set()}
    for number, value in _fields(graph):
        if number in names and isinstance(value, memoryview):
            names[number].add(_name(value, _TENSOR_NAME if number == _GRAPH_INITIALIZER else _VALUE_NAME))
    # Older files list the weights among the inputs.
    return OnnxTensors(frozenset(names[_GRAPH_INPUT] - names[_GRAPH_INITIALIZER]), frozenset(names[_GRAPH_OUTPUT]))


def _name(message: memoryview, number: int) -> str:
    values = [value for found, value in _fields(message) if found == number and isinstance(value, memoryview)]
    return bytes(values[-1]).decode(errors="replace") if values else ""


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, kind = key >> 3, key & 7
        value: int | memoryview
        if kind == _VARINT:
            value, position = _varint(data, position)
        else:
            length, position = _length(data, position, kind)
            if position + length > len(data):
                raise NotOnnxError(f"it ends {position + length - len(data)} bytes too early")
            value, position = data[position : position + length], position + length
        if number == 0:
            raise NotOnnxError("it isn't protobuf")
        yield number, value


def _length(data: memoryview, position: int, kind: int) -> tuple[int, int]:
    if kind == _BYTES:
        return _varint(data, position)
    if kind in {_FIXED64, _FIXED32}:
        return (8 if kind == _FIXED64 else 4), position
    raise NotOnnxError("it isn't protobuf")


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    result = 0
    for index in range(_LONGEST_VARINT):
        if position + index >= len(data):
            raise NotOnnxError("it ends in the middle of a value")
        byte = data[position + index]
        result |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004
            return result, position + index + 1
    raise NotOnnxError("it isn't protobuf")
