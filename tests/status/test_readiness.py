"""When a resource is ready, why it isn't, and whether somebody has to mend it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bodies import model
from glm_operator.status.conditions import Verdict
from glm_operator.status.decisions import readiness_decision
from glm_operator.status.findings import Finding
from glm_operator.status.observation import ContainerTrouble, UpdateFailure
from glm_operator.status.summary import Routed, summarize, unobserved, verdicts
from observations import (
    FAILED,
    SERVING,
    UNLOADED,
    UNPROVEN,
    WRONG,
    deployment_condition,
    observation,
    pod,
    resource,
    wanted,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ECHO = resource()
PAIR = resource(models=[model(name="a"), model(name="b", required=False)])
PULL = ContainerTrouble("triton", "ImagePullBackOff", "not found")
FIRST_PULL = ContainerTrouble("triton", "ErrImagePull", "not found")
ENDED = ContainerTrouble("triton", "OOMKilled", "")
INIT = ContainerTrouble("model-repository", "CrashLoopBackOff", "model 'echo' has no files")
FETCH = ContainerTrouble("fetch", "CrashLoopBackOff", "https://a.example.org/m answers 404: nothing is there {x}")
NO_SECRET = ContainerTrouble("fetch", "CreateContainerConfigError", 'secret "access" not found')
FETCH_MEMORY = ContainerTrouble("fetch", "OOMKilled", "")
FETCH_PULL = ContainerTrouble("fetch", "ImagePullBackOff", "not found")
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
            [pod(ECHO, started=False, ready=False, models=None, trouble=FETCH)],
            {},
            not_ready("RepositoryFetchFailed"),
            id="files that can't be fetched",
        ),
        pytest.param(
            ECHO,
            [pod(ECHO, started=False, ready=False, models=None, trouble=FETCH_PULL)],
            {},
            not_ready("ImagePullFailed"),
            id="an image that can't be pulled, of the container that fetches",
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


@pytest.mark.parametrize(
    ("version", "warned"),
    [
        pytest.param("2.51", True, id="the CPU image's, before the fix"),
        pytest.param("2.59", True, id="one that may be before the fix or with it"),
        pytest.param("2.59.0", True, id="the last before the fix"),
        pytest.param("2.59.1", False, id="the fix"),
        pytest.param("2.60", False, id="a newer one"),
    ],
)
def test_a_version_with_a_known_vulnerability_is_warned_of_and_stays_ready(version, warned):
    inference = resource(runtime={"version": version})
    found = conditions_of(inference, pod(inference))
    warning = {"SecurityWarning": ("True", "KnownVulnerability")} if warned else {}
    assert found == READY | warning


def test_the_warning_says_what_to_do_and_is_no_decision():
    inference = resource(runtime={"version": "2.51"})
    status = summarize(inference, observation(inference, pod(inference)), NOW)
    (message,) = [c["message"] for c in status["conditions"] if c["type"] == "SecurityWarning"]
    assert "25.07 or newer" in message
    without = status | {"conditions": [c for c in status["conditions"] if c["type"] != "SecurityWarning"]}
    assert readiness_decision(status, without) is None


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


OUTDATED = {"loaded": {"echo": "old"}}
REFUSAL = UpdateFailure(wanted(ECHO)[0].revision, "no weights", 1, 0.0)
UPDATING = READY | {"Reconciling": ("True", "UpdatingModels")}
REFUSED = READY | {"Stalled": ("True", "ModelFailed")}


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        pytest.param([{}, {}], READY, id="every pod has the newest"),
        pytest.param([{}, OUTDATED], UPDATING, id="one has not: what it has serves"),
        pytest.param([{}, {"loaded": {"echo": "old", "gone": "x"}}], UPDATING, id="nor is one too many done"),
        pytest.param([OUTDATED | {"failures": {"echo": REFUSAL}}, OUTDATED], REFUSED, id="a refused one serves too"),
        pytest.param(
            [OUTDATED | {"failures": {"echo": replace(REFUSAL, revision="earlier")}}, {}],
            UPDATING,
            id="a mended one is no failure any longer",
        ),
        pytest.param(
            [{"loaded": {}, "models": {"echo": UNLOADED}}, {}],
            not_ready("UpdatingModels", "Reconciling"),
            id="a model that is not there yet does not serve",
        ),
    ],
)
def test_models_that_change_in_running_pods(pods, expected):
    two = resource(replicas=2)
    seen = [pod(two, f"echo-{number}", **change) for number, change in enumerate(pods)]
    assert conditions_of(two, *seen) == expected


B_REFUSED = {"loaded": {"echo": wanted(ECHO)[0].revision, "b": "old"}}


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        pytest.param({}, UPDATING, id="an optional model is waited for"),
        pytest.param({"failures": {"b": REFUSAL}}, READY, id="unless one server refused it: that may last"),
    ],
)
def test_an_optional_model_that_changes(first, expected):
    two = resource(models=[model(), model(name="b", required=False)], replicas=2)
    refusal = {
        name: replace(each, revision=wanted(two)[1].revision) for name, each in first.get("failures", {}).items()
    }
    seen = [pod(two, "echo-1", **B_REFUSED, failures=refusal), pod(two, "echo-2", **B_REFUSED)]
    assert conditions_of(two, *seen) == expected


def test_a_refused_model_is_told_with_what_goes_on_serving():
    seen = pod(ECHO, loaded={"echo": "old"}, failures={"echo": REFUSAL})
    found = {v.type: v.message for v in verdicts(ECHO, observation(ECHO, seen))}
    assert "no weights; revision old goes on serving" in found["Stalled"]
    (status,) = summarize(ECHO, observation(ECHO, seen), NOW)["models"]
    assert (status["state"], status["version"], status["reason"]) == ("Ready", "1", "no weights")


def test_files_that_are_missing_for_a_running_pod_are_told():
    lacking = tuple(replace(each, problem="add a key") for each in wanted(ECHO))
    seen = observation(ECHO, pod(ECHO, loaded={"echo": "old"}), wanted=lacking)
    assert ("Stalled", "RepositoryIncomplete") in {(v.type, v.reason) for v in verdicts(ECHO, seen)}


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        pytest.param(FETCH, FETCH.message, id="the container's own words, with braces in them"),
        pytest.param(NO_SECRET, 'secret "access" not found; create the Secret', id="a Secret that isn't there"),
        pytest.param(FETCH_MEMORY, "raise spec.repository.download.resources.limits.memory", id="too little memory"),
        pytest.param(
            ContainerTrouble("fetch", "Error", ""), "kubectl logs echo-1 -c fetch --previous", id="without last words"
        ),
    ],
)
def test_a_failed_fetch_is_told_with_what_to_do(trouble, expected):
    failed = pod(ECHO, started=False, ready=False, models=None, trouble=trouble)
    ready = next(v for v in verdicts(ECHO, observation(ECHO, failed)) if v.type == "Ready")
    assert expected in ready.message


def test_fetching_is_told_apart_from_loading():
    starting = pod(ECHO, started=False, ready=False, models=None, fetching=True)
    ready = next(v for v in verdicts(ECHO, observation(ECHO, starting)) if v.type == "Ready")
    assert "1 fetching model files" in ready.message
    assert "loading" not in ready.message


GATEWAY_URL, OWN_URL = "http://echo-gateway.shop.svc:8000", "http://echo.shop.svc:8000"
PROGRAMMED = Verdict("TrafficProgrammed", "True", "Programmed", "")
BEHIND = Verdict("TrafficProgrammed", "False", "GatewayBehind", "")


@pytest.mark.parametrize(
    ("routed", "before", "url"),
    [
        pytest.param(None, {}, OWN_URL, id="without a gateway"),
        pytest.param(Routed(), {}, OWN_URL, id="while the gateway does not know the resource"),
        pytest.param(Routed(verdict=PROGRAMMED), {}, GATEWAY_URL, id="once it does"),
        pytest.param(Routed(verdict=BEHIND), {}, OWN_URL, id="not before"),
        pytest.param(Routed(verdict=BEHIND), {"url": GATEWAY_URL}, GATEWAY_URL, id="and from then on whatever comes"),
    ],
)
def test_where_clients_are_sent(routed, before, url):
    observed = observation(ECHO, pod(ECHO), status=before)
    assert summarize(ECHO, observed, NOW, routed=routed)["url"] == url
