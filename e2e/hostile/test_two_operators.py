"""Two operators at once, as when an old one has not ended yet: one end state, and no fight over it."""

import pytest

from hostile.lab import wait_for_silence, wait_until_settled
from support import ECHO_MODEL

STEPS = ({"replicas": 1}, {"replicas": 1, "models": [ECHO_MODEL | {"maxBatchSize": 2}]})


def state_of(world):
    return world.children(), world.status(), world.revisions(), world.pods()


def test_two_operators_end_where_one_does_and_stop_writing(alone):
    single = []
    with alone.world() as world, alone.operator(world) as operator:
        for spec in STEPS:
            world.want(**spec)
            wait_until_settled(world, operator)
            single.append(state_of(world))
    # One of them serves all namespaces, as the chart's does by default.
    with alone.world() as world, alone.operator(world, everywhere=True) as one, alone.operator(world, seed=1) as other:
        one.revive()
        other.revive()
        for spec, end in zip(STEPS, single, strict=True):
            world.want(**spec)
            wait_until_settled(world, one)
            wait_for_silence(world, one, other)
            assert state_of(world) == end


@pytest.mark.parametrize(
    "others",
    [
        pytest.param({"GLM_RUNTIME_IMAGE": "localhost/another-triton:1"}, id="another Triton by default"),
        pytest.param({"GLM_REPOSITORY_IMAGE": "localhost/another-operator:1"}, id="another version of the operator"),
        pytest.param({"GLM_IMAGE_PULL_POLICY": "IfNotPresent"}, id="another pull policy"),
    ],
)
def test_operators_with_other_default_images_do_not_roll_the_pods_back_and_forth(alone, others):
    with alone.world() as world, alone.operator(world) as one, alone.operator(world, others, seed=1) as other:
        one.revive()
        other.revive()
        # Without pods: some of these images are nowhere to be had.
        world.want(replicas=0)
        wait_until_settled(world, one)
        wait_for_silence(world, one, other)
        for size in (1, 2, 3):
            before = set(world.revisions())
            world.want(replicas=0, runtime={"exitTimeoutSeconds": 30 + size})
            wait_until_settled(world, one)
            wait_for_silence(world, one, other)
            # Each change is one revision: whoever comes second keeps the images that the first one chose.
            assert len(set(world.revisions()) - before) == 1
