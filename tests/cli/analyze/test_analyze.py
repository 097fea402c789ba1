"""What the analysis tells: the right line, the right words, files as context for each other; and the command itself."""

import json
import subprocess
import sys

import pytest
import yaml
from click.testing import CliRunner

from analyze_samples import FOLDER, sample
from bodies import MINIMAL, make_body, model
from demo.paths import ROOT
from glm_operator.analysis.analyze import analyze
from glm_operator.analysis.codes import CODES
from glm_operator.analysis.documents import Source
from glm_operator.analysis.generate import PAGE, reference_page
from glm_operator.cli.analyze import analyze_command
from refusals import OPERATOR_REFUSALS, REFUSALS


def findings_of(text, code=None):
    found = analyze([Source("a.yaml", text)])
    return found if code is None else [finding for finding in found if finding.code == code]


def inference(spec, **metadata):
    body = make_body(MINIMAL | spec)
    body["metadata"] = {"name": "echo"} | metadata
    return yaml.safe_dump(body)


@pytest.mark.parametrize("refusal", [pytest.param(r, id=r.sentence) for r in [*REFUSALS, *OPERATOR_REFUSALS]])
def test_what_the_cluster_refuses_is_found_offline_as_an_error(refusal):
    found = findings_of(inference(refusal.spec))
    assert "error" in {finding.severity for finding in found}


@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        pytest.param({"replcas": 1}, "spec.replcas", "did you mean replicas?", id="a misspelled field"),
        pytest.param(
            {"models": [model(max_batch_size=4)]}, "spec.models[0].max_batch_size", "maxBatchSize", id="another style"
        ),
        pytest.param(
            {"models": [model(engine="onnx-runtime")]},
            "spec.models[0].engine",
            "did you mean ONNXRuntime?",
            id="a value",
        ),
        pytest.param({"replicas": "2"}, "spec.replicas", "valid integer", id="a number as text"),
        pytest.param(
            {"runtime": {"sharedMemory": 64}}, "spec.runtime.sharedMemory", "valid string", id="a text as number"
        ),
        pytest.param(
            {"runtime": {"resources": {"limits": {"memory": "lots"}}}},
            "spec.runtime.resources.limits.memory",
            "lots",
            id="a quantity that is none",
        ),
    ],
)
def test_a_mistake_is_told_at_its_place(spec, path, words):
    (found,) = [finding for finding in findings_of(inference(spec)) if finding.severity == "error"]
    assert found.path == path
    assert words in found.message


def test_the_line_is_that_of_the_field():
    text = "# a comment\n" + inference({"replicas": -1})
    (found,) = findings_of(text, "GLM011")
    assert text.splitlines()[found.line - 1] == "  replicas: -1"


def test_the_line_in_a_later_document_and_in_a_list_is_the_files():
    one = yaml.safe_load(inference({"replicas": -1}))
    text = "a: 1\n---\n" + yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [one]})
    (found,) = findings_of(text, "GLM011")
    assert "replicas: -1" in text.splitlines()[found.line - 1]


def test_several_broken_rules_of_one_object_are_told_each_with_its_code():
    found = findings_of(
        inference({"models": [{"name": "x", "engine": "VLLM", "maxBatchSize": 4, "warmup": {"batchSizes": [1]}}]})
    )
    assert {"GLM110", "GLM114"} <= {finding.code for finding in found}


def test_files_are_context_for_each_other():
    config_map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: echo-model}\ndata: {readme: nothing}\n"
    found = analyze([Source("a.yaml", inference({})), Source("b.yaml", config_map)])
    assert {(f.code, f.file) for f in found if f.code.startswith("GLM2")} == {
        ("GLM203", "a.yaml"),
        ("GLM204", "b.yaml"),
    }


def test_a_secret_value_is_never_shown():
    found = findings_of(sample("GLM702", "fail"))
    assert "hunter2" not in json.dumps([finding.as_json() for finding in found])


def test_findings_are_in_the_order_of_files_and_lines():
    sources = [Source(name, sample(code, "fail")) for name, code in (("z", "GLM305"), ("a", "GLM403"))]
    found = analyze(sources)
    assert [f.file for f in found] == sorted((f.file for f in found), key=["z", "a"].index)
    assert analyze(sources) == found


def run(*arguments, stdin=None):
    return CliRunner().invoke(analyze_command, arguments, input=stdin)


@pytest.mark.parametrize(
    ("code", "arguments", "status"),
    [
        pytest.param("GLM403", [], 0, id="a warning is no failure"),
        pytest.param("GLM403", ["--strict"], 1, id="but a strict one"),
        pytest.param("GLM408", ["--strict"], 0, id="a note never"),
        pytest.param("GLM401", [], 1, id="an error always"),
    ],
)
def test_exit_code(code, arguments, status):
    assert run("-f", str(FOLDER / f"{code}-fail.yaml"), *arguments).exit_code == status


def test_json_has_the_keys_that_tools_rely_on():
    result = run("-f", str(FOLDER / "GLM401-fail.yaml"), "-o", "json")
    (found,) = json.loads(result.output)
    assert list(found) == ["code", "severity", "file", "line", "resource", "path", "message", "fix"]
    assert (found["code"], found["resource"], found["path"]) == ("GLM401", "GLMInference/sample", "spec")


def test_text_names_file_line_code_and_fix():
    path = FOLDER / "GLM403-fail.yaml"
    output = run("-f", str(path)).output
    assert f"{path}:" in output
    assert "GLM403" in output
    assert CODES["GLM403"].fix in output
    assert output.endswith("1 warning\n")


def test_standard_input():
    result = run("-f", "-", "-o", "json", stdin=sample("GLM401", "fail"))
    assert {found["file"] for found in json.loads(result.output)} == {"<stdin>"}


def test_a_folder_is_read_whole(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.yaml").write_text(sample("GLM403", "fail"))
    (tmp_path / "notes.txt").write_text("{")
    (tmp_path / "deep/b.yml").write_text(sample("GLM401", "fail"))
    assert run("-f", str(tmp_path)).exit_code == 0
    assert run("-f", str(tmp_path), "-R").exit_code == 1


def test_a_file_that_is_named_twice_is_one_file(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(sample("GLM401", "pass"))
    assert "GLM014" not in run("-f", str(path), "-f", str(tmp_path)).output


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        pytest.param("GLMInferance", {"GLM004", "GLM008"}, id="a misspelled one is looked at as what is meant"),
        pytest.param("Deployment", {"GLM004"}, id="another one is told, and nothing else of it"),
    ],
)
def test_a_kind_that_our_group_does_not_have(kind, codes):
    found = findings_of(f"apiVersion: serving.autoglm.io/v1alpha1\nkind: {kind}\nmetadata: {{name: x}}\n")
    assert {finding.code for finding in found} == codes


def test_another_groups_kind_is_no_concern_of_ours():
    found = findings_of("apiVersion: example.org/v1\nkind: Inference\nmetadata: {name: x}\n")
    assert {finding.code for finding in found} == {"GLM003"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "can't be read", id="a file that isn't there"),
        pytest.param(b"\xff\xfe\x00", "not text in UTF-8", id="a file that is no text"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path, content, words):
    path = tmp_path / "x.yaml"
    if content is not None:
        path.write_bytes(content)
    result = run("-f", str(path))
    assert result.exit_code == 1
    assert words in result.output


def test_no_control_character_reaches_the_terminal():
    result = run("-f", "-", stdin='apiVersion: serving.autoglm.io/v1alpha1\nkind: "\\e[31mGLM"\n')
    assert "\x1b[31mGLM" not in result.output


def test_a_code_is_explained():
    assert CODES["GLM401"].fix in run("--explain", "glm401").output
    assert run("--explain", "GLM999").exit_code == 1
    assert all(code in run("--list-codes").output for code in CODES)


def test_nothing_named_is_a_question_of_usage():
    assert "-f FILE" in run().output


def test_the_reference_is_the_generated_one():
    assert (ROOT / PAGE).read_text() == reference_page(), "run `make crds`"


def test_it_starts_without_what_only_a_cluster_needs():
    program = (
        "import sys; sys.argv = ['kubectl-glm', 'analyze', '--list-codes']; from glm_operator.cli.entry import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(sorted({'grpc', 'kopf', 'kubernetes', 'numpy', 'aiohttp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
