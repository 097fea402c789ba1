"""Reloads one model of one server again and again, with the operator's own client, while requests go on.

Arguments: address of the server (gRPC), the resource as JSON, its model files of both revisions as JSON (two
ConfigMaps), number of reloads. Prints seconds of each reload and the requests' outcomes as JSON.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from glm_operator.api.inference import GLMInferenceSpec
from glm_operator.clients.triton import closed_shape, load_model, zeros
from glm_operator.resources.model_revision import load_override, wanted_models

LOAD_SECONDS: Final = 60.0
PERIOD_SECONDS: Final = 0.02


async def main() -> None:
    """Reload, and ask meanwhile."""
    address, resource, sources, count = sys.argv[1], *map(Path, sys.argv[2:4]), int(sys.argv[4])
    spec = GLMInferenceSpec.model_validate(json.loads(resource.read_text())["spec"])
    revisions = [wanted_models(spec, source)[0] for source in json.loads(sources.read_text())]
    outcomes: Counter[str] = Counter()
    asking = asyncio.create_task(_ask(address, revisions[0].name, outcomes))
    seconds = []
    for number in range(count):
        config, files = load_override(revisions[number % len(revisions)])
        begin = time.monotonic()
        result = await load_model(address, revisions[0].name, config, files, LOAD_SECONDS)
        seconds.append(time.monotonic() - begin)
        if not result.done:
            raise SystemExit(f"reload {number} failed: {result.reason}")
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    print(json.dumps({"seconds": seconds, "requests": outcomes.total(), "failed": outcomes["failed"]}))


async def _ask(address: str, model: str, outcomes: Counter[str]) -> None:
    client: Any = InferenceServerClient(address)
    tensors = (await client.get_model_metadata(model)).inputs
    inputs = [zeros(tensor.name, tensor.datatype, closed_shape(tensor.shape)) for tensor in tensors]
    while True:
        try:
            await client.infer(model, inputs, client_timeout=10.0)
            outcomes["answered"] += 1
        except InferenceServerException:
            outcomes["failed"] += 1
        await asyncio.sleep(PERIOD_SECONDS)


if __name__ == "__main__":
    asyncio.run(main())
