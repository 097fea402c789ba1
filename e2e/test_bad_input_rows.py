"""More of what goes wrong - too slow, too large, not there - is told with a reason, without a hot loop, and mended."""

import json

import pytest

from demo.install import OPERATOR_NAMESPACE, RELEASE
from demo.kubectl import CommandFailedError
from demo.wait import inference_ready, wait_for
from glm_operator.api.inference import MAX_MODELS
from glm_operator.resources.model_config import parse_config
from support import ECHO_MODEL, echo_code, files, inference, ready_condition, wait_for_reason

pytestmark = pytest.mark.usefixtures("no_hot_loop")

SLOW = "import threading\nthreading.Event().wait(12)\n"
SERVED_LATER = {"replicas": 0}


def test_a_model_that_loads_too_long_is_told_and_mended_by_more_time(kubectl, namespace):
    slow = files(echo__1__model__py=SLOW + echo_code())
    kubectl.apply(slow, inference(runtime={"startupSeconds": 2}), namespace=namespace)
    resource = wait_for_reason(kubectl, namespace, "echo", "Stalled", "LoadingTookTooLong", seconds=120)
    message = ready_condition(resource)["message"]
    assert "runtime.startupSeconds (2)" in message
    assert "raise it" in message
    kubectl.apply(inference(runtime={"startupSeconds": 90}), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")


def test_a_missing_claim_is_told_and_mended_by_making_it(kubectl, namespace):
    kubectl.apply(files(), inference(repository={"persistentVolumeClaim": {"name": "gone"}}), namespace=namespace)
    resource = wait_for_reason(kubectl, namespace, "echo", "Ready", "Unschedulable")
    assert 'persistentvolumeclaim "gone" not found' in ready_condition(resource)["message"]
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "gone"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    kubectl.apply(claim, namespace=namespace)
    wait_for_reason(kubectl, namespace, "echo", "Stalled", "RepositoryIncomplete", seconds=90)
    kubectl.apply(inference(), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")


def test_a_gpu_that_no_node_has_is_told_and_mended_by_asking_for_none(kubectl, namespace):
    kubectl.apply(files(), inference(runtime={"gpu": {"count": 1}}), namespace=namespace)
    resource = wait_for_reason(kubectl, namespace, "echo", "Ready", "Unschedulable")
    assert "nvidia.com/gpu" in ready_condition(resource)["message"]
    kubectl.apply(inference(runtime={}), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")


def files_of(count):
    """The ConfigMap with the files of so many models, named as those of the tests."""
    return files(**{f"m{n}__1__model__py": echo_code() for n in range(count)})


def test_a_spec_of_900_kilobytes_is_acted_on(kubectl, namespace):
    parameters = {f"p{n}": "x" * 1024 for n in range(55)}
    models = [ECHO_MODEL | {"name": f"m{n}", "parameters": parameters} for n in range(16)]
    large = inference(models=models, **SERVED_LATER)
    assert len(json.dumps(large)) > 900_000
    # Not `kubectl apply`, which would keep a second copy in an annotation, of which 256 KiB fit.
    kubectl("create", "-n", namespace, "-f", "-", stdin=json.dumps(large))
    kubectl.apply(files_of(16), namespace=namespace)
    wait_for_reason(kubectl, namespace, "echo", "Ready", "ScaledToZero")
    assert made_configurations(kubectl, namespace) == {f"m{n}.config.pbtxt" for n in range(16)}


def test_a_spec_whose_configuration_is_too_large_is_told_and_mended_by_a_smaller_one(kubectl, namespace):
    # A line feed is one character in the spec, and two in a model's configuration.
    parameters = {f"p{n}": "\n" * 1024 for n in range(60)}
    large = inference(models=[ECHO_MODEL | {"name": f"m{n}", "parameters": parameters} for n in range(10)])
    kubectl("create", "-n", namespace, "-f", "-", stdin=json.dumps(large))
    kubectl.apply(files(), namespace=namespace)
    resource = wait_for_reason(kubectl, namespace, "echo", "Stalled", "ApplyRefused")
    assert "may not be more than 1048576 bytes" in ready_condition(resource)["message"]
    kubectl("replace", "-n", namespace, "-f", "-", stdin=json.dumps(inference()))
    inference_ready(kubectl, namespace, "echo")


def test_every_character_gets_into_a_models_configuration(kubectl, namespace):
    text = '\N{PILE OF POO} \N{RIGHT-TO-LEFT OVERRIDE}\x7f\x01\N{LINE SEPARATOR}"}\\'
    # One by one: kubectl reads several documents as YAML, which doesn't know JSON's surrogates.
    kubectl.apply(files(), namespace=namespace)
    kubectl.apply(inference(models=[ECHO_MODEL | {"parameters": {"key": text}}]), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
    found = kubectl.json("get", "configmaps", "-n", namespace, "-l", "serving.autoglm.io/inference=echo")["items"]
    config = parse_config(found[0]["data"]["echo.config.pbtxt"])
    assert config.parameters["key"].string_value == text


def test_as_many_models_as_there_may_be_are_acted_on_and_one_more_is_refused(kubectl, namespace):
    models = [ECHO_MODEL | {"name": f"m{n}"} for n in range(MAX_MODELS + 1)]
    kubectl.apply(files_of(MAX_MODELS), inference(models=models[:-1], **SERVED_LATER), namespace=namespace)
    wait_for_reason(kubectl, namespace, "echo", "Ready", "ScaledToZero")
    assert len(made_configurations(kubectl, namespace)) == MAX_MODELS
    with pytest.raises(CommandFailedError, match=f"must have at most {MAX_MODELS} items"):
        kubectl.apply(inference(models=models), namespace=namespace)


def test_an_affinity_that_kubernetes_does_not_know_is_told_and_mended_by_removing_it(kubectl, namespace):
    template = {"affinity": {"nodeAffinity": {"surprise": []}}}
    kubectl.apply(files(), inference(runtime={"podTemplate": template}), namespace=namespace)
    resource = wait_for_reason(kubectl, namespace, "echo", "Stalled", "ApplyRefused")
    assert "surprise" in ready_condition(resource)["message"]
    kubectl.apply(inference(runtime={}), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")


BROKEN = {
    "a model's files are missing": inference(),
    "its image can't be pulled": inference(runtime={"image": "localhost/none:1"}),
    "no node fits": inference(runtime={"gpu": {"count": 1}}),
    "the operator refuses it": inference(
        ensembles=[{"name": "e", "inputs": ECHO_MODEL["inputs"], "outputs": ECHO_MODEL["outputs"], "steps": [
            {"model": "echo", "inputMap": {"input": "input"}, "outputMap": {"output": "other"}}]}]),
}  # fmt: skip


def test_broken_resources_are_deleted_also_with_the_operator_gone(kubectl, namespace):
    resources = [body | {"metadata": {"name": f"broken{n}"}} for n, body in enumerate(BROKEN.values())]
    kubectl.apply(*resources, namespace=namespace)
    for body in resources:
        name = body["metadata"]["name"]
        wait_for(f"{name} told", lambda name=name: _told(kubectl, namespace, name), 60)
    kubectl("scale", f"deployment/{RELEASE}", "--replicas=0", "-n", OPERATOR_NAMESPACE)
    try:
        kubectl("wait", "--for=delete", "pod", "-l", f"app.kubernetes.io/name={RELEASE}", "-n", OPERATOR_NAMESPACE)
        kubectl("delete", "glm", "--all", "-n", namespace, "--timeout=20s")
        wait_for("nothing left", lambda: _nothing_left(kubectl, namespace), 60)
    finally:
        kubectl("scale", f"deployment/{RELEASE}", "--replicas=1", "-n", OPERATOR_NAMESPACE)
        kubectl("rollout", "status", f"deployment/{RELEASE}", "-n", OPERATOR_NAMESPACE, "--timeout=50s")


def _told(kubectl, namespace, name):
    condition = ready_condition(kubectl.json("get", "glm", name, "-n", namespace))
    return (True, "") if condition.get("status") == "False" else (None, str(condition))


def _nothing_left(kubectl, namespace):
    kinds = "deployments,services,serviceaccounts,poddisruptionbudgets,networkpolicies,configmaps,pods"
    left = kubectl("get", kinds, "-n", namespace, "-l", "serving.autoglm.io/inference", "-o", "name").split()
    return (None, str(left)) if left else (True, "")


def made_configurations(kubectl, namespace):
    found = kubectl.json("get", "configmaps", "-n", namespace, "-l", "serving.autoglm.io/inference=echo")["items"]
    return {key for config_map in found for key in config_map["data"] if key.endswith(".config.pbtxt")}
