"""Runs inside the cluster: sends two labelled digits to the model through its Service. Standard library only."""

import json
import sys
import time
import urllib.request


def main() -> None:
    """Print one line a digit."""
    url, samples = sys.argv[1], json.loads(sys.argv[2])
    tensor = {
        "name": "input",
        "datatype": "FP32",
        "shape": [len(samples), 64],
        "data": [pixel for sample in samples for pixel in sample["pixels"]],
    }
    request = urllib.request.Request(
        f"{url}/v2/models/digits/infer",
        json.dumps({"inputs": [tensor]}).encode(),
        {"Content-Type": "application/json"},
    )
    _wait_until_open(url)
    begin = time.monotonic()
    with urllib.request.urlopen(request, timeout=10) as response:
        answer = json.load(response)
    milliseconds = (time.monotonic() - begin) * 1000
    probabilities = next(output for output in answer["outputs"] if output["name"] == "probabilities")["data"]
    guesses = []
    for number, sample in enumerate(samples):
        row = probabilities[number * 10 : number * 10 + 10]
        guesses.append({"label": sample["label"], "answer": row.index(max(row)), "confidence": round(max(row), 3)})
    print(json.dumps({"url": request.full_url, "milliseconds": round(milliseconds, 1), "answers": guesses}))


def _wait_until_open(url: str) -> None:
    """The nodes learn of a ready pod a moment after the API server does; 10 seconds are plenty."""
    deadline = time.monotonic() + 10
    while True:
        try:
            urllib.request.urlopen(f"{url}/v2/health/live", timeout=2).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


main()
