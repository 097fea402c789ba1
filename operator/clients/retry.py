"""Which requests are sent once more at once, instead of failing the whole look that they are part of. Pure.

A look makes many requests. Were each lost one to fail it, an API server that loses one in five would hardly ever let a
look come to its end.
"""

from collections.abc import Mapping
from typing import Final

ATTEMPTS: Final = 4
FIRST_WAIT_SECONDS: Final = 0.1
LONGEST_WAIT_SECONDS: Final = 3.0
PASSING: Final = frozenset({409, 410, 429, 500, 502, 503, 504})
"""Answers after which the same request may succeed."""
REPEATABLE: Final = frozenset({"GET", "PATCH", "DELETE"})
"""Methods that do nothing more when they are sent twice: every PATCH here is an apply, or sets one condition."""
LOOKED_AT_AGAIN: Final = frozenset({409})
"""Answers that tell that something has changed since it was looked at: the same again would be wrong, or in vain."""
REFUSED_UNDONE: Final = frozenset({429})
"""Answers that tell that nothing was done, whatever the method."""


def wait_before_retry(method: str, attempt: int, status: int | None, headers: Mapping[str, str]) -> float | None:
    """Seconds to wait before the request is sent once more; None when it is not.

    Args:
        method: the HTTP method.
        attempt: how often it has been sent, 1 or more.
        status: the answer's status; None when there was no answer.
        headers: the answer's.
    """
    if attempt >= ATTEMPTS or (status is not None and status not in PASSING - LOOKED_AT_AGAIN):
        return None
    if method not in REPEATABLE and status not in REFUSED_UNDONE:
        return None
    asked = _seconds(headers.get("Retry-After", ""))
    if asked > LONGEST_WAIT_SECONDS:
        # Whoever looks at the resource waits better than a worker that others need.
        return None
    return max(asked, min(FIRST_WAIT_SECONDS * 3.0 ** (attempt - 1), LONGEST_WAIT_SECONDS))


def _seconds(text: str) -> float:
    """`Retry-After` in seconds; 0 where it isn't given so."""
    return float(text) if text.isascii() and text.isdigit() else 0.0
