"""Resources that the tests start from."""

import copy
from typing import Any

Body = dict[str, Any]

TENSOR_IN = {"name": "input", "dataType": "FP32", "dims": [4]}
TENSOR_OUT = {"name": "output", "dataType": "FP32", "dims": [4]}
ECHO = {"name": "echo", "engine": "Python", "inputs": [TENSOR_IN], "outputs": [TENSOR_OUT]}
BIG = {"name": "x", "engine": "ONNXRuntime"}
MINIMAL: Body = {"models": [ECHO], "repository": {"configMap": {"name": "echo-model"}}}


def make_body(spec: Body | None = None, **metadata: Any) -> Body:
    """A resource as the API server returns it."""
    return {
        "apiVersion": "serving.autoglm.io/v1alpha1",
        "kind": "GLMInference",
        "metadata": {"name": "echo", "namespace": "shop", "uid": "uid-1", "generation": 1} | metadata,
        "spec": copy.deepcopy(MINIMAL if spec is None else spec),
    }


def model(**fields: Any) -> Body:
    """The minimal model with other fields."""
    return ECHO | fields
