import pytest

from images.engines.options import Engine
from images.engines.session import model_file_error

OPENVINO_WORDS = (
    "Exception from src/core.cpp:132:\nException from src/model_reader.cpp:148:\nUnable to read the model.\n"
)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("Protobuf parsing failed.", "Protobuf parsing failed.", id="the engine's sentence is the reason"),
        pytest.param(OPENVINO_WORDS, "Unable to read the model.", id="places in the engine's source are left out"),
        pytest.param("", "RuntimeError.", id="an error without words gives its kind"),
    ],
)
def test_reason_of_an_unreadable_file(tmp_path, words, expected):
    file = tmp_path / "model.onnx"
    file.write_bytes(b"half")
    message = str(model_file_error(file, Engine.OPENVINO, RuntimeError(words)))
    assert message == f"OpenVINO cannot read {file} (4 bytes), it is truncated or no model: {expected}"


def test_reason_of_a_missing_file(tmp_path):
    file = tmp_path / "model.onnx"
    assert str(model_file_error(file, Engine.OPENVINO, RuntimeError())) == f"there is no model file {file}"
