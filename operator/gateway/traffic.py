"""What the gateway is told about a resource: its settings, its pods and their weights."""

import ipaddress
import re
from dataclasses import dataclass
from datetime import timedelta

from glm_operator.api.traffic import Traffic
from glm_operator.api.types import DNS_LABEL_PATTERN

ResourceKey = tuple[str, str]
"""Namespace and name of a GLMInference."""


@dataclass(frozen=True, slots=True)
class GatewayEndpoint:
    """A pod as the gateway sees it.

    Raises:
        ValueError: when the address is no IP address; Envoy would refuse it.
    """

    pod: str
    """The pod's name; Envoy shows it beside the address."""
    address: str
    """Its IP address."""
    weight: int | None
    """Its share against the others'. None or 0: no new requests, running ones end."""
    draining: bool = False
    """It is to end: no new requests, whatever its weight."""

    def __post_init__(self) -> None:
        ipaddress.ip_address(self.address)

    @property
    def open(self) -> bool:
        """Whether it gets new requests."""
        return bool(self.weight) and not self.draining


@dataclass(frozen=True, slots=True)
class ModelTraffic:
    """A model that is treated differently from the rest of its resource.

    Only HTTP requests name their model in a way that Envoy can see; gRPC requests name it in their body.
    """

    name: str
    per_try_timeout: timedelta | None = None
    """How long one try may take until its answer starts; None: as long as it likes."""
    pods: frozenset[str] | None = None
    """Names of the pods that have it: an optional model may have failed to load on some. None: all of them."""


@dataclass(frozen=True, slots=True)
class ResourceTraffic:
    """A GLMInference as the gateway sees it.

    Raises:
        ValueError: when namespace or name are none: they become host names.
    """

    namespace: str
    name: str
    traffic: Traffic
    """`spec.traffic`."""
    endpoints: tuple[GatewayEndpoint, ...] = ()
    """Pods that get the requests."""
    standbys: tuple[GatewayEndpoint, ...] = ()
    """Pods that get them when no endpoint can."""
    per_try_timeout: timedelta | None = None
    """How long one try may take until its answer starts, before another pod is asked too; None: as long as it likes."""
    models: tuple[ModelTraffic, ...] = ()
    """Models that have a time or pods of their own; others go by the resource's."""

    def __post_init__(self) -> None:
        for label in self.key:
            if not re.fullmatch(DNS_LABEL_PATTERN, label):
                raise ValueError(f"{label!r} cannot be part of a host name: use letters, digits and '-'")

    def partial_models(self, pod: str | None = None) -> list[str]:
        """Models that not every pod has; with a pod: those of them that it has."""
        return sorted(m.name for m in self.models if m.pods is not None and (pod is None or pod in m.pods))

    @property
    def key(self) -> ResourceKey:
        """Which resource it is."""
        return self.namespace, self.name


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """What all resources share."""

    cluster_domain: str = "cluster.local"
    """The cluster's DNS domain."""
    listen_address: str = "0.0.0.0"  # noqa: S104 - other pods are to reach it
    """Where Envoy listens; `::` for both families."""
    http_port: int = 8000
    """Where clients send HTTP; gRPC is understood as well."""
    grpc_port: int = 8001
    """Where clients send gRPC; HTTP is understood as well."""
    pod_http_port: int = 8000
    """Where a pod's server answers HTTP."""
    pod_grpc_port: int = 8001
    """Where a pod's server answers gRPC."""
    envoys: int = 1
    """Envoys that share the requests. Each keeps to its part of a rate limit."""
