import base64

import pytest

from images.models.configmap import LIMIT, ModelFile, configmap

DIGITS = ModelFile("digits", 1, "model.onnx")


def test_a_files_key_is_its_path_with_dots():
    manifest = configmap("digits-model", {DIGITS: b"\x00onnx"}, namespace="shop")
    assert manifest == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "digits-model", "namespace": "shop"},
        "binaryData": {"digits.1.model.onnx": base64.b64encode(b"\x00onnx").decode()},
    }


def test_without_a_namespace_kubectl_chooses_it():
    assert configmap("digits-model", {DIGITS: b""})["metadata"] == {"name": "digits-model"}


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        pytest.param(DIGITS, b"0" * (LIMIT + 1), "a ConfigMap holds", id="more than a ConfigMap holds"),
        pytest.param(ModelFile("a.b", 1, "model.onnx"), b"", "the model name 'a.b'", id="a model name with a dot"),
        pytest.param(ModelFile("digits", 0, "model.onnx"), b"", "no file of a model version", id="a version below 1"),
        pytest.param(ModelFile("digits", 1, "a/b"), b"", "no file of a model version", id="a file in a subfolder"),
    ],
)
def test_what_a_configmap_cannot_carry_is_refused(file, content, message):
    with pytest.raises(ValueError, match=message):
        configmap("digits-model", {file: content})


def test_a_full_configmap_is_accepted():
    assert "binaryData" in configmap("digits-model", {DIGITS: b"0" * LIMIT})
