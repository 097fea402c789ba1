"""Ask a Service from inside the cluster: a pod that runs a Python script and ends."""

import uuid
from typing import Any

from demo.built_images import reference
from demo.kubectl import Kubectl
from demo.wait import wait_for


def ask_from_a_pod(kubectl: Kubectl, namespace: str, script: str, *arguments: str, seconds: float = 60.0) -> str:
    """Run a script (standard library only) in a restricted pod; what it printed.

    Raises:
        RuntimeError: when the script fails, with what it printed.
    """
    name = f"client-{uuid.uuid4().hex[:8]}"
    kubectl.apply(_pod(name, reference("operator", kubectl.is_ours), script, arguments), namespace=namespace)
    try:
        phase = wait_for(f"pod {name}", lambda: _ended(kubectl, namespace, name), seconds)
        output = kubectl("logs", name, "-n", namespace)
    finally:
        kubectl("delete", "pod", name, "-n", namespace, "--wait=false", "--ignore-not-found")
    if phase != "Succeeded":
        raise RuntimeError(f"the client failed: {output}")
    return output


def _ended(kubectl: Kubectl, namespace: str, name: str) -> tuple[str | None, str]:
    phase = kubectl.json("get", "pod", name, "-n", namespace).get("status", {}).get("phase", "Unknown")
    return (phase, "") if phase in {"Succeeded", "Failed"} else (None, f"phase {phase}")


def _pod(name: str, image: str, script: str, arguments: tuple[str, ...]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "client",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["python3", "-c", script, *arguments],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }
