"""Install the operator with its Helm chart, into the cluster."""

import json
from typing import Final

from demo.built_images import reference
from demo.kubectl import CommandFailedError, Kubectl
from demo.paths import CHART

OPERATOR_NAMESPACE: Final = "glm-system"
RELEASE: Final = "glm-operator"
RESTRICTED: Final = {"pod-security.kubernetes.io/enforce": "restricted"}


def ensure_namespace(kubectl: Kubectl, name: str) -> None:
    """A namespace whose pods must be restricted."""
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}})


def image_values(ours: bool) -> list[str]:
    """Helm arguments for the images: those built here, or for another's cluster those the user pushed there."""
    policy = "Never" if ours else "IfNotPresent"
    values = {"image.pullPolicy": policy, "runtime.image": reference("triton-cpu", ours)}
    for key, name in (("image", "operator"), ("gateway.image", "envoy")):
        repository, _, tag = reference(name, ours).rpartition(":")
        values |= {f"{key}.repository": repository, f"{key}.tag": tag}
    return [f"--set-string={key}={value}" for key, value in values.items()]


def install_operator(
    kubectl: Kubectl, *extra: str, release: str = RELEASE, namespace: str = OPERATOR_NAMESPACE
) -> None:
    """Install or upgrade the operator and wait until it is ready."""
    ensure_namespace(kubectl, namespace)
    try:
        _upgrade(kubectl, release, namespace, extra)
    except CommandFailedError as error:
        raise CommandFailedError(f"{error}\n{_why_not_ready(kubectl, release, namespace)}") from None


def _upgrade(kubectl: Kubectl, release: str, namespace: str, extra: tuple[str, ...]) -> None:
    kubectl.helm(
        "upgrade", "--install", release, str(CHART), "-n", namespace, *image_values(kubectl.is_ours), *extra,
        # A CRD that an earlier installation left (they are kept) or that was applied by hand is taken over.
        "--take-ownership", "--wait", "--timeout=150s",
    )  # fmt: skip


def _why_not_ready(kubectl: Kubectl, release: str, namespace: str) -> str:
    looks = (
        ("get", "pods", "-n", namespace),
        ("logs", f"deployment/{release}", "-n", namespace, "--tail=15"),
        ("get", "events", "-n", namespace, "--field-selector=type=Warning", "--sort-by=.lastTimestamp"),
    )
    told = []
    for look in looks:
        try:
            told.append(f"$ kubectl {' '.join(look)}\n{kubectl(*look)}")
        except CommandFailedError as error:
            told.append(f"$ kubectl {' '.join(look)}\n{error}")
    return "\n".join(told)


def uninstall_operator(kubectl: Kubectl, release: str = RELEASE, namespace: str = OPERATOR_NAMESPACE) -> None:
    """Remove the operator; resources and CRDs stay."""
    if any(found["name"] == release for found in json.loads(kubectl.helm("list", "-n", namespace, "-o", "json"))):
        kubectl.helm("uninstall", release, "-n", namespace, "--wait")
