"""The kubeconfig's present context."""

from kubernetes.aio.config import list_kube_config_contexts


def current_namespace(context: str | None) -> str:
    """Namespace of the named context, or of the current one; `default` where it names none."""
    contexts, active = list_kube_config_contexts()
    chosen = next((entry for entry in contexts if entry["name"] == context), active)
    return str(chosen["context"].get("namespace", "default"))
