"""OpenVINO's CPU plugin behind the `Session` protocol. Reads its own format (model.xml and model.bin) and ONNX."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from images.engines.batching import Tensors
from images.engines.options import Engine, ModelConfig, openvino_options
from images.engines.session import model_file_error
from images.engines.signature import ANY, Signature, Tensor

TYPES = {
    "boolean": "TYPE_BOOL",
    "u8": "TYPE_UINT8",
    "u16": "TYPE_UINT16",
    "u32": "TYPE_UINT32",
    "u64": "TYPE_UINT64",
    "i8": "TYPE_INT8",
    "i16": "TYPE_INT16",
    "i32": "TYPE_INT32",
    "i64": "TYPE_INT64",
    "f16": "TYPE_FP16",
    "f32": "TYPE_FP32",
    "f64": "TYPE_FP64",
}


class OpenVinoSession:
    """One compiled model with one infer request: a Triton instance runs one batch at a time."""

    def __init__(self, compiled: Any) -> None:
        self._request = compiled.create_infer_request()
        self.signature = Signature(
            inputs=tuple(_tensor(port) for port in compiled.inputs),
            outputs=tuple(_tensor(port) for port in compiled.outputs),
        )

    @classmethod
    def open(cls, model_file: Path, config: ModelConfig) -> "OpenVinoSession":
        """Load `model_file` with the options of `config`."""
        openvino = importlib.import_module("openvino")
        properties = dict(openvino_options(config).properties)
        source = _existing(model_file)
        try:
            compiled = openvino.Core().compile_model(str(source), "CPU", properties)
        except RuntimeError as error:
            raise model_file_error(source, Engine.OPENVINO, error) from error
        return cls(compiled)

    def run(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """The named outputs for `inputs`."""
        results = self._request.infer(dict(inputs), share_inputs=True)
        return {name: results[name] for name in outputs}


def _existing(model_file: Path) -> Path:
    """`model.onnx` where the default name `model.xml` is not there: the backend takes both."""
    onnx = model_file.with_suffix(".onnx")
    return onnx if not model_file.exists() and onnx.exists() else model_file


def _tensor(port: Any) -> Tensor:
    shape = tuple(size.get_length() if size.is_static else ANY for size in port.partial_shape)
    kind = port.element_type.get_type_name()
    return Tensor(port.any_name, TYPES.get(kind, kind), shape)
