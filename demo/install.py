"""Install the operator with its Helm chart, into the cluster."""

import json
import os
from typing import Final

from demo.built_images import built_image
from demo.kubectl import Kubectl
from demo.paths import CHART

OPERATOR_NAMESPACE: Final = "glm-system"
RELEASE: Final = "glm-operator"
RESTRICTED: Final = {"pod-security.kubernetes.io/enforce": "restricted"}


def ensure_namespace(kubectl: Kubectl, name: str) -> None:
    """A namespace whose pods must be restricted."""
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}})


def image_values(ours: bool) -> list[str]:
    """Helm arguments for the images: those built here, or for another's cluster those the user pushed there."""
    operator = os.environ.get("GLM_OPERATOR_IMAGE") or built_image("operator").reference
    runtime = os.environ.get("GLM_RUNTIME_IMAGE") or built_image("triton-cpu").reference
    repository, _, tag = operator.rpartition(":")
    policy = "Never" if ours else "IfNotPresent"
    values = {"image.repository": repository, "image.tag": tag, "image.pullPolicy": policy, "runtime.image": runtime}
    return [f"--set-string={key}={value}" for key, value in values.items()]


def install_operator(
    kubectl: Kubectl, *extra: str, release: str = RELEASE, namespace: str = OPERATOR_NAMESPACE
) -> None:
    """Install or upgrade the operator and wait until it is ready."""
    ensure_namespace(kubectl, namespace)
    kubectl.helm(
        "upgrade", "--install", release, str(CHART), "-n", namespace, *image_values(kubectl.is_ours), *extra,
        "--wait", "--timeout=150s",
    )  # fmt: skip


def uninstall_operator(kubectl: Kubectl, release: str = RELEASE, namespace: str = OPERATOR_NAMESPACE) -> None:
    """Remove the operator; resources and CRDs stay."""
    if any(found["name"] == release for found in json.loads(kubectl.helm("list", "-n", namespace, "-o", "json"))):
        kubectl.helm("uninstall", release, "-n", namespace, "--wait")
