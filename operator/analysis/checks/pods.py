"""The pods: image, flags, times, labels."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from glm_operator.analysis.finding import Path, Problem
from glm_operator.analysis.subject import Subject
from glm_operator.api.quantity import quantity
from glm_operator.api.triton_versions import Version, version_of, version_of_release
from glm_operator.resources.names import child_labels

LARGE_MODEL_ENGINES: Final = frozenset({"VLLM", "TensorRTLLM"})
LARGE_MODEL_STARTUP_SECONDS: Final = 600
"""Weights of tens of gigabytes take minutes to read, and CUDA graphs minutes to capture."""
LARGE_MODEL_SHARED_MEMORY: Final = "1Gi"
_PART: Final = r"[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*"
_REFERENCE: Final = re.compile(
    rf"(?:(?:[A-Za-z0-9-]+(?:[.][A-Za-z0-9-]+)+(?::\d+)?|[A-Za-z0-9-]+:\d+|localhost)/)?{_PART}(?:/{_PART})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
)
"""A name that a node can pull: what the `distribution` project takes for one."""
_MOVING_TAGS: Final = frozenset({"latest", "main", "master", "nightly", "dev", "edge", "stable"})
_RELEASE: Final = re.compile(r"tritonserver(?:-[a-z0-9]+)*:(\d{2})\.(\d{2})(?!\d)")
_REPEATABLE_FLAGS: Final = frozenset(
    {"--backend-config", "--cache-config", "--cuda-memory-pool-byte-size", "--cuda-virtual-address-size",
     "--model-load-gpu-limit", "--rate-limit-resource"}
)  # fmt: skip
_RUNTIME: Final = ("spec", "runtime")


def image(subject: Subject) -> Iterator[Problem]:
    """An image that can't change by itself, and whose version is the one that is said."""
    reference = subject.spec.runtime.image
    if not reference:
        return
    path = (*_RUNTIME, "image")
    named, _, digest = reference.partition("@")
    tag = named.rsplit("/", 1)[-1].partition(":")[2]
    if not digest and (not tag or tag in _MOVING_TAGS):
        yield Problem(
            "GLM303", path, f"{reference} is whatever was pushed last; a restarted pod may run another server"
        )
    elif not digest:
        yield Problem("GLM304", path, f"{reference} can be pushed anew under the same tag")
    yield from _version(subject, named)


def references(subject: Subject) -> Iterator[Problem]:
    """Names that no node can pull: `InvalidImageName`."""
    source = subject.spec.repository.image
    named: list[tuple[Path, str]] = [((*_RUNTIME, "image"), subject.spec.runtime.image)]
    if source is not None:
        named.append((("spec", "repository", "image", "reference"), source.reference))
    for path, reference in named:
        if reference and not _REFERENCE.fullmatch(reference):
            yield Problem("GLM318", path, f"{reference} can't be pulled")


def _version(subject: Subject, named: str) -> Iterator[Problem]:
    match = _RELEASE.search(named)
    version = release_version(match) if match else None
    said = version_of(subject.spec.runtime.version)
    if match and version is not None and said[:2] != version[:2]:
        message = f"the image is release {match[1]}.{match[2]}, which is version {_text(version)}, not {_text(said)}"
        yield Problem("GLM309", (*_RUNTIME, "version"), message, f'write version: "{_text(version)}"')


def release_version(match: re.Match[str]) -> Version | None:
    """Server version of a tag such as `24.10-py3`."""
    return version_of_release(int(match[1]), int(match[2]))


def _text(version: Version) -> str:
    return ".".join(map(str, version))


def large_models(subject: Subject) -> Iterator[Problem]:
    """What the engines for large language models need."""
    runtime = subject.spec.runtime
    engines = sorted({model.engine for model in subject.spec.models} & LARGE_MODEL_ENGINES)
    if not engines:
        return
    if runtime.startup_seconds < LARGE_MODEL_STARTUP_SECONDS:
        message = f"engine {engines[0]} gets {runtime.startup_seconds} s, then the container is started anew, and again"
        yield Problem("GLM307", (*_RUNTIME, "startupSeconds"), message)
    given, wanted = quantity(runtime.shared_memory), quantity(LARGE_MODEL_SHARED_MEMORY)
    if runtime.gpu.count > 1 and given is not None and wanted is not None and given < wanted:
        message = f"{runtime.gpu.count} GPUs exchange tensors through {runtime.shared_memory} of /dev/shm"
        yield Problem("GLM308", (*_RUNTIME, "sharedMemory"), message)


def ending(subject: Subject) -> Iterator[Problem]:
    """Requests that run when a pod is told to stop."""
    if subject.spec.runtime.exit_timeout_seconds == 0:
        yield Problem("GLM312", (*_RUNTIME, "exitTimeoutSeconds"), "every rollout cuts requests off")


def flags(subject: Subject) -> Iterator[Problem]:
    """A flag that stands twice: the server takes the last one."""
    arguments = subject.spec.runtime.extra_args
    count = Counter(argument.split("=")[0] for argument in arguments)
    for index, argument in enumerate(arguments):
        name = argument.split("=")[0]
        if count[name] > 1 and name not in _REPEATABLE_FLAGS:
            yield Problem("GLM316", (*_RUNTIME, "extraArgs", index), f"{name} stands {count[name]} times")


def labels(subject: Subject) -> Iterator[Problem]:
    """Labels of the pod template that are the operator's."""
    template = subject.spec.runtime.pod_template
    path = (*_RUNTIME, "podTemplate")
    own = child_labels(subject.inference.name)
    for key, value in template.labels.items():
        if key in own and own[key] != value:
            yield Problem("GLM311", (*path, "labels", key), f"{key} stays {own[key]}: the Service selects pods by it")


CHECKS: Final = (image, references, large_models, ending, flags, labels)
