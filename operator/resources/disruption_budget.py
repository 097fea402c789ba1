"""The PodDisruptionBudget of the Triton pods."""

from glm_operator.api.inference import GLMInference
from glm_operator.resources.names import Object, child_metadata, selector_labels


def disruption_budget(inference: GLMInference) -> Object:
    """At most one pod is evicted at a time.

    `maxUnavailable` and not `minAvailable`: with a single replica the latter would block every node drain. Pods that
    are not ready may always be evicted, since they serve nothing.
    """
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": child_metadata(inference),
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": selector_labels(inference.name)},
        },
    }
