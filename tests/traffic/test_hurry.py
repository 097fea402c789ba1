"""How long a request waits for one pod before another one is asked as well."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodies import ECHO, MINIMAL, make_body
from glm_operator.api.inference import parse
from glm_operator.traffic.hurry import LEAST_SECONDS, MOST_SECONDS, TIMES_TYPICAL, patience_seconds
from glm_operator.traffic.served import is_uniform


@pytest.mark.parametrize(
    ("before", "typical_ms", "seconds"),
    [
        pytest.param(None, None, None, id="nothing is known: as long as it takes"),
        pytest.param(None, 1.0, 0.1, id="a quick model: the least"),
        pytest.param(None, 5.0, 0.1, id="20 times 5 ms"),
        pytest.param(None, 5.1, 0.2, id="the next step"),
        pytest.param(0.4, None, 0.4, id="unknown changes nothing"),
        pytest.param(0.4, 15.0, 0.4, id="the same"),
        pytest.param(0.4, 21.0, 0.8, id="it rises at once"),
        pytest.param(0.8, 11.0, 0.8, id="and does not fall for a little"),
        pytest.param(0.8, 5.0, 0.1, id="but for much"),
        pytest.param(None, 2000.0, None, id="a slow model is not asked twice"),
        pytest.param(0.8, 2000.0, None, id="nor one that has become slow"),
        pytest.param(0.4, float("nan"), 0.4, id="what is no number changes nothing"),
    ],
)
def test_patience(before, typical_ms, seconds):
    assert patience_seconds(before, typical_ms) == pytest.approx(seconds)


@given(st.floats(0, 1e5), st.floats(0, 1e5))
def test_it_is_never_shorter_than_many_times_the_usual_latency_and_settles(first, second):
    seconds = patience_seconds(patience_seconds(None, first), second)
    if seconds is not None:
        assert max(LEAST_SECONDS, TIMES_TYPICAL * second / 1000) <= seconds * (1 + 1e-6)
        assert seconds <= MOST_SECONDS
    assert patience_seconds(seconds, second) == seconds


@pytest.mark.parametrize(
    ("models", "uniform"),
    [
        pytest.param([ECHO], True, id="one model"),
        pytest.param([ECHO, ECHO | {"name": "other"}], False, id="two models may differ"),
        pytest.param([ECHO | {"decoupled": True}], False, id="answers piece by piece"),
        pytest.param([{"name": "chat", "engine": "VLLM"}], False, id="a text may be short or long"),
    ],
)
def test_whose_requests_take_alike(models, uniform):
    assert is_uniform(parse(make_body(MINIMAL | {"models": models})).spec) is uniform
