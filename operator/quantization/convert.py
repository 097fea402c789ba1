"""The conversions, by ONNX Runtime's own tools.

INT8 is written as QDQ (pairs of QuantizeLinear and DequantizeLinear around the operators), which ONNX Runtime and
OpenVINO read. Activations are unsigned: with signed ones ONNX Runtime leaves the ReLUs and additions between the layers
in FP32, and most of the gain is lost. TensorRT wants them signed, with zero points of 0. FP16 keeps FP32 inputs and
outputs, so that neither the resource nor its clients have to change.
"""

import contextlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from glm_operator.quantization.errors import QuantizationError
from glm_operator.quantization.model_file import LAYERS, SourceModel
from glm_operator.quantization.recipes import Recipe
from glm_operator.quantization.samples import Samples, Tensors, batches

_INT8_OPERATORS: Final = sorted(LAYERS | {
    "Add", "AveragePool", "Clip", "Concat", "GlobalAveragePool", "MaxPool", "Relu", "Reshape", "Transpose",
})  # fmt: skip
"""The layers and what stands between them, so that the graph stays in INT8 from layer to layer. Softmax and the like
are left out: 256 steps are too coarse for probabilities."""
_PERCENTILE: Final = 99.9


class _Batches:
    """Calibration samples as ONNX Runtime asks for them: one batch at a time, so that memory stays bounded."""

    def __init__(self, all_batches: Sequence[Tensors]) -> None:
        self._all = all_batches
        self._next: Iterator[Tensors] = iter(all_batches)

    def __len__(self) -> int:
        return len(self._all)

    def set_range(self, start_index: int, end_index: int) -> None:
        self._next = iter(self._all[start_index:end_index])

    def get_next(self) -> Tensors | None:
        return next(self._next, None)


def convert(
    model: SourceModel,
    recipe: Recipe,
    calibration: Samples | None,
    target: Path,
    keep: Sequence[str] = (),
    symmetric: bool = False,
) -> None:
    """Write `model` by `recipe` to `target`.

    Args:
        model: the prepared float model.
        recipe: how.
        calibration: samples for INT8; None with FP16.
        target: the file to write.
        keep: names of nodes that stay in FP32.
        symmetric: INT8 activations are signed and have zero points of 0.

    Raises:
        QuantizationError: the converter fails; the message is its own.
    """
    ends = (model.layers[0], model.layers[-1]) if recipe.float_ends else ()
    try:
        # The libraries print their progress.
        with contextlib.redirect_stdout(io.StringIO()):
            if recipe.precision == "FP16":
                _to_fp16(model, target, [*keep, *ends])
            else:
                _to_int8(model, recipe, calibration, target, [*keep, *ends], symmetric)
    except Exception as error:  # the libraries' exceptions have no common base class but this
        reason = str(error).strip() or type(error).__name__
        raise QuantizationError(f"ONNX Runtime can't make {recipe} of this model: {reason}") from error


def _to_fp16(model: SourceModel, target: Path, keep: Sequence[str]) -> None:
    import onnx
    from onnxruntime.quantization.onnx_model import ONNXModel
    from onnxruntime.transformers.float16 import convert_float_to_float16

    converted = convert_float_to_float16(onnx.load(str(model.path)), keep_io_types=True, node_block_list=list(keep))
    ONNXModel(converted).topological_sort()  # the converter appends its casts at the end, which only ONNX Runtime takes
    onnx.save(converted, str(target))


def _to_int8(
    model: SourceModel, recipe: Recipe, calibration: Samples | None, target: Path, keep: Sequence[str], symmetric: bool
) -> None:
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    if calibration is None or recipe.calibration is None:
        raise QuantizationError("INT8 needs a calibration set")
    quantize_static(
        model.path,
        target,
        _Batches(list(batches(calibration, model.signature.batch_size))),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=_INT8_OPERATORS,
        per_channel=True,
        activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=list(keep),
        calibrate_method=CalibrationMethod[recipe.calibration],
        extra_options={
            "CalibStridedMinMax": 1,
            "CalibPercentile": _PERCENTILE,
            "ActivationSymmetric": symmetric,
        },
    )
