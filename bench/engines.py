"""`make bench-engines`: one network on each engine, served by real Triton pods: latency, throughput, memory.

The network has ResNet-50's shape and random weights. All servers are up at the same time and only one is asked at a
time, in rounds whose order alternates, so that a slow moment of the machine doesn't hit one engine only. Client and
server share the machine's cores. INT8 is made by what `kubectl glm quantize` uses.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from bench import engine_rows as rows
from bench.engine_models import models_image
from bench.engine_rows import Variant
from demo.built_images import NAMES, built_image
from demo.inside import INSIDE
from demo.install import ensure_namespace, install_operator
from demo.kubectl import Kubectl, run
from demo.paths import MODELS, ROOT
from demo.wait import inference_ready, wait_for
from devcluster.provider import Kind

NAMESPACE: Final = "bench-engines"
TARGET: Final = ROOT / "build/bench/engines.json"
CLIENT: Final = ROOT / "bench/picture_load.py"
GPU_IMAGE: Final = "GLM_TRITON_GPU_IMAGE"
GRPC_PORT: Final = 8001


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to measure: rounds, and seconds and requests at most of each of the two loads in a round."""

    variants: tuple[Variant, ...]
    rounds: int
    seconds: float
    most_requests: int = 200


QUICK: Final = Plan(rows.QUICK, rounds=1, seconds=1.5)
FULL: Final = Plan(rows.FULL, rounds=3, seconds=4.0)


@click.command(help=__doc__)
def main() -> None:
    """Start the servers, ask them in turn, print and write the table."""
    kubectl = Kubectl.connect()
    if kubectl.provider.kind is not Kind.LOCAL:
        raise click.ClickException("the load runs inside the local cluster's network: unset KUBECONFIG and run again")
    plan = QUICK if os.environ.get("BENCH_QUICK") else FULL
    gpu_image = os.environ.get(GPU_IMAGE)
    no_tensorrt = rows.why_no_tensorrt(rows.gpus_of(kubectl.json("get", "nodes")["items"]), gpu_image, GPU_IMAGE)
    variants = plan.variants if no_tensorrt else plan.variants + rows.ON_GPU
    reference = _prepare(kubectl, variants)
    install_operator(kubectl)
    with _servers(kubectl, [rows.resource(variant, reference, gpu_image) for variant in variants]):
        results = _measure(kubectl, variants, plan)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(results, indent=2) + "\n")
    _print(results, [no_tensorrt] if no_tensorrt else [])
    click.echo(f"wrote {TARGET.relative_to(ROOT)}")


def _prepare(kubectl: Kubectl, variants: Sequence[Variant]) -> str:
    """Bring images and models into the cluster; the reference of the models' image."""
    if not (MODELS / "repository" / rows.FLOAT_MODEL).exists():
        run([sys.executable, "-m", "images.models", str(MODELS)], timeout=300)
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "models.tar"
        reference = models_image(any(variant.model == rows.INT8_MODEL for variant in variants), archive)
        archives = [str(built_image(name).archive) for name in NAMES]
        run([sys.executable, "-m", "devcluster", "load-image", *archives, str(archive)], timeout=300)
    return reference


@contextmanager
def _servers(kubectl: Kubectl, resources: Sequence[dict[str, Any]]) -> Iterator[None]:
    """Servers in a namespace of their own, ready; afterwards it goes."""
    ensure_namespace(kubectl, NAMESPACE)
    try:
        kubectl.apply(*resources, namespace=NAMESPACE)
        for resource in resources:
            inference_ready(kubectl, NAMESPACE, resource["metadata"]["name"], 300)
            click.echo(f"{resource['metadata']['name']} is ready")
        yield
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def _measure(kubectl: Kubectl, variants: Sequence[Variant], plan: Plan) -> list[dict[str, Any]]:
    addresses = {variant: _address(kubectl, variant) for variant in variants}
    seen: dict[tuple[Variant, int], list[dict[str, float | None]]] = {}
    for number in range(plan.rounds):
        click.echo(f"round {number + 1} of {plan.rounds}")
        for variant in variants if number % 2 == 0 else reversed(variants):
            for open_requests in (1, rows.MAX_BATCH_SIZE):
                measured = _load(addresses[variant], variant.model, open_requests, plan)
                seen.setdefault((variant, open_requests), []).append(measured)
    memory = _memory(kubectl)
    return [
        rows.row(variant, open_requests, rounds, memory.get(variant.name))
        for (variant, open_requests), rounds in sorted(seen.items(), key=lambda item: variants.index(item[0][0]))
    ]


def _address(kubectl: Kubectl, variant: Variant) -> str:
    service = kubectl.json("get", "service", variant.name, "-n", NAMESPACE)
    return f"{service['spec']['clusterIP']}:{GRPC_PORT}"


def _load(address: str, model: str, open_requests: int, plan: Plan) -> dict[str, float | None]:
    script = [sys.executable, str(CLIENT), address, model, str(open_requests), str(plan.seconds)]
    prefix = [*INSIDE]
    output = run([*prefix, *script, str(plan.most_requests)], timeout=plan.seconds + 90)
    measured: dict[str, float | None] = json.loads(output)
    return measured


def _memory(kubectl: Kubectl) -> dict[str, float]:
    """MiB of each server's working set, as kubelet saw it after the load; empty when it can't be read."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    pods = kubectl.json("get", "pods", "-n", NAMESPACE)["items"]
    owners = {pod["metadata"]["name"]: pod["metadata"]["labels"]["serving.autoglm.io/inference"] for pod in pods}

    def look() -> tuple[dict[str, float] | None, str]:
        found: dict[str, tuple[str, float]] = {}
        for node in {pod["spec"]["nodeName"] for pod in pods}:
            summary = json.loads(kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/stats/summary"))
            found |= rows.working_set(summary, NAMESPACE)
        fresh = {owners[pod]: size for pod, (at, size) in found.items() if pod in owners and at >= now}
        return (fresh, "") if len(fresh) == len(owners) else (None, f"{len(fresh)} of {len(owners)} pods")

    return wait_for("kubelet's memory figures", look, 60)


def _print(results: Sequence[dict[str, Any]], remarks: Sequence[str]) -> None:
    table = Table(box=None, pad_edge=False)
    headings = ("engine", "graph", "precision", "open requests", "p50 ms", "p99 ms", "inferences/s", "batch", "MiB")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in headings[:3] else "right")
    for result in results:
        engine = result["engine"] + (f" + {result['accelerator']}" if result["accelerator"] else "")
        figures = [_figure(result, key) for key in rows.MEASURED]
        memory = "?" if result["memory_mib"] is None else str(result["memory_mib"])
        table.add_row(engine, result["graph_level"] or "-", result["precision"], str(result["batch"]), *figures, memory)
    Console(highlight=False, width=160).print(table)
    rounds = results[0]["rounds"]
    click.echo(f"medians of {rounds} rounds (lowest to highest); {os.cpu_count()} cores for client and server together")
    for remark in (*remarks, rows.REFERENCE):
        click.echo(remark)


def _figure(result: dict[str, Any], key: str) -> str:
    if result[key] is None:
        return "?"
    low, high = result["ranges"][key]
    return f"{result[key]:.1f}" if result["rounds"] == 1 else f"{result[key]:.1f} ({low:.1f}-{high:.1f})"


if __name__ == "__main__":
    main()
