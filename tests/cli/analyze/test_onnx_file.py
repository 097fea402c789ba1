"""The small reader of ONNX files, against files that the ONNX library wrote."""

import contextlib

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from glm_operator.analysis.onnx_file import NotOnnxError, read_tensors


def model(weights=3):
    shape = [None, 4]
    graph = helper.make_graph(
        [helper.make_node("Add", ["input", "weights"], ["output"])],
        "graph",
        # Older files list the weights among the inputs.
        [
            helper.make_tensor_value_info("input", TensorProto.FLOAT, shape),
            helper.make_tensor_value_info("weights", TensorProto.FLOAT, [weights]),
        ],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, shape)],
        [helper.make_tensor("weights", TensorProto.FLOAT, [weights], [1.0] * weights)],
    )
    return helper.make_model(graph).SerializeToString()


@pytest.mark.parametrize("weights", [1, 1000])
def test_the_tensors_are_those_of_the_file_without_its_weights(weights):
    tensors = read_tensors(model(weights))
    assert (tensors.inputs, tensors.outputs) == ({"input"}, {"output"})


@given(st.data())
def test_a_file_that_is_cut_off_before_its_graph_ends_is_told(data):
    whole = model(20)
    inside_the_graph = whole.rindex(b"output")
    with pytest.raises(NotOnnxError):
        read_tensors(whole[: data.draw(st.integers(0, inside_the_graph))])


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_told(content):
    with contextlib.suppress(NotOnnxError):
        read_tensors(content)


def test_the_library_agrees_that_the_file_is_whole():
    assert onnx.load_from_string(model()).graph.name == "graph"
