"""The models of `bench.engines`: the network of ResNet-50's shape in FP32 and INT8, in one OCI image."""

import shutil
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from bench.engine_rows import FLOAT_MODEL, INT8_MODEL
from demo.model_image import write_model_image
from demo.paths import MODELS, ROOT
from glm_operator.quantization.convert import convert
from glm_operator.quantization.model_file import read_model
from glm_operator.quantization.recipes import Recipe
from glm_operator.quantization.samples import Samples

FOLDER: Final = ROOT / "build/bench/models"
RECIPE: Final = Recipe("INT8", "MinMax")
CALIBRATION_PICTURES: Final = 8
PICTURE: Final = (3, 224, 224)


def models_image(with_int8: bool, archive: Path) -> str:
    """Write the image; its reference."""
    source = MODELS / "repository" / FLOAT_MODEL / "1/model.onnx"
    _place(source, FOLDER / FLOAT_MODEL / "1/model.onnx")
    if with_int8:
        _quantize(source, FOLDER / INT8_MODEL / "1/model.onnx")
    return write_model_image(FOLDER, (FLOAT_MODEL, INT8_MODEL) if with_int8 else (FLOAT_MODEL,), archive)


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _quantize(source: Path, target: Path) -> None:
    """Its weights are noise, so there is no accuracy that a hold-out set could judge."""
    pictures = np.random.default_rng(1).random((CALIBRATION_PICTURES, *PICTURE), dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "int8.onnx"
        convert(read_model(source, "INT8", Path(folder)), RECIPE, Samples({"input": pictures}), made)
        _place(made, target)
