"""Sends inferences at a fixed rate, open loop, until a file appears or the time is over; prints a summary as JSON.

Arguments: URL of the server, model, body as JSON, requests per second, seconds at most, file that ends it, headers as
JSON, and `fresh` (a connection a request, as behind most proxies) or `kept` (connections that are used again, and a
second try when one turns out to be reset: a Triton that ends serves a kept connection until its exit timeout, and then
cuts it).
Bounded in count by rate and time.
"""

import asyncio
import collections
import json
import os
import sys
import time

import aiohttp
from service import wait_until_open


async def main():
    url, model, body, rate, seconds, stop_file, headers, connections = sys.argv[1:]
    period, limit = 1.0 / float(rate), float(seconds)
    outcomes, errors, versions = collections.Counter(), [], collections.Counter()

    async def send(session, tries_left):
        try:
            async with session.post(f"{url}/v2/models/{model}/infer", data=body) as response:
                answer = await response.json()
                if response.status == 200:
                    outcomes["ok"] += 1
                    versions[answer.get("model_version", "?")] += 1
                else:
                    outcomes["failed"] += 1
                    errors.append(f"{response.status} {answer}")
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            if tries_left:
                outcomes["retried"] += 1
                await send(session, tries_left - 1)
                return
            outcomes["failed"] += 1
            errors.append(f"{type(error).__name__} {error}")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            outcomes["failed"] += 1
            errors.append(f"{type(error).__name__} {error}")

    connector = aiohttp.TCPConnector(limit=0, force_close=connections == "fresh")
    timeout = aiohttp.ClientTimeout(total=10)
    begin, number = time.monotonic(), 0
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout, headers=json.loads(headers)) as session,
        asyncio.TaskGroup() as group,
    ):
        while time.monotonic() - begin < limit and not os.path.exists(stop_file):
            group.create_task(send(session, 1 if connections == "kept" else 0))
            number += 1
            await asyncio.sleep(max(0.0, begin + number * period - time.monotonic()))
    print(json.dumps({"sent": number, "ok": 0, "failed": 0, **outcomes, "versions": versions, "errors": errors[:5]}))


wait_until_open(sys.argv[1])
asyncio.run(main())
