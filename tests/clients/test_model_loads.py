"""What is remembered of loads: failures with growing waits, one at a time, nothing of pods that are gone.

Beside the clients and not the loop, whose tests run on a clock of their own: gRPC keeps to the real one.
"""

import pytest
from prometheus_client import CollectorRegistry

from fake_triton import FakeTriton, serving
from glm_operator.observability.metrics import Metrics
from glm_operator.reconcile.backoff import load_backoff_seconds
from glm_operator.reconcile.model_loads import ModelLoads
from glm_operator.reconcile.model_updates import ModelUpdate
from glm_operator.reconcile.queue import Key
from glm_operator.resources.names import GRPC_PORT
from glm_operator.status.model_changes import ModelChange
from observations import pod, resource, wanted

ECHO, KEY, HOST = resource(), Key("shop", "echo"), "127.66.0.1"
(MODEL,) = wanted(ECHO)
NOW = 50.0


def update(revision=MODEL.revision, action="Load"):
    change = ModelChange(action, "echo", "old", revision, MODEL if action == "Load" else None)
    return ModelUpdate("echo-1", HOST, "uid-echo-1/0", change, frozenset({"echo"}))


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def loads(registry):
    return ModelLoads(Metrics(registry), lambda: NOW)


async def carry_out(loads, *updates, fake):
    async with serving(fake, f"{HOST}:{GRPC_PORT}"):
        for each in updates:
            await loads.begin(KEY, each, 10.0)
            assert loads.is_busy(KEY)
            assert loads.ended(KEY) is each
            assert not loads.is_busy(KEY)


def failures(loads, name="echo-1"):
    (seen,) = loads.with_failures(KEY, [pod(ECHO, name)])
    return {model: (failure.reason, failure.tries, failure.retry_at) for model, failure in seen.failures.items()}


async def test_a_success_is_counted_and_leaves_nothing_behind(loads, registry):
    await carry_out(loads, update(), fake=FakeTriton())
    assert failures(loads) == {}
    assert registry.get_sample_value("glm_model_loads_total", {"action": "Load", "result": "success"}) == 1


async def test_a_refusal_is_remembered_and_waits_longer_each_time(loads, registry):
    refusing = FakeTriton(refused={"echo": "no weights"})
    await carry_out(loads, update(), fake=refusing)
    assert failures(loads) == {"echo": ("no weights", 1, NOW + load_backoff_seconds(1))}
    await carry_out(loads, update(), fake=refusing)
    assert failures(loads) == {"echo": ("no weights", 2, NOW + load_backoff_seconds(2))}
    assert registry.get_sample_value("glm_model_loads_total", {"action": "Load", "result": "failure"}) == 2


async def test_another_revision_starts_with_a_short_wait_again(loads):
    await carry_out(loads, update(), update(), update("other"), fake=FakeTriton(refused={"echo": "no weights"}))
    assert failures(loads)["echo"][1] == 1


async def test_a_success_forgets_the_refusal(loads):
    await carry_out(loads, update(), fake=FakeTriton(refused={"echo": "no weights"}))
    await carry_out(loads, update(), fake=FakeTriton())
    assert failures(loads) == {}


async def test_what_a_pod_that_is_gone_refused_is_forgotten(loads):
    await carry_out(loads, update(), fake=FakeTriton(refused={"echo": "no weights"}))
    assert failures(loads, "echo-2") == {}
    assert failures(loads) == {}


async def test_a_model_is_unloaded(loads):
    fake = FakeTriton(loaded={"echo": {}})
    await carry_out(loads, update("", "Unload"), fake=fake)
    assert fake.loaded == {}


def test_a_change_is_told_once_and_not_once_a_pod(loads):
    told = [loads.is_news(KEY, update(revision)) for revision in ("a", "a", "b", "b", "a")]
    assert told == [True, False, True, False, True]


@pytest.mark.parametrize(("tries", "seconds"), [(1, 10), (2, 20), (7, 600), (1000, 600)])
def test_backoff(tries, seconds):
    assert load_backoff_seconds(tries) == seconds
