"""The life of a resource and of the operator: scale, repair, delete, upgrade, kill."""

import json

import pytest

from demo.install import image_values, install_operator, uninstall_operator
from demo.kubectl import CommandFailedError
from demo.operator_metrics import operator_metric
from demo.wait import inference_ready, wait_for
from support import ask, echo_code, files, inference, pods_of, wait_for_reason

RECONCILES = "glm_reconciles_total"
RESYNCS = "glm_resyncs_total"
CHILDREN = "deployments,services,configmaps,serviceaccounts,poddisruptionbudgets,networkpolicies,pods"
SELECTOR = "serving.autoglm.io/inference=echo"


@pytest.fixture
def echo(kubectl, namespace):
    kubectl.apply(files(), inference(), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
    return wait_for_reason(kubectl, namespace, "echo", "TrafficProgrammed", "Programmed")


def versions_of(kubectl, namespace):
    """Resource versions of the resource and of its children: they change with every write that has an effect."""
    kinds = "glminferences,deployments,services,configmaps,serviceaccounts,poddisruptionbudgets,networkpolicies"
    found = kubectl.json("get", kinds, "-n", namespace)["items"]
    return {f"{o['kind']}/{o['metadata']['name']}": o["metadata"]["resourceVersion"] for o in found}


def wait_for_looks(kubectl, count):
    """Wait until the operator has looked at resources so many times; tests run alone, so they are looks at ours."""
    wait_for_count(kubectl, RECONCILES, count, "looks")


def wait_for_count(kubectl, metric, count, what):
    """Wait until a counter of the operator has grown by so much."""
    before = operator_metric(kubectl, metric)
    wait_for(what, lambda: (operator_metric(kubectl, metric) >= before + count or None, "too few"), 60)


def ends(pod):
    return "deletionTimestamp" in pod["metadata"]


def test_a_settled_resource_causes_no_write(kubectl, namespace, echo):
    before = versions_of(kubectl, namespace)
    wait_for_looks(kubectl, 3)
    assert versions_of(kubectl, namespace) == before
    events = kubectl.json("get", "events", "-n", namespace, "--field-selector=involvedObject.kind=GLMInference")[
        "items"
    ]
    assert len(events) <= 3


def test_the_status_carries_what_the_tools_read(kubectl, namespace, echo):
    status = echo["status"]
    assert status["observedGeneration"] == echo["metadata"]["generation"]
    assert status["url"] == f"http://echo-gateway.{namespace}.svc:8000"
    assert status["decisions"][0]["action"] == "Create"
    assert status["decisions"][-1]["action"] == "Ready"
    events = kubectl.json("get", "events", "-n", namespace, "--field-selector=involvedObject.kind=GLMInference")[
        "items"
    ]
    assert {"Created", "AllModelsServing"} <= {event["reason"] for event in events}


def test_a_resource_can_be_scaled_with_kubectl(kubectl, namespace, echo):
    kubectl("scale", "glm", "echo", "--replicas=3", "-n", namespace)
    inference_ready(kubectl, namespace, "echo")
    assert len(pods_of(kubectl, namespace, "echo")) == 3
    kubectl("scale", "glm", "echo", "--replicas=0", "-n", namespace)
    wait_for_reason(kubectl, namespace, "echo", "Ready", "ScaledToZero")


@pytest.mark.parametrize("kind", ["service", "deployment", "networkpolicy", "poddisruptionbudget", "serviceaccount"])
def test_a_child_that_somebody_deleted_comes_back(kubectl, namespace, echo, kind):
    kubectl("delete", kind, "echo", "-n", namespace)
    wait_for(f"{kind} again", lambda: (kubectl.find(kind, "echo", "-n", namespace), "it is not there"), 40)


@pytest.mark.parametrize(
    ("command", "path", "expected"),
    [
        pytest.param(("scale", "--replicas=4"), "{.spec.replicas}", "1", id="replicas"),
        pytest.param(
            ("set", "image", "triton=localhost/evil:1"), "{.spec.template.spec.containers[0].image}", None, id="image"
        ),
    ],
)
def test_a_change_by_hand_is_undone(kubectl, namespace, echo, command, path, expected):
    def value():
        return kubectl("get", "deployment", "echo", "-n", namespace, "-o", f"jsonpath={path}")

    before = value()
    assert expected in {None, before}
    verb, *arguments = command
    target = ["image", "deployment/echo", *arguments[1:]] if verb == "set" else ["deployment/echo", *arguments]
    kubectl(verb, *target, "-n", namespace)
    wait_for("the value from before", lambda: (value() == before or None, value()), 40)


def test_what_others_add_to_the_deployment_is_left_to_them_and_starts_no_endless_writing(kubectl, namespace, echo):
    kubectl("set", "env", "deployment/echo", "MINE=1", "-n", namespace)
    kubectl("rollout", "status", "deployment/echo", "-n", namespace, "--timeout=50s")
    (old,) = [pod["metadata"]["name"] for pod in kubectl.json("get", "pods", "-n", namespace)["items"] if ends(pod)]
    kubectl("wait", "--for=delete", f"pod/{old}", "-n", namespace, "--timeout=50s")
    wait_for_looks(kubectl, 3)
    settled = versions_of(kubectl, namespace)
    wait_for_looks(kubectl, 3)
    assert versions_of(kubectl, namespace) == settled
    assert "MINE" in kubectl("get", "deployment", "echo", "-n", namespace, "-o", "yaml")


def test_a_resource_that_is_replaced_is_served_without_a_false_alarm(kubectl, namespace, echo):
    kubectl("replace", "--force", "-n", namespace, "-f", "-", stdin=json.dumps(inference(replicas=2)))
    resource = inference_ready(kubectl, namespace, "echo", seconds=100)
    assert "NameTaken" not in {decision["reason"] for decision in resource["status"]["decisions"]}
    assert resource["metadata"]["uid"] != echo["metadata"]["uid"]


def test_deleting_leaves_nothing_behind(kubectl, namespace, echo):
    kubectl("delete", "glm", "echo", "-n", namespace)

    def gone():
        left = kubectl.json("get", CHILDREN, "-n", namespace, "-l", SELECTOR)["items"]
        return (None, str([f"{o['kind']}/{o['metadata']['name']}" for o in left])) if left else (True, "")

    wait_for("all children gone", gone, 90)


def test_deletion_needs_no_operator(kubectl, namespace, echo):
    kubectl("scale", "deployment/glm-operator", "--replicas=0", "-n", "glm-system")
    try:
        kubectl("delete", "glm", "echo", "-n", namespace, "--timeout=20s")
        wait_for(
            "the Deployment gone",
            lambda: (None, "still there") if kubectl.find("deployment", "echo", "-n", namespace) else (True, ""),
            40,
        )
    finally:
        kubectl("scale", "deployment/glm-operator", "--replicas=1", "-n", "glm-system")
        kubectl("rollout", "status", "deployment/glm-operator", "-n", "glm-system", "--timeout=50s")


def operator_pods(kubectl):
    found = kubectl.json("get", "pods", "-n", "glm-system", "-l", "app.kubernetes.io/name=glm-operator")["items"]
    return {pod["metadata"]["uid"] for pod in found}


def test_a_killed_operator_comes_back_and_takes_up_what_it_missed(kubectl, namespace, echo):
    before = operator_pods(kubectl)
    kubectl(
        "delete", "pod", "-n", "glm-system", "-l", "app.kubernetes.io/name=glm-operator", "--grace-period=0", "--force"
    )
    changed = inference(replicas=2)
    kubectl.apply(changed, namespace=namespace)
    inference_ready(kubectl, namespace, "echo", seconds=90)
    assert len(pods_of(kubectl, namespace, "echo")) == 2
    assert not before & operator_pods(kubectl)


def test_an_upgrade_of_the_chart_restarts_no_server(kubectl, namespace, install_values, echo):
    (before,) = pods_of(kubectl, namespace, "echo")
    generation = kubectl.json("get", "deployment", "echo", "-n", namespace)["metadata"]["generation"]
    # Another default image and another setting: what an upgrade brings.
    install_operator(kubectl, *install_values, "--set-string=runtime.image=localhost/newer:1", "--set=resyncSeconds=9")
    try:
        wait_for_looks(kubectl, 2)
        (after,) = pods_of(kubectl, namespace, "echo")
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        assert kubectl.json("get", "deployment", "echo", "-n", namespace)["metadata"]["generation"] == generation
    finally:
        install_operator(kubectl, *install_values)


def test_the_charts_own_test_passes(kubectl):
    assert "Phase:          Succeeded" in kubectl.helm("test", "glm-operator", "-n", "glm-system", "--timeout=60s")


def test_a_namespaced_operator_serves_its_namespaces_and_reads_no_other(cluster, namespace, install_values):
    other = f"{namespace}-only"
    cluster("create", "namespace", other)
    uninstall_operator(cluster)
    try:
        values = json.dumps([other])
        install_operator(cluster, f"--set-json=watchNamespaces={values}", "--set=resyncSeconds=5")
        # The API server writes an empty list of metadata in a way of its own.
        wait_for_count(cluster, RESYNCS, 2, "resyncs without any resource")
        cluster.apply(files(), inference(replicas=0), namespace=other)
        cluster.apply(files(), inference(replicas=0), namespace=namespace)
        wait_for_reason(cluster, other, "echo", "Ready", "ScaledToZero")
        assert "status" not in cluster.json("get", "glm", "echo", "-n", namespace)
        who = "--as=system:serviceaccount:glm-system:glm-operator"
        assert allowed(cluster, "get", "configmaps", who, "-n", other)
        assert not allowed(cluster, "get", "configmaps", who, "-n", namespace)
    finally:
        cluster("delete", "namespace", other, "--wait=false")
        uninstall_operator(cluster)
        install_operator(cluster, *install_values)


@pytest.mark.parametrize(
    "resource", ["secrets", "nodes", "persistentvolumes", "clusterroles", "customresourcedefinitions"]
)
def test_the_operator_may_not_read_what_it_has_no_use_for(kubectl, resource):
    assert not allowed(kubectl, "list", resource, "--as=system:serviceaccount:glm-system:glm-operator", "-A")


def allowed(kubectl, *arguments):
    """`kubectl auth can-i` ends with an error when the answer is no; another error must not pass for one."""
    try:
        answer = kubectl("auth", "can-i", *arguments).strip()
    except CommandFailedError as error:
        answer = str(error).rpartition(":")[2].strip()
    assert answer in {"yes", "no"}, answer
    return answer == "yes"


def test_the_servers_run_as_restricted_pods_without_a_token(kubectl, namespace, echo):
    (pod,) = pods_of(kubectl, namespace, "echo")
    assert pod["spec"]["automountServiceAccountToken"] is False
    mounts = [mount["mountPath"] for mount in pod["spec"]["containers"][0]["volumeMounts"]]
    assert not [path for path in mounts if path.startswith("/var/run/secrets")]


def test_a_server_ends_at_once_while_it_loads(kubectl, namespace):
    slow = "import threading\nthreading.Event().wait(120)\n"
    kubectl.apply(files(echo__1__model__py=slow + echo_code()), inference(), namespace=namespace)

    def running():
        pods = pods_of(kubectl, namespace, "echo")
        states = [status["state"] for pod in pods for status in pod["status"].get("containerStatuses", ())]
        return (pods[0]["metadata"]["name"], "") if any("running" in state for state in states) else (None, str(states))

    name = wait_for("a server that loads", running, 40)
    kubectl("delete", "glm", "echo", "-n", namespace)
    # preStop takes 5 s; a server that ignored the signal would use up its grace period of 50 s.
    wait_for("the pod gone", lambda: (None, "there") if kubectl.find("pod", name, "-n", namespace) else (True, ""), 30)


def test_the_default_images_are_the_ones_that_were_built(kubectl, namespace, echo):
    deployment = kubectl.json("get", "deployment", "echo", "-n", namespace)
    used = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    assert f"--set-string=runtime.image={used}" in image_values(kubectl.is_ours)
    answer = ask(kubectl, namespace, "echo", "echo", {"input": {"shape": [1, 1], "data": [3]}})
    assert answer["grpc"]["outputs"]["output"] == [[3.0]]
