"""What is to be configured now: all that streams compare their Envoy with."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from glm_operator.gateway.configuration import (
    TYPES,
    ConfigResource,
    endpoint_resources,
    inference_names,
    inference_resources,
    shared_resources,
)
from glm_operator.gateway.traffic import GatewaySettings, ResourceKey, ResourceTraffic

Change = tuple[str, str]
"""Type and name of a resource that is new, has changed, or is gone."""


class ConfigStore:
    """The configuration, kept resource by resource: what did not change is not built again.

    Until `publish_all` was called once it holds nothing and says so: an operator that just started knows of no
    resource yet, and would take all of them from Envoy.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._traffic: dict[ResourceKey, ResourceTraffic] = {}
        self._resources: dict[str, dict[str, ConfigResource]] = {type_url: {} for type_url in TYPES}
        self._changes: set[Change] = set()
        self._whole = False
        self._listeners: list[Callable[[frozenset[Change]], None]] = []

    @property
    def whole(self) -> bool:
        """Whether all resources have been given once."""
        return self._whole

    @property
    def traffic(self) -> Mapping[ResourceKey, ResourceTraffic]:
        """What was given last of each resource."""
        return self._traffic

    def resources(self, type_url: str) -> Mapping[str, ConfigResource]:
        """All resources of a type, by name."""
        return self._resources.get(type_url, {})

    def of(self, key: ResourceKey) -> tuple[ConfigResource, ...]:
        """What a GLMInference is configured with at present."""
        if key not in self._traffic:
            return ()
        return tuple(self._resources[type_url][name] for type_url, name in inference_names(key))

    def publish_all(self, resources: Iterable[ResourceTraffic]) -> dict[ResourceKey, str]:
        """All resources that there are; others are taken away. Streams are served from the first call on.

        What was given to `publish` before isn't built again: thousands are best given to it in parts first.

        Returns:
            As `publish` does.
        """
        wanted = {resource.key: resource for resource in resources}
        for gone in self._traffic.keys() - wanted.keys():
            self._remove(gone)
        problems = self._put(wanted.values())
        self._set(shared_resources(self._settings))
        first, self._whole = not self._whole, True
        self._tell(anyway=first)
        return problems

    def publish(self, *resources: ResourceTraffic) -> dict[ResourceKey, str]:
        """Resources that are new or have changed.

        Returns:
            Those that cannot be said to Envoy, and why: a name that is no text. What was there of them before stays,
            and the others are not touched by it.
        """
        problems = self._put(resources)
        self._tell()
        return problems

    def withdraw(self, *keys: ResourceKey) -> None:
        """Resources that are gone."""
        for key in keys:
            self._remove(key)
        self._tell()

    def use(self, settings: GatewaySettings) -> None:
        """Other settings for all: the number of Envoys has changed."""
        if settings == self._settings:
            return
        self._settings = settings
        for resource in self._traffic.values():
            self._set(inference_resources(resource, settings))
        if self._whole:
            self._set(shared_resources(settings))
        self._tell()

    def on_change(self, tell: Callable[[frozenset[Change]], None]) -> Callable[[], None]:
        """Call `tell` with what has changed, after every change, until what is returned is called."""
        self._listeners.append(tell)
        return lambda: self._listeners.remove(tell)

    def _put(self, resources: Iterable[ResourceTraffic]) -> dict[ResourceKey, str]:
        problems = {}
        for resource in resources:
            before = self._traffic.get(resource.key)
            if before == resource:
                continue
            build = endpoint_resources if before is not None and _same_policy(before, resource) else inference_resources
            try:
                self._set(build(resource, self._settings))
            except ValueError as error:
                problems[resource.key] = str(error)
            else:
                self._traffic[resource.key] = resource
        return problems

    def _remove(self, key: ResourceKey) -> None:
        if self._traffic.pop(key, None) is None:
            return
        for type_url, name in inference_names(key):
            del self._resources[type_url][name]
            self._changes.add((type_url, name))

    def _set(self, resources: Iterable[ConfigResource]) -> None:
        for resource in resources:
            present = self._resources[resource.type_url].get(resource.name)
            if present is None or present.version != resource.version:
                self._resources[resource.type_url][resource.name] = resource
                self._changes.add((resource.type_url, resource.name))

    def _tell(self, *, anyway: bool = False) -> None:
        changes = frozenset(self._changes)
        self._changes.clear()
        if not changes and not anyway:
            return
        for tell in tuple(self._listeners):
            tell(changes)


def _same_policy(one: ResourceTraffic, other: ResourceTraffic) -> bool:
    return replace(one, endpoints=(), standbys=()) == replace(other, endpoints=(), standbys=())
