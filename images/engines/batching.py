"""Many requests, one engine call: stack them along the batch dimension and cut the answer apart again. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[Any]]


def stackable(requests: Sequence[Tensors]) -> bool:
    """Whether all requests have the same shapes but for the batch dimension. Requires: `requests` is not empty."""
    first = requests[0]
    return all(request[name].shape[1:] == first[name].shape[1:] for request in requests[1:] for name in first)


def stack(requests: Sequence[Tensors]) -> Tensors:
    """One request with the rows of all, in their order."""
    if len(requests) == 1:
        return requests[0]
    return {name: np.concatenate([request[name] for request in requests]) for name in requests[0]}


def rows(request: Tensors) -> int:
    """The request's batch size."""
    return len(next(iter(request.values())))


def split(outputs: Tensors, sizes: Sequence[int]) -> list[Tensors]:
    """The rows of `outputs` handed back to requests of `sizes` rows each."""
    ends = np.cumsum(sizes)
    return [
        {name: array[end - size : end] for name, array in outputs.items()}
        for end, size in zip(ends, sizes, strict=True)
    ]
