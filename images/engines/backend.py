"""The Triton side: a Python-based backend, so that `backend: "onnxruntime"` works on a server without the native one.

Triton finds `backends/onnxruntime/model.py` where it would find `libtriton_onnxruntime.so`, starts one process of its
Python stub for each model instance, and calls the class below in it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils

from images.engines.batching import Tensors, rows, split, stack, stackable
from images.engines.options import OptionError
from images.engines.session import ModelFileError, open_session
from images.engines.signature import SignatureError, check, declaration

REFUSALS = (OptionError, SignatureError, ModelFileError)


class TritonPythonModel:
    """One model instance. Triton calls the methods by their names."""

    @staticmethod
    def auto_complete_config(config: Any) -> Any:
        """Take inputs and outputs from the model file where the configuration has none."""
        model_config = config.as_dict()
        if model_config["input"] and model_config["output"]:
            return config
        try:
            signature = open_session(_model_file_of_this_process(), model_config).signature
        except REFUSALS as error:
            raise pb_utils.TritonModelException(str(error)) from None
        batch = int(model_config["max_batch_size"])
        for tensor in signature.inputs if not model_config["input"] else ():
            config.add_input(declaration(tensor, batch))
        for tensor in signature.outputs if not model_config["output"] else ():
            config.add_output(declaration(tensor, batch))
        return config

    def initialize(self, args: dict[str, str]) -> None:
        """Load the model; what goes wrong is what `POST /v2/repository/index` gives as the reason."""
        config = json.loads(args["model_config"])
        model_file = Path(args["model_repository"], args["model_version"], config["default_model_filename"])
        try:
            self._session = open_session(model_file, config)
            check(config, self._session.signature)
        except REFUSALS as error:
            raise pb_utils.TritonModelException(str(error)) from None
        self._inputs = [entry["name"] for entry in config["input"]]
        self._batched = int(config["max_batch_size"]) > 0

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """All requests of the batch in one engine call if their shapes allow, else each in one of its own."""
        inputs = [self._tensors(request) for request in requests]
        if not self._batched or not stackable(inputs):
            return [self._respond([request], [tensors])[0] for request, tensors in zip(requests, inputs, strict=True)]
        return self._respond(requests, inputs)

    def _respond(self, requests: Sequence[Any], inputs: Sequence[Tensors]) -> list[Any]:
        wanted = sorted({name for request in requests for name in request.requested_output_names()})
        try:
            outputs = self._session.run(stack(inputs), wanted)
        except Exception as error:  # whatever the engine raises is the answer to these requests
            return [pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error))) for _ in requests]
        parts = split(outputs, [rows(tensors) for tensors in inputs]) if len(requests) > 1 else [outputs]
        return [_response(request, part) for request, part in zip(requests, parts, strict=True)]

    def _tensors(self, request: Any) -> Tensors:
        return {name: pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in self._inputs}


def _response(request: Any, outputs: Tensors) -> Any:
    return pb_utils.InferenceResponse(
        [pb_utils.Tensor(name, outputs[name]) for name in request.requested_output_names()]
    )


def _model_file_of_this_process() -> Path:
    """The stub's first argument: `auto_complete_config` is not told the repository, and `sys.argv` is empty."""
    return Path(Path("/proc/self/cmdline").read_text().split("\0")[1])
