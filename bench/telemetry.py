"""`make bench-telemetry`: what reading 1,000 pods once a second costs.

A few processes on loopback answer for all pods, at an address and port for each, with what a real Triton answered once
(tests/telemetry/triton-2.51.md). They stand in for the servers because 1,000 Tritons don't fit on one machine; what is
measured is the reader, which can't tell. Their counters stand still, so the rates come out as 0.
"""

import asyncio
import json
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final

import click

from demo.paths import ROOT
from glm_operator.telemetry.cpu_use import CpuUse
from glm_operator.telemetry.target import Target
from glm_operator.telemetry.telemetry import DEADLINE_SECONDS, METRICS_PATH, Telemetry, allow_many_connections

TARGET: Final = ROOT / "build/bench/telemetry.json"
TEXT: Final = ROOT / "tests/telemetry/triton-2.51-after.txt"
QUICK, FULL = 15, 120
PODS: Final = 1000
SERVERS: Final = 2
WARM_UP: Final = 3
PERIOD_SECONDS: Final = 1.0
FIRST_PORT: Final = 12_000
"""Below the ports that the system gives to outgoing connections."""
LIVE: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Type: text/plain\r\n\r\n"


@click.command(help=__doc__)
@click.option("--pods", default=PODS, show_default=True)
def main(pods: int) -> None:
    """Measure and write build/bench/telemetry.json."""
    rounds = QUICK if os.environ.get("BENCH_QUICK") else FULL
    allow_many_connections()
    context = multiprocessing.get_context("spawn")
    stop, ready = context.Event(), [context.Event() for _ in range(SERVERS)]
    servers = [
        context.Process(target=_serve, args=(TEXT, range(number, pods, SERVERS), ready[number], stop))
        for number in range(SERVERS)
    ]
    for server in servers:
        server.start()
    try:
        for event in ready:
            if not event.wait(60):
                raise click.ClickException("the servers did not start; is a port from 12000 on in use?")
        result = asyncio.run(_measure(pods, rounds))
    finally:
        stop.set()
        for server in servers:
            server.join(10)
    click.echo(json.dumps(result))
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(result, indent=2) + "\n")
    click.echo(f"wrote {TARGET.relative_to(ROOT)}")


async def _measure(pods: int, rounds: int) -> dict[str, Any]:
    targets = [_target(number) for number in range(pods)]
    telemetry = Telemetry(CpuUse(None, None))
    seconds, cpu, unknown = [], [], 0
    try:
        for number in range(WARM_UP + rounds):
            begin, begin_cpu = time.monotonic(), time.process_time()
            samples = await telemetry.read(targets, begin)
            if number >= WARM_UP:
                seconds.append(time.monotonic() - begin)
                cpu.append(time.process_time() - begin_cpu)
                # Pods that were not read in whole.
                unknown += sum(not sample.alive or sample.pending is None for sample in samples.values())
            await asyncio.sleep(max(begin + PERIOD_SECONDS - time.monotonic(), 0.0))
        for uid, problem in list(telemetry.problems.items())[:3]:
            click.echo(f"{uid}: {problem}")
    finally:
        await telemetry.close()
    return {
        "pods": pods,
        "rounds": rounds,
        "deadline_seconds": DEADLINE_SECONDS,
        "read_p50_seconds": round(statistics.median(seconds), 3),
        "read_p99_seconds": round(sorted(seconds)[min(int(len(seconds) * 0.99), len(seconds) - 1)], 3),
        "cpu_seconds_per_round": round(statistics.mean(cpu), 3),
        "unknown": unknown,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _target(number: int) -> Target:
    uid, port = f"pod-{number}", FIRST_PORT + 2 * (number % PODS)
    return Target(
        uid=uid,
        incarnation=f"{uid}/0",
        namespace="bench",
        name=uid,
        address=f"127.0.0.{1 + number // PODS}",
        http_port=port,
        metrics_port=port + 1,
    )


class _Pod(asyncio.Protocol):
    def __init__(self, metrics: bytes) -> None:
        self._metrics = metrics
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(self._metrics if METRICS_PATH.encode() in data else LIVE)


def _serve(text: Path, numbers: Sequence[int], ready: Event, stop: Event) -> None:
    allow_many_connections()
    asyncio.run(_serve_all(text.read_bytes(), numbers, ready, stop))


async def _serve_all(text: bytes, numbers: Sequence[int], ready: Event, stop: Event) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(text)}\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    for target in map(_target, numbers):
        for port in (target.http_port, target.metrics_port):
            await loop.create_server(lambda: _Pod(head + text), target.address, port)
    ready.set()
    await asyncio.to_thread(stop.wait)


if __name__ == "__main__":
    main()
