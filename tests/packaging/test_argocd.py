"""Argo CD's health check on statuses that the operator itself computes; Argo runs the same Lua."""

from datetime import UTC, datetime

import pytest
from lupa.lua54 import LuaRuntime

from demo.paths import ROOT
from glm_operator.status.findings import Finding
from glm_operator.status.summary import summarize, unobserved
from observations import FAILED, observation, pod, resource

SCRIPT = ROOT / "manifests/argocd/resource_customizations/serving.autoglm.io/GLMInference/health.lua"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
ECHO = resource()
NONE = resource(replicas=0)
OLD = resource(runtime={"version": "2.51"})


def lua_table(lua, value):
    if isinstance(value, dict):
        return lua.table_from({key: lua_table(lua, item) for key, item in value.items()})
    if isinstance(value, list):
        return lua.table_from([lua_table(lua, item) for item in value])
    return value


def health(status, generation=1):
    lua = LuaRuntime(unpack_returned_tuples=True)
    obj = {"metadata": {"generation": generation}} | ({} if status is None else {"status": status})
    # What Argo CD offers is less than this: only the language itself and `ipairs`.
    function = lua.eval("function(obj, source) return load(source, 'health', 't', {obj = obj, ipairs = ipairs})() end")
    answer = function(lua_table(lua, obj), SCRIPT.read_text())
    assert answer["message"]
    return answer["status"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(None, "Progressing", id="nobody has looked yet"),
        pytest.param(summarize(ECHO, observation(ECHO, pod(ECHO)), NOW), "Healthy", id="all models answer"),
        pytest.param(
            summarize(OLD, observation(OLD, pod(OLD)), NOW), "Healthy", id="a server with a known vulnerability serves"
        ),
        pytest.param(summarize(ECHO, observation(ECHO), NOW), "Progressing", id="pods start"),
        pytest.param(summarize(NONE, observation(NONE), NOW), "Suspended", id="scaled to zero"),
        pytest.param(
            summarize(ECHO, observation(ECHO, pod(ECHO, models={"echo": FAILED})), NOW), "Degraded", id="a broken model"
        ),
        pytest.param(
            summarize(ECHO, observation(ECHO, pod(ECHO, revision="old"), pod(ECHO, "b", models={"echo": FAILED})), NOW),
            "Degraded",
            id="a broken rollout, though older pods serve",
        ),
        pytest.param(
            unobserved(1, Finding("InvalidSpec", "no", stalled=True), {}, NOW), "Degraded", id="a spec that is refused"
        ),
    ],
)
def test_health(status, expected):
    assert health(status) == expected


def test_a_status_of_an_older_spec_is_progress_whatever_it_says():
    assert health(summarize(ECHO, observation(ECHO, pod(ECHO)), NOW), generation=2) == "Progressing"
