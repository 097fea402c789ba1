"""Versions that a watch told of: never older than one told before, and gone only with the last of them."""

import pytest

from glm_operator.reconcile.object_cache import Name
from glm_operator.reconcile.version_cache import VersionCache

A, B = Name("shop", "a"), Name("shop", "b")


def body(version, name="a"):
    return {"metadata": {"namespace": "shop", "name": name, "resourceVersion": str(version)}}


@pytest.mark.parametrize(
    ("steps", "changes", "known"),
    [
        pytest.param([("told", 3)], [A], 3, id="a first one is news"),
        pytest.param([("told", 3), ("told", 3)], [A, None], 3, id="the same again is none"),
        pytest.param([("told", 9), ("told", 10)], [A, A], 10, id="compared as numbers"),
        pytest.param([("told", 4), ("told", 3)], [A, None], 4, id="an older one is none"),
        pytest.param([("told", 3), ("gone", 4)], [A, A], None, id="it is gone"),
        pytest.param([("told", 5), ("gone", 4)], [A, None], 5, id="one that was made anew stays"),
        pytest.param([("gone", 4)], [None], None, id="nothing can't go"),
    ],
)
def test_events(steps, changes, known):
    cache = VersionCache()
    assert [getattr(cache, what)(body(version)) for what, version in steps] == changes
    assert cache.get(A) == known


def test_a_list_tells_of_what_is_new_changed_and_gone_but_not_of_what_is_newer_than_itself():
    cache = VersionCache()
    assert cache.listed([body(3), body(3, "b")], 5) == {A, B}
    assert cache.listed([body(3), body(6, "b")], 7) == {B}
    assert cache.listed([body(3)], 8) == {B}
    cache.told(body(12, "b"))
    assert cache.listed([body(3)], 10) == frozenset()
    assert cache.get(B) == 12
