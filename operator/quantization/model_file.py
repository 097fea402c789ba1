"""Reading the float model: whether it can be made smaller at all, and by which of its nodes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from glm_operator.quantization.errors import QuantizationError
from glm_operator.quantization.recipes import Precision
from glm_operator.quantization.signature import Signature, TensorSpec

LAYERS: Final = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""Operators with weights: where the work is."""
_QUANTIZED: Final = frozenset({
    "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger",
    "MatMulInteger", "QGemm", "MatMulNBits", "DynamicQuantizeMatMul",
})  # fmt: skip

PER_CHANNEL_OPSET: Final = 13
"""The first version of ONNX that can quantise each channel of a weight by itself; older models are lifted to it."""
_PREPARED: Final = "prepared.onnx"


@dataclass(frozen=True, slots=True)
class SourceModel:
    """A float model, prepared for the conversions: batch normalisations folded, shapes inferred, every node named."""

    path: Path
    signature: Signature
    nodes: frozenset[str]
    layers: tuple[str, ...]  # names of the nodes with weights, in their order


def read_model(path: Path, precision: Precision, folder: Path) -> SourceModel:
    """The model at `path`, prepared in `folder` to be turned into `precision`.

    Raises:
        QuantizationError: it can't be read, is quantised or FP16 already, or has nothing to quantise.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        proto = onnx.load(str(path))
        onnx.checker.check_model(proto)
    except OSError as error:
        raise QuantizationError(f"{path} can't be read: {error.strerror or error}") from None
    except (DecodeError, onnx.checker.ValidationError, ValueError) as error:
        raise QuantizationError(f"{path} is no sound ONNX file: {_first_line(error)}") from None
    _name_nodes(proto)
    if refusal := _refusal(proto, precision):
        raise QuantizationError(f"{path} {refusal}")
    signature = _signature(proto, path)
    prepared = _prepared(proto, path, folder)
    nodes = frozenset(node.name for node in prepared.graph.node)
    return SourceModel(folder / _PREPARED, signature, nodes, tuple(_layers(prepared)))


def _prepared(proto: Any, path: Path, folder: Path) -> Any:
    import onnx
    import onnx.version_converter
    from onnxruntime.quantization.shape_inference import quant_pre_process

    named, folded, target = folder / "named.onnx", folder / "folded.onnx", folder / _PREPARED
    try:
        if _opset(proto) < PER_CHANNEL_OPSET:
            proto = onnx.version_converter.convert_version(proto, PER_CHANNEL_OPSET)
        onnx.save(proto, str(named))
        _fold(named, folded)
        # Only for the shapes: unless it infers symbolic ones, with one more library, its own optimisation gets lost.
        quant_pre_process(str(folded), str(target), skip_symbolic_shape=True, skip_optimization=True)
    except Exception as error:  # ONNX Runtime's exceptions have no common base class but this
        raise QuantizationError(f"ONNX Runtime can't load {path}: {_first_line(error)}") from error
    prepared = onnx.load(str(target))
    _name_nodes(prepared)  # what folding made has no names
    onnx.save(prepared, str(target))
    return prepared


def _opset(proto: Any) -> int:
    return max((int(entry.version) for entry in proto.opset_import if entry.domain in {"", "ai.onnx"}), default=0)


def _fold(source: Path, target: Path) -> None:
    """Fold constants and batch normalisations into the layers, by optimisations that every engine can read."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def _refusal(proto: Any, precision: Precision) -> str | None:
    from onnx import TensorProto

    operators = {node.op_type for node in proto.graph.node}
    if already := operators & _QUANTIZED:
        return f"is quantised already (it has {', '.join(sorted(already))}); start from the float model it was made of"
    weights = {tensor.data_type for tensor in proto.graph.initializer}
    if TensorProto.FLOAT in weights and (precision == "FP16" or any(_layers(proto))):
        return None
    if halves := weights & {TensorProto.FLOAT16, TensorProto.BFLOAT16}:
        kinds = ", ".join(sorted(TensorProto.DataType.Name(kind) for kind in halves))
        return f"is no FP32 model, its weights are {kinds}; start from the FP32 model it was made of"
    return f"has nothing to turn into {precision}: no FP32 weights of {', '.join(sorted(LAYERS))}"


def _name_nodes(proto: Any) -> None:
    for number, node in enumerate(proto.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"


def _layers(proto: Any) -> Iterator[str]:
    weights = {tensor.name for tensor in proto.graph.initializer}
    for node in proto.graph.node:
        if node.op_type in LAYERS and weights.intersection(node.input):
            yield node.name


def _signature(proto: Any, path: Path) -> Signature:
    weights = {tensor.name for tensor in proto.graph.initializer}
    inputs = tuple(_tensor(value) for value in proto.graph.input if value.name not in weights)
    outputs = tuple(_tensor(value) for value in proto.graph.output if value.type.HasField("tensor_type"))
    if not inputs or not outputs or not all(spec.dims for spec in inputs):
        raise QuantizationError(f"{path} must have inputs with a batch dimension, and tensors as outputs")
    return Signature(inputs, outputs)


def _tensor(value: Any) -> TensorSpec:
    import onnx

    tensor = value.type.tensor_type
    dims = (dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim)
    return TensorSpec(value.name, str(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)), tuple(dims))


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
