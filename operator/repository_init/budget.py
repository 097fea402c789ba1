"""The limits that all of a fetch shares: bytes on the disk and time. Progress is counted in the same place."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from glm_operator.repository_init.failure import FetchError

TELL_SECONDS: Final = 5.0
"""A line of progress at most this often."""
BLOCK_BYTES: Final = 4096
"""What the smallest file takes on a disk."""
_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, and waiting for it."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Space:
    """Bytes that may still be taken. Shared by threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Count a file of `size` bytes, before it is written.

        Raises:
            FetchError: it doesn't fit into the limit.
        """
        blocks = -(-max(size, 1) // BLOCK_BYTES) * BLOCK_BYTES
        with self._lock:
            self._taken += blocks
            self._refuse_over(self._taken)

    def give_back(self, size: int) -> None:
        """A file of `size` bytes that was counted is gone."""
        with self._lock:
            self._taken -= -(-max(size, 1) // BLOCK_BYTES) * BLOCK_BYTES

    def check(self, size: int) -> None:
        """Whether a file of `size` bytes would fit.

        Raises:
            FetchError: it wouldn't.
        """
        with self._lock:
            self._refuse_over(self._taken + size)

    def _refuse_over(self, size: int) -> None:
        if size > self._limit:
            raise FetchError(
                f"the files take more than {mebibytes(self._limit)}; raise spec.repository.download.sizeLimit"
            )


class Progress:
    """What has been fetched so far; says so every few seconds, and keeps the deadline. Shared by threads."""

    def __init__(self, what: str, timeout_seconds: float, clock: Clock, tell: Callable[[str], None]) -> None:
        self._what, self._timeout, self._clock, self._tell = what, timeout_seconds, clock, tell
        self._lock = threading.Lock()
        self._began = self._told = clock.monotonic()
        self._done = self._fresh = self._fresh_told = 0
        self._stopped = False
        self.total: int | None = None
        """Bytes there will be; None: the server didn't say."""

    def resume(self, size: int) -> None:
        """Count what an earlier try has fetched; negative: what is void again."""
        with self._lock:
            self._done += size

    def begin_at(self, done: int) -> None:
        """There are so many bytes now, whatever was counted before."""
        with self._lock:
            self._done = done

    def add(self, size: int) -> None:
        """Count bytes.

        Raises:
            FetchError: the time is over.
        """
        with self._lock:
            self._done += size
            self._fresh += size
            now = self._clock.monotonic()
            if now - self._told >= TELL_SECONDS:
                rate = (self._fresh - self._fresh_told) / (now - self._told)
                self._told, self._fresh_told = now, self._fresh
                self._tell(f"{self.line()}, {mebibytes(rate)}/s")
        self.check_time()

    def stop(self) -> None:
        """Let whoever else is at work end, for there is nothing to be gained any more."""
        self._stopped = True

    def check_time(self) -> None:
        """Keep the deadline.

        Raises:
            FetchError: the time is over, or somebody else has failed.
        """
        if self._stopped:
            raise FetchError("another file could not be fetched")
        if self.seconds_left() <= 0:
            raise FetchError(
                f"not done within {self._timeout:.0f} s ({self.line()}); it goes on from there, or raise"
                " spec.repository.download.timeoutSeconds"
            )

    def seconds_left(self) -> float:
        """Until the deadline."""
        return self._began + self._timeout - self._clock.monotonic()

    @property
    def fetched(self) -> int:
        """Bytes that this run has fetched: what tells a server that is slow from one that is dead."""
        return self._fresh

    def line(self) -> str:
        """How far it is."""
        if self.total:
            return f"{self._what}: {mebibytes(self._done)} of {mebibytes(self.total)} ({self._done / self.total:.0%})"
        return f"{self._what}: {mebibytes(self._done)}"


def mebibytes(size: float) -> str:
    """A size for people."""
    return f"{size / _MIB:,.1f} MiB"
