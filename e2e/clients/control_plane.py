"""A control plane that knows one configuration: `control_plane.py FOLDER PORT`.

It answers only to whom the certificates in FOLDER let in, over incremental ADS as the operator does: no clusters, and a
listener on each port of the environment variable LISTENERS that answers as an inference would. Without that variable
there are no listeners. It prints one JSON line a stream: the node's id.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
from envoy.config.core.v3 import address_pb2, base_pb2
from envoy.config.listener.v3 import listener_components_pb2, listener_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2
from google.protobuf import any_pb2

LISTENERS = [int(port) for port in os.environ.get("LISTENERS", "").split(",") if port]
ANSWER = {"model_version": "of the control plane"}
TYPES = ("type.googleapis.com/envoy.config.listener.v3.Listener", "type.googleapis.com/envoy.config.cluster.v3.Cluster")

JSON = base_pb2.HeaderValueOption(
    header={"key": "content-type", "value": "application/json"},
    append_action=base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
)


def packed(message) -> any_pb2.Any:
    packed_message = any_pb2.Any()
    packed_message.Pack(message)
    return packed_message


def listener(port: int) -> listener_pb2.Listener:
    manager = http_connection_manager_pb2.HttpConnectionManager(
        stat_prefix="test",
        route_config=route_pb2.RouteConfiguration(
            virtual_hosts=[
                route_components_pb2.VirtualHost(
                    name="all",
                    domains=["*"],
                    routes=[
                        route_components_pb2.Route(
                            match=route_components_pb2.RouteMatch(prefix="/"),
                            direct_response=route_components_pb2.DirectResponseAction(
                                status=200, body={"inline_string": json.dumps(ANSWER)}
                            ),
                            response_headers_to_add=[JSON],
                        )
                    ],
                )
            ]
        ),
        http_filters=[
            http_connection_manager_pb2.HttpFilter(
                name="envoy.filters.http.router", typed_config=packed(router_pb2.Router())
            )
        ],
    )
    chain = listener_components_pb2.FilterChain(
        filters=[
            listener_components_pb2.Filter(
                name="envoy.filters.network.http_connection_manager", typed_config=packed(manager)
            )
        ]
    )
    address = address_pb2.Address(socket_address=address_pb2.SocketAddress(address="0.0.0.0", port_value=port))  # noqa: S104
    return listener_pb2.Listener(name=f"port-{port}", address=address, filter_chains=[chain])


class ControlPlane(ads_pb2_grpc.AggregatedDiscoveryServiceServicer):
    async def DeltaAggregatedResources(self, requests, _) -> AsyncIterator[discovery_pb2.DeltaDiscoveryResponse]:  # noqa: N802
        told = set()
        async for request in requests:
            if not told:
                print(json.dumps({"node": request.node.id, "cluster": request.node.cluster}), flush=True)
            if request.error_detail.message:
                print(json.dumps({"refused": request.error_detail.message}), flush=True)
            if request.type_url in TYPES and request.type_url not in told:
                told.add(request.type_url)
                yield answer(request.type_url)


def answer(type_url: str) -> discovery_pb2.DeltaDiscoveryResponse:
    resources = []
    if type_url == TYPES[0]:
        made = [listener(port) for port in LISTENERS]
        resources = [discovery_pb2.Resource(name=each.name, version="1", resource=packed(each)) for each in made]
    return discovery_pb2.DeltaDiscoveryResponse(type_url=type_url, nonce="1", resources=resources)


async def main(folder: Path, port: int) -> None:
    key, certificate, authorities = ((folder / name).read_bytes() for name in ("server.key", "server.crt", "ca.crt"))
    # Envoy asks every 30 s whether the other side is still there; by default a server takes that for an attack.
    server = grpc.aio.server(options=[("grpc.http2.min_ping_interval_without_data_ms", 10_000)])
    ads_pb2_grpc.add_AggregatedDiscoveryServiceServicer_to_server(ControlPlane(), server)
    credentials = grpc.ssl_server_credentials([(key, certificate)], authorities, require_client_auth=True)
    bound = server.add_secure_port(f"0.0.0.0:{port}", credentials)
    await server.start()
    print(json.dumps({"port": bound}), flush=True)
    await server.wait_for_termination()


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
