"""When a resource is ready, why it isn't, and whether somebody has to mend it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bodies import model
from glm_operator.status.findings import Finding
from glm_operator.status.observation import ContainerTrouble
from glm_operator.status.summary import summarize, unobserved, verdicts
from observations import FAILED, SERVING, UNLOADED, UNPROVEN, WRONG, deployment_condition, observation, pod, resource

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ECHO = resource()
PAIR = resource(models=[model(name="a"), model(name="b", required=False)])
PULL = ContainerTrouble("triton", "ImagePullBackOff", "not found")
FIRST_PULL = ContainerTrouble("triton", "ErrImagePull", "not found")
ENDED = ContainerTrouble("triton", "OOMKilled", "")
INIT = ContainerTrouble("model-repository", "CrashLoopBackOff", "model 'echo' has no files")
CRASH = ContainerTrouble("triton", "CrashLoopBackOff", "back-off")
QUOTA = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "late"}


def conditions_of(inference, *pods, **changes):
    return {v.type: (v.status, v.reason) for v in verdicts(inference, observation(inference, *pods, **changes))}


def not_ready(reason, kind="Stalled"):
    return {"Ready": ("False", reason), kind: ("True", reason)}


READY = {"Ready": ("True", "AllModelsServing")}


@pytest.mark.parametrize(
    ("inference", "pods", "changes", "expected"),
    [
        pytest.param(ECHO, [pod(ECHO)], {}, READY, id="every model answers on the only pod"),
        pytest.param(ECHO, [], {}, not_ready("PodsStarting", "Reconciling"), id="no pod yet"),
        pytest.param(
            ECHO,
            [pod(ECHO, models=None)],
            {},
            not_ready("PodsStarting", "Reconciling"),
            id="a ready pod that can't be read is unknown, so not ready, and nobody's fault",
        ),
        pytest.param(
            ECHO,
            [pod(ECHO, models={"echo": UNPROVEN})],
            {},
            not_ready("PodsStarting", "Reconciling"),
            id="a model that never answered an inference is not ready",
        ),
        pytest.param(
            ECHO, [pod(ECHO, models={"echo": FAILED})], {}, not_ready("ModelFailed"), id="a model that fails to load"
        ),
        pytest.param(
            ECHO,
            [pod(ECHO, models={"echo": WRONG})],
            {},
            not_ready("ModelFailed"),
            id="a model that loads but fails every inference",
        ),
        pytest.param(
            PAIR,
            [pod(PAIR, models={"a": SERVING, "b": FAILED})],
            {},
            READY,
            id="an optional model that failed doesn't keep the others from serving",
        ),
        pytest.param(
            ECHO,
            [pod(ECHO, started=False, ready=False, models=None, trouble=PULL)],
            {},
            not_ready("ImagePullFailed"),
            id="an image that can't be pulled",
        ),
        pytest.param(
            ECHO,
            [pod(ECHO, started=False, ready=False, models=None, trouble=FIRST_PULL)],
            {},
            not_ready("ImagePullFailed", "Reconciling"),
            id="a first try that failed may be followed by a better one",
        ),
        pytest.param(
            ECHO,
            [pod(ECHO, started=False, ready=False, models=None, trouble=ENDED)],
            {},
            not_ready("ServerFailed", "Reconciling"),
            id="a server that ended once is started anew",
        ),
        pytest.param(
            ECHO,
            [pod(ECHO, started=False, ready=False, models=None, trouble=INIT)],
            {},
            not_ready("RepositoryIncomplete"),
            id="a repository without the model's files",
        ),
        pytest.param(
            ECHO,
            [pod(ECHO, started=False, ready=False, models=None, trouble=replace(CRASH, killed=True))],
            {},
            not_ready("LoadingTookTooLong"),
            id="a server that kubelet ends again and again before it has loaded",
        ),
        pytest.param(
            ECHO,
            [pod(ECHO, started=False, ready=False, models=None, trouble=replace(INIT, killed=True))],
            {},
            not_ready("RepositoryIncomplete"),
            id="an init container that was ended is no slow model",
        ),
        pytest.param(
            ECHO,
            [pod(ECHO, started=False, ready=False, models=None, trouble=CRASH)],
            {},
            not_ready("ServerFailed"),
            id="a server that crashes",
        ),
        pytest.param(
            ECHO,
            [pod(ECHO, started=False, ready=False, node="", models=None, unschedulable="0/1 nodes: no gpu")],
            {},
            not_ready("Unschedulable", "Reconciling"),
            id="a pod that fits no node waits for one",
        ),
        pytest.param(
            ECHO, [], {"children": deployment_condition(ECHO, **QUOTA)}, not_ready("PodsRefused"), id="a quota"
        ),
        pytest.param(
            ECHO,
            [],
            {"children": deployment_condition(ECHO, **LATE)},
            not_ready("ProgressDeadlineExceeded"),
            id="a model that loads for longer than it may",
        ),
        pytest.param(
            ECHO, [], {"repository_problem": "no such ConfigMap"}, not_ready("RepositoryMissing"), id="no repository"
        ),
        pytest.param(
            ECHO,
            [pod(ECHO), pod(ECHO, "echo-old", deleting=True)],
            {},
            READY,
            id="a pod that ends doesn't matter",
        ),
        pytest.param(
            ECHO,
            [pod(ECHO, revision="older"), pod(ECHO, "echo-2", ready=False, models={"echo": FAILED})],
            {},
            {"Ready": ("True", "AllModelsServing"), "Stalled": ("True", "ModelFailed")},
            id="older pods serve while the new version can't: both are said",
        ),
        pytest.param(
            ECHO,
            [pod(ECHO, revision="older"), pod(ECHO, "echo-2", started=False, ready=False, models=None)],
            {},
            {"Ready": ("True", "AllModelsServing"), "Reconciling": ("True", "RollingOut")},
            id="older pods serve while the new ones start",
        ),
        pytest.param(
            resource(replicas=0),
            [],
            {},
            {"Ready": ("False", "ScaledToZero")},
            id="none wanted is not ready, not broken",
        ),
        pytest.param(
            resource(traffic={"affinity": {"mode": "ConsistentHash"}}),
            [pod(ECHO)],
            {},
            READY | {"UnhandledFields": ("True", "NothingActsOnThem")},
            id="a field that nothing acts on yet is named",
        ),
    ],
)
def test_conditions(inference, pods, changes, expected):
    assert conditions_of(inference, *pods, **changes) == expected


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        pytest.param([pod(ECHO)], {"state": "Ready", "readyPods": 1, "version": "1"}, id="it answers"),
        pytest.param(
            [pod(ECHO, models={"echo": FAILED}), pod(ECHO, "echo-2")],
            {"state": "Failed", "readyPods": 1, "version": "1", "reason": "version 1: no such file"},
            id="the worst pod counts, with Triton's own reason",
        ),
        pytest.param([pod(ECHO, started=False, models=None)], {"state": "Loading", "readyPods": 0}, id="it loads"),
        pytest.param([pod(ECHO, models=None)], {"state": "Unknown", "readyPods": 0}, id="it can't be read"),
        pytest.param(
            [pod(ECHO), pod(ECHO, "echo-2", models=None)],
            {"state": "Unknown", "readyPods": 1, "version": "1"},
            id="it can't be read on one of two",
        ),
        pytest.param(
            [pod(ECHO), pod(ECHO, "echo-2", models={"echo": UNLOADED})],
            {"state": "Loading", "readyPods": 1, "version": "1"},
            id="it isn't ready on one of two, without a reason",
        ),
        pytest.param([], {"state": "Unknown", "readyPods": 0}, id="there is no pod"),
    ],
)
def test_model_state(pods, expected):
    (status,) = summarize(ECHO, observation(ECHO, *pods), NOW)["models"]
    assert status == {"name": "echo"} | expected


BLOCK = Finding("NameTaken", "taken", stalled=True)


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        pytest.param(
            [pod(ECHO)], {"Ready": ("True", "AllModelsServing"), "Stalled": ("True", "NameTaken")}, id="serve"
        ),
        pytest.param([], not_ready("NameTaken"), id="are gone"),
    ],
)
def test_a_blocked_spec_claims_no_more_than_the_pods_that(pods, expected):
    found = verdicts(ECHO, observation(ECHO, *pods), BLOCK)
    assert {verdict.type: (verdict.status, verdict.reason) for verdict in found} == expected


def test_what_was_last_known_is_not_claimed_of_a_resource_that_is_not_looked_at():
    previous = summarize(ECHO, observation(ECHO, pod(ECHO)), NOW)
    status = unobserved(2, BLOCK, previous, NOW)
    assert set(status) == {"observedGeneration", "conditions"}


def test_a_transition_keeps_its_time_until_the_verdict_changes():
    first = summarize(ECHO, observation(ECHO), NOW)
    later = NOW.replace(hour=13)
    same = summarize(ECHO, observation(ECHO, status=first), later)
    assert same["conditions"][0]["lastTransitionTime"] == "2026-11-23T12:00:00Z"
    changed = summarize(ECHO, observation(ECHO, pod(ECHO), status=first), later)
    assert changed["conditions"][0]["lastTransitionTime"] == "2026-11-23T13:00:00Z"


def test_an_unchanged_observation_gives_the_same_status():
    first = summarize(ECHO, observation(ECHO, pod(ECHO)), NOW)
    assert summarize(ECHO, observation(ECHO, pod(ECHO), status=first), NOW.replace(hour=20)) == first


def test_every_condition_carries_the_generation_it_speaks_of():
    status = summarize(ECHO, observation(ECHO), NOW)
    assert {condition["observedGeneration"] for condition in status["conditions"]} == {1}
