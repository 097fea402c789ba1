"""The rows of `bench.engines`: which engines are compared, and what the rounds of one come to. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final, Literal

Precision = Literal["FP32", "INT8", "FP16"]
Measured = Mapping[str, float | None]

MAX_BATCH_SIZE: Final = 8
MEASURED: Final = ("p50_ms", "p99_ms", "inferences_per_second", "mean_batch")
FLOAT_MODEL, INT8_MODEL = "resnet50", "resnet50-int8"
GPU: Final = "nvidia.com/gpu"
REFERENCE: Final = (
    "reference figures for one ResNet-50 as published for another machine, not to be compared:"
    " TensorRT 8.2 ms, 122 FPS, 520 MB; ONNX Runtime 11.5, 87, 610; OpenVINO 9.8, 102, 560"
)


@dataclass(frozen=True, slots=True)
class Variant:
    """One server to measure."""

    engine: str
    accelerator: str | None = None
    graph_level: str | None = "All"  # None: the engine has no such setting
    precision: Precision = "FP32"
    gpus: int = 0

    @property
    def name(self) -> str:
        """Name of its resource."""
        parts = (self.engine, self.accelerator and f"on-{self.accelerator}", self.graph_level, self.precision)
        return "-".join(part.lower() for part in parts if part)

    @property
    def model(self) -> str:
        """Name of its model. FP16 is computed from the FP32 file, by TensorRT."""
        return INT8_MODEL if self.precision == "INT8" else FLOAT_MODEL


QUICK: Final = (
    Variant("ONNXRuntime"),
    Variant("ONNXRuntime", graph_level="Off"),
    Variant("OpenVINO", graph_level=None),
)
FULL: Final = (
    Variant("ONNXRuntime"),
    Variant("ONNXRuntime", graph_level="Basic"),
    Variant("ONNXRuntime", graph_level="Off"),
    Variant("ONNXRuntime", accelerator="OpenVINO"),
    Variant("OpenVINO", graph_level=None),
    Variant("ONNXRuntime", precision="INT8"),
    Variant("OpenVINO", graph_level=None, precision="INT8"),
)
ON_GPU: Final = (
    Variant("ONNXRuntime", accelerator="TensorRT", gpus=1),
    Variant("ONNXRuntime", accelerator="TensorRT", precision="FP16", gpus=1),
)


def resource(variant: Variant, models_image: str, gpu_image: str | None) -> dict[str, Any]:
    """The GLMInference of a variant; its models come from an OCI image that the nodes have."""
    model: dict[str, Any] = {
        "name": variant.model,
        "engine": variant.engine,
        "precision": variant.precision,
        "maxBatchSize": MAX_BATCH_SIZE,
        "inputs": [{"name": "input", "dataType": "FP32", "dims": [3, 224, 224]}],
        "outputs": [{"name": "logits", "dataType": "FP32", "dims": [1000]}],
    }
    if variant.accelerator is not None:
        model["accelerator"] = {"name": variant.accelerator}
    if variant.graph_level is not None:
        model["optimization"] = {"graphLevel": variant.graph_level}
    spec: dict[str, Any] = {
        "models": [model],
        "repository": {"image": {"reference": models_image, "pullPolicy": "Never", "path": "models"}},
        "replicas": 1,
    }
    if variant.gpus:
        spec["runtime"] = {"image": gpu_image or "", "gpu": {"count": variant.gpus}}
    return {
        "apiVersion": "serving.autoglm.io/v1alpha1",
        "kind": "GLMInference",
        "metadata": {"name": variant.name},
        "spec": spec,
    }


def gpus_of(nodes: Iterable[Mapping[str, Any]]) -> int:
    """GPUs that the nodes offer together."""
    return sum(int(node.get("status", {}).get("allocatable", {}).get(GPU, 0)) for node in nodes)


def why_no_tensorrt(gpus: int, gpu_image: str | None, variable: str) -> str | None:
    """Why the rows of TensorRT are missing; None: they aren't."""
    if not gpus:
        return f"TensorRT: no row, because no node of this cluster offers {GPU}"
    if not gpu_image:
        return f"TensorRT: no row, because {variable} names no Triton image with TensorRT"
    return None


def working_set(summary: Mapping[str, Any], namespace: str) -> dict[str, tuple[str, float]]:
    """From kubelet's summary: pod to the time (RFC 3339) and MiB of its working set, for pods that have one yet."""
    found = {}
    for pod in summary.get("pods", ()):
        memory = pod.get("memory", {})
        if pod["podRef"]["namespace"] == namespace and "workingSetBytes" in memory:
            found[pod["podRef"]["name"]] = (memory["time"], memory["workingSetBytes"] / 2**20)
    return found


def row(
    variant: Variant, batch: int, rounds: Sequence[Mapping[str, float | None]], memory: float | None
) -> dict[str, Any]:
    """The medians over the rounds, with their ranges. Requires: at least one round."""
    seen = {key: [value for one in rounds if (value := one.get(key)) is not None] for key in MEASURED}
    return {
        "engine": variant.engine,
        "accelerator": variant.accelerator,
        "graph_level": variant.graph_level,
        "precision": variant.precision,
        "batch": batch,
        **{key: round(median(values), 2) if values else None for key, values in seen.items()},
        "memory_mib": None if memory is None else round(memory),
        "rounds": len(rounds),
        "ranges": {key: [round(min(values), 2), round(max(values), 2)] for key, values in seen.items() if values},
    }
