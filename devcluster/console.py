"""What a person reads while something takes its time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

console = Console(stderr=True, highlight=False, soft_wrap=True)


def say(line: str) -> None:
    """One line."""
    console.print(line, markup=False)


@contextmanager
def step(what: str, seconds: float) -> Iterator[None]:
    """Announce what starts now and how long it takes as a rule, then say how long it took."""
    say(f"  {what} (about {duration(seconds)}) ...")
    began = time.monotonic()
    yield
    say(f"  {what}: done after {duration(time.monotonic() - began)}")


def duration(seconds: float) -> str:
    """As a person says it: `0.4 s`, `7 s`, `3 min 20 s`."""
    if seconds < 1:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
