"""`kubectl glm quantize` as a user sees it: what is printed, written, and returned."""

import base64
import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import trained_digits
from glm_operator.cli import quantize
from glm_operator.cli.main import main
from glm_operator.quantization.advice import CONFIG_MAP_LIMIT, config_map
from glm_operator.quantization.errors import QuantizationError


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return trained_digits.write(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def run(files, tmp_path):
    def invoke(*extra, model=files.model, holdout=files.holdout):
        arguments = ["--model", model, "--calibration", files.calibration, "--holdout", holdout]
        return CliRunner().invoke(
            main,
            ["quantize", *map(str, arguments), "--out", str(tmp_path / "out.onnx"), *extra],
            catch_exceptions=False,
        )

    return invoke


def test_an_accepted_model_is_written_and_the_next_step_is_told(run, tmp_path):
    result = run("--model-name", "digits", "--model-version", "3")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out.onnx").exists()
    assert "points of accuracy lost, 2.0 allowed (INT8" in result.stdout
    assert "--from-file=digits.3.model.onnx=" in result.stdout


def test_json_is_the_only_thing_on_standard_output(run):
    document = json.loads(run("-o", "json").stdout)
    assert document["accepted"] is True
    assert document["accuracyLoss"] == pytest.approx(
        document["before"]["accuracy"] - document["after"]["accuracy"], abs=1e-9
    )
    assert document["after"]["bytes"] < document["before"]["bytes"]


def test_a_refused_model_ends_with_1_and_says_what_to_try(run, files, tmp_path):
    result = run(model=files.fragile)
    assert result.exit_code == 1
    assert not (tmp_path / "out.onnx").exists()
    assert "nothing was written. What to try:" in result.stdout
    assert "--precision FP16" in result.stdout
    assert "--keep-float NODE, as often as needed; there are Gemm_0, Gemm_2, Gemm_4" in result.stdout


def test_a_refused_model_is_data_as_well(run, files):
    result = run("-o", "json", model=files.fragile)
    document = json.loads(result.stdout)
    assert (result.exit_code, document["accepted"], document["file"]) == (1, False, None)
    assert len(document["attempts"]) == 4


def test_a_config_map_holds_the_model_under_the_key_that_the_operator_reads(run, tmp_path):
    result = run("--configmap", "digits-int8", "--model-name", "digits")
    assert result.exit_code == 0, result.output
    manifest = json.loads((tmp_path / "out.onnx.configmap.json").read_text())
    assert manifest["metadata"] == {"name": "digits-int8"}
    assert base64.b64decode(manifest["binaryData"]["digits.1.model.onnx"]) == (tmp_path / "out.onnx").read_bytes()


def test_a_model_that_is_too_large_for_a_config_map_is_told():
    with pytest.raises(QuantizationError, match="PersistentVolumeClaim or an image"):
        config_map("m", "m.1.model.onnx", b"x" * (CONFIG_MAP_LIMIT + 1))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["--max-accuracy-loss", "2%"], "is no number between 0 and 100", id="a limit with its unit"),
        pytest.param(["--max-accuracy-loss", "101"], "is no number between 0 and 100", id="a limit above all"),
        pytest.param(
            ["--max-accuracy-loss", "nan"], "is no number between 0 and 100", id="a limit that is no number at all"
        ),
        pytest.param(["--input", "input"], "write INPUT=ARRAY", id="an input without its array"),
        pytest.param(["--model-name", "My_Model"], "no model can be named", id="a name that no resource can have"),
        pytest.param(["--labels", "digits"], "no array 'digits'", id="labels of another name"),
    ],
)
def test_mistakes_are_told_in_a_sentence(run, arguments, told):
    result = run(*arguments)
    assert result.exit_code in {1, 2}
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_a_small_hold_out_is_warned_of(run, files, tmp_path):
    with np.load(files.holdout) as whole:
        np.savez(tmp_path / "small.npz", input=whole["input"][:20], labels=whole["labels"][:20])
    assert "a single answer weighs 5.0 points" in run(holdout=tmp_path / "small.npz").stdout


def test_without_the_extra_it_says_what_to_install(run, monkeypatch):
    monkeypatch.setattr(quantize, "NEEDED", ("onnx", "no_such_package"))
    result = run()
    assert result.exit_code == 1
    assert "needs no_such_package: pip install 'glm-operator[quantize]'" in result.stderr


def test_the_other_commands_load_none_of_its_libraries():
    code = "import sys, glm_operator.cli.main; print({'onnx', 'onnxruntime', 'sklearn'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
