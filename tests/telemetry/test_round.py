"""A round over many pods: each that misbehaves is unknown, and that is all that comes of it."""

import asyncio
import contextlib
import errno
import resource
import time
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from glm_operator.scheduler.sample import PodSample
from glm_operator.telemetry.cpu_use import CpuUse
from glm_operator.telemetry.telemetry import Telemetry, allow_many_connections
from telemetry.samples import AFTER, BEFORE, STEPS
from telemetry.servers import LIVE, MISBEHAVIOURS, breaks, never, pod, response, says, says_and_closes

DEADLINE = 2.0
"""Long enough for a sound pod on loopback, however busy the machine is."""
GENEROUS = 60.0
"""Only to end a test that hangs."""
SHORT, LATE = 0.2, 0.1


@asynccontextmanager
async def telemetry(deadline=GENEROUS, late=GENEROUS):
    reads = Telemetry(CpuUse(None, None), deadline, late)
    try:
        yield reads
    finally:
        await reads.close()


@asynccontextmanager
async def pods(*made):
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(one) for one in made]


async def until(holds):
    async with asyncio.timeout(GENEROUS):
        while not holds():  # noqa: ASYNC110 - what a server sees of its connections sets no event
            await asyncio.sleep(0.01)


async def test_a_sound_pod_tells_its_gauges_at_once_and_its_rates_the_second_time():
    async with pod() as sound, telemetry() as reads:
        target = sound.target("a", steps=STEPS)
        first = (await reads.read([target], now=100.0))["a"]
        sound.metrics = says(response(AFTER))
        second = (await reads.read([target], now=101.0))["a"]
    assert first == PodSample(at=100.0, alive=True, cpu=first.cpu, pending=0.0)
    assert first.cpu is not None
    assert second.at == 101.0
    assert second.latency_ms == pytest.approx(18.0, abs=2.0)
    assert second.requests_per_second / second.failures_per_second == pytest.approx(45 / 7)
    assert reads.problems == {}


@pytest.mark.parametrize("behaviour", MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
async def test_a_pod_that_misbehaves_leaves_only_itself_unknown(behaviour):
    async with pods(pod(), pod(metrics=behaviour), pod()) as (first, bad, last), telemetry(DEADLINE) as reads:
        targets = [first.target("first"), bad.target("bad"), last.target("last")]
        async with asyncio.timeout(GENEROUS):
            for _ in range(2):
                samples = await reads.read(targets, now=7.0)
        assert samples["bad"] == PodSample(at=7.0, alive=True)
        assert [samples[name].pending for name in ("first", "last")] == [0.0, 0.0]
        assert set(reads.problems) == {"bad"}
        assert reads.problems["bad"]


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(never, id="silence"),
        pytest.param(breaks, id="a connection that breaks"),
        pytest.param(says(response(b"", "400 Bad Request")), id="a refusal"),
        pytest.param(says(b"rubbish\r\n\r\n"), id="rubbish"),
    ],
)
async def test_a_server_that_does_not_say_that_it_lives_is_not_alive_though_its_metrics_are_read(behaviour):
    async with pod(live=behaviour) as half, telemetry(DEADLINE) as reads:
        sample = (await reads.read([half.target("a")], now=0.0))["a"]
    assert sample.alive is False
    assert sample.pending == 0.0


async def test_a_pod_that_is_not_there_is_not_alive():
    async with pod() as gone:
        target = gone.target("a")
    async with telemetry() as reads:
        assert await reads.read([target], now=3.0) == {"a": PodSample(at=3.0, alive=False)}
        assert "refused" in reads.problems["a"] or "Connect call failed" in reads.problems["a"]


async def test_no_pods_are_no_trouble():
    async with telemetry() as reads:
        assert await reads.read([], now=0.0) == {}


async def test_a_pod_that_misbehaved_is_read_again_when_it_is_well():
    async with pod(metrics=never) as patient, telemetry(DEADLINE) as reads:
        await reads.read([patient.target("a")], now=0.0)
        patient.metrics = says(response(BEFORE))
        sample = (await reads.read([patient.target("a")], now=1.0))["a"]
    assert sample.pending == 0.0


async def test_the_answer_that_came_too_late_is_not_taken_for_the_next_one():
    late = asyncio.Event()

    async def when_told(_, writer):
        await late.wait()
        with contextlib.suppress(ConnectionError):
            writer.write(response(b"nv_cpu_utilization 0.25\n"))

    async with pod(metrics=when_told) as slow, telemetry(DEADLINE) as reads:
        await reads.read([slow.target("a")], now=0.0)
        late.set()
        slow.metrics = says(response(b"nv_cpu_utilization 0.75\n"))
        assert (await reads.read([slow.target("a")], now=1.0))["a"].cpu == 0.75


async def test_a_server_that_closes_idle_connections_is_asked_on_a_new_one():
    async with pod(metrics=says_and_closes(response(BEFORE))) as closing, telemetry() as reads:
        for now in range(3):
            sample = (await reads.read([closing.target("a")], now=now))["a"]
            await until(lambda: closing.open["metrics"] == 0)
            assert sample.pending == 0.0
    assert closing.connections["metrics"] == 3


async def test_the_metrics_connection_is_kept_and_none_stays_on_the_http_port():
    async with pod() as sound, telemetry() as reads:
        for now in range(3):
            await reads.read([sound.target("a")], now=now)
            await until(lambda: sound.open["live"] == 0)
        assert sound.connections == {"metrics": 1, "live": 3}


async def test_a_pod_that_leaves_is_left_with_no_connection_and_comes_back_as_a_stranger():
    async with pod() as sound, telemetry() as reads:
        await reads.read([sound.target("a")], now=0.0)
        await reads.read([], now=1.0)
        await until(lambda: sound.open["metrics"] == 0)
        assert (await reads.read([sound.target("a")], now=2.0))["a"].requests_per_second is None


async def test_a_pod_that_changes_its_address_is_read_at_the_new_one():
    busy = says(response(b"nv_cpu_utilization 0.75\n"))
    async with pods(pod(), pod(metrics=busy)) as (old, new), telemetry() as reads:
        await reads.read([old.target("a")], now=0.0)
        assert (await reads.read([new.target("a")], now=1.0))["a"].cpu == 0.75
        await until(lambda: old.open["metrics"] == 0)


async def test_counters_of_a_server_that_was_started_anew_are_not_compared_with_the_old_ones():
    async with pod() as sound, telemetry() as reads:
        await reads.read([sound.target("a")], now=0.0)
        again = sound.target("a", incarnation="a/1")
        assert (await reads.read([again], now=1.0))["a"].requests_per_second is None
        assert (await reads.read([again], now=2.0))["a"].requests_per_second == 0.0


async def test_a_round_that_is_given_up_leaves_nothing_behind():
    async with pod(metrics=never, live=never) as silent, telemetry() as reads:
        task = asyncio.create_task(reads.read([silent.target("a")], now=0.0))
        await until(lambda: silent.open == {"metrics": 1, "live": 1})
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: silent.open == {"metrics": 0, "live": 0})


async def test_an_operator_that_has_no_files_left_says_nothing_about_the_pods(monkeypatch):
    async def no_files(*_, **__):
        raise OSError(errno.EMFILE, "Too many open files")

    async with pod() as sound, telemetry() as reads:
        target = sound.target("a")
        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", no_files)
        assert await reads.read([target], now=0.0) == {"a": PodSample(at=0.0)}
        assert "Too many open files" in reads.problems["a"]


async def test_many_silent_pods_take_no_longer_than_one():
    """Each has the whole deadline: were they read one after the other, or some at a time, this would not end."""
    async with pod(metrics=never, live=never) as silent, pod() as sound, telemetry(DEADLINE) as reads:
        targets = [*(silent.target(f"silent-{n}") for n in range(200)), sound.target("sound")]
        async with asyncio.timeout(GENEROUS):
            samples = await reads.read(targets, now=0.0)
        assert samples["sound"].alive is True
        assert samples["sound"].pending == 0.0
        assert {samples[f"silent-{n}"] for n in range(200)} == {PodSample(at=0.0, alive=False)}


async def test_the_live_request_is_tritons_and_asks_to_be_closed():
    heard = []

    async def listen(request, writer):
        heard.append(request.decode())
        writer.write(LIVE)

    async with pod(live=listen) as sound, telemetry() as reads:
        await reads.read([sound.target("a")], now=0.0)
    assert heard[0].startswith("GET /v2/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    assert "\r\nConnection: close\r\n" in heard[0]


def blocks(seconds):
    """A pod in the operator's own loop, which is stopped while it works: as on a machine that is too busy."""

    async def answer(_, writer):
        time.sleep(seconds)  # noqa: ASYNC251 - that is the point
        writer.write(response(BEFORE))

    return answer


async def test_an_operator_that_was_late_takes_what_has_come_in_the_meantime():
    too_busy = blocks(DEADLINE + 2 * LATE)
    async with pods(pod(metrics=too_busy), pod()) as (slow, sound), telemetry(DEADLINE, LATE) as reads:
        samples = await reads.read([slow.target("slow"), sound.target("sound")], now=0.0)
        assert reads.problems == {}
    assert [samples[name].pending for name in ("slow", "sound")] == [0.0, 0.0]


async def test_an_operator_that_is_late_all_the_time_does_not_call_silent_pods_dead():
    async def busy():
        while True:
            time.sleep(SHORT + 2 * LATE)  # noqa: ASYNC251 - as above
            await asyncio.sleep(0)

    async with pod(metrics=never, live=never) as silent, telemetry(SHORT, LATE) as reads:
        task = asyncio.create_task(busy())
        samples = await reads.read([silent.target("a")], now=0.0)
        task.cancel()
        assert samples == {"a": PodSample(at=0.0)}
        assert "the operator itself was late" in reads.problems["a"]


async def test_a_fault_of_the_readers_own_is_one_pods_as_well():
    async with pods(pod(), pod()) as (odd, sound), telemetry() as reads:
        targets = [odd.target("odd", metrics_port=70_000), sound.target("sound")]
        samples = await reads.read(targets, now=0.0)
        assert "OverflowError" in reads.problems["odd"]
    assert samples["odd"] == PodSample(at=0.0, alive=True)
    assert samples["sound"].pending == 0.0


def test_as_many_files_may_be_open_as_the_system_allows():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        allow_many_connections()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
