"""Names, labels and owner references of the children. Whoever stores or looks up a child asks here."""

from typing import Any

from glm_operator.api import group
from glm_operator.api.inference import GLMInference

Object = dict[str, Any]
"""A Kubernetes object as JSON."""

HTTP_PORT, GRPC_PORT, METRICS_PORT = 8000, 8001, 8002
TRITON_CONTAINER = "triton"
REPOSITORY_CONTAINER = "model-repository"
FETCH_CONTAINER = "fetch"
CONFIG_VOLUME = "model-config"


def selector_labels(name: str) -> dict[str, str]:
    """Labels that select the pods of a GLMInference. A Deployment's selector can never change, so neither may these."""
    return {group.LABEL_NAME: group.RUNTIME_APP_NAME, group.LABEL_INFERENCE: name}


def selector_text(name: str) -> str:
    """The same as the API takes it in a query."""
    return ",".join(f"{key}={value}" for key, value in selector_labels(name).items())


def child_labels(name: str) -> dict[str, str]:
    """Labels of every child."""
    return selector_labels(name) | {group.LABEL_INSTANCE: name, group.LABEL_MANAGED_BY: group.MANAGED_BY}


def child_metadata(inference: GLMInference, name: str | None = None) -> Object:
    """Metadata of a child: name, namespace, labels, and the owner that the garbage collector goes by."""
    return {
        "name": name or inference.name,
        "namespace": inference.namespace,
        "labels": child_labels(inference.name),
        "ownerReferences": [
            {
                "apiVersion": group.API_VERSION,
                "kind": group.KIND,
                "name": inference.name,
                "uid": inference.uid,
                "controller": True,
            }
        ],
    }


def model_config_name(inference_name: str, pod_hash: str) -> str:
    """Name of the ConfigMap with the generated model configurations.

    It is one a revision of the pods, so that pods of an older one that are started anew still find theirs.
    """
    return f"{inference_name}-models-{pod_hash}"


def gateway_service_name(inference_name: str) -> str:
    """Name of the Service by which clients reach a resource through the gateway."""
    return f"{inference_name}-gateway"


def service_url(namespace: str, name: str, port: int) -> str:
    """Where the Service answers inside the cluster."""
    return f"http://{name}.{namespace}.svc:{port}"
