"""Revisions: what tells one from another, and that a server can be told and tells back."""

import base64
import json

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import model_config_pb2 as pb

from bodies import MINIMAL, model
from glm_operator.api.inference import GLMInferenceSpec
from glm_operator.api.model_files import files_hash, path_of_key
from glm_operator.resources.model_config import parse_config
from glm_operator.resources.model_revision import load_override, revision_of, wanted_models

CODE = {"data": {"echo.1.model.py": "code", "other.1.model.py": "another's", "readme": "none"}}


def wanted(source=CODE, **fields):
    (found,) = wanted_models(GLMInferenceSpec.model_validate(MINIMAL | {"models": [model(**fields)]}), source)
    return found


def parameters(config):
    return {key: value.string_value for key, value in config.parameters.items()}


@pytest.mark.parametrize(
    ("source", "fields", "same"),
    [
        pytest.param(CODE, {}, True, id="nothing changed"),
        pytest.param(CODE, {"maxBatchSize": 4}, False, id="another configuration"),
        pytest.param(CODE, {"required": False}, True, id="what Triton is not told is no change"),
        pytest.param({"data": {"echo.1.model.py": "new"}}, {}, False, id="other code"),
        pytest.param({"data": {"echo.2.model.py": "code"}}, {}, False, id="the same code as another version"),
        pytest.param({"data": CODE["data"] | {"other.1.model.py": "x"}}, {}, True, id="another model's files"),
        pytest.param(
            {"binaryData": {"echo.1.model.py": base64.b64encode(b"code").decode()}}, {}, True, id="bytes for text"
        ),
        pytest.param(None, {}, False, id="files in a volume"),
    ],
)
def test_what_makes_another_revision(source, fields, same):
    assert (wanted(source, **fields).revision == wanted().revision) == same


@pytest.mark.parametrize("source", [CODE, None], ids=["files in the request", "files in a volume"])
def test_a_server_tells_the_revision_that_it_was_given(source):
    config, files = load_override(wanted(source))
    told = json_format.Parse(config, pb.ModelConfig())
    assert revision_of(parameters(told)) == wanted(source).revision
    assert files == ({} if source is None else {"file:1/model.py": b"code"})


def test_what_the_init_container_lays_out_is_the_same_revision():
    config = parameters(parse_config(wanted().config)) | {"glm.files": files_hash({"1/model.py": b"code"})}
    assert revision_of(config) == wanted().revision


def test_a_model_that_somebody_else_loaded_has_no_revision():
    assert revision_of({"theirs": "x"}) == ""


def test_the_override_keeps_what_the_user_set():
    config = json.loads(load_override(wanted(parameters={"threads": "2"}, maxBatchSize=4))[0])
    assert config["max_batch_size"] == 4
    assert config["parameters"]["threads"] == {"string_value": "2"}


@pytest.mark.parametrize(
    ("fields", "keys", "problem"),
    [
        pytest.param({}, ["echo.1.model.py"], "", id="a Python model with its file"),
        pytest.param({}, ["echo.1.weights"], "no key echo.1.model.py", id="one without: Triton would never answer"),
        pytest.param({}, ["echo.1.model.py", "echo.2.x"], "no key echo.2.model.py", id="also in one of its versions"),
        pytest.param({"engine": "ONNXRuntime"}, ["echo.1.m.onnx"], "", id="another engine tells by itself"),
        pytest.param({"engine": "ONNXRuntime"}, ["other.1.model.onnx"], "add a key such as", id="no files at all"),
    ],
)
def test_what_cannot_be_loaded_is_told_with_what_to_add(fields, keys, problem):
    found = wanted({"data": dict.fromkeys(keys, "x")}, **fields).problem
    assert problem in found
    assert bool(problem) == bool(found)


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a.1.model.onnx", "1/model.onnx"),
        ("a.12.x", "12/x"),
        ("b.1.model.onnx", None),
        ("a.x.model", None),
        ("a.1...", None),
        ("a.1", None),
        ("a.\u0661.x", None),
    ],
)
def test_path_of_key(key, path):
    assert path_of_key("a", key) == path


@given(st.dictionaries(st.text(max_size=4), st.binary(max_size=4), max_size=4))
def test_the_order_of_files_is_no_change(files):
    assert files_hash(files) == files_hash(dict(reversed(files.items())))
