"""`make bench-reconcile`: how fast the operator brings many new resources into the cluster, and what it costs.

Real API server, controller manager and scheduler; the pods are KWOK's, and one real Triton server answers for all of
them. The operator is a pod of its own, started anew for each number of resources. Everything shares the machine.
"""

import asyncio
import itertools
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import click

from bench import fleet
from demo.built_images import NAMES, built_image
from demo.install import OPERATOR_NAMESPACE, RELEASE, install_operator
from demo.kubectl import Kubectl, run
from demo.operator_metrics import operator_metric
from demo.paths import ROOT
from demo.wait import wait_for
from glm_operator.clients.kubernetes import Cluster

TARGET: Final = ROOT / "build/bench/reconcile.json"
WRITES, LOOKS, DUE = "glm_api_writes_total", "glm_reconciles_total", "glm_queue_length"
QUICK: Final = bool(os.environ.get("BENCH_QUICK"))
SIZES: Final = (20,) if QUICK else (1000, 5000)
IDLE_SECONDS: Final = 10.0 if QUICK else 60.0
CHANGES: Final = 50 if QUICK else 1000
CHANGES_PER_SECOND: Final = 5.0
CHANGE_DEADLINE_SECONDS: Final = 30.0
CHANGED_KEY: Final = "bench/change"
RECONCILED_WITHIN_SECONDS: Final = 1800.0
# What a fleet of this size needs; the chart's default of 512Mi is for the usual one.
# Without the gateway: what is measured is the reconciliation, and a thousand pods with one server's address can't be
# weighed against each other.
VALUES: Final = ("--set-string=resources.limits.memory=2Gi", "--set=gateway.enabled=false")


@click.command(help=__doc__)
@click.option("--resources", "sizes", multiple=True, type=click.IntRange(1), help="How many; may be given repeatedly.")
def main(sizes: tuple[int, ...]) -> None:
    """Measure each number of resources in a fresh operator process."""
    kubectl = Kubectl.connect()
    archives = [str(built_image(name).archive) for name in NAMES]
    run([sys.executable, "-m", "devcluster", "load-image", *archives], timeout=300)
    install_operator(kubectl, *VALUES)
    fleet.clear(kubectl)
    results = []
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    for size in sizes or SIZES:
        address = fleet.prepare(kubectl, click.echo)
        results.append(asyncio.run(_measure(kubectl, size, address)))
        TARGET.write_text(json.dumps(results, indent=2) + "\n")
        click.echo(json.dumps(results[-1]))
        fleet.clear(kubectl)
    click.echo(f"wrote {TARGET.relative_to(ROOT)}")


async def _measure(kubectl: Kubectl, count: int, address: str) -> dict[str, float]:
    cluster = await Cluster.connect(kubeconfig=kubectl.kubeconfig or None)
    client = await fleet.Client.connect(kubectl.kubeconfig)
    progress = _Progress(count)
    following = asyncio.create_task(fleet.follow(cluster, "GLMInference", progress.take))
    try:
        await asyncio.to_thread(_restart, kubectl)
        await _queue_empty(kubectl)
        nodes, writes = fleet.node_changes(kubectl), operator_metric(kubectl, WRITES)
        begin = time.monotonic()
        await client.create(fleet.resource(number, address) for number in range(count))
        posted = time.monotonic() - begin
        reconciled = await progress.reached(progress.told, begin, "reconciled")
        ready = await progress.reached(progress.ready, begin, "ready")
        await _queue_empty(kubectl)
        created = operator_metric(kubectl, WRITES) - writes
        _check_children(kubectl, count)
        memory = operator_metric(kubectl, "process_resident_memory_bytes") / 2**20
        idle = await _idle_writes_per_minute(kubectl)
        changes = await _changes(cluster, client, count)
        restart, restart_writes = await _restarted(kubectl, count)
        if fleet.node_changes(kubectl) != nodes:
            raise click.ClickException("a fake node changed between ready and not ready: the run is worth nothing")
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await client.close()
        await cluster.close()
    return {
        "resources": count,
        "seconds_to_post": round(posted, 1),
        "seconds_to_reconciled": round(reconciled, 1),
        "seconds_to_ready": round(ready, 1),
        "operator_rss_mib": round(memory, 1),
        "writes_per_resource": round(created / count, 2),
        "idle_writes_per_minute": round(idle, 1),
        **changes,
        "restart_seconds": round(restart, 1),
        "restart_writes": restart_writes,
    }


class _Progress:
    """What the statuses of all resources say."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.told: set[str] = set()
        """Children applied, and the status tells of the present generation."""
        self.ready: set[str] = set()
        """Its pod, however fake, answers for every model."""

    def take(self, body: dict[str, Any]) -> None:
        """See one resource."""
        status, name = body.get("status", {}), body["metadata"]["name"]
        conditions = {c["type"]: c for c in status.get("conditions", ())}
        if status.get("observedGeneration") == body["metadata"]["generation"] and "Ready" in conditions:
            self.told.add(name)
        if conditions.get("Ready", {}).get("status") == "True":
            self.ready.add(name)

    async def reached(self, names: set[str], begin: float, what: str) -> float:
        """Seconds since `begin` until all are among `names`."""
        deadline, next_line = begin + RECONCILED_WITHIN_SECONDS, 0.0
        while len(names) < self._count:
            now = time.monotonic()
            if now > deadline:
                raise click.ClickException(f"{len(names)} of {self._count} {what} in time")
            if now > next_line:
                click.echo(f"{now - begin:5.0f} s: {len(names)} of {self._count} {what}")
                next_line = now + 10
            await asyncio.sleep(0.05)
        return time.monotonic() - begin


async def _changes(cluster: Cluster, client: fleet.Client, count: int) -> dict[str, float]:
    """Time from a change of a spec, sent in an open loop, to the Deployment that has it."""
    seen: dict[str, float] = {}
    all_seen = asyncio.Event()

    def take(body: dict[str, Any]) -> None:
        value = body["spec"]["template"]["metadata"].get("annotations", {}).get(CHANGED_KEY)
        if value is not None and value not in seen:
            seen[value] = time.monotonic()
        if len(seen) == CHANGES:
            all_seen.set()

    following = asyncio.create_task(fleet.follow(cluster, "Deployment", take))
    sent: dict[str, float] = {}
    begin = time.monotonic()
    try:
        for number, name in zip(range(CHANGES), itertools.cycle(range(count)), strict=False):
            await asyncio.sleep(max(0.0, begin + number / CHANGES_PER_SECOND - time.monotonic()))
            sent[str(number)] = time.monotonic()
            await client.annotate_pods(f"bench-{name}", CHANGED_KEY, str(number))
            if number % 100 == 0:
                click.echo(f"{number} of {CHANGES} changes sent")
        with suppress(TimeoutError):
            await asyncio.wait_for(all_seen.wait(), CHANGE_DEADLINE_SECONDS)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    taken = sorted((seen[key] - at) * 1000 for key, at in sent.items() if key in seen)
    return {
        "apply_p50_ms": round(_quantile(taken, 0.5)),
        "apply_p99_ms": round(_quantile(taken, 0.99)),
        "changes": len(sent),
        "changes_not_in_time": len(sent) - len(taken),
    }


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


async def _idle_writes_per_minute(kubectl: Kubectl) -> float:
    before = operator_metric(kubectl, WRITES)
    await asyncio.sleep(IDLE_SECONDS)
    return (operator_metric(kubectl, WRITES) - before) * 60.0 / IDLE_SECONDS


async def _restarted(kubectl: Kubectl, count: int) -> tuple[float, float]:
    """Seconds from the end of the old process to the last resource looked at, and the writes of that."""
    await _queue_empty(kubectl)
    begin = time.monotonic()
    await asyncio.to_thread(_restart, kubectl)
    await asyncio.to_thread(_waited, "all looked at again", lambda: _looked_at(kubectl, count))
    return time.monotonic() - begin, operator_metric(kubectl, WRITES)


async def _queue_empty(kubectl: Kubectl) -> None:
    """Nothing is due, three times in a row."""
    empty = itertools.count()

    def look() -> tuple[bool | None, str]:
        nonlocal empty
        due = operator_metric(kubectl, DUE)
        if due > 0:
            empty = itertools.count()
            return None, f"{due:.0f} due"
        return (True if next(empty) >= 2 else None), "nothing is due"

    await asyncio.to_thread(_waited, "the queue empty", look)


def _waited(what: str, look: Callable[[], tuple[bool | None, str]]) -> None:
    wait_for(what, look, RECONCILED_WITHIN_SECONDS)


def _looked_at(kubectl: Kubectl, count: int) -> tuple[bool | None, str]:
    looks = operator_metric(kubectl, LOOKS)
    return (True if looks >= count else None), f"{looks:.0f} of {count}"


def _check_children(kubectl: Kubectl, count: int) -> None:
    for kind in ("deployments", "services"):
        there = len(kubectl("get", kind, "-n", fleet.NAMESPACE, "-o", "name", timeout=120).split())
        if there != count:
            raise click.ClickException(f"{there} {kind} instead of {count}")


def _restart(kubectl: Kubectl) -> None:
    """End the operator's process and wait for the next one."""
    target = f"deployment/{RELEASE}"
    kubectl("rollout", "restart", target, "-n", OPERATOR_NAMESPACE)
    kubectl("rollout", "status", target, "-n", OPERATOR_NAMESPACE, "--timeout=200s", timeout=210)


if __name__ == "__main__":
    main()
