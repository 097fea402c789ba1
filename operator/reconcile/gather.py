"""Gather: one look at everything that a decision about a resource needs."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from glm_operator.api.inference import GLMInference
from glm_operator.clients import triton
from glm_operator.clients.kubernetes import Cluster, Object
from glm_operator.resources.children import CHILD_KINDS
from glm_operator.resources.hashing import content_hash
from glm_operator.resources.names import GRPC_PORT, selector_text
from glm_operator.status.observation import ModelObservation, Observation, PodObservation, observe_pod


class Gatherer:
    """Reads the cluster and the servers; remembers which servers have proven that their models answer."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._proven: dict[str, frozenset[str]] = {}

    async def gather(self, inference: GLMInference, status: Mapping[str, object]) -> Observation:
        """Everything about one resource, read in parallel; a server that can't be read doesn't spoil the others.

        Raises:
            ClusterError: when the API server can't be read.
        """
        selector = selector_text(inference.name)
        single = [kind for kind in CHILD_KINDS if kind != "ConfigMap"]
        config_maps, pods, (repository_hash, repository_problem), children = await asyncio.gather(
            self._cluster.list_objects("ConfigMap", inference.namespace, selector),
            self._cluster.list_objects("Pod", inference.namespace, selector),
            self._source(inference),
            asyncio.gather(*(self._cluster.get(kind, inference.namespace, inference.name) for kind in single)),
        )
        observed = await asyncio.gather(*(self._read_server(inference, observe_pod(pod)) for pod in pods))
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
        for key in [key for key in self._proven if key.startswith(f"{namespace}/{name}/")]:
            del self._proven[key]

    async def _source(self, inference: GLMInference) -> tuple[str | None, str]:
        """Hash of the model files, and why they aren't there."""
        reference = inference.spec.repository.config_map
        if reference is None:
            return None, ""
        config_map = await self._cluster.get("ConfigMap", inference.namespace, reference.name)
        if config_map is None:
            return None, (
                f"ConfigMap {reference.name} of spec.repository.configMap is not in namespace {inference.namespace};"
                " create it, or correct the name"
            )
        return _files_hash(config_map), ""

    async def _read_server(self, inference: GLMInference, pod: PodObservation) -> PodObservation:
        if not pod.started or pod.deleting or not pod.address:
            return pod
        key = f"{inference.namespace}/{inference.name}/{pod.incarnation}"
        proven = self._proven.get(key, frozenset())
        names = inference.spec.served_names
        readings = await triton.inspect(f"{pod.address}:{GRPC_PORT}", names, [n for n in names if n not in proven])
        if readings is None:
            return pod
        models = {name: _observation(reading, name in proven) for name, reading in readings.items()}
        self._proven[key] = frozenset(name for name, model in models.items() if model.serves)
        return replace(pod, models=models)


def _observation(reading: triton.ModelReading, proven: bool) -> ModelObservation:
    answers = True if proven and reading.answers is None else reading.answers
    return ModelObservation(reading.ready, reading.version, reading.reason, answers)


def _files_hash(config_map: Object) -> str:
    return content_hash({"data": config_map.get("data", {}), "binaryData": config_map.get("binaryData", {})})
