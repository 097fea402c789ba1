"""Requests that are sent once more at once."""

import pytest

from glm_operator.clients.retry import ATTEMPTS, LONGEST_WAIT_SECONDS, wait_before_retry

LONG = str(int(LONGEST_WAIT_SECONDS) + 1)


@pytest.mark.parametrize(
    ("method", "attempt", "status", "headers", "wait"),
    [
        pytest.param("GET", 1, None, {}, 0.1, id="a read without an answer, soon"),
        pytest.param("GET", 2, 500, {}, pytest.approx(0.3), id="an error again, later"),
        pytest.param("PATCH", 1, None, {}, 0.1, id="an apply without an answer"),
        pytest.param("PATCH", 1, 409, {}, None, id="an apply that met another writer: all is looked at again"),
        pytest.param("DELETE", 1, None, {}, 0.1, id="a delete without an answer"),
        pytest.param("GET", ATTEMPTS, 500, {}, None, id="not for ever"),
        pytest.param("GET", 1, 404, {}, None, id="what is not there is an answer"),
        pytest.param("PATCH", 1, 422, {}, None, id="an invalid object stays invalid"),
        pytest.param("POST", 1, None, {}, None, id="a creation may have happened"),
        pytest.param("POST", 1, 500, {}, None, id="a creation may have happened although it failed"),
        pytest.param("POST", 1, 429, {}, 0.1, id="a creation that was turned away has not"),
        pytest.param("GET", 1, 429, {"Retry-After": "2"}, 2.0, id="as long as the server asks for"),
        pytest.param("GET", 1, 429, {"Retry-After": LONG}, None, id="a long wait is the queue's"),
        pytest.param("GET", 1, 503, {"Retry-After": "Tue, 24 Nov"}, 0.1, id="a date is not understood"),
    ],
)
def test_wait_before_retry(method, attempt, status, headers, wait):
    assert wait_before_retry(method, attempt, status, headers) == wait
