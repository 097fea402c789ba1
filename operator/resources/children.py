"""All children of a GLMInference, in the order in which they are applied."""

from typing import Final

from glm_operator.api import group
from glm_operator.api.inference import GLMInference
from glm_operator.resources.disruption_budget import disruption_budget
from glm_operator.resources.gateway_service import gateway_service
from glm_operator.resources.names import Object, gateway_service_name
from glm_operator.resources.network_policy import network_policy
from glm_operator.resources.repository_plan import model_config_map
from glm_operator.resources.service_account import service_account
from glm_operator.resources.triton_deployment import Images, deployment_with_kept_images, pod_hash
from glm_operator.resources.triton_service import triton_service

CHILD_KINDS: tuple[str, ...] = (
    "ServiceAccount",
    "ConfigMap",
    "NetworkPolicy",
    "Service",
    "PodDisruptionBudget",
    "Deployment",
)

GATEWAY_SERVICE: Final = "GatewayService"
"""Key of the second Service."""


def single_children(inference_name: str) -> dict[str, tuple[str, str]]:
    """Children of which there is at most one: a key, which is the kind but for the second Service; kind and name."""
    own = {kind: (kind, inference_name) for kind in CHILD_KINDS if kind != "ConfigMap"}
    return own | {GATEWAY_SERVICE: ("Service", gateway_service_name(inference_name))}


def child_key(child: Object) -> str:
    """The key of a child that we have made."""
    owner = child["metadata"]["labels"][group.LABEL_INFERENCE]
    if (child["kind"], child["metadata"]["name"]) == ("Service", gateway_service_name(owner)):
        return GATEWAY_SERVICE
    return str(child["kind"])


def desired_children(
    inference: GLMInference,
    images: Images,
    repository_hash: str | None,
    running: Object | None,
    gateway_host: str | None = None,
) -> tuple[Object, ...]:
    """The desired objects; what the Deployment needs comes before it, and what it can do without after it.

    Args:
        inference: the resource.
        images: images by the operator's settings.
        repository_hash: hash of the models that the pods are rolled with, if it is known.
        running: the Deployment as the cluster has it, whose default images are kept.
        gateway_host: DNS name of the gateway's Service; None when it isn't installed.
    """
    config_map = model_config_map(inference, pod_hash(inference, images))
    name = config_map["metadata"]["name"]
    candidates = (
        service_account(inference),
        config_map,
        network_policy(inference),
        triton_service(inference),
        disruption_budget(inference),
        deployment_with_kept_images(inference, images, name, repository_hash, running),
        # Last: where a policy or a quota refuses this alias, the pods and their own Service are there all the same.
        gateway_service(inference, gateway_host),
    )
    return tuple(candidate for candidate in candidates if candidate is not None)
