"""`kubectl glm traffic`, `pause` and `resume`: what they show, and what they leave in the cluster."""

import io
import json

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from cli.cluster_server import PODS, cluster_with
from glm_operator.api import group
from glm_operator.cli.main import main
from glm_operator.cli.traffic_view import bar, render, view

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

PAUSED = group.ANNOTATION_PAUSED
FAST = {"pod": "bot-fast", "state": "Active", "weight": 900, "latencyMilliseconds": "4.1", "cpuPercent": 38}
SLOW = {"pod": "bot-slow", "state": "Paused", "weight": 1, "latencyMilliseconds": "2000", "reason": "slow 5 times"}
BUSY = {"pod": "bot-busy", "state": "Reduced", "weight": 300, "cpuPercent": 91}


def inference(*endpoints, **spec):
    programmed = {"type": "TrafficProgrammed", "status": "True", "reason": "Programmed", "message": "on 2 gateways"}
    return {
        "metadata": {"name": "bot", "namespace": "shop"},
        "spec": spec,
        "status": {"endpoints": list(endpoints), "conditions": [programmed]},
    }


def pod(name, ready=True, paused=None, owner="bot-7d9c5"):
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-{name}",
            "ownerReferences": [{"kind": "ReplicaSet", "controller": True, "name": owner}],
        }
        | ({} if paused is None else {"annotations": {PAUSED: paused, "kept": "yes"}}),
        "spec": {"containers": []},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }


def text(shown, width=100):
    console = Console(file=io.StringIO(), width=width)
    console.print(render(shown))
    return console.file.getvalue()


def line(shown, name):
    return next(line for line in text(shown).splitlines() if name in line)


THREE = view(inference(FAST, SLOW, BUSY), [pod("bot-fast"), pod("bot-slow"), pod("bot-busy")])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("bot-fast", ["Active", "900", "████████████  75%", "4.1 ms", "38%"], id="a fast pod"),
        pytest.param("bot-slow", ["Paused", "  0%", "2000 ms", "?"], id="a paused pod, whose CPU isn't known"),
        pytest.param("bot-busy", ["Reduced", "300", "████          25%", "?", "91%"], id="a pod with a third of it"),
    ],
)
def test_a_pods_line(name, told):
    shown = line(THREE, name)
    assert [part for part in told if part not in shown] == []


def test_the_first_line_says_whether_the_weights_are_in_force():
    assert "shop/bot  by Envoy  Programmed: on 2 gateways" in text(THREE).splitlines()[0]
    assert "by the Service alone" in text(view(inference(traffic={"provider": "None"}), []))


def test_reasons_stand_below_the_table_and_are_whole():
    assert text(THREE).splitlines()[-1] == "✖ bot-slow  slow 5 times"


@pytest.mark.parametrize("width", [80, 100, 200])
def test_no_line_of_the_table_is_torn(width):
    assert len(text(THREE, width).splitlines()) == len(("head", "", "titles", "1", "2", "3", "", "reason"))


@pytest.mark.parametrize(
    ("endpoints", "pods", "told"),
    [
        pytest.param([], [pod("bot-new")], "the operator has not weighted it yet", id="a new pod"),
        pytest.param([], [pod("bot-new", ready=False)], "not ready", id="a pod that isn't ready"),
        pytest.param([FAST], [], "the pod is gone", id="a pod that is gone"),
        pytest.param([FAST], [pod("bot-fast", paused="disk")], "to be paused: disk", id="a pause on its way"),
        pytest.param([SLOW], [pod("bot-slow", paused="disk")], "slow 5 times", id="a pause that has arrived"),
        pytest.param([], [pod("else", owner="other-1"), pod("bot-new")], "bot-new", id="pods of others aren't shown"),
    ],
)
def test_what_differs_between_the_status_and_the_pods_is_told(endpoints, pods, told):
    shown = view(inference(*endpoints), pods)
    assert len(shown.rows) == 1
    assert told in text(shown)


def test_a_resource_without_pods_tells_where_to_look():
    assert "kubectl glm status" in text(view(inference(), []))


def test_square_brackets_are_text_and_no_markup():
    odd = SLOW | {"reason": "[red]model [a][/red]"}
    assert "[red]model [a][/red]" in text(view(inference(odd), [pod("bot-slow")]))


@CALM
@given(st.floats(0, 2), st.integers(1, 40))
def test_a_bar_is_as_wide_as_its_cells_and_what_is_not_nothing_is_seen(value, cells):
    drawn = bar(value, cells)
    assert len(drawn) == cells
    assert (drawn.strip() != "") == (value > 0)
    assert (drawn == "█" * cells) or value < 1


def run(folder, *arguments):
    return CliRunner().invoke(main, [*arguments, "--kubeconfig", str(folder / "kubeconfig")])


def test_as_data(tmp_path):
    with cluster_with(tmp_path, inference(FAST, SLOW), pod("bot-fast"), pod("bot-slow")):
        result = run(tmp_path, "traffic", "bot", "-o", "json")
    assert result.exit_code == 0
    shown = json.loads(result.stdout)
    assert shown["programmed"]["status"] == "True"
    assert shown["endpoints"] == [
        {"pod": "bot-fast", "state": "Active", "weight": 900, "reason": ""}
        | {"sharePercent": 100.0, "latencyMilliseconds": 4.1, "cpuPercent": 38},
        {"pod": "bot-slow", "state": "Paused", "weight": 1, "reason": "slow 5 times"}
        | {"sharePercent": 0.0, "latencyMilliseconds": 2000.0, "cpuPercent": None},
    ]


def test_as_a_picture(tmp_path):
    with cluster_with(tmp_path, inference(FAST), pod("bot-fast")):
        result = run(tmp_path, "traffic", "bot", "-n", "shop")
    assert result.exit_code == 0
    assert "bot-fast" in result.stdout


def test_data_that_is_watched_is_refused(tmp_path):
    with cluster_with(tmp_path, inference()):
        assert run(tmp_path, "traffic", "bot", "-w", "-o", "json").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "before", "code", "told", "after"),
    [
        pytest.param(["pause", "bot", "bot-a"], None, 0, "no reason given", "no reason given", id="pause"),
        pytest.param(
            ["pause", "bot", "bot-a", "--reason", "disk\nfull"], None, 0, "disk full", "disk full", id="with a reason"
        ),
        pytest.param(["pause", "bot", "bot-a", "--reason", "b"], "a", 0, "(b)", "b", id="with another reason"),
        pytest.param(["resume", "bot", "bot-a"], "disk", 0, "requests again", None, id="resume"),
        pytest.param(
            ["resume", "bot", "bot-a"], None, 0, "not paused by hand; none is paused", None, id="resume without a pause"
        ),
        pytest.param(
            ["resume", "bot", "bot-x"], "disk", 1, "its pods: bot-a, bot-b; paused: bot-a", "disk", id="unknown pod"
        ),
        pytest.param(["pause", "bot", "bot-x"], None, 1, "its pods: bot-a, bot-b", None, id="pause of an unknown pod"),
        pytest.param(["pause", "bot", "stranger"], None, 1, "no pod stranger", None, id="a pod of somebody else"),
        pytest.param(["pause", "other", "bot-a"], None, 1, "no GLMInference other", None, id="no such resource"),
    ],
)
def test_pause_and_resume(tmp_path, arguments, before, code, told, after):
    pods = [pod("bot-a", paused=before), pod("bot-b"), pod("stranger", owner="else-1")]
    with cluster_with(tmp_path, inference(), *pods) as objects:
        result = run(tmp_path, *arguments)
        assert (result.exit_code, told in result.output) == (code, True), result.output
        annotations = objects[f"{PODS}/bot-a"]["metadata"].get("annotations", {})
    assert annotations.get(PAUSED) == after
    assert "kept" in annotations or before is None
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "other",
    [
        pytest.param([], id="there is no other"),
        pytest.param([pod("bot-b", ready=False)], id="the other isn't ready"),
        pytest.param([pod("bot-b", paused="disk")], id="the other is paused"),
    ],
)
def test_the_last_pod_that_takes_requests_is_paused_only_by_force(tmp_path, other):
    with cluster_with(tmp_path, inference(), pod("bot-a"), *other) as objects:
        refused = run(tmp_path, "pause", "bot", "bot-a")
        assert refused.exit_code == 1
        assert "--force" in refused.output
        assert "annotations" not in objects[f"{PODS}/bot-a"]["metadata"]
        assert run(tmp_path, "pause", "bot", "bot-a", "--force").exit_code == 0
        assert PAUSED in objects[f"{PODS}/bot-a"]["metadata"]["annotations"]
