"""The Service by whose name clients reach a resource through the gateway: when it is made, kept, and taken away."""

import pytest

from glm_operator.api.inference import MAX_NAME_LENGTH
from glm_operator.reconcile.decide import applied_decision, decide
from glm_operator.resources.children import GATEWAY_SERVICE, child_key, single_children
from glm_operator.resources.names import gateway_service_name
from observations import IMAGES, applied, observation, pod, resource

HOST = "glm-operator-gateway.glm-system.svc.cluster.local"
ECHO = resource()
ALONE = resource(traffic={"provider": "None"})
LABEL = 63  # characters of a DNS label, which a Service's name is


def there(inference, **changes):
    """The cluster with all children, the gateway's Service among them."""
    children = applied(ECHO, HOST) | changes
    del children["ConfigMap"]
    return observation(inference, pod(inference), children=children)


@pytest.mark.parametrize(
    ("spec", "host", "expected"),
    [
        pytest.param({}, HOST, True, id="by default"),
        pytest.param({"traffic": {"provider": "Envoy"}}, HOST, True, id="when it is asked for"),
        pytest.param({}, None, False, id="not without a gateway"),
        pytest.param({"traffic": {"provider": "None"}}, HOST, False, id="not when the Service alone is wanted"),
        pytest.param(
            {"traffic": {"provider": "GatewayAPI", "gateway": {"parentRefs": [{"name": "g"}]}}},
            HOST,
            False,
            id="not when another gateway carries the requests",
        ),
        pytest.param({"replicas": 0}, HOST, True, id="also without pods"),
    ],
)
def test_who_gets_one(spec, host, expected):
    assert (GATEWAY_SERVICE in applied(resource(**spec), host)) is expected


def test_it_is_an_alias_of_the_gateways_own():
    service = applied(ECHO, HOST)[GATEWAY_SERVICE]
    assert (service["metadata"]["name"], service["spec"]["type"]) == ("echo-gateway", "ExternalName")
    assert service["spec"]["externalName"] == HOST
    assert "selector" not in service["spec"]


def test_it_is_written_after_the_pods_which_can_do_without_it():
    nothing = observation(ECHO, children=dict.fromkeys(single_children("echo")), config_maps=())
    written = [child_key(child) for child in decide(ECHO, nothing, IMAGES, HOST).apply]
    assert written[-2:] == ["Deployment", GATEWAY_SERVICE]


def test_the_longest_name_of_a_resource_fits():
    assert len(gateway_service_name("a" * MAX_NAME_LENGTH)) <= LABEL


def test_keys_are_the_same_from_both_sides():
    keys = {child_key(child): (child["kind"], child["metadata"]["name"]) for child in applied(ECHO, HOST).values()}
    assert keys.pop("ConfigMap")[0] == "ConfigMap"
    assert keys == single_children("echo")


def test_with_it_there_nothing_is_written():
    assert decide(ECHO, there(ECHO), IMAGES, HOST).apply == ()


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        pytest.param(GATEWAY_SERVICE, "echo-gateway", id="the gateway's"),
        pytest.param("Service", "echo", id="the pods'"),
    ],
)
def test_of_two_services_the_one_that_is_missing_is_made(missing, expected):
    plan = decide(ECHO, there(ECHO, **{missing: None}), IMAGES, HOST)
    assert [child["metadata"]["name"] for child in plan.apply] == [expected]
    told = applied_decision(ECHO, plan.apply, there(ECHO, **{missing: None}))
    assert told.message == f"made Service {expected}"


def test_a_gateway_of_another_name_changes_it():
    (changed,) = decide(ECHO, there(ECHO), IMAGES, "other.sys.svc.cluster.local").apply
    assert changed["spec"]["externalName"] == "other.sys.svc.cluster.local"


@pytest.mark.parametrize(
    ("inference", "host"),
    [
        pytest.param(ALONE, HOST, id="the resource wants its Service alone"),
        pytest.param(ECHO, None, id="the gateway is taken away"),
    ],
)
def test_it_goes_and_the_pods_own_service_stays(inference, host):
    plan = decide(inference, there(inference), IMAGES, host)
    assert (plan.apply, plan.delete) == ((), (("Service", "echo-gateway"),))


def test_it_goes_also_where_the_account_of_the_pods_has_its_name():
    named = resource(traffic={"provider": "None"}, runtime={"podTemplate": {"serviceAccountName": "echo-gateway"}})
    children = applied(named) | {GATEWAY_SERVICE: applied(ECHO, HOST)[GATEWAY_SERVICE]}
    del children["ConfigMap"]
    plan = decide(named, observation(named, pod(named), children=children), IMAGES, HOST)
    assert plan.delete == (("Service", "echo-gateway"),)


def test_somebody_elses_service_of_that_name_is_not_taken_over():
    foreign = applied(ECHO, HOST)[GATEWAY_SERVICE]
    foreign["metadata"] |= {"ownerReferences": []}
    plan = decide(ECHO, there(ECHO, **{GATEWAY_SERVICE: foreign}), IMAGES, HOST)
    assert (plan.blocked.reason, plan.apply) == ("NameTaken", ())
    assert "Service echo-gateway" in plan.blocked.message
