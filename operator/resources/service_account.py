"""The ServiceAccount of the Triton pods."""

from glm_operator.api.inference import GLMInference
from glm_operator.resources.names import Object, child_metadata


def service_account(inference: GLMInference) -> Object | None:
    """An identity without any rights and without a token; None when the resource names one."""
    if inference.spec.runtime.pod_template.service_account_name is not None:
        return None
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": child_metadata(inference),
        "automountServiceAccountToken": False,
    }
