"""The queue of resources to look at: each at most once at a time, nothing lost, failures with growing waits.

Events only say *that* something changed; what to do is always decided from a fresh look. So an event while a resource
is being worked on makes it due once more, however many events there were.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from glm_operator.reconcile.backoff import backoff_seconds

SHORTEST_INTERVAL_SECONDS: Final = 0.2
"""Between two looks at one resource: a burst of events becomes one look, and no resource can occupy the loop."""


class Key(NamedTuple):
    """Which resource."""

    namespace: str
    name: str


Work = Callable[[Key], Awaitable[float | None]]
"""Looks at one resource; returns the seconds until the next look, or None for not before an event."""

OnFailure = Callable[[Key, BaseException, float], None]
"""Is told of a failed look and of the wait until the next."""


class ReconcileQueue:
    """Keys that are due, now or later."""

    def __init__(self, work: Work, on_failure: OnFailure, clock: Callable[[], float] | None = None) -> None:
        self._work = work
        self._on_failure = on_failure
        self._clock = clock or asyncio.get_running_loop().time
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []
        self._running: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._not_before: dict[Key, float] = {}
        self._wake = asyncio.Condition()

    def __len__(self) -> int:
        """Keys that are due now or being worked on."""
        now = self._clock()
        return len(self._running) + sum(due <= now for due in self._due.values())

    async def add(self, key: Key, delay: float = 0.0) -> None:
        """Make a key due in `delay` seconds; an earlier time that is set already stays."""
        async with self._wake:
            self._schedule(key, self._clock() + delay)
            self._wake.notify()

    async def run(self, workers: int) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._worker())

    async def _worker(self) -> None:
        while True:
            key = await self._next()
            delay, pause = None, 0.0
            try:
                delay = await self._work(key)
                self._failures.pop(key, None)
                pause = SHORTEST_INTERVAL_SECONDS
            except Exception as error:  # one broken resource must not end the loop for the others
                self._failures[key] = self._failures.get(key, 0) + 1
                delay = pause = backoff_seconds(self._failures[key])
                self._on_failure(key, error, delay)
            finally:
                await self._done(key, delay, pause)

    async def _next(self) -> Key:
        async with self._wake:
            while True:
                now = self._clock()
                self._drop_outdated()
                wait = self._heap[0][0] - now if self._heap else None
                if wait is not None and wait <= 0:
                    _, key = heapq.heappop(self._heap)
                    if key not in self._running:
                        del self._due[key]
                        self._running.add(key)
                        return key
                    continue  # it stays due in `_due`, and `_done` puts it back
                try:
                    await asyncio.wait_for(self._wake.wait(), wait)
                except TimeoutError:
                    continue

    async def _done(self, key: Key, delay: float | None, pause: float) -> None:
        async with self._wake:
            now = self._clock()
            self._running.discard(key)
            # Also an event must not cut a backoff short: the report of a failure is an event itself.
            self._not_before[key] = now + pause
            again = self._due.pop(key, None)
            if again is not None:
                self._schedule(key, again)
            if delay is not None:
                self._schedule(key, now + delay)
            if key not in self._due:
                del self._not_before[key]
            self._wake.notify()

    def _schedule(self, key: Key, due: float) -> None:
        due = max(due, self._not_before.get(key, due))
        if key in self._due and self._due[key] <= due:
            return
        self._due[key] = due
        heapq.heappush(self._heap, (due, key))

    def _drop_outdated(self) -> None:
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
