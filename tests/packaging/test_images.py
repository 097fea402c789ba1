"""Which image a cluster is told to run."""

import json

import pytest

from demo import built_images

ENTRY = {"name": "glm-triton-cpu", "reference": "localhost/glm-triton-cpu:abc", "archive": "glm-triton-cpu-abc.tar"}


@pytest.fixture
def manifest(tmp_path, monkeypatch):
    monkeypatch.delenv("GLM_TRITON_CPU_IMAGE", raising=False)
    monkeypatch.setattr(built_images, "MANIFEST", tmp_path / "images.json")
    return tmp_path / "images.json"


def test_in_a_cluster_of_ours_it_is_the_newest_build(manifest):
    manifest.write_text(json.dumps([ENTRY]))
    assert built_images.reference("triton-cpu", ours=True) == ENTRY["reference"]


def test_elsewhere_it_is_the_one_that_the_user_names(manifest, monkeypatch):
    monkeypatch.setenv("GLM_TRITON_CPU_IMAGE", "registry.example/triton:1")
    assert built_images.reference("triton-cpu", ours=False) == "registry.example/triton:1"


@pytest.mark.parametrize(
    ("ours", "told"),
    [
        pytest.param(True, "make images", id="an image that is not built"),
        pytest.param(False, "GLM_TRITON_CPU_IMAGE", id="an image that is not named"),
    ],
)
def test_what_is_missing_is_told_with_what_to_do(manifest, ours, told):
    with pytest.raises(LookupError, match=told):
        built_images.reference("triton-cpu", ours=ours)
