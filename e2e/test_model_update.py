"""Another source rolls the pods under load without a failed request; one that cannot serve takes no pod away."""

import pytest

from demo.wait import inference_ready, wait_for
from support import (
    DIGITS_MODEL,
    digits_files,
    echo_code,
    files,
    inference,
    load,
    pods_of,
    ready_condition,
    wait_for_reason,
)

DIGITS_BODY = {"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 64], "data": [0.0] * 64}]}
ECHO_BODY = {"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 1], "data": [1.0]}]}


def names(pods):
    return {pod["metadata"]["name"] for pod in pods}


@pytest.mark.parametrize("connections", ["fresh", "kept"])
def test_a_new_model_version_is_served_without_a_failed_request(kubectl, namespace, connections):
    wanted = inference("digits", models=[DIGITS_MODEL], replicas=2)
    kubectl.apply(digits_files("digits", 1), wanted, namespace=namespace)
    inference_ready(kubectl, namespace, "digits")
    before = pods_of(kubectl, namespace, "digits")
    with load(kubectl, namespace, "digits", "digits", DIGITS_BODY, connections=connections) as summary:
        newer = {"configMap": {"name": "newer-files"}}
        changed = inference("digits", models=[DIGITS_MODEL], replicas=2, repository=newer)
        kubectl.apply(digits_files("newer", 2), changed, namespace=namespace)
        resource = inference_ready(kubectl, namespace, "digits")
        wait_until_gone(kubectl, namespace, names(before))
    assert summary["failed"] == 0, str(summary)
    assert summary["ok"] == summary["sent"] > 0
    assert set(summary["versions"]) == {"1", "2"}
    assert not names(before) & names(pods_of(kubectl, namespace, "digits"))
    assert resource["status"]["models"][0]["version"] == "2"


def wait_until_gone(kubectl, namespace, pods):
    """Also the pods that end: their last seconds are where requests would fail."""

    def look():
        there = names(kubectl.json("get", "pods", "-n", namespace)["items"]) & pods
        return (None, f"still there: {there}") if there else (True, "")

    wait_for("the older pods gone", look, 90)


def test_a_version_that_cannot_serve_never_takes_the_old_pods_away(kubectl, namespace):
    kubectl.apply(files(), inference(replicas=2), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
    before = names(pods_of(kubectl, namespace, "echo"))
    with load(kubectl, namespace, "echo", "echo", ECHO_BODY) as summary:
        broken = inference(replicas=2, repository={"configMap": {"name": "broken-files"}})
        kubectl.apply(files("broken", echo__1__model__py="raise OSError('no weights')"), broken, namespace=namespace)
        resource = wait_for_reason(kubectl, namespace, "echo", "Stalled", "ModelFailed")
        assert before < names(pods_of(kubectl, namespace, "echo"))
    assert summary["failed"] == 0, str(summary)
    assert ready_condition(resource)["status"] == "True"
    assert "no weights" in resource["status"]["models"][0]["reason"]
    kubectl.apply(inference(replicas=2), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
    assert before == names(pods_of(kubectl, namespace, "echo"))


def test_another_source_rolls_and_the_old_plan_is_kept_for_the_way_back(kubectl, namespace):
    kubectl.apply(files(), inference(), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
    before = names(pods_of(kubectl, namespace, "echo"))
    changed = inference(repository={"configMap": {"name": "newer-files"}})
    kubectl.apply(files("newer", echo__1__model__py=echo_code(1)), changed, namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
    assert not before & names(pods_of(kubectl, namespace, "echo"))
    selector = "serving.autoglm.io/inference=echo"
    assert len(kubectl.json("get", "configmaps", "-n", namespace, "-l", selector)["items"]) == 2
