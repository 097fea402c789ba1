"""What is older than what is known is told apart."""

import pytest

from bodies import make_body
from glm_operator.reconcile.freshness import NewestVersions
from glm_operator.reconcile.queue import Key


@pytest.mark.parametrize(
    ("versions", "fresh"),
    [
        pytest.param(["7"], [True], id="the first one is new"),
        pytest.param(["7", "7", "8"], [True, True, True], id="the same again and a newer one are not old"),
        pytest.param(["9", "10"], [True, True], id="compared as numbers, not as texts"),
        pytest.param(
            ["10", "9", "9", "10"], [True, False, False, True], id="older ones are old until it is as new again"
        ),
        pytest.param([None, "10", "a1"], [True, True, True], id="what can't be compared is not judged"),
    ],
)
def test_versions(versions, fresh):
    newest = NewestVersions()
    assert [newest.saw(make_body(resourceVersion=version)) for version in versions] == fresh


def test_resources_are_told_apart_and_a_resource_that_is_gone_is_forgotten():
    newest = NewestVersions()
    assert newest.saw(make_body(resourceVersion="9"))
    assert newest.saw(make_body(resourceVersion="3", name="another"))
    newest.forget(Key("shop", "echo"))
    assert newest.saw(make_body(resourceVersion="1"))


@pytest.mark.parametrize(
    ("meanwhile", "own"),
    [
        pytest.param({}, True, id="nothing else"),
        pytest.param({"generation": 2}, False, id="a new spec"),
        pytest.param({"annotations": {"a": "b"}}, False, id="an annotation"),
        pytest.param({"labels": {"a": "b"}}, False, id="a label"),
        pytest.param({"deletionTimestamp": "2026-11-24T00:00:00Z"}, False, id="a deletion"),
        pytest.param({"uid": "another"}, False, id="another resource of this name"),
    ],
)
def test_a_written_status_is_own_news_unless_something_else_has_changed_meanwhile(meanwhile, own):
    newest, looked_at = NewestVersions(), make_body(generation=1)["metadata"]
    newest.wrote(looked_at, make_body(**{"generation": 1, "resourceVersion": "8"} | meanwhile))
    assert newest.is_own(Key("shop", "echo"), "8") is own
    assert not newest.is_own(Key("shop", "echo"), "9")
