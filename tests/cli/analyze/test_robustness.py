"""Whatever the text is: findings, never a traceback."""

import copy
import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyze_samples import FOLDER
from bodies import MINIMAL
from glm_operator.analysis.analyze import analyze
from glm_operator.analysis.codes import CODES
from glm_operator.analysis.documents import Source

TEXTS = [path.read_text() for path in sorted(FOLDER.glob("*.yaml"))]
CALM = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["Off", "2.60", "../x", "\x00", "9" * 50, "1e400", "m", ".", "-"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


def check(text: str) -> list[dict[str, Any]]:
    found = [finding.as_json() for finding in analyze([Source("a.yaml", text)])]
    assert {finding["code"] for finding in found} <= set(CODES)
    json.dumps(found)
    return found


@CALM
@given(st.sampled_from(TEXTS), st.data())
def test_a_text_with_a_piece_replaced(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    check(
        text[:start]
        + data.draw(st.text(max_size=15) | st.sampled_from(["&a ", "*a", "!!binary ", "[", ": "]))
        + text[end:]
    )


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in items for found in _paths(item, (*path, key)))]


@CALM
@given(st.sampled_from(TEXTS), st.data())
def test_objects_with_a_value_replaced(text, data):
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError:
        return
    changed = copy.deepcopy(documents)
    path = data.draw(st.sampled_from([path for path in _paths(changed) if path]))
    holder: Any = changed
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = data.draw(VALUES)
    check(yaml.safe_dump_all(changed))


@CALM
@given(st.text(max_size=200))
def test_any_text(text):
    check(text)


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 30))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("", "GLM003", id="nothing"),
        pytest.param("---\n---\n", "GLM003", id="empty documents"),
        pytest.param("[" * 100_000, "GLM001", id="brackets that would end a C library"),
        pytest.param("[" * 5000 + "]" * 5000, "GLM001", id="nesting that would end the recursion"),
        pytest.param(BOMB, "GLM001", id="a billion values out of a few anchors"),
        pytest.param("a: &a [*a]", "GLM001", id="an anchor within itself"),
        pytest.param("a: *nobody", "GLM001", id="an alias of nothing"),
        pytest.param("a: !!python/object:os.system x", "GLM001", id="a tag that would run code"),
        pytest.param("a: 2026-13-45", "GLM001", id="a day that there isn't"),
        pytest.param("[a, b]: 1", "GLM001", id="a list as a key"),
        pytest.param("\x00", "GLM001", id="a byte that YAML forbids"),
        pytest.param("a\tb:\n\t- c", "GLM001", id="tabs"),
        pytest.param("- 1\n- 2\n", "GLM005", id="a list as a document"),
        pytest.param("just words", "GLM005", id="words"),
        pytest.param("kind: GLMInference", "GLM004", id="a kind alone"),
        pytest.param(
            "kind: GLMInference\napiVersion: serving.autoglm.io/v1alpha1\nmetadata: 3", "GLM009", id="metadata"
        ),
        pytest.param("kind: List\nitems: 3", "GLM005", id="a list that is none"),
    ],
)
def test_odd_text_is_a_finding(text, code):
    assert code in {finding["code"] for finding in check(text)}


def test_a_good_document_before_a_broken_one_is_still_looked_at():
    body = {"apiVersion": "serving.autoglm.io/v1alpha1", "kind": "GLMInference", "metadata": {"name": "x"}}
    text = yaml.safe_dump(body | {"spec": MINIMAL | {"replicas": -1}}) + "---\na: [\n"
    assert {"GLM001", "GLM011"} <= {finding["code"] for finding in check(text)}
