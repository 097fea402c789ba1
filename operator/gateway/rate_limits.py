"""The token bucket in front of a resource."""

import math
from typing import Final

from envoy.config.core.v3 import base_pb2
from envoy.extensions.filters.http.local_ratelimit.v3 import local_rate_limit_pb2

from glm_operator.api.traffic import RateLimit
from glm_operator.gateway.protos import duration

FILTER: Final = "envoy.filters.http.local_ratelimit"
_STAT_PREFIX: Final = "rate_limit"
_RETRY_AFTER_SECONDS: Final = 1
"""A token comes at least once a second."""


def no_rate_limit() -> local_rate_limit_pb2.LocalRateLimit:
    """The filter as it stands in the listener: it limits only where a virtual host has a bucket."""
    return local_rate_limit_pb2.LocalRateLimit(stat_prefix=_STAT_PREFIX)


def token_bucket(limit: RateLimit, envoys: int) -> local_rate_limit_pb2.LocalRateLimit | None:
    """One Envoy's part of a resource's bucket, or None where there is no limit.

    A shed request gets 429 (gRPC: RESOURCE_EXHAUSTED) with `retry-after`.
    """
    if not limit.tokens_per_second:
        return None
    message = no_rate_limit()
    message.token_bucket.max_tokens = math.ceil((limit.burst or limit.tokens_per_second) / envoys)
    message.token_bucket.tokens_per_fill.value = math.ceil(limit.tokens_per_second / envoys)
    message.token_bucket.fill_interval.CopyFrom(duration(1.0))
    message.rate_limited_as_resource_exhausted = True
    for share in (message.filter_enabled, message.filter_enforced):
        share.default_value.numerator = 100
    message.response_headers_to_add.add(
        header=base_pb2.HeaderValue(key="retry-after", value=str(_RETRY_AFTER_SECONDS)),
        append_action=base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
    )
    return message
