import pytest

pytest.importorskip("onnx", reason="the sample models need images/models/requirements.txt")
pytest.importorskip("sklearn", reason="the sample models need images/models/requirements.txt")

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from images.models import digits, resnet50

LARGEST_DIGITS_FILE = 500 * 1024  # it must fit a ConfigMap
TRAINERS = {1: digits.train_version_1, 2: digits.train_version_2}
MEASURED_ACCURACY = {1: 0.9516, 2: 0.9616}  # on the held-out third
TOLERANCE = 0.01  # other BLAS libraries round differently


@pytest.fixture(scope="module", params=[pytest.param(1, id="version 1"), pytest.param(2, id="version 2")])
def version(request):
    return request.param


@pytest.fixture(scope="module")
def layers(version):
    return TRAINERS[version]()


def test_held_out_digits_are_recognised(version, layers):
    assert digits.holdout_accuracy(layers) > MEASURED_ACCURACY[version] - TOLERANCE


def test_the_file_computes_what_the_training_did(layers):
    pictures = digits.data().holdout_pictures[:16]
    computed = ReferenceEvaluator(onnx.load_from_string(digits.to_onnx(layers))).run(None, {"input": pictures})[0]
    np.testing.assert_allclose(computed, digits.probabilities(layers, pictures), atol=1e-5)


def test_the_same_training_gives_the_same_file(version, layers):
    assert digits.to_onnx(TRAINERS[version]()) == digits.to_onnx(layers)


def test_the_file_fits_a_configmap(layers):
    assert len(digits.to_onnx(layers)) < LARGEST_DIGITS_FILE


def test_the_versions_can_be_told_apart():
    pictures = digits.data().holdout_pictures[:1]
    answers = [digits.probabilities(train(), pictures)[0] for train in TRAINERS.values()]
    assert np.abs(answers[0] - answers[1]).max() > 1e-3


def test_resnet50_has_the_parameters_of_the_original():
    assert resnet50.parameter_count() == 25_557_032


def test_resnet50_has_sixteen_blocks_and_doubles_its_channels_in_each_stage():
    expanded = [block.body[-1].outputs for block in resnet50.blocks()]
    assert expanded == [256] * 3 + [512] * 4 + [1024] * 6 + [2048] * 3
