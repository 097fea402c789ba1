"""What is written, and that nothing is when nothing has to be."""

from dataclasses import replace

import pytest

from bodies import model
from glm_operator.reconcile.decide import KEPT_CONFIG_MAPS, applied_decision, decide
from glm_operator.resources.difference import with_applied_hash
from glm_operator.resources.triton_deployment import Images
from observations import FAILED, IMAGES, SERVING, UNLOADED, UNPROVEN, WRONG, applied, observation, pod, resource, wanted

ECHO = resource()
GATED = resource(models=[model(name="a"), model(name="b"), model(name="c", required=False)])


def kinds(plan):
    return [child["kind"] for child in plan.apply]


def test_an_unchanged_resource_causes_no_write():
    plan = decide(ECHO, observation(ECHO, pod(ECHO)), IMAGES)
    assert (plan.apply, plan.delete, plan.gates, plan.blocked) == ((), (), (), None)


def test_an_upgrade_of_the_operator_causes_no_write():
    newer = Images(runtime="triton:2", repository="operator:2")
    assert decide(ECHO, observation(ECHO, pod(ECHO)), newer).apply == ()


def test_a_new_resource_gets_all_children_with_what_the_deployment_needs_before_it():
    nothing = observation(ECHO, children=dict.fromkeys(applied(ECHO)), config_maps=())
    plan = decide(ECHO, nothing, IMAGES)
    assert kinds(plan)[-1] == "Deployment"
    assert set(kinds(plan)) == set(applied(ECHO))
    assert applied_decision(ECHO, plan.apply, nothing).reason == "Created"


@pytest.mark.parametrize("kind", [kind for kind in applied(ECHO) if kind != "ConfigMap"])
def test_a_child_that_somebody_deleted_is_made_again(kind):
    there = observation(ECHO).children | {kind: None}
    assert kinds(decide(ECHO, observation(ECHO, children=there), IMAGES)) == [kind]


def versioned(child, version):
    return child | {"metadata": child["metadata"] | {"resourceVersion": version}}


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        pytest.param("2", {"generation": "1", "changed": "Deployment echo"}, id="a new version is a change"),
        pytest.param("1", None, id="an apply without effect is none, and must not be told again and again"),
    ],
)
def test_a_change_is_recorded_with_what_it_was_decided_from(version, expected):
    changed = resource(replicas=3)
    before = versioned(applied(ECHO)["Deployment"], "1")
    observed = observation(ECHO, pod(ECHO), children=observation(ECHO).children | {"Deployment": before})
    (child,) = decide(changed, observed, IMAGES).apply
    decision = applied_decision(changed, [versioned(child, version)], observed)
    assert (decision and decision.inputs) == expected


OTHER_OWNER = {"kind": "GLMInference", "name": "echo", "uid": "an earlier one", "controller": True}


@pytest.mark.parametrize(
    ("metadata", "reason", "stalled"),
    [
        pytest.param({"ownerReferences": []}, "NameTaken", True, id="another owner's object is never taken over"),
        pytest.param(
            {"ownerReferences": [OTHER_OWNER]}, "PredecessorEnding", False, id="an earlier resource's is waited for"
        ),
        pytest.param(
            {"ownerReferences": [], "deletionTimestamp": "now"}, "PredecessorEnding", False, id="so is one that ends"
        ),
    ],
)
def test_a_foreign_child_of_the_same_name(metadata, reason, stalled):
    foreign = applied(ECHO)["Service"]
    foreign["metadata"] |= metadata
    plan = decide(ECHO, observation(ECHO, children={"Service": foreign}), IMAGES)
    assert (plan.blocked.reason, plan.blocked.stalled, plan.apply) == (reason, stalled, ())


@pytest.mark.parametrize(
    ("replicas", "expected"),
    [
        pytest.param(3, [], id="the running pods are left alone"),
        pytest.param(0, ["Deployment"], id="but nothing keeps them from being scaled to zero"),
    ],
)
def test_a_missing_repository(replicas, expected):
    changed = resource(replicas=replicas)
    assert kinds(decide(changed, observation(ECHO, pod(ECHO), repository_problem="gone"), IMAGES)) == expected


def test_a_missing_repository_keeps_no_other_child_from_being_repaired():
    children = observation(ECHO).children | {"Service": None}
    assert kinds(decide(ECHO, observation(ECHO, children=children, repository_problem="gone"), IMAGES)) == ["Service"]


LISTED = replace(IMAGES, repository_urls="https://models.example.org,http://minio:9000/models")
BUCKET = resource(repository={"s3": {"uri": "s3://models/x", "endpoint": "http://minio:9000"}})
ELSEWHERE = resource(repository={"http": {"uri": "https://evil.net/a.tar.gz", "sha256": "0" * 64}})


def test_a_listed_address_is_fetched_from():
    nothing = observation(BUCKET, children=dict.fromkeys(applied(BUCKET)), config_maps=())
    plan = decide(BUCKET, nothing, LISTED)
    assert (kinds(plan)[-1], plan.blocked) == ("Deployment", None)


@pytest.mark.parametrize(
    ("repository", "images"),
    [
        pytest.param({"http": {"uri": "https://evil.net/a", "sha256": "0" * 64}}, LISTED, id="another host"),
        pytest.param({"s3": {"uri": "s3://models/x"}}, LISTED, id="the bucket of that name at AWS"),
        pytest.param({"s3": {"uri": "s3://other/x", "endpoint": "http://minio:9000"}}, LISTED, id="another bucket"),
        pytest.param({"s3": {"uri": "s3://models/x"}}, IMAGES, id="anything, by an empty list"),
    ],
)
def test_an_address_that_is_not_listed_gets_no_pods(repository, images):
    inference = resource(repository=repository)
    nothing = observation(inference, children=dict.fromkeys(applied(inference)), config_maps=())
    plan = decide(inference, nothing, images)
    assert "Deployment" not in kinds(plan)
    assert (plan.blocked.reason, plan.blocked.stalled) == ("RepositoryNotAllowed", True)


def test_pods_that_run_are_left_alone_when_the_list_becomes_shorter():
    children = observation(ELSEWHERE).children | {"Service": None}
    plan = decide(ELSEWHERE, observation(ELSEWHERE, pod(ELSEWHERE), children=children), LISTED)
    assert kinds(plan) == ["Service"]
    assert "allowed are addresses that begin with https://models.example.org" in plan.blocked.message


def config_map(name, created):
    owned = applied(ECHO)["ConfigMap"]["metadata"]["ownerReferences"]
    metadata = {"name": name, "creationTimestamp": created, "ownerReferences": owned}
    return with_applied_hash({"kind": "ConfigMap", "metadata": metadata})


def test_a_configuration_of_an_earlier_resource_is_waited_for():
    earlier = applied(ECHO)["ConfigMap"]
    earlier["metadata"] |= {"ownerReferences": [OTHER_OWNER]}
    assert decide(ECHO, observation(ECHO, config_maps=(earlier,)), IMAGES).blocked.reason == "PredecessorEnding"


def test_old_configurations_are_kept_for_a_rollback_and_for_pods_that_mount_them():
    current = applied(ECHO)["ConfigMap"]
    old = [config_map(f"echo-models-{n}", f"2026-01-0{n}") for n in range(1, 6)]
    mounted = pod(ECHO, config_map="echo-models-1")
    plan = decide(ECHO, observation(ECHO, mounted, config_maps=(current, *old)), IMAGES)
    kept_for_rollback = {f"echo-models-{n}" for n in (5, 4)}
    assert len(kept_for_rollback) == KEPT_CONFIG_MAPS
    assert {name for _, name in plan.delete} == {"echo-models-3", "echo-models-2"}


@pytest.mark.parametrize(
    ("models", "gate", "expected"),
    [
        pytest.param({"a": SERVING, "b": SERVING, "c": FAILED}, None, [("echo-1", True)], id="it opens"),
        pytest.param({"a": SERVING, "b": SERVING, "c": FAILED}, True, [], id="it stays open"),
        pytest.param({"a": SERVING, "b": FAILED, "c": SERVING}, True, [("echo-1", False)], id="it closes"),
        pytest.param({"a": SERVING, "b": WRONG, "c": SERVING}, True, [("echo-1", False)], id="also on wrong answers"),
        pytest.param({"a": SERVING, "b": UNLOADED, "c": SERVING}, True, [], id="one yet to be loaded keeps it open"),
        pytest.param({"a": SERVING, "b": UNPROVEN, "c": SERVING}, True, [], id="so does a slow probe"),
        pytest.param({"a": SERVING, "b": UNLOADED, "c": SERVING}, None, [("echo-1", False)], id="but opens none"),
        pytest.param(None, True, [], id="an unreadable server changes nothing"),
    ],
)
def test_the_readiness_gate_follows_the_required_models(models, gate, expected):
    plan = decide(GATED, observation(GATED, pod(GATED, models=models, gate=gate)), IMAGES)
    assert list(plan.gates) == expected


def test_changed_files_cause_no_write():
    changed = wanted(ECHO, echo__2__model__py="new")
    assert decide(ECHO, observation(ECHO, pod(ECHO), wanted=changed), IMAGES).apply == ()


def test_a_changed_model_changes_the_plan_that_the_pods_mount_and_not_the_pods():
    changed = resource(models=[model(maxBatchSize=4)])
    (written,) = decide(changed, observation(ECHO, pod(ECHO)), IMAGES).apply
    assert (written["kind"], written["metadata"]["name"]) == ("ConfigMap", pod(ECHO).config_map)


def named_account(name):
    return resource(runtime={"podTemplate": {"serviceAccountName": name}})


@pytest.mark.parametrize(
    ("account", "older_pod", "expected"),
    [
        pytest.param("mine", False, (("ServiceAccount", "echo"),), id="the account of its own goes with its last use"),
        pytest.param("mine", True, (), id="but not while a pod of an older revision may be started anew"),
        pytest.param("echo", False, (), id="and not when the user names it"),
    ],
)
def test_a_service_account_that_the_spec_has_no_use_for_is_deleted(account, older_pod, expected):
    changed = named_account(account)
    before = observation(ECHO).children["ServiceAccount"]
    children = observation(changed).children | {"ServiceAccount": before}
    pods = [pod(changed), *([pod(ECHO, "echo-0")] if older_pod else [])]
    assert decide(changed, observation(changed, *pods, children=children), IMAGES).delete == expected


def test_nothing_is_deleted_before_what_replaces_it_is_there():
    assert decide(named_account("mine"), observation(ECHO), IMAGES).delete == ()


NEWER = Images(runtime="triton:2", repository="operator:2")


@pytest.mark.parametrize(
    ("changed", "images", "guard"),
    [
        pytest.param({"replicas": 3}, NEWER, None, id="no rollout: an apply may be repeated at any time"),
        pytest.param({"runtime": {"exitTimeoutSeconds": 77}}, NEWER, "7", id="a rollout with newer images"),
        pytest.param({"runtime": {"exitTimeoutSeconds": 77}}, IMAGES, "7", id="another operator may have newer ones"),
    ],
)
def test_pods_are_rolled_only_if_the_deployment_is_as_it_was_seen(changed, images, guard):
    running = versioned(applied(ECHO)["Deployment"], "7")
    observed = observation(ECHO, pod(ECHO), children=observation(ECHO).children | {"Deployment": running})
    (child,) = [child for child in decide(resource(**changed), observed, images).apply if child["kind"] == "Deployment"]
    assert child["metadata"].get("resourceVersion") == guard
