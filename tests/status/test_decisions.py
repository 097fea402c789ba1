from datetime import UTC, datetime

import pytest

from glm_operator.status.conditions import PODS_STARTING
from glm_operator.status.decisions import Decision, readiness_decision, recorded

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def status(ready, reason, stalled=None):
    conditions = [{"type": "Ready", "status": ready, "reason": reason, "message": "m"}]
    if stalled:
        conditions.append({"type": "Stalled", "status": "True", "reason": stalled, "message": "broken"})
    return {"conditions": conditions, "readyReplicas": 1}


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        pytest.param(status("True", "A"), {}, ("Ready", "A", False), id="the first verdict is told"),
        pytest.param(status("False", PODS_STARTING), {}, None, id="that the first pods start is nothing to tell"),
        pytest.param(
            status("False", PODS_STARTING),
            status("True", "A"),
            ("NotReady", PODS_STARTING, False),
            id="that pods start again is",
        ),
        pytest.param(status("True", "A"), status("True", "A"), None, id="the same verdict is not told again"),
        pytest.param(status("False", "B", "B"), status("True", "A"), ("Stalled", "B", True), id="a loss warns"),
        pytest.param(status("False", "B"), status("False", "A"), ("NotReady", "B", False), id="a new reason is told"),
        pytest.param(
            status("True", "A", "C"),
            status("True", "A"),
            ("Stalled", "C", True),
            id="a new version that can't serve is told though the old one does",
        ),
        pytest.param(status("True", "A"), status("True", "A", "C"), ("Ready", "A", False), id="and that it was mended"),
        pytest.param({}, status("True", "A"), None, id="no verdict is nothing to tell"),
    ],
)
def test_readiness_decision(now, before, expected):
    decision = readiness_decision(now, before)
    assert (decision and (decision.action, decision.reason, decision.warning)) == expected


def test_an_unread_number_is_unknown_and_not_zero():
    assert readiness_decision(status("True", "A"), {}).inputs["pods"] == "unknown"


def test_the_last_ten_decisions_are_kept_oldest_first():
    previous = {"decisions": [{"message": str(n)} for n in range(10)]}
    kept = recorded(previous, [Decision("reconcile", "Apply", "Applied", "new", {"a": "b"})], NOW)
    assert [decision["message"] for decision in kept] == [*map(str, range(1, 10)), "new"]
    assert kept[-1]["inputs"] == {"a": "b"}
    assert kept[-1]["time"] == "2026-11-23T12:00:00Z"
