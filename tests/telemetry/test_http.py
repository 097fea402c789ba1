"""What is taken for an answer over HTTP, and what isn't, however it comes in pieces."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glm_operator.telemetry.http import MAX_HEADER_BYTES, Answer, AnswerError, KeptConnection, get_once
from telemetry.servers import pod, response, says

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

BODY = b"nv_cpu_utilization 0.5\n"
LIMIT = 1000


async def asked(data):
    async with asyncio.timeout(60), pod(live=says(data)) as server:
        return await get_once("127.0.0.1", server.ports["live"], "/", max_body=LIMIT)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(response(BODY), Answer(200, BODY), id="a body"),
        pytest.param(response(b""), Answer(200, b""), id="an empty body"),
        pytest.param(response(b"x" * LIMIT), Answer(200, b"x" * LIMIT), id="as much as is read"),
        pytest.param(response(BODY, "503 Busy"), Answer(503, BODY), id="another status"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", Answer(204, b""), id="a status without a body"),
        pytest.param(b"HTTP/1.0 200 OK\r\ncontent-LENGTH:  2 \r\n\r\nab", Answer(200, b"ab"), id="an older server"),
    ],
)
async def test_answers(data, expected):
    assert await asked(data) == expected


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(response(b"x" * (LIMIT + 1)), "at most 1000", id="too long a body"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", "its length", id="no length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "its length", id="a length below zero"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "its length", id="two lengths"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: x\r\n\r\n", "length", id="an encoding"
        ),
        pytest.param(b"HTTP/2 200\r\n\r\n", "isn't HTTP/1.1", id="another protocol"),
        pytest.param(b"HTTP/1.1 20x OK\r\n\r\n", "isn't HTTP/1.1", id="a status that is no number"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: " + b"a" * MAX_HEADER_BYTES, "don't end", id="headers without an end"),
        pytest.param(response(b"ab") + b"c", "behind its end", id="more than was told"),
    ],
)
async def test_what_is_no_answer_is_refused_with_the_reason(data, why):
    with pytest.raises(AnswerError, match=why):
        await asked(data)


async def test_an_answer_may_come_in_any_pieces():
    whole = response(BODY)

    async def in_pieces(_, writer):
        for at in range(len(whole)):
            writer.write(whole[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0)

    async with asyncio.timeout(60), pod(metrics=in_pieces) as server:
        connection = KeptConnection("127.0.0.1", server.ports["metrics"])
        for _ in range(3):
            assert await connection.get("/metrics") == Answer(200, BODY)
        connection.close()
        assert server.connections["metrics"] == 1


async def test_a_server_that_asks_to_be_left_is_left():
    async with asyncio.timeout(60), pod(metrics=says(response(BODY, "200 OK", "Connection: close"))) as server:
        connection = KeptConnection("127.0.0.1", server.ports["metrics"])
        for _ in range(2):
            assert await connection.get("/metrics") == Answer(200, BODY)
        assert server.connections["metrics"] == 2


async def test_words_that_nobody_asked_for_end_the_connection():
    async with asyncio.timeout(60), pod(metrics=says(response(BODY))) as server:
        connection = KeptConnection("127.0.0.1", server.ports["metrics"])
        await connection.get("/metrics")
        (writer,) = server.writers
        writer.write(response(b"nv_cpu_utilization 0.99\n"))
        await writer.drain()
        while server.open["metrics"]:  # noqa: ASYNC110 - what a server sees of its connections sets no event
            await asyncio.sleep(0.01)
        assert await connection.get("/metrics") == Answer(200, BODY)
        connection.close()


@CALM
@given(st.binary(max_size=200), st.integers(0, 40))
def test_any_bytes_are_an_answer_or_an_error(noise, at):
    sound = response(BODY)

    async def one():
        async def answer(_, writer):
            writer.write(sound[:at] + noise + sound[at:])
            writer.write_eof()

        async with asyncio.timeout(60), pod(live=answer) as server:
            try:
                seen = await get_once("127.0.0.1", server.ports["live"], "/", max_body=LIMIT)
            except (AnswerError, OSError):
                return
            assert len(seen.body) <= LIMIT

    asyncio.run(one())
