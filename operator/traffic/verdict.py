"""The condition `TrafficProgrammed`: whether the gateway sends requests as the resource asks for. Pure."""

from dataclasses import dataclass
from typing import Final

from glm_operator.gateway.server import Programmed
from glm_operator.gateway.traffic import ResourceTraffic
from glm_operator.status.conditions import TRAFFIC_PROGRAMMED, Verdict

PATIENCE_SECONDS: Final = 5.0
"""An Envoy takes a change within a second; one that needs so much longer has a problem."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a resource's newest configuration has come."""

    told: ResourceTraffic | None
    """None: the gateway was not told of the resource yet."""
    programmed: Programmed
    behind_seconds: float
    """How long Envoys have lacked a part of it; 0 when none does."""


def traffic_verdict(progress: Progress) -> Verdict:
    """The condition, with a reason and what it means. Numbers that change by themselves are left out."""
    envoys, in_step = progress.programmed.envoys, progress.programmed.in_step
    kind, late = TRAFFIC_PROGRAMMED, progress.behind_seconds > PATIENCE_SECONDS
    if rejections := progress.programmed.rejections:
        message = f"the gateway refuses a part of it and goes on with the last good one: {rejections[0].message}"
        return Verdict(kind, "False", "ConfigurationRejected", message)
    if envoys == 0:
        message = "no gateway pod is connected to the operator; those that run go on with what they were told last"
        return Verdict(kind, "False", "GatewayNotConnected", message)
    if in_step < envoys and late:
        message = "a gateway pod does not take the newest configuration; see its log"
        return Verdict(kind, "False", "GatewayBehind", message)
    if progress.told is None or in_step == 0:
        return Verdict(kind, "Unknown", "Programming", "the gateway is being told")
    if not any(each.open for each in (*progress.told.endpoints, *progress.told.standbys)):
        return Verdict(kind, "False", "NoEndpoints", "no pod can take requests: the gateway answers 503")
    return Verdict(kind, "True", "Programmed", "every gateway pod sends requests by the newest weights")
