"""Changed models roll the pods only when a pod can't be told of them."""

import pytest

from glm_operator.reconcile.models_at_start import models_hash, models_to_roll_with
from glm_operator.status.observation import ContainerTrouble
from observations import IMAGES, applied, observation, pod, resource, wanted

ECHO = resource()
PRESENT = models_hash(wanted(ECHO))
CHANGED = wanted(ECHO, echo__2__model__py="new")
NEWEST = models_hash(CHANGED)


def stuck(container, reason):
    trouble = ContainerTrouble(container, reason, "")
    return pod(ECHO, started=False, models=None, loaded=None, trouble=trouble)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(pod(ECHO), PRESENT, id="a pod that runs is told"),
        pytest.param(stuck("triton", "Error"), PRESENT, id="a server that ended once starts again and is told"),
        pytest.param(stuck("triton", "ImagePullBackOff"), PRESENT, id="an image that is missing is not the models'"),
        pytest.param(stuck("triton", "CreateContainerConfigError"), PRESENT, id="nor is a wrong configuration"),
        pytest.param(stuck("triton", "CrashLoopBackOff"), NEWEST, id="a server that dies while it loads is replaced"),
        pytest.param(stuck("model-repository", "Error"), NEWEST, id="so is a pod whose files were incomplete"),
    ],
)
def test_running_pods_are_told_and_stuck_ones_are_replaced(seen, expected):
    assert models_to_roll_with(ECHO, observation(ECHO, seen, wanted=CHANGED), IMAGES) == expected


def test_a_stuck_pod_without_a_change_is_not_replaced_again_and_again():
    observed = observation(ECHO, stuck("triton", "CrashLoopBackOff"))
    assert models_to_roll_with(ECHO, observed, IMAGES) == PRESENT


def test_pods_that_roll_for_another_reason_take_the_newest_along():
    other = resource(repository={"configMap": {"name": "another"}})
    assert models_to_roll_with(other, observation(ECHO, pod(ECHO), wanted=CHANGED), IMAGES) == NEWEST


def test_a_source_that_is_gone_changes_nothing():
    observed = observation(ECHO, stuck("model-repository", "Error"), wanted=None)
    assert models_to_roll_with(ECHO, observed, IMAGES) == PRESENT


def test_a_new_resource_starts_with_the_newest():
    observed = observation(ECHO, children=dict.fromkeys(applied(ECHO)), wanted=CHANGED)
    assert models_to_roll_with(ECHO, observed, IMAGES) == NEWEST
