"""The Service in front of the Triton pods."""

from glm_operator.api.inference import GLMInference
from glm_operator.resources.names import (
    GRPC_PORT,
    HTTP_PORT,
    METRICS_PORT,
    Object,
    child_metadata,
    selector_labels,
)


def triton_service(inference: GLMInference) -> Object:
    """KServe v2 over HTTP and gRPC, and Triton's metrics."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": child_metadata(inference),
        "spec": {
            "type": "ClusterIP",
            "selector": selector_labels(inference.name),
            "ports": [
                _port("http", HTTP_PORT, "http"),
                _port("grpc", GRPC_PORT, "kubernetes.io/h2c"),
                _port("metrics", METRICS_PORT, "http"),
            ],
        },
    }


def _port(name: str, number: int, protocol: str) -> Object:
    return {"name": name, "port": number, "targetPort": name, "protocol": "TCP", "appProtocol": protocol}
