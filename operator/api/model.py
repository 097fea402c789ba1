"""`spec.models[]` and `spec.ensembles[]`: what is served, by which engine, with which tensors."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from glm_operator.api.base import ApiModel, Rule
from glm_operator.api.types import DataType, DnsLabel, ParameterName, ShortText, TensorName

Engine = Literal["TensorRT", "ONNXRuntime", "OpenVINO", "PyTorch", "Python", "VLLM", "TensorRTLLM"]
Precision = Literal["FP32", "FP16", "BF16", "INT8"]

DEFAULT_MAX_BATCH_SIZE: Final = 8
_MAX_BATCH_CEL: Final = (
    f"(has(self.maxBatchSize) ? self.maxBatchSize : (self.engine == 'VLLM' ? 0 : {DEFAULT_MAX_BATCH_SIZE}))"
)
SELF_PLACING_ENGINES: Final[frozenset[str]] = frozenset({"VLLM", "TensorRTLLM"})
"""Engines that choose their devices themselves."""
UNBATCHED_ENGINES: Final[frozenset[str]] = frozenset({"VLLM"})
"""Engines that batch inside themselves; Triton must be told a maximum batch size of 0."""


class Tensor(ApiModel):
    """One input or output of a model, without the batch dimension."""

    name: TensorName
    """Name of the tensor as the model file has it."""
    data_type: DataType
    """Element type."""
    dims: Annotated[list[Annotated[int, Field(ge=-1, le=2**31 - 1)]], Field(min_length=1, max_length=8)]
    """Shape without the batch dimension; -1 is a dimension of any size."""


class DynamicBatching(ApiModel):
    """How Triton joins requests into batches."""

    preferred_batch_sizes: Annotated[list[Annotated[int, Field(ge=1, le=4096)]], Field(max_length=8)] = []
    """Batch sizes that are sent off at once; empty: as large as possible."""
    max_queue_delay_microseconds: Annotated[int, Field(ge=0, le=60_000_000)] = 0
    """How long a request may wait for others to join it."""
    max_queue_size: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Requests that may wait before new ones are refused; 0: no limit."""
    default_timeout_microseconds: Annotated[int, Field(ge=0, le=3_600_000_000)] = 0
    """How long a request may wait in the queue when it names no time of its own; 0: no limit."""
    timeout_action: Literal["Reject", "Delay"] = "Reject"
    """What becomes of a request that has waited for too long: `Delay` serves it after all the others."""
    allow_timeout_override: bool = False
    """Whether a request may name a shorter time of its own."""
    priority_levels: Annotated[int, Field(ge=0, le=1000)] = 0
    """How many priorities there are, 1 being served first; 0: none."""
    default_priority_level: Annotated[int, Field(ge=0, le=1000)] = 0
    """The priority of a request that names none; needed with `priorityLevels`."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="GLM119",
            cel="self.timeoutAction != 'Delay' || self.defaultTimeoutMicroseconds > 0 || self.allowTimeoutOverride",
            message="timeoutAction: Delay acts on requests that time out, and none does; set"
            " defaultTimeoutMicroseconds, or allowTimeoutOverride: true",
            holds=lambda batching: (
                batching.timeout_action != "Delay"
                or batching.default_timeout_microseconds > 0
                or batching.allow_timeout_override
            ),
        ),
        Rule(
            code="GLM120",
            cel="self.priorityLevels == 0 ? self.defaultPriorityLevel == 0 :"
            " self.defaultPriorityLevel >= 1 && self.defaultPriorityLevel <= self.priorityLevels",
            message="defaultPriorityLevel must be from 1 to priorityLevels, and left out where there are no levels",
            holds=lambda batching: (
                1 <= batching.default_priority_level <= batching.priority_levels
                if batching.priority_levels
                else batching.default_priority_level == 0
            ),
        ),
    )


class RateLimiterResource(ApiModel):
    """Something that instances must hold while they run, such as a share of a device's memory bandwidth."""

    name: ParameterName
    """Its name; the same one in several models makes them share it."""
    count: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """How many of it one instance holds while it runs."""
    is_global: Annotated[bool, Field(alias="global")] = False
    """Whether all devices share it; else each device has its own."""


class RateLimiter(ApiModel):
    """When an instance may run. There is as much of a resource as its largest taker needs, or as `extraArgs` says."""

    resources: Annotated[
        list[RateLimiterResource],
        Field(
            max_length=16, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
        ),
    ] = []
    """What an instance must hold while it runs."""
    priority: Annotated[int, Field(ge=1, le=1000)] = 1
    """How often an instance gets its turn: with 2, half as often as with 1."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="GLM121",
            cel=None,
            message="two resources of rateLimiter have the same name; give each its own",
            holds=lambda limiter: len({resource.name for resource in limiter.resources}) == len(limiter.resources),
        ),
    )


class Instances(ApiModel):
    """How many copies of the model run in one pod, and on what."""

    kind: Literal["Auto", "GPU", "CPU"] = "Auto"
    """`Auto`: a GPU where the pod has one, else the CPU."""
    count: Annotated[int, Field(ge=1, le=64)] = 1
    """Copies on each device."""
    rate_limiter: RateLimiter | None = None
    """When left out, instances run as soon as they have requests."""

    @property
    def limiting_resources(self) -> frozenset[str]:
        """Names of what an instance must hold while it runs."""
        resources = self.rate_limiter.resources if self.rate_limiter is not None else []
        return frozenset(resource.name for resource in resources)


class Accelerator(ApiModel):
    """An execution accelerator of ONNX Runtime."""

    name: Literal["TensorRT", "OpenVINO"]
    """Which one."""
    parameters: Annotated[dict[ParameterName, Annotated[ShortText, Field(max_length=256)]], Field(max_length=32)] = {}
    """Parameters of the accelerator, as Triton names them."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="GLM117",
            cel="self.name != 'OpenVINO' || !has(self.parameters) || size(self.parameters) == 0",
            message="the OpenVINO accelerator takes no parameters; remove accelerator.parameters",
            holds=lambda accelerator: accelerator.name != "OpenVINO" or not accelerator.parameters,
        ),
    )


class Optimization(ApiModel):
    """What the engine may change about the model before it runs it."""

    graph_level: Literal["Off", "Basic", "All"] = "All"
    """Graph optimisation: `Off`, `Basic` (no operator fusion) or `All` (with it)."""
    cuda_graphs: bool = False
    """Replay captured CUDA graphs (TensorRT only)."""


class Warmup(ApiModel):
    """Requests that a model answers before it counts as loaded."""

    batch_sizes: Annotated[list[Annotated[int, Field(ge=1, le=4096)]], Field(min_length=1, max_length=8)]
    """One request of each of these batch sizes."""


class VersionPolicy(ApiModel):
    """Which versions of the repository are served. Exactly one of the two."""

    latest: Annotated[int, Field(ge=1, le=64)] | None = None
    """The highest so many."""
    specific: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=64)] | None = None
    """Just these."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="GLM118",
            cel="has(self.latest) != has(self.specific)",
            message="versionPolicy needs exactly one of latest, specific",
            holds=lambda policy: (policy.latest is None) != (policy.specific is None),
        ),
    )


class ModelSpec(ApiModel):
    """One model."""

    name: DnsLabel
    """Name under which it is served, and of its folder in the repository."""
    engine: Engine
    """What runs it."""
    precision: Precision = "FP32"
    """Numeric precision that the engine computes in."""
    max_batch_size: Annotated[int, Field(ge=0, le=4096)] | None = None
    """Largest batch; 0: the model has no batch dimension. When left out: 8, and 0 for VLLM."""
    inputs: Annotated[list[Tensor], Field(max_length=64)] = []
    """Input tensors; may be left out where the engine can read them from the model file."""
    outputs: Annotated[list[Tensor], Field(max_length=64)] = []
    """Output tensors; may be left out where the engine can read them from the model file."""
    dynamic_batching: DynamicBatching | None = None
    """How requests are joined; when left out, requests are joined without waiting."""
    instances: Instances = Instances()
    """Copies in one pod."""
    accelerator: Accelerator | None = None
    """Execution accelerator (ONNXRuntime only)."""
    optimization: Optimization = Optimization()
    """Graph optimisation."""
    warmup: Warmup | None = None
    """Requests before it counts as loaded."""
    version_policy: VersionPolicy | None = None
    """Versions that are served; when left out, the highest."""
    response_cache: bool = False
    """Answer a request that was answered before from memory, without running the model."""
    decoupled: bool = False
    """The model may send no, one or many answers to a request (streams)."""
    parameters: Annotated[dict[ParameterName, Annotated[ShortText, Field(max_length=1024)]], Field(max_length=64)] = {}
    """Parameters passed to the backend as they are."""
    required: bool = True
    """False: the others are served although this one failed to load."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="GLM108",
            cel="!has(self.accelerator) || self.engine == 'ONNXRuntime'",
            message="accelerator works with engine ONNXRuntime only; remove it, or set engine: ONNXRuntime",
            holds=lambda model: model.accelerator is None or model.engine == "ONNXRuntime",
        ),
        Rule(
            code="GLM109",
            cel="!has(self.optimization) || !self.optimization.cudaGraphs || self.engine == 'TensorRT'",
            message="optimization.cudaGraphs works with engine TensorRT only; remove it, or set engine: TensorRT",
            holds=lambda model: not model.optimization.cuda_graphs or model.engine == "TensorRT",
        ),
        Rule(
            code="GLM110",
            cel="self.engine != 'VLLM' || !has(self.maxBatchSize) || self.maxBatchSize == 0",
            message="engine VLLM batches by itself; leave maxBatchSize out, or set it to 0",
            holds=lambda model: model.engine != "VLLM" or not model.max_batch_size,
        ),
        Rule(
            code="GLM111",
            cel="!has(self.dynamicBatching) ||"
            " (has(self.maxBatchSize) ? self.maxBatchSize > 0 : self.engine != 'VLLM')",
            message="dynamicBatching needs a batch dimension; remove it, or set maxBatchSize to 1 or more",
            holds=lambda model: model.dynamic_batching is None or model.effective_max_batch_size > 0,
        ),
        Rule(
            code="GLM112",
            cel="!has(self.dynamicBatching) || !has(self.dynamicBatching.preferredBatchSizes) ||"
            f" self.dynamicBatching.preferredBatchSizes.all(size, size <= {_MAX_BATCH_CEL})",
            message="a preferredBatchSizes entry is above maxBatchSize; remove it, or raise maxBatchSize",
            holds=lambda model: all(
                size <= model.effective_max_batch_size
                for size in (model.dynamic_batching.preferred_batch_sizes if model.dynamic_batching else ())
            ),
        ),
        Rule(
            code="GLM113",
            cel=f"!has(self.warmup) || self.warmup.batchSizes.all(size, size <= {_MAX_BATCH_CEL} || size == 1)",
            message="warmup.batchSizes holds a size above maxBatchSize; remove it, or raise maxBatchSize",
            holds=lambda model: all(
                size <= max(model.effective_max_batch_size, 1)
                for size in (model.warmup.batch_sizes if model.warmup else ())
            ),
        ),
        Rule(
            code="GLM114",
            cel="!has(self.warmup) || (has(self.inputs) && size(self.inputs) > 0)",
            message="warmup makes its requests from inputs; list them",
            holds=lambda model: model.warmup is None or bool(model.inputs),
        ),
        Rule(
            code="GLM115",
            cel="!self.responseCache || !self.decoupled",
            message="a decoupled model's answers can't be cached; remove responseCache, or decoupled",
            holds=lambda model: not (model.response_cache and model.decoupled),
        ),
        Rule(
            code="GLM116",
            cel="self.engine != 'Python' || (has(self.inputs) && size(self.inputs) > 0 && has(self.outputs)"
            " && size(self.outputs) > 0)",
            message="engine Python cannot read the tensors from a file; list inputs and outputs",
            holds=lambda model: model.engine != "Python" or (bool(model.inputs) and bool(model.outputs)),
        ),
    )

    @property
    def effective_max_batch_size(self) -> int:
        """The largest batch, with the default filled in."""
        if self.max_batch_size is not None:
            return self.max_batch_size
        return 0 if self.engine in UNBATCHED_ENGINES else DEFAULT_MAX_BATCH_SIZE


class EnsembleStep(ApiModel):
    """One step: a model, and which tensors go in and come out."""

    model: DnsLabel
    """Name of a model of this resource."""
    input_map: Annotated[dict[TensorName, TensorName], Field(max_length=64)]
    """The model's input name to the ensemble's tensor name."""
    output_map: Annotated[dict[TensorName, TensorName], Field(max_length=64)]
    """The model's output name to the ensemble's tensor name."""


class Ensemble(ApiModel):
    """Several models behind one name."""

    name: DnsLabel
    """Name under which it is served."""
    max_batch_size: Annotated[int, Field(ge=0, le=4096)] = DEFAULT_MAX_BATCH_SIZE
    """Largest batch; must not be above that of a member."""
    inputs: Annotated[list[Tensor], Field(min_length=1, max_length=64)]
    """Input tensors of the whole."""
    outputs: Annotated[list[Tensor], Field(min_length=1, max_length=64)]
    """Output tensors of the whole."""
    steps: Annotated[list[EnsembleStep], Field(min_length=1, max_length=32)]
    """The steps, in any order; Triton orders them by their tensors."""

    @property
    def made_tensors(self) -> frozenset[str]:
        """Names of the tensors that there are: the inputs, and what the steps put out."""
        return frozenset(t.name for t in self.inputs) | {n for step in self.steps for n in step.output_map.values()}

    @property
    def used_tensors(self) -> frozenset[str]:
        """Names of the tensors that steps take in, or that the ensemble puts out."""
        return frozenset(t.name for t in self.outputs) | {n for step in self.steps for n in step.input_map.values()}
