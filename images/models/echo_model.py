"""`echo`: a model for Triton's Python backend that adds one to what it gets.

Configuration: one input `INPUT` and one output `OUTPUT` of the same numeric type and dims. Copied as `model.py`.
"""

from collections.abc import Sequence
from typing import Any

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Triton calls `execute` by its name, with all requests of a batch."""

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """One response for each request, in their order."""
        return [self._respond(request) for request in requests]

    @staticmethod
    def _respond(request: Any) -> Any:
        array = pb_utils.get_input_tensor_by_name(request, "INPUT").as_numpy()
        return pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT", (array + 1).astype(array.dtype))])
