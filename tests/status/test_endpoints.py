"""`status.endpoints` tells people what they must know, and isn't written every second for it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glm_operator.api.status import MAX_ENDPOINT_REASON, MAX_ENDPOINTS, EndpointStatus
from glm_operator.status.endpoints import (
    DRIFT_SECONDS,
    SHIFT_SECONDS,
    Endpoint,
    endpoint_statuses,
    rounded,
    shares,
    worth_writing,
)

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (0.0123, "0.012"), (0.42, "0.42"), (0.999, "1"), (1.04, "1"), (4.06, "4.1"), (9.99, "10"),
        (42.4, "42"), (426.0, "430"), (2004.0, "2000"), (1e6, "1000000"),
    ],
)  # fmt: skip
def test_latencies_have_two_digits(value, text):
    assert rounded(value) == text


@CALM
@given(st.floats(1e-6, 1e9))
def test_a_rounded_number_is_plain_and_near(value):
    assert float(rounded(value)) == pytest.approx(value, rel=0.051)
    assert "e" not in rounded(value)


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        pytest.param(
            Endpoint("a", "Reduced", 690, 6.314, 0.914, "busy"),
            {"pod": "a", "state": "Reduced", "weight": 690, "latencyMilliseconds": "6.3", "cpuPercent": 91}
            | {"reason": "busy"},
            id="all is known",
        ),
        pytest.param(Endpoint("a", "Unknown"), {"pod": "a", "state": "Unknown"}, id="nothing is known"),
        pytest.param(
            Endpoint("a", "Active", 1, 0.0, 0.0),
            {"pod": "a", "state": "Active", "weight": 1, "latencyMilliseconds": "0", "cpuPercent": 0},
            id="zero is known",
        ),
        pytest.param(
            Endpoint("a", "Active", None, float("nan"), float("inf")),
            {"pod": "a", "state": "Active"},
            id="what is no number is not known",
        ),
    ],
)
def test_an_endpoint_in_the_status(endpoint, expected):
    assert endpoint_statuses([endpoint]) == [expected]
    EndpointStatus.model_validate(expected)


def test_endpoints_stand_by_name_no_more_than_the_schema_takes_and_with_reasons_as_long():
    many = [Endpoint(f"pod-{number:05}", "Paused", reason="x" * 2000) for number in range(MAX_ENDPOINTS + 5)]
    seen = endpoint_statuses(reversed(many))
    assert [one["pod"] for one in seen] == [endpoint.pod for endpoint in many[:MAX_ENDPOINTS]]
    assert {len(one["reason"]) for one in seen} == {MAX_ENDPOINT_REASON}


def two(first=100, second=100, state="Active", **more):
    return [{"pod": "a", "state": "Active", "weight": first}, {"pod": "b", "state": state, "weight": second} | more]


@pytest.mark.parametrize(
    ("before", "now", "seconds", "expected"),
    [
        pytest.param(two(), two(), 1e9, False, id="the same is never written"),
        pytest.param(two(), two(101), None, True, id="after a restart"),
        pytest.param([], two(), 0.0, True, id="the first ones, at once"),
        pytest.param(two(), two()[:1], 0.0, True, id="a pod that is gone, at once"),
        pytest.param(two(), two(state="Paused"), 0.0, True, id="another state, at once"),
        pytest.param(two(), two(150), SHIFT_SECONDS - 0.1, False, id="a shift of the weights, soon"),
        pytest.param(two(), two(150), SHIFT_SECONDS, True, id="a shift of the weights, after a moment"),
        pytest.param(two(), two(200, 200), SHIFT_SECONDS, False, id="twice the weights are the same shares"),
        pytest.param(two(), two(110), SHIFT_SECONDS, False, id="two points are no shift"),
        pytest.param(two(), two(110), DRIFT_SECONDS, False, id="nor a drift that tells anybody anything"),
        pytest.param(two(), two(200, 200), DRIFT_SECONDS, True, id="twice the weights are a drift"),
        pytest.param(two(), two(cpuPercent=7), DRIFT_SECONDS - 0.1, False, id="CPU drifts"),
        pytest.param(two(), two(cpuPercent=7), DRIFT_SECONDS, True, id="and is written in the end"),
        pytest.param(two(cpuPercent=7), two(cpuPercent=26), DRIFT_SECONDS, False, id="but not by a few points"),
        pytest.param(two(cpuPercent=7), two(cpuPercent=27), DRIFT_SECONDS, True, id="by twenty it is"),
        pytest.param(
            two(latencyMilliseconds="0", cpuPercent=7),
            two(latencyMilliseconds="0", cpuPercent=8),
            DRIFT_SECONDS,
            False,
            id="a latency of nothing that stays so is no drift",
        ),
        pytest.param(two(cpuPercent=7), two(), DRIFT_SECONDS, False, id="what is not known any more tells nothing"),
        pytest.param(two(), two(second=None), SHIFT_SECONDS, True, id="a weight that is lost is a shift"),
    ],
)
def test_worth_writing(before, now, seconds, expected):
    assert worth_writing(before, now, seconds) is expected


@pytest.mark.parametrize(
    ("endpoints", "expected"),
    [
        pytest.param([], {}, id="no pods"),
        pytest.param(two(300), {"a": 0.75, "b": 0.25}, id="in proportion to the weights"),
        pytest.param(two(state="Paused"), {"a": 1.0, "b": 0.0}, id="a paused pod gets nothing, whatever its weight"),
        pytest.param(two(state="Standby"), {"a": 1.0, "b": 0.0}, id="nor does a standby"),
        pytest.param(two(second=None), {"a": 1.0, "b": None}, id="a pod without a weight is unknown"),
        pytest.param(two(0, 0), {"a": 0.0, "b": 0.0}, id="no weights at all"),
    ],
)
def test_shares(endpoints, expected):
    assert shares(endpoints) == expected
