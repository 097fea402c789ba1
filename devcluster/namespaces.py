"""The few namespace calls that Python 3.11 lacks.

A socket belongs for life to the network namespace it was made in, and a child to the process namespace its parent had
chosen for children; so it is enough to switch for a moment.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

NEW_NETWORK = 0x40000000
NEW_PROCESSES = 0x20000000

_libc = ctypes.CDLL(None, use_errno=True)


def enter_network(path: str) -> None:
    """Move this thread into the network namespace at `path`, for good."""
    with _opened(path) as descriptor:
        _set_namespace(descriptor, NEW_NETWORK)


@contextmanager
def network_of(pid: int) -> Iterator[None]:
    """Sockets made inside belong to the network namespace of process `pid`."""
    with _opened("/proc/thread-self/ns/net") as own:
        enter_network(f"/proc/{pid}/ns/net")
        try:
            yield
        finally:
            _set_namespace(own, NEW_NETWORK)


@contextmanager
def children_of(pid: int) -> Iterator[None]:
    """Processes started inside are in the process namespace of `pid`. No thread can be started meanwhile."""
    with _opened("/proc/thread-self/ns/pid") as own, _opened(f"/proc/{pid}/ns/pid") as other:
        _set_namespace(other, NEW_PROCESSES)
        try:
            yield
        finally:
            _set_namespace(own, NEW_PROCESSES)


@contextmanager
def child_as_init() -> Iterator[None]:
    """The first process started inside is init of a new process namespace: its end is the end of all in there."""
    with _opened("/proc/thread-self/ns/pid") as own:
        if _libc.unshare(NEW_PROCESSES) != 0:
            _raise_errno("unshare")
        try:
            yield
        finally:
            _set_namespace(own, NEW_PROCESSES)


@contextmanager
def _opened(path: str) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _set_namespace(descriptor: int, kind: int) -> None:
    if _libc.setns(descriptor, kind) != 0:
        _raise_errno("setns")


def _raise_errno(call: str) -> None:
    number = ctypes.get_errno()
    raise OSError(number, f"{call}: {os.strerror(number)}")
