"""A watch ends with the operator and not before."""

import asyncio
import inspect

import pytest
from kopf._core.reactor import orchestration, queueing

from glm_operator.handlers import lasting_watches
from glm_operator.handlers.lasting_watches import lasting


class Watcher:
    """Ends as told, and then watches on."""

    def __init__(self, *ends):
        self.begun = []
        self.watches = asyncio.Event()
        self._ends = list(ends)

    async def __call__(self, **arguments):
        self.begun.append(arguments)
        end = self._ends.pop(0) if self._ends else None
        if isinstance(end, BaseException):
            raise end
        if end is None:
            self.watches.set()
            await asyncio.Event().wait()


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(RuntimeError("Error in the watch-stream"), id="an error event that kopf does not know"),
        pytest.param(ValueError("no JSON"), id="an answer that makes no sense"),
        pytest.param("returns", id="an end without an error"),
    ],
)
async def test_a_watch_that_has_ended_begins_anew(end, monkeypatch):
    monkeypatch.setattr(lasting_watches, "AGAIN_SECONDS", 0.0)
    watcher = Watcher(end, end)
    task = asyncio.create_task(lasting(watcher)(resource="pods", namespace="shop"))
    await asyncio.wait_for(watcher.watches.wait(), 5)
    assert watcher.begun == [{"resource": "pods", "namespace": "shop"}] * 3
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_kopf_starts_its_watches_where_they_are_wrapped():
    """`make_watches_last` replaces a name of kopf's own; this tells when a newer kopf no longer goes by it."""
    assert "queueing.watcher(" in inspect.getsource(orchestration.spawn_missing_watchers)
    assert orchestration.queueing is queueing
    parameters = inspect.signature(queueing.watcher).parameters.values()
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters)
