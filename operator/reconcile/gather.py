"""Gather: one look at everything that a decision about a resource needs."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from glm_operator.api.inference import GLMInference
from glm_operator.clients import triton
from glm_operator.clients.kubernetes import Cluster, Object
from glm_operator.reconcile.informer import Informers
from glm_operator.reconcile.object_cache import Owner
from glm_operator.resources.children import CHILD_KINDS
from glm_operator.resources.hashing import content_hash
from glm_operator.resources.names import GRPC_PORT
from glm_operator.status.observation import ModelObservation, Observation, PodObservation, is_server_of, observe_pod


class Gatherer:
    """Reads the cluster and the servers; remembers which servers have proven that their models answer."""

    def __init__(self, cluster: Cluster, informers: Informers) -> None:
        self._cluster = cluster
        self._informers = informers
        self._hashes: dict[tuple[str, str], tuple[str, str]] = {}
        """A source's version and the hash of its files, by the resource that names it."""
        self._proven: dict[tuple[str, str], dict[str, frozenset[str]]] = {}

    async def gather(self, inference: GLMInference, status: Mapping[str, object]) -> Observation:
        """Everything about one resource, read in parallel; a server that can't be read doesn't spoil the others.

        Raises:
            ClusterError: when the API server can't be read.
        """
        pods = self._owned("Pod", inference)
        config_maps = self._owned("ConfigMap", inference)
        single = [kind for kind in CHILD_KINDS if kind != "ConfigMap"]
        (repository_hash, repository_problem), children = await asyncio.gather(
            self._source(inference),
            asyncio.gather(*(self._child(kind, inference) for kind in single)),
        )
        own = [observe_pod(pod) for pod in pods if is_server_of(pod, inference.name)]
        observed = await self._read_servers(inference, own)
        return Observation(
            children=dict(zip(single, children, strict=True)),
            config_maps=tuple(config_maps),
            pods=tuple(sorted(observed, key=lambda pod: pod.name)),
            repository_hash=repository_hash,
            repository_problem=repository_problem,
            status=status,
        )

    def forget(self, namespace: str, name: str) -> None:
        """Drop what is remembered of a resource that is gone."""
        self._proven.pop((namespace, name), None)
        self._hashes.pop((namespace, name), None)

    def _owned(self, kind: str, inference: GLMInference) -> list[Object]:
        return self._informers.cache(kind, inference.namespace).of(Owner(inference.namespace, inference.name))

    async def _child(self, kind: str, inference: GLMInference) -> Object | None:
        """The child; what no watch has told of is asked for, since somebody else's object doesn't carry our label."""
        known = self._informers.cache(kind, inference.namespace).get(inference.namespace, inference.name)
        return known or await self._cluster.get(kind, inference.namespace, inference.name)

    async def _source(self, inference: GLMInference) -> tuple[str | None, str]:
        """Hash of the model files, and why they aren't there."""
        reference = inference.spec.repository.config_map
        if reference is None:
            return None, ""
        missing = (
            f"ConfigMap {reference.name} of spec.repository.configMap is not in namespace {inference.namespace};"
            " create it, or correct the name"
        )
        # The files may be a megabyte: they are read only when they have changed.
        metadata = await self._cluster.get_metadata("ConfigMap", inference.namespace, reference.name)
        if metadata is None:
            return None, missing
        key, version = (inference.namespace, inference.name), _version(metadata)
        known, files_hash = self._hashes.get(key, ("", ""))
        if known == version:
            return files_hash, ""
        config_map = await self._cluster.get("ConfigMap", inference.namespace, reference.name)
        if config_map is None:
            return None, missing
        self._hashes[key] = (_version(config_map["metadata"]), _files_hash(config_map))
        return self._hashes[key][1], ""

    async def _read_servers(
        self, inference: GLMInference, pods: Sequence[PodObservation]
    ) -> tuple[PodObservation, ...]:
        """Pods with their models; what their servers have proven is remembered for as long as they live."""
        key = (inference.namespace, inference.name)
        before = self._proven.get(key, {})
        proven = {pod.incarnation: before.get(pod.incarnation, frozenset()) for pod in pods}
        read = await asyncio.gather(*(_read_server(inference, pod, proven[pod.incarnation]) for pod in pods))
        self._proven[key] = {
            pod.incarnation: proven[pod.incarnation] if pod.models is None else _serving(pod) for pod in read
        }
        return tuple(read)


async def _read_server(inference: GLMInference, pod: PodObservation, proven: frozenset[str]) -> PodObservation:
    if not pod.started or pod.deleting or not pod.address or pod.node_lost:
        return pod
    names = inference.spec.served_names
    readings = await triton.inspect(f"{pod.address}:{GRPC_PORT}", names, [n for n in names if n not in proven])
    if readings is None:
        return pod
    return replace(pod, models={name: _observation(reading, name in proven) for name, reading in readings.items()})


def _serving(pod: PodObservation) -> frozenset[str]:
    return frozenset(name for name, model in (pod.models or {}).items() if model.serves)


def _observation(reading: triton.ModelReading, proven: bool) -> ModelObservation:
    answers = True if proven and reading.answers is None else reading.answers
    return ModelObservation(reading.ready, reading.version, reading.reason, answers)


def _version(metadata: Mapping[str, str]) -> str:
    return f"{metadata['uid']}/{metadata['resourceVersion']}"


def _files_hash(config_map: Object) -> str:
    return content_hash({"data": config_map.get("data", {}), "binaryData": config_map.get("binaryData", {})})
