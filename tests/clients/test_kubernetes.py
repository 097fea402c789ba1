"""Paths and errors of the Kubernetes API."""

import json

import pytest

from glm_operator.clients.errors import ClusterError, RefusedError
from glm_operator.clients.kubernetes import error_of, path_of


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
