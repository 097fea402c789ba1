"""The Deployment of Triton pods.

Its pod template is a contract: a new operator version must produce the same one for the same resource, or an upgrade
of the operator restarts every server (golden files in `tests/resources/golden/` hold it).
"""

import json
from dataclasses import asdict, dataclass
from typing import Final

from glm_operator.api import group
from glm_operator.api.inference import GLMInference, GLMInferenceSpec
from glm_operator.resources.fetch_container import fetch_container, without_allowed_urls
from glm_operator.resources.hashing import content_hash
from glm_operator.resources.names import (
    CONFIG_VOLUME,
    GRPC_PORT,
    HTTP_PORT,
    METRICS_PORT,
    REPOSITORY_CONTAINER,
    TRITON_CONTAINER,
    Object,
    child_labels,
    child_metadata,
    selector_labels,
)
from glm_operator.resources.probes import liveness_probe, needs_readiness_gate, readiness_probe, startup_probe
from glm_operator.resources.repository_plan import MODELS_PATH, PLAN_PATH, fixed_layout, source_mount, source_volume
from glm_operator.resources.triton_arguments import triton_arguments

USER_ID: Final = 1000
"""The `triton-server` user of NVIDIA's images."""
PRE_STOP_SECONDS: Final = 5
"""Time for every node to take the pod out of its Service before the server is told to stop."""
STOP_MARGIN_SECONDS: Final = 15
_QUOTA_RESOURCES: Final = ("cpu", "ephemeral-storage")
"""Beside memory, what a quota can want every container to name."""
PROGRESS_MARGIN_SECONDS: Final = 120
# Paths inside the pod, where each is a volume of its own.
SCRATCH_PATH: Final = "/tmp"  # noqa: S108
SHARED_MEMORY_PATH: Final = "/dev/shm"  # noqa: S108


@dataclass(frozen=True, slots=True)
class Images:
    """Images that the operator's settings give."""

    runtime: str
    """Triton, where the resource names none."""
    repository: str
    """The init container that lays out the model repository."""
    pull_policy: str = "IfNotPresent"
    repository_urls: str = ""
    """No image, but a default like them: addresses that model files may be fetched from."""


def triton_deployment(
    inference: GLMInference, images: Images, config_map_name: str, repository_hash: str | None
) -> Object:
    """The desired Deployment.

    Args:
        inference: the resource.
        images: images by the operator's settings.
        config_map_name: the ConfigMap with the generated model configurations.
        repository_hash: hash of the models that the pods are rolled with; None where it isn't known.
    """
    spec = inference.spec
    template = _pod_template(inference, images, config_map_name, repository_hash)
    revision = _hash_without_default_images(template, spec)
    metadata = child_metadata(inference)
    given = {key: value for key, value in asdict(images).items() if value}
    metadata["annotations"] = {group.ANNOTATION_DEFAULT_IMAGES: json.dumps(given, sort_keys=True)}
    template["metadata"]["annotations"][group.ANNOTATION_TEMPLATE_HASH] = revision
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": spec.effective_replicas,
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": _fetch_seconds(spec) + spec.runtime.startup_seconds + PROGRESS_MARGIN_SECONDS,
            "selector": {"matchLabels": selector_labels(inference.name)},
            # A new pod must serve before an old one goes: a broken version then never takes capacity away.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": template,
        },
    }


def pod_hash(inference: GLMInference, images: Images) -> str:
    """Hash of everything that rolls the pods: their template without default images, and what they can't be told."""
    template = _hash_without_default_images(_pod_template(inference, images, "", None), inference.spec)
    return content_hash({"template": template, "layout": fixed_layout(inference.spec)})


def _fetch_seconds(spec: GLMInferenceSpec) -> int:
    return spec.repository.effective_download.timeout_seconds if spec.repository.fetched is not None else 0


def running_images(deployment: Object) -> Images | None:
    """The default images that a Deployment was made with; None when it doesn't tell."""
    text = deployment["metadata"].get("annotations", {}).get(group.ANNOTATION_DEFAULT_IMAGES)
    try:
        return None if text is None else Images(**json.loads(text))
    except (ValueError, TypeError):
        return None


def deployment_with_kept_images(
    inference: GLMInference, images: Images, config_map: str, repository_hash: str | None, running: Object | None
) -> Object:
    """The desired Deployment, with the default images that run already when nothing else about the pods has changed.

    An upgrade of the operator brings new default images; they are taken up with the next change of the resource, not
    by restarting every server at once. What is kept is what the operator chose then, not what somebody put there.
    """
    desired = triton_deployment(inference, images, config_map, repository_hash)
    if running is None or template_revision(running) != template_revision(desired):
        return desired
    return triton_deployment(inference, running_images(running) or images, config_map, repository_hash)


def template_revision(deployment: Object) -> str:
    """The revision that a Deployment's pods shall have; empty when it isn't one of ours."""
    return revision_of(deployment["spec"]["template"])


def revision_of(pod_or_template: Object) -> str:
    """The revision that a pod was made from. It changes with the template, but not with the default images."""
    return str(pod_or_template["metadata"].get("annotations", {}).get(group.ANNOTATION_TEMPLATE_HASH, ""))


def _hash_without_default_images(template: Object, spec: GLMInferenceSpec) -> str:
    def stripped(container: Object) -> Object:
        given = container["name"] == TRITON_CONTAINER and spec.runtime.image
        defaulted = {"imagePullPolicy"} if given else {"image", "imagePullPolicy"}
        return {key: value for key, value in without_allowed_urls(container).items() if key not in defaulted}

    pod = template["spec"]
    masked = {key: [stripped(container) for container in pod[key]] for key in ("containers", "initContainers")}
    return content_hash(template | {"spec": pod | masked})


def _pod_template(inference: GLMInference, images: Images, config_map: str, repository_hash: str | None) -> Object:
    additions = inference.spec.runtime.pod_template
    annotations = dict(additions.annotations)
    if repository_hash is not None:
        annotations[group.ANNOTATION_REPOSITORY_HASH] = repository_hash
    metadata: Object = {"labels": additions.labels | child_labels(inference.name), "annotations": annotations}
    return {"metadata": metadata, "spec": _pod_spec(inference, images, config_map)}


def _pod_spec(inference: GLMInference, images: Images, config_map: str) -> Object:
    spec, additions = inference.spec, inference.spec.runtime.pod_template
    pod: Object = {
        # The server then isn't process 1, so that SIGTERM ends it also while it loads models.
        "shareProcessNamespace": True,
        "serviceAccountName": additions.service_account_name or inference.name,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": PRE_STOP_SECONDS + spec.runtime.exit_timeout_seconds + STOP_MARGIN_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": _init_containers(spec, images),
        "containers": [_triton_container(spec, images)],
        "volumes": _volumes(spec, config_map),
    }
    if needs_readiness_gate(spec):
        pod["readinessGates"] = [{"conditionType": group.READINESS_GATE}]
    return pod | _scheduling(spec)


def _scheduling(spec: GLMInferenceSpec) -> Object:
    additions = spec.runtime.pod_template
    wanted: Object = {
        "nodeSelector": dict(additions.node_selector),
        "tolerations": [t.model_dump(by_alias=True, exclude_none=True) for t in additions.tolerations],
        "affinity": dict(additions.affinity),
        "imagePullSecrets": [reference.model_dump() for reference in additions.image_pull_secrets],
    }
    return {key: value for key, value in wanted.items() if value}


def _container_security() -> Object:
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def _init_containers(spec: GLMInferenceSpec, images: Images) -> list[Object]:
    image = {"image": images.repository, "imagePullPolicy": images.pull_policy}
    fetch = fetch_container(spec, image, images.repository_urls, _container_security())
    return [*([] if fetch is None else [fetch]), _repository_container(spec, image)]


def _repository_container(spec: GLMInferenceSpec, image: Object) -> Object:
    return {
        "name": REPOSITORY_CONTAINER,
        **image,
        "command": ["python3", "-m", "glm_operator.repository_init.main"],
        "args": [f"--plan={PLAN_PATH}", "--source=" + source_mount(spec)["mountPath"], f"--target={MODELS_PATH}"],
        "terminationMessagePolicy": "File",
        "resources": _repository_resources(spec),
        "securityContext": _container_security(),
        "volumeMounts": [
            {"name": "models", "mountPath": MODELS_PATH},
            {"name": CONFIG_VOLUME, "mountPath": PLAN_PATH, "readOnly": True},
            source_mount(spec),
        ],
    }


def _repository_resources(spec: GLMInferenceSpec) -> Object:
    """What copying files needs, and whatever the server names besides: a quota wants it of every container."""
    given = spec.runtime.resources
    requests, limits = (
        {name: str(quantities[name]) for name in _QUOTA_RESOURCES if name in quantities}
        for quantities in (given.requests, given.limits)
    )
    return {
        "requests": requests | {"cpu": "10m", "memory": "32Mi"},
        "limits": limits | {"memory": "128Mi"},
    }


def _triton_container(spec: GLMInferenceSpec, images: Images) -> Object:
    return {
        "name": TRITON_CONTAINER,
        "image": spec.runtime.image or images.runtime,
        "imagePullPolicy": images.pull_policy,
        "command": ["tritonserver"],
        "args": triton_arguments(spec),
        # Engines that write caches or look for a home folder find the only writable one.
        "env": [{"name": "HOME", "value": SCRATCH_PATH}],
        "ports": [
            {"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"},
            {"name": "grpc", "containerPort": GRPC_PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
        ],
        "startupProbe": startup_probe(spec),
        "readinessProbe": readiness_probe(spec),
        "livenessProbe": liveness_probe(),
        "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP_SECONDS}}},
        "resources": _resources(spec),
        "securityContext": _container_security(),
        "volumeMounts": [
            {"name": "models", "mountPath": MODELS_PATH, "readOnly": True},
            source_mount(spec),
            {"name": "shared-memory", "mountPath": SHARED_MEMORY_PATH},
            {"name": "scratch", "mountPath": SCRATCH_PATH},
        ],
    }


def _resources(spec: GLMInferenceSpec) -> Object:
    runtime = spec.runtime
    limits = {name: str(quantity) for name, quantity in runtime.resources.limits.items()}
    if runtime.gpu.count:
        limits[runtime.gpu.resource_name] = str(runtime.gpu.count)
    requests = {name: str(quantity) for name, quantity in runtime.resources.requests.items()}
    return {key: value for key, value in (("requests", requests), ("limits", limits)) if value}


def _volumes(spec: GLMInferenceSpec, config_map: str) -> list[Object]:
    return [
        {"name": "models", "emptyDir": {}},
        {"name": CONFIG_VOLUME, "configMap": {"name": config_map}},
        source_volume(spec),
        {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": spec.runtime.shared_memory}},
        {"name": "scratch", "emptyDir": {}},
    ]
