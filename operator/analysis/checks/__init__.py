"""The checks, one module a group of codes; each check takes a subject and tells its problems."""

from collections.abc import Callable, Iterable
from typing import Final

from glm_operator.analysis.checks import (
    anomaly,
    configmap,
    context,
    ensembles,
    models,
    pods,
    repository,
    resources,
    scaling,
    security,
    traffic,
)
from glm_operator.analysis.finding import Problem
from glm_operator.analysis.subject import Subject

CHECKS: Final[tuple[Callable[[Subject], Iterable[Problem]], ...]] = (
    *models.CHECKS,
    *ensembles.CHECKS,
    *repository.CHECKS,
    *configmap.CHECKS,
    *pods.CHECKS,
    *resources.CHECKS,
    *scaling.CHECKS,
    *traffic.CHECKS,
    *anomaly.CHECKS,
    *security.CHECKS,
    *context.CHECKS,
)
