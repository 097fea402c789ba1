"""What kubelet and Prometheus read of the operator."""

import socket

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from glm_operator.observability.metrics import Metrics
from glm_operator.observability.server import serve


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def read(registry, health, path):
    port = free_port()
    runner = await serve(registry, health, port)
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
            return response.status, await response.text()
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("trouble", "status", "text"),
    [
        pytest.param("", 200, "ok", id="a sound operator"),
        pytest.param("a change has been missed by the watch for 200 s", 503, "200 s", id="one that has gone deaf"),
    ],
)
async def test_healthz(trouble, status, text):
    answer = await read(CollectorRegistry(), lambda: trouble, "/healthz")
    assert answer[0] == status
    assert text in answer[1]


async def test_metrics_are_served():
    registry = CollectorRegistry()
    Metrics(registry).wrote("Deployment")
    status, text = await read(registry, lambda: "", "/metrics")
    assert status == 200
    assert 'glm_api_writes_total{kind="Deployment"} 1.0' in text


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def value(registry, name, **labels):
    return registry.get_sample_value(name, labels)


def test_looks_are_counted_by_result_and_timed():
    registry, clock = CollectorRegistry(), Clock()
    metrics = Metrics(registry, clock)
    with metrics.reconcile():
        clock.now += 2.0
    with pytest.raises(OSError, match="gone"), metrics.reconcile():
        raise OSError("gone")
    assert value(registry, "glm_reconciles_total", result="success") == 1
    assert value(registry, "glm_reconciles_total", result="error") == 1
    assert value(registry, "glm_reconcile_seconds_sum") == 2.0


def test_silence_is_told_for_each_watch():
    registry, clock = CollectorRegistry(), Clock()
    metrics = Metrics(registry, clock)
    metrics.heard("pods")
    clock.now = 40.0
    metrics.heard("deployments")
    clock.now = 50.0
    assert value(registry, "glm_seconds_since_last_watch_event", resource="pods") == 50.0
    assert value(registry, "glm_seconds_since_last_watch_event", resource="deployments") == 10.0


def test_the_length_of_the_queue_is_read_when_it_is_asked_for():
    registry, length = CollectorRegistry(), [3]
    Metrics(registry).watch_queue(lambda: length[0])
    length[0] = 7
    assert b"glm_queue_length 7.0" in generate_latest(registry)
