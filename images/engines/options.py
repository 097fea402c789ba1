"""What a model configuration asks of its engine. Pure: the configuration is Triton's JSON form of `config.pbtxt`.

Names and meanings are those of Triton's own `onnxruntime` and `openvino` backends, so that one configuration serves
here and on a GPU. A setting that cannot be met on CPU is an error, never ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

ModelConfig = Mapping[str, Any]


class OptionError(ValueError):
    """The model configuration asks for something that this engine does not have."""


class Engine(StrEnum):
    """What executes the model."""

    ONNX_RUNTIME = "ONNX Runtime"
    OPENVINO = "OpenVINO"


class GraphOptimization(StrEnum):
    """How far ONNX Runtime rewrites the graph; the values are the members of its `GraphOptimizationLevel`."""

    DISABLED = "ORT_DISABLE_ALL"
    BASIC = "ORT_ENABLE_BASIC"
    EXTENDED = "ORT_ENABLE_EXTENDED"
    ALL = "ORT_ENABLE_ALL"


GRAPH_LEVELS = {
    -1: GraphOptimization.BASIC,
    0: GraphOptimization.ALL,  # also what an absent level reads as
    1: GraphOptimization.EXTENDED,
    2: GraphOptimization.DISABLED,  # sic: README of triton-inference-server/onnxruntime_backend
}
OPENVINO_PROPERTIES = ("PERFORMANCE_HINT", "NUM_STREAMS", "INFERENCE_NUM_THREADS")
PERFORMANCE_HINTS = ("LATENCY", "THROUGHPUT", "CUMULATIVE_THROUGHPUT")


@dataclass(frozen=True, slots=True)
class OnnxRuntimeOptions:
    """Settings of an ONNX Runtime session. Threads: 0 lets ONNX Runtime take one for each core."""

    graph_optimization: GraphOptimization = GraphOptimization.ALL
    intra_op_threads: int = 0
    inter_op_threads: int = 0
    parallel_execution: bool = False
    memory_arena: bool = True
    memory_pattern: bool = True
    session_entries: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OpenVinoOptions:
    """Properties with which OpenVINO compiles the model for the CPU."""

    properties: Mapping[str, str] = field(default_factory=dict)


def engine(config: ModelConfig) -> Engine:
    """The engine that `backend` and `optimization.execution_accelerators` name."""
    backend = config.get("backend", "")
    accelerators = config.get("optimization", {}).get("execution_accelerators", {})
    for accelerator in accelerators.get("gpu_execution_accelerator", []):
        raise OptionError(
            f"the GPU accelerator {accelerator['name']!r} needs a GPU, and this server has CPU engines only"
        )
    on_cpu = [accelerator["name"] for accelerator in accelerators.get("cpu_execution_accelerator", [])]
    if unknown := [name for name in on_cpu if name != "openvino"]:
        raise OptionError(f"unknown CPU accelerator {unknown[0]!r}; ONNX Runtime has 'openvino'")
    if backend == "openvino":
        return Engine.OPENVINO
    if backend == "onnxruntime":
        return Engine.OPENVINO if on_cpu else Engine.ONNX_RUNTIME
    raise OptionError(f"no engine for backend {backend!r}; there are 'onnxruntime' and 'openvino'")


def onnx_runtime_options(config: ModelConfig) -> OnnxRuntimeOptions:
    """`optimization.graph.level` and the `parameters` of Triton's `onnxruntime` backend."""
    parameters = _parameters(config)
    level = int(config.get("optimization", {}).get("graph", {}).get("level", 0))
    if level not in GRAPH_LEVELS:
        raise OptionError(
            f"optimization.graph.level is {level}; it can be -1 (basic), 0 (all), 1 (extended) or 2 (none)"
        )
    return OnnxRuntimeOptions(
        graph_optimization=GRAPH_LEVELS[level],
        intra_op_threads=_count(parameters, "intra_op_thread_count"),
        inter_op_threads=_count(parameters, "inter_op_thread_count"),
        parallel_execution=_switch(parameters, "execution_mode", default=False),
        memory_arena=_switch(parameters, "enable_mem_arena", default=True),
        memory_pattern=_switch(parameters, "enable_mem_pattern", default=True),
        session_entries={key: value for key, value in parameters.items() if key.startswith("session.")},
    )


def openvino_options(config: ModelConfig) -> OpenVinoOptions:
    """The `parameters` of Triton's `openvino` backend."""
    parameters = _parameters(config)
    if (device := parameters.get("TARGET_DEVICE", "CPU")) != "CPU":
        raise OptionError(f"TARGET_DEVICE is {device!r}, and this server has CPU engines only")
    if (hint := parameters.get("PERFORMANCE_HINT", "LATENCY")) not in PERFORMANCE_HINTS:
        raise OptionError(f"PERFORMANCE_HINT is {hint!r}; it can be {', '.join(PERFORMANCE_HINTS)}")
    _count(parameters, "INFERENCE_NUM_THREADS")
    if parameters.get("NUM_STREAMS") != "AUTO":
        _count(parameters, "NUM_STREAMS")
    return OpenVinoOptions({key: parameters[key] for key in OPENVINO_PROPERTIES if key in parameters})


def _parameters(config: ModelConfig) -> dict[str, str]:
    return {key: value["string_value"].strip() for key, value in config.get("parameters", {}).items()}


def _count(parameters: Mapping[str, str], key: str) -> int:
    text = parameters.get(key, "0")
    if not text.isdecimal():
        raise OptionError(f"parameter {key} is {text!r}; it takes a whole number, 0 or more")
    return int(text)


def _switch(parameters: Mapping[str, str], key: str, *, default: bool) -> bool:
    text = parameters.get(key, str(int(default)))
    if text not in {"0", "1"}:
        raise OptionError(f"parameter {key} is {text!r}; it takes 0 or 1")
    return text == "1"
