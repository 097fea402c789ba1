"""Which request goes to which cluster: a virtual host for each resource, and what answers the rest."""

from datetime import timedelta
from typing import Final
from urllib.parse import quote

from envoy.config.core.v3 import base_pb2
from envoy.config.route.v3 import route_pb2
from envoy.config.route.v3.route_components_pb2 import DirectResponseAction, Route, RouteAction, RouteMatch, VirtualHost

from glm_operator.api.traffic import Traffic
from glm_operator.gateway import names, rate_limits
from glm_operator.gateway.clusters import ads
from glm_operator.gateway.names import Protocol
from glm_operator.gateway.protos import duration, packed
from glm_operator.gateway.retries import retry_policy
from glm_operator.gateway.traffic import GatewaySettings, ModelTraffic, ResourceTraffic

GRPC_SERVICE: Final = "/inference.GRPCInferenceService/"
GRPC_STREAM: Final = GRPC_SERVICE + "ModelStreamInfer"
GRPC_PREFIXES: Final = (GRPC_SERVICE + "Model", GRPC_SERVICE + "Server", "/grpc.health.v1.Health/")
MODELS_PATH: Final = "/v2/models"
HTTP_PATHS: Final = (MODELS_PATH, "/v2/health")
"""What a client may ask of one pod of many. Loading models, shared memory, logging and tracing are not among it."""
_IDLE_SECONDS: Final = 3600.0
"""How long a request may go without a byte in either direction: a long answer isn't cut, a forgotten one is."""
_BODY_FOR_RETRIES: Final = 16 * 1024 * 1024
"""Bytes of a request that are kept for another try; a larger one is tried once."""

UNKNOWN_HOST: Final = (
    "no GLMInference answers to this host name: send requests to NAME-gateway.NAMESPACE, or name the resource in the"
    f" header {names.INFERENCE_HEADER}: NAMESPACE/NAME"
)
UNKNOWN_PATH: Final = (
    "the gateway answers KServe v2 inference, health and model metadata only; what changes one server (its repository,"
    " shared memory, logging, tracing) has to be asked of that server"
)


def route_configuration() -> route_pb2.RouteConfiguration:
    """The route table. Its virtual hosts come one by one (VHDS), so that a change is sent alone.

    They outlive a change of the table, but not one of `vhds` itself: Envoy would begin without any.
    """
    return route_pb2.RouteConfiguration(
        name=names.ROUTES,
        vhds=route_pb2.Vhds(config_source=ads()),
        vhost_header=names.ROUTE_HEADER,
        ignore_port_in_host_matching=True,
        request_headers_to_remove=[names.ROUTE_HEADER],
    )


def unknown_host() -> VirtualHost:
    """What answers where no resource is meant.

    It comes as the resources' virtual hosts do: Envoy waits for the first of them before it listens.
    """
    return VirtualHost(
        name=names.UNKNOWN_HOST, domains=["*"], routes=[_answer(RouteMatch(prefix="/"), 404, UNKNOWN_HOST)]
    )


def virtual_host(resource: ResourceTraffic, settings: GatewaySettings) -> VirtualHost:
    """The routes of a resource."""
    traffic = resource.traffic
    message = VirtualHost(
        name=names.virtual_host(resource.key),
        domains=names.hosts(resource.key, settings.cluster_domain),
        routes=[*_grpc_routes(resource), *_http_routes(resource), _answer(RouteMatch(prefix="/"), 404, UNKNOWN_PATH)],
    )
    message.request_body_buffer_limit.value = _BODY_FOR_RETRIES
    bucket = rate_limits.token_bucket(traffic.rate_limit, settings.envoys)
    if bucket is not None:
        message.typed_per_filter_config[rate_limits.FILTER].CopyFrom(packed(bucket))
    return message


def _grpc_routes(resource: ResourceTraffic) -> list[Route]:
    """A stream of requests is neither cut nor repeated: a pod may have answered some of them."""
    stream = _route(resource, "grpc", RouteMatch(path=GRPC_STREAM), stream=True)
    return [
        stream,
        *(
            _route(resource, "grpc", RouteMatch(prefix=prefix), per_try_timeout=resource.per_try_timeout)
            for prefix in GRPC_PREFIXES
        ),
    ]


def _http_routes(resource: ResourceTraffic) -> list[Route]:
    of_models = [_model_route(resource, model) for model in sorted(resource.models, key=lambda model: model.name)]
    matches = [*(RouteMatch(path_separated_prefix=path) for path in HTTP_PATHS), RouteMatch(path="/v2")]
    of_all = [_route(resource, "http", match, per_try_timeout=resource.per_try_timeout) for match in matches]
    return of_models + of_all


def _model_route(resource: ResourceTraffic, model: ModelTraffic) -> Route:
    match = RouteMatch(path_separated_prefix=f"{MODELS_PATH}/{quote(model.name, safe='')}")
    route = _route(resource, "http", match, per_try_timeout=model.per_try_timeout)
    if model.pods is not None:
        route.route.metadata_match.filter_metadata[names.SUBSET_FILTER].update({names.MODEL_KEY: model.name})
    return route


def _route(
    resource: ResourceTraffic,
    protocol: Protocol,
    match: RouteMatch,
    *,
    per_try_timeout: timedelta | None = None,
    stream: bool = False,
) -> Route:
    action = RouteAction(
        cluster=names.cluster(resource.key, protocol),
        # How long an answer may take only the client knows; gRPC clients say it.
        timeout=duration(0),
        idle_timeout=duration(_IDLE_SECONDS),
        max_stream_duration=RouteAction.MaxStreamDuration(grpc_timeout_header_max=duration(0)),
        hash_policy=_hash_policy(resource.traffic),
    )
    failover = resource.traffic.failover
    if failover.max_retries:  # without another try there is nothing to hurry for either
        action.retry_policy.CopyFrom(retry_policy(failover, per_try_timeout=per_try_timeout, stream=stream))
        # A try that takes long is joined by one at another pod, not ended: what only takes long still gets its answer.
        action.hedge_policy.hedge_on_per_try_timeout = action.retry_policy.HasField("per_try_timeout")
    return Route(match=match, route=action)


def _hash_policy(traffic: Traffic) -> list[RouteAction.HashPolicy]:
    if traffic.affinity.mode != "ConsistentHash":
        return []
    header = RouteAction.HashPolicy.Header(header_name=traffic.affinity.header)
    return [RouteAction.HashPolicy(header=header)]


def _answer(match: RouteMatch, status: int, text: str) -> Route:
    body = base_pb2.DataSource(inline_string=text)
    return Route(match=match, direct_response=DirectResponseAction(status=status, body=body))
