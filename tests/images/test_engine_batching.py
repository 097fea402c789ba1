import numpy as np
import pytest

from images.engines.batching import rows, split, stack, stackable


def request(batch, width=2):
    return {"input": np.full((batch, width), batch, dtype=np.float32)}


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param([1], id="one request of one row"),
        pytest.param([3], id="one request of several rows"),
        pytest.param([1, 2, 3], id="requests of different batch sizes"),
    ],
)
def test_each_request_gets_its_own_rows_back(sizes):
    requests = [request(size) for size in sizes]
    parts = split(stack(requests), [rows(part) for part in requests])
    assert [part["input"].tolist() for part in parts] == [part["input"].tolist() for part in requests]


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        pytest.param([request(1), request(4)], True, id="only the batch sizes differ"),
        pytest.param([request(1, width=2), request(1, width=3)], False, id="another dimension differs"),
    ],
)
def test_stackable(requests, expected):
    assert stackable(requests) is expected
