"""A fleet that only seems to run: resources by the thousand whose pods are KWOK's, on fake nodes.

Every fake pod has the address of one real Triton server, so that what the operator asks of its servers is asked and
answered for real: a look costs what it costs, and `Ready` is true.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from kubernetes.aio import client as aio_client
from kubernetes.aio import config as aio_config

from demo.install import ensure_namespace
from demo.kubectl import Kubectl
from demo.wait import inference_ready, wait_for
from devcluster.kwok import ANNOTATION, POD_ADDRESS
from glm_operator.api import group
from glm_operator.clients.errors import ClusterError
from glm_operator.clients.kubernetes import Cluster

NAMESPACE: Final = "bench"
SERVER_NAMESPACE: Final = "bench-server"
SERVER: Final = "server"
NODES: Final = 10
POSTS_AT_ONCE: Final = 16
_FAKE: Final = {"key": ANNOTATION.partition("=")[0], "value": "fake", "effect": "NoSchedule"}
_TENSOR: Final = {"dataType": "FP32", "dims": [-1]}
_MODEL: Final = {
    "name": "echo",
    "engine": "Python",
    "inputs": [_TENSOR | {"name": "input"}],
    "outputs": [_TENSOR | {"name": "output"}],
}
_CODE: Final = """
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        inputs = [pb_utils.get_input_tensor_by_name(request, "input").as_numpy() for request in requests]
        return [pb_utils.InferenceResponse([pb_utils.Tensor("output", value)]) for value in inputs]
"""


def prepare(kubectl: Kubectl, tell: Callable[[str], None]) -> str:
    """Make the fake nodes, the namespaces and the real server; its address."""
    kubectl.apply(*map(_node, range(NODES)))
    for namespace in (NAMESPACE, SERVER_NAMESPACE):
        ensure_namespace(kubectl, namespace)
        kubectl.apply(_files(), namespace=namespace)
    kubectl.apply(_inference(SERVER, {}), namespace=SERVER_NAMESPACE)
    inference_ready(kubectl, SERVER_NAMESPACE, SERVER, 150, tell)
    wait_for("fake nodes", lambda: _nodes_ready(kubectl), 60, tell)
    (pod,) = kubectl.json("get", "pods", "-n", SERVER_NAMESPACE, "-l", f"{group.LABEL_INFERENCE}={SERVER}")["items"]
    return str(pod["status"]["podIP"])


def clear(kubectl: Kubectl) -> None:
    """Remove the resources, and wait until their children are gone."""
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", timeout=900)


def node_changes(kubectl: Kubectl) -> dict[str, str]:
    """When each fake node last changed between ready and not: a run in which one did is worth nothing."""
    return {
        node["metadata"]["name"]: condition["lastTransitionTime"]
        for node in kubectl.json("get", "nodes", "-l", "type=kwok")["items"]
        for condition in node["status"]["conditions"]
        if condition["type"] == "Ready"
    }


def resource(number: int, address: str) -> dict[str, Any]:
    """One resource whose pod seems to run."""
    template = {
        "annotations": {POD_ADDRESS: address},
        "nodeSelector": {"type": "kwok"},
        "tolerations": [{"key": _FAKE["key"], "operator": "Exists"}],
    }
    return _inference(f"bench-{number}", {"podTemplate": template})


class Client:
    """Requests of a user: many at once, without a limit of the client's own."""

    def __init__(self, api: Any) -> None:
        self._objects = aio_client.CustomObjectsApi(api)
        self._api = api

    @classmethod
    async def connect(cls, kubeconfig: str) -> "Client":
        """Connect as the kubeconfig says."""
        configuration = aio_client.Configuration()
        await aio_config.load_kube_config(config_file=kubeconfig or None, client_configuration=configuration)
        return cls(aio_client.ApiClient(configuration))

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def create(self, bodies: Iterable[Mapping[str, Any]]) -> None:
        """Create resources, some at once."""
        pending = iter(bodies)

        async def post() -> None:
            for body in pending:
                await self._objects.create_namespaced_custom_object(
                    group.GROUP, group.VERSION, NAMESPACE, group.PLURAL, dict(body)
                )

        await asyncio.gather(*(post() for _ in range(POSTS_AT_ONCE)))

    async def annotate_pods(self, name: str, key: str, value: str) -> None:
        """Change what a resource's pods are made from."""
        body = {"spec": {"runtime": {"podTemplate": {"annotations": {key: value}}}}}
        await self._objects.patch_namespaced_custom_object(
            group.GROUP,
            group.VERSION,
            NAMESPACE,
            group.PLURAL,
            name,
            body,
            _content_type="application/merge-patch+json",
        )


async def follow(cluster: Cluster, kind: str, take: Callable[[dict[str, Any]], None]) -> None:
    """Hand every object of a kind in the namespace to `take`, now and whenever it changes, until cancelled."""
    bodies, version = await cluster.list_all(kind, NAMESPACE)
    for body in bodies:
        take(body)
    while True:
        try:
            async for event, body in cluster.watch(kind, NAMESPACE, "", version):
                version = body["metadata"]["resourceVersion"]
                if event in {"ADDED", "MODIFIED"}:
                    take(body)
        except ClusterError as error:
            if error.status:
                raise


def _inference(name: str, runtime: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": group.API_VERSION,
        "kind": group.KIND,
        "metadata": {"name": name},
        "spec": {
            "models": [_MODEL],
            "repository": {"configMap": {"name": "files"}},
            "runtime": dict(runtime),
            "replicas": 1,
        },
    }


def _files() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "files"},
        "data": {"echo.1.model.py": _CODE},
    }


def _node(number: int) -> dict[str, Any]:
    key, _, value = ANNOTATION.partition("=")
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": f"fake-{number}", "annotations": {key: value}, "labels": {"type": "kwok"}},
        "spec": {"taints": [_FAKE]},
    }


def _nodes_ready(kubectl: Kubectl) -> tuple[bool | None, str]:
    nodes = kubectl.json("get", "nodes", "-l", "type=kwok")["items"]
    ready = sum(
        condition["type"] == "Ready" and condition["status"] == "True"
        for node in nodes
        for condition in node["status"].get("conditions", ())
    )
    return (True if ready == NODES else None), f"{ready} of {NODES} ready"
