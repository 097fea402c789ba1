"""What the tests on a real cluster share."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.inside import INSIDE
from demo.kubectl import Kubectl, run
from demo.paths import MODELS, ROOT
from demo.wait import wait_for
from devcluster.provider import Kind

CLIENTS = ROOT / "e2e/clients"
SOURCES_NAMESPACE = "e2e-sources"
"""Of the servers that model files are fetched from: the operator's list must name them before the tests begin."""
FILES_URL, S3_URL = (f"http://{name}.{SOURCES_NAMESPACE}.svc:{port}" for name, port in (("files", 8080), ("s3", 7070)))
TENSOR = {"dataType": "FP32", "dims": [-1]}
ECHO_MODEL = {
    "name": "echo",
    "engine": "Python",
    "inputs": [TENSOR | {"name": "input"}],
    "outputs": [TENSOR | {"name": "output"}],
}
ECHO_CODE = """
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor(
                "output", pb_utils.get_input_tensor_by_name(request, "input").as_numpy() + OFFSET)])
            for request in requests
        ]
"""


def echo_code(offset: int = 0) -> str:
    """A model that answers with its input plus `offset`."""
    return ECHO_CODE.replace("OFFSET", str(offset))


def inference(name: str = "echo", **spec: Any) -> dict[str, Any]:
    """A GLMInference; by default the echo model."""
    wanted = {"models": [ECHO_MODEL], "repository": {"configMap": {"name": f"{name}-files"}}, "replicas": 1} | spec
    return {
        "apiVersion": "serving.autoglm.io/v1alpha1",
        "kind": "GLMInference",
        "metadata": {"name": name},
        "spec": {key: value for key, value in wanted.items() if value is not None},
    }


def files(name: str = "echo", **keys: str) -> dict[str, Any]:
    """The ConfigMap with a resource's model files; `_` in a key stands for a dot."""
    data = {key.replace("__", "."): text for key, text in keys.items()} or {"echo.1.model.py": echo_code()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-files"}, "data": data}


def digits_files(name: str, version: int = 1, model_file: str = "digits") -> dict[str, Any]:
    """The ConfigMap with the trained classifier."""
    from images.models.configmap import ModelFile, configmap

    content = (MODELS / "repository" / model_file / str(version) / "model.onnx").read_bytes()
    return configmap(f"{name}-files", {ModelFile("digits", version, "model.onnx"): content})


DIGITS_MODEL = {
    "name": "digits",
    "engine": "ONNXRuntime",
    "inputs": [{"name": "input", "dataType": "FP32", "dims": [64]}],
    "outputs": [{"name": "probabilities", "dataType": "FP32", "dims": [10]}],
}


def ready_condition(resource: dict[str, Any], kind: str = "Ready") -> dict[str, Any]:
    """A condition, or an empty dictionary."""
    conditions = resource.get("status", {}).get("conditions", ())
    return next((condition for condition in conditions if condition["type"] == kind), {})


def wait_for_reason(kubectl: Kubectl, namespace: str, name: str, kind: str, reason: str, seconds: float = 60.0) -> Any:
    """Wait until a condition holds for this reason, in the resource's present generation."""

    def look() -> tuple[Any, str]:
        resource = kubectl.json("get", "glm", name, "-n", namespace)
        condition = ready_condition(resource, kind)
        current = condition.get("observedGeneration") == resource["metadata"]["generation"]
        found = f"{kind}={condition.get('status')} {condition.get('reason')}: {condition.get('message')}"
        return (resource, "") if current and condition.get("reason") == reason else (None, found)

    return wait_for(f"{kind} of {name} for {reason}", look, seconds)


def pods_of(kubectl: Kubectl, namespace: str, name: str) -> list[dict[str, Any]]:
    """Pods of a resource that don't end, oldest first."""
    found = kubectl.json("get", "pods", "-n", namespace, "-l", f"serving.autoglm.io/inference={name}")["items"]
    alive = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
    return sorted(alive, key=lambda pod: pod["metadata"]["creationTimestamp"])


@dataclass(frozen=True)
class Endpoint:
    """Where a Service can be reached by a client of this machine."""

    http: str
    grpc: str


@contextmanager
def client_command(kubectl: Kubectl, namespace: str, service: str) -> Iterator[tuple[list[str], Endpoint]]:
    """How to run a client of this machine, and the address that it shall ask.

    In the local cluster the client runs inside the cluster's network and asks the Service itself. Elsewhere it goes
    through `kubectl port-forward`, which passes the Service by.
    """
    if kubectl.provider.kind is Kind.LOCAL:
        address = kubectl.json("get", "service", service, "-n", namespace)["spec"]["clusterIP"]
        prefix = [*INSIDE]
        yield prefix, Endpoint(f"{address}:8000", f"{address}:8001")
        return
    forward = subprocess.Popen(
        ["kubectl", "port-forward", f"service/{service}", "-n", namespace, ":8000", ":8001"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert forward.stdout is not None
        ports = [forward.stdout.readline().split("127.0.0.1:")[1].split(" ")[0] for _ in range(2)]
        yield [], Endpoint(f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}")
    finally:
        forward.terminate()
        forward.wait(timeout=10)


def ask(kubectl: Kubectl, namespace: str, service: str, model: str, tensors: dict[str, Any]) -> Any:
    """One inference over HTTP and one over gRPC, with tritonclient, through the Service."""
    with client_command(kubectl, namespace, service) as (prefix, endpoint):
        script = [sys.executable, str(CLIENTS / "infer.py")]
        arguments = [endpoint.http, endpoint.grpc, model, json.dumps(tensors)]
        return json.loads(run([*prefix, *script, *arguments], timeout=60))


@contextmanager
def load(
    kubectl: Kubectl,
    namespace: str,
    service: str,
    model: str,
    body: Any,
    rate: float = 50.0,
    connections: str = "fresh",
    headers: Mapping[str, str] | None = None,
) -> Iterator[dict[str, Any]]:
    """Load during the block; the dictionary holds the client's summary after it."""
    summary: dict[str, Any] = {}
    with client_command(kubectl, namespace, service) as (prefix, endpoint), tempfile.TemporaryDirectory() as folder:
        stop = Path(folder) / "stop"
        script = [sys.executable, str(CLIENTS / "load.py")]
        how = [json.dumps(dict(headers or {})), connections]
        arguments = [f"http://{endpoint.http}", model, json.dumps(body), str(rate), "150", str(stop), *how]
        client = subprocess.Popen([*prefix, *script, *arguments], stdout=subprocess.PIPE, text=True)
        try:
            yield summary
        finally:
            stop.touch()
            output, _ = client.communicate(timeout=60)
        summary |= json.loads(output)
