"""The condition TrafficProgrammed."""

import pytest

from glm_operator.api.traffic import Traffic
from glm_operator.gateway.delta import NackReport
from glm_operator.gateway.server import Programmed
from glm_operator.gateway.traffic import GatewayEndpoint, ResourceTraffic
from glm_operator.traffic.verdict import PATIENCE_SECONDS, Progress, traffic_verdict

OPEN, CLOSED = GatewayEndpoint("a", "10.0.0.1", 1000), GatewayEndpoint("a", "10.0.0.1", None)
LATE = PATIENCE_SECONDS + 0.1


def of(*endpoints, standbys=()):
    return ResourceTraffic("shop", "echo", Traffic(), endpoints, standbys)


@pytest.mark.parametrize(
    ("told", "programmed", "behind", "rejected", "verdict"),
    [
        pytest.param(of(OPEN), (2, 2), 0, "", ("True", "Programmed"), id="all Envoys have it"),
        pytest.param(of(OPEN), (2, 1), 1, "", None, id="one is about to have it: what was said before holds"),
        pytest.param(of(OPEN), (2, 1), LATE, "", ("False", "GatewayBehind"), id="one does not take it"),
        pytest.param(of(OPEN), (2, 0), 1, "", None, id="none has it yet"),
        pytest.param(of(OPEN), (2, 0), LATE, "", ("False", "GatewayBehind"), id="none takes it"),
        pytest.param(None, (2, 2), 0, "", None, id="they were not told yet"),
        pytest.param(of(OPEN), (0, 0), 1, "", None, id="none is there yet, as after a start of the operator"),
        pytest.param(of(OPEN), (0, 0), LATE, "", ("False", "GatewayNotConnected"), id="no Envoy is there"),
        pytest.param(of(CLOSED), (2, 2), 0, "", ("False", "NoEndpoints"), id="no pod takes requests"),
        pytest.param(of(standbys=(OPEN,)), (1, 1), 0, "", ("True", "Programmed"), id="only a standby does"),
        pytest.param(of(OPEN), (2, 1), LATE, "bad", ("False", "ConfigurationRejected"), id="an Envoy refuses it"),
    ],
)
def test_verdicts(told, programmed, behind, rejected, verdict):
    rejections = (NackReport("gateway-1", "Cluster", "echo", "1", rejected),) if rejected else ()
    found = traffic_verdict(Progress(told, Programmed(*programmed, rejections), behind))
    assert (found and (found.status, found.reason)) == verdict
    assert not rejected or rejected in found.message


def test_what_can_not_be_said_to_envoy_is_told_with_its_reason():
    found = traffic_verdict(Progress(None, Programmed(2, 2, ()), 0, problem="a weight is too large"))
    assert (found.status, found.reason) == ("False", "ConfigurationRejected")
    assert "a weight is too large" in found.message
