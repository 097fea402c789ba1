"""Trying again: a few times in a row without progress, and for as long as there is some."""

from collections.abc import Callable
from typing import Final, TypeVar

from glm_operator.repository_init.budget import Clock, Progress
from glm_operator.repository_init.failure import FetchError, TransientError

T = TypeVar("T")

TRIES: Final = 6
LONGEST_WAIT_SECONDS: Final = 60.0


def wait_seconds(tries: int, retry_after: float) -> float:
    """How long to wait after this many tries in vain: 1, 2, 4 ... s, or as long as the server asks."""
    return min(max(2.0 ** (tries - 1), retry_after), LONGEST_WAIT_SECONDS)


def persist(attempt: Callable[[], T], progress: Progress, clock: Clock, tell: Callable[[str], None]) -> T:
    """The attempt's result.

    Raises:
        FetchError: it can't be had, or not within the tries and the time that there are.
    """
    tries = 0
    while True:
        before = progress.fetched
        try:
            return attempt()
        except TransientError as error:
            tries = 1 if progress.fetched > before else tries + 1
            if tries >= TRIES:
                raise FetchError(f"{error}; {TRIES} tries in a row were in vain, and it is tried again") from None
            wait = wait_seconds(tries, error.retry_after)
            if wait >= progress.seconds_left():
                raise FetchError(f"{error}; no time is left for another try") from None
            tell(f"{error}; once more in {wait:.0f} s")
            clock.sleep(wait)
