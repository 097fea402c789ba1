"""What Envoy listens on: both ports speak HTTP/1 and HTTP/2, and share one route table and its rate limits."""

from typing import Final

from envoy.config.accesslog.v3 import accesslog_pb2
from envoy.config.common.mutation_rules.v3 import mutation_rules_pb2
from envoy.config.core.v3 import address_pb2, base_pb2, extension_pb2
from envoy.config.listener.v3 import listener_components_pb2, listener_pb2
from envoy.config.rbac.v3 import rbac_pb2
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as rbac_filter_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    HttpFilter,
    LocalReplyConfig,
    Rds,
    ResponseMapper,
)
from envoy.extensions.http.early_header_mutation.header_mutation.v3 import header_mutation_pb2
from google.protobuf.message import Message

from glm_operator.gateway import names, rate_limits
from glm_operator.gateway.clusters import ads
from glm_operator.gateway.protos import duration, packed
from glm_operator.gateway.traffic import GatewaySettings

TRACE_PATH: Final = r"/v2/models/.+/trace/setting/?"
"""Tracing lies below a model's own path, and writes files on one server."""
_REQUEST_HEADERS_SECONDS: Final = 10.0
_IDLE_CONNECTION_SECONDS: Final = 3600.0


def listener(settings: GatewaySettings) -> listener_pb2.Listener:
    """The one listener, on both ports."""
    manager = listener_components_pb2.Filter(
        name="envoy.filters.network.http_connection_manager", typed_config=packed(_manager())
    )
    return listener_pb2.Listener(
        name=names.LISTENER,
        address=_address(settings, settings.http_port),
        additional_addresses=[listener_pb2.AdditionalAddress(address=_address(settings, settings.grpc_port))],
        filter_chains=[listener_components_pb2.FilterChain(filters=[manager])],
    )


def _address(settings: GatewaySettings, port: int) -> address_pb2.Address:
    socket = address_pb2.SocketAddress(
        address=settings.listen_address, port_value=port, ipv4_compat=":" in settings.listen_address
    )
    return address_pb2.Address(socket_address=socket)


def _manager() -> HttpConnectionManager:
    manager = HttpConnectionManager(
        stat_prefix=names.LISTENER,
        codec_type=HttpConnectionManager.AUTO,
        rds=Rds(config_source=ads(), route_config_name=names.ROUTES),
        http_filters=_filters(),
        early_header_mutation_extensions=[_route_header()],
        request_headers_timeout=duration(_REQUEST_HEADERS_SECONDS),
        internal_address_config=_nobody_is_internal(),
        # One path has one spelling, before anything is decided by it.
        merge_slashes=True,
        path_with_escaped_slashes_action=HttpConnectionManager.REJECT_REQUEST,
        strip_trailing_host_dot=True,
        local_reply_config=_local_replies(),
    )
    manager.use_remote_address.value = True
    manager.normalize_path.value = True
    manager.common_http_protocol_options.idle_timeout.CopyFrom(duration(_IDLE_CONNECTION_SECONDS))
    return manager


def _nobody_is_internal() -> HttpConnectionManager.InternalAddressConfig:
    """Envoy's own request headers (retries, timeouts) are not the clients' to set.

    Without a range Envoy would take all private addresses as internal, so this is one that nobody has.
    """
    nobody = address_pb2.CidrRange(address_prefix="0.0.0.0")  # noqa: S104 - not listened on
    nobody.prefix_len.value = 32
    return HttpConnectionManager.InternalAddressConfig(unix_sockets=False, cidr_ranges=[nobody])


def _filters() -> list[HttpFilter]:
    return [
        _filter("envoy.filters.http.rbac", _no_tracing()),
        _filter(rate_limits.FILTER, rate_limits.no_rate_limit()),
        _filter("envoy.filters.http.router", router_pb2.Router()),
    ]


def _filter(name: str, config: Message) -> HttpFilter:
    return HttpFilter(name=name, typed_config=packed(config))


def _no_tracing() -> rbac_filter_pb2.RBAC:
    tracing = rbac_pb2.Permission()
    tracing.url_path.path.safe_regex.regex = TRACE_PATH
    anybody = rbac_pb2.Policy(permissions=[tracing], principals=[rbac_pb2.Principal(any=True)])
    return rbac_filter_pb2.RBAC(rules=rbac_pb2.RBAC(action=rbac_pb2.RBAC.DENY, policies={"no-tracing": anybody}))


def _route_header() -> extension_pb2.TypedExtensionConfig:
    """What the virtual host is chosen by: the host name, or the resource that the client's header names.

    The first line overwrites whatever the client sent under that name.
    """
    mutations = [
        _overwrite(names.ROUTE_HEADER, "%REQ(:AUTHORITY)%"),
        _overwrite(names.ROUTE_HEADER, f"%REQ({names.INFERENCE_HEADER})%"),
    ]
    return extension_pb2.TypedExtensionConfig(
        name="envoy.http.early_header_mutation.header_mutation",
        typed_config=packed(header_mutation_pb2.HeaderMutation(mutations=mutations)),
    )


def _overwrite(header: str, value: str) -> mutation_rules_pb2.HeaderMutation:
    option = base_pb2.HeaderValueOption(
        header=base_pb2.HeaderValue(key=header, value=value),
        append_action=base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
    )
    return mutation_rules_pb2.HeaderMutation(append=option)


def _local_replies() -> LocalReplyConfig:
    """What Envoy says itself comes as Triton says it, `{"error": ...}`, and says that it's the gateway's.

    gRPC clients get the bare words.
    """
    not_grpc = accesslog_pb2.AccessLogFilter()
    header = not_grpc.header_filter.header
    header.name = "content-type"
    header.string_match.prefix = "application/grpc"
    header.invert_match = True
    header.treat_missing_header_as_empty = True
    mapper = ResponseMapper(filter=not_grpc)
    mapper.body_format_override.json_format.update(
        {"error": "%LOCAL_REPLY_BODY%", "gateway": "%RESPONSE_CODE_DETAILS%"}
    )
    return LocalReplyConfig(mappers=[mapper])
