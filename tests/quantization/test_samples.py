"""Sample files: what is wrong with one is said in a sentence, and batches lose no sample."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_operator.quantization.errors import QuantizationError
from glm_operator.quantization.samples import Samples, batches, check_disjoint, match, read_arrays
from glm_operator.quantization.signature import Signature, TensorSpec

SIGNATURE = Signature((TensorSpec("input", "float32", (None, 4)),), (TensorSpec("scores", "float32", (None, 3)),))
GOOD = np.ones((5, 4), dtype=np.float32)
LABELS = np.zeros(5, dtype=np.int64)


def matched(names=None, **arrays):
    return match(arrays, SIGNATURE, names or {}, "labels", "file.npz")


def test_arrays_that_fit_are_taken_and_converted():
    samples = matched(input=GOOD.astype(np.float64), labels=LABELS.astype(np.uint8))
    assert len(samples) == 5
    assert samples.inputs["input"].dtype == np.float32
    assert samples.labels.dtype == np.int64


def test_an_array_of_another_name_is_found_by_its_name():
    assert len(matched(names={"input": "pictures"}, pictures=GOOD, labels=LABELS)) == 5


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        pytest.param({"labels": LABELS}, "no array 'input'.*it holds: labels", id="no array for an input"),
        pytest.param({"input": GOOD}, "no array 'labels'.*--labels", id="no labels"),
        pytest.param({"input": GOOD[:, :3], "labels": LABELS}, r"\[5, 3\].*takes \[any, 4\]", id="another shape"),
        pytest.param({"input": GOOD[0], "labels": LABELS}, "first dimension counts", id="one sample without a count"),
        pytest.param({"input": GOOD.astype(np.uint8), "labels": LABELS}, "holds uint8.*takes float32", id="raw pixels"),
        pytest.param({"input": GOOD * np.nan, "labels": LABELS}, "not finite", id="not a number"),
        pytest.param({"input": GOOD[:0], "labels": LABELS[:0]}, "holds no samples", id="an empty set"),
        pytest.param({"input": GOOD, "labels": LABELS[:4]}, "must hold 5 class indices", id="fewer labels"),
        pytest.param({"input": GOOD, "labels": LABELS * 0.5}, "whole numbers", id="labels that are no indices"),
    ],
)
def test_an_array_that_does_not_fit_is_told(arrays, told):
    with pytest.raises(QuantizationError, match=told):
        matched(**arrays)


def test_inputs_of_different_lengths_are_told():
    two = Signature((*SIGNATURE.inputs, TensorSpec("mask", "float32", (None, 4))), SIGNATURE.outputs)
    with pytest.raises(QuantizationError, match="different numbers of samples"):
        match({"input": GOOD, "mask": GOOD[:2]}, two, {}, None, "file.npz")


@pytest.mark.parametrize(
    ("write", "told"),
    [
        pytest.param(lambda path: path.write_text("a,b\n"), "no .npz file", id="a text"),
        pytest.param(lambda path: path.write_bytes(b""), "no .npz file", id="an empty file"),
        pytest.param(lambda path: path.write_bytes(b"PK\x03\x04 and no more"), "no .npz file", id="half an archive"),
        pytest.param(lambda path: np.save(path.open("wb"), GOOD), "one array without a name", id="a .npy file"),
        pytest.param(
            lambda path: np.savez(path, input=np.array([{}], dtype=object)),
            "no .npz file of plain",
            id="pickled objects",
        ),
        pytest.param(lambda path: path.mkdir(), "can't be read", id="a folder"),
    ],
)
def test_a_file_that_is_no_sample_set_is_told(tmp_path, write, told):
    path = tmp_path / "samples.npz"
    write(path)
    with pytest.raises(QuantizationError, match=told):
        read_arrays(path)


def test_a_hold_out_that_shares_samples_with_the_calibration_is_refused():
    calibration = Samples({"input": np.arange(20, dtype=np.float32).reshape(5, 4)})
    fresh = Samples({"input": np.arange(20, 40, dtype=np.float32).reshape(5, 4)})
    check_disjoint(calibration, fresh)
    shared = Samples({"input": np.concatenate([fresh.inputs["input"], calibration.inputs["input"][2:4]])})
    with pytest.raises(QuantizationError, match="2 of the 7 samples"):
        check_disjoint(calibration, shared)


@given(count=st.integers(1, 40), size=st.none() | st.integers(1, 9))
def test_batches_hold_every_sample_in_order_and_have_the_models_size(count, size):
    samples = Samples({"input": np.arange(count, dtype=np.float32)[:, None]})
    made = [batch["input"] for batch in batches(samples, size)]
    assert np.concatenate(made)[:count, 0].tolist() == list(range(count))
    assert size is None or {len(batch) for batch in made} == {size}
