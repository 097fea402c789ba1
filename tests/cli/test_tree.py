"""The tree says at a glance what the status says."""

import io

import pytest
from rich.console import Console

from glm_operator.cli.explain import render_decisions
from glm_operator.cli.tree import overview, tree

READY = {"type": "Ready", "status": "True", "reason": "AllModelsServing", "message": "2 of 2"}
STALLED = {"type": "Stalled", "status": "True", "reason": "ModelFailed", "message": "no weights"}


def resource(*conditions, generation=1, **status):
    return {
        "metadata": {"name": "bot", "namespace": "shop", "generation": generation},
        "spec": {"replicas": 2},
        "status": {"observedGeneration": 1, "conditions": list(conditions), **status},
    }


def text(renderable):
    console = Console(file=io.StringIO(), width=160)
    console.print(renderable)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("inference", "verdict"),
    [
        pytest.param(resource(READY), "bot  Ready", id="ready"),
        pytest.param(resource(READY, STALLED), "bot  Ready, ModelFailed", id="ready, but the new version is stuck"),
        pytest.param(resource(READY, generation=2), "bot  Stale", id="a status that speaks of an older spec"),
        pytest.param(resource(), "bot  Unknown", id="nobody has looked yet"),
        pytest.param(
            resource(READY | {"status": "False", "reason": "PodsStarting"}), "bot  PodsStarting", id="not yet"
        ),
    ],
)
def test_the_verdict_stands_in_the_first_line(inference, verdict):
    assert verdict in text(tree(inference, [])).splitlines()[0]


def test_a_failed_model_shows_tritons_reason():
    models = [{"name": "a", "state": "Failed", "reason": "no such file", "readyPods": 0}]
    assert "no such file" in text(tree(resource(STALLED, models=models), []))


def test_square_brackets_in_a_message_are_text_and_no_markup():
    models = [{"name": "a", "state": "Failed", "reason": "[red]bold[/red] [ONNXRuntimeError]", "readyPods": 0}]
    assert "[red]bold[/red] [ONNXRuntimeError]" in text(tree(resource(READY, models=models), []))


def test_the_overview_counts_unknown_pods_as_unknown():
    assert "?/2" in text(overview([resource(READY)]))


def test_an_empty_overview_tells_what_to_try():
    assert "kubectl apply" in text(overview([]))


def test_explain_shows_each_decision_with_its_inputs():
    decision = {
        "time": "T",
        "loop": "reconcile",
        "action": "Apply",
        "reason": "R",
        "message": "M",
        "inputs": {"a": "b"},
    }
    shown = text(render_decisions(resource(READY, decisions=[decision])))
    assert "reconcile  Apply  R: M" in shown
    assert "a: b" in shown


def test_explain_without_decisions_tells_where_to_look():
    assert "kubectl glm check" in text(render_decisions(resource(READY)))
