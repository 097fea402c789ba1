"""Loading and unloading over Triton's protocol, and what a server tells of what it has loaded."""

import socket

import pytest

from fake_triton import FakeTriton, serving
from glm_operator.clients.triton import inspect, load_model, loaded_models, unload_model

REASON = "load failed for model 'echo': version 2 is at UNAVAILABLE state: OSError: no weights\n\nAt:\n  model.py(1)"


async def test_a_load_carries_configuration_and_files():
    fake = FakeTriton()
    async with serving(fake) as address:
        result = await load_model(address, "echo", '{"name": "echo"}', {"file:1/model.py": b"code"}, 10.0)
    assert result.done
    (request,) = fake.requests
    assert request.parameters["config"].string_param == '{"name": "echo"}'
    assert request.parameters["file:1/model.py"].bytes_param == b"code"


async def test_files_that_the_pod_has_do_not_travel():
    fake = FakeTriton()
    async with serving(fake) as address:
        await load_model(address, "echo", "{}", {}, 10.0)
    assert set(fake.requests[0].parameters) == {"config"}


async def test_a_refusal_is_told_in_tritons_words_without_the_traceback():
    async with serving(FakeTriton(refused={"echo": REASON})) as address:
        result = await load_model(address, "echo", "{}", {}, 10.0)
    assert not result.done
    assert result.reason.endswith("OSError: no weights")


async def test_a_server_that_never_answers_is_given_up():
    async with serving(FakeTriton(silent=frozenset({"echo"}))) as address:
        result = await load_model(address, "echo", "{}", {}, 0.2)
    assert (result.done, "did not answer" in result.reason) == (False, True)


async def test_a_server_that_is_gone_is_a_failure_and_no_exception():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        assert not (await unload_model(address, "echo", 10.0)).done
        assert await loaded_models(address) is None


async def test_loaded_models_are_told_with_their_parameters():
    async with serving(FakeTriton(loaded={"echo": {"glm.config": "a"}, "other": {}})) as address:
        assert await loaded_models(address) == {"echo": {"glm.config": "a"}, "other": {}}
        assert (await unload_model(address, "other", 10.0)).done
        assert await loaded_models(address) == {"echo": {"glm.config": "a"}}


OLD = ("1", "READY", "")


@pytest.mark.parametrize(
    ("fake", "expected"),
    [
        pytest.param(FakeTriton(loaded={"echo": {}}), (True, "1", ""), id="the index lists no model that came along"),
        pytest.param(FakeTriton(), (False, "", ""), id="neither listed nor loaded"),
        pytest.param(
            FakeTriton(loaded={"echo": {}}, listed={"echo": [OLD, ("2", "UNAVAILABLE", "no weights")]}),
            (True, "1", ""),
            id="an older version serves beside one that failed",
        ),
        pytest.param(
            FakeTriton(listed={"echo": [("1", "UNAVAILABLE", "unloaded")]}), (False, "", "unloaded"), id="unloaded"
        ),
    ],
)
async def test_a_model_is_read(fake, expected):
    async with serving(fake) as address:
        reading = (await inspect(address, ["echo"], ["echo"]))["echo"]
    assert (reading.ready, reading.version, reading.reason) == expected
