"""The Deployment: golden pod templates, and the parts whose reasons matter."""

import json
import os
from pathlib import Path

import pytest

from bodies import MINIMAL, TENSOR_IN, TENSOR_OUT, make_body, model
from glm_operator.api.inference import parse
from glm_operator.resources.children import desired_children
from glm_operator.resources.repository_plan import model_config_map
from glm_operator.resources.triton_deployment import Images, deployment_with_kept_images, pod_hash, triton_deployment

GOLDEN = Path(__file__).parent / "golden"
IMAGES = Images(runtime="triton:default", repository="operator:1")

GPU_SPEC = {
    "models": [
        model(engine="TensorRT", name="big", precision="FP16"),
        model(engine="ONNXRuntime", name="small", required=False),
    ],
    "repository": {"persistentVolumeClaim": {"name": "models", "path": "prod/v1"}},
    "runtime": {
        "image": "registry.example/tritonserver:24.10-py3",
        "gpu": {"count": 1},
        "resources": {"requests": {"cpu": 2, "memory": "8Gi"}, "limits": {"memory": "8Gi"}},
        "sharedMemory": "1Gi",
        "startupSeconds": 1200,
        "exitTimeoutSeconds": 60,
        "extraArgs": ["--log-verbose=1"],
        "podTemplate": {
            "labels": {"team": "search"},
            "nodeSelector": {"gpu": "a100"},
            "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
            "imagePullSecrets": [{"name": "registry"}],
            "serviceAccountName": "triton",
        },
    },
    "replicas": 3,
}
S3 = {
    "s3": {"uri": "s3://bucket/models", "endpoint": "http://minio:9000", "secretRef": {"name": "access"}},
    "download": {"sizeLimit": "5Gi", "timeoutSeconds": 600, "resources": {"limits": {"memory": "1Gi", "cpu": 2}}},
}
HTTP = {"http": {"uri": "https://models.example.org/a.tar.gz?$(HOME)", "sha256": "0" * 64}}
SPECS = {
    "minimal": MINIMAL,
    "gpu": GPU_SPEC,
    "image-volume": MINIMAL | {"repository": {"image": {"reference": "m:1"}}},
    "s3": MINIMAL | {"repository": S3},
    "http": MINIMAL | {"repository": HTTP},
}


def deployment(spec=None, images=IMAGES, repository_hash="abc"):
    return triton_deployment(parse(make_body(spec)), images, "echo-models-1", repository_hash)


def pod_of(spec=None):
    return deployment(spec)["spec"]["template"]["spec"]


@pytest.mark.parametrize("name", SPECS)
def test_the_pod_template_is_the_golden_one(name):
    """A changed template restarts every server when the operator is upgraded.

    Where that is meant: `UPDATE_GOLDEN=1 make test-fast`, and a changelog fragment that says so.
    """
    actual = json.dumps(deployment(SPECS[name])["spec"]["template"], indent=2, sort_keys=True) + "\n"
    path = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(actual)
    assert actual == path.read_text()


def test_the_grace_period_leaves_room_for_the_hook_and_the_exit_timeout():
    spec = MINIMAL | {"runtime": {"exitTimeoutSeconds": 60}}
    pod = pod_of(spec)
    hook = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > hook + 60
    assert "--exit-timeout-secs=60" in pod["containers"][0]["args"]


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        pytest.param({}, {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}}, id="by itself"),
        pytest.param(
            {"limits": {"cpu": 2, "memory": "8Gi", "nvidia.com/mig": 1}},
            {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "2", "memory": "128Mi"}},
            id="a limit that a quota may want of every container",
        ),
        pytest.param(
            {"requests": {"cpu": 2, "ephemeral-storage": "1Gi"}},
            {
                "requests": {"cpu": "10m", "memory": "32Mi", "ephemeral-storage": "1Gi"},
                "limits": {"memory": "128Mi"},
            },
            id="a request that a quota may want of every container",
        ),
    ],
)
def test_the_init_container_names_what_the_server_names(resources, expected):
    pod = pod_of(MINIMAL | {"runtime": {"resources": resources}})
    assert pod["initContainers"][0]["resources"] == expected


def test_the_startup_probe_covers_the_whole_loading_time():
    probe = pod_of(MINIMAL | {"runtime": {"startupSeconds": 601}})["containers"][0]["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 601


@pytest.mark.parametrize(
    ("required", "path", "gated"),
    [
        pytest.param((True,), "/v2/models/a/ready", False, id="one model: its readiness"),
        pytest.param((True, False), "/v2/models/a/ready", False, id="one required: that model's readiness"),
        pytest.param((True, True), "/v2/health/live", True, id="several required: the gate"),
        pytest.param((True, True, False), "/v2/health/live", True, id="several beside an optional one: the gate"),
        pytest.param((False, False), "/v2/health/live", False, id="none required: the server is enough"),
    ],
)
def test_readiness_hangs_on_the_required_models_alone(required, path, gated):
    models = [model(name=name, required=flag) for name, flag in zip("abc", required, strict=False)]
    pod = pod_of(MINIMAL | {"models": models})
    assert pod["containers"][0]["readinessProbe"]["httpGet"]["path"] == path
    assert ("readinessGates" in pod) == gated


def test_a_gpu_is_a_limit_of_the_named_resource():
    pod = pod_of(MINIMAL | {"runtime": {"gpu": {"resourceName": "amd.com/gpu", "count": 2}}})
    assert pod["containers"][0]["resources"]["limits"] == {"amd.com/gpu": "2"}


@pytest.mark.parametrize(
    ("cached", "extra", "expected"),
    [
        pytest.param(False, [], [], id="no cache"),
        pytest.param(True, [], ["--cache-config=local,size=67108864"], id="a cache of the default size"),
        pytest.param(True, ["--cache-config=local,size=9"], ["--cache-config=local,size=9"], id="of the user's size"),
    ],
)
def test_a_response_cache_is_switched_on_for_the_server(cached, extra, expected):
    pod = pod_of(MINIMAL | {"models": [model(responseCache=cached)], "runtime": {"extraArgs": extra}})
    assert [argument for argument in pod["containers"][0]["args"] if "cache-config" in argument] == expected


@pytest.mark.parametrize("name", SPECS)
def test_every_container_is_restricted(name):
    pod = pod_of(SPECS[name])
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"] + pod["initContainers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_a_users_labels_cannot_take_the_selectors_place():
    spec = MINIMAL | {"runtime": {"podTemplate": {"labels": {"serving.autoglm.io/inference": "other"}}}}
    built = deployment(spec)["spec"]
    assert built["selector"]["matchLabels"].items() <= built["template"]["metadata"]["labels"].items()


ECHO, OTHER, THIRD = model(), model(name="other"), model(name="third")
SMALLER = model(maxBatchSize=4)
VOLUME = {"persistentVolumeClaim": {"name": "models"}}
STEP = {"model": "echo", "inputMap": {"input": "input"}, "outputMap": {"output": "output"}}
WHOLE = {"name": "whole", "maxBatchSize": 1, "inputs": [TENSOR_IN], "outputs": [TENSOR_OUT], "steps": [STEP]}


@pytest.mark.parametrize(
    ("before", "after", "rolls"),
    [
        pytest.param({}, {"models": [SMALLER]}, False, id="a changed model does not"),
        pytest.param({"models": [ECHO, OTHER]}, {"models": [ECHO, OTHER, THIRD]}, False, id="nor a new one"),
        pytest.param({"models": [ECHO, OTHER, THIRD]}, {"models": [ECHO, OTHER]}, False, id="nor one less"),
        pytest.param({}, {"models": [ECHO, model(name="b", required=False)]}, False, id="nor a new optional one"),
        pytest.param({}, {"replicas": 5}, False, id="nor the number of pods"),
        pytest.param({}, {"repository": {"configMap": {"name": "new"}}}, True, id="another source does"),
        pytest.param({}, {"models": [ECHO, OTHER]}, True, id="so does a second required model: it needs the gate"),
        pytest.param({"repository": VOLUME}, {"repository": VOLUME, "models": [SMALLER]}, False, id="not a volume's"),
        pytest.param(
            {"repository": VOLUME},
            {"repository": VOLUME, "models": [ECHO, model(name="b", required=False)]},
            True,
            id="a new model of a volume does: only the init container links its folder",
        ),
        pytest.param({"ensembles": []}, {"ensembles": [WHOLE]}, True, id="so does an ensemble"),
        pytest.param(
            {"ensembles": [WHOLE]},
            {"ensembles": [WHOLE], "models": [SMALLER]},
            True,
            id="and the configuration of a member, which could end the ensemble",
        ),
    ],
)
def test_what_rolls_the_pods(before, after, rolls):
    """The plan's name is in the pod template: another name is another template."""
    one, other = (parse(make_body(MINIMAL | spec)) for spec in (before, after))
    assert (mounted_plan(one) != mounted_plan(other)) == rolls


def mounted_plan(inference):
    children = desired_children(inference, IMAGES, None, None)
    volumes = children[-1]["spec"]["template"]["spec"]["volumes"]
    return next(volume["configMap"]["name"] for volume in volumes if volume["name"] == "model-config")


def test_an_upgrade_of_the_operator_gives_the_plan_no_other_name():
    inference = parse(make_body())
    assert pod_hash(inference, IMAGES) == pod_hash(inference, NEWER)


def test_the_plan_follows_the_models():
    plans = [model_config_map(parse(make_body(MINIMAL | {"models": [m]})), "x")["data"] for m in (ECHO, SMALLER)]
    assert plans[0] != plans[1]


NEWER = Images(runtime="triton:newer", repository="operator:2")


def images_of(built):
    pod = built["spec"]["template"]["spec"]
    return [container["image"] for container in pod["initContainers"] + pod["containers"]]


@pytest.mark.parametrize(
    ("running", "wanted", "expected"),
    [
        pytest.param(None, MINIMAL, ["operator:2", "triton:newer"], id="a new resource gets the new images"),
        pytest.param(MINIMAL, MINIMAL, ["operator:1", "triton:default"], id="an upgrade alone keeps what runs"),
        pytest.param(MINIMAL, MINIMAL | {"replicas": 5}, ["operator:1", "triton:default"], id="so does scaling"),
        pytest.param(
            MINIMAL,
            MINIMAL | {"runtime": {"startupSeconds": 99}},
            ["operator:2", "triton:newer"],
            id="a changed pod takes the new images along",
        ),
        pytest.param(
            MINIMAL,
            MINIMAL | {"runtime": {"image": "mine:1"}},
            ["operator:2", "mine:1"],
            id="an image of the user's own is never held back",
        ),
    ],
)
def test_default_images_are_taken_up_with_the_next_change_only(running, wanted, expected):
    observed = None if running is None else deployment(running)
    built = deployment_with_kept_images(parse(make_body(wanted)), NEWER, "echo-models-1", "abc", observed)
    assert images_of(built) == expected


@pytest.mark.parametrize("spec", [MINIMAL, MINIMAL | {"runtime": {"image": "mine:1"}}], ids=["default", "given"])
def test_an_image_that_somebody_set_by_hand_is_undone(spec):
    observed = deployment(spec)
    observed["spec"]["template"]["spec"]["containers"][0]["image"] = "evil:1"
    built = deployment_with_kept_images(parse(make_body(spec)), IMAGES, "echo-models-1", "abc", observed)
    assert "evil:1" not in images_of(built)


def test_another_pull_policy_restarts_no_server():
    policy = Images(IMAGES.runtime, IMAGES.repository, "Always")
    built = deployment_with_kept_images(parse(make_body()), policy, "echo-models-1", "abc", deployment())
    assert built == deployment()


def test_the_service_account_is_left_out_when_the_user_names_one():
    kinds = [child["kind"] for child in desired_children(parse(make_body(GPU_SPEC)), IMAGES, None, None)]
    assert "ServiceAccount" not in kinds


@pytest.mark.parametrize("name", SPECS)
def test_the_order_has_what_the_deployment_needs_before_it(name):
    children = desired_children(parse(make_body(SPECS[name])), IMAGES, None, None)
    assert children[-1]["kind"] == "Deployment"
    mounted = children[-1]["spec"]["template"]["spec"]["volumes"][1]["configMap"]["name"]
    assert mounted in [child["metadata"]["name"] for child in children if child["kind"] == "ConfigMap"]
