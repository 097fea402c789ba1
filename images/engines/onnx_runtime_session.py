"""ONNX Runtime's CPU execution provider behind the `Session` protocol."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from images.engines.batching import Tensors
from images.engines.options import Engine, ModelConfig, OnnxRuntimeOptions, onnx_runtime_options
from images.engines.session import model_file_error
from images.engines.signature import ANY, Signature, Tensor

TYPES = {
    "tensor(bool)": "TYPE_BOOL",
    "tensor(uint8)": "TYPE_UINT8",
    "tensor(uint16)": "TYPE_UINT16",
    "tensor(uint32)": "TYPE_UINT32",
    "tensor(uint64)": "TYPE_UINT64",
    "tensor(int8)": "TYPE_INT8",
    "tensor(int16)": "TYPE_INT16",
    "tensor(int32)": "TYPE_INT32",
    "tensor(int64)": "TYPE_INT64",
    "tensor(float16)": "TYPE_FP16",
    "tensor(float)": "TYPE_FP32",
    "tensor(double)": "TYPE_FP64",
}


class OnnxRuntimeSession:
    """One `InferenceSession`."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.signature = Signature(
            inputs=tuple(_tensor(node) for node in session.get_inputs()),
            outputs=tuple(_tensor(node) for node in session.get_outputs()),
        )

    @classmethod
    def open(cls, model_file: Path, config: ModelConfig) -> "OnnxRuntimeSession":
        """Load `model_file` with the options of `config`."""
        onnxruntime = importlib.import_module("onnxruntime")
        options = _session_options(onnxruntime, onnx_runtime_options(config))
        try:
            session = onnxruntime.InferenceSession(str(model_file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exceptions have no common base class but this
            raise model_file_error(model_file, Engine.ONNX_RUNTIME, error) from error
        return cls(session)

    def run(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """The named outputs for `inputs`."""
        return dict(zip(outputs, self._session.run(list(outputs), dict(inputs)), strict=True))


def _session_options(onnxruntime: Any, options: OnnxRuntimeOptions) -> Any:
    session_options = onnxruntime.SessionOptions()
    session_options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, options.graph_optimization)
    session_options.intra_op_num_threads = options.intra_op_threads
    session_options.inter_op_num_threads = options.inter_op_threads
    mode = "ORT_PARALLEL" if options.parallel_execution else "ORT_SEQUENTIAL"
    session_options.execution_mode = getattr(onnxruntime.ExecutionMode, mode)
    session_options.enable_cpu_mem_arena = options.memory_arena
    session_options.enable_mem_pattern = options.memory_pattern
    for key, value in options.session_entries.items():
        session_options.add_session_config_entry(key, value)
    return session_options


def _tensor(node: Any) -> Tensor:
    # A dynamic dimension is a name or None here.
    shape = tuple(size if isinstance(size, int) else ANY for size in node.shape)
    return Tensor(node.name, TYPES.get(node.type, node.type), shape)
