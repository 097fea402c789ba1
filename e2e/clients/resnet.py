"""Sends one picture of noise to the model `resnet50` over gRPC; prints shape and soundness of the logits as JSON."""

import json
import sys

import numpy as np
import tritonclient.grpc as triton
from service import wait_until_open

wait_until_open(sys.argv[1])
picture = triton.InferInput("input", [1, 3, 224, 224], "FP32")
picture.set_data_from_numpy(np.random.default_rng(0).random((1, 3, 224, 224), dtype=np.float32))
logits = triton.InferenceServerClient(sys.argv[1]).infer("resnet50", [picture]).as_numpy("logits")
print(json.dumps({"shape": list(logits.shape), "finite": bool(np.isfinite(logits).all())}))
