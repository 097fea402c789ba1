"""Writing ONNX files that old and new runtimes read."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8  # of ONNX 1.12: read by every ONNX Runtime since 1.12

Dims = Sequence[int | str]


def onnx_bytes(
    name: str,
    nodes: Sequence[Any],
    weights: Mapping[str, NDArray[Any]],
    inputs: Mapping[str, Dims],
    outputs: Mapping[str, Dims],
) -> bytes:
    """A checked, serialised model; all inputs and outputs are float32, and a dimension that is a text is dynamic."""
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(key, TensorProto.FLOAT, dims) for key, dims in inputs.items()],
        [helper.make_tensor_value_info(key, TensorProto.FLOAT, dims) for key, dims in outputs.items()],
        [numpy_helper.from_array(np.ascontiguousarray(array), key) for key, array in weights.items()],
    )
    model = helper.make_model(graph, ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)])
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString(deterministic=True)
    return data
