"""The queue, on a clock of its own: no key is lost, none is worked on twice at a time, failures wait longer."""

import asyncio

import pytest

from glm_operator.reconcile.backoff import backoff_seconds, unsettled_seconds
from glm_operator.reconcile.queue import HEAD_START_SECONDS, SHORTEST_INTERVAL_SECONDS, Key, ReconcileQueue

A, B, C = Key("n", "a"), Key("n", "b"), Key("n", "c")


class Recorder:
    """Work that takes `seconds`, and notes when each key was begun."""

    def __init__(self, seconds=0.0, results=(), begin=None):
        self.begun = []
        self.failures = []
        self._seconds = seconds
        self._results = list(results)
        self._begin = begin

    async def __call__(self, key):
        self.begun.append((asyncio.get_running_loop().time(), key))
        if self._begin is not None:
            await self._begin(len(self.begun))
        await asyncio.sleep(self._seconds)
        result = self._results.pop(0) if self._results else None
        if isinstance(result, Exception):
            raise result
        return result

    def failed(self, key, error, delay):
        self.failures.append((str(error), delay))


async def run_for(queue, seconds, workers=2):
    task = asyncio.create_task(queue.run(workers))
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_many_events_are_one_look():
    work = Recorder()
    queue = ReconcileQueue(work, work.failed)
    for _ in range(100):
        await queue.add(A)
    await run_for(queue, 10)
    assert work.begun == [(0.0, A)]


async def test_an_event_during_a_look_causes_exactly_one_more():
    queue = None

    async def events(count):
        if count == 1:
            for _ in range(5):
                await queue.add(A)

    work = Recorder(seconds=1.0, begin=events)
    queue = ReconcileQueue(work, work.failed)
    await queue.add(A)
    await run_for(queue, 10)
    assert work.begun == [(0.0, A), (1.0 + SHORTEST_INTERVAL_SECONDS, A)]


async def test_a_slow_resource_does_not_hold_up_another():
    work = Recorder(seconds=100.0)
    queue = ReconcileQueue(work, work.failed)
    await queue.add(A)
    await queue.add(B)
    await run_for(queue, 1)
    assert work.begun == [(0.0, A), (0.0, B)]


async def test_a_resource_is_looked_at_again_when_it_asked_to():
    work = Recorder(results=[5.0, None])
    queue = ReconcileQueue(work, work.failed)
    await queue.add(A)
    await run_for(queue, 60)
    assert work.begun == [(0.0, A), (5.0, A)]


async def test_an_event_comes_before_a_later_look():
    work = Recorder(results=[50.0, None])
    queue = ReconcileQueue(work, work.failed)
    await queue.add(A)
    task = asyncio.create_task(queue.run(2))
    await asyncio.sleep(3)
    await queue.add(A)
    await asyncio.sleep(20)
    task.cancel()
    assert work.begun == [(0.0, A), (3.0, A)]


@pytest.mark.parametrize(
    ("overdue", "urgent", "order"),
    [
        pytest.param(0.0, False, [A, B], id="equals: whoever was due first"),
        pytest.param(HEAD_START_SECONDS - 1, True, [B, A], id="what a user asked for comes first"),
        pytest.param(HEAD_START_SECONDS + 1, True, [A, B], id="but nobody waits for ever"),
    ],
)
async def test_the_order_when_more_is_due_than_can_be_worked_on(overdue, urgent, order):
    work = Recorder(seconds=1.0)
    queue = ReconcileQueue(work, work.failed)
    await queue.add(A)
    await asyncio.sleep(overdue)
    await queue.add(B, urgent=urgent)
    await run_for(queue, 5, workers=1)
    assert [key for _, key in work.begun] == order


async def test_a_key_that_is_due_already_becomes_urgent_and_is_worked_on_once():
    work = Recorder(seconds=1.0)
    queue = ReconcileQueue(work, work.failed)
    for key in (A, B, C):
        await queue.add(key)
    task = asyncio.create_task(queue.run(1))
    await asyncio.sleep(0.5)
    await queue.add(C, urgent=True)
    await asyncio.sleep(10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [key for _, key in work.begun] == [A, C, B]


async def test_failures_wait_longer_each_time_and_a_success_forgets_them():
    work = Recorder(results=[ValueError("one"), ValueError("two"), 100.0, ValueError("three")])
    queue = ReconcileQueue(work, work.failed)
    await queue.add(A)
    await run_for(queue, 110)
    assert work.failures == [("one", 1.0), ("two", 2.0), ("three", 1.0)]
    assert [at for at, _ in work.begun] == [0.0, 1.0, 3.0, 103.0, 104.0]


async def test_an_event_does_not_cut_a_backoff_short():
    queue = None

    async def event(_):
        await queue.add(A)

    work = Recorder(results=[ValueError("one"), ValueError("two"), None], begin=event)
    queue = ReconcileQueue(work, work.failed)
    await queue.add(A)
    await run_for(queue, 3.1)
    assert [at for at, _ in work.begun] == [0.0, 1.0, 3.0]


async def test_a_resource_that_is_gone_leaves_nothing_behind():
    work = Recorder()
    queue = ReconcileQueue(work, work.failed)
    await queue.add(A, urgent=True)
    await run_for(queue, 10)
    assert not any((queue._due, queue._not_before, queue._failures, queue._running, queue._urgent))
    assert not any((queue._waiting, queue._ready))


@pytest.mark.parametrize(("failures", "seconds"), [(1, 1), (2, 2), (5, 16), (6, 30), (1000, 30)])
def test_backoff(failures, seconds):
    assert backoff_seconds(failures) == seconds


@pytest.mark.parametrize(
    ("waited", "seconds"),
    [pytest.param(0, 1, id="at once"), pytest.param(60, 6, id="after a minute"), pytest.param(900, 15, id="for long")],
)
def test_a_resource_that_is_not_ready_is_looked_at_ever_more_seldom(waited, seconds):
    assert unsettled_seconds(waited) == seconds
