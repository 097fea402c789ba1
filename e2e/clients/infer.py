"""Asks a model with tritonclient over HTTP and over gRPC; prints the outputs of both as JSON.

Arguments: HTTP host:port, gRPC host:port, model, and the inputs as JSON {name: {"shape": [...], "data": [...]}}.
"""

import json
import sys

import numpy as np
import tritonclient.grpc
import tritonclient.http
from service import wait_until_open


def ask(module, address, model, tensors):
    client = module.InferenceServerClient(address)
    inputs = []
    for name, tensor in tensors.items():
        array = np.array(tensor["data"], dtype=np.float32).reshape(tensor["shape"])
        entry = module.InferInput(name, list(array.shape), "FP32")
        entry.set_data_from_numpy(array)
        inputs.append(entry)
    result = client.infer(model, inputs)
    response = result.get_response()
    version = response["model_version"] if isinstance(response, dict) else response.model_version
    outputs = response["outputs"] if isinstance(response, dict) else response.outputs
    names = [output["name"] if isinstance(output, dict) else output.name for output in outputs]
    return {"version": version, "outputs": {name: result.as_numpy(name).tolist() for name in names}}


def main():
    http, grpc, model, tensors = sys.argv[1:]
    parsed = json.loads(tensors)
    wait_until_open(http)
    wait_until_open(grpc)
    answers = {
        "http": ask(tritonclient.http, http, model, parsed),
        "grpc": ask(tritonclient.grpc, grpc, model, parsed),
    }
    print(json.dumps(answers))


main()
