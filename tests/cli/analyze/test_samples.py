"""Each code has a sample that breaks it and one that doesn't, and nothing else is found in them."""

import subprocess

import pytest
import yaml

from analyze_samples import sample, sample_codes
from demo.paths import SAMPLES
from devcluster import binaries
from glm_operator.analysis.analyze import analyze
from glm_operator.analysis.codes import CODES, GROUPS, api_rules
from glm_operator.analysis.documents import Source
from glm_operator.analysis.finding import Severity
from schemas import write_schemas

BESIDE = {
    # A resource of such a size has other troubles as well.
    "GLM015": {"GLM141", "GLM216"},
    "GLM216": {"GLM016", "GLM141"},
}
UNHANDLED = "GLM801"
UNHANDLED_GROUPS = ("GLM017", "GLM4", "GLM5", "GLM6")
"""Of fields that nothing acts on yet; as more of them are acted on, fewer samples have it."""
LEAST_CODES = 30


def codes_in(text):
    return {finding.code for finding in analyze([Source("sample.yaml", text)])}


@pytest.mark.parametrize("code", CODES)
def test_the_failing_sample_has_this_code_alone_and_the_passing_one_not(code):
    found = codes_in(sample(code, "fail"))
    if code.startswith(UNHANDLED_GROUPS):
        found -= {UNHANDLED}
    assert found == {code} | BESIDE.get(code, set())
    assert code not in codes_in(sample(code, "pass"))


@pytest.mark.parametrize("code", CODES)
def test_a_passing_sample_has_no_error(code):
    errors = [f for f in analyze([Source("sample.yaml", sample(code, "pass"))]) if f.severity is Severity.ERROR]
    assert errors == []


@pytest.mark.parametrize("code", CODES)
def test_a_finding_tells_line_and_fix(code):
    found = [f for f in analyze([Source("sample.yaml", sample(code, "fail"))]) if f.code == code]
    lines = sample(code, "fail").count("\n") + 1
    for finding in found:
        assert (finding.line == 0) is (code == "GLM003")
        assert finding.line <= lines
        assert finding.message
        assert finding.fix


def test_every_code_has_both_samples():
    assert sample_codes() == set(CODES)
    assert len(CODES) >= LEAST_CODES


def test_every_rule_of_the_api_has_a_code_of_its_own():
    codes = [rule.code for rule in api_rules()]
    assert "" not in codes, [rule.message for rule in api_rules() if not rule.code]
    assert len(set(codes)) == len(codes)


def test_every_code_is_in_a_group():
    assert {code[3] for code in CODES} == set(GROUPS)
    assert all(code[:3] == "GLM" and code[3:].isdigit() and len(code) == 6 for code in CODES)


def test_the_passing_samples_are_valid_for_the_api_server(tmp_path):
    binaries.ensure([binaries.named("kubeconform")])
    for code in sorted(sample_codes()):
        documents = [d for d in yaml.safe_load_all(sample(code, "pass")) if d.get("kind") == "GLMInference"]
        (tmp_path / f"{code}.yaml").write_text(yaml.safe_dump_all(documents))
    schemas = tmp_path / "of"
    schemas.mkdir()
    argv = [str(binaries.named("kubeconform").path), "-strict", "-summary", "-schema-location", write_schemas(schemas)]
    files = [str(path) for path in sorted(tmp_path.glob("*.yaml"))]
    done = subprocess.run([*argv, *files], capture_output=True, text=True, check=False)
    assert "Invalid: 0, Errors: 0, Skipped: 0" in done.stdout, done.stdout[-2000:]


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in sorted(SAMPLES.glob("*.yaml"))])
def test_the_projects_own_samples_have_no_error(path):
    found = analyze([Source(path.name, path.read_text())])
    assert [finding for finding in found if finding.severity is Severity.ERROR] == []
