"""What is written, and that nothing is when nothing has to be."""

import pytest

from bodies import model
from glm_operator.reconcile.decide import KEPT_CONFIG_MAPS, applied_decision, decide
from glm_operator.resources.difference import with_applied_hash
from glm_operator.resources.triton_deployment import Images
from observations import FAILED, IMAGES, SERVING, applied, observation, pod, resource

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


@pytest.mark.parametrize(
    "source", [{"s3": {"uri": "s3://bucket/x"}}, {"http": {"uri": "https://a/b", "sha256": "0" * 64}}]
)
def test_a_source_that_is_not_there_yet_is_refused_with_what_to_use(source):
    inference = resource(repository=source)
    plan = decide(inference, observation(ECHO), IMAGES)
    assert plan.blocked.reason == "RepositorySourceNotSupported"
    assert "use configMap" in plan.blocked.message


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
        pytest.param(None, True, [], id="an unreadable server changes nothing"),
    ],
)
def test_the_readiness_gate_follows_the_required_models(models, gate, expected):
    plan = decide(GATED, observation(GATED, pod(GATED, models=models, gate=gate)), IMAGES)
    assert list(plan.gates) == expected


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
