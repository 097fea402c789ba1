"""How long to wait before the next look at a resource."""

from typing import Final

FIRST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 30.0


def backoff_seconds(failures: int) -> float:
    """Wait after `failures` failures in a row (1 or more): 1, 2, 4, ... 30 seconds."""
    return min(FIRST_SECONDS * 2.0 ** min(failures - 1, 16), LONGEST_SECONDS)


FIRST_LOAD_SECONDS: Final = 10.0
LONGEST_LOAD_SECONDS: Final = 600.0


def load_backoff_seconds(tries: int) -> float:
    """Wait after `tries` loads of one revision that failed (1 or more): 10, 20, 40, ... 600 seconds."""
    return min(FIRST_LOAD_SECONDS * 2.0 ** min(tries - 1, 16), LONGEST_LOAD_SECONDS)


UNSETTLED_LONGEST_SECONDS: Final = 15.0


def unsettled_seconds(waited: float) -> float:
    """Wait while a resource isn't ready, `waited` seconds after that began: soon at first, then ever more seldom."""
    return min(max(1.0, waited / 10.0), UNSETTLED_LONGEST_SECONDS)
