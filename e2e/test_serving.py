"""A resource becomes a server that answers, over HTTP and gRPC, through its Service."""

import json
import subprocess
import sys

import numpy as np
import pytest

from demo.built_images import reference
from demo.client_pod import ask_from_a_pod
from demo.kubectl import run
from demo.model_image import write_model_image
from demo.paths import MODELS, ROOT, SAMPLES
from demo.wait import inference_ready
from support import (
    CLIENTS,
    DIGITS_MODEL,
    ECHO_MODEL,
    ask,
    client_command,
    digits_files,
    echo_code,
    files,
    inference,
    pods_of,
    ready_condition,
    wait_for_reason,
)

HOLD_OUT = 200
BATCHED_DIGITS = DIGITS_MODEL | {"maxBatchSize": HOLD_OUT}


def trained_accuracy():
    return json.loads((MODELS / "samples.json").read_text())["digits"]["1"]["holdout_accuracy"]


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
    kubectl.apply(digits_files("digits"), inference("digits", models=[BATCHED_DIGITS]), namespace=namespace)
    inference_ready(kubectl, namespace, "digits")
    pictures, labels = held_out()
    tensors = {"input": {"shape": list(pictures.shape), "data": pictures.ravel().tolist()}}
    answer = ask(kubectl, namespace, "digits", "digits", tensors)
    for protocol in ("http", "grpc"):
        guesses = np.argmax(answer[protocol]["outputs"]["probabilities"], axis=1)
        assert (guesses == labels).mean() >= trained_accuracy() - 0.02


def test_a_pod_reaches_the_service_by_its_name(kubectl, namespace):
    kubectl.apply(digits_files("digits"), inference("digits", models=[DIGITS_MODEL]), namespace=namespace)
    resource = inference_ready(kubectl, namespace, "digits")
    pictures, labels = held_out()
    samples = [{"label": int(n), "pixels": p.tolist()} for p, n in zip(pictures[:8], labels[:8], strict=True)]
    script = (ROOT / "demo/ask_digits.py").read_text()
    output = ask_from_a_pod(kubectl, namespace, script, resource["status"]["url"], json.dumps(samples))
    assert len(json.loads(output)["answers"]) == len(samples)


def test_the_samples_work_as_they_are(kubectl, namespace):
    kubectl("apply", "-n", namespace, "-f", str(SAMPLES / "echo.yaml"))
    inference_ready(kubectl, namespace, "echo")


def test_several_models_of_which_an_optional_one_is_broken_still_serve(kubectl, namespace):
    models = [
        ECHO_MODEL | {"name": "one"},
        ECHO_MODEL | {"name": "two"},
        ECHO_MODEL | {"name": "broken", "required": False},
    ]
    code = {
        "one__1__model__py": echo_code(1),
        "two__1__model__py": echo_code(2),
        "broken__1__model__py": "raise OSError",
    }
    kubectl.apply(files("trio", **code), inference("trio", models=models), namespace=namespace)
    resource = inference_ready(kubectl, namespace, "trio")
    states = {model["name"]: model["state"] for model in resource["status"]["models"]}
    assert states == {"one": "Ready", "two": "Ready", "broken": "Failed"}
    assert "OSError" in next(m["reason"] for m in resource["status"]["models"] if m["name"] == "broken")
    answer = ask(kubectl, namespace, "trio", "two", {"input": {"shape": [1, 1], "data": [40]}})
    assert answer["grpc"]["outputs"]["output"] == [[42.0]]


COUNTING_CODE = """
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def initialize(self, args):
        self.calls = 0

    def execute(self, requests):
        self.calls += 1
        answer = pb_utils.Tensor("output", np.full((1, 1), self.calls, dtype=np.float32))
        return [pb_utils.InferenceResponse([answer]) for _ in requests]
"""


@pytest.mark.parametrize(
    ("cached", "same"),
    [pytest.param(True, True, id="with a cache, not asked again"), pytest.param(False, False, id="without, it is")],
)
def test_a_model_that_was_asked_the_same_before(kubectl, namespace, cached, same):
    models = [ECHO_MODEL | {"responseCache": cached}]
    kubectl.apply(files(echo__1__model__py=COUNTING_CODE), inference(models=models), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
    question = {"input": {"shape": [1, 1], "data": [1]}}
    answers = [ask(kubectl, namespace, "echo", "echo", question)["grpc"]["outputs"]["output"] for _ in range(2)]
    assert (answers[0] == answers[1]) is same


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
    kubectl.apply(files("chain", **code), inference("chain", models=models, ensembles=[ensemble]), namespace=namespace)
    inference_ready(kubectl, namespace, "chain")
    answer = ask(kubectl, namespace, "chain", "both", {"raw": {"shape": [1, 1], "data": [1]}})
    assert answer["http"]["outputs"]["done"] == [[22.0]]


def test_a_claim_can_hold_the_models(kubectl, namespace):
    # The local cluster's volumes belong to root: whoever fills one must be root, which a restricted namespace forbids.
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=baseline", "--overwrite")
    repository = {"persistentVolumeClaim": {"name": "models", "path": "prod"}}
    kubectl.apply(CLAIM, _writer(reference("operator", kubectl.is_ours), "echo", echo_code(5)), namespace=namespace)
    kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/writer", "-n", namespace, "--timeout=50s")
    kubectl.apply(inference("stored", repository=repository), namespace=namespace)
    inference_ready(kubectl, namespace, "stored")
    answer = ask(kubectl, namespace, "stored", "echo", {"input": {"shape": [1, 1], "data": [7]}})
    assert answer["http"]["outputs"]["output"] == [[12.0]]


@pytest.fixture(scope="module")
def model_image(cluster, tmp_path_factory):
    if not cluster.is_ours:
        pytest.skip("the image with the models can only be loaded into a cluster that was made here")
    archive = tmp_path_factory.mktemp("image") / "models.tar"
    reference = write_model_image(MODELS / "repository", ("resnet50", "digits"), archive)
    subprocess.run([sys.executable, "-m", "devcluster", "load-image", str(archive)], cwd=ROOT, check=True, timeout=300)
    return reference


@pytest.mark.parametrize("engine", ["ONNXRuntime", "OpenVINO"])
def test_an_image_volume_can_hold_the_models_and_a_resnet_answers_on_each_engine(
    kubectl, namespace, model_image, engine
):
    model = {
        "name": "resnet50",
        "engine": engine,
        "maxBatchSize": 2,
        "inputs": [{"name": "input", "dataType": "FP32", "dims": [3, 224, 224]}],
        "outputs": [{"name": "logits", "dataType": "FP32", "dims": [1000]}],
    }
    repository = {"image": {"reference": model_image, "pullPolicy": "Never", "path": "models"}}
    kubectl.apply(inference("resnet", models=[model], repository=repository), namespace=namespace)
    inference_ready(kubectl, namespace, "resnet")
    script = [sys.executable, str(CLIENTS / "resnet.py")]
    with client_command(kubectl, namespace, "resnet") as (prefix, endpoint):
        answer = json.loads(run([*prefix, *script, endpoint.grpc], timeout=60))
    assert answer["shape"] == [1, 1000]
    assert answer["finite"]


CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "models"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
WRITE_MODEL = """
import os, pathlib, sys
os.chmod("/data", 0o755)
folder = pathlib.Path("/data/prod", sys.argv[1], "1")
folder.mkdir(parents=True)
(folder / "model.py").write_text(sys.argv[2])
"""


def _writer(image, model, code):
    container = {
        "name": "writer",
        "image": image,
        "command": ["python3", "-c", WRITE_MODEL, model, code],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": "models"}}
    spec = {
        "restartPolicy": "Never",
        "securityContext": {"runAsUser": 0},
        "containers": [container],
        "volumes": [claim],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "writer"}, "spec": spec}


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
    resource = wait_for_reason(kubectl, namespace, "echo", "Ready", "Unschedulable")
    assert "nvidia.com/gpu" in ready_condition(resource)["message"]
