"""The probe inference: what is sent, and what is said when a model can't be loaded."""

import numpy as np
import pytest

from glm_operator.clients.triton import MAX_PROBE_ELEMENTS, first_paragraph, newest_version, zeros


@pytest.mark.parametrize(
    ("datatype", "shape", "expected_shape", "size"),
    [
        pytest.param("FP32", [-1, 3], [1, 3], 12, id="an open dimension is one"),
        pytest.param("INT64", [2], [2], 16, id="whole numbers"),
        pytest.param("BOOL", [4], [4], 4, id="truth values"),
        pytest.param("FP16", [1, 2], [1, 2], 4, id="half precision"),
        pytest.param("BYTES", [-1, 2], [1, 2], 8, id="empty texts: only their lengths"),
    ],
)
def test_zeros(datatype, shape, expected_shape, size):
    tensor = zeros("x", datatype, shape)
    assert tensor.shape() == expected_shape
    assert len(tensor._get_content()) == size


def test_a_type_that_numpy_does_not_know_is_not_made():
    assert zeros("x", "BF16", [1]) is None


def test_an_input_that_would_cost_more_than_it_tells_is_not_made():
    assert zeros("x", "FP32", [MAX_PROBE_ELEMENTS + 1]) is None


def test_a_size_that_overflows_is_not_made():
    assert zeros("x", "FP32", [np.iinfo(np.int32).max, np.iinfo(np.int32).max, 4]) is None


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("no such file", "no such file"),
        ("it is\ntruncated\n\nAt:\n  model.py(3)", "it is truncated"),
        ("", ""),
    ],
)
def test_a_traceback_is_cut_off(reason, expected):
    assert first_paragraph(reason) == expected


@pytest.mark.parametrize(("versions", "expected"), [(["2", "10", "9"], "10"), (["1"], "1"), (["a", "1"], "1")])
def test_the_newest_version_is_the_highest_number(versions, expected):
    assert newest_version(versions) == expected
