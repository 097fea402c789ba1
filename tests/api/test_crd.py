"""The generated CRD: what the API server needs of it, and that the committed copies are the generated ones."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from glm_operator.api.crd import custom_resource_definition
from glm_operator.api.generate import generated_files

ROOT = Path(__file__).parents[2]
SCHEMA = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def _walk(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from _walk(field, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from _walk(schema[key], f"{path}[]")


@pytest.mark.parametrize("path", [pytest.param(path, id=str(path)) for path in generated_files()])
def test_the_committed_file_is_the_generated_one(path):
    assert (ROOT / path).read_text() == generated_files()[path], "run `make crds`"


def test_every_field_has_a_type_or_is_a_quantity():
    untyped = [p for p, s in _walk(SCHEMA) if "type" not in s and "x-kubernetes-int-or-string" not in s]
    assert untyped == []


def test_every_field_of_the_spec_is_described():
    bare = [
        path
        for path, schema in _walk(SCHEMA["properties"]["spec"])
        if not path.endswith("[]") and "description" not in schema
    ]
    assert bare == []


def test_every_list_and_map_of_the_spec_is_bounded_so_that_the_rules_stay_cheap():
    unbounded = [
        path
        for path, schema in _walk(SCHEMA["properties"]["spec"])
        if (schema.get("type") == "array" and "maxItems" not in schema)
        or (isinstance(schema.get("additionalProperties"), dict) and "maxProperties" not in schema)
    ]
    assert unbounded == []


def test_no_group_is_defaulted_so_that_nobody_sees_fields_they_never_wrote():
    assert [path for path, schema in _walk(SCHEMA) if isinstance(schema.get("default"), dict | list)] == []
