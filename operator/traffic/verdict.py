"""The condition `TrafficProgrammed`: whether the gateway sends requests as the resource asks for. Pure."""

from dataclasses import dataclass
from typing import Final

from glm_operator.gateway.server import Programmed
from glm_operator.gateway.traffic import ResourceTraffic
from glm_operator.status.conditions import TRAFFIC_PROGRAMMED, Verdict

PATIENCE_SECONDS: Final = 10.0
"""An Envoy takes a change within a second, and connects anew within a few: an operator that has just started must not
write into every resource that nobody is there."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a resource's newest configuration has come."""

    told: ResourceTraffic | None
    """None: the gateway was not told of the resource yet."""
    programmed: Programmed
    behind_seconds: float
    """How long there has been no Envoy that has all of it, or one that lacks a part; 0 when all have it."""
    problem: str = ""
    """Why the gateway can't be told of it; empty when it can."""


def traffic_verdict(progress: Progress) -> Verdict | None:
    """The condition, with a reason and what it means; None while it is too early to say something else than before.

    Numbers that change by themselves are left out of it.
    """
    programmed, told = progress.programmed, progress.told
    if progress.problem or programmed.rejections:
        words = progress.problem or programmed.rejections[0].message
        message = f"the gateway refuses a part of it and goes on with the last good one: {words}"
        return Verdict(TRAFFIC_PROGRAMMED, "False", "ConfigurationRejected", message)
    if is_behind(programmed):
        return _late(programmed) if progress.behind_seconds > PATIENCE_SECONDS else None
    if told is None:
        return None
    if not any(each.open for each in (*told.endpoints, *told.standbys)):
        message = "no pod can take requests: the gateway answers 503"
        return Verdict(TRAFFIC_PROGRAMMED, "False", "NoEndpoints", message)
    return Verdict(TRAFFIC_PROGRAMMED, "True", "Programmed", "every gateway pod sends requests by the newest weights")


def _late(programmed: Programmed) -> Verdict:
    if programmed.envoys == 0:
        message = "no gateway pod is connected to the operator; those that run go on with what they were told last"
        return Verdict(TRAFFIC_PROGRAMMED, "False", "GatewayNotConnected", message)
    message = "a gateway pod does not take the newest configuration; see its log"
    return Verdict(TRAFFIC_PROGRAMMED, "False", "GatewayBehind", message)


def is_behind(programmed: Programmed) -> bool:
    """Whether an Envoy lacks a part of the newest configuration, or none is there."""
    return programmed.envoys == 0 or programmed.in_step < programmed.envoys
