"""`make bench-traffic`: what clients see when one of ten pods is slow, behind the gateway and behind plain Envoys.

Ten real Triton pods; an open-loop load at a fixed rate, each request with a client's time limit; the slow pod takes
two seconds for half of the run. All policies ask the same pods, one after the other in each round, and the order
alternates. The load waits for no answer, so a slow one holds up nothing. Clients, Envoys and pods share the machine.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from bench import rival_envoy
from demo.built_images import NAMES, built_image
from demo.inside import INSIDE
from demo.install import OPERATOR_NAMESPACE, RELEASE, ensure_namespace, install_operator
from demo.kubectl import Kubectl, run
from demo.paths import ROOT
from demo.wait import inference_ready, wait_for
from devcluster import binaries
from devcluster.provider import Kind
from glm_operator.api import group
from glm_operator.resources.names import HTTP_PORT

TARGET: Final = ROOT / "build/bench/traffic.json"
NAMESPACE: Final = "bench-traffic"
NAME: Final = "wall"
GLM: Final = "glm"
POLICIES: Final = (*rival_envoy.POLICIES, GLM)
PODS: Final = 10
HARMED_MS: Final = 100.0
CLIENT_SECONDS: Final = 1.0
SLOW_SECONDS: Final = 2.0
MODEL: Final = {
    "name": "work",
    "engine": "Python",
    "maxBatchSize": 0,
    "inputs": [{"name": "input", "dataType": "FP32", "dims": [1]}],
    "outputs": [{"name": "output", "dataType": "FP32", "dims": [1]}],
}
CODE: Final = """
import time
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def initialize(self, args):
        self.slow_until = 0.0

    def execute(self, requests):
        answers = []
        for request in requests:
            tensor = pb_utils.get_input_tensor_by_name(request, "input").as_numpy()
            if tensor[0] < 0:
                self.slow_until = time.monotonic() - float(tensor[0])
            elif time.monotonic() < self.slow_until:
                time.sleep(SLOW_SECONDS)
            answers.append(pb_utils.InferenceResponse([pb_utils.Tensor("output", tensor)]))
        return answers
""".replace("SLOW_SECONDS", str(SLOW_SECONDS))


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: its rate, its length, and when the pod is slow."""

    rounds: int
    rate: int
    seconds: int
    slow_from: float
    slow_for: float


QUICK: Final = Plan(rounds=1, rate=300, seconds=8, slow_from=2.0, slow_for=4.0)
FULL: Final = Plan(rounds=5, rate=500, seconds=24, slow_from=6.0, slow_for=12.0)


@click.command(help=__doc__)
def main() -> None:
    """Measure every policy in every round, print and write the table."""
    kubectl = Kubectl.connect()
    if kubectl.provider.kind is not Kind.LOCAL:
        raise click.ClickException("the load runs inside the local cluster's network: unset KUBECONFIG and run again")
    binaries.ensure([binaries.VEGETA, binaries.ENVOY])
    plan = QUICK if os.environ.get("BENCH_QUICK") else FULL
    archives = [str(built_image(name).archive) for name in NAMES]
    run([sys.executable, "-m", "devcluster", "load-image", *archives], timeout=600)
    install_operator(kubectl)
    ensure_namespace(kubectl, NAMESPACE)
    try:
        results = list(_measured(kubectl, plan))
    finally:
        kubectl("delete", "namespace", NAMESPACE, timeout=300)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(results, indent=2) + "\n")
    Console().print(_table(results))
    click.echo(f"wrote {TARGET.relative_to(ROOT)}")


def _measured(kubectl: Kubectl, plan: Plan) -> Iterator[dict[str, Any]]:
    pods = _serve(kubectl)
    gateway = kubectl.json("get", "service", f"{RELEASE}-gateway", "-n", OPERATOR_NAMESPACE)["spec"]["clusterIP"]
    with tempfile.TemporaryDirectory() as folder, _rivals(Path(folder), pods):
        for number in range(plan.rounds):
            for policy in POLICIES if number % 2 == 0 else reversed(POLICIES):
                url = f"http://{gateway}:{HTTP_PORT}"
                if policy != GLM:
                    url = f"http://127.0.0.1:{rival_envoy.port_of(policy)}"
                _wait_until_even(kubectl)
                outcomes = _attacked(Path(folder), url, pods[number % len(pods)], plan)
                result = {"scenario": "slow-pod", "policy": policy, "round": number, **_summary(outcomes, plan)}
                click.echo(json.dumps(result))
                yield result


def _serve(kubectl: Kubectl) -> list[str]:
    """Ten pods that the gateway sends requests to; their addresses."""
    files = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{NAME}-files"}, "data": {}}
    files["data"] = {"work.1.model.py": CODE}
    resource = {
        "apiVersion": group.API_VERSION,
        "kind": group.KIND,
        "metadata": {"name": NAME},
        "spec": {"models": [MODEL], "repository": {"configMap": {"name": f"{NAME}-files"}}, "replicas": PODS},
    }
    kubectl.apply(files, resource, namespace=NAMESPACE)
    inference_ready(kubectl, NAMESPACE, NAME, 180, click.echo)
    _wait_until_even(kubectl)
    found = kubectl.json("get", "pods", "-n", NAMESPACE, "-l", f"{group.LABEL_INFERENCE}={NAME}")["items"]
    return sorted(pod["status"]["podIP"] for pod in found)


def _wait_until_even(kubectl: Kubectl) -> None:
    """Until the gateway has forgotten the round before: every pod gets requests, and none is on trial."""

    def look() -> tuple[bool | None, str]:
        status = kubectl.json("get", "glm", NAME, "-n", NAMESPACE)["status"]
        states = [endpoint["state"] for endpoint in status.get("endpoints", ())]
        return (True if states == ["Active"] * PODS else None), ", ".join(states)

    wait_for("all pods active", look, 180)


@contextmanager
def _rivals(folder: Path, pods: Sequence[str]) -> Iterator[None]:
    """The plain Envoys, as one process with a listener each."""
    config = folder / "envoy.json"
    config.write_text(json.dumps(rival_envoy.bootstrap(pods, HTTP_PORT)))
    argv = [str(binaries.ENVOY.path), "--config-path", str(config), "--log-level", "error", "--concurrency", "2"]
    with (folder / "envoy.log").open("w") as log:
        process = subprocess.Popen([*INSIDE, *argv], stdout=log, stderr=log, cwd=ROOT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def _attacked(folder: Path, url: str, slow: str, plan: Plan) -> list[dict[str, Any]]:
    """Outcomes of all requests of a run, while one pod is slow for a part of it."""
    timer = threading.Timer(plan.slow_from, _make_slow, [slow, plan.slow_for])
    targets, results = folder / "targets", folder / "results"
    body = folder / "body"
    body.write_text(json.dumps(_question(1.0)))
    headers = f"Content-Type: application/json\nx-glm-inference: {NAMESPACE}/{NAME}"
    targets.write_text(f"POST {url}/v2/models/work/infer\n{headers}\n@{body}\n")
    attack = [
        str(binaries.VEGETA.path), "attack", f"-targets={targets}", f"-rate={plan.rate}", f"-duration={plan.seconds}s",
        f"-timeout={CLIENT_SECONDS}s", "-max-connections=2000", "-connections=500", f"-output={results}",
    ]  # fmt: skip
    timer.start()
    try:
        run([*INSIDE, *attack], timeout=plan.seconds + 60)
    finally:
        timer.cancel()
    lines = run([str(binaries.VEGETA.path), "encode", "-to=json", str(results)], timeout=60).splitlines()
    return [json.loads(line) for line in lines]


def _question(value: float) -> dict[str, Any]:
    return {"inputs": [{"name": "input", "shape": [1], "datatype": "FP32", "data": [value]}]}


def _make_slow(address: str, seconds: float) -> None:
    """Tell one pod, past all gateways, to be slow for so long."""
    script = (
        "import sys, urllib.request;"
        "request = urllib.request.Request(sys.argv[1], sys.argv[2].encode(), {'Content-Type': 'application/json'});"
        "urllib.request.urlopen(request, timeout=10).read()"
    )
    url = f"http://{address}:{HTTP_PORT}/v2/models/work/infer"
    run([*INSIDE, sys.executable, "-c", script, url, json.dumps(_question(-seconds))], timeout=30)


def _summary(outcomes: Sequence[dict[str, Any]], plan: Plan) -> dict[str, float]:
    good = [each["latency"] / 1e6 for each in outcomes if each["code"] == 200]
    waited = sorted(each["latency"] / 1e6 if each["code"] == 200 else CLIENT_SECONDS * 1000 for each in outcomes)
    harmed = len(outcomes) - sum(latency <= HARMED_MS for latency in good)
    return {
        "success_share": len(good) / len(outcomes),
        "harmed_share": harmed / len(outcomes),
        "p50_ms": round(_quantile(waited, 0.5), 1),
        "p99_ms": round(_quantile(waited, 0.99), 1),
        "p999_ms": round(_quantile(waited, 0.999), 1),
        "throughput_rps": round(len(good) / plan.seconds, 1),
        "requests": len(outcomes),
        "harmed": harmed,
    }


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def _table(results: Sequence[dict[str, Any]]) -> Table:
    table = Table(title="One of ten pods answers in 2 s for half of the run: medians (ranges)")
    for column in ("policy", "success", "harmed", "p50 ms", "p99 ms", "p99.9 ms"):
        table.add_column(column, justify="left" if column == "policy" else "right")
    for policy in POLICIES:
        rows = [result for result in results if result["policy"] == policy]
        cells = [_cell([row[key] for row in rows]) for key in ("harmed", "p50_ms", "p99_ms", "p999_ms")]
        success = statistics.median(row["success_share"] for row in rows)
        table.add_row(policy, f"{success:.3%}", *cells)
    return table


def _cell(values: Sequence[float]) -> str:
    return f"{statistics.median(values):g} ({min(values):g}..{max(values):g})"


if __name__ == "__main__":
    main()
