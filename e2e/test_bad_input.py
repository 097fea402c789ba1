"""What goes wrong is told with its reason, and mending it is enough."""

import pytest

from demo.wait import inference_ready
from refusals import OPERATOR_REFUSALS
from support import (
    DIGITS_MODEL,
    ECHO_MODEL,
    digits_files,
    files,
    inference,
    ready_condition,
    wait_for_reason,
)

pytestmark = pytest.mark.usefixtures("no_hot_loop")


def test_a_missing_repository_is_told_and_mended_by_making_it(kubectl, namespace):
    kubectl.apply(inference(), namespace=namespace)
    resource = wait_for_reason(kubectl, namespace, "echo", "Stalled", "RepositoryMissing")
    assert "create it, or correct the name" in ready_condition(resource)["message"]
    kubectl.apply(files(), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")


def test_a_repository_without_the_models_files_is_told_and_mended_by_adding_them(kubectl, namespace):
    kubectl.apply(files(readme="nothing"), inference(), namespace=namespace)
    resource = wait_for_reason(kubectl, namespace, "echo", "Stalled", "RepositoryIncomplete")
    assert "add a key such as echo.1.model.onnx" in ready_condition(resource)["message"]
    kubectl.apply(files(), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")


def test_a_truncated_model_is_told_in_the_engines_own_words(kubectl, namespace):
    broken = digits_files("digits", 1, "truncated")
    kubectl.apply(broken, inference("digits", models=[DIGITS_MODEL]), namespace=namespace)
    resource = wait_for_reason(kubectl, namespace, "digits", "Stalled", "ModelFailed")
    (model,) = resource["status"]["models"]
    assert model["state"] == "Failed"
    assert "truncated" in model["reason"]
    assert "\n" not in model["reason"]
    kubectl.apply(digits_files("digits"), namespace=namespace)
    inference_ready(kubectl, namespace, "digits")


def test_a_model_that_loads_but_cannot_infer_is_not_ready(kubectl, namespace):
    code = "class TritonPythonModel:\n    def execute(self, requests): raise ValueError('wrong weights')\n"
    kubectl.apply(files(echo__1__model__py=code), inference(), namespace=namespace)
    resource = wait_for_reason(kubectl, namespace, "echo", "Stalled", "ModelFailed")
    assert "wrong weights" in ready_condition(resource)["message"]


def test_an_image_that_cannot_be_pulled_is_told_and_mended_by_another(kubectl, namespace):
    kubectl.apply(files(), inference(runtime={"image": "localhost/none:1"}), namespace=namespace)
    resource = wait_for_reason(kubectl, namespace, "echo", "Stalled", "ImagePullFailed")
    assert "localhost/none:1" in ready_condition(resource)["message"]
    kubectl.apply(inference(runtime={}), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")


def test_another_owners_service_is_never_taken_over(kubectl, namespace):
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "echo", "labels": {"mine": "yes"}},
        "spec": {"ports": [{"port": 80}], "selector": {"app": "mine"}},
    }
    kubectl.apply(service, files(), inference(), namespace=namespace)
    resource = wait_for_reason(kubectl, namespace, "echo", "Stalled", "NameTaken")
    assert "Service echo exists" in ready_condition(resource)["message"]
    kept = kubectl.json("get", "service", "echo", "-n", namespace)
    assert kept["spec"]["selector"] == {"app": "mine"}
    kubectl("delete", "service", "echo", "-n", namespace)
    inference_ready(kubectl, namespace, "echo")


def test_a_quota_is_told_and_mended_by_raising_it(kubectl, namespace):
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {"pods": "0"}},
    }
    kubectl.apply(quota, files(), inference(), namespace=namespace)
    resource = wait_for_reason(kubectl, namespace, "echo", "Stalled", "PodsRefused")
    assert "exceeded quota" in ready_condition(resource)["message"]
    kubectl("delete", "resourcequota", "none", "-n", namespace)
    inference_ready(kubectl, namespace, "echo", seconds=110)


@pytest.mark.parametrize("refusal", [pytest.param(r, id=r.sentence) for r in OPERATOR_REFUSALS])
def test_what_the_api_server_cannot_check_is_refused_by_the_operator(kubectl, namespace, refusal):
    kubectl.apply(inference(**refusal.spec), namespace=namespace)
    resource = wait_for_reason(kubectl, namespace, "echo", "Stalled", "InvalidSpec")
    assert refusal.message in ready_condition(resource)["message"]
    kubectl.apply(files(), inference(ensembles=[]), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")


def test_fields_that_nothing_acts_on_yet_are_named(kubectl, namespace):
    spec = {
        "traffic": {"rateLimit": {"tokensPerSecond": 5}},
        "anomaly": {"mode": "Act"},
        "models": [ECHO_MODEL | {"precision": "INT8"}],
    }
    kubectl.apply(files(), inference(**spec), namespace=namespace)
    resource = inference_ready(kubectl, namespace, "echo")
    message = ready_condition(resource, "UnhandledFields")["message"]
    for path in ("spec.anomaly.mode", "spec.models[echo].precision"):
        assert path in message
    assert "spec.traffic" not in message, "the gateway acts on it"
