"""The model repository: whether its source is there, in the right place, and small enough."""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from glm_operator.analysis.documents import Document
from glm_operator.analysis.finding import Path, Problem
from glm_operator.analysis.subject import Subject

MAX_CONFIG_MAP_BYTES: Final = 1024 * 1024
_SUSPICIOUS_BYTES: Final = 64 * 1024
"""A spec below this size can't make a configuration of 1 MiB: each field becomes one of about the same length."""
_REPOSITORY: Final = ("spec", "repository")


def source_is_nearby(subject: Subject) -> Iterator[Problem]:
    """The ConfigMap or claim is among the files, and in the same namespace."""
    for kind, field, name in _sources(subject):
        path = (*_REPOSITORY, field, "name")
        if subject.named(kind, name) is not None:
            continue
        elsewhere = subject.named_elsewhere(kind, name)
        if elsewhere is not None:
            message = f"{kind} {name} is in namespace {elsewhere.namespace}, the resource in"
            yield Problem("GLM206", path, f"{message} {subject.document.namespace}")
        else:
            yield Problem("GLM202", path, f"{kind} {name} isn't among the files, so its content is unknown")


def claim_is_shared(subject: Subject) -> Iterator[Problem]:
    """Several pods need a claim that several nodes may mount."""
    claim = subject.spec.repository.persistent_volume_claim
    document = subject.named("PersistentVolumeClaim", claim.name) if claim is not None else None
    if document is None or most_pods(subject) <= 1:
        return
    modes = document.at("spec", "accessModes")
    if isinstance(modes, list) and modes and not {"ReadOnlyMany", "ReadWriteMany"} & {str(mode) for mode in modes}:
        message = f"claim {document.name} is {', '.join(map(str, modes))}: pods on other nodes wait for it for ever"
        yield Problem("GLM207", ("spec", "accessModes"), message, document=document)


def image_is_pinned(subject: Subject) -> Iterator[Problem]:
    """Another image under the same tag would change models without a rollout."""
    image = subject.spec.repository.image
    if image is not None and "@sha256:" not in image.reference:
        message = f"{image.reference} may be another image tomorrow, and pods of different age serve different models"
        yield Problem("GLM213", (*_REPOSITORY, "image", "reference"), message)


def secrets_are_nearby(subject: Subject) -> Iterator[Problem]:
    """Secrets are looked for in the resource's own namespace only."""
    for path, name in secret_references(subject):
        elsewhere = subject.named_elsewhere("Secret", name)
        if subject.named("Secret", name) is None and elsewhere is not None:
            message = f"Secret {name} is in namespace {elsewhere.namespace}, the resource in"
            yield Problem("GLM215", path, f"{message} {subject.document.namespace}")


def config_maps_are_small(subject: Subject) -> Iterator[Problem]:
    """The API server takes no larger ConfigMap: neither the user's nor the generated one."""
    source = subject.spec.repository.config_map
    document = subject.named("ConfigMap", source.name) if source is not None else None
    if document is not None and (size := _size(document)) > MAX_CONFIG_MAP_BYTES:
        message = f"ConfigMap {document.name} holds {size} bytes, and may hold {MAX_CONFIG_MAP_BYTES}"
        yield Problem("GLM211", (), message, document=document)
    if len(json.dumps(subject.document.at("spec"))) > _SUSPICIOUS_BYTES:
        size = _generated_size(subject)
        if size > MAX_CONFIG_MAP_BYTES:
            message = f"the models' configurations are {size} bytes, and a ConfigMap holds {MAX_CONFIG_MAP_BYTES}"
            yield Problem("GLM216", ("spec", "models"), message)


def secret_references(subject: Subject) -> Iterator[tuple[Path, str]]:
    """Every Secret that the resource names, and where."""
    repository = subject.spec.repository
    for field, source in (("s3", repository.s3), ("http", repository.http)):
        if source is not None and source.secret_ref is not None:
            yield (*_REPOSITORY, field, "secretRef", "name"), source.secret_ref.name
    for index, reference in enumerate(subject.spec.runtime.pod_template.image_pull_secrets):
        yield ("spec", "runtime", "podTemplate", "imagePullSecrets", index, "name"), reference.name


def most_pods(subject: Subject) -> int:
    """The largest number of pods that there may be."""
    spec = subject.spec
    return spec.scaling.max_replicas if spec.scaling is not None else spec.effective_replicas


def _sources(subject: Subject) -> Iterator[tuple[str, str, str]]:
    repository = subject.spec.repository
    if repository.config_map is not None:
        yield "ConfigMap", "configMap", repository.config_map.name
    if repository.persistent_volume_claim is not None:
        yield "PersistentVolumeClaim", "persistentVolumeClaim", repository.persistent_volume_claim.name


def _size(config_map: Document) -> int:
    """Bytes of keys and values, as the API server counts them; base64 is a third longer than what it stands for."""
    text, binary = _entries(config_map, "data"), _entries(config_map, "binaryData")
    size = sum(len(key.encode()) + len(str(value).encode()) for key, value in text.items())
    return size + sum(len(key.encode()) + len(str(value)) * 3 // 4 for key, value in binary.items())


def _entries(config_map: Document, field: str) -> Mapping[str, object]:
    value = config_map.at(field)
    return {str(key): text for key, text in value.items()} if isinstance(value, Mapping) else {}


def _generated_size(subject: Subject) -> int:
    # Imported here: it brings numpy and gRPC along, and hardly any input needs it.
    from glm_operator.resources.repository_plan import repository_data

    return sum(len(key) + len(text.encode()) for key, text in repository_data(subject.spec).items())


CHECKS: Final = (source_is_nearby, claim_is_shared, image_is_pinned, secrets_are_nearby, config_maps_are_small)
