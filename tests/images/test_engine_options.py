import pytest

from images.engines.options import (
    Engine,
    GraphOptimization,
    OnnxRuntimeOptions,
    OptionError,
    engine,
    onnx_runtime_options,
    openvino_options,
)


def configuration(backend="onnxruntime", level=None, accelerators=None, **parameters):
    """A model configuration as Triton hands it to a backend."""
    optimization = {"execution_accelerators": accelerators or {}}
    if level is not None:
        optimization["graph"] = {"level": level}
    return {
        "backend": backend,
        "optimization": optimization,
        "parameters": {key.replace("__", "."): {"string_value": value} for key, value in parameters.items()},
    }


OPENVINO = {"cpu_execution_accelerator": [{"name": "openvino"}], "gpu_execution_accelerator": []}
TENSORRT = {"cpu_execution_accelerator": [], "gpu_execution_accelerator": [{"name": "tensorrt"}]}
ARMNN = {"cpu_execution_accelerator": [{"name": "armnn"}]}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param(configuration(), Engine.ONNX_RUNTIME, id="the onnxruntime backend runs ONNX Runtime"),
        pytest.param(configuration("openvino"), Engine.OPENVINO, id="the openvino backend runs OpenVINO"),
        pytest.param(
            configuration(accelerators=OPENVINO),
            Engine.OPENVINO,
            id="ONNX Runtime accelerated by OpenVINO runs OpenVINO",
        ),
    ],
)
def test_engine(config, expected):
    assert engine(config) is expected


@pytest.mark.parametrize(
    ("config", "message"),
    [
        pytest.param(configuration(accelerators=TENSORRT), "CPU engines only", id="a GPU accelerator is refused"),
        pytest.param(
            configuration(accelerators=ARMNN), "unknown CPU accelerator 'armnn'", id="an unknown accelerator is refused"
        ),
        pytest.param(configuration("pytorch"), "no engine for backend 'pytorch'", id="another backend is refused"),
    ],
)
def test_engine_refusals(config, message):
    with pytest.raises(OptionError, match=message):
        engine(config)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param(configuration(), OnnxRuntimeOptions(), id="nothing asked for is ONNX Runtime's own default"),
        pytest.param(
            {"backend": "onnxruntime"}, OnnxRuntimeOptions(), id="a configuration without optimization is the default"
        ),
        pytest.param(
            configuration(level=-1), OnnxRuntimeOptions(GraphOptimization.BASIC), id="graph level -1 is basic"
        ),
        pytest.param(
            configuration(level=1), OnnxRuntimeOptions(GraphOptimization.EXTENDED), id="graph level 1 is extended"
        ),
        pytest.param(
            configuration(level=2), OnnxRuntimeOptions(GraphOptimization.DISABLED), id="graph level 2 is none at all"
        ),
        pytest.param(
            configuration(intra_op_thread_count="2", inter_op_thread_count="3", execution_mode="1"),
            OnnxRuntimeOptions(intra_op_threads=2, inter_op_threads=3, parallel_execution=True),
            id="threads and the execution mode come from the parameters",
        ),
        pytest.param(
            configuration(enable_mem_arena="0", enable_mem_pattern=" 0 "),
            OnnxRuntimeOptions(memory_arena=False, memory_pattern=False),
            id="the memory arena and pattern can be switched off",
        ),
        pytest.param(
            configuration(session__intra_op__allow_spinning="0", unrelated="x"),
            OnnxRuntimeOptions(session_entries={"session.intra_op.allow_spinning": "0"}),
            id="session entries are handed through and other parameters are not",
        ),
    ],
)
def test_onnx_runtime_options(config, expected):
    assert onnx_runtime_options(config) == expected


@pytest.mark.parametrize(
    ("config", "message"),
    [
        pytest.param(configuration(level=3), r"optimization.graph.level is 3", id="an unknown graph level is refused"),
        pytest.param(
            configuration(intra_op_thread_count="-1"), "whole number", id="a negative thread count is refused"
        ),
        pytest.param(configuration(execution_mode="parallel"), "takes 0 or 1", id="a switch that is a word is refused"),
    ],
)
def test_onnx_runtime_refusals(config, message):
    with pytest.raises(OptionError, match=message):
        onnx_runtime_options(config)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param(configuration("openvino"), {}, id="nothing asked for leaves OpenVINO its defaults"),
        pytest.param(
            configuration("openvino", PERFORMANCE_HINT="THROUGHPUT", NUM_STREAMS="AUTO", INFERENCE_NUM_THREADS="4"),
            {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": "AUTO", "INFERENCE_NUM_THREADS": "4"},
            id="hint, streams and threads are handed to OpenVINO",
        ),
        pytest.param(
            configuration("openvino", TARGET_DEVICE="CPU", SKIP_OV_DYNAMIC_BATCHSIZE="YES"),
            {},
            id="settings of the native backend that mean nothing here are not handed on",
        ),
    ],
)
def test_openvino_options(config, expected):
    assert openvino_options(config).properties == expected


@pytest.mark.parametrize(
    ("config", "message"),
    [
        pytest.param(
            configuration("openvino", TARGET_DEVICE="GPU"), "CPU engines only", id="another device is refused"
        ),
        pytest.param(
            configuration("openvino", PERFORMANCE_HINT="FAST"), "it can be LATENCY", id="an unknown hint is refused"
        ),
        pytest.param(
            configuration("openvino", NUM_STREAMS="many"), "whole number", id="streams that are no number are refused"
        ),
    ],
)
def test_openvino_refusals(config, message):
    with pytest.raises(OptionError, match=message):
        openvino_options(config)
