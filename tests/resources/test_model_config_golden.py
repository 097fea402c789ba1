"""The whole `config.pbtxt` of every engine and of an ensemble, as files that a reader can judge.

Where a change is meant: `UPDATE_GOLDEN=1 make test-fast`, and a changelog fragment: the pods are replaced by it.
"""

import os
from pathlib import Path

import pytest
from google.protobuf import text_format

from bodies import TENSOR_IN, TENSOR_OUT
from glm_operator.api.model import Ensemble, ModelSpec
from glm_operator.resources.model_config import ensemble_config, model_config, parse_config

GOLDEN = Path(__file__).parent / "golden/config"
TENSORS = {"inputs": [TENSOR_IN], "outputs": [TENSOR_OUT]}
QUEUE = {
    "preferredBatchSizes": [4, 8],
    "maxQueueDelayMicroseconds": 2000,
    "maxQueueSize": 256,
    "defaultTimeoutMicroseconds": 50_000,
    "timeoutAction": "Delay",
    "allowTimeoutOverride": True,
    "priorityLevels": 3,
    "defaultPriorityLevel": 2,
}
LIMITER = {"resources": [{"name": "bandwidth", "count": 2}, {"name": "licence", "global": True}], "priority": 2}

MODELS = {
    "python": (0, {"engine": "Python", **TENSORS}),
    "python-streaming": (0, {"engine": "Python", **TENSORS, "maxBatchSize": 0, "decoupled": True}),
    "python-limited": (0, {"engine": "Python", **TENSORS, "instances": {"count": 2, "rateLimiter": LIMITER}}),
    "tensorrt": (1, {"engine": "TensorRT", "precision": "FP16", "optimization": {"cudaGraphs": True}}),
    "onnxruntime": (
        0,
        {
            "engine": "ONNXRuntime",
            **TENSORS,
            "dynamicBatching": QUEUE,
            "optimization": {"graphLevel": "Basic"},
            "warmup": {"batchSizes": [1, 8]},
            "responseCache": True,
            "versionPolicy": {"specific": [2, 1]},
            "parameters": {"intra_op_thread_count": "2"},
        },
    ),
    "onnxruntime-tensorrt": (
        2,
        {
            "engine": "ONNXRuntime",
            "precision": "INT8",
            "accelerator": {"name": "TensorRT", "parameters": {"trt_engine_cache_enable": "true"}},
        },
    ),
    "onnxruntime-openvino": (0, {"engine": "ONNXRuntime", "accelerator": {"name": "OpenVINO"}}),
    "openvino": (0, {"engine": "OpenVINO", "maxBatchSize": 4, "parameters": {"PERFORMANCE_HINT": "THROUGHPUT"}}),
    "pytorch": (1, {"engine": "PyTorch", **TENSORS, "instances": {"kind": "GPU", "count": 2}}),
    "vllm": (1, {"engine": "VLLM"}),
    "tensorrtllm": (1, {"engine": "TensorRTLLM", **TENSORS, "decoupled": True, "versionPolicy": {"latest": 1}}),
}
ENSEMBLE = {
    "name": "both",
    "maxBatchSize": 4,
    "inputs": [TENSOR_IN | {"name": "raw"}],
    "outputs": [TENSOR_OUT | {"name": "label"}],
    "steps": [
        {"model": "first", "inputMap": {"input": "raw"}, "outputMap": {"output": "features"}},
        {"model": "second", "inputMap": {"input": "features"}, "outputMap": {"output": "label"}},
    ],
}


def printed(name):
    if name == "ensemble":
        return ensemble_config(Ensemble.model_validate(ENSEMBLE))
    gpus, fields = MODELS[name]
    return model_config(ModelSpec.model_validate({"name": "golden"} | fields), gpus)


@pytest.mark.parametrize("name", [*MODELS, "ensemble"])
def test_the_configuration_is_the_golden_one(name):
    path = GOLDEN / f"{name}.pbtxt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(printed(name))
    assert printed(name) == path.read_text()


@pytest.mark.parametrize("name", [*MODELS, "ensemble"])
def test_what_is_printed_reads_back_as_the_same_message(name):
    assert text_format.MessageToString(parse_config(printed(name))) == printed(name)


def test_no_golden_file_is_left_over():
    assert {path.stem for path in GOLDEN.iterdir()} == {*MODELS, "ensemble"}


def test_every_engine_has_a_golden_file():
    engines = ModelSpec.model_json_schema()["properties"]["engine"]["enum"]
    assert {fields["engine"] for _, fields in MODELS.values()} == set(engines)
