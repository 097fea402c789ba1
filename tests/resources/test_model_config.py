"""`config.pbtxt`: what each field becomes, and that no user's string can leave its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import model_config_pb2 as pb

from bodies import TENSOR_IN, TENSOR_OUT, model
from glm_operator.api.model import Ensemble, ModelSpec
from glm_operator.resources.model_config import ensemble_config, model_config, parse_config


def config_of(gpus: int = 0, **fields):
    return parse_config(model_config(ModelSpec.model_validate(model(**fields)), gpus))


@pytest.mark.parametrize(
    ("engine", "backend"),
    [("Python", "python"), ("ONNXRuntime", "onnxruntime"), ("OpenVINO", "openvino"), ("TensorRT", "tensorrt")],
)
def test_an_engine_is_a_backend(engine, backend):
    assert config_of(engine=engine).backend == backend


def test_tensors_keep_name_type_and_shape():
    tensor = {"name": "text", "dataType": "BYTES", "dims": [-1, 2]}
    config = config_of(inputs=[tensor])
    assert (config.input[0].name, config.input[0].data_type, list(config.input[0].dims)) == (
        "text",
        pb.TYPE_STRING,
        [-1, 2],
    )


@pytest.mark.parametrize(
    ("fields", "batches"),
    [
        pytest.param({}, True, id="requests are joined when the user says nothing"),
        pytest.param({"maxBatchSize": 1}, False, id="batches of one need no joining"),
        pytest.param({"maxBatchSize": 1, "dynamicBatching": {}}, True, id="but a queue that was asked for is there"),
        pytest.param({"maxBatchSize": 0}, False, id="a model without a batch dimension has no batches"),
    ],
)
def test_dynamic_batching(fields, batches):
    assert config_of(**fields).HasField("dynamic_batching") == batches


def test_dynamic_batching_takes_its_limits():
    batching = {"preferredBatchSizes": [8, 4], "maxQueueDelayMicroseconds": 2000, "maxQueueSize": 256}
    dynamic = config_of(dynamicBatching=batching).dynamic_batching
    assert (list(dynamic.preferred_batch_size), dynamic.max_queue_delay_microseconds) == ([4, 8], 2000)
    assert dynamic.default_queue_policy.max_queue_size == 256


@pytest.mark.parametrize(
    ("kind", "gpus", "expected"),
    [
        pytest.param("Auto", 0, pb.ModelInstanceGroup.KIND_CPU, id="auto without a GPU is the CPU"),
        pytest.param("Auto", 1, pb.ModelInstanceGroup.KIND_GPU, id="auto with a GPU is the GPU"),
        pytest.param("CPU", 1, pb.ModelInstanceGroup.KIND_CPU, id="the CPU by choice"),
    ],
)
def test_instances(kind, gpus, expected):
    group = config_of(gpus, instances={"kind": kind, "count": 3}).instance_group[0]
    assert (group.kind, group.count) == (expected, 3)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        pytest.param("All", None, id="all optimisations are the backend's default"),
        pytest.param("Basic", -1, id="basic leaves out operator fusion"),
        pytest.param("Off", 2, id="off disables them all"),
    ],
)
def test_the_graph_level_is_the_onnx_runtime_backends(level, expected):
    optimization = config_of(engine="ONNXRuntime", optimization={"graphLevel": level}).optimization
    assert (optimization.graph.level if optimization.HasField("graph") else None) == expected


def test_the_tensorrt_accelerator_computes_in_the_models_precision():
    accelerator = {"name": "TensorRT", "parameters": {"trt_engine_cache_enable": "true"}}
    config = config_of(engine="ONNXRuntime", precision="FP16", accelerator=accelerator)
    gpu = config.optimization.execution_accelerators.gpu_execution_accelerator[0]
    assert gpu.name == "tensorrt"
    assert dict(gpu.parameters) == {"precision_mode": "FP16", "trt_engine_cache_enable": "true"}


def test_a_warm_up_request_has_one_element_where_the_shape_is_open():
    config = config_of(inputs=[TENSOR_IN | {"dims": [-1, 3]}], warmup={"batchSizes": [1, 8]})
    assert [warmup.batch_size for warmup in config.model_warmup] == [1, 8]
    assert list(config.model_warmup[0].inputs["input"].dims) == [1, 3]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param({"latest": 2}, "latest { num_versions: 2 }", id="the highest two"),
        pytest.param({"specific": [3, 1]}, "specific { versions: 1 versions: 3 }", id="just these"),
    ],
)
def test_the_version_policy(policy, expected):
    assert " ".join(str(config_of(versionPolicy=policy).version_policy).split()) == expected


def test_a_response_cache_is_switched_on_for_the_model():
    assert config_of(responseCache=True).response_cache.enable


def test_a_decoupled_model_may_stream():
    assert config_of(decoupled=True).model_transaction_policy.decoupled


def test_an_ensemble_maps_the_tensors_of_its_steps():
    step = {"model": "echo", "inputMap": {"input": "raw"}, "outputMap": {"output": "done"}}
    ensemble = Ensemble.model_validate(
        {"name": "whole", "inputs": [TENSOR_IN | {"name": "raw"}], "outputs": [TENSOR_OUT], "steps": [step]}
    )
    config = parse_config(ensemble_config(ensemble))
    assert config.platform == "ensemble"
    assert dict(config.ensemble_scheduling.step[0].input_map) == {"input": "raw"}


@given(st.text(max_size=200))
def test_no_parameter_value_leaves_its_place(value):
    spec = ModelSpec.model_validate(model(parameters={"key": value}))
    config = parse_config(model_config(spec, 0))
    assert config.parameters["key"].string_value == value
    assert (config.name, len(config.parameters)) == ("echo", 1)
