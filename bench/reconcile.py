"""`make bench-reconcile`: how fast the operator brings many new resources into the cluster, and what it costs.

The resources want no pods, so that the figures are the operator's and the API server's alone: no scheduler, no kubelet,
no Triton. A look at a resource with pods costs their servers' answers on top.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

import click

from demo.built_images import built_image
from demo.install import OPERATOR_NAMESPACE, RELEASE, ensure_namespace, install_operator
from demo.kubectl import Kubectl, run
from demo.operator_metrics import operator_metric
from demo.paths import ROOT, SAMPLES
from demo.wait import wait_for

NAMESPACE: Final = "bench"
TARGET: Final = ROOT / "build/bench/reconcile.json"
QUICK, FULL = (50,), (200, 1000)
WRITES, LOOKS = "glm_api_writes_total", "glm_reconciles_total"


@click.command(help=__doc__)
def main() -> None:
    """Measure each number of resources in a fresh operator process."""
    sizes = QUICK if os.environ.get("BENCH_QUICK") else FULL
    kubectl = Kubectl.connect()
    run([sys.executable, "-m", "devcluster", "load-image", str(built_image("operator").archive)], timeout=300)
    install_operator(kubectl)
    results = [_measure(kubectl, size) for size in sizes]
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(results, indent=2) + "\n")
    click.echo(f"wrote {TARGET.relative_to(ROOT)}")


def _measure(kubectl: Kubectl, count: int) -> dict[str, float]:
    ensure_namespace(kubectl, NAMESPACE)
    _restart(kubectl)
    before, begin = operator_metric(kubectl, WRITES), time.monotonic()
    kubectl("apply", "--server-side", "-n", NAMESPACE, "-f", "-", stdin=_resources(count), timeout=600)
    posted = time.monotonic() - begin
    wait_for(f"{count} reconciled", lambda: _all_told(kubectl, count), 900, click.echo)
    seconds = time.monotonic() - begin
    writes = operator_metric(kubectl, WRITES) - before
    rss = operator_metric(kubectl, "process_resident_memory_bytes") / 2**20
    begin = time.monotonic()
    _restart(kubectl)
    wait_for("all looked at again", lambda: _looked_at(kubectl, count), 900, click.echo)
    result = {
        "resources": count,
        "seconds_to_post": round(posted, 1),
        "seconds_to_reconciled": round(seconds, 1),
        "operator_rss_mib": round(rss, 1),
        "writes_per_resource": round(writes / count, 2),
        "restart_seconds": round(time.monotonic() - begin, 1),
        "restart_writes": operator_metric(kubectl, WRITES),
    }
    click.echo(json.dumps(result))
    kubectl("delete", "namespace", NAMESPACE, timeout=600)
    return result


def _resources(count: int) -> str:
    return "\n---\n".join(json.dumps(resource) for resource in _wanted(count))


def _wanted(count: int) -> Iterator[dict[str, Any]]:
    tensor = {"dataType": "FP32", "dims": [-1]}
    model = {
        "name": "echo",
        "engine": "Python",
        "inputs": [tensor | {"name": "i"}],
        "outputs": [tensor | {"name": "o"}],
    }
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "files"},
        "data": {"echo.1.model.py": (SAMPLES / "echo.yaml").read_text()},
    }
    for number in range(count):
        yield {
            "apiVersion": "serving.autoglm.io/v1alpha1",
            "kind": "GLMInference",
            "metadata": {"name": f"bench-{number}"},
            "spec": {"models": [model], "repository": {"configMap": {"name": "files"}}, "replicas": 0},
        }


def _all_told(kubectl: Kubectl, count: int) -> tuple[bool | None, str]:
    path = '{range .items[*]}{.status.conditions[?(@.type=="Ready")].reason}{"\\n"}{end}'
    told = kubectl("get", "glm", "-n", NAMESPACE, "-o", f"jsonpath={path}").split().count("ScaledToZero")
    return (True if told == count else None), f"{told} of {count}"


def _looked_at(kubectl: Kubectl, count: int) -> tuple[bool | None, str]:
    looks = operator_metric(kubectl, LOOKS)
    return (True if looks >= count else None), f"{looks:.0f} of {count}"


def _restart(kubectl: Kubectl) -> None:
    kubectl("rollout", "restart", f"deployment/{RELEASE}", "-n", OPERATOR_NAMESPACE)
    kubectl("rollout", "status", f"deployment/{RELEASE}", "-n", OPERATOR_NAMESPACE, "--timeout=100s", timeout=110)


if __name__ == "__main__":
    main()
