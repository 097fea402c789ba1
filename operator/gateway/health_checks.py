"""How Envoy finds out that a pod is gone: it asks (heartbeat), and it counts errors (outliers)."""

from typing import Final

from envoy.config.cluster.v3 import outlier_detection_pb2
from envoy.config.core.v3 import health_check_pb2
from envoy.type.v3 import http_pb2

from glm_operator.api.traffic import CircuitBreaker, Failover
from glm_operator.gateway.protos import duration

LIVE_PATH: Final = "/v2/health/live"
"""Not `/v2/health/ready`, which says no while an old version of a model unloads, and because of an optional model."""
MISSED: Final = 2
"""Answers missed in a row after which a pod is gone."""
_HOST: Final = "triton"
_TIMEOUT_AT_MOST: Final = 5.0
"""Seconds. A new cluster, and with it all others that come after it, waits for the first check of its pods."""
_MAX_EJECTED: Final = 50
"""Per cent of the pods. Errors alone must not take the last pod away: a bad request makes every pod err."""
_MAX_EJECTED_WITH_STANDBYS: Final = 90
"""There all primaries may be left out, but not the standbys after them (up to nine of ten pods)."""


def heartbeat(failover: Failover) -> health_check_pb2.HealthCheck:
    """Checks that find a silent pod within the heartbeat's time at the latest.

    A pod that falls silent right after an answer is asked after an interval, and its time runs out after a timeout;
    both as often as `MISSED`.
    """
    each = failover.heartbeat_timeout_seconds / MISSED
    timeout = min(each / 2, _TIMEOUT_AT_MOST)
    check = health_check_pb2.HealthCheck(
        timeout=duration(timeout),
        interval=duration(each - timeout),
        interval_jitter_percent=10,
        no_traffic_interval=duration(failover.heartbeat_timeout_seconds),
        http_health_check=health_check_pb2.HealthCheck.HttpHealthCheck(
            host=_HOST, path=LIVE_PATH, codec_client_type=http_pb2.HTTP1
        ),
    )
    check.unhealthy_threshold.value = MISSED
    check.healthy_threshold.value = MISSED
    return check


def outlier_detection(breaker: CircuitBreaker, failover: Failover) -> outlier_detection_pb2.OutlierDetection:
    """A pod that errs several times in a row is left out for a while, always for the same time.

    A passed health check doesn't bring it back before: a server may live and answer nothing but errors.
    """
    detection = outlier_detection_pb2.OutlierDetection(
        interval=duration(1.0),
        base_ejection_time=duration(breaker.open_seconds),
        max_ejection_time=duration(breaker.open_seconds),
    )
    detection.consecutive_5xx.value = breaker.consecutive_errors
    detection.max_ejection_percent.value = _MAX_EJECTED_WITH_STANDBYS if failover.standby_replicas else _MAX_EJECTED
    detection.enforcing_consecutive_5xx.value = 100
    detection.enforcing_success_rate.value = 0
    detection.enforcing_consecutive_gateway_failure.value = 0
    detection.successful_active_health_check_uneject_host.value = False
    return detection
