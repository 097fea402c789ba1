"""The container that fetches model files: what it is told, what it gets, and what of it makes a new revision."""

import json
from dataclasses import replace

import pytest

from bodies import MINIMAL, make_body
from glm_operator.api.inference import parse
from glm_operator.resources.children import desired_children
from glm_operator.resources.triton_deployment import Images, deployment_with_kept_images, triton_deployment

IMAGES = Images(runtime="triton:1", repository="operator:1", repository_urls="https://,s3://")
HTTP = {"http": {"uri": "https://models.example.org/$(HOME)/a.tar.gz", "sha256": "0" * 64}}
S3 = {"s3": {"uri": "s3://bucket/models", "secretRef": {"name": "access"}}}


def inference(repository):
    return parse(make_body(MINIMAL | {"repository": repository}))


def pod_of(repository):
    return triton_deployment(inference(repository), IMAGES, "echo-models-1", None)["spec"]["template"]["spec"]


@pytest.mark.parametrize("repository", [HTTP, S3], ids=["http", "s3"])
def test_it_runs_before_the_layout_and_alone_may_write_the_volume(repository):
    pod = pod_of(repository)
    assert [container["name"] for container in pod["initContainers"]] == ["fetch", "model-repository"]
    mounts = {
        container["name"]: next(mount for mount in container["volumeMounts"] if mount["name"] == "source")
        for container in pod["initContainers"] + pod["containers"]
    }
    assert {name: mount.get("readOnly", False) for name, mount in mounts.items()} == {
        "fetch": False,
        "model-repository": True,
        "triton": True,
    }


def test_no_word_of_the_users_stands_where_kubelet_expands_variables():
    fetch = pod_of(HTTP)["initContainers"][0]
    assert "models.example.org" not in json.dumps(fetch)
    (config_map,) = (c for c in desired_children(inference(HTTP), IMAGES, None, None) if c["kind"] == "ConfigMap")
    plan = json.loads(config_map["data"]["fetch.json"])
    assert plan["source"]["uri"] == HTTP["http"]["uri"]
    assert plan["size_limit_bytes"] == 20 * 2**30


def test_the_secret_reaches_the_fetch_container_alone():
    pod = pod_of(S3)
    named = [container["name"] for container in pod["initContainers"] + pod["containers"] if "access" in str(container)]
    assert named == ["fetch"]
    assert "access" not in str(pod["volumes"])


def test_a_mounted_source_has_no_such_container():
    pod = pod_of(MINIMAL["repository"])
    assert [container["name"] for container in pod["initContainers"]] == ["model-repository"]


def test_fetching_has_time_of_its_own_before_a_rollout_counts_as_stuck():
    def deadline(repository):
        return triton_deployment(inference(repository), IMAGES, "c", None)["spec"]["progressDeadlineSeconds"]

    assert deadline(HTTP | {"download": {"timeoutSeconds": 7200}}) - deadline(MINIMAL["repository"]) == 7200


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(HTTP, "https://,s3://", id="another list alone restarts no server"),
        pytest.param(
            HTTP | {"download": {"resources": {"limits": {"memory": "1Gi"}}}}, "https://new", id="a change does"
        ),
        pytest.param(MINIMAL["repository"], "https://new", id="another source takes the present list"),
    ],
)
def test_the_list_of_addresses_is_taken_up_with_the_next_change(before, expected):
    running = triton_deployment(inference(before), IMAGES, "echo-models-1", None)
    newer = replace(IMAGES, repository_urls="https://new")
    built = deployment_with_kept_images(inference(HTTP), newer, "echo-models-1", None, running)
    (variable,) = built["spec"]["template"]["spec"]["initContainers"][0]["env"]
    assert variable == {"name": "GLM_REPOSITORY_URLS", "value": expected}


def test_an_earlier_operators_deployment_is_not_written_for_the_new_setting():
    """It knew no list, and the annotation with its defaults must stay as it is."""
    earlier = Images(runtime="triton:1", repository="operator:1")
    running = triton_deployment(inference(MINIMAL["repository"]), earlier, "echo-models-1", None)
    built = deployment_with_kept_images(inference(MINIMAL["repository"]), IMAGES, "echo-models-1", None, running)
    assert built == running
