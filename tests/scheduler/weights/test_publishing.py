"""What is worth telling Envoy, and what the status."""

from dataclasses import replace

import pytest

from glm_operator.api.status import EndpointStatus
from glm_operator.scheduler.weights.decision import Basis, EndpointWeight, Reason, State, WeightDecision
from glm_operator.scheduler.weights.publishing import is_due, published
from glm_operator.scheduler.weights.rules import Rules
from glm_operator.scheduler.weights.statuses import MOST_ENDPOINTS, endpoint_statuses, rounded
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


@pytest.mark.parametrize(
    ("weight", "shown"),
    [(1, 1), (7, 7), (12, 12), (123, 120), (1000, 1000), (1249, 1200), (1251, 1300), (987_654, 990_000)],
)
def test_weights_in_the_status_have_two_digits(weight, shown):
    assert rounded(weight) == shown


def decision(**weights):
    return WeightDecision(
        tuple(
            endpoint(pod, None, State.PAUSED) if weight is None else endpoint(pod, 0.1, weight=weight)
            for pod, weight in weights.items()
        ),
        publish=True,
    )


def test_the_status_stays_while_weights_are_about_the_same():
    first = endpoint_statuses(decision(a=1013, b=487, c=None))
    assert first == [
        EndpointStatus(pod="a", weight=1000, state="Active"),
        EndpointStatus(pod="b", weight=490, state="Active"),
        EndpointStatus(pod="c", state="Paused"),
    ]
    assert endpoint_statuses(decision(a=1180, b=590, c=None), first) == first
    assert endpoint_statuses(decision(a=1300, b=490, c=40), first) == [
        EndpointStatus(pod="a", weight=1300, state="Active"),
        first[1],
        EndpointStatus(pod="c", weight=40, state="Active"),
    ]


def test_the_status_holds_no_more_than_the_crd_allows():
    many = decision(**{f"pod-{number:04}": 1000 for number in range(MOST_ENDPOINTS + 5)})
    assert len(endpoint_statuses(many)) == MOST_ENDPOINTS
