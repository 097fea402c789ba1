"""The plan that the init container follows to lay out Triton's model repository, and the ConfigMap that carries it.

A ConfigMap volume is no model repository (kubelet's `..data` links are read as models), and a volume of the user's
must not be written to. So the init container makes the folders in an `emptyDir`: it copies a ConfigMap's keys and
links to the version folders of a volume or image, beside the generated configurations.
"""

import json
from typing import Final

from glm_operator.api.inference import GLMInference, GLMInferenceSpec
from glm_operator.api.quantity import quantity_bytes
from glm_operator.api.repository import Repository
from glm_operator.api.repository_layout import CONFIG_MAP_KEYS, CONFIG_SUFFIX, FETCH_FILE, FOLDERS, PLAN_FILE
from glm_operator.resources.model_config import ensemble_config, model_config
from glm_operator.resources.model_revision import marked_config
from glm_operator.resources.names import Object, child_metadata, model_config_name

PLAN_PATH: Final = "/etc/glm/repository"
SOURCE_PATH: Final = "/repository"
MODELS_PATH: Final = "/models"


def repository_data(spec: GLMInferenceSpec) -> dict[str, str]:
    """File name to content: one configuration a model and ensemble, and the plan."""
    gpus = spec.runtime.gpu.count
    configs = {f"{model.name}{CONFIG_SUFFIX}": marked_config(model_config(model, gpus)) for model in spec.models}
    configs |= {f"{ensemble.name}{CONFIG_SUFFIX}": ensemble_config(ensemble) for ensemble in spec.ensembles}
    plan = {
        "layout": _layout(spec),
        "models": [{"name": model.name, "required": model.required} for model in spec.models],
        "ensembles": [ensemble.name for ensemble in spec.ensembles],
    }
    return configs | {PLAN_FILE: json.dumps(plan, sort_keys=True)} | _fetch_data(spec.repository)


def _fetch_data(repository: Repository) -> dict[str, str]:
    """What the container that fetches is told; nothing where the source is a volume."""
    source, download = repository.fetched, repository.effective_download
    if source is None:
        return {}
    plan = {
        "kind": "s3" if repository.s3 is not None else "http",
        "source": source.model_dump(exclude={"secret_ref"}),
        "secret": source.secret_ref.name if source.secret_ref is not None else "",
        "size_limit_bytes": quantity_bytes(download.size_limit),
        "timeout_seconds": download.timeout_seconds,
    }
    return {FETCH_FILE: json.dumps(plan, sort_keys=True)}


def fixed_layout(spec: GLMInferenceSpec) -> Object:
    """What of the repository can't be changed in a running pod, so that a change of it rolls the pods.

    The folder of a new model in a volume is linked by the init container alone. Triton loads the members of an
    ensemble anew, from disk, whenever it loads the ensemble; and ends an ensemble that a member's configuration doesn't
    fit any longer (both seen with 2.51).
    """
    members = {step.model for ensemble in spec.ensembles for step in ensemble.steps}
    gpus = spec.runtime.gpu.count
    return {
        "layout": _layout(spec),
        "folders": sorted(model.name for model in spec.models) if _layout(spec) == FOLDERS else [],
        "ensembles": {ensemble.name: ensemble_config(ensemble) for ensemble in spec.ensembles},
        "members": {model.name: model_config(model, gpus) for model in spec.models if model.name in members},
        # What has been fetched stays as it is while the pod lives.
        **_fetch_data(spec.repository),
    }


def model_config_map(inference: GLMInference, pod_hash: str) -> Object:
    """The ConfigMap with the model configurations, one for each revision of the pods.

    It follows the resource for as long as its revision is the newest, so that a pod that is made anew starts with the
    newest models; then it stays, so that a pod of an older revision still finds what fits it.
    """
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": child_metadata(inference, model_config_name(inference.name, pod_hash)),
        "data": repository_data(inference.spec),
    }


def _layout(spec: GLMInferenceSpec) -> str:
    return CONFIG_MAP_KEYS if spec.repository.config_map is not None else FOLDERS


def source_volume(spec: GLMInferenceSpec) -> Object:
    """The pod's volume with the user's model files."""
    repository = spec.repository
    if repository.config_map is not None:
        return {"name": "source", "configMap": {"name": repository.config_map.name}}
    if repository.persistent_volume_claim is not None:
        claim = repository.persistent_volume_claim.name
        return {"name": "source", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}
    if repository.image is not None:
        image = repository.image
        return {"name": "source", "image": {"reference": image.reference, "pullPolicy": image.pull_policy}}
    return {"name": "source", "emptyDir": {"sizeLimit": repository.effective_download.size_limit}}


def source_mount(spec: GLMInferenceSpec) -> Object:
    """Where that volume is mounted, in the layout's container and in Triton's, so that links hold in both."""
    mount: Object = {"name": "source", "mountPath": SOURCE_PATH, "readOnly": True}
    folder = spec.repository.persistent_volume_claim or spec.repository.image
    if folder is not None and folder.path:
        mount["subPath"] = folder.path
    return mount
