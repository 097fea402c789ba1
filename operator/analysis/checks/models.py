"""Models: settings that have no effect, or another than they seem to."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from glm_operator.analysis.finding import Problem
from glm_operator.analysis.subject import Subject
from glm_operator.api.model import SELF_PLACING_ENGINES, ModelSpec
from glm_operator.api.runtime import RATE_LIMIT_RESOURCE

MANY_MODELS: Final = 16
_CPU_ENGINES: Final = frozenset({"OpenVINO"})
_ENGINE_CACHE: Final = "trt_engine_cache_enable"
_CALIBRATION: Final = frozenset({"trt_int8_calibration_table_name", "trt_int8_calib_table_name"})


def accelerators(subject: Subject) -> Iterator[Problem]:
    """What the TensorRT accelerator of ONNX Runtime needs in order to be of use."""
    for index, model in enumerate(subject.spec.models):
        if model.accelerator is None or model.accelerator.name != "TensorRT":
            continue
        path = ("spec", "models", index, "accelerator")
        parameters = model.accelerator.parameters
        if subject.spec.runtime.gpu.count == 0 or model.instances.kind == "CPU":
            yield Problem("GLM132", path, f"model {model.name} runs on the CPU, where TensorRT can't")
        elif parameters.get(_ENGINE_CACHE, "").lower() not in {"true", "1"}:
            yield Problem("GLM130", path, f"model {model.name} builds its engine, for minutes, at each start of a pod")
        if model.precision == "INT8" and not _CALIBRATION & parameters.keys():
            yield Problem("GLM133", path, f"model {model.name}: TensorRT has no ranges to compute in INT8 with")


def gpus_are_used(subject: Subject) -> Iterator[Problem]:
    """GPUs cost much, so none should be set aside for nothing."""
    models = subject.spec.models
    if subject.spec.runtime.gpu.count and all(model.instances.kind == "CPU" or _on_cpu(model) for model in models):
        yield Problem("GLM134", ("spec", "runtime", "gpu"), "every model runs on the CPU, and the pods hold GPUs")


def some_model_is_required(subject: Subject) -> Iterator[Problem]:
    """A pod is ready when its required models are."""
    if not any(model.required for model in subject.spec.models):
        yield Problem("GLM135", ("spec", "models"), "no model is required: pods get requests before anything is loaded")


def tensors(subject: Subject) -> Iterator[Problem]:
    """Names and shapes of the tensors of models and ensembles."""
    for kind, owners in (("models", subject.spec.models), ("ensembles", subject.spec.ensembles)):
        for index, owner in enumerate(owners):
            for side in ("inputs", "outputs"):
                listed = getattr(owner, side)
                names = Counter(tensor.name for tensor in listed)
                for position, tensor in enumerate(listed):
                    path = ("spec", kind, index, side, position)
                    if names[tensor.name] > 1:
                        yield Problem("GLM140", (*path, "name"), f"{tensor.name} stands {names[tensor.name]} times")
                    if 0 in tensor.dims:
                        yield Problem("GLM139", (*path, "dims"), f"{tensor.name} holds no element")


def number_of_models(subject: Subject) -> Iterator[Problem]:
    """All models are loaded by every pod."""
    count = len(subject.spec.models)
    if count > MANY_MODELS:
        yield Problem("GLM141", ("spec", "models"), f"each pod loads {count} models, and scales with all of them")


def queues(subject: Subject) -> Iterator[Problem]:
    """A batch of one leaves nothing to join."""
    for index, model in enumerate(subject.spec.models):
        batching = model.dynamic_batching
        if batching is not None and batching.max_queue_delay_microseconds and model.effective_max_batch_size == 1:
            path = ("spec", "models", index, "dynamicBatching", "maxQueueDelayMicroseconds")
            yield Problem("GLM142", path, f"model {model.name} takes batches of one, so that requests wait in vain")


def limiters(subject: Subject) -> Iterator[Problem]:
    """A model that needs more of a resource than there is can't be loaded."""
    listed = dict(_listed_resources(subject.spec.runtime.extra_args))
    for index, model in enumerate(subject.spec.models):
        limiter = model.instances.rate_limiter
        for position, resource in enumerate(limiter.resources if limiter is not None else ()):
            there = listed.get(resource.name, resource.count)
            if resource.count > there:
                path = ("spec", "models", index, "instances", "rateLimiter", "resources", position, "count")
                message = (
                    f"an instance of {model.name} needs {resource.count} of {resource.name}, and there are {there}"
                )
                yield Problem("GLM144", path, message)


def _listed_resources(arguments: list[str]) -> Iterator[tuple[str, int]]:
    for argument in arguments:
        flag, _, value = argument.partition("=")
        name, _, rest = value.partition(":")
        count = rest.partition(":")[0]
        if flag == RATE_LIMIT_RESOURCE and count.isascii() and count.isdigit():
            yield name, int(count)


def _on_cpu(model: ModelSpec) -> bool:
    return model.engine in _CPU_ENGINES and model.engine not in SELF_PLACING_ENGINES


CHECKS: Final = (accelerators, gpus_are_used, some_model_is_required, tensors, number_of_models, queues, limiters)
