"""No string of a user leaves its place: not in `config.pbtxt`, an argument, a label, a name, a path or a URL.

Each example puts one hostile string into one place of a full sample. Either it is refused with the place's path; or the
children differ from those with a harmless string in exactly that string: the same fields, the same number of arguments,
the same model configuration. Runs are the same every time (`derandomize`).
"""

import json
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bodies import make_body
from glm_operator.api.inference import InvalidSpecError, parse
from glm_operator.api.repository_layout import CONFIG_PARAMETER, CONFIG_SUFFIX, FETCH_FILE, PLAN_FILE
from glm_operator.clients.kubernetes import path_of
from glm_operator.repository_init.layout import Plan, PlannedModel, lay_out
from glm_operator.resources.children import desired_children
from glm_operator.resources.model_config import parse_config
from glm_operator.resources.names import service_url
from glm_operator.resources.triton_deployment import Images
from mutation.samples import refusal
from properties.hostile import Slot, hostile_texts, slots
from properties.kubernetes_rules import broken_rules

IMAGES: Final = Images(runtime="triton:1", repository="operator:1")
HARMLESS_ALPHABET: Final = re.compile(r"[A-Za-z0-9._:/@=,-]*")
"""Of what may be a part of a longer string."""
_HASHES: Final = re.compile(r"-models-[0-9a-f]{10}$")
EXAMPLES: Final = 10_000

SLOTS: Final = sorted(slots())
quiet = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=EXAMPLES // len(SLOTS) + 1,
    suppress_health_check=list(HealthCheck),
)


def children_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return list(desired_children(parse(make_body(spec)), IMAGES, None, None))


def plain(value: Any, key: str = "") -> Any:
    """A child with what it carries as text read by whoever reads it, and without hashes."""
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if not k.startswith("serving.autoglm.io/template-hash")}
        return {k: plain(v, k) for k, v in kept.items()}
    if isinstance(value, list):
        return [plain(element) for element in value]
    if key.endswith(CONFIG_SUFFIX):
        config = parse_config(value)
        if CONFIG_PARAMETER in config.parameters:
            del config.parameters[CONFIG_PARAMETER]
        return json_format.MessageToDict(config, preserving_proto_field_name=True)
    if key in {PLAN_FILE, FETCH_FILE}:
        # A size is read as a number of bytes: it is another one, of course.
        return {k: v for k, v in json.loads(value).items() if k != "size_limit_bytes"}
    return _HASHES.sub("-models-", value) if isinstance(value, str) else value


def assert_same_but_for(harmless: str, hostile: str, expected: Any, actual: Any) -> None:
    """`actual` is `expected` with the one string in place of the other, and nothing more or less."""
    assert type(expected) is type(actual)
    if isinstance(expected, dict):
        renamed = {replaced(key, harmless, hostile): key for key in expected}
        assert renamed.keys() == actual.keys()
        for key, before in renamed.items():
            assert_same_but_for(harmless, hostile, expected[before], actual[key])
    elif isinstance(expected, list):
        assert len(expected) == len(actual)
        for one, other in zip(expected, actual, strict=True):
            assert_same_but_for(harmless, hostile, one, other)
    elif isinstance(expected, str):
        assert actual == replaced(expected, harmless, hostile)
    else:
        assert actual == expected


def replaced(text: str, harmless: str, hostile: str) -> str:
    """The user's string stands alone in its place; within a longer one, only if it is of a harmless alphabet."""
    if harmless in text and harmless != text:
        assert HARMLESS_ALPHABET.fullmatch(hostile), f"{hostile!r} became a part of {text!r}"
    return text.replace(harmless, hostile)


def check(slot: Slot, text: str, expected: Any) -> None:
    spec = slot.filled(text)
    problem = refusal(spec)
    if problem:
        # Rules about several fields name the group that they are in.
        group = re.split(r"[.\[ ]", slot.path)[0]
        assert problem.startswith("spec:") or f"spec.{group}" in problem
        return
    children = children_of(spec)
    assert [rule for child in children for rule in broken_rules(child)] == []
    if slot.harmless:
        assert_same_but_for(slot.harmless, text, expected, plain(children))


@pytest.mark.parametrize("path", SLOTS)
def test_a_hostile_string_is_refused_or_stays_in_its_place(path):
    slot = slots()[path]
    expected = plain(children_of(slot.filled(slot.harmless))) if slot.harmless else None

    @quiet
    @given(hostile_texts(slot.harmless))
    def examples(text):
        check(slot, text, expected)

    examples()


REFERRING: Final = (
    "ensembles[].outputs[].name",
    "ensembles[].steps[]",
    "tolerations[].operator",
    "tolerations[].effect",
    "s3.endpoint",
)
"""Places whose string must be one of another place or of a choice, or an address without a free part."""


def test_every_place_that_takes_free_text_is_tried_with_a_string_that_it_takes():
    closed = [path for path in SLOTS if not slots()[path].harmless]
    assert [path for path in closed if not any(referring in path for referring in REFERRING)] == []


@settings(quiet, max_examples=500)
@given(hostile_texts("echo"), st.sampled_from(["GLMInference", "Deployment", "ConfigMap", "Pod"]))
def test_a_hostile_name_is_refused_or_stays_one_part_of_a_url(name, kind):
    try:
        parsed = parse(make_body(name=name))
    except InvalidSpecError:
        return
    url = urlsplit(service_url(parsed.namespace, parsed.name, 8000))
    assert (url.scheme, url.hostname, url.port, url.path, url.query) == ("http", f"{name}.shop.svc", 8000, "", "")
    assert urlsplit(path_of(kind, "shop", name, "status")).path.split("/")[-2:] == [name, "status"]


KEYS: Final = st.one_of(
    st.from_regex(r"[-._a-zA-Z0-9]{1,20}", fullmatch=True),
    st.builds(
        "echo.{}.{}".format,
        st.sampled_from(["1", "01", "..", "", "-1", "1.", "1" * 200]),
        st.sampled_from(["model.py", "..", ".", "", ".hidden", "config.pbtxt", "...", "a..b"]),
    ),
).filter(lambda key: len(key) <= 253 and key not in {".", ".."} and not key.startswith(".."))
"""Keys that a ConfigMap may have."""


@settings(quiet, max_examples=150)
@given(st.sets(KEYS, max_size=4))
def test_a_hostile_key_of_a_config_map_stays_in_its_models_version_folder(tmp_path_factory, keys):
    root = tmp_path_factory.mktemp("layout")
    source, plan_folder, target = root / "source", root / "plan", root / "target"
    for folder in (source, plan_folder, target):
        folder.mkdir()
    (plan_folder / f"echo{CONFIG_SUFFIX}").write_text("the operator's")
    for key in keys:
        (source / key).write_text("the user's")
    lay_out(Plan("ConfigMapKeys", (PlannedModel("echo", required=False),), ()), plan_folder, source, target)
    written = {
        path.relative_to(root) for path in root.rglob("*") if path.is_file() and path.read_text() == "the user's"
    }
    placed = {path for path in written if path.parts[0] != "source"}
    assert all(re.fullmatch(r"target/echo/[0-9]+/[^/]+", str(path)) for path in placed)
    marker = r'\s*parameters \{ key: "glm\.files" value \{ string_value: "[0-9a-f]+" \} \}\s*'
    assert re.fullmatch("the operator's" + marker, (target / "echo/config.pbtxt").read_text())
    assert {Path("source") / key for key in keys} == written - placed
