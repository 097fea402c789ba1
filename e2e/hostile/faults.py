"""What can go wrong between an operator and its API server, each as a fault that the proxy takes."""

import asyncio
import json
import random
from collections.abc import Callable

from hostile.proxy import Answer, Call, DroppedError, Fault, Forward

Which = Callable[[Call], bool]


def any_call(_: Call) -> bool:
    """Every request, watches too."""
    return True


def writes(call: Call) -> bool:
    """What changes something."""
    return call.is_write


def lists(call: Call) -> bool:
    """Lists and watches: of one kind, not of one object."""
    return call.method == "GET" and "/" not in call.target


def of_resource(call: Call) -> bool:
    """Reads of the resource itself."""
    return call.plural == "glminferences"


def of_children(call: Call) -> bool:
    """Reads of anything else."""
    return not of_resource(call)


def sometimes(share: float, fault: Fault, which: Which = any_call) -> Fault:
    """The fault for a share of the requests that `which` picks, by the proxy's seed."""

    async def meet(call: Call, forward: Forward, chance: random.Random) -> Answer | None:
        if which(call) and chance.random() < share:
            return await fault(call, forward, chance)
        return await forward()

    return meet


def delay(shortest: float, longest: float) -> Fault:
    """The answer takes so many seconds more."""

    async def meet(_: Call, forward: Forward, chance: random.Random) -> Answer | None:
        await asyncio.sleep(chance.uniform(shortest, longest))
        return await forward()

    return meet


async def drop_before(_: Call, __: Forward, ___: random.Random) -> Answer | None:
    """The request never arrives."""
    raise DroppedError


async def drop_after(_: Call, forward: Forward, __: random.Random) -> Answer | None:
    """The API server has acted, and its answer is lost."""
    await forward()
    raise DroppedError


def refuse(status: int, retry_after: int | None = None) -> Fault:
    """The API server answers with an error of its own making."""
    body = json.dumps(
        {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "a hostile day", "code": status}
    ).encode()
    headers = {"Content-Type": "application/json"} | ({"Retry-After": str(retry_after)} if retry_after else {})

    async def meet(_: Call, __: Forward, ___: random.Random) -> Answer | None:
        return Answer(status, body, headers)

    return meet


def watch_error(status: int) -> Fault:
    """A watch opens, and ends with an error event; other requests pass."""
    event = {"type": "ERROR", "object": {"kind": "Status", "status": "Failure", "message": "hostile", "code": status}}
    told = Answer(200, json.dumps(event).encode() + b"\n", {"Content-Type": "application/json"})

    async def meet(call: Call, forward: Forward, __: random.Random) -> Answer | None:
        return told if call.is_watch else await forward()

    return meet


class Counted:
    """Counts the requests that meet a fault."""

    def __init__(self, fault: Fault) -> None:
        self.met = 0
        self._fault = fault

    async def __call__(self, call: Call, forward: Forward, chance: random.Random) -> Answer | None:
        """Meet the fault."""
        self.met += 1
        return await self._fault(call, forward, chance)


class OldReads:
    """Remembers what was read, and tells it again later: an API server that is behind.

    Watches pass, and so do reads of what was never read before.
    """

    def __init__(self, which: Which = any_call) -> None:
        self.remember = True
        """Whether what is read now is what will be told later."""
        self.tell = False
        """Whether that is told."""
        self.told = 0
        """Old answers given."""
        self._which = which
        self._read: dict[tuple[str, str], Answer] = {}

    async def __call__(self, call: Call, forward: Forward, _: random.Random) -> Answer | None:
        """Tell what was, or remember what is."""
        if call.method != "GET" or call.is_watch or not self._which(call):
            return await forward()
        key = (call.path, str(sorted(call.query.items())))
        if self.tell and key in self._read:
            self.told += 1
            return self._read[key]
        answer = await forward()
        if answer is not None and self.remember:
            self._read[key] = answer
        return answer
