"""When a resource is looked at again without an event."""

import pytest

from bodies import make_body
from glm_operator.reconcile.backoff import UNSETTLED_LONGEST_SECONDS
from glm_operator.reconcile.queue import Key
from glm_operator.reconcile.reconciler import SETTLED_LOOKS_PER_SECOND, Look, Reconciler
from glm_operator.reconcile.report import target_of
from glm_operator.reconcile.settings import Settings
from glm_operator.reconcile.source_watch import SourceWatch
from glm_operator.status.conditions import RECONCILING

SETTINGS = Settings(runtime_image="triton:1", repository_image="operator:1")
UNSETTLED = {"conditions": [{"type": RECONCILING}]}


def reconciler(known=1):
    made = Reconciler(None, None, SourceWatch(None, [None]), None, SETTINGS, None, lambda: None, lambda: 0.0)
    for number in range(known):
        made._newest.saw(make_body(name=f"r{number}", resourceVersion="1"))
    return made


@pytest.mark.parametrize(
    ("look", "known", "seconds"),
    [
        pytest.param(Look({}), 1, SETTINGS.resync_seconds, id="settled: at the resync"),
        pytest.param(Look({}), 1000, SETTINGS.resync_seconds, id="also one of a thousand"),
        pytest.param(Look({}), 5000, 5000 / SETTLED_LOOKS_PER_SECOND, id="one of five thousand less often"),
        pytest.param(Look(UNSETTLED, unwatched=True), 5000, 1.0, id="one whose server loads, soon"),
        pytest.param(Look(UNSETTLED), 1, UNSETTLED_LONGEST_SECONDS, id="one that waits for what a watch tells"),
    ],
)
def test_the_next_look(look, known, seconds):
    target = target_of(make_body())
    assert reconciler(known)._next_look(Key("shop", "echo"), target, look) == seconds
