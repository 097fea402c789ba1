"""kopf's watches, made to last as long as the operator.

kopf takes a watch up again after a lost connection, a 410 event and the usual errors of a list. Any other answer (an
HTTP 409 or 410, an `ERROR` event with another code, a server that fails for longer than its retries) ends that one
watch for good, while the operator goes on without it. kopf has no setting for that, so its watcher is wrapped here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from kopf._core.reactor import queueing

from glm_operator.observability.log import log

AGAIN_SECONDS: Final = 1.0
"""Before a watch that has failed begins anew, with a list."""

Watcher = Callable[..., Awaitable[None]]


def make_watches_last() -> None:
    """Have kopf begin every watch anew that has failed. To be called once, before it starts them."""
    queueing.watcher = lasting(queueing.watcher)  # type: ignore[assignment]


def lasting(watcher: Watcher) -> Watcher:
    """`watcher`, begun anew whenever it fails, until it is cancelled."""

    async def watch(**arguments: object) -> None:
        while True:
            try:
                await watcher(**arguments)
            except Exception as error:  # whatever a server may answer, the next watch may be well
                told = {"resource": str(arguments.get("resource", "")), "error": f"{type(error).__name__}: {error}"}
                log.warning("a watch has failed and begins anew", extra=told)
            await asyncio.sleep(AGAIN_SECONDS)

    return watch
