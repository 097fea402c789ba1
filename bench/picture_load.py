"""The load of `bench.engines`: a script that runs inside the cluster's network, beside the servers.

Arguments: gRPC HOST:PORT, model, requests that are open at a time, seconds, and requests at most. Each request is one
picture of noise; the next one is sent when an answer is there (closed loop). Prints a summary as JSON.
"""

import asyncio
import json
import sys
import time
from typing import Any

import numpy as np
import tritonclient.grpc.aio as triton

WARM_UP_REQUESTS = 3
OPEN_WITHIN_SECONDS = 20.0
PICTURE = (1, 3, 224, 224)


async def main() -> None:
    """Warm up, load, tell."""
    address, model, concurrency, seconds, most = sys.argv[1:]
    async with triton.InferenceServerClient(address) as client:
        picture = triton.InferInput("input", list(PICTURE), "FP32")
        picture.set_data_from_numpy(np.random.default_rng(0).random(PICTURE, dtype=np.float32))
        await _warm_up(client, model, picture)
        before = await _statistics(client, model)
        begin = time.perf_counter()
        times: list[float] = []

        async def ask_again_and_again() -> None:
            while time.perf_counter() - begin < float(seconds) and len(times) < int(most):
                sent = time.perf_counter()
                await client.infer(model, [picture])
                times.append((time.perf_counter() - sent) * 1000)

        await asyncio.gather(*(ask_again_and_again() for _ in range(int(concurrency))))
        elapsed = time.perf_counter() - begin
        after = await _statistics(client, model)
    executions = after[1] - before[1]
    print(
        json.dumps(
            {
                "requests": len(times),
                "p50_ms": float(np.percentile(times, 50)),
                "p99_ms": float(np.percentile(times, 99)),
                "inferences_per_second": len(times) / elapsed,
                "mean_batch": (after[0] - before[0]) / executions if executions else None,
            }
        )
    )


async def _warm_up(client: Any, model: str, picture: Any) -> None:
    """A few answers; nodes learn of a ready pod a moment after the API server does, so the first may be refused."""
    deadline, answered = time.monotonic() + OPEN_WITHIN_SECONDS, 0
    while answered < WARM_UP_REQUESTS:
        try:
            await client.infer(model, [picture])
            answered += 1
        except triton.InferenceServerException:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


async def _statistics(client: Any, model: str) -> tuple[int, int]:
    """Inferences, and executions of batches of them."""
    (entry,) = (await client.get_inference_statistics(model)).model_stats
    return int(entry.inference_count), int(entry.execution_count)


if __name__ == "__main__":
    asyncio.run(main())
