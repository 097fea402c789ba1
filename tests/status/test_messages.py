"""However much a message quotes, the API server takes the status that it stands in."""

from datetime import UTC, datetime

import pytest

from glm_operator.api.status import Condition
from glm_operator.status.conditions import MAX_MESSAGE, Verdict, conditions, shortened
from glm_operator.status.decisions import MAX_MESSAGE as MAX_DECISION_MESSAGE
from glm_operator.status.decisions import Decision

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a" * 20, "a" * 20, id="what fits stays as it is"),
        pytest.param("a" * 21, "a" * 6 + " ... (cut off)", id="what is cut off is told to be"),
    ],
)
def test_shortened(text, expected):
    assert shortened(text, 20) == expected


def test_a_condition_that_quotes_a_whole_object_fits_into_the_status():
    verdict = Verdict("Stalled", "True", "ApplyRefused", "x" * 1_000_000)
    (condition,) = conditions([verdict], (), 1, NOW)
    assert len(condition["message"]) == MAX_MESSAGE
    Condition.model_validate(condition)


def test_a_decision_that_quotes_a_whole_object_is_recorded_in_short():
    record = Decision("readiness", "Stalled", "ApplyRefused", "x" * 1_000_000).record(NOW)
    assert len(record["message"]) == MAX_DECISION_MESSAGE
