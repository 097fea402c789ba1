"""The Service by whose name clients reach a resource through the gateway, made and taken away by a real operator."""

import pytest

from demo.install import OPERATOR_NAMESPACE
from demo.wait import wait_for
from hostile.lab import Lab, wait_until_settled
from hostile.world import World

WITH_GATEWAY = {"GLM_GATEWAY_ENABLED": "true", "GLM_GATEWAY_NAMESPACE": OPERATOR_NAMESPACE}
HOST = f"glm-operator-gateway.{OPERATOR_NAMESPACE}.svc.cluster.local"
ALIAS, OWN = "services/echo-gateway", "services/echo"


@pytest.fixture
def world(alone: Lab):
    with alone.world() as world:
        yield world


def services(world: World) -> list[str]:
    return sorted(name for name in world.versions() if name.startswith("services/"))


def wait_for_services(world: World, *expected: str) -> None:
    wait_for(f"services {expected}", lambda: (services(world) == sorted(expected) or None, str(services(world))), 30)


def test_it_follows_the_provider_and_comes_back_when_somebody_deletes_it(alone, world):
    with alone.operator(world, WITH_GATEWAY) as operator:
        world.want(replicas=0)
        wait_until_settled(world, operator)
        assert world.children()[ALIAS]["spec"]["externalName"] == HOST
        alone.kubectl("delete", "service", "echo-gateway", "-n", world.namespace)
        wait_for_services(world, ALIAS, OWN)
        wait_until_settled(world, operator)
        world.want(replicas=0, traffic={"provider": "None"})
        wait_for_services(world, OWN)
        wait_until_settled(world, operator)
        world.want(replicas=0, traffic={"provider": "Envoy"})
        wait_for_services(world, ALIAS, OWN)
        wait_until_settled(world, operator)


def test_it_goes_with_the_gateway(alone, world):
    with alone.operator(world, WITH_GATEWAY) as operator:
        world.want(replicas=0)
        wait_until_settled(world, operator)
        assert services(world) == [OWN, ALIAS]
    with alone.operator(world) as operator:
        operator.revive()
        wait_for_services(world, OWN)
        wait_until_settled(world, operator)


def test_somebody_elses_service_of_that_name_is_left_alone_and_told(alone, world):
    """It is told what is in the way, and takes the name once it is free."""
    taken = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "echo-gateway"}, "spec": {"clusterIP": "None"}}
    alone.kubectl.apply(taken, namespace=world.namespace)
    with alone.operator(world, WITH_GATEWAY) as operator:
        world.want(replicas=0)

        def look():
            operator.revive()
            reasons = {(kind, reason) for kind, _, reason, _ in world.conditions()}
            return (("Stalled", "NameTaken") in reasons or None), f"{reasons} {operator.log[-500:]}"

        wait_for("the conflict to be told", look, 30)
        alone.kubectl("delete", "service", "echo-gateway", "-n", world.namespace)
        wait_until_settled(world, operator)
        assert services(world) == [OWN, ALIAS]
