"""The cache of what watches have told: newest wins, in whatever order writes, events and lists come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_operator.api import group
from glm_operator.reconcile.object_cache import ObjectCache, Owner

SHOP = Owner("shop", "bot")


def thing(version, name="a", owner="bot", **extra):
    labels = {group.LABEL_INFERENCE: owner} if owner else {}
    metadata = {"name": name, "namespace": "shop", "resourceVersion": str(version), "labels": labels}
    return {"kind": "Service", "metadata": metadata | extra}


def known(cache, name="a"):
    found = cache.get("shop", name)
    return None if found is None else int(found["metadata"]["resourceVersion"])


STEPS = [
    pytest.param([("told", 1)], 1, id="what a watch told is known"),
    pytest.param([("told", 2), ("told", 1)], 2, id="an older version never replaces a newer one"),
    pytest.param([("told", 1), ("wrote", 2)], 2, id="what was written is known before the watch tells of it"),
    pytest.param([("told", 3), ("wrote", 2)], 3, id="a watch that is ahead of a write stands"),
    pytest.param([("told", 1), ("gone", 3), ("wrote", 2)], None, id="a write doesn't bring back what went after it"),
    pytest.param([("told", 1), ("gone", 2), ("wrote", 3)], 3, id="an object that was made anew is known"),
    pytest.param([("wrote", 3), ("gone", 2)], 3, id="an object that was made anew survives the end of its predecessor"),
    pytest.param([("told", 1), ("list", 2)], None, id="what a list doesn't show is gone"),
    pytest.param([("wrote", 3), ("list", 2)], 3, id="a list from before a write doesn't undo it"),
]


@pytest.mark.parametrize(("steps", "expected"), STEPS)
def test_the_newest_version_is_known(steps, expected):
    cache = ObjectCache()
    for step, version in steps:
        if step == "list":
            cache.listed([], version)
        else:
            getattr(cache, step)(thing(version))
    assert known(cache) == expected
    assert [int(o["metadata"]["resourceVersion"]) for o in cache.of(SHOP)] == ([expected] if expected else [])
    assert len(cache) == (1 if expected else 0)


def test_only_news_is_passed_on():
    cache = ObjectCache()
    cache.wrote(thing(5))
    assert cache.told(thing(5)) is None
    assert cache.told(thing(6)) == SHOP
    assert cache.gone(thing(7)) == SHOP
    assert cache.gone(thing(8)) is None
    assert cache.listed([thing(9), thing(9, "b", "other")], 9) == {SHOP, Owner("shop", "other")}
    assert cache.listed([thing(9), thing(9, "b", "other")], 10) == frozenset()


def test_an_object_that_changes_its_owner_is_found_under_the_new_one_only():
    cache = ObjectCache()
    cache.told(thing(1))
    cache.told(thing(2, owner="other"))
    assert cache.of(SHOP) == []
    assert [o["metadata"]["name"] for o in cache.of(Owner("shop", "other"))] == ["a"]


def test_managed_fields_are_not_kept():
    cache = ObjectCache()
    cache.told(thing(1, managedFields=[{"manager": "x"}]))
    assert "managedFields" not in cache.get("shop", "a")["metadata"]


@given(
    st.lists(
        st.tuples(st.sampled_from(["told", "gone"]), st.sampled_from("abc")),
        max_size=30,
    )
)
def test_after_a_list_the_cache_holds_just_what_the_list_shows(steps):
    cache, version = ObjectCache(), 0
    for version, (step, name) in enumerate(steps, start=1):
        getattr(cache, step)(thing(version, name))
    cache.listed([thing(version + 1, "a"), thing(version + 1, "z")], version + 1)
    assert sorted(o["metadata"]["name"] for o in cache.of(SHOP)) == ["a", "z"]
    assert len(cache) == 2
