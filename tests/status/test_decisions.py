from datetime import UTC, datetime

import pytest

from glm_operator.status.decisions import Decision, readiness_decision, recorded

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def status(ready, reason, *others):
    conditions = [{"type": "Ready", "status": ready, "reason": reason, "message": "m"}]
    return {"conditions": conditions + [{"type": kind} for kind in others], "readyReplicas": 1}


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        pytest.param(status("True", "A"), {}, ("Ready", False), id="the first verdict is told"),
        pytest.param(status("True", "A"), status("True", "A"), None, id="the same verdict is not told again"),
        pytest.param(status("False", "B", "Stalled"), status("True", "A"), ("NotReady", True), id="a loss warns"),
        pytest.param(
            status("False", "B", "Reconciling"), status("False", "A"), ("NotReady", False), id="a new reason is told"
        ),
    ],
)
def test_readiness_decision(now, before, expected):
    decision = readiness_decision(now, before)
    assert (decision and (decision.action, decision.warning)) == expected


def test_the_last_ten_decisions_are_kept_oldest_first():
    previous = {"decisions": [{"message": str(n)} for n in range(10)]}
    kept = recorded(previous, [Decision("reconcile", "Apply", "Applied", "new", {"a": "b"})], NOW)
    assert [decision["message"] for decision in kept] == [*map(str, range(1, 10)), "new"]
    assert kept[-1]["inputs"] == {"a": "b"}
    assert kept[-1]["time"] == "2026-11-23T12:00:00Z"
