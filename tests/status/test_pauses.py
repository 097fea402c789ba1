"""The annotation with which people pause a pod."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glm_operator.api import group
from glm_operator.status.pauses import MAX_REASON, NO_REASON, clean_reason, pause_reason

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def pod(value=None):
    annotations = {} if value is None else {"annotations": {group.ANNOTATION_PAUSED: value, "other": "x"}}
    return {"metadata": {"name": "a"} | annotations}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(None, None, id="no annotation"),
        pytest.param("disk is full", "disk is full", id="a reason"),
        pytest.param("", NO_REASON, id="an empty value is meant"),
        pytest.param("true", NO_REASON, id="true is no reason"),
        pytest.param("false", None, id="false is no pause"),
        pytest.param(" False ", None, id="however it is written"),
        pytest.param("falsehood", "falsehood", id="a reason that begins like it"),
        pytest.param("a\nb\x1b[31m\tc", "a b [31m c", id="nothing steers the terminal"),
        pytest.param("x" * 300, "x" * (MAX_REASON - 1) + "…", id="no longer than may be shown"),
    ],
)
def test_pause_reason(value, expected):
    assert pause_reason(pod(value)) == expected


@CALM
@given(st.text())
def test_a_reason_is_one_line_that_can_be_shown_and_is_clean_already(text):
    seen = clean_reason(text)
    assert len(seen) <= MAX_REASON
    assert seen == "" or seen.isprintable()
    assert clean_reason(seen) == seen
