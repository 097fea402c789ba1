"""What the machine's clock shows decides nothing: it may jump, and everything is due when it was due."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from bodies import make_body
from glm_operator.reconcile.backoff import UNSETTLED_LONGEST_SECONDS
from glm_operator.reconcile.queue import Key, ReconcileQueue
from glm_operator.reconcile.reconciler import Look, Reconciler
from glm_operator.reconcile.report import target_of
from glm_operator.reconcile.settings import Settings
from glm_operator.reconcile.source_watch import SourceWatch
from glm_operator.status.conditions import RECONCILING, Verdict, conditions
from glm_operator.status.decisions import Decision, recorded

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
JUMPS = [
    pytest.param(timedelta(hours=1), id="an hour forward"),
    pytest.param(timedelta(hours=-1), id="an hour back"),
    pytest.param(timedelta(days=-20_000), id="back to 1972, as a machine without a battery starts"),
]
KEY = Key("shop", "echo")
UNSETTLED = {"conditions": [{"type": RECONCILING}]}


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_look_is_due_after_as_many_seconds_as_ever(jump, monkeypatch):
    begun = []

    async def work(_):
        begun.append(asyncio.get_running_loop().time())
        monkeypatch.setattr(time, "time", (NOW + jump * len(begun)).timestamp)
        return 60.0

    queue = ReconcileQueue(work, lambda *_: None)
    await queue.add(KEY)
    running = asyncio.create_task(queue.run(1))
    await asyncio.sleep(200)
    running.cancel()
    assert begun == [0.0, 60.0, 120.0, 180.0]


@pytest.mark.parametrize("jump", JUMPS)
def test_the_wait_for_an_unsettled_resource_grows_with_the_seconds_that_pass(jump):
    seconds, wall = [0.0], [NOW]
    settings = Settings(runtime_image="triton:1", repository_image="operator:1")
    reconciler = Reconciler(
        None, None, SourceWatch(None, [None]), None, settings, None, lambda: wall[0], lambda: seconds[0]
    )
    target = target_of(make_body())
    waits = []
    for passed in (0, 60, 60):
        seconds[0] += passed
        wall[0] += jump
        waits.append(reconciler._next_look(KEY, target, Look(UNSETTLED, unwatched=True)))
    assert waits == [1.0, 6.0, 12.0]
    assert reconciler._next_look(KEY, target, Look(UNSETTLED)) == UNSETTLED_LONGEST_SECONDS


@pytest.mark.parametrize("jump", JUMPS)
def test_a_condition_that_stays_keeps_its_time_and_one_that_changes_gets_the_clocks(jump):
    ready = Verdict("Ready", "True", "AllModelsServing", "")
    (first,) = conditions([ready], [], 1, NOW)
    (stays,) = conditions([ready], [first], 1, NOW + jump)
    assert stays == first
    (changes,) = conditions([Verdict("Ready", "False", "PodsStarting", "")], [first], 1, NOW + jump)
    assert changes["lastTransitionTime"] == (NOW + jump).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("jump", JUMPS)
def test_decisions_stand_in_the_order_in_which_they_were_taken(jump):
    taken = [Decision("reconcile", action, "reason", "message") for action in ("Create", "Ready")]
    first = recorded({}, taken[:1], NOW)
    both = recorded({"decisions": first}, taken[1:], NOW + jump)
    assert [decision["action"] for decision in both] == ["Create", "Ready"]
