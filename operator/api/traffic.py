"""`spec.traffic`: who gets the requests, and what protects them."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from glm_operator.api.base import ApiModel
from glm_operator.api.types import Duration, ObjectName

Percent = Annotated[int, Field(ge=0, le=100)]
Hostname = Annotated[str, StringConstraints(pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]


class CpuRule(ApiModel):
    """A pod whose CPU is busy for long gets less."""

    threshold_percent: Percent = 80
    """Use above which the CPU counts as busy."""
    for_seconds: Annotated[int, Field(ge=1, le=3600)] = 10
    """How long it must be busy."""
    reduce_percent: Percent = 30
    """By how much its weight falls."""


class LatencyRule(ApiModel):
    """A pod that is slow several times in a row gets nothing for a while."""

    threshold_milliseconds: Annotated[int, Field(ge=1, le=3_600_000)] = 200
    """Mean latency above which a sample is slow."""
    consecutive: Annotated[int, Field(ge=1, le=1000)] = 5
    """Slow samples in a row."""
    pause_seconds: Annotated[int, Field(ge=1, le=3600)] = 5
    """How long it gets nothing."""


class IdleRule(ApiModel):
    """A pod that idles gets more."""

    after_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    """How long it must idle."""
    raise_percent: Percent = 20
    """By how much its weight rises, once."""


class Weighting(ApiModel):
    """Weights by health."""

    formula: Literal["InverseCPULatencySquared"] = "InverseCPULatencySquared"
    """`1 / (cpu * latency_ms^2)`."""
    window_seconds: Annotated[int, Field(ge=1, le=600)] = 10
    """Sliding window of the samples."""
    cpu_rule: CpuRule = CpuRule()
    """Busy CPU."""
    latency_rule: LatencyRule = LatencyRule()
    """Slow answers."""
    idle_rule: IdleRule = IdleRule()
    """Idle pods."""


class Affinity(ApiModel):
    """Whether requests of one session reach the same pod."""

    mode: Literal["None", "ConsistentHash"] = "None"
    """`ConsistentHash`: by the header."""
    header: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$", max_length=128)] = "x-session-id"
    """The header that names the session."""


class Failover(ApiModel):
    """What happens when a pod fails."""

    heartbeat_timeout_seconds: Annotated[int, Field(ge=1, le=600)] = 3
    """Silence after which a pod counts as gone."""
    max_retries: Annotated[int, Field(ge=0, le=10)] = 2
    """Tries on other pods."""
    retry_interval_milliseconds: Annotated[int, Field(ge=0, le=60_000)] = 25
    """Wait between tries."""
    standby_replicas: Annotated[int, Field(ge=0, le=100)] = 0
    """Pods that are kept ready and get requests only when the others are gone."""


class ConnectionPool(ApiModel):
    """Connections from the gateway to each pod."""

    max_pool_size: Annotated[int, Field(ge=1, le=100_000)] = 50
    """Most connections."""
    min_pool_size: Annotated[int, Field(ge=0, le=100_000)] = 10
    """Connections kept open."""
    connection_timeout: Duration = "3s"
    """How long connecting may take."""
    idle_timeout: Duration = "60s"
    """How long an unused connection is kept."""
    max_lifetime: Duration = "30m"
    """How old a connection may grow."""


class RateLimit(ApiModel):
    """A token bucket in front of the resource."""

    tokens_per_second: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    """Requests per second; 0: no limit."""
    burst: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    """Requests at once; 0: as many as in one second."""


class CircuitBreaker(ApiModel):
    """Limits at which requests are shed."""

    max_pending_requests: Annotated[int, Field(ge=1, le=1_000_000)] = 1024
    """Requests that may wait."""
    max_requests: Annotated[int, Field(ge=1, le=1_000_000)] = 1024
    """Requests under way."""
    consecutive_errors: Annotated[int, Field(ge=1, le=1000)] = 5
    """Errors in a row after which a pod is left out."""
    open_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    """How long it is left out."""


class ParentReference(ApiModel):
    """A Gateway of the Gateway API, in the same namespace."""

    name: ObjectName
    """Its name."""
    section_name: ObjectName | None = None
    """One of its listeners."""


class Gateway(ApiModel):
    """Where the routes hang, with `provider: GatewayAPI`."""

    parent_refs: Annotated[list[ParentReference], Field(max_length=8)] = []
    """Gateways."""
    hostnames: Annotated[list[Hostname], Field(max_length=16)] = []
    """Host names of the route."""


class Traffic(ApiModel):
    """Requests on their way to the pods."""

    provider: Literal["Envoy", "GatewayAPI", "Istio", "None"] = "Envoy"
    """What carries the requests; `None`: the Service alone."""
    weighting: Weighting = Weighting()
    """Weights by health."""
    affinity: Affinity = Affinity()
    """Sessions."""
    failover: Failover = Failover()
    """Failures."""
    connection_pool: ConnectionPool = ConnectionPool()
    """Connections."""
    rate_limit: RateLimit = RateLimit()
    """Token bucket."""
    circuit_breaker: CircuitBreaker = CircuitBreaker()
    """Shedding."""
    gateway: Gateway = Gateway()
    """Gateway API."""
