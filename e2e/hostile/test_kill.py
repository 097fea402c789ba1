"""`kill -9` after every single write: whoever is started next ends where an undisturbed operator ends."""

import os
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from hostile.lab import wait_until_settled

AT_A_TIME = 3
"""Runs in parallel: an operator's start is mostly Python's imports, and a pod's mostly waiting."""
BATCHES = 8
"""A bound for runs that never end undisturbed: an operator that goes on writing."""
LONG = pytest.mark.skipif(
    not os.environ.get("HOSTILE_FULL"),
    reason="takes minutes, and only the moment of the kill differs: HOSTILE_FULL=1",
)


def rolled(number):
    """A spec that rolls the pods, and has a configuration of its own, for each number."""
    return {"runtime": {"exitTimeoutSeconds": 30 + number}}


@dataclass(frozen=True)
class Scenario:
    """What the resource is brought through. The operator is killed in the last step."""

    steps: tuple[dict, ...]
    kinds: frozenset[str]
    """What an undisturbed last step writes, at least: each of them is a place to be killed at."""


CREATE = Scenario(
    steps=({"replicas": 1},),
    kinds=frozenset(
        {
            "PATCH serviceaccounts/echo",
            "PATCH configmaps/echo-models",
            "PATCH networkpolicies/echo",
            "PATCH services/echo",
            "PATCH poddisruptionbudgets/echo",
            "PATCH deployments/echo",
            "PATCH glminferences/echo/status",
            "POST events",
        }
    ),
)
CHANGE = Scenario(
    steps=({"replicas": 1}, {"replicas": 1} | rolled(2)),
    kinds=frozenset({"PATCH configmaps/echo-models", "PATCH deployments/echo", "PATCH glminferences/echo/status"}),
)
COLLECT = Scenario(
    steps=tuple({"replicas": 0} | rolled(size) for size in (1, 2, 3, 4)),
    kinds=frozenset({"PATCH configmaps/echo-models", "PATCH deployments/echo", "DELETE configmaps/echo-models"}),
)


@dataclass(frozen=True)
class End:
    """How a run ended."""

    killed_at: str
    """The write that the operator was killed at; empty when it had nothing more to write before it came to that one."""
    state: dict
    """All that must be the same whatever happened on the way."""
    events: Counter
    kinds: Counter
    """Writes of the last step."""


def run(lab, scenario, number=0, moment="before_answer"):
    """One life of a resource in which the operator is killed at its write `number` (0: never) of the last step."""
    *before, last = scenario.steps
    with lab.world() as world, lab.operator(world) as operator:
        for spec in before:
            world.want(**spec)
            wait_until_settled(world, operator)
        killed_at = []

        def kill(write, count):
            if count == number and not killed_at:
                killed_at.append(kind_of(write))
                operator.kill()

        operator.proxy.writes.clear()
        setattr(operator.proxy, moment, kill)
        world.want(**last)
        wait_until_settled(world, operator)
        kinds = Counter(kind_of(write) for write in operator.proxy.writes)
        print(f"killed at write {number}, {killed_at[0]}" if killed_at else f"not killed: {sum(kinds.values())} writes")
        return End(killed_at[0] if killed_at else "", state_of(world), world.events(), kinds)


def kind_of(write):
    """What was written, without what differs from run to run."""
    return re.sub(r"(?<=echo-models)-[0-9a-f]+", "", str(write))


def state_of(world):
    return {
        "children": world.children(),
        "status": world.status(),
        "revisions": world.revisions(),
        "pods": world.pods(),
    }


def ends(lab, scenario, moment):
    """Runs that are killed at the first write, the second, ... until one has nothing more to write."""
    for batch in range(BATCHES):
        numbers = range(1 + batch * AT_A_TIME, 1 + (batch + 1) * AT_A_TIME)
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            found = list(pool.map(lambda number: run(lab, scenario, number, moment), numbers))
        yield from found
        if not all(end.killed_at for end in found):
            return
    pytest.fail(f"an operator still writes after {BATCHES * AT_A_TIME} writes")


@pytest.mark.parametrize(
    ("scenario", "moment"),
    [
        pytest.param(CREATE, "before_answer", id="a new resource, before the operator learns of the write"),
        pytest.param(COLLECT, "before_answer", id="an outdated configuration is collected, before it learns of it"),
        pytest.param(CHANGE, "after_answer", id="a rollout, right after it has learned of the write"),
        pytest.param(CREATE, "after_answer", marks=LONG, id="a new resource, after the operator has learned of it"),
        pytest.param(COLLECT, "after_answer", marks=LONG, id="a collected configuration, after it has learned"),
        pytest.param(CHANGE, "before_answer", marks=LONG, id="a rollout, before the operator learns of the write"),
    ],
)
@pytest.mark.timeout(600)
def test_an_operator_that_is_killed_after_any_write_ends_where_an_undisturbed_one_does(alone, scenario, moment):
    undisturbed = run(alone, scenario)
    assert scenario.kinds <= set(undisturbed.kinds)
    killed = [end for end in ends(alone, scenario, moment) if end.killed_at]
    assert scenario.kinds <= {end.killed_at for end in killed}
    for end in killed:
        assert end.state == undisturbed.state, end.killed_at
        # An Event is told before or after a kill, in the worst case twice; never again and again.
        assert all(count <= undisturbed.events[reason] + 1 for reason, count in end.events.items()), end.events
