"""Requests and limits of the server's container."""

from collections.abc import Iterator
from typing import Final

from glm_operator.analysis.finding import Problem
from glm_operator.analysis.subject import Subject
from glm_operator.api.quantity import quantity

_RESOURCES: Final = ("spec", "runtime", "resources")
_LEAST_MEMORY: Final = 4 * 1024 * 1024
"""No server starts with less; whoever writes less meant another suffix."""


def memory_limit(subject: Subject) -> Iterator[Problem]:
    """Without one, a server that grows takes its node's other pods with it."""
    if "memory" not in subject.spec.runtime.resources.limits:
        yield Problem("GLM305", ("spec", "runtime"), "a server that leaks memory takes the node's other pods with it")


def requests_fit(subject: Subject) -> Iterator[Problem]:
    """The API server refuses pods whose requests are above their limits."""
    resources = subject.spec.runtime.resources
    for name, request in resources.requests.items():
        wanted, limit = quantity(request), quantity(resources.limits.get(name, ""))
        if wanted is not None and limit is not None and wanted > limit:
            message = f"{name}: request {request} is above the limit {resources.limits[name]}, so no pod can be made"
            yield Problem("GLM306", (*_RESOURCES, "requests", name), message)


def names_and_sizes(subject: Subject) -> Iterator[Problem]:
    """GPUs where they belong, and memory in bytes."""
    resources, gpu = subject.spec.runtime.resources, subject.spec.runtime.gpu
    for field, quantities in (("requests", resources.requests), ("limits", resources.limits)):
        for name, value in quantities.items():
            path = (*_RESOURCES, field, name)
            number = quantity(value)
            if name == gpu.resource_name or name.endswith("/gpu"):
                fix = f"use runtime.gpu: {{resourceName: {name}, count: {value}}}"
                yield Problem("GLM310", path, f"{name} here leaves the models on the CPU", fix)
            elif name == "memory" and number is not None and number < _LEAST_MEMORY:
                yield Problem("GLM313", path, f"{value} is {number.normalize():f} bytes of memory")


CHECKS: Final = (memory_limit, requests_fit, names_and_sizes)
