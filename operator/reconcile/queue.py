"""The queue of resources to look at: each at most once at a time, nothing lost, failures with growing waits.

Events only say *that* something changed; what to do is always decided from a fresh look. So an event while a resource
is being worked on makes it due once more, however many events there were.

When more is due than can be worked on, what a user has asked for comes before what is only looked at again.
"""

import asyncio
import heapq
import math
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from glm_operator.reconcile.backoff import backoff_seconds

HEAD_START_SECONDS: Final = 30.0
"""An urgent key comes before others unless those have been due for so much longer: nobody waits for ever."""
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
        self._waiting: list[tuple[float, Key]] = []
        """By when they are due."""
        self._ready: list[tuple[float, Key]] = []
        """Those that are due, by when they are to be worked on."""
        self._urgent: set[Key] = set()
        self._running: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._not_before: dict[Key, float] = {}
        self._wake = asyncio.Condition()

    def __len__(self) -> int:
        """Keys that are due now or being worked on."""
        now = self._clock()
        return len(self._running) + sum(due <= now for due in self._due.values())

    async def add(self, key: Key, delay: float = 0.0, *, urgent: bool = False) -> None:
        """Make a key due in `delay` seconds; an earlier time that is set already stays.

        Args:
            key: what is to be looked at.
            delay: seconds from now.
            urgent: whether it comes before those that are not, when more is due than can be worked on.
        """
        async with self._wake:
            if urgent:
                self._hurry(key)
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
                self._make_ready()
                if self._ready:
                    _, key = heapq.heappop(self._ready)
                    if self._is_workable(key):
                        self._due.pop(key)
                        self._urgent.discard(key)
                        self._running.add(key)
                        if self._ready:
                            self._wake.notify()
                        return key
                    continue
                wait = self._waiting[0][0] - self._clock() if self._waiting else None
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
        heapq.heappush(self._waiting, (due, key))

    def _make_ready(self) -> None:
        """Take over what has become due; entries that an earlier time has replaced go."""
        now = self._clock()
        while self._waiting and (self._waiting[0][0] <= now or self._is_outdated(*self._waiting[0])):
            due, key = heapq.heappop(self._waiting)
            if not self._is_outdated(due, key):
                heapq.heappush(self._ready, (due - HEAD_START_SECONDS * (key in self._urgent), key))

    def _hurry(self, key: Key) -> None:
        if key in self._urgent:
            return
        self._urgent.add(key)
        due = self._due.get(key)
        if due is not None and due <= self._clock():
            # It may stand behind others already; the entry that comes first counts.
            heapq.heappush(self._ready, (due - HEAD_START_SECONDS, key))

    def _is_outdated(self, due: float, key: Key) -> bool:
        return self._due.get(key) != due

    def _is_workable(self, key: Key) -> bool:
        """One that is being worked on stays due, and `_done` puts it back; one that was taken already isn't due."""
        return key not in self._running and self._due.get(key, math.inf) <= self._clock()
