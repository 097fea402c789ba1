"""What one Envoy knows, and what it is to be told next: the incremental xDS protocol, without its transport.

Of each type of resource at most one response is on its way. What changes meanwhile is not queued: the next response is
the difference between what the Envoy has acknowledged and what is wanted by then. So a slow Envoy gets the newest.

A rejected response (NACK) says that something in it is wrong, seldom what. It is sent again in halves, until the one
resource that is wrong stands alone; that version of it is held back, and everything else goes on.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from envoy.service.discovery.v3 import discovery_pb2

from glm_operator.gateway import names
from glm_operator.gateway.configuration import (
    CLUSTERS,
    ENDPOINTS,
    TYPES,
    VIRTUAL_HOSTS,
    ConfigResource,
)
from glm_operator.gateway.store import ConfigStore
from glm_operator.gateway.traffic import ResourceKey

WILDCARD: Final = "*"
MAX_BATCH: Final = 1000
"""Resources in one response: about a megabyte."""


@dataclass(frozen=True, slots=True)
class NackReport:
    """An Envoy rejects one resource. What it had of it before stays in force."""

    node: str
    """The Envoy's node id."""
    type_url: str
    """The resource's type."""
    name: str
    """Its name."""
    version: str
    """The version that is held back from this Envoy."""
    message: str
    """Envoy's words."""

    @property
    def key(self) -> ResourceKey | None:
        """The GLMInference whose part it is; None: it belongs to all of them."""
        return names.key_of(self.name) if self.type_url in {CLUSTERS, ENDPOINTS, VIRTUAL_HOSTS} else None


@dataclass(slots=True)
class _Response:
    """A response that the Envoy has not answered yet."""

    nonce: str
    sent: dict[str, str]
    """Names and versions."""
    removed: tuple[str, ...]


@dataclass(slots=True)
class _Type:
    """What an Envoy wants and has of one type."""

    type_url: str
    wildcard: bool = False
    names: set[str] = field(default_factory=set)
    known: dict[str, str] = field(default_factory=dict)
    """Versions that the Envoy has, by its own word."""
    absent: set[str] = field(default_factory=set)
    """Names it asked for, and was told that they are not there."""
    rejected: dict[str, NackReport] = field(default_factory=dict)
    again: set[str] = field(default_factory=set)
    """Names to be sent although the Envoy has them."""
    in_flight: _Response | None = None
    batch: int = MAX_BATCH
    answered: bool = False
    unsure: set[str] = field(default_factory=set)
    """Names of which it may not have, or may have, what it should: all others are left alone."""

    def wants(self, name: str) -> bool:
        """Whether it subscribes to a resource. Virtual hosts may be asked for by the name of their route table."""
        by_table = self.type_url == VIRTUAL_HOSTS and name.rpartition("/")[0] in self.names
        return self.wildcard or by_table or name in self.names

    def changed(self, resource: ConfigResource) -> bool:
        """Whether the Envoy is to be sent this. Of thousands nearly all end at the first comparison."""
        if self.known.get(resource.name) == resource.version and resource.name not in self.again:
            return False
        return self.wants(resource.name) and self.rejection(resource) is None

    def rejection(self, resource: ConfigResource) -> NackReport | None:
        """The Envoy's word against this very version."""
        report = self.rejected.get(resource.name)
        return report if report is not None and report.version == resource.version else None


class DeltaStream:
    """One Envoy's stream. `receive` what it says, send `next_response` until there is none."""

    def __init__(self, store: ConfigStore) -> None:
        self._store = store
        self._types: dict[str, _Type] = {}
        self._nonces = count(1)
        self.node = ""

    def note(self, changes: Iterable[tuple[str, str]]) -> None:
        """Types and names of what has changed in the store."""
        for type_url, name in changes:
            if type_url in self._types:
                self._types[type_url].unsure.add(name)

    def receive(self, request: discovery_pb2.DeltaDiscoveryRequest) -> NackReport | None:
        """Take in what the Envoy asks for or answers; a report when it is now known which resource it rejects."""
        self.node = self.node or request.node.id
        if request.type_url not in TYPES:
            return None
        first = request.type_url not in self._types
        state = self._types.setdefault(request.type_url, _Type(request.type_url))
        self._subscribe(state, request, first)
        in_flight = state.in_flight
        if in_flight is None or request.response_nonce != in_flight.nonce:
            return None
        state.in_flight = None
        if request.HasField("error_detail"):
            return self._rejected(state, in_flight, request.error_detail.message)
        self._acknowledged(state, in_flight)
        return None

    def next_response(self) -> discovery_pb2.DeltaDiscoveryResponse | None:
        """What to send now, or None until the Envoy answers or the configuration changes."""
        if not self._store.whole:
            return None
        for type_url in TYPES:
            state = self._types.get(type_url)
            if state is not None and state.in_flight is None:
                response = self._difference(state)
                if response is not None:
                    return response
        return None

    def holds(self, resource: ConfigResource) -> bool:
        """Whether the Envoy has acknowledged this very version."""
        state = self._types.get(resource.type_url)
        return state is not None and state.known.get(resource.name) == resource.version

    def rejection(self, resource: ConfigResource) -> NackReport | None:
        """Why the Envoy goes without this very version, if it does."""
        state = self._types.get(resource.type_url)
        return state.rejection(resource) if state is not None else None

    def _subscribe(self, state: _Type, request: discovery_pb2.DeltaDiscoveryRequest, first: bool) -> None:
        added, dropped = set(request.resource_names_subscribe), set(request.resource_names_unsubscribe)
        if first:
            state.known = dict(request.initial_resource_versions)
            # An Envoy that has just started waits for an answer, even if there is nothing for it.
            state.answered = bool(state.known)
            state.wildcard = not added
            state.unsure |= state.known.keys() | self._store.resources(state.type_url).keys()
        else:
            # Who asks again for what it has needs it.
            state.again |= added
        if WILDCARD in added | dropped:
            state.wildcard = WILDCARD in added
            state.unsure |= self._store.resources(state.type_url).keys()
        state.names = (state.names | added) - dropped - {WILDCARD}
        state.absent -= added | dropped
        state.unsure |= added
        for name in dropped:
            if not state.wants(name):
                state.known.pop(name, None)

    def _rejected(self, state: _Type, response: _Response, message: str) -> NackReport | None:
        if not response.sent:
            # What it can't let go of it keeps: asked again it would say the same.
            self._acknowledged(state, response)
            return None
        if len(response.sent) != 1:
            state.batch = max(len(response.sent) // 2, 1)
            return None
        ((name, version),) = response.sent.items()
        state.again.discard(name)
        state.rejected[name] = NackReport(self.node, state.type_url, name, version, message)
        return state.rejected[name]

    def _acknowledged(self, state: _Type, response: _Response) -> None:
        state.batch = min(state.batch * 2, MAX_BATCH)
        for name, version in response.sent.items():
            state.known[name] = version
            state.rejected.pop(name, None)
        for name in response.removed:
            state.known.pop(name, None)
            state.rejected.pop(name, None)

    def _send_endpoints_again(self, clusters: Iterable[str]) -> None:
        """A cluster that has changed is made anew beside the old one, which serves until the new one has its endpoints.

        Envoy doesn't ask for them, for it has them, and doesn't acknowledge the cluster before it has got them again.
        """
        endpoints = self._types.get(ENDPOINTS)
        if endpoints is not None:
            names_again = [name for name in clusters if name in endpoints.known]
            endpoints.again.update(names_again)
            endpoints.unsure.update(names_again)

    def _difference(self, state: _Type) -> discovery_pb2.DeltaDiscoveryResponse | None:
        if state.answered and not state.unsure:
            return None
        batch = self._additions(state)[: state.batch]
        if batch:
            return self._respond(state, batch, ())
        removed = self._removals(state)
        if removed or not state.answered:
            return self._respond(state, [], removed)
        return None

    def _additions(self, state: _Type) -> list[ConfigResource]:
        """What is to be sent and can be; names of which all is well are unsure no longer."""
        resources, additions = self._store.resources(state.type_url), []
        for name in sorted(state.unsure):
            resource = resources.get(name)
            if resource is None:
                continue
            if not state.changed(resource):
                state.unsure.discard(name)
            elif self._is_fed(resource):
                additions.append(resource)
        return additions

    def _is_fed(self, resource: ConfigResource) -> bool:
        """Whether the clusters that it sends requests to are there, with their endpoints."""
        endpoints = self._types.get(ENDPOINTS)
        return not resource.needs or (
            endpoints is not None and all(cluster in endpoints.known for cluster in resource.needs)
        )

    def _removals(self, state: _Type) -> tuple[str, ...]:
        gone = self._gone(state)
        if state.type_url == ENDPOINTS:
            # They go with their cluster. But who asks for what is not there must not wait for it.
            missing = {name for name in state.unsure - state.absent - gone if name in state.names}
            missing -= self._store.resources(ENDPOINTS).keys()
            state.absent |= missing
            state.unsure &= gone | self._store.resources(ENDPOINTS).keys()
            return tuple(sorted(missing))
        if state.type_url == CLUSTERS and gone and not self._routes_are_quiet():
            return ()
        return tuple(sorted(gone))

    def _gone(self, state: _Type) -> set[str]:
        """What it has and is to lose; names that it never had are unsure no longer."""
        missing = state.unsure - self._store.resources(state.type_url).keys()
        gone = missing & state.known.keys()
        if state.type_url != ENDPOINTS:
            state.unsure -= missing - gone
        return gone

    def _routes_are_quiet(self) -> bool:
        """Whether no route points to a cluster that is to go."""
        state = self._types.get(VIRTUAL_HOSTS)
        return state is None or (state.in_flight is None and not self._gone(state) and not self._additions(state))

    def _respond(
        self, state: _Type, batch: list[ConfigResource], removed: tuple[str, ...]
    ) -> discovery_pb2.DeltaDiscoveryResponse:
        nonce = str(next(self._nonces))
        state.answered = True
        state.in_flight = _Response(nonce, {resource.name: resource.version for resource in batch}, removed)
        state.again.difference_update(state.in_flight.sent)
        if state.type_url == CLUSTERS:
            self._send_endpoints_again(state.known.keys() & state.in_flight.sent.keys())
        return discovery_pb2.DeltaDiscoveryResponse(
            type_url=state.type_url,
            nonce=nonce,
            resources=[resource.message for resource in batch],
            removed_resources=removed,
        )
