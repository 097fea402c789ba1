"""Models and files change in running pods: no restart, no failed request; a broken one leaves the old one serving."""

import pytest

from demo.operator_metrics import operator_metric
from demo.wait import inference_ready, wait_for
from support import (
    ECHO_MODEL,
    ask,
    echo_code,
    files,
    inference,
    load,
    pods_of,
    ready_condition,
    wait_for_reason,
)

ECHO_BODY = {"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 1], "data": [1.0]}]}
BROKEN = "raise OSError('no weights')"
ONE = {"input": {"shape": [1, 1], "data": [1]}}
LOADS = "glm_model_loads_total"


def lives(kubectl, namespace, name="echo"):
    """Each pod's uid and how often its server was started anew."""
    pods = pods_of(kubectl, namespace, name)
    return {pod["metadata"]["uid"]: pod["status"]["containerStatuses"][0]["restartCount"] for pod in pods}


def wait_for_answer(kubectl, namespace, expected, model="echo", seconds=60):
    """Wait until the Service answers with this; every pod does when the resource is settled."""

    def look():
        answer = ask(kubectl, namespace, "echo", model, ONE)["grpc"]["outputs"]["output"]
        return (True, "") if answer == [[expected]] else (None, str(answer))

    wait_for(f"{model} answering {expected}", look, seconds)


def wait_for_version(kubectl, namespace, version):
    def look():
        resource = kubectl.json("get", "glm", "echo", "-n", namespace)
        found = {condition["type"] for condition in resource["status"]["conditions"]}
        seen = f"{resource['status']['models']} {found}"
        settled = not found & {"Reconciling", "Stalled"}
        return (resource, "") if settled and resource["status"]["models"][0].get("version") == version else (None, seen)

    return wait_for(f"version {version}", look, 90)


@pytest.mark.parametrize("connections", ["fresh", "kept"])
def test_files_that_change_are_served_by_the_same_pods_without_a_failed_request(kubectl, namespace, connections):
    kubectl.apply(files(), inference(replicas=2), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
    before = lives(kubectl, namespace)
    with load(kubectl, namespace, "echo", "echo", ECHO_BODY, connections=connections) as summary:
        newer = files(echo__1__model__py=echo_code(1), echo__2__model__py=echo_code(2))
        kubectl.apply(newer, namespace=namespace)
        resource = wait_for_version(kubectl, namespace, "2")
    assert summary["failed"] == 0, str(summary)
    assert summary["ok"] == summary["sent"] > 0
    assert set(summary["versions"]) == {"1", "2"}
    assert lives(kubectl, namespace) == before
    decisions = [(d["loop"], d["action"], d["reason"]) for d in resource["status"]["decisions"]]
    assert decisions[-2:] == [("models", "Load", "ModelChanged"), ("models", "Complete", "ModelsUpdated")]
    assert "NotReady" not in {d["action"] for d in resource["status"]["decisions"][-3:]}
    wait_for_answer(kubectl, namespace, 3.0)


def test_a_changed_configuration_reaches_the_running_pods_and_a_plan_for_new_ones(kubectl, namespace):
    kubectl.apply(files(), inference(), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
    before = lives(kubectl, namespace)
    changed = inference(models=[ECHO_MODEL | {"maxBatchSize": 4}])
    kubectl.apply(changed, namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
    assert lives(kubectl, namespace) == before
    (plan,) = kubectl.json("get", "configmaps", "-n", namespace, "-l", "serving.autoglm.io/inference=echo")["items"]
    assert "max_batch_size: 4" in plan["data"]["echo.config.pbtxt"]
    loads = operator_metric(kubectl, LOADS)
    kubectl("scale", "glm", "echo", "--replicas=2", "-n", namespace)
    inference_ready(kubectl, namespace, "echo")
    assert operator_metric(kubectl, LOADS) == loads, "a new pod starts with the newest models by itself"


def test_models_come_and_go_in_the_running_pods(kubectl, namespace):
    def echoes(*names):
        return inference(models=[ECHO_MODEL | {"name": name} for name in names], replicas=2)

    code = {f"{name}__1__model__py": echo_code(offset) for offset, name in enumerate(("echo", "b", "c"))}
    kubectl.apply(files(**code), echoes("echo", "b"), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
    before = lives(kubectl, namespace)
    with load(kubectl, namespace, "echo", "echo", ECHO_BODY) as summary:
        kubectl.apply(echoes("echo", "c", "b"), namespace=namespace)
        inference_ready(kubectl, namespace, "echo")
        wait_for_answer(kubectl, namespace, 3.0, model="c")
        kubectl.apply(echoes("echo", "c"), namespace=namespace)
        inference_ready(kubectl, namespace, "echo")
    assert summary["failed"] == 0, str(summary)
    assert lives(kubectl, namespace) == before
    with pytest.raises(Exception, match="unknown model: 'b'"):
        ask(kubectl, namespace, "echo", "b", ONE)


def test_broken_files_leave_the_old_version_serving_on_every_pod(kubectl, namespace):
    kubectl.apply(files(), inference(replicas=2), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
    before = lives(kubectl, namespace)
    with load(kubectl, namespace, "echo", "echo", ECHO_BODY) as summary:
        kubectl.apply(files(echo__1__model__py=echo_code(), echo__2__model__py=BROKEN), namespace=namespace)
        resource = wait_for_reason(kubectl, namespace, "echo", "Stalled", "ModelFailed")
        assert ready_condition(resource)["status"] == "True"
        message = ready_condition(resource, "Stalled")["message"]
        assert "no weights" in message
        assert "goes on serving" in message
        assert resource["status"]["models"][0]["version"] == "1"
        refused = operator_metric(kubectl, LOADS)
        pods = pods_of(kubectl, namespace, "echo")
        assert all(condition["status"] == "True" for pod in pods for condition in pod["status"]["conditions"])
        kubectl.apply(files(echo__1__model__py=echo_code(), echo__2__model__py=echo_code(2)), namespace=namespace)
        wait_for_version(kubectl, namespace, "2")
    assert summary["failed"] == 0, str(summary)
    assert lives(kubectl, namespace) == before
    assert operator_metric(kubectl, LOADS) == refused + 2, "each pod loads the mended files once"


def test_a_server_that_is_killed_gets_the_newest_models_again(kubectl, namespace):
    kubectl.apply(files(), inference(), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
    kubectl.apply(files(echo__2__model__py=echo_code(2)), namespace=namespace)
    wait_for_version(kubectl, namespace, "2")
    (pod,) = pods_of(kubectl, namespace, "echo")
    before = lives(kubectl, namespace)
    find = "import os, signal; from pathlib import Path; "
    kill = "[os.kill(int(p.parent.name), signal.SIGKILL) for p in Path('/proc').glob('[0-9]*/comm')"
    script = f"{find}{kill} if p.read_text().strip() == 'tritonserver']"
    name = pod["metadata"]["name"]
    kubectl("exec", name, "-n", namespace, "-c", "triton", "--", "python3", "-c", script)
    started_anew = dict.fromkeys(before, 1)
    wait_for("a new process", lambda: (lives(kubectl, namespace) == started_anew or None, "the old one"), 60)
    wait_for_version(kubectl, namespace, "2")
    wait_for_answer(kubectl, namespace, 3.0)
    assert lives(kubectl, namespace) == started_anew


def test_mended_files_reach_a_pod_that_could_not_start(kubectl, namespace):
    # Not SIGKILL: that is how kubelet ends a server that loads for too long.
    dies = "import os, signal\nos.kill(os.getppid(), signal.SIGSEGV)\n"
    kubectl.apply(files(echo__1__model__py=dies), inference(), namespace=namespace)
    wait_for_reason(kubectl, namespace, "echo", "Stalled", "ServerFailed")
    kubectl.apply(files(), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
