"""What else the files hold for the same namespace: other masters of the pods, taken names, quotas."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from glm_operator.analysis.checks.repository import most_pods
from glm_operator.analysis.documents import Document
from glm_operator.analysis.finding import Path, Problem
from glm_operator.analysis.subject import Subject
from glm_operator.api import group
from glm_operator.api.quantity import quantity
from glm_operator.api.types import DNS_LABEL_PATTERN
from glm_operator.resources.names import child_labels
from glm_operator.status.unhandled import unhandled_fields

CHILD_KINDS: Final = ("ServiceAccount", "NetworkPolicy", "Service", "PodDisruptionBudget", "Deployment")
_SCALERS: Final = ("HorizontalPodAutoscaler", "ScaledObject", "VerticalPodAutoscaler")
_MAX_NAMESPACE_LENGTH: Final = 63


def unhandled(subject: Subject) -> Iterator[Problem]:
    """Fields that nothing acts on yet; a precision that isn't enforced has a code of its own."""
    for entry in unhandled_fields(subject.inference):
        where, _, instead = entry.partition(": ")
        code = "GLM131" if where.endswith(".precision") else "GLM801"
        yield Problem(code, _path_of(subject, where.split(", ")[0]), f"{where}: {instead}")


def _path_of(subject: Subject, text: str) -> Path:
    """The path that `unhandled_fields` names: models by their name."""
    path: list[str | int] = []
    names = [model.name for model in subject.spec.models]
    for part in text.split("."):
        field, _, name = part.partition("[")
        path.append(field)
        if name.rstrip("]") in names:
            path.append(names.index(name.rstrip("]")))
    return tuple(path)


def one_master(subject: Subject) -> Iterator[Problem]:
    """Something else that sets the number or size of the same pods."""
    for document in subject.nearby(*_SCALERS):
        field = "targetRef" if document.kind == "VerticalPodAutoscaler" else "scaleTargetRef"
        target = document.at("spec", field)
        if not isinstance(target, Mapping) or target.get("name") != subject.inference.name:
            continue
        kind = target.get("kind", "Deployment")
        # Through the scale subresource of the resource itself, `replicas` may be set by another.
        if kind == "Deployment" or (kind == group.KIND and subject.spec.scaling is not None):
            message = f"{document.kind} {document.name} changes {kind} {subject.inference.name} as well"
            yield Problem("GLM802", ("spec", field), message, document=document)


def names_are_free(subject: Subject) -> Iterator[Problem]:
    """The children have the resource's name."""
    for document in subject.nearby(*CHILD_KINDS):
        if document.name == subject.inference.name and not _is_ours(document):
            given = subject.spec.runtime.pod_template.service_account_name
            if document.kind == "ServiceAccount" and given is not None:
                continue
            message = f"{document.kind} {document.name} has the name that the operator gives its own"
            yield Problem("GLM803", ("metadata", "name"), message, document=document)


def quotas(subject: Subject) -> Iterator[Problem]:
    """A quota by itself, and what it wants of every pod."""
    runtime = subject.spec.runtime
    limits = {
        **runtime.resources.limits,
        **({runtime.gpu.resource_name: runtime.gpu.count} if runtime.gpu.count else {}),
    }
    requests = {**limits, **runtime.resources.requests}
    pods = most_pods(subject)
    for document in subject.nearby("ResourceQuota"):
        hard = document.at("spec", "hard")
        # A quota with a scope counts other pods than these, perhaps.
        if not isinstance(hard, Mapping) or document.at("spec", "scopes") or document.at("spec", "scopeSelector"):
            continue
        for key, value in hard.items():
            yield from _quota(document, str(key), value, pods, {"requests": requests, "limits": limits})


def _quota(
    document: Document, key: str, value: Any, pods: int, wanted: Mapping[str, Mapping[str, Any]]
) -> Iterator[Problem]:
    path = ("spec", "hard", key)
    allowed = quantity(value)
    if allowed is None:
        return
    if key in {"pods", "count/pods"}:
        if pods > allowed:
            message = f"quota {document.name} allows {value} pods, and there may be {pods}"
            yield Problem("GLM804", path, message, document=document)
        return
    side, _, name = key.partition(".") if key.startswith(("requests.", "limits.")) else ("requests", "", key)
    if name not in {"cpu", "memory", "ephemeral-storage"} and "/" not in name:
        return
    each = quantity(wanted[side].get(name, ""))
    if each is None:
        if "/" not in name and pods:
            message = f"quota {document.name} on {key} refuses pods that don't set runtime.resources.{side}.{name}"
            yield Problem("GLM805", path, message, document=document)
    elif each * pods > allowed:
        message = f"quota {document.name} allows {value} of {key}, and {pods} pods want {_text(each * pods)}"
        yield Problem("GLM804", path, message, document=document)


def disruption_budgets(subject: Subject) -> Iterator[Problem]:
    """Eviction fails for a pod that two budgets cover."""
    labels = subject.spec.runtime.pod_template.labels | child_labels(subject.inference.name)
    for document in subject.nearby("PodDisruptionBudget"):
        wanted = document.at("spec", "selector", "matchLabels")
        if _is_ours(document) or document.name == subject.inference.name or not isinstance(wanted, Mapping):
            continue
        if wanted and all(labels.get(key) == value for key, value in wanted.items()):
            message = f"PodDisruptionBudget {document.name} selects the pods that the operator's own one covers"
            yield Problem("GLM806", ("spec", "selector"), message, document=document)


def namespace(subject: Subject) -> Iterator[Problem]:
    """The namespace is a DNS label."""
    name = subject.document.namespace
    if name and (len(name) > _MAX_NAMESPACE_LENGTH or not re.fullmatch(DNS_LABEL_PATTERN, name)):
        yield Problem("GLM807", ("metadata", "namespace"), f"{name!r} is no name of a namespace")


def _is_ours(document: Document) -> bool:
    """Whether the operator made it: a file that was read from a cluster may hold the children."""
    owners = document.at("metadata", "ownerReferences")
    return isinstance(owners, list) and any(isinstance(o, Mapping) and o.get("kind") == group.KIND for o in owners)


def _text(number: Decimal) -> str:
    return f"{number.normalize():f}"


CHECKS: Final = (unhandled, one_master, names_are_free, quotas, disruption_budgets, namespace)
