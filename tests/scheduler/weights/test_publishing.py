"""What is worth telling Envoy, and what the status."""

from dataclasses import replace

import pytest

from glm_operator.scheduler.weights.decision import Basis, EndpointWeight, Reason, State
from glm_operator.scheduler.weights.publishing import is_due, published
from glm_operator.scheduler.weights.rules import Rules
from weight_ticks import GOOD, pods, settled


def endpoint(pod, share, state=State.ACTIVE, weight=1000):
    return EndpointWeight(pod, None if share is None else weight, share or 0.0, state, Reason.HEALTHY, Basis(Rules()))


BEFORE = (endpoint("a", 0.5), endpoint("b", 0.5))
HALF_OPEN = (endpoint("a", 0.01, State.REDUCED), endpoint("b", 0.99))


@pytest.mark.parametrize(
    ("told", "now", "seconds", "due"),
    [
        pytest.param(None, BEFORE, 0.0, True, id="the first decision is published"),
        pytest.param(BEFORE, BEFORE, 99.0, False, id="the same is not"),
        pytest.param(BEFORE, (endpoint("a", 0.525), endpoint("b", 0.475)), 9.0, False, id="5 % of a share are not"),
        pytest.param(BEFORE, (endpoint("a", 0.526), endpoint("b", 0.474)), 9.0, True, id="more than 5 % are"),
        pytest.param(BEFORE, (endpoint("a", 0.9), endpoint("b", 0.1)), 0.99, False, id="but not within a second"),
        pytest.param(BEFORE, (endpoint("a", 0.9), endpoint("b", 0.1)), 1.0, True, id="after a second they are"),
        pytest.param(BEFORE, (endpoint("a", 0.5, State.REDUCED), endpoint("b", 0.5)), 1.0, True, id="a new state is"),
        pytest.param(
            BEFORE, (endpoint("a", None, State.PAUSED), endpoint("b", 1.0)), 0.01, True, id="a pause doesn't wait"
        ),
        pytest.param((endpoint("a", None, State.PAUSED), endpoint("b", 1.0)), HALF_OPEN, 0.5, False, id="its end does"),
        pytest.param(
            (endpoint("a", None, State.PAUSED), endpoint("b", 1.0)),
            (endpoint("a", None, State.PAUSED), endpoint("b", 1.0)),
            9.0,
            False,
            id="a pause that goes on isn't told again",
        ),
        pytest.param(BEFORE, BEFORE[:1], 1.0, True, id="a pod that is gone is"),
        pytest.param(BEFORE, (*BEFORE, endpoint("c", 0.0001)), 1.0, True, id="a new pod is"),
    ],
)
def test_what_is_published(told, now, seconds, due):
    before = None if told is None else published(told, 100.0)
    assert is_due(now, before, 100.0 + seconds) == due


def test_small_changes_add_up_until_they_are_published():
    loop = settled(3)
    decisions = []
    loop.run(1, pods(3))
    for _ in range(60):
        loop.tick(pods(3) | {"a": replace(GOOD, latency_ms=30.0)})
        decisions.append(loop.decision)
    told = [one.endpoints[0].share for one in decisions if one.publish]
    assert 3 <= len(told) <= 20
    assert told == sorted(told, reverse=True)
    assert abs(told[-1] / decisions[-1].endpoints[0].share - 1) <= 0.05
