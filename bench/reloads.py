"""`make bench-reloads`: what reloading a model in a running server costs in memory and time, and whether requests fail.

Memory is the proportional set size of all processes of the pod's server: of Triton and of its Python stubs, in which
the engines of the CPU image run. A few reloads come before the first reading, so that caches and arenas have settled.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from demo.built_images import NAMES, built_image
from demo.inside import INSIDE
from demo.install import ensure_namespace, install_operator
from demo.kubectl import Kubectl, run
from demo.paths import MODELS, ROOT
from demo.wait import inference_ready
from devcluster.provider import Kind
from images.models.configmap import ModelFile, configmap

NAMESPACE: Final = "bench"
TARGET: Final = ROOT / "build/bench/reloads.json"
CLIENT: Final = ROOT / "bench/reload_client.py"
WARM_UP, QUICK, FULL = 10, 10, 200
MEMORY: Final = """
import pathlib
total = 0
for rollup in pathlib.Path("/proc").glob("[0-9]*/smaps_rollup"):
    try:
        lines = rollup.read_text().splitlines()
    except OSError:
        continue
    total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
print(total)
"""
TENSOR: Final = {"dataType": "FP32", "dims": [-1]}
ECHO: Final = {
    "name": "echo",
    "engine": "Python",
    "inputs": [TENSOR | {"name": "INPUT"}],
    "outputs": [TENSOR | {"name": "OUTPUT"}],
}
DIGITS: Final = {"name": "digits", "engine": "ONNXRuntime"}


@click.command(help=__doc__)
def main() -> None:
    """Measure each model in a server of its own."""
    count = QUICK if os.environ.get("BENCH_QUICK") else FULL
    kubectl = Kubectl.connect()
    archives = [str(built_image(name).archive) for name in NAMES]
    run([sys.executable, "-m", "devcluster", "load-image", *archives], timeout=600)
    install_operator(kubectl)
    ensure_namespace(kubectl, NAMESPACE)
    try:
        results = [_measure(kubectl, model, count) for model in (DIGITS, ECHO)]
    finally:
        kubectl("delete", "namespace", NAMESPACE, timeout=300)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(results, indent=2) + "\n")
    click.echo(f"wrote {TARGET.relative_to(ROOT)}")


def _measure(kubectl: Kubectl, model: dict[str, Any], count: int) -> dict[str, Any]:
    name = model["name"]
    sources = [configmap(f"{name}-files", {ModelFile(name, 1, _file(name)): text}) for text in _contents(name)]
    resource = {
        "apiVersion": "serving.autoglm.io/v1alpha1",
        "kind": "GLMInference",
        "metadata": {"name": name},
        "spec": {"models": [model], "repository": {"configMap": {"name": f"{name}-files"}}, "replicas": 1},
    }
    kubectl.apply(sources[0], resource, namespace=NAMESPACE)
    inference_ready(kubectl, NAMESPACE, name)
    _reload(kubectl, resource, sources, WARM_UP)
    before = _memory(kubectl, name)
    seen = _reload(kubectl, resource, sources, count)
    after = _memory(kubectl, name)
    result = {
        "model": name,
        "reloads": count,
        "rss_mib_before": round(before, 1),
        "rss_mib_after": round(after, 1),
        "mib_per_reload": round((after - before) / count, 3),
        "seconds_per_reload": round(statistics.median(seen["seconds"]), 3),
        "requests": seen["requests"],
        "failed_requests": seen["failed"],
    }
    click.echo(json.dumps(result))
    return result


def _file(name: str) -> str:
    return "model.py" if name == "echo" else "model.onnx"


def _contents(name: str) -> list[bytes]:
    """Two revisions, so that each reload is one."""
    if name == "echo":
        code = (ROOT / "images/models/echo_model.py").read_bytes()
        return [code, code + b"\n# another revision\n"]
    return [(MODELS / f"repository/digits/{version}/model.onnx").read_bytes() for version in (1, 2)]


def _reload(kubectl: Kubectl, resource: dict[str, Any], sources: list[Any], count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, _server(kubectl, resource["metadata"]["name"]) as (prefix, address):
        paths = [Path(folder) / "resource.json", Path(folder) / "sources.json"]
        for path, content in zip(paths, (resource, sources), strict=True):
            path.write_text(json.dumps(content))
        output = run([*prefix, sys.executable, str(CLIENT), address, *map(str, paths), str(count)], timeout=1800)
    seen: dict[str, Any] = json.loads(output)
    return seen


@contextmanager
def _server(kubectl: Kubectl, name: str) -> Iterator[tuple[list[str], str]]:
    """How to run a client, and the server's address for it."""
    (pod,) = _pods(kubectl, name)
    if kubectl.provider.kind is Kind.LOCAL:
        yield [*INSIDE], f"{pod['status']['podIP']}:8001"
        return
    command = ["kubectl", "port-forward", f"pod/{pod['metadata']['name']}", "-n", NAMESPACE, ":8001"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forward:
        try:
            line = forward.stdout.readline() if forward.stdout is not None else ""
            yield [], f"127.0.0.1:{line.split('127.0.0.1:')[1].split(' ')[0]}"
        finally:
            forward.terminate()


def _pods(kubectl: Kubectl, name: str) -> list[Any]:
    selector = f"serving.autoglm.io/inference={name}"
    return list(kubectl.json("get", "pods", "-n", NAMESPACE, "-l", selector)["items"])


def _memory(kubectl: Kubectl, name: str) -> float:
    """MiB."""
    (pod,) = _pods(kubectl, name)
    command = ("exec", pod["metadata"]["name"], "-n", NAMESPACE, "-c", "triton", "--", "python3", "-c", MEMORY)
    return int(kubectl(*command)) / 1024


if __name__ == "__main__":
    main()
