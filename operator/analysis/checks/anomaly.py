"""Anomaly detection: a repair that can't happen."""

from collections.abc import Iterator
from typing import Final

from glm_operator.analysis.finding import Problem
from glm_operator.analysis.subject import Subject

_ANOMALY: Final = ("spec", "anomaly")
_HOUR: Final = 3600


def actions(subject: Subject) -> Iterator[Problem]:
    """What may be done, and whether it ever can be."""
    anomaly = subject.spec.anomaly
    if len(set(anomaly.actions)) != len(anomaly.actions):
        yield Problem("GLM604", (*_ANOMALY, "actions"), "an action stands twice")
    if anomaly.mode != "Act":
        return
    if not anomaly.actions or not anomaly.budget.max_actions_per_hour:
        yield Problem("GLM601", (*_ANOMALY, "mode"), "the operator would act, and has no action left to it")
        return
    scaling = subject.spec.scaling
    if "Expand" in anomaly.actions and (scaling is None or scaling.max_replicas <= scaling.min_replicas):
        yield Problem("GLM602", (*_ANOMALY, "actions"), "the number of pods is fixed, so Expand can add none")
    budget = anomaly.budget
    if budget.cooldown_seconds * budget.max_actions_per_hour > _HOUR and subject.is_given("anomaly.budget"):
        most = _HOUR // budget.cooldown_seconds
        message = (
            f"a wait of {budget.cooldown_seconds} s leaves {most} actions an hour of {budget.max_actions_per_hour}"
        )
        yield Problem("GLM603", (*_ANOMALY, "budget", "cooldownSeconds"), message)


CHECKS: Final = (actions,)
