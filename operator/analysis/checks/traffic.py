"""Traffic: settings that contradict each other."""

from collections.abc import Iterator
from typing import Final

from glm_operator.analysis.finding import Problem
from glm_operator.analysis.subject import Subject
from glm_operator.api.types import duration_seconds

_TRAFFIC: Final = ("spec", "traffic")
_OF_A_PROVIDER: Final = ("weighting", "affinity", "failover", "connectionPool", "rateLimit", "circuitBreaker")


def connection_pool(subject: Subject) -> Iterator[Problem]:
    """Sizes and times of the connections."""
    pool = subject.spec.traffic.connection_pool
    path = (*_TRAFFIC, "connectionPool")
    if pool.min_pool_size > pool.max_pool_size:
        message = f"{pool.min_pool_size} connections are kept open of at most {pool.max_pool_size}"
        yield Problem("GLM501", (*path, "minPoolSize"), message)
    idle, life = duration_seconds(pool.idle_timeout), duration_seconds(pool.max_lifetime)
    if life and idle > life:
        message = f"a connection ends after {pool.max_lifetime}, before it can idle for {pool.idle_timeout}"
        yield Problem("GLM505", (*path, "idleTimeout"), message)
    if duration_seconds(pool.connection_timeout) == 0:
        yield Problem("GLM509", (*path, "connectionTimeout"), f"{pool.connection_timeout} lets no connection be made")


def provider(subject: Subject) -> Iterator[Problem]:
    """What the chosen provider needs, and what it leaves without effect."""
    traffic = subject.spec.traffic
    path = (*_TRAFFIC, "provider")
    if traffic.provider == "GatewayAPI" and not traffic.gateway.parent_refs:
        yield Problem("GLM502", path, "a route without a Gateway gets no requests")
    if traffic.provider != "GatewayAPI" and traffic.gateway.parent_refs:
        message = f"provider {traffic.provider} makes no route, so the Gateway gets none"
        yield Problem("GLM503", (*_TRAFFIC, "gateway", "parentRefs"), message)
    if traffic.provider == "None":
        for field in _OF_A_PROVIDER:
            if subject.is_given(f"traffic.{field}"):
                message = f"{field} is the gateway's, and provider None has none"
                yield Problem("GLM508", (*_TRAFFIC, field), message)


def delays(subject: Subject) -> Iterator[Problem]:
    """A pod that makes requests wait on purpose must not count as slow for it."""
    limit = subject.spec.traffic.weighting.latency_rule.threshold_milliseconds
    for index, model in enumerate(subject.spec.models):
        delay = model.dynamic_batching.max_queue_delay_microseconds / 1000 if model.dynamic_batching else 0
        if delay >= limit:
            path = ("spec", "models", index, "dynamicBatching", "maxQueueDelayMicroseconds")
            message = f"requests may wait {delay:g} ms for a batch, and a pod counts as slow above {limit} ms"
            yield Problem("GLM504", path, message)


def limits(subject: Subject) -> Iterator[Problem]:
    """A bucket that nothing fills, and pods that all stand by."""
    spec = subject.spec
    if spec.traffic.rate_limit.burst and not spec.traffic.rate_limit.tokens_per_second:
        message = f"a bucket of {spec.traffic.rate_limit.burst} without a rate is no limit"
        yield Problem("GLM506", (*_TRAFFIC, "rateLimit", "burst"), message)
    standby = spec.traffic.failover.standby_replicas
    if standby and standby >= spec.effective_replicas > 0:
        message = f"{standby} of {spec.effective_replicas} pods get requests only when the others are gone"
        yield Problem("GLM507", (*_TRAFFIC, "failover", "standbyReplicas"), message)


CHECKS: Final = (connection_pool, provider, delays, limits)
