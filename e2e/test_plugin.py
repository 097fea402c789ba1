"""`kubectl glm` on the real thing."""

import os
import subprocess

import pytest

from demo.kubectl import Kubectl
from demo.paths import ROOT
from demo.wait import inference_ready
from support import files, inference


def plugin(kubectl: Kubectl, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs it as a user does: kubectl finds it on the PATH."""
    environment = os.environ | {"COLUMNS": "200", "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"}
    if kubectl.kubeconfig:
        environment["KUBECONFIG"] = kubectl.kubeconfig
    from devcluster import binaries

    argv = [str(binaries.named("kubectl").path), "glm", *arguments]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def echo(kubectl, namespace):
    kubectl.apply(files(), inference(), namespace=namespace)
    return inference_ready(kubectl, namespace, "echo")


def test_status_shows_resource_models_pods_and_conditions(kubectl, namespace, echo):
    shown = plugin(kubectl, "status", "echo", "-n", namespace)
    assert shown.returncode == 0, shown.stderr
    for part in (f"{namespace}/echo  Ready", "echo v1  Ready  on 1 pods", "revision", "Ready=True  AllModelsServing"):
        assert part in shown.stdout


def test_status_lists_all_resources(kubectl, namespace, echo):
    shown = plugin(kubectl, "status", "-A")
    assert namespace in shown.stdout


def test_explain_shows_decisions_with_their_inputs(kubectl, namespace, echo):
    shown = plugin(kubectl, "explain", "echo", "-n", namespace)
    for part in (
        "reconcile  Create  Created",
        "generation: 1",
        "readiness  Ready  AllModelsServing",
        "serving pods: 1",
    ):
        assert part in shown.stdout


def test_check_finds_a_sound_installation(kubectl, echo):
    shown = plugin(kubectl, "check")
    assert shown.returncode == 0, shown.stdout
    assert "is served" in shown.stdout


def test_check_finds_a_missing_operator_and_tells_the_fix(kubectl):
    shown = plugin(kubectl, "check", "--operator-namespace", "default")
    assert shown.returncode == 1
    assert "helm install" in shown.stdout


def test_check_before_the_installation_asks_for_no_operator(kubectl):
    shown = plugin(kubectl, "check", "--pre", "--operator-namespace", "default")
    assert shown.returncode == 0, shown.stdout


def test_a_name_that_does_not_exist_is_an_error_with_a_hint(kubectl, namespace):
    shown = plugin(kubectl, "status", "gone", "-n", namespace)
    assert shown.returncode == 1
    assert "there is no GLMInference gone" in shown.stderr
    assert "Traceback" not in shown.stderr
