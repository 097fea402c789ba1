"""What to do next: with a model that was accepted, and with one that was not. Pure."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from glm_operator.api.types import DNS_LABEL_PATTERN
from glm_operator.quantization.errors import QuantizationError
from glm_operator.quantization.report import Report
from glm_operator.quantization.verdict import coarse

CONFIG_MAP_LIMIT: Final = 2**20
"""Bytes of all files of a ConfigMap together; Kubernetes accepts no larger one."""
USUAL_CALIBRATION_SAMPLES: Final = 100
MOST_LAYERS_NAMED: Final = 20
MODEL_FILE: Final = "model.onnx"


def config_map_key(model: str, version: int) -> str:
    """The key that `spec.repository.configMap` reads the file from.

    Raises:
        QuantizationError: no model of a resource can have that name.
    """
    if not re.match(DNS_LABEL_PATTERN, model):
        raise QuantizationError(
            f"no model can be named {model!r}: lower-case letters, digits and '-' only. Give --model-name"
        )
    return f"{model}.{version}.{MODEL_FILE}"


def config_map(name: str, key: str, content: bytes) -> dict[str, Any]:
    """The manifest of a ConfigMap with the model.

    Raises:
        QuantizationError: the model is too large for one.
    """
    if len(content) > CONFIG_MAP_LIMIT:
        raise QuantizationError(
            f"the model takes {len(content)} bytes, and a ConfigMap holds {CONFIG_MAP_LIMIT}: put it into a"
            " PersistentVolumeClaim or an image instead, and leave --configmap out"
        )
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "binaryData": {key: base64.b64encode(content).decode()},
    }


def into_the_cluster(report: Report, model: str, version: int, manifest: Path | None) -> str:
    """How the file gets to where a resource reads it from."""
    file, size = report.request.target, report.after.size
    if manifest is not None:
        return f"kubectl apply --server-side -f {manifest}"
    if size > CONFIG_MAP_LIMIT:
        return (
            f"put it as {model}/{version}/{MODEL_FILE} into the PersistentVolumeClaim or the image of spec.repository"
            " (a ConfigMap holds 1 MiB)"
        )
    name = f"{model}-{report.request.precision.lower()}"
    return f"kubectl create configmap {name} --from-file={config_map_key(model, version)}={file}"


def remedies(report: Report) -> Iterator[str]:
    """What to try with a model that was refused."""
    request = report.request
    if request.precision == "INT8":
        count = report.calibration_samples
        few = f", {count} are few" if count < USUAL_CALIBRATION_SAMPLES else f" ({count} so far)"
        yield f"calibrate with more samples that look like the real requests{few}"
        named = ", ".join(report.layers[:MOST_LAYERS_NAMED]) + (
            ", ..." if len(report.layers) > MOST_LAYERS_NAMED else ""
        )
        yield f"keep the layers that suffer most in FP32: --keep-float NODE, as often as needed; there are {named}"
        yield "--precision FP16: half the size instead of a quarter, and hardly ever a loss (pays on GPUs)"
        yield "train the model with quantisation in mind; then it learns to bear the rounding"
    else:
        yield "keep the nodes whose values leave FP16's range (65,504) in FP32: --keep-float NODE"
    yield f"allow more with --max-accuracy-loss (now {request.max_loss} points), if the use allows it"


def warnings(report: Report) -> Iterator[str]:
    """What weakens the proof, or the gain."""
    total = report.chosen.verdict.before.total
    if coarse(total, report.request.max_loss):
        yield (
            f"the hold-out set has {total} samples, so a single answer weighs {100 / total:.1f} points, more than the"
            " limit: use more"
        )
    if report.request.precision == "INT8" and report.calibration_samples < USUAL_CALIBRATION_SAMPLES:
        yield f"{report.calibration_samples} calibration samples are few; {USUAL_CALIBRATION_SAMPLES} or more are usual"
    if report.after.milliseconds > report.before.milliseconds:
        yield (
            f"the {report.request.precision} model is no faster on this machine; measure it where it will run"
            + (" (FP16 pays on GPUs, CPUs mostly compute in FP32)" if report.request.precision == "FP16" else "")
        )
