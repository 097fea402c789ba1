"""Triton's flags: those of the operator's own, and which of them hang on the version."""

import pytest

from bodies import MINIMAL, make_body, model
from glm_operator.api.inference import parse
from glm_operator.api.runtime import ALLOWED_FLAGS
from glm_operator.api.triton_versions import FIRST_MINOR
from glm_operator.resources.triton_arguments import triton_arguments

CACHED = [model(responseCache=True)]
LIMITED = [model(instances={"rateLimiter": {"resources": [{"name": "bandwidth"}]}})]


def arguments(**spec):
    return triton_arguments(parse(make_body(MINIMAL | spec)).spec)


@pytest.mark.parametrize(
    ("spec", "flag", "expected"),
    [
        pytest.param({}, "--cache-config", [], id="no cache that nobody asked for"),
        pytest.param({"models": CACHED}, "--cache-config", ["local,size=67108864"], id="a cache for a model's"),
        pytest.param(
            {"models": CACHED, "runtime": {"version": "2.31"}}, "--cache-config", [], id="an old server knows no caches"
        ),
        pytest.param(
            {"models": CACHED, "runtime": {"version": "2.31"}},
            "--response-cache-byte-size",
            ["67108864"],
            id="but a size",
        ),
        pytest.param(
            {"models": CACHED, "runtime": {"extraArgs": ["--cache-config=local,size=1048576"]}},
            "--cache-config",
            ["local,size=1048576"],
            id="the user's size is kept",
        ),
        pytest.param({}, "--rate-limit", [], id="no rate limiter that nobody asked for"),
        pytest.param({"models": LIMITED}, "--rate-limit", ["execution_count"], id="a limiter is told to act"),
        pytest.param(
            {"models": LIMITED, "runtime": {"extraArgs": ["--rate-limit=execution_count"]}},
            "--rate-limit",
            ["execution_count"],
            id="once",
        ),
        pytest.param(
            {"models": LIMITED, "runtime": {"extraArgs": ["--rate-limit-resource=bandwidth:4"]}},
            "--rate-limit",
            ["execution_count"],
            id="also beside the resources that there are",
        ),
        pytest.param(
            {"runtime": {"version": "2.73", "extraArgs": ["--http-max-input-size=1"]}},
            "--http-max-input-size",
            ["1"],
            id="a flag that this version knows",
        ),
    ],
)
def test_flag(spec, flag, expected):
    assert [value for name, _, value in (a.partition("=") for a in arguments(**spec)) if name == flag] == expected


def test_every_flag_with_a_version_may_be_given():
    assert set(FIRST_MINOR) <= set(ALLOWED_FLAGS)
