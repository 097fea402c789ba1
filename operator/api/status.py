"""`status`: what the operator reports.

It is written by the operator alone, so its types are only as strict as readers need.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from glm_operator.api.base import ApiModel

MAX_DECISIONS: Final = 10
MAX_ENDPOINTS: Final = 1000
MAX_ENDPOINT_REASON: Final = 256
"""Of a thousand pods, so that the object stays far below what etcd takes."""


class Condition(ApiModel):
    """As in Kubernetes' own API."""

    type: Annotated[str, Field(max_length=316)]
    """Name of the condition."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    observed_generation: int | None = None
    """The resource's generation that it speaks of."""
    last_transition_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When `status` last changed."""
    reason: Annotated[str, Field(max_length=1024)]
    """Why, in one word."""
    message: Annotated[str, Field(max_length=32_768)]
    """Why, in a sentence."""


class ModelStatus(ApiModel):
    """One model, as the worst of its pods has it."""

    name: str
    """Its name."""
    version: str = ""
    """Version being served."""
    state: Literal["Ready", "Loading", "Failed", "Unknown"]
    """`Ready`: every ready pod answers a probe inference for it."""
    reason: str = ""
    """Triton's own reason for a failure."""
    ready_pods: int = 0
    """Pods that serve it."""


class EndpointStatus(ApiModel):
    """One pod as a target of requests."""

    pod: str
    """Its name."""
    weight: int | None = None
    """Its weight; left out: not weighted."""
    state: Literal["Active", "Reduced", "Paused", "Standby", "Unknown"]
    """What it gets."""
    latency_milliseconds: str | None = None
    """Mean latency, to two digits; left out: not known."""
    cpu_percent: int | None = None
    """CPU in use, of its limit, or of its node where it has none; left out: not known."""
    reason: Annotated[str, Field(max_length=MAX_ENDPOINT_REASON)] = ""
    """Why it doesn't get its full share; empty when it does."""


class DecisionRecord(ApiModel):
    """One automatic decision."""

    time: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When."""
    loop: str
    """Which loop decided."""
    action: str
    """What was done."""
    reason: str
    """Why, in one word."""
    message: str
    """Why, in a sentence."""
    inputs: dict[str, str] = {}
    """What it was decided from."""


class GLMInferenceStatus(ApiModel):
    """What the operator reports."""

    observed_generation: int | None = None
    """The generation that this status speaks of."""
    replicas: int | None = None
    """Pods there are."""
    ready_replicas: int | None = None
    """Pods that serve every required model."""
    selector: str | None = None
    """Label selector of the pods, for the scale subresource."""
    url: str | None = None
    """Where KServe v2 requests over HTTP go."""
    grpc_url: str | None = None
    """Where KServe v2 requests over gRPC go."""
    requests_per_second: str | None = None
    """Requests offered, of the last minute."""
    latency_milliseconds: str | None = None
    """Mean latency, of the last minute."""
    models: Annotated[
        list[ModelStatus],
        Field(
            max_length=128, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
        ),
    ] = []
    """State of each model."""
    endpoints: Annotated[
        list[EndpointStatus],
        Field(
            max_length=MAX_ENDPOINTS,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["pod"]},
        ),
    ] = []
    """State of each pod."""
    conditions: Annotated[
        list[Condition],
        Field(
            max_length=32, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
        ),
    ] = []
    """kstatus conditions."""
    decisions: Annotated[
        list[DecisionRecord], Field(max_length=MAX_DECISIONS, json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ] = []
    """The last decisions, oldest first."""
