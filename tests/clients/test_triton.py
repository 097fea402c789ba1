"""The probe inference: what is sent, and what its outcome means."""

import math

import pytest

from glm_operator.clients.triton import (
    MAX_PROBE_BYTES,
    closed_shape,
    first_paragraph,
    is_unknown,
    newest_version,
    probe_bytes,
    zeros,
)


@pytest.mark.parametrize(
    ("datatype", "shape", "size"),
    [
        pytest.param("FP32", [1, 3], 12, id="numbers"),
        pytest.param("INT64", [2], 16, id="whole numbers"),
        pytest.param("BOOL", [4], 4, id="truth values"),
        pytest.param("FP16", [1, 2], 4, id="half precision"),
        pytest.param("BF16", [1, 2], 4, id="brain floats"),
        pytest.param("BYTES", [1, 2], 8, id="empty texts: only their lengths"),
    ],
)
def test_zeros_have_the_size_that_was_told_beforehand(datatype, shape, size):
    tensor = zeros("x", datatype, shape)
    assert tensor.shape() == shape
    assert len(tensor._get_content()) == probe_bytes(datatype, shape) == size


def test_an_open_dimension_is_one():
    assert closed_shape([-1, 3, -1]) == [1, 3, 1]


@pytest.mark.parametrize(
    ("datatype", "shape"),
    [
        pytest.param("FP32", [MAX_PROBE_BYTES], id="a large tensor"),
        pytest.param("FP32", [65536] * 4, id="a size that no 64-bit number holds"),
        pytest.param("BYTES", [MAX_PROBE_BYTES], id="many texts"),
        pytest.param("FP4", [1], id="a type that the client does not know"),
    ],
)
def test_what_would_cost_more_than_it_tells_is_too_large(datatype, shape):
    assert probe_bytes(datatype, shape) > MAX_PROBE_BYTES


def test_a_type_that_cannot_be_made_is_never_small():
    assert probe_bytes("FP4", [0]) == math.inf


@pytest.mark.parametrize(
    ("status", "unknown"),
    [
        pytest.param("StatusCode.DEADLINE_EXCEEDED", True, id="a slow model is not a broken one"),
        pytest.param("StatusCode.UNAVAILABLE", True, id="nor is one behind a broken connection"),
        pytest.param("StatusCode.RESOURCE_EXHAUSTED", True, id="nor one with a huge answer"),
        pytest.param(None, True, id="nor one whose error has no status"),
        pytest.param("StatusCode.INTERNAL", False, id="an error of the model's own is"),
        pytest.param("StatusCode.INVALID_ARGUMENT", False, id="so is a refusal of the request"),
    ],
)
def test_what_an_error_says_about_the_model(status, unknown):
    assert is_unknown(status) is unknown


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
