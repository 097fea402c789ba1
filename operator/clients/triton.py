"""A Triton server as the operator sees it: which models are ready, why not, and whether they really answer.

The server's own readiness is no proof: it says yes for models that were unloaded, and no because of an optional one.
So each model is asked for its readiness, the repository index for its reason, and the model for one inference on zeros.
"""

import asyncio
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
import numpy as np
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

INSPECTION_TIMEOUT_SECONDS: Final = 5.0
INFERENCE_TIMEOUT_SECONDS: Final = 10.0
MAX_REASON: Final = 500
MAX_PROBE_ELEMENTS: Final = 16 * 1024 * 1024
"""A probe with larger inputs would cost more than it tells; the model's readiness has to do."""


@dataclass(frozen=True, slots=True)
class ModelReading:
    """One model on one server."""

    ready: bool
    version: str = ""
    reason: str = ""
    """Triton's own reason for not being ready, or the error of the probe inference."""
    answers: bool | None = None
    """Whether a probe inference succeeded; None: not tried."""


async def inspect(address: str, models: Sequence[str], probe: Collection[str]) -> Mapping[str, ModelReading] | None:
    """Read every model of the server at `address` (`HOST:PORT`, gRPC), and send those in `probe` an inference.

    Returns:
        Model name to reading; None when the server can't be read (unknown, not unready).
    """
    client = InferenceServerClient(address)
    try:
        index = await asyncio.wait_for(_index(client), INSPECTION_TIMEOUT_SECONDS)
        readings = await asyncio.gather(*(_read(client, name, index, name in probe) for name in models))
        return dict(zip(models, readings, strict=True))
    except (InferenceServerException, grpc.RpcError, OSError, TimeoutError):
        return None
    finally:
        await client.close()


async def _index(client: Any) -> dict[str, list[Any]]:
    answer = await client.get_model_repository_index()
    entries: dict[str, list[Any]] = {}
    for entry in answer.models:
        entries.setdefault(entry.name, []).append(entry)
    return entries


async def _read(client: Any, name: str, index: Mapping[str, Sequence[Any]], probe: bool) -> ModelReading:
    entries = index.get(name, ())
    serving = [entry for entry in entries if entry.state == "READY"]
    if not serving:
        reasons = sorted({first_paragraph(entry.reason) for entry in entries if entry.reason})
        return ModelReading(ready=False, reason="; ".join(reasons)[:MAX_REASON])
    version = newest_version(entry.version for entry in serving)
    if not await client.is_model_ready(name, client_timeout=INSPECTION_TIMEOUT_SECONDS):
        return ModelReading(ready=False, version=version)
    if not probe:
        return ModelReading(ready=True, version=version)
    error = await _probe(client, name)
    return ModelReading(ready=True, version=version, answers=error is None, reason=error or "")


def first_paragraph(reason: str) -> str:
    """The sentence without the Python backend's traceback, which stands after it."""
    return " ".join(reason.partition("\n\n")[0].split())


def newest_version(versions: Iterable[str]) -> str:
    """The highest number; names that are no numbers come before all."""
    return max(versions, key=lambda version: int(version) if version.isdigit() else -1)


async def _probe(client: Any, name: str) -> str | None:
    """One inference on zeros; the error's text when it fails, None when it succeeds or can't be made up."""
    try:
        metadata = await client.get_model_metadata(name, client_timeout=INSPECTION_TIMEOUT_SECONDS)
        config = (await client.get_model_config(name, client_timeout=INSPECTION_TIMEOUT_SECONDS)).config
        if config.model_transaction_policy.decoupled or config.HasField("sequence_batching"):
            return None
        inputs = [zeros(tensor.name, tensor.datatype, tensor.shape) for tensor in metadata.inputs]
        if None not in inputs:
            await client.infer(name, inputs, client_timeout=INFERENCE_TIMEOUT_SECONDS)
    except InferenceServerException as error:
        return f"probe inference failed: {error.message()}"[:MAX_REASON]
    return None


def zeros(name: str, datatype: str, shape: Sequence[int]) -> Any:
    """An input of zeros (or empty texts), open dimensions being 1; None when it can't be made, or would be too large."""
    fixed = [1 if dim < 0 else int(dim) for dim in shape]
    # numpy knows no BF16, and the client takes it from a package of its own only.
    if math.prod(fixed) > MAX_PROBE_ELEMENTS or datatype == "BF16":
        return None
    if datatype == "BYTES":
        array: Any = np.full(fixed, b"", dtype=np.object_)
    else:
        array = np.zeros(fixed, dtype=triton_to_np_dtype(datatype))
    tensor = InferInput(name, fixed, datatype)
    tensor.set_data_from_numpy(array)
    return tensor
