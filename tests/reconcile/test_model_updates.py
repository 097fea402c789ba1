"""Which model is loaded into which running server next: one pod at a time, and never past one that is in doubt."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bodies import TENSOR_IN, TENSOR_OUT, model
from glm_operator.reconcile.model_updates import completed_decision, load_decision, next_update
from glm_operator.status.observation import UpdateFailure
from observations import SERVING, UNLOADED, UNPROVEN, WRONG, observation, pod, resource, wanted

ECHO = resource(replicas=3)
TWO = resource(models=[model(), model(name="b", required=False)], replicas=2)
NOW = 1000.0
OLD = {"echo": "old"}


def newest(inference=ECHO):
    return {each.name: each.revision for each in wanted(inference)}


def servers(*changes, inference=ECHO):
    return [pod(inference, f"echo-{n}", **change) for n, change in enumerate(changes, start=1)]


def chosen(*changes, inference=ECHO, now=NOW, **seen):
    update = next_update(inference, observation(inference, *servers(*changes, inference=inference), **seen), now)
    return update and (update.pod, update.change.action, update.change.model)


def refusal(revision, retry_at=NOW + 10):
    return {"failures": {"echo": UpdateFailure(revision, "no weights", 1, retry_at)}}


CURRENT = {}
OUTDATED = {"loaded": OLD}
REFUSING = OUTDATED | refusal(newest()["echo"])
NOT_YET_STARTED = {"started": False, "models": None, "loaded": None}


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        pytest.param([CURRENT, CURRENT], None, id="nothing to do when every pod has the newest"),
        pytest.param([OUTDATED, OUTDATED], ("echo-1", "Load", "echo"), id="the first pod first"),
        pytest.param([CURRENT, OUTDATED], ("echo-2", "Load", "echo"), id="then the next"),
        pytest.param([CURRENT | {"models": {"echo": WRONG}}, OUTDATED], None, id="a failed probe stops it"),
        pytest.param([CURRENT | {"models": {"echo": UNPROVEN}}, OUTDATED], None, id="a probe without answer: it waits"),
        pytest.param([CURRENT | {"models": {}}, OUTDATED], None, id="so does a model that could not be read"),
        pytest.param([{"models": None, "loaded": None}, OUTDATED], None, id="an unreadable pod may be the broken one"),
        pytest.param([{"loaded": None}, OUTDATED], None, id="a pod that does not tell its models is not done"),
        pytest.param([{"loaded": None, "node_lost": True}, OUTDATED], ("echo-2", "Load", "echo"), id="a lost node's"),
        pytest.param([OUTDATED | {"deleting": True}, CURRENT], None, id="a pod that ends is left alone"),
        pytest.param([OUTDATED | {"revision": "older"}, CURRENT], None, id="so is one of an older revision"),
        pytest.param([NOT_YET_STARTED, OUTDATED], ("echo-2", "Load", "echo"), id="a new pod starts with the newest"),
        pytest.param(
            [NOT_YET_STARTED | {"incarnation": "uid/1"}, OUTDATED], None, id="a server that crashed is waited for"
        ),
        pytest.param([OUTDATED | {"incarnation": "uid/1"}], ("echo-1", "Load", "echo"), id="then loads again"),
        pytest.param([REFUSING, OUTDATED], None, id="where one pod refuses, the others are left alone"),
        pytest.param([OUTDATED, REFUSING], None, id="whichever pod it is"),
        pytest.param(
            [OUTDATED, OUTDATED | refusal(newest()["echo"], NOW)],
            ("echo-2", "Load", "echo"),
            id="and it alone is tried again when its wait is over",
        ),
        pytest.param([OUTDATED | refusal("earlier")], ("echo-1", "Load", "echo"), id="mended files are tried at once"),
        pytest.param([OUTDATED | {"models": {"echo": WRONG}}], ("echo-1", "Load", "echo"), id="also over a broken one"),
        pytest.param([{"loaded": {}, "models": {"echo": UNLOADED}}], ("echo-1", "Load", "echo"), id="a new model"),
        pytest.param([{"loaded": newest() | {"gone": "x"}}], ("echo-1", "Unload", "gone"), id="a removed model"),
        pytest.param([{"loaded": OLD | {"gone": "x"}}], ("echo-1", "Load", "echo"), id="which goes after the loads"),
    ],
)
def test_next_update(pods, expected):
    assert chosen(*pods) == expected


def test_nothing_is_loaded_while_the_source_is_not_there():
    assert chosen(OUTDATED, wanted=None) is None


def test_what_the_source_does_not_hold_is_not_loaded():
    without = tuple(replace(each, problem="no files") for each in wanted(ECHO))
    assert chosen(OUTDATED, wanted=without) is None


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        pytest.param({"loaded": {"echo": "old", "b": "old"}}, ("echo-1", "Load", "echo"), id="all of a pod first"),
        pytest.param({"loaded": newest(TWO) | {"b": "old"}}, ("echo-1", "Load", "b"), id="the second of it next"),
        pytest.param(
            {
                "loaded": newest(TWO) | {"b": "old"},
                "failures": {"b": UpdateFailure(newest(TWO)["b"], "x", 1, NOW + 9)},
            },
            ("echo-2", "Load", "echo"),
            id="an optional model that is refused holds up no other model, but itself on every pod",
        ),
        pytest.param(
            {"models": {"echo": SERVING, "b": WRONG}}, ("echo-2", "Load", "echo"), id="nor one that does not answer"
        ),
    ],
)
def test_several_models(first, expected):
    assert chosen(first, {"loaded": {"echo": "old", "b": "old"}}, inference=TWO) == expected


def test_ensembles_prove_anew_with_every_load():
    step = {"model": "echo", "inputMap": {"input": "input"}, "outputMap": {"output": "output"}}
    whole = {"name": "whole", "inputs": [TENSOR_IN], "outputs": [TENSOR_OUT], "steps": [step]}
    inference = resource(ensembles=[whole])
    loaded = {"echo": "old", "whole": ""}
    update = next_update(inference, observation(inference, pod(inference, loaded=loaded)), NOW)
    assert update.affected == {"echo", "whole"}


FAILING = {"models": {"echo": WRONG}}
SEEN, OBSERVED, TROUBLED = pod(ECHO), observation(ECHO), (REFUSING, FAILING)


@settings(deadline=None)
@given(st.lists(st.sampled_from([CURRENT, OUTDATED, NOT_YET_STARTED, *TROUBLED]), min_size=1, max_size=5))
def test_no_second_pod_is_ever_put_at_risk(changes):
    """Whatever the pods look like: with a required model in trouble on one, no other one is changed."""
    pods = [replace(SEEN, name=f"echo-{number}", **change) for number, change in enumerate(changes)]
    update = next_update(ECHO, replace(OBSERVED, pods=tuple(pods)), NOW)
    assert update is None or not any(change in TROUBLED for change in changes)


def test_the_decision_carries_what_it_was_taken_from():
    update = next_update(ECHO, observation(ECHO, *servers(OUTDATED)), NOW)
    decision = load_decision(ECHO, update)
    assert (decision.loop, decision.action, decision.reason) == ("models", "Load", "ModelChanged")
    assert decision.inputs == {
        "generation": "1",
        "model": "echo",
        "from revision": "old",
        "to revision": newest()["echo"],
        "pod": "echo-1",
    }


def status(*conditions):
    return {"replicas": 2, "conditions": [{"type": kind, "reason": reason} for kind, reason in conditions]}


UPDATING, READY = ("Reconciling", "UpdatingModels"), ("Ready", "AllModelsServing")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param(status(READY, UPDATING), status(READY), True, id="an update that has reached every pod"),
        pytest.param(status(READY, UPDATING), status(READY, UPDATING), False, id="not one that goes on"),
        pytest.param(status(READY, UPDATING), status(READY, ("Stalled", "ModelFailed")), False, id="nor a failed one"),
        pytest.param(status(READY), status(READY), False, id="nor one that was told already"),
    ],
)
def test_the_end_of_an_update_is_told_once(before, after, told):
    assert (completed_decision(after, before) is not None) == told
