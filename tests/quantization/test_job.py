"""The whole on the trained classifier: accepted, rescued by another recipe, refused; and what can't be used."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import onnx
import pytest

import trained_digits
from glm_operator.quantization import job
from glm_operator.quantization.convert import convert
from glm_operator.quantization.errors import QuantizationError
from glm_operator.quantization.model_file import read_model
from glm_operator.quantization.recipes import Recipe
from glm_operator.quantization.report import Request
from glm_operator.quantization.samples import Samples
from images.models import digits
from images.models.onnx_file import onnx_bytes

ROUNDING_POINTS = 0.5  # NumPy and ONNX Runtime round differently


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return trained_digits.write(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def request_for(files, tmp_path):
    def make(**changes):
        request = Request(
            model=files.model, holdout=files.holdout, target=tmp_path / "out.onnx", calibration=files.calibration
        )
        return replace(request, **changes)

    return make


def operators(path):
    return {node.op_type for node in onnx.load(str(path)).graph.node}


def weight_types(path):
    return {tensor.data_type for tensor in onnx.load(str(path)).graph.initializer}


def test_the_trained_classifier_becomes_int8_within_two_points(request_for):
    request = request_for()
    report = job.quantize(request)
    assert report.accepted
    assert report.chosen.verdict.loss <= Decimal(2)
    assert {"QuantizeLinear", "DequantizeLinear"} <= operators(request.target)
    assert request.target.stat().st_size == report.after.size < report.before.size
    assert list(request.target.parent.iterdir()) == [request.target]


def test_what_was_proven_is_what_the_file_answers(request_for):
    import onnxruntime

    request = request_for()
    verdict = job.quantize(request).chosen.verdict
    session = onnxruntime.InferenceSession(str(request.target), providers=["CPUExecutionProvider"])
    split = digits.data()
    (scores,) = session.run(["probabilities"], {"input": split.holdout_pictures})
    assert (scores.argmax(axis=1) == split.holdout_digits).sum() == verdict.after.correct
    assert float(verdict.before.percent) == pytest.approx(trained_digits.accuracy_percent(), abs=ROUNDING_POINTS)


@pytest.mark.parametrize("precision", ["INT8", "FP16"])
def test_the_file_is_sound_onnx(request_for, precision):
    request = request_for(precision=precision)
    job.quantize(request)
    onnx.checker.check_model(str(request.target), full_check=True)


def test_fp16_keeps_the_types_of_inputs_and_outputs_and_halves_the_weights(request_for):
    request = request_for(precision="FP16", calibration=None)
    assert job.quantize(request).accepted
    graph = onnx.load(str(request.target)).graph
    assert {value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)} == {onnx.TensorProto.FLOAT}
    assert weight_types(request.target) == {onnx.TensorProto.FLOAT16}


def test_a_model_that_loses_too_much_is_refused_after_every_recipe_and_nothing_is_written(files, request_for):
    request = request_for(model=files.fragile)
    told = []
    report = job.quantize(request, told.append)
    assert not report.accepted
    float_accuracy = float(report.chosen.verdict.before.percent)
    assert float_accuracy == pytest.approx(trained_digits.accuracy_percent(), abs=ROUNDING_POINTS)
    assert len(report.attempts) == 4
    assert report.attempts[-1].recipe.float_ends
    assert report.sha256 is None
    assert not request.target.exists()
    assert sum("refused" in line for line in told) == 4


def test_a_refusal_leaves_an_earlier_file_as_it_was(files, request_for):
    request = request_for(model=files.fragile)
    request.target.write_bytes(b"earlier")
    assert not job.quantize(request).accepted
    assert [path.read_bytes() for path in request.target.parent.iterdir()] == [b"earlier"]


def test_the_same_model_passes_in_fp16(files, request_for):
    assert job.quantize(request_for(model=files.fragile, precision="FP16")).accepted


def test_outliers_among_the_calibration_samples_are_survived_by_a_later_recipe(files, request_for, tmp_path):
    pictures = digits.data().train_pictures.copy()
    pictures[:1] *= 100  # a broken picture
    np.savez(tmp_path / "outliers.npz", input=pictures)
    report = job.quantize(request_for(calibration=tmp_path / "outliers.npz", target=tmp_path / "rescued.onnx"))
    assert not report.attempts[0].verdict.accepted
    assert report.accepted
    assert report.chosen is report.attempts[-1]


def test_a_node_that_is_kept_in_fp32_is(request_for):
    request = request_for(keep=("Gemm_0",))
    job.quantize(request)
    kept = next(tensor for tensor in onnx.load(str(request.target)).graph.initializer if tensor.name == "weights_0")
    assert kept.data_type == onnx.TensorProto.FLOAT


def test_symmetric_activations_have_zero_points_of_zero(request_for):
    request = request_for(symmetric=True)
    assert job.quantize(request).accepted
    points = [t for t in onnx.load(str(request.target)).graph.initializer if t.name.endswith("zero_point")]
    assert points
    assert not any(onnx.numpy_helper.to_array(point).any() for point in points)


def test_a_model_with_a_fixed_batch_size_is_run_in_batches_of_it(files, request_for, tmp_path):
    proto = onnx.load(str(files.model))
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 7
    onnx.save(proto, str(tmp_path / "fixed.onnx"))
    report = job.quantize(request_for(model=tmp_path / "fixed.onnx"))
    assert report.accepted
    assert report.chosen.verdict.before == job.quantize(request_for()).chosen.verdict.before


def test_a_model_of_an_older_onnx_is_lifted(files, request_for, tmp_path):
    proto = onnx.load(str(files.model))
    proto.opset_import[0].version = 11
    onnx.save(proto, str(tmp_path / "older.onnx"))
    assert job.quantize(request_for(model=tmp_path / "older.onnx")).accepted


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def text_file(path):
    path.write_text("no model")
    return path


def truncated(path, files):
    path.write_bytes(files.model.read_bytes()[:9000])
    return path


def without_weights(path):
    nodes = [onnx.helper.make_node("Softmax", ["input"], ["probabilities"])]
    path.write_bytes(onnx_bytes("none", nodes, {}, {"input": ("batch", 64)}, {"probabilities": ("batch", 64)}))
    return path


SPLIT = digits.data()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param(lambda *_: {"calibration": None}, "give --calibration", id="INT8 without calibration"),
        pytest.param(lambda folder, _: {"model": text_file(folder / "m")}, "no sound ONNX file", id="no model"),
        pytest.param(
            lambda folder, files: {"model": truncated(folder / "m", files)}, "no sound ONNX", id="half a model"
        ),
        pytest.param(lambda folder, _: {"model": folder / "gone"}, "can't be read", id="a model that isn't there"),
        pytest.param(lambda folder, _: {"model": without_weights(folder / "m")}, "nothing to turn", id="no weights"),
        pytest.param(lambda _, files: {"target": files.model}, "is the float model itself", id="over the float model"),
        pytest.param(lambda folder, _: {"target": folder / "no/out"}, "folder .* doesn't exist", id="into no folder"),
        pytest.param(lambda *_: {"output": "logits"}, "no output 'logits'; it has: probabilities", id="no such output"),
        pytest.param(lambda *_: {"inputs": {"x": "y"}}, "no input 'x'; it has: input", id="no such input"),
        pytest.param(lambda *_: {"keep": ("Conv_9",)}, "no node 'Conv_9'.*Gemm_0, Gemm_2", id="no such node"),
        pytest.param(lambda _, files: {"calibration": files.holdout}, "599 of the 599", id="judged on its own samples"),
        pytest.param(
            lambda folder, _: {
                "holdout": save(folder / "h.npz", input=SPLIT.holdout_pictures, labels=SPLIT.holdout_digits + 1)
            },
            "labels go from 1 to 10, and the model has 10 classes",
            id="labels that start at 1",
        ),
        pytest.param(
            lambda folder, _: {
                "holdout": save(folder / "h.npz", input=SPLIT.holdout_pictures, labels=(SPLIT.holdout_digits + 1) % 10)
            },
            "the float model itself gets",
            id="labels of something else",
        ),
    ],
)
def test_what_can_not_be_used_is_told(files, request_for, tmp_path, changes, told):
    request = request_for(**changes(tmp_path, files))
    before = files.model.read_bytes()
    with pytest.raises(QuantizationError, match=told):
        job.quantize(request)
    assert files.model.read_bytes() == before
    assert request.target == files.model or not request.target.exists()


@pytest.mark.parametrize(
    ("precision", "told"),
    [
        pytest.param("INT8", "is quantised already", id="INT8 of INT8"),
        pytest.param("FP16", "is quantised already", id="FP16 of INT8"),
    ],
)
def test_a_quantised_model_is_not_quantised_again(request_for, tmp_path, precision, told):
    first = request_for()
    job.quantize(first)
    with pytest.raises(QuantizationError, match=told):
        job.quantize(request_for(model=first.target, precision=precision, target=tmp_path / "second.onnx"))


def test_int8_of_fp16_is_refused(request_for, tmp_path):
    first = request_for(precision="FP16")
    job.quantize(first)
    with pytest.raises(QuantizationError, match="its weights are FLOAT16"):
        job.quantize(request_for(model=first.target, target=tmp_path / "second.onnx"))


def test_batch_normalisations_are_folded_so_that_layers_stay_in_int8(tmp_path):
    random = np.random.default_rng(0)
    ones, zeros = np.ones(10, dtype=np.float32), np.zeros(10, dtype=np.float32)
    weights = {"w": random.standard_normal((10, 3, 3, 3), dtype=np.float32)} | {"one": ones, "zero": zeros}
    nodes = [
        onnx.helper.make_node("Conv", ["input", "w"], ["conv"], pads=[1] * 4),
        onnx.helper.make_node("BatchNormalization", ["conv", "one", "zero", "zero", "one"], ["normal"]),
        onnx.helper.make_node("Relu", ["normal"], ["relu"]),
        onnx.helper.make_node("GlobalAveragePool", ["relu"], ["mean"]),
        onnx.helper.make_node("Flatten", ["mean"], ["scores"]),
    ]
    model = tmp_path / "m.onnx"
    model.write_bytes(onnx_bytes("conv", nodes, weights, {"input": ("batch", 3, 8, 8)}, {"scores": ("batch", 10)}))
    source = read_model(model, "INT8", tmp_path)
    assert "BatchNormalization" not in operators(source.path)
    assert len(source.layers) == 1


def test_onnx_runtime_computes_a_whole_block_in_int8(tmp_path):
    """ReLU and addition as well: with signed activations they would stay in FP32, and most of the gain be lost."""
    import onnxruntime

    random = np.random.default_rng(0)
    weights = {name: random.standard_normal((8, 8, 3, 3), dtype=np.float32) for name in ("w1", "w2")}
    nodes = [
        onnx.helper.make_node("Conv", ["input", "w1"], ["first"], pads=[1] * 4),
        onnx.helper.make_node("Relu", ["first"], ["relu"]),
        onnx.helper.make_node("Conv", ["relu", "w2"], ["second"], pads=[1] * 4),
        onnx.helper.make_node("Add", ["second", "relu"], ["sum"]),
        onnx.helper.make_node("GlobalAveragePool", ["sum"], ["scores"]),
    ]
    (tmp_path / "m.onnx").write_bytes(
        onnx_bytes("block", nodes, weights, {"input": ("batch", 8, 8, 8)}, {"scores": ("batch", 8, 1, 1)})
    )
    source = read_model(tmp_path / "m.onnx", "INT8", tmp_path)
    pictures = Samples({"input": random.standard_normal((4, 8, 8, 8), dtype=np.float32)})
    convert(source, Recipe("INT8", "MinMax"), pictures, tmp_path / "int8.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "run.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(tmp_path / "int8.onnx"), options, providers=["CPUExecutionProvider"])
    assert {"QLinearConv", "QLinearAdd"} <= operators(tmp_path / "run.onnx")
    assert not {"Conv", "Relu", "Add"} & operators(tmp_path / "run.onnx")
