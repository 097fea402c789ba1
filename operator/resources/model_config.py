"""`config.pbtxt` of a model or ensemble, built as Triton's own protobuf and printed from it.

Field names and meanings: Triton's model_config.proto; graph levels: README of its ONNX Runtime backend. No string of a
user is ever spliced into text: protobuf's printer quotes it.
"""

from collections.abc import Iterable
from typing import Any, Final

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from glm_operator.api.model import (
    SELF_PLACING_ENGINES,
    DynamicBatching,
    Ensemble,
    ModelSpec,
    RateLimiter,
    Tensor,
    VersionPolicy,
)

BACKENDS: Final = {
    "TensorRT": "tensorrt",
    "ONNXRuntime": "onnxruntime",
    "OpenVINO": "openvino",
    "PyTorch": "pytorch",
    "Python": "python",
    "VLLM": "vllm",
    "TensorRTLLM": "tensorrtllm",
}
_GRAPH_LEVELS: Final = {"Off": 2, "Basic": -1}
"""ONNX Runtime's levels as its backend reads them; without a level all optimisations are on."""


def model_config(model: ModelSpec, gpus: int) -> str:
    """The configuration of one model in a pod with `gpus` GPUs."""
    config = pb.ModelConfig(
        name=model.name,
        backend=BACKENDS[model.engine],
        max_batch_size=model.effective_max_batch_size,
        input=[pb.ModelInput(name=t.name, data_type=_data_type(t), dims=t.dims) for t in model.inputs],
        output=[pb.ModelOutput(name=t.name, data_type=_data_type(t), dims=t.dims) for t in model.outputs],
        instance_group=[_instance_group(model, gpus)],
        parameters={key: pb.ModelParameter(string_value=value) for key, value in sorted(model.parameters.items())},
    )
    if model.effective_max_batch_size > 1 or model.dynamic_batching is not None:
        config.dynamic_batching.CopyFrom(_dynamic_batching(model))
    _optimize(config, model)
    if model.version_policy is not None:
        config.version_policy.CopyFrom(_version_policy(model.version_policy))
    if model.response_cache:
        config.response_cache.enable = True
    if model.decoupled:
        config.model_transaction_policy.decoupled = True
    if model.warmup is not None:
        config.model_warmup.extend(_warmup(model, model.warmup.batch_sizes))
    return printed_config(config)


def ensemble_config(ensemble: Ensemble) -> str:
    """The configuration of an ensemble."""
    steps = [
        pb.ModelEnsembling.Step(
            model_name=step.model, model_version=-1, input_map=step.input_map, output_map=step.output_map
        )
        for step in ensemble.steps
    ]
    config = pb.ModelConfig(
        name=ensemble.name,
        platform="ensemble",
        max_batch_size=ensemble.max_batch_size,
        input=[pb.ModelInput(name=t.name, data_type=_data_type(t), dims=t.dims) for t in ensemble.inputs],
        output=[pb.ModelOutput(name=t.name, data_type=_data_type(t), dims=t.dims) for t in ensemble.outputs],
        ensemble_scheduling=pb.ModelEnsembling(step=steps),
    )
    return printed_config(config)


def parse_config(text: str) -> Any:
    """The protobuf of a printed configuration.

    Raises:
        google.protobuf.text_format.ParseError: when it isn't one.
    """
    return text_format.Parse(text, pb.ModelConfig())


def printed_config(config: Any) -> str:
    """A configuration as `config.pbtxt` holds it."""
    return str(text_format.MessageToString(config))


def _data_type(tensor: Tensor) -> Any:
    return pb.DataType.Value("TYPE_STRING" if tensor.data_type == "BYTES" else f"TYPE_{tensor.data_type}")


def _instance_group(model: ModelSpec, gpus: int) -> Any:
    kinds = {"Auto": "KIND_GPU" if gpus else "KIND_CPU", "GPU": "KIND_GPU", "CPU": "KIND_CPU"}
    kind = "KIND_MODEL" if model.engine in SELF_PLACING_ENGINES else kinds[model.instances.kind]
    limiter = model.instances.rate_limiter
    return pb.ModelInstanceGroup(
        kind=pb.ModelInstanceGroup.Kind.Value(kind),
        count=model.instances.count,
        rate_limiter=None if limiter is None else _rate_limiter(limiter),
    )


def _rate_limiter(limiter: RateLimiter) -> Any:
    resources = [
        # `global` is a word of Python's own, so it can't be written as an argument's name.
        pb.ModelRateLimiter.Resource(name=resource.name, count=resource.count, **{"global": resource.is_global})
        for resource in limiter.resources
    ]
    return pb.ModelRateLimiter(resources=resources, priority=limiter.priority)


def _version_policy(policy: VersionPolicy) -> Any:
    if policy.specific is not None:
        return pb.ModelVersionPolicy(specific=pb.ModelVersionPolicy.Specific(versions=sorted(policy.specific)))
    return pb.ModelVersionPolicy(latest=pb.ModelVersionPolicy.Latest(num_versions=policy.latest))


def _dynamic_batching(model: ModelSpec) -> Any:
    batching = model.dynamic_batching
    result = pb.ModelDynamicBatching()
    if batching is not None:
        result.preferred_batch_size.extend(sorted(batching.preferred_batch_sizes))
        result.max_queue_delay_microseconds = batching.max_queue_delay_microseconds
        result.priority_levels = batching.priority_levels
        result.default_priority_level = batching.default_priority_level
        policy = _queue_policy(batching)
        if policy != pb.ModelQueuePolicy():
            result.default_queue_policy.CopyFrom(policy)
    return result


def _queue_policy(batching: DynamicBatching) -> Any:
    return pb.ModelQueuePolicy(
        timeout_action=batching.timeout_action.upper(),
        default_timeout_microseconds=batching.default_timeout_microseconds,
        allow_timeout_override=batching.allow_timeout_override,
        max_queue_size=batching.max_queue_size,
    )


def _optimize(config: Any, model: ModelSpec) -> None:
    if model.engine == "ONNXRuntime" and model.optimization.graph_level in _GRAPH_LEVELS:
        config.optimization.graph.level = _GRAPH_LEVELS[model.optimization.graph_level]
    if model.optimization.cuda_graphs:
        config.optimization.cuda.graphs = True
    if model.accelerator is None:
        return
    accelerators = config.optimization.execution_accelerators
    if model.accelerator.name == "OpenVINO":
        accelerators.cpu_execution_accelerator.add(name="openvino")
        return
    parameters = {"precision_mode": model.precision} | dict(sorted(model.accelerator.parameters.items()))
    accelerators.gpu_execution_accelerator.add(name="tensorrt", parameters=parameters)


def _warmup(model: ModelSpec, batch_sizes: Iterable[int]) -> Iterable[Any]:
    for size in batch_sizes:
        inputs = {
            tensor.name: pb.ModelWarmup.Input(
                data_type=_data_type(tensor), dims=[max(dim, 1) for dim in tensor.dims], zero_data=True
            )
            for tensor in model.inputs
        }
        yield pb.ModelWarmup(name=f"batch-{size}", batch_size=size, count=1, inputs=inputs)
