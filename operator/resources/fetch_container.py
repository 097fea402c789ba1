"""The init container that fetches the model files of `spec.repository.s3` and `.http` into a volume of the pod.

The user's strings reach it in a file of the generated ConfigMap, and not as arguments or variables, in which kubelet
expands `$(NAME)`. The Secret reaches it by reference: the operator never reads it, and no other container gets it.
"""

from glm_operator.api.inference import GLMInferenceSpec
from glm_operator.api.repository import Repository
from glm_operator.api.repository_layout import ALLOWED_URLS_VARIABLE, SECRET_PREFIX
from glm_operator.resources.names import CONFIG_VOLUME, FETCH_CONTAINER, Object
from glm_operator.resources.repository_plan import PLAN_PATH, SOURCE_PATH


def fetch_container(spec: GLMInferenceSpec, image: Object, allowed_urls: str, security: Object) -> Object | None:
    """The container; None where the source is a volume.

    Args:
        spec: the resource's.
        image: the operator's own image, with its pull policy.
        allowed_urls: the operator's list, for redirects.
        security: the restricted security context.
    """
    source = spec.repository.fetched
    if source is None:
        return None
    container: Object = {
        "name": FETCH_CONTAINER,
        **image,
        "command": ["python3", "-m", "glm_operator.repository_init.fetch_main"],
        "args": [f"--plan={PLAN_PATH}", f"--target={SOURCE_PATH}"],
        "env": [{"name": ALLOWED_URLS_VARIABLE, "value": allowed_urls}],
        "terminationMessagePolicy": "File",
        "resources": _resources(spec.repository),
        "securityContext": security,
        "volumeMounts": [
            {"name": "source", "mountPath": SOURCE_PATH},
            {"name": CONFIG_VOLUME, "mountPath": PLAN_PATH, "readOnly": True},
        ],
    }
    if source.secret_ref is not None:
        container["envFrom"] = [{"prefix": SECRET_PREFIX, "secretRef": {"name": source.secret_ref.name}}]
    return container


def without_allowed_urls(container: Object) -> Object:
    """A container as it counts for the pods' revision: the operator's list is taken up with the next change only."""
    if container["name"] != FETCH_CONTAINER:
        return container
    own = [variable for variable in container.get("env", ()) if variable["name"] != ALLOWED_URLS_VARIABLE]
    return container | {"env": own}


def _resources(repository: Repository) -> Object:
    resources = repository.effective_download.resources
    parts = (("requests", resources.requests), ("limits", resources.limits))
    return {part: {name: str(value) for name, value in amounts.items()} for part, amounts in parts if amounts}
