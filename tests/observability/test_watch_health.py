"""A watch that has gone deaf is found; an idle cluster is not mistaken for one."""

import pytest

from glm_operator.observability.watch_health import WatchHealth

A, B = ("n", "a"), ("n", "b")


def health(*steps):
    watch = WatchHealth()
    for step in steps:
        step(watch)
    return watch


def heard(name, version):
    return lambda watch: watch.heard(name, version)


def listed(at, **versions):
    return lambda watch: watch.listed({("n", name): version for name, version in versions.items()}, at)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param([heard(A, "1"), listed(0, a="1")], 0.0, id="what was heard of is not overdue"),
        pytest.param([heard(A, "1"), listed(0, a="1"), listed(900, a="1")], 0.0, id="an idle hour is no silence"),
        pytest.param([heard(A, "1"), listed(10, a="2")], 90.0, id="a change without an event is overdue"),
        pytest.param([heard(A, "1"), listed(10, a="2"), heard(A, "2")], 0.0, id="until the event comes"),
        pytest.param([heard(A, "4"), listed(10, a="5"), heard(A, "6")], 0.0, id="or a newer one"),
        pytest.param([listed(10, a="1")], 90.0, id="a resource never heard of is overdue"),
        pytest.param([listed(10, a="1"), listed(50, a="2")], 90.0, id="changing again doesn't hide the silence"),
        pytest.param([listed(10, a="1"), listed(50)], 0.0, id="a resource that is gone is not waited for"),
        pytest.param([heard(B, "1"), listed(10, a="1", b="1"), listed(40, a="1", b="2")], 90.0, id="the oldest counts"),
    ],
)
def test_overdue(steps, expected):
    assert health(*steps).overdue_seconds(100.0) == expected


def test_what_was_missed_is_named_so_that_it_is_looked_at():
    watch = health(heard(A, "1"))
    assert watch.listed({A: "2", B: "1"}, 0.0) == {A, B}


def test_a_resource_is_there_from_the_first_word_of_it_until_its_end():
    health = WatchHealth()
    name = ("shop", "bot")
    assert name not in health
    health.heard(name, "1")
    assert name in health
    health.gone(name)
    assert name not in health
    health.listed({name: "2"}, now=0.0)
    assert name in health
    health.gone(name)
    assert health.overdue_seconds(now=500.0) == 0.0
