"""A resource becomes a server that answers, over HTTP and gRPC, through its Service."""

import json

import numpy as np
import pytest

from demo.client_pod import ask_from_a_pod
from demo.paths import MODELS, ROOT, SAMPLES
from demo.wait import inference_ready
from support import DIGITS_MODEL, ECHO_MODEL, ask, digits_files, echo_code, files, inference, pods_of, ready_condition

HOLD_OUT = 200


def held_out():
    data = np.load(MODELS / "digits-holdout.npz")
    return data["pictures"][:HOLD_OUT], data["digits"][:HOLD_OUT]


def test_a_python_model_answers_over_http_and_grpc(kubectl, namespace):
    kubectl.apply(files(), inference(), namespace=namespace)
    resource = inference_ready(kubectl, namespace, "echo")
    answer = ask(kubectl, namespace, "echo", "echo", {"input": {"shape": [1, 3], "data": [1, 2, 3]}})
    expected = {"version": "1", "outputs": {"output": [[1.0, 2.0, 3.0]]}}
    assert answer == {"http": expected, "grpc": expected}
    assert resource["status"]["models"] == [{"name": "echo", "readyPods": 1, "state": "Ready", "version": "1"}]


def test_an_onnx_classifier_keeps_its_accuracy_on_the_hold_out(kubectl, namespace):
    kubectl.apply(digits_files("digits"), inference("digits", models=[DIGITS_MODEL]), namespace=namespace)
    inference_ready(kubectl, namespace, "digits")
    pictures, labels = held_out()
    right = 0
    for first in range(0, HOLD_OUT, 8):
        batch = pictures[first : first + 8]
        tensors = {"input": {"shape": list(batch.shape), "data": batch.ravel().tolist()}}
        if first == 0:
            answer = ask(kubectl, namespace, "digits", "digits", tensors)
            assert np.allclose(answer["http"]["outputs"]["probabilities"], answer["grpc"]["outputs"]["probabilities"])
    script = (ROOT / "demo/ask_digits.py").read_text()
    url = f"http://digits.{namespace}.svc:8000"
    for first in range(0, HOLD_OUT, 8):
        samples = [
            {"label": int(label), "pixels": picture.tolist()}
            for picture, label in zip(pictures[first : first + 8], labels[first : first + 8], strict=True)
        ]
        if first < 16:  # a pod a request is slow: two show the way through DNS and Service
            answers = json.loads(ask_from_a_pod(kubectl, namespace, script, url, json.dumps(samples)))["answers"]
            right += sum(answer["answer"] == answer["label"] for answer in answers)
    assert right >= 15


def test_the_samples_work_as_they_are(kubectl, namespace):
    kubectl("apply", "-n", namespace, "-f", str(SAMPLES / "echo.yaml"))
    inference_ready(kubectl, namespace, "echo")


def test_several_models_of_which_an_optional_one_is_broken_still_serve(kubectl, namespace):
    models = [
        ECHO_MODEL | {"name": "one"},
        ECHO_MODEL | {"name": "two"},
        ECHO_MODEL | {"name": "broken", "required": False},
    ]
    code = {"one__1__model__py": echo_code(1), "two__1__model__py": echo_code(2), "broken__1__model__py": "raise OSError"}
    kubectl.apply(files("trio", **code), inference("trio", models=models), namespace=namespace)
    resource = inference_ready(kubectl, namespace, "trio")
    states = {model["name"]: model["state"] for model in resource["status"]["models"]}
    assert states == {"one": "Ready", "two": "Ready", "broken": "Failed"}
    assert "OSError" in next(m["reason"] for m in resource["status"]["models"] if m["name"] == "broken")
    answer = ask(kubectl, namespace, "trio", "two", {"input": {"shape": [1, 1], "data": [40]}})
    assert answer["grpc"]["outputs"]["output"] == [[42.0]]


def test_an_ensemble_passes_tensors_from_step_to_step(kubectl, namespace):
    step = {"model": "one", "inputMap": {"input": "raw"}, "outputMap": {"output": "more"}}
    last = {"model": "two", "inputMap": {"input": "more"}, "outputMap": {"output": "done"}}
    tensor = {"dataType": "FP32", "dims": [-1]}
    ensemble = {
        "name": "both",
        "inputs": [tensor | {"name": "raw"}],
        "outputs": [tensor | {"name": "done"}],
        "steps": [step, last],
    }
    models = [ECHO_MODEL | {"name": "one"}, ECHO_MODEL | {"name": "two"}]
    code = {"one__1__model__py": echo_code(1), "two__1__model__py": echo_code(20)}
    kubectl.apply(
        files("chain", **code), inference("chain", models=models, ensembles=[ensemble]), namespace=namespace
    )
    inference_ready(kubectl, namespace, "chain")
    answer = ask(kubectl, namespace, "chain", "both", {"raw": {"shape": [1, 1], "data": [1]}})
    assert answer["http"]["outputs"]["done"] == [[22.0]]


def test_a_claim_can_hold_the_models(kubectl, namespace):
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "models"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    repository = {"persistentVolumeClaim": {"name": "models", "path": "prod"}}
    kubectl.apply(claim, writer_pod(), namespace=namespace)
    kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/writer", "-n", namespace, "--timeout=60s", timeout=70)
    kubectl.apply(inference("stored", repository=repository), namespace=namespace)
    inference_ready(kubectl, namespace, "stored")
    answer = ask(kubectl, namespace, "stored", "echo", {"input": {"shape": [1, 1], "data": [7]}})
    assert answer["http"]["outputs"]["output"] == [[12.0]]


def writer_pod():
    from demo.built_images import built_image

    script = "import pathlib,sys; f=pathlib.Path('/data/prod/echo/1'); f.mkdir(parents=True); (f/'model.py').write_text(sys.argv[1])"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "writer"},
        "spec": {
            "restartPolicy": "Never",
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "fsGroup": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "writer",
                    "image": built_image("operator").reference,
                    "command": ["python3", "-c", script, echo_code(5)],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                }
            ],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "models"}}],
        },
    }


@pytest.mark.gpu
def test_a_gpu_is_used_where_there_is_one(kubectl, namespace):
    nodes = kubectl.json("get", "nodes")["items"]
    gpus = sum(int(node["status"]["allocatable"].get("nvidia.com/gpu", 0)) for node in nodes)
    if not gpus:
        pytest.skip("no node of this cluster offers nvidia.com/gpu")
    kubectl.apply(files(), inference(runtime={"gpu": {"count": 1}}), namespace=namespace)
    inference_ready(kubectl, namespace, "echo", seconds=600)
    (pod,) = pods_of(kubectl, namespace, "echo")
    assert pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_a_resource_that_asks_for_a_gpu_where_there_is_none_says_so(kubectl, namespace):
    nodes = kubectl.json("get", "nodes")["items"]
    if any(int(node["status"]["allocatable"].get("nvidia.com/gpu", 0)) for node in nodes):
        pytest.skip("this cluster has GPUs")
    kubectl.apply(files(), inference(runtime={"gpu": {"count": 1}}), namespace=namespace)
    from support import wait_for_reason

    resource = wait_for_reason(kubectl, namespace, "echo", "Ready", "Unschedulable")
    assert "nvidia.com/gpu" in ready_condition(resource)["message"]
