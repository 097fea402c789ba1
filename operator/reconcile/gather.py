"""Gather: one look at everything that a decision about a resource needs."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from glm_operator.api.inference import GLMInference
from glm_operator.clients import triton
from glm_operator.clients.kubernetes import Cluster, Object
from glm_operator.reconcile.informer import Informers
from glm_operator.reconcile.object_cache import Name, Owner
from glm_operator.reconcile.source_reader import SourceReader
from glm_operator.reconcile.source_watch import SourceWatch
from glm_operator.resources.children import GATEWAY_SERVICE, single_children
from glm_operator.resources.difference import is_controlled_by
from glm_operator.resources.gateway_service import uses_gateway
from glm_operator.resources.model_revision import revision_of, wanted_models
from glm_operator.resources.names import GRPC_PORT
from glm_operator.status.observation import ModelObservation, Observation, PodObservation, is_server_of, observe_pod


class Gatherer:
    """Reads the cluster and the servers; remembers which servers have proven that their models answer."""

    def __init__(
        self, cluster: Cluster, informers: Informers, source_watch: SourceWatch, *, has_gateway: bool = False
    ) -> None:
        self._cluster = cluster
        self._has_gateway = has_gateway
        self._informers = informers
        self._source_watch = source_watch
        self._sources = SourceReader(cluster, source_watch.version)
        self._proven: dict[tuple[str, str], dict[str, frozenset[str]]] = {}
        self._loaded: dict[tuple[str, str], dict[str, Mapping[str, str]]] = {}

    async def gather(self, inference: GLMInference, status: Mapping[str, object]) -> Observation:
        """Everything about one resource, read in parallel; a server that can't be read doesn't spoil the others.

        Raises:
            ClusterError: when the API server can't be read.
        """
        pods = self._owned("Pod", inference)
        config_maps = self._owned("ConfigMap", inference)
        single = single_children(inference.name)
        (source, repository_problem), children = await asyncio.gather(
            self._source(inference),
            asyncio.gather(*(self._child(key, *place, inference) for key, place in single.items())),
        )
        own = [observe_pod(pod) for pod in pods if is_server_of(pod, inference.name)]
        observed = await self._read_servers(inference, own)
        return Observation(
            children=dict(zip(single, children, strict=True)),
            config_maps=tuple(config_maps),
            pods=tuple(sorted(observed, key=lambda pod: pod.name)),
            wanted=None if repository_problem else wanted_models(inference.spec, source),
            repository_problem=repository_problem,
            status=status,
        )

    def forget(self, namespace: str, name: str) -> None:
        """Drop what is remembered of a resource that is gone."""
        self._source_watch.uses(Owner(namespace, name), None)
        self._proven.pop((namespace, name), None)
        self._loaded.pop((namespace, name), None)

    def _owned(self, kind: str, inference: GLMInference) -> list[Object]:
        return self._informers.cache(kind, inference.namespace).of(Owner(inference.namespace, inference.name))

    async def _child(self, key: str, kind: str, name: str, inference: GLMInference) -> Object | None:
        """The child; what no watch has told of is asked for, since somebody else's object doesn't carry our label.

        Where no Service of the gateway is wanted, only our own counts: another's of that name is in nobody's way.
        """
        known = self._informers.cache(kind, inference.namespace).get(inference.namespace, name)
        if key == GATEWAY_SERVICE and not (self._has_gateway and uses_gateway(inference.spec)):
            return known if known and is_controlled_by(known, inference.uid) else None
        return known or await self._cluster.get(kind, inference.namespace, name)

    def models_changed(self, namespace: str, name: str, incarnation: str, affected: frozenset[str]) -> None:
        """A model of this server was loaded or unloaded, so what is known of it and of those affected is outdated."""
        self._loaded.get((namespace, name), {}).pop(incarnation, None)
        proven = self._proven.get((namespace, name), {})
        proven[incarnation] = proven.get(incarnation, frozenset()) - affected

    async def _source(self, inference: GLMInference) -> tuple[Object | None, str]:
        """The ConfigMap with the model files, and why it isn't there; None for a source that the pods mount."""
        reference = inference.spec.repository.config_map
        owner = Owner(inference.namespace, inference.name)
        if reference is None:
            self._source_watch.uses(owner, None)
            return None, ""
        name = Name(inference.namespace, reference.name)
        # Before it is read: what changes after that is told.
        self._source_watch.uses(owner, name)
        config_map = await self._sources.read(name)
        if config_map is None:
            return None, (
                f"ConfigMap {reference.name} of spec.repository.configMap is not in namespace {inference.namespace};"
                " create it, or correct the name"
            )
        return config_map, ""

    async def _read_servers(
        self, inference: GLMInference, pods: Sequence[PodObservation]
    ) -> tuple[PodObservation, ...]:
        """Pods with their models; what their servers have proven is remembered for as long as they live."""
        key = (inference.namespace, inference.name)
        before = self._proven.get(key, {})
        proven = {pod.incarnation: before.get(pod.incarnation, frozenset()) for pod in pods}
        known = self._loaded.get(key, {})
        read = await asyncio.gather(
            *(_read_server(inference, pod, proven[pod.incarnation], known.get(pod.incarnation)) for pod in pods)
        )
        kept = ((pod.incarnation, known.get(pod.incarnation) if pod.loaded is None else pod.loaded) for pod in read)
        self._loaded[key] = {incarnation: loaded for incarnation, loaded in kept if loaded is not None}
        self._proven[key] = {
            pod.incarnation: proven[pod.incarnation] if pod.models is None else _serving(pod) for pod in read
        }
        return tuple(read)


async def _read_server(
    inference: GLMInference, pod: PodObservation, proven: frozenset[str], loaded: Mapping[str, str] | None
) -> PodObservation:
    if not pod.started or pod.deleting or not pod.address or pod.node_lost:
        return pod
    names = inference.spec.served_names
    address = f"{pod.address}:{GRPC_PORT}"
    readings = await triton.inspect(address, names, [n for n in names if n not in proven])
    if readings is None:
        return pod
    if loaded is None:
        parameters = await triton.loaded_models(address)
        loaded = None if parameters is None else {name: revision_of(texts) for name, texts in parameters.items()}
    models = {name: _observation(reading, name in proven) for name, reading in readings.items()}
    for name in {model.name for model in inference.spec.models} & models.keys():
        if models[name].reason == triton.UNLOADED:
            # Removed from the resource once, and wanted again: it is loaded next. An ensemble can't be.
            models[name] = replace(models[name], reason="")
    return replace(pod, models=models, loaded=loaded)


def _serving(pod: PodObservation) -> frozenset[str]:
    return frozenset(name for name, model in (pod.models or {}).items() if model.serves)


def _observation(reading: triton.ModelReading, proven: bool) -> ModelObservation:
    answers = True if proven and reading.answers is None else reading.answers
    return ModelObservation(reading.ready, reading.version, reading.reason, answers)
