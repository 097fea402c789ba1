"""Whether what is desired is there already: the API server's additions don't count, everything else does."""

import copy

import pytest

from glm_operator.resources.difference import is_applied, is_controlled_by, with_applied_hash

DESIRED = with_applied_hash(
    {
        "kind": "Deployment",
        "metadata": {"name": "a", "labels": {"x": "1"}},
        "spec": {
            "replicas": 2,
            "empty": {},
            "containers": [
                {"name": "c", "args": ["--one"], "resources": {"limits": {"memory": "1024Mi", "cpu": "1000m"}}}
            ],
            "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}],
        },
    }
)


def observed(change):
    there = copy.deepcopy(DESIRED)
    change(there)
    return there


def server_additions(there):
    there["metadata"]["resourceVersion"] = "7"
    there["metadata"]["labels"]["other"] = "2"
    there["spec"]["strategy"] = {"type": "RollingUpdate"}
    there["spec"]["containers"][0]["terminationMessagePath"] = "/dev/termination-log"
    del there["spec"]["empty"]


def other_spelling(there):
    there["spec"]["containers"][0]["resources"]["limits"] = {"memory": "1Gi", "cpu": "1"}
    there["spec"]["volumes"][0]["emptyDir"]["sizeLimit"] = "1024Mi"


def scaled_by_hand(there):
    there["spec"]["replicas"] = 3


def label_removed(there):
    del there["metadata"]["labels"]["x"]


def container_added(there):
    there["spec"]["containers"].append({"name": "sidecar"})


def container_removed(there):
    there["spec"]["containers"] = [{"name": "sidecar"}]


def argument_added(there):
    there["spec"]["containers"][0]["args"].append("--more")


def applied_with_one_field_more(there):
    there["metadata"]["annotations"]["serving.autoglm.io/applied-hash"] = "older"


def more_memory(there):
    there["spec"]["containers"][0]["resources"]["limits"]["memory"] = "2Gi"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda _: None, True, id="the same is applied"),
        pytest.param(server_additions, True, id="defaults and others' fields change nothing"),
        pytest.param(other_spelling, True, id="a quantity may be spelt otherwise"),
        pytest.param(more_memory, False, id="another quantity is a difference"),
        pytest.param(scaled_by_hand, False, id="a changed value is a difference"),
        pytest.param(label_removed, False, id="a removed field is a difference"),
        pytest.param(container_added, True, id="another's container is another's: an apply would not remove it"),
        pytest.param(container_removed, False, id="a container of ours that is gone is a difference"),
        pytest.param(argument_added, False, id="an element more in a list without keys is a difference"),
        pytest.param(applied_with_one_field_more, False, id="a field that we have dropped since is a difference"),
    ],
)
def test_is_applied(change, expected):
    assert is_applied(DESIRED, observed(change)) is expected


def test_what_is_not_there_is_not_applied():
    assert is_applied(DESIRED, None) is False


@pytest.mark.parametrize(
    ("owners", "expected"),
    [
        pytest.param([], False, id="nobody's object"),
        pytest.param([{"uid": "other", "controller": True}], False, id="another's object"),
        pytest.param([{"uid": "mine"}], False, id="owned, but not controlled"),
        pytest.param([{"uid": "mine", "controller": True}], True, id="ours"),
    ],
)
def test_is_controlled_by(owners, expected):
    assert is_controlled_by({"metadata": {"ownerReferences": owners}}, "mine") is expected


@pytest.mark.parametrize(
    ("desired", "there", "expected"),
    [
        pytest.param("0.5m", "500u", True, id="a thousandth is spelt smaller by the API server"),
        pytest.param("1.5Gi", "1536Mi", True, id="a fraction of a larger unit"),
        pytest.param("2", 2, True, id="a number for a text"),
        pytest.param("1", "1100m", False, id="a little more"),
        pytest.param("many", "1", False, id="what is no quantity is never equal to one"),
    ],
)
def test_quantities(desired, there, expected):
    def limits(value):
        return {"metadata": {}, "limits": {"cpu": value}}

    assert is_applied(limits(desired), limits(there)) is expected


def test_what_a_user_left_empty_may_be_dropped_by_the_api_server():
    assert is_applied({"metadata": {}, "affinity": {"nodeAffinity": None}}, {"metadata": {}, "affinity": {}}) is True
