"""A bad API server, or a bad way to it: the operator recovers within 80 s, and never writes what nobody wants."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from demo.wait import wait_for
from hostile import faults
from hostile.faults import Counted, OldReads, sometimes
from hostile.lab import RECOVERED_SECONDS, wait_for_silence, wait_until_as_wanted, wait_until_settled
from hostile.proxy import no_fault
from support import ECHO_MODEL

SHARE = 0.2
MET = 12
"""Requests that meet a total outage before it ends."""
OLD_ANSWERS = 5
BESIDE_OTHERS_SECONDS = 20
"""A frozen watch is given up after 70 s of silence, so alone it takes about 75 s; here other runs share the machine."""
AT_A_TIME = 3
"""Runs in parallel: mostly they wait."""
BEFORE = {"replicas": 1}
AFTER = {"replicas": 1, "models": [ECHO_MODEL | {"maxBatchSize": 2}]}


def partly(fault, which=faults.any_call):
    """A share of the requests meets the fault, from the operator's start on and for good."""

    def life(world, operator):
        operator.proxy.fault = sometimes(SHARE, fault, which)
        world.want(**BEFORE)
        wait_until_as_wanted(world, operator, RECOVERED_SECONDS)
        world.want(**AFTER)
        wait_until_as_wanted(world, operator, RECOVERED_SECONDS)

    return life


def outage(fault):
    """Every request meets the fault while the resource is changed; then all is well again."""

    def life(world, operator):
        world.want(**BEFORE)
        wait_until_settled(world, operator)
        operator.proxy.fault = counted = Counted(fault)
        operator.proxy.break_watches()
        world.want(**AFTER)
        wait_for("requests in the outage", lambda: (counted.met >= MET or None, f"{counted.met} met it"), 60)
        operator.proxy.fault = no_fault
        wait_until_as_wanted(world, operator, RECOVERED_SECONDS)

    return life


def frozen_watches(world, operator):
    """Nothing is told of the change, and the watches look as if all were well."""
    world.want(**BEFORE)
    wait_until_settled(world, operator)
    operator.proxy.freeze_watches()
    world.want(**AFTER)
    wait_until_as_wanted(world, operator, RECOVERED_SECONDS + BESIDE_OTHERS_SECONDS)


def enough(world, old):
    """Whether the operator was told enough of what was; else it is made to look once more."""
    world.touch()
    return old.told >= OLD_ANSWERS or None, f"{old.told} told"


def listing_anew(old):
    """While old answers are told, every watch is too old, so that all is listed again."""
    too_old = faults.watch_error(410)

    async def meet(call, forward, chance):
        fault = too_old if old.tell and call.is_watch else old
        return await fault(call, forward, chance)

    return meet


def old_reads(which, how=lambda old: old):
    """After the operator has acted on a change, the API server tells what was before it."""

    def life(world, operator):
        old = OldReads(which)
        operator.proxy.fault = how(old)
        world.want(**BEFORE)
        wait_until_settled(world, operator)
        old.remember = False
        world.want(**AFTER)
        wait_until_settled(world, operator)
        old.tell = True
        operator.proxy.break_watches()
        wait_for("old answers", lambda: enough(world, old), 60)
        old.tell = False
        wait_until_as_wanted(world, operator, RECOVERED_SECONDS)

    return life


FAULTS = {
    # First, since it takes the longest: the others run beside it.
    "watches are frozen": frozen_watches,
    "every answer takes its time": partly(faults.delay(0.2, 3.0)),
    "requests are lost on their way": partly(faults.drop_before),
    "answers are lost, writes too": partly(faults.drop_after),
    "writes are in conflict": partly(faults.refuse(409), faults.writes),
    "lists and watches are gone": partly(faults.refuse(410), faults.lists),
    "too many requests": partly(faults.refuse(429, retry_after=1)),
    "errors of the server": partly(faults.refuse(500)),
    "watches end with errors": partly(faults.watch_error(500)),
    "watches are too old": partly(faults.watch_error(410)),
    "nothing arrives for a while": outage(faults.drop_before),
    "only errors for a while": outage(faults.refuse(500)),
    "only conflicts for a while": outage(faults.refuse(409)),
    "everything is gone for a while": outage(faults.refuse(410)),
    "the resource is read as it was": old_reads(faults.of_resource),
    "its children are listed as they were": old_reads(faults.of_children, listing_anew),
}


def live(lab, life, seed):
    """One resource created and changed in bad times, and then good ones: what was written, and by how many lives."""
    with lab.world() as world, lab.operator(world, seed=seed) as operator:
        life(world, operator)
        operator.proxy.fault = no_fault
        wait_for_silence(world, operator)
        assert world.pods_of_all_states() == AFTER["replicas"]
        return world.written(operator.proxy.writes), operator.lives


@pytest.fixture(scope="module")
def lives(alone, request) -> Iterator[dict[str, Future]]:
    """The selected lives, a few at a time; each test waits for its own."""
    selected = {item.callspec.id for item in request.session.items if item.path == request.path and item.callspec}
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield {
            name: pool.submit(live, alone, life, seed)
            for seed, (name, life) in enumerate(FAULTS.items())
            if name in selected
        }
        pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def wanted(alone) -> dict[str, set[int]]:
    """Every write of an undisturbed operator, and the specs that it belongs to: 0 before the change, 1 after it."""
    found: dict[str, set[int]] = {}
    with alone.world() as world, alone.operator(world) as operator:
        for step, spec in enumerate((BEFORE, AFTER)):
            operator.proxy.writes.clear()
            world.want(**spec)
            wait_until_settled(world, operator)
            for write in world.written(operator.proxy.writes):
                found.setdefault(write, set()).add(step)
    return found


@pytest.mark.parametrize("name", FAULTS, ids=FAULTS)
def test_the_operator_recovers_and_never_writes_what_nobody_wants(wanted, lives, name):
    written, processes = lives[name].result()
    assert [write for write in written if write not in wanted] == []
    # What only the old spec wants is not written any more once the new one is acted on.
    steps = [wanted[write] for write in written]
    acted = next((place for place, step in enumerate(steps) if step == {1}), len(steps))
    assert [write for write, step in zip(written[acted:], steps[acted:], strict=True) if step == {0}] == []
    assert processes == 1, "the operator has ended itself"
