"""The Service by whose name clients reach a resource through the gateway."""

from glm_operator.api.inference import GLMInference, GLMInferenceSpec
from glm_operator.resources.names import GRPC_PORT, HTTP_PORT, Object, child_metadata, gateway_service_name


def uses_gateway(spec: GLMInferenceSpec) -> bool:
    """Whether the requests of a resource go through the operator's own gateway, where there is one."""
    return spec.traffic.provider == "Envoy"


def gateway_service(inference: GLMInference, gateway_host: str | None) -> Object | None:
    """A second name for the gateway's Service, in the resource's namespace: Envoy tells by it which resource is meant.

    None where the resource doesn't use the gateway, or there is none.

    Args:
        inference: the resource.
        gateway_host: DNS name of the gateway's own Service; None when it isn't installed.
    """
    if gateway_host is None or not uses_gateway(inference.spec):
        return None
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": child_metadata(inference, gateway_service_name(inference.name)),
        "spec": {
            "type": "ExternalName",
            "externalName": gateway_host,
            # An alias has no use for ports, but service meshes learn from them what is spoken.
            "ports": [
                {"name": "http", "port": HTTP_PORT, "protocol": "TCP", "appProtocol": "http"},
                {"name": "grpc", "port": GRPC_PORT, "protocol": "TCP", "appProtocol": "kubernetes.io/h2c"},
            ],
        },
    }
