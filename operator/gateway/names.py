"""Names in Envoy's configuration. Whoever makes or looks up one asks here."""

from typing import Final, Literal

from glm_operator.gateway.traffic import ResourceKey

Protocol = Literal["http", "grpc"]
PROTOCOLS: Final[tuple[Protocol, ...]] = ("http", "grpc")

LISTENER: Final = "kserve"
ROUTES: Final = "kserve"
UNKNOWN_HOST: Final = f"{ROUTES}/unknown"
"""The virtual host of all that is meant for no resource. A resource's has a dot in its name."""
INFERENCE_HEADER: Final = "x-glm-inference"
"""`NAMESPACE/NAME`: names the resource where a client dials the gateway's own name."""
ROUTE_HEADER: Final = "x-glm-route"
"""Set by Envoy itself, whatever the client sends: what the virtual host is chosen by."""
SUBSET_FILTER: Final = "envoy.lb"
"""Where Envoy's balancer looks for what an endpoint has and what a route wants."""
MODEL_KEY: Final = "model"
"""And under which key."""


def cluster(key: ResourceKey, protocol: Protocol) -> str:
    """The cluster of a resource's pods, and the name of its endpoints. Without dots, for Envoy's statistics."""
    namespace, name = key
    return f"{namespace}/{name}/{protocol}"


def virtual_host(key: ResourceKey) -> str:
    """The virtual host of a resource. Envoy takes all before the last slash for the route table it belongs to."""
    namespace, name = key
    return f"{ROUTES}/{name}.{namespace}"


def key_of(name: str) -> ResourceKey | None:
    """The resource that a cluster or virtual host of this name belongs to; None: it belongs to none."""
    table, _, rest = name.partition("/")
    if table == ROUTES and "/" not in rest:
        host, dot, namespace = rest.partition(".")
        return (namespace, host) if dot else None
    inference, _, _ = rest.partition("/")
    return table, inference


def service(name: str) -> str:
    """The Service by which clients reach a resource through the gateway."""
    return f"{name}-gateway"


def hosts(key: ResourceKey, cluster_domain: str) -> tuple[str, ...]:
    """The host names that mean a resource, without port, and what `x-glm-inference` says."""
    namespace, name = key
    short = f"{service(name)}.{namespace}"
    return short, f"{short}.svc", f"{short}.svc.{cluster_domain}", f"{namespace}/{name}"
