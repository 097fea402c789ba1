"""A Triton server as the operator sees it: which models are ready, why not, and whether they really answer.

The server's own readiness is no proof: it says yes for models that were unloaded, and no because of an optional one.
So each model is asked for its readiness, the repository index for its reason, and the model for one inference on zeros.

The server runs an image of the user's. So every call has a deadline, answers have a largest size, and what one model
does to its own calls says nothing about the others.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
import numpy as np
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

CALL_TIMEOUT_SECONDS: Final = 3.0
INFERENCE_TIMEOUT_SECONDS: Final = 10.0
MAX_REASON: Final = 500
MAX_PROBE_BYTES: Final = 4 * 1024 * 1024
"""A probe with more input would cost more than it tells; the model's readiness has to do."""
MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
_CHANNEL: Final = [
    ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
    ("grpc.max_send_message_length", 2 * MAX_PROBE_BYTES),
]
UNLOADED: Final = "unloaded"
"""Reason in the index of a model that was unloaded on request, or of an ensemble that its members ended."""
_UNKNOWN_CODES: Final = frozenset({"DEADLINE_EXCEEDED", "UNAVAILABLE", "CANCELLED", "RESOURCE_EXHAUSTED"})
"""These tell of the connection, the load or the size of an answer, not of the model."""


@dataclass(frozen=True, slots=True)
class ModelReading:
    """One model on one server."""

    ready: bool
    version: str = ""
    reason: str = ""
    """Triton's own reason for not being ready, or the error of the probe inference."""
    answers: bool | None = None
    """Whether a probe inference succeeded; None: not tried, or without an answer in time."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What came of a load or an unload."""

    done: bool
    reason: str = ""
    """Triton's own words when it refused."""


async def inspect(address: str, models: Sequence[str], probe: Collection[str]) -> Mapping[str, ModelReading] | None:
    """Read every model of the server at `address` (`HOST:PORT`, gRPC), and send those in `probe` an inference.

    Returns:
        Model name to reading, without the models that could not be read; None when the server can't be (unknown, not
        unready).
    """
    client = InferenceServerClient(address, channel_args=_CHANNEL)
    try:
        index = await asyncio.wait_for(_index(client), CALL_TIMEOUT_SECONDS)
        readings = await asyncio.gather(*(_read_or_unknown(client, name, index, name in probe) for name in models))
    except (InferenceServerException, grpc.RpcError, OSError, TimeoutError):
        return None
    finally:
        await client.close()
    return {name: reading for name, reading in zip(models, readings, strict=True) if reading is not None}


async def loaded_models(address: str) -> Mapping[str, Mapping[str, str]] | None:
    """Every model that the server has loaded, to the texts among its configuration's parameters.

    The repository index doesn't list a model that was loaded with its files in the request; the statistics do.

    Returns:
        None when the server can't be read.
    """
    client = InferenceServerClient(address, channel_args=_CHANNEL)
    try:
        statistics = await client.get_inference_statistics(client_timeout=CALL_TIMEOUT_SECONDS)
        names = sorted({entry.name for entry in statistics.model_stats})
        configs = await asyncio.gather(
            *(client.get_model_config(name, client_timeout=CALL_TIMEOUT_SECONDS) for name in names)
        )
    except (InferenceServerException, grpc.RpcError, OSError, TimeoutError):
        return None
    finally:
        await client.close()
    return {name: _texts(answer.config) for name, answer in zip(names, configs, strict=True)}


async def load_model(address: str, name: str, config: str, files: Mapping[str, bytes], seconds: float) -> LoadResult:
    """Load a model with this configuration (JSON), and files (`file:VERSION/NAME` to content) if they come along.

    Triton loads the new revision beside the one that serves, then changes over, and ends the old one when its last
    request is answered. When it can't load the new one, the old one goes on serving.
    """
    return await _asked(address, seconds, lambda client: client.load_model(name, config=config, files=dict(files)))


async def unload_model(address: str, name: str, seconds: float) -> LoadResult:
    """Unload a model; requests that it has begun are answered."""
    return await _asked(address, seconds, lambda client: client.unload_model(name))


async def _asked(address: str, seconds: float, ask: Callable[[Any], Awaitable[None]]) -> LoadResult:
    client = InferenceServerClient(address, channel_args=_CHANNEL)
    try:
        await asyncio.wait_for(ask(client), seconds)
    except TimeoutError:
        return LoadResult(done=False, reason=f"the server did not answer within {seconds:.0f} s")
    except InferenceServerException as error:
        return LoadResult(done=False, reason=first_paragraph(error.message() or str(error))[:MAX_REASON])
    except (grpc.RpcError, OSError) as error:
        return LoadResult(done=False, reason=f"the server could not be asked: {type(error).__name__}")
    finally:
        await client.close()
    return LoadResult(done=True)


def _texts(config: Any) -> dict[str, str]:
    return {key: parameter.string_value for key, parameter in config.parameters.items()}


async def _index(client: Any) -> dict[str, list[Any]]:
    answer = await client.get_model_repository_index()
    entries: dict[str, list[Any]] = {}
    for entry in answer.models:
        entries.setdefault(entry.name, []).append(entry)
    return entries


async def _read_or_unknown(
    client: Any, name: str, index: Mapping[str, Sequence[Any]], probe: bool
) -> ModelReading | None:
    try:
        return await _read(client, name, index.get(name, ()), probe)
    except (InferenceServerException, grpc.RpcError, TimeoutError):
        return None


async def _read(client: Any, name: str, entries: Sequence[Any], probe: bool) -> ModelReading:
    serving = [entry.version for entry in entries if entry.state == "READY"]
    if not entries:
        serving = await _unlisted_versions(client, name)
    if not serving:
        reasons = sorted({first_paragraph(entry.reason) for entry in entries if entry.reason})
        return ModelReading(ready=False, reason="; ".join(reasons)[:MAX_REASON])
    version = newest_version(serving)
    if not await client.is_model_ready(name, client_timeout=CALL_TIMEOUT_SECONDS):
        return ModelReading(ready=False, version=version)
    if not probe:
        return ModelReading(ready=True, version=version)
    inputs = await _probe_inputs(client, name)
    if inputs is None:
        return ModelReading(ready=True, version=version, answers=True)
    answers, reason = await _infer(client, name, inputs)
    return ModelReading(ready=True, version=version, answers=answers, reason=reason)


async def _unlisted_versions(client: Any, name: str) -> list[str]:
    """Versions of a model that the index doesn't list, because its files came in the load request; none: not loaded."""
    try:
        return list((await client.get_model_metadata(name, client_timeout=CALL_TIMEOUT_SECONDS)).versions)
    except InferenceServerException as error:
        if is_unknown(error.status()):
            raise
        return []


async def _infer(client: Any, name: str, inputs: Sequence[Any]) -> tuple[bool | None, str]:
    """Whether the model answers, and its error when it doesn't."""
    try:
        await client.infer(name, inputs, client_timeout=INFERENCE_TIMEOUT_SECONDS)
    except InferenceServerException as error:
        if is_unknown(error.status()):
            return None, ""
        return False, f"probe inference failed: {first_paragraph(error.message())}"[:MAX_REASON]
    return True, ""


async def _probe_inputs(client: Any, name: str) -> list[Any] | None:
    """Inputs of zeros; None for a model that no single small request can probe, whose readiness has to do."""
    config = (await client.get_model_config(name, client_timeout=CALL_TIMEOUT_SECONDS)).config
    if config.model_transaction_policy.decoupled or config.HasField("sequence_batching"):
        return None
    metadata = await client.get_model_metadata(name, client_timeout=CALL_TIMEOUT_SECONDS)
    shapes = [(tensor.name, tensor.datatype, closed_shape(tensor.shape)) for tensor in metadata.inputs]
    if sum(probe_bytes(datatype, shape) for _, datatype, shape in shapes) > MAX_PROBE_BYTES:
        return None
    return [zeros(tensor, datatype, shape) for tensor, datatype, shape in shapes]


def is_unknown(status: str | None) -> bool:
    """Whether a gRPC status (`StatusCode.NAME`) says nothing about the model itself."""
    return status is None or status.rpartition(".")[2] in _UNKNOWN_CODES


def first_paragraph(reason: str) -> str:
    """The sentence without the Python backend's traceback, which stands after it."""
    return " ".join(reason.partition("\n\n")[0].split())


def newest_version(versions: Iterable[str]) -> str:
    """The highest number; names that are no numbers come before all."""
    return max(versions, key=lambda version: int(version) if version.isdigit() else -1)


def closed_shape(shape: Sequence[int]) -> list[int]:
    """A shape whose open dimensions are 1."""
    return [1 if dim < 0 else int(dim) for dim in shape]


def probe_bytes(datatype: str, shape: Sequence[int]) -> float:
    """Size of a tensor of zeros (of empty texts: their lengths); infinite for a type that the client doesn't know."""
    if datatype == "BYTES":
        return math.prod(shape) * 4
    dtype = triton_to_np_dtype(datatype)
    return math.inf if dtype is None else math.prod(shape) * np.dtype(dtype).itemsize


def zeros(name: str, datatype: str, shape: Sequence[int]) -> Any:
    """An input of zeros, or of empty texts."""
    if datatype == "BYTES":
        array: Any = np.full(shape, b"", dtype=np.object_)
    else:
        array = np.zeros(shape, dtype=triton_to_np_dtype(datatype))
    tensor = InferInput(name, list(shape), datatype)
    tensor.set_data_from_numpy(array)
    return tensor
