"""Every field that nothing acts on is named; what the user never wrote is not."""

import pytest

from bodies import BIG, MINIMAL, make_body, model
from glm_operator.api.inference import parse
from glm_operator.status.unhandled import unhandled_fields

API_DEFAULTS = {"provider": "Envoy"}


@pytest.mark.parametrize(
    ("spec", "paths"),
    [
        pytest.param({}, [], id="nothing beside the least"),
        pytest.param({"traffic": API_DEFAULTS}, [], id="what the API server filled in"),
        pytest.param({"traffic": {"provider": "None"}}, [], id="the Service alone is what there is"),
        pytest.param({"traffic": {"provider": "Istio"}}, ["spec.traffic.provider"], id="another provider"),
        pytest.param(
            {"traffic": API_DEFAULTS | {"rateLimit": {"tokensPerSecond": 5}}}, ["spec.traffic.rateLimit"], id="a limit"
        ),
        pytest.param(
            {"traffic": {"provider": "None", "failover": {"maxRetries": 3}}},
            ["spec.traffic.failover"],
            id="a field of a provider that is switched off",
        ),
        pytest.param({"scaling": {}}, ["spec.scaling"], id="scaling, also with all defaults"),
        pytest.param({"anomaly": {"mode": "Act"}}, ["spec.anomaly.mode"], id="anomaly detection"),
        pytest.param({"runtime": {"version": "2.60"}}, [], id="a version, which the flags depend on"),
        pytest.param({"models": [model(precision="INT8")]}, ["spec.models[echo].precision"], id="a precision"),
        pytest.param(
            {"models": [BIG | {"precision": "FP16", "accelerator": {"name": "TensorRT"}}]},
            [],
            id="a precision that the accelerator computes in",
        ),
        pytest.param(
            {"models": [model(optimization={"graphLevel": "Off"})]},
            ["spec.models[echo].optimization.graphLevel"],
            id="a graph level of another engine",
        ),
        pytest.param(
            {"models": [{"name": "x", "engine": "VLLM", "instances": {"kind": "CPU"}}]},
            ["spec.models[x].instances.kind"],
            id="a place for an engine that places itself",
        ),
    ],
)
def test_unhandled_fields(spec, paths):
    assert [entry.split(": ")[0] for entry in unhandled_fields(parse(make_body(MINIMAL | spec)))] == paths


@pytest.mark.parametrize(
    ("engine", "precision", "expected"),
    [
        pytest.param("ONNXRuntime", "INT8", True, id="a file that the plugin can make"),
        pytest.param("OpenVINO", "FP16", True, id="for the other engine that reads ONNX as well"),
        pytest.param("ONNXRuntime", "BF16", False, id="a precision that it can't make"),
        pytest.param("PyTorch", "INT8", False, id="an engine whose files it can't read"),
    ],
)
def test_a_precision_is_told_with_where_to_get_it(engine, precision, expected):
    wanted = {"name": "m", "engine": engine, "precision": precision}
    (entry,) = unhandled_fields(parse(make_body(MINIMAL | {"models": [wanted]})))
    assert f"{precision} is not enforced" in entry
    assert ("kubectl glm quantize" in entry) is expected
