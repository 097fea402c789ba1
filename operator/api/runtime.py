"""`spec.runtime`: the Triton pods themselves."""

from typing import Annotated, Any, ClassVar, Final

from pydantic import Field, StringConstraints, WithJsonSchema

from glm_operator.api.base import ApiModel, Rule
from glm_operator.api.triton_versions import FIRST_MINOR, knows_flag
from glm_operator.api.types import (
    ExtendedResource,
    LabelKey,
    LabelValue,
    ObjectName,
    QuantityString,
    ResourceMap,
    ShortText,
)

DEFAULT_TRITON_VERSION: Final = "2.51"
VERSION_PATTERN: Final = r"^[0-9]{1,4}\.[0-9]{1,4}(\.[0-9]{1,4})?$"

LabelMap = Annotated[dict[LabelKey, LabelValue], Field(max_length=64)]
FreeForm = Annotated[dict[str, Any], WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True})]
ALLOWED_FLAGS: Final = (
    "--backend-config", "--buffer-manager-thread-count", "--cache-config", "--cuda-memory-pool-byte-size",
    "--cuda-virtual-address-size", "--disable-auto-complete-config", "--enable-peer-access",
    "--grpc-http2-max-pings-without-data", "--grpc-infer-allocation-pool-size", "--grpc-infer-thread-count",
    "--grpc-keepalive-time", "--grpc-keepalive-timeout", "--http-max-input-size", "--http-thread-count", "--log-info",
    "--log-verbose", "--metrics-interval-ms", "--min-supported-compute-capability", "--model-load-gpu-limit",
    "--model-load-retry-count", "--model-load-thread-count", "--pinned-memory-pool-byte-size", "--rate-limit",
    "--rate-limit-resource", "--response-cache-byte-size",
)  # fmt: skip
"""Flags of `tritonserver` that may be given; the others are the operator's own or open the server up."""
RATE_LIMIT_RESOURCE: Final = "--rate-limit-resource"
"""`NAME:COUNT` or `NAME:COUNT:DEVICE`. Given once, it is all that there is of any resource (seen with 2.51)."""

ExtraArgument = Annotated[
    str,
    StringConstraints(pattern=r"^--[a-z][a-z0-9-]*(=[A-Za-z0-9._:,/=-]*)?$", max_length=256),
]


class Gpu(ApiModel):
    """GPUs of one pod."""

    resource_name: ExtendedResource = "nvidia.com/gpu"
    """Extended resource: `nvidia.com/gpu` for CUDA, `amd.com/gpu` for ROCm."""
    count: Annotated[int, Field(ge=0, le=64)] = 0
    """How many; 0: the pod runs on the CPU."""


class Resources(ApiModel):
    """Requests and limits of the Triton container, without the GPUs."""

    requests: ResourceMap = {}
    """What the scheduler sets aside."""
    limits: ResourceMap = {}
    """What the container may use."""


class Toleration(ApiModel):
    """As in a pod's `tolerations`."""

    key: LabelKey | None = None
    """Taint key; left out: every key."""
    operator: Annotated[str, StringConstraints(pattern="^(Exists|Equal)$")] = "Equal"
    """`Exists` or `Equal`."""
    value: LabelValue | None = None
    """Taint value."""
    effect: Annotated[str, StringConstraints(pattern="^(NoSchedule|PreferNoSchedule|NoExecute)$")] | None = None
    """Taint effect; left out: every effect."""
    toleration_seconds: int | None = None
    """How long a NoExecute taint is tolerated."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="GLM314",
            cel="has(self.key) || self.operator == 'Exists'",
            message="a toleration of every key needs operator: Exists; set it, or a key",
            holds=lambda toleration: toleration.key is not None or toleration.operator == "Exists",
        ),
        Rule(
            code="GLM315",
            cel="self.operator != 'Exists' || !has(self.value) || self.value == ''",
            message="a toleration with operator: Exists takes no value; remove it, or set operator: Equal",
            holds=lambda toleration: toleration.operator != "Exists" or not toleration.value,
        ),
        Rule(
            code="GLM317",
            cel="!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            message="tolerationSeconds works with effect: NoExecute only; set it, or remove tolerationSeconds",
            holds=lambda toleration: toleration.toleration_seconds is None or toleration.effect == "NoExecute",
        ),
    )


class LocalObjectReference(ApiModel):
    """Name of an object of the same namespace."""

    name: ObjectName
    """Its name."""


class PodTemplate(ApiModel):
    """Additions to the pods."""

    labels: LabelMap = {}
    """More labels."""
    annotations: Annotated[dict[LabelKey, ShortText], Field(max_length=64)] = {}
    """More annotations."""
    node_selector: LabelMap = {}
    """Nodes that may run the pods."""
    tolerations: Annotated[list[Toleration], Field(max_length=32)] = []
    """Taints the pods tolerate."""
    affinity: FreeForm = {}
    """As in a pod's `affinity`."""
    image_pull_secrets: Annotated[
        list[LocalObjectReference],
        Field(
            max_length=16,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = []
    """Secrets for private registries."""
    service_account_name: ObjectName | None = None
    """Left out: one of its own, without any rights."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="GLM319",
            cel=None,
            message="two imagePullSecrets have the same name; remove one",
            holds=lambda template: (
                len({secret.name for secret in template.image_pull_secrets}) == len(template.image_pull_secrets)
            ),
        ),
    )


class Runtime(ApiModel):
    """How the Triton pods run."""

    image: Annotated[str, StringConstraints(pattern=r"^$|^[A-Za-z0-9][A-Za-z0-9._:/@-]*$", max_length=512)] = ""
    """Triton image; empty: the operator's default."""
    version: Annotated[str, StringConstraints(pattern=VERSION_PATTERN, max_length=16)] = DEFAULT_TRITON_VERSION
    """Triton server version of the image (2.51 is release 24.10); decides which flags may be passed."""
    gpu: Gpu = Gpu()
    """GPUs of one pod."""
    resources: Resources = Resources()
    """Requests and limits."""
    shared_memory: QuantityString = "64Mi"
    """Size of /dev/shm, which the Python backend needs."""
    startup_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600
    """How long loading the models may take before the container is started anew."""
    exit_timeout_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    """How long running requests may take after the pod was told to stop."""
    extra_args: Annotated[list[ExtraArgument], Field(max_length=32)] = []
    """More Triton flags, from an allow-list."""
    pod_template: PodTemplate = PodTemplate()
    """Additions to the pods."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="GLM301",
            cel=f"!has(self.extraArgs) || self.extraArgs.all(flag, flag.split('=')[0] in {list(ALLOWED_FLAGS)})",
            message=f"an extraArgs flag is not one that may be given; use only these flags: {' '.join(ALLOWED_FLAGS)}",
            holds=lambda runtime: all(flag.split("=")[0] in ALLOWED_FLAGS for flag in runtime.extra_args),
        ),
        Rule(
            code="GLM302",
            cel="!has(self.extraArgs) || int(self.version.split('.')[0]) > 2 || self.extraArgs.all(flag,"
            f" !(flag.split('=')[0] in {FIRST_MINOR}) || {FIRST_MINOR}[flag.split('=')[0]]"
            " <= int(self.version.split('.')[1]))",
            message="an extraArgs flag is not known to the Triton of runtime.version; remove it, or use an image that"
            " knows it and set version ("
            + ", ".join(f"{flag} is there from 2.{minor} on" for flag, minor in FIRST_MINOR.items())
            + ")",
            holds=lambda runtime: all(knows_flag(runtime.version, flag) for flag in runtime.extra_args),
        ),
    )

    @property
    def listed_resources(self) -> frozenset[str]:
        """Names of the rate limiter's resources that `extraArgs` lists; empty: Triton takes what the models need."""
        given = (flag.partition("=") for flag in self.extra_args)
        return frozenset(value.partition(":")[0] for name, _, value in given if name == RATE_LIMIT_RESOURCE)
