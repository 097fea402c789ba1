"""Requests through the gateway: real Envoys, told by the real operator, in front of real Triton pods."""

import json

import pytest

from demo.client_pod import ask_from_a_pod
from demo.install import OPERATOR_NAMESPACE, RELEASE
from demo.wait import inference_ready, wait_for
from support import files, inference, load, pods_of, wait_for_reason

GATEWAY = f"{RELEASE}-gateway"
BODY = {"inputs": [{"name": "input", "shape": [1, 1], "datatype": "FP32", "data": [1.5]}]}
ASK = """
import json, sys, urllib.request
request = urllib.request.Request(sys.argv[1] + "/v2/models/echo/infer", sys.argv[2].encode())
with urllib.request.urlopen(request, timeout=10) as answer:
    print(json.dumps(json.load(answer)["outputs"][0]["data"]))
"""


def through_the_gateway(kubectl, namespace, **how):
    headers = {"x-glm-inference": f"{namespace}/echo"}
    return load(kubectl, OPERATOR_NAMESPACE, GATEWAY, "echo", BODY, headers=headers, **how)


def endpoints(kubectl, namespace):
    status = kubectl.json("get", "glm", "echo", "-n", namespace)["status"]
    return {each["pod"]: each for each in status.get("endpoints", ())}


def wait_for_states(kubectl, namespace, **states):
    """Wait until so many pods are in each state; the endpoints by pod."""

    def look():
        found = endpoints(kubectl, namespace)
        counts = {}
        for each in found.values():
            counts[each["state"]] = counts.get(each["state"], 0) + 1
        return (found if counts == states else None), str(found)

    return wait_for(f"endpoints {states}", look, 60)


def served(kubectl, namespace, pod):
    """Requests that a pod's server has answered well, by its own count."""
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}:8002/proxy/metrics"
    lines = kubectl("get", "--raw", path).splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("nv_inference_request_success{"))


@pytest.fixture
def routed(kubectl, namespace):
    """Two pods that the gateway sends requests to."""
    kubectl.apply(files(), inference(replicas=2), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
    return wait_for_reason(kubectl, namespace, "echo", "TrafficProgrammed", "Programmed")


def test_the_url_in_the_status_answers_inside_the_cluster(kubectl, namespace, routed):
    assert routed["status"]["url"] == f"http://echo-gateway.{namespace}.svc:8000"
    answer = ask_from_a_pod(kubectl, namespace, ASK, routed["status"]["url"], json.dumps(BODY))
    assert json.loads(answer) == [1.5]


def test_both_pods_get_their_share_and_stand_in_the_status_with_their_weights(kubectl, namespace, routed):
    with through_the_gateway(kubectl, namespace) as summary:
        found = wait_for_states(kubectl, namespace, Active=2)
        wait_for("requests on both pods", lambda: _all_served(kubectl, namespace, found, 20), 30)
    assert summary["failed"] == 0, summary
    assert all(each["weight"] >= 1 for each in found.values())


def test_a_pod_that_a_user_pauses_gets_nothing_until_it_is_resumed(kubectl, namespace, routed):
    paused = sorted(endpoints(kubectl, namespace))[0]
    kubectl("annotate", "pod", paused, "-n", namespace, "serving.autoglm.io/paused=looking at it")
    wait_for_states(kubectl, namespace, Active=1, Paused=1)
    before = served(kubectl, namespace, paused)
    other = next(pod for pod in endpoints(kubectl, namespace) if pod != paused)
    with through_the_gateway(kubectl, namespace) as summary:
        wait_for("requests on the other pod", lambda: _all_served(kubectl, namespace, [other], 100), 30)
    assert summary["failed"] == 0, summary
    assert served(kubectl, namespace, paused) == before
    kubectl("annotate", "pod", paused, "-n", namespace, "serving.autoglm.io/paused-")
    with through_the_gateway(kubectl, namespace):
        wait_for("requests again", lambda: _all_served(kubectl, namespace, [paused], before + 1), 60)


def test_no_request_fails_while_pods_are_deleted_killed_and_replaced(kubectl, namespace, routed):
    first, second = (pod["metadata"]["name"] for pod in pods_of(kubectl, namespace, "echo"))
    with through_the_gateway(kubectl, namespace) as summary:
        kubectl("delete", "pod", first, "-n", namespace, "--wait=false")
        wait_for("its replacement", lambda: _replaced(kubectl, namespace, {first}), 90)
        kubectl("delete", "pod", second, "-n", namespace, "--grace-period=0", "--force")
        wait_for("its replacement", lambda: _replaced(kubectl, namespace, {first, second}), 90)
    assert summary["failed"] == 0, summary
    assert summary["ok"] == summary["sent"]


def test_traffic_goes_on_while_the_operator_is_away_and_the_gateway_is_never_emptied(kubectl, namespace, routed):
    deployment = f"deployment/{RELEASE}"
    with through_the_gateway(kubectl, namespace) as summary:
        kubectl("scale", deployment, "--replicas=0", "-n", OPERATOR_NAMESPACE)
        selector = f"app.kubernetes.io/name={RELEASE}"
        kubectl("wait", "--for=delete", "pod", "-l", selector, "-n", OPERATOR_NAMESPACE, "--timeout=50s")
        kubectl("scale", deployment, "--replicas=1", "-n", OPERATOR_NAMESPACE)
        kubectl("rollout", "status", deployment, "-n", OPERATOR_NAMESPACE, "--timeout=50s")
        wait_for_reason(kubectl, namespace, "echo", "TrafficProgrammed", "Programmed")
    assert summary["failed"] == 0, summary


def test_the_newest_pod_stands_by_and_takes_over(kubectl, namespace):
    traffic = {"failover": {"standbyReplicas": 1}}
    kubectl.apply(files(), inference(replicas=2, traffic=traffic), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
    found = wait_for_states(kubectl, namespace, Active=1, Standby=1)
    (primary,) = (pod for pod, each in found.items() if each["state"] == "Active")
    (standby,) = (pod for pod, each in found.items() if each["state"] == "Standby")
    with through_the_gateway(kubectl, namespace) as summary:
        wait_for("requests on the primary", lambda: _all_served(kubectl, namespace, [primary], 50), 30)
        kubectl("delete", "pod", primary, "-n", namespace, "--grace-period=0", "--force")
        wait_for("requests on the standby", lambda: _all_served(kubectl, namespace, [standby], 50), 30)
        wait_for("a new standby", lambda: _standby_is_new(kubectl, namespace, {primary, standby}), 90)
    assert summary["failed"] == 0, summary


def test_a_resource_that_uses_no_gateway_is_reached_by_its_own_service(kubectl, namespace):
    kubectl.apply(files(), inference(traffic={"provider": "None"}), namespace=namespace)
    resource = inference_ready(kubectl, namespace, "echo")
    assert resource["status"]["url"] == f"http://echo.{namespace}.svc:8000"
    assert kubectl.find("service", "echo-gateway", "-n", namespace) is None
    kinds = {condition["type"] for condition in resource["status"]["conditions"]}
    assert "TrafficProgrammed" not in kinds


def _all_served(kubectl, namespace, pods, least):
    counts = {pod: served(kubectl, namespace, pod) for pod in pods}
    return (True if min(counts.values()) >= least else None), str(counts)


def _replaced(kubectl, namespace, gone):
    pods = [pod["metadata"]["name"] for pod in pods_of(kubectl, namespace, "echo")]
    active = {pod for pod, each in endpoints(kubectl, namespace).items() if each["state"] == "Active"}
    return (True if len(pods) == 2 and not gone & set(pods) and active == set(pods) else None), f"{pods}, {active}"


def _standby_is_new(kubectl, namespace, old):
    standby = {pod for pod, each in endpoints(kubectl, namespace).items() if each["state"] == "Standby"}
    return (True if standby and not standby & old else None), str(standby)
