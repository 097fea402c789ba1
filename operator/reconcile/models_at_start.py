"""When a change of the models has to roll the pods although a running pod could be told of it: when a pod can't run.

A pod whose init container fails is held back by kubelet for minutes, and one whose server dies while it loads starts
again with what was laid out for it once. Neither can be told anything, so mended models reach them by new pods.
"""

from collections.abc import Iterable
from typing import Final

from glm_operator.api import group
from glm_operator.api.inference import GLMInference
from glm_operator.resources.hashing import content_hash
from glm_operator.resources.model_revision import WantedModel
from glm_operator.resources.names import REPOSITORY_CONTAINER, model_config_name
from glm_operator.resources.triton_deployment import Images, pod_hash
from glm_operator.status.findings import ENDED_ONCE, IMAGE_REASONS, newest_pods
from glm_operator.status.observation import Observation, PodObservation, generated_config_map

_NOT_THE_MODELS: Final = IMAGE_REASONS | {"CreateContainerConfigError", "CreateContainerError"}


def models_to_roll_with(inference: GLMInference, observed: Observation, images: Images) -> str | None:
    """Hash of the models for the pod template: the one that it has, or the newest where the pods roll anyway or must.

    None: not known, because the source of the files isn't there and there is no Deployment yet.
    """
    running = observed.children.get("Deployment")
    newest = None if observed.wanted is None else models_hash(observed.wanted)
    if running is None:
        return newest
    template = running["spec"]["template"]
    present = template["metadata"].get("annotations", {}).get(group.ANNOTATION_REPOSITORY_HASH)
    plan = model_config_name(inference.name, pod_hash(inference, images))
    rolls = generated_config_map(template["spec"]) != plan or any(_is_stuck(pod) for pod in newest_pods(observed))
    return newest if rolls and newest is not None else present


def models_hash(wanted: Iterable[WantedModel]) -> str:
    """Hash of the models' revisions."""
    return content_hash({model.name: model.revision for model in wanted})


def _is_stuck(pod: PodObservation) -> bool:
    trouble = pod.trouble
    if pod.started or trouble is None or trouble.reason in _NOT_THE_MODELS:
        return False
    return trouble.container == REPOSITORY_CONTAINER or trouble.reason not in ENDED_ONCE
