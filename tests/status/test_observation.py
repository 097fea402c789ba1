"""What a pod as the API server has it means."""

import pytest

from glm_operator.status.observation import is_server_of, observe_pod


def pod(**status):
    return {
        "metadata": {"name": "p", "uid": "u", "annotations": {"serving.autoglm.io/template-hash": "rev"}},
        "spec": {"nodeName": "n", "volumes": [{"name": "model-config", "configMap": {"name": "c"}}]},
        "status": status,
    }


def container(name="triton", **fields):
    return {"name": name, "restartCount": 0} | fields


RUNNING = {"running": {}}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param({}, None, id="a new pod has no trouble"),
        pytest.param(
            {"containerStatuses": [container(state={"waiting": {"reason": "PodInitializing"}})]},
            None,
            id="waiting for the init container is no trouble",
        ),
        pytest.param(
            {"containerStatuses": [container(state={"waiting": {"reason": "ErrImagePull", "message": "gone"}})]},
            ("triton", "ErrImagePull", "gone"),
            id="an image that can't be pulled",
        ),
        pytest.param(
            {
                "initContainerStatuses": [
                    container(
                        "model-repository",
                        state={"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                        lastState={"terminated": {"exitCode": 1, "message": "model 'a' has no files"}},
                    )
                ]
            },
            ("model-repository", "CrashLoopBackOff", "model 'a' has no files"),
            id="the init container's own words, not kubelet's",
        ),
        pytest.param(
            {
                "initContainerStatuses": [
                    container(
                        "fetch",
                        state={"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "a" not found'}},
                    )
                ]
            },
            ("fetch", "CreateContainerConfigError", 'secret "a" not found'),
            id="a Secret that isn't there",
        ),
        pytest.param(
            {
                "initContainerStatuses": [
                    container(
                        "fetch",
                        state={"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                        lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
                    )
                ]
            },
            ("fetch", "OOMKilled", "back-off"),
            id="a fetch that ran out of memory, while kubelet waits",
        ),
        pytest.param(
            {"initContainerStatuses": [container("model-repository", state={"terminated": {"exitCode": 0}})]},
            None,
            id="an init container that succeeded",
        ),
        pytest.param(
            {"containerStatuses": [container(state={"terminated": {"exitCode": 137, "reason": "OOMKilled"}})]},
            ("triton", "OOMKilled", ""),
            id="a container that ran out of memory",
        ),
    ],
)
def test_trouble(status, expected):
    trouble = observe_pod(pod(**status)).trouble
    assert (trouble and (trouble.container, trouble.reason, trouble.message)) == expected


@pytest.mark.parametrize(
    ("status", "started"),
    [
        pytest.param({"containerStatuses": [container(started=True, state=RUNNING)]}, True, id="startup probe passed"),
        pytest.param({"containerStatuses": [container(started=False, state=RUNNING)]}, False, id="models still load"),
        pytest.param({}, False, id="no container yet"),
    ],
)
def test_started(status, started):
    assert observe_pod(pod(**status)).started is started


@pytest.mark.parametrize(
    ("state", "fetching"),
    [
        pytest.param(RUNNING, True, id="while it runs"),
        pytest.param({"terminated": {"exitCode": 0}}, False, id="not when it is done"),
        pytest.param({"waiting": {"reason": "CrashLoopBackOff"}}, False, id="nor while it waits"),
    ],
)
def test_fetching(state, fetching):
    assert observe_pod(pod(initContainerStatuses=[container("fetch", state=state)])).fetching is fetching


def test_a_restarted_server_has_to_prove_itself_anew():
    before = observe_pod(pod(containerStatuses=[container(restartCount=0)]))
    after = observe_pod(pod(containerStatuses=[container(restartCount=1)]))
    assert before.incarnation != after.incarnation


def test_revision_and_configuration_are_those_it_was_made_from():
    seen = observe_pod(pod())
    assert (seen.revision, seen.config_map) == ("rev", "c")


@pytest.mark.parametrize(("status", "expected"), [("True", True), ("False", False), (None, None)])
def test_a_gate_that_nobody_set_is_unknown(status, expected):
    conditions = [{"type": "serving.autoglm.io/required-models-ready", "status": status}] if status else []
    assert observe_pod(pod(conditions=conditions)).gate is expected


@pytest.mark.parametrize(
    ("ended", "killed"),
    [
        pytest.param({"exitCode": 143, "reason": "Error"}, True, id="told to end"),
        pytest.param({"exitCode": 137, "reason": "Error"}, True, id="made to end"),
        pytest.param({"exitCode": 137, "reason": "OOMKilled"}, False, id="out of memory"),
        pytest.param({"exitCode": 1, "reason": "Error"}, False, id="ended by itself"),
    ],
)
@pytest.mark.parametrize("state", ["terminated", "waiting"])
def test_a_server_that_kubelet_ended_is_told_from_one_that_ended_by_itself(ended, killed, state):
    states = {"terminated": {"state": {"terminated": ended}}}
    states["waiting"] = {
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": states["terminated"]["state"],
    }
    assert observe_pod(pod(containerStatuses=[container(**states[state])])).trouble.killed is killed


REPLICA_SET = {"kind": "ReplicaSet", "name": "bot-7f", "controller": True}


@pytest.mark.parametrize(
    ("owners", "phase", "expected"),
    [
        pytest.param([REPLICA_SET], "Running", True, id="a pod of the Deployment's"),
        pytest.param([REPLICA_SET], "Pending", True, id="also before it runs"),
        pytest.param([REPLICA_SET], "Failed", False, id="an evicted pod runs nothing any more"),
        pytest.param([], "Running", False, id="a pod that somebody labelled like ours"),
        pytest.param([REPLICA_SET | {"name": "other-7f"}], "Running", False, id="another Deployment's pod"),
        pytest.param([REPLICA_SET | {"kind": "Job"}], "Running", False, id="a Job's pod"),
    ],
)
def test_is_server_of(owners, phase, expected):
    assert is_server_of({"metadata": {"ownerReferences": owners}, "status": {"phase": phase}}, "bot") is expected


@pytest.mark.parametrize(
    ("condition", "lost"),
    [
        pytest.param({"status": "Unknown"}, True, id="kubelet is silent"),
        pytest.param({"status": "False", "reason": "NodeNotReady"}, True, id="the node controller says so"),
        pytest.param({"status": "False", "reason": "ContainersNotReady"}, False, id="a pod that isn't ready yet"),
        pytest.param({"status": "True"}, False, id="a ready pod"),
    ],
)
def test_a_pod_on_a_silent_node_is_unknown(condition, lost):
    assert observe_pod(pod(conditions=[{"type": "Ready"} | condition])).node_lost is lost
