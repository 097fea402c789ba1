"""Tries on another pod."""

import math
from datetime import timedelta
from typing import Final

from envoy.config.route.v3 import route_components_pb2
from envoy.extensions.retry.host.previous_hosts.v3 import previous_hosts_pb2
from envoy.extensions.retry.priority.previous_priorities.v3 import previous_priorities_config_pb2

from glm_operator.api.traffic import Failover
from glm_operator.gateway.protos import duration, packed

RETRY_ON: Final = "5xx,unavailable,internal"
"""Any failure before an answer has begun: none of it was seen by the client. gRPC's come with HTTP's 200."""
RETRY_STREAM_ON: Final = "connect-failure,refused-stream"
"""A stream is tried again only when no pod has seen any of it."""
_OTHER_POD_ATTEMPTS: Final = 100
"""How often a pod is drawn anew where the one that failed comes up again. The balancer doesn't know that it failed, and
draws a pod that fails fast more often than busy ones: of two, three times in four. Five draws leave every fifth retry
at the pod that failed; a hundred leave none.
"""
_STANDBY_AFTER: Final = 2
"""Tries that fail before a standby is tried."""
_STEP: Final = 1.25


def retry_policy(
    failover: Failover, *, per_try_timeout: timedelta | None = None, stream: bool = False
) -> route_components_pb2.RetryPolicy:
    """The retries of a route.

    Args:
        failover: how often, and how long to wait between.
        per_try_timeout: how long a try may take until its answer begins, before another pod is asked.
        stream: whether the request is a stream of requests.
    """
    policy = route_components_pb2.RetryPolicy(retry_on=RETRY_STREAM_ON if stream else RETRY_ON)
    policy.num_retries.value = failover.max_retries
    wait = duration(max(failover.retry_interval_milliseconds, 1) / 1000)
    policy.retry_back_off.base_interval.CopyFrom(wait)
    policy.retry_back_off.max_interval.CopyFrom(wait)
    if per_try_timeout is not None and not stream:
        policy.per_try_timeout.CopyFrom(duration(stepped(per_try_timeout)))
    other_pod = policy.retry_host_predicate.add(name="envoy.retry_host_predicates.previous_hosts")
    other_pod.typed_config.CopyFrom(packed(previous_hosts_pb2.PreviousHostsPredicate()))
    policy.host_selection_retry_max_attempts = _OTHER_POD_ATTEMPTS
    if failover.standby_replicas and failover.max_retries:
        policy.retry_priority.name = "envoy.retry_priorities.previous_priorities"
        policy.retry_priority.typed_config.CopyFrom(
            packed(
                previous_priorities_config_pb2.PreviousPrioritiesConfig(
                    update_frequency=min(_STANDBY_AFTER, failover.max_retries)
                )
            )
        )
    return policy


def stepped(timeout: timedelta) -> timedelta:
    """The timeout, rounded up to the next of steps that are a quarter apart.

    It follows what healthy pods show and so is never twice the same; each change is a new route table in every Envoy.
    """
    milliseconds = max(timeout / timedelta(milliseconds=1), 1.0)
    steps = math.ceil(math.log(milliseconds, _STEP) - 1e-9)
    return timedelta(milliseconds=math.ceil(_STEP**steps))
