"""Security: known vulnerabilities, secrets in the open, protections that are switched off."""

import re
from collections.abc import Iterator
from typing import Final

from glm_operator.analysis.finding import Problem
from glm_operator.analysis.subject import Subject
from glm_operator.api.triton_versions import is_vulnerable, vulnerability_message

_SECRET_NAME: Final = re.compile(
    r"(^|[_.-])(password|passwd|secret|token|api[_-]?key|access[_-]?key|credentials?)$", re.IGNORECASE
)
_RUNTIME: Final = ("spec", "runtime")


def version(subject: Subject) -> Iterator[Problem]:
    """Versions that let a caller run code."""
    runtime = subject.spec.runtime
    if is_vulnerable(runtime.version):
        what, _, fix = vulnerability_message(runtime.version).partition(". ")
        field = "version" if subject.is_given("runtime.version") else "image"
        yield Problem("GLM701", (*_RUNTIME, field), what, fix)


def secrets_in_the_open(subject: Subject) -> Iterator[Problem]:
    """Parameters stand readable in a ConfigMap and in Triton's own answers. Their values are never shown here."""
    for index, model in enumerate(subject.spec.models):
        for key, value in model.parameters.items():
            if value and _SECRET_NAME.search(key):
                message = f"parameter {key} of model {model.name} can be read by everybody who may ask the server"
                yield Problem("GLM702", ("spec", "models", index, "parameters", key), message)


def plain_http(subject: Subject) -> Iterator[Problem]:
    """Credentials that anybody on the way can read."""
    http = subject.spec.repository.http
    if http is not None and http.secret_ref is not None and http.uri.startswith("http://"):
        yield Problem(
            "GLM703", ("spec", "repository", "http", "uri"), "the credentials of secretRef go over plain http"
        )


def protections(subject: Subject) -> Iterator[Problem]:
    """Annotations that take a container's confinement away."""
    for key, value in subject.spec.runtime.pod_template.annotations.items():
        guard = key.startswith(
            ("container.apparmor.security.beta.kubernetes.io/", "seccomp.security.alpha.kubernetes.io/")
        )
        if guard and value == "unconfined":
            yield Problem("GLM704", (*_RUNTIME, "podTemplate", "annotations", key), f"{key} is unconfined")


def host_folders(subject: Subject) -> Iterator[Problem]:
    """A volume of `hostPath` behind the claim."""
    claim = subject.spec.repository.persistent_volume_claim
    document = subject.named("PersistentVolumeClaim", claim.name) if claim is not None else None
    if claim is None or document is None:
        return
    for volume in subject.surroundings.of_kind("PersistentVolume"):
        bound = volume.name == document.text_at("spec", "volumeName") or (
            volume.text_at("spec", "claimRef", "name") == claim.name
        )
        if bound and volume.at("spec", "hostPath") is not None:
            message = f"volume {volume.name} is folder {volume.text_at('spec', 'hostPath', 'path')} of a node"
            yield Problem("GLM705", ("spec", "hostPath"), message, document=volume)


def verbose_logs(subject: Subject) -> Iterator[Problem]:
    """Verbose logs hold details of the requests."""
    for index, argument in enumerate(subject.spec.runtime.extra_args):
        name, _, value = argument.partition("=")
        if name == "--log-verbose" and value != "0":
            yield Problem("GLM706", (*_RUNTIME, "extraArgs", index), f"{argument} logs details of each request")


CHECKS: Final = (version, secrets_in_the_open, plain_http, protections, host_folders, verbose_logs)
