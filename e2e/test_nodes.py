"""A node that is cut off keeps serving, and is taken back when it returns."""

import subprocess
import sys

import pytest

from demo.paths import ROOT
from demo.wait import inference_ready, wait_for
from devcluster.provider import Kind
from support import files, inference, pods_of

NODE = "node1"
TOLERATE = [
    {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
]


def link(action):
    subprocess.run([sys.executable, "-m", "devcluster", action, NODE], cwd=ROOT, check=True, timeout=60)


def node_ready(kubectl, wanted):
    def look():
        conditions = kubectl.json("get", "node", NODE)["status"]["conditions"]
        status = next(condition["status"] for condition in conditions if condition["type"] == "Ready")
        return (True if status == wanted else None), f"Ready={status}"

    wait_for(f"node {NODE} Ready={wanted}", look, 90)


@pytest.fixture
def second_node(kubectl):
    if kubectl.provider.kind is not Kind.LOCAL or kubectl.find("node", NODE) is None:
        pytest.skip("this cluster has no second node of ours to cut off; start one with `make cluster NODES=2`")
    yield NODE
    link("join")
    node_ready(kubectl, "True")


@pytest.mark.two_nodes
@pytest.mark.timeout(300)
def test_a_node_that_is_cut_off_is_unknown_and_its_pods_are_the_same_when_it_returns(kubectl, namespace, second_node):
    template = {"nodeSelector": {"kubernetes.io/hostname": second_node}, "tolerations": TOLERATE}
    kubectl.apply(files(), inference(runtime={"podTemplate": template}), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
    (before,) = pods_of(kubectl, namespace, "echo")
    link("cut")
    node_ready(kubectl, "Unknown")

    def model_unknown():
        (model,) = kubectl.json("get", "glm", "echo", "-n", namespace)["status"]["models"]
        return (True if model["state"] == "Unknown" else None), str(model)

    wait_for("the model's state unknown, not failed", model_unknown, 60)
    link("join")
    inference_ready(kubectl, namespace, "echo", seconds=90)
    (after,) = pods_of(kubectl, namespace, "echo")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["status"]["containerStatuses"][0]["restartCount"] == 0
