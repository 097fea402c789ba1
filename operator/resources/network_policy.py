"""The NetworkPolicy of the Triton pods."""

from glm_operator.api.inference import GLMInference
from glm_operator.resources.names import GRPC_PORT, HTTP_PORT, METRICS_PORT, Object, child_metadata, selector_labels


def network_policy(inference: GLMInference) -> Object:
    """Only Triton's three ports are reachable. Outgoing traffic stays open: models may call other services."""
    ports = [{"port": port, "protocol": "TCP"} for port in (HTTP_PORT, GRPC_PORT, METRICS_PORT)]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": child_metadata(inference),
        "spec": {
            "podSelector": {"matchLabels": selector_labels(inference.name)},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": ports}],
        },
    }
