"""Paths and errors of the Kubernetes API."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from glm_operator.clients.errors import ClusterError, RefusedError
from glm_operator.clients.kubernetes import error_of, path_of, proxy_of, yaml_of


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (("Pod", "shop"), "/api/v1/namespaces/shop/pods"),
        (("Pod", None), "/api/v1/pods"),
        (("Deployment", "shop", "a"), "/apis/apps/v1/namespaces/shop/deployments/a"),
        (("GLMInference", "s", "a", "status"), "/apis/serving.autoglm.io/v1alpha1/namespaces/s/glminferences/a/status"),
    ],
)
def test_path(arguments, path):
    assert path_of(*arguments) == path


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        pytest.param(409, ClusterError, id="a conflict may pass"),
        pytest.param(429, ClusterError, id="too many requests may pass"),
        pytest.param(503, ClusterError, id="an outage may pass"),
        pytest.param(404, ClusterError, id="what isn't there may come"),
        pytest.param(403, RefusedError, id="a missing right will not come by trying"),
        pytest.param(422, RefusedError, id="an invalid object will not become valid"),
    ],
)
def test_what_another_try_may_mend_is_told_from_what_it_will_not(status, kind):
    error = error_of("PATCH /x", status, json.dumps({"message": "why"}).encode())
    assert type(error) is kind
    assert (str(error), error.status) == (f"why (HTTP {status})", status)


def test_an_answer_that_is_no_json_is_quoted():
    assert str(error_of("GET /x", 502, b"<html>bad gateway")) == "<html>bad gateway (HTTP 502)"


def test_an_unknown_field_of_an_applied_object_is_refused_though_the_api_server_calls_it_an_error_of_its_own():
    message = (
        "failed to create typed patch object (a/b; apps/v1, Kind=Deployment): .spec.x: field not declared in schema"
    )
    assert type(error_of("PATCH /x", 500, json.dumps({"message": message}).encode())) is RefusedError


@given(st.text())
def test_every_text_is_applied_as_it_is(text):
    body = {"data": {"key": text}, "numbers": [1, 0.5, True, None]}
    assert yaml.safe_load(yaml_of(body)) == body
    assert yaml_of(body).isascii()


def test_a_character_outside_the_basic_plane_is_no_pair_of_surrogates():
    assert yaml_of({"a": "\N{PILE OF POO}\\ud83d\x7f"}) == r'{"a":"\U0001f4a9\\ud83d\u007f"}'


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128", id="named"),
        pytest.param({"HTTP_PROXY": "http://proxy:3128"}, None, id="of another scheme"),
        pytest.param(
            {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "10.96.0.1,.svc"}, None, id="not for this address"
        ),
    ],
)
def test_the_proxy_that_the_environment_names(monkeypatch, variables, proxy):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_of("https://10.96.0.1:443") == proxy
