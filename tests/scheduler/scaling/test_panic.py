"""Knative's table once more, on the operator's own panic window."""

import pytest

from glm_operator.scheduler.scaling.panic import CALM, Panic, next_panic
from glm_operator.scheduler.scaling.rules import Rules

RULES = Rules(0, 10_000, 1.0)


def followed(*steps):
    """Panic's replicas (0: calm) after each `(now, needed, burst, ready)`."""
    panic, seen = CALM, []
    for now, needed, burst, ready in steps:
        panic = next_panic(panic, needed, burst, ready, RULES, float(now))
        seen.append(panic.replicas)
    return seen


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param([(0, 11, 25, 10), (30, 30, 41, 40), (62, 50, 56, 55)], [25, 41, 0], id="it ends after a window"),
        pytest.param([(0, 11, 25, 10), (30, 30, 80, 40), (62, 30, 50, 80)], [25, 80, 80], id="a surge extends it"),
        pytest.param([(0, 6, 6, 1), (1, 36, 36, 6), (2, 216, 216, 36)], [6, 36, 216], id="it follows a rise"),
        pytest.param([(0, 10, 100, 10), (30, 1, 1, 10), (61, 1, 1, 10)], [100, 100, 0], id="61 s later it is calm"),
        pytest.param([(0, 5, 9, 5)], [0], id="less than twice the ready pods is no burst"),
        pytest.param([(0, 1, 2, 0)], [2], id="without a ready pod, one is assumed"),
    ],
)
def test_panic(steps, expected):
    assert followed(*steps) == expected


def test_a_clock_that_goes_back_does_not_prolong_it():
    panic = next_panic(Panic(1000.0, 5), 1, 1, 5, RULES, 10.0)
    assert panic == Panic(10.0, 5)
    assert next_panic(panic, 1, 1, 5, RULES, 71.0) == CALM
