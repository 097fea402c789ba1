"""Fields of a spec as the CRD's schema knows them, and how to read and change one in a sample."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from glm_operator.api.crd import custom_resource_definition

Schema = dict[str, Any]
Spec = dict[str, Any]
Place = tuple[str | int, ...]
"""Where a field stands in a sample: `("models", 0, "name")`."""

ITEM: Final = "[]"


@dataclass(frozen=True)
class Field:
    """One field of a sample."""

    place: Place
    schema: Schema
    required: bool

    @property
    def path(self) -> str:
        """The field in the schema, without numbers: `models[].name`."""
        return path_of(self.place)

    @property
    def spelled(self) -> str:
        """The field as the API server spells it: `spec.models[0].name`."""
        return "spec" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.place)

    @property
    def is_leaf(self) -> bool:
        return not is_group(self.schema)


def path_of(place: Place) -> str:
    return "".join(ITEM if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def is_group(schema: Schema) -> bool:
    """Whether the field holds others: an object, or a list of objects."""
    return "properties" in schema or "properties" in schema.get("items", {})


@cache
def spec_schema() -> Schema:
    """The schema of `spec`."""
    version = custom_resource_definition()["spec"]["versions"][0]
    return dict(version["schema"]["openAPIV3Schema"]["properties"]["spec"])


def leaf_paths(schema: Schema | None = None, path: str = "") -> Iterator[str]:
    """Every leaf of the schema."""
    schema = spec_schema() if schema is None else schema
    for name, field in schema.get("properties", {}).items():
        inner = f"{path}.{name}".removeprefix(".")
        if not is_group(field):
            yield inner
        elif "items" in field:
            yield from leaf_paths(field["items"], inner + ITEM)
        else:
            yield from leaf_paths(field, inner)


def fields_of(spec: Spec, schema: Schema | None = None, place: Place = ()) -> Iterator[Field]:
    """Every field that a sample sets, groups before what is in them."""
    schema = spec_schema() if schema is None else schema
    for name, value in spec.items():
        field = schema["properties"][name]
        yield Field((*place, name), field, name in schema.get("required", ()))
        if "properties" in field:
            yield from fields_of(value, field, (*place, name))
        elif is_group(field):
            for index, element in enumerate(value):
                yield from fields_of(element, field["items"], (*place, name, index))


def objects_of(spec: Spec) -> Iterator[Place]:
    """Every object of a sample that has a fixed set of fields, the spec itself among them."""
    yield ()
    for field in fields_of(spec):
        if "properties" in field.schema:
            yield field.place
        elif is_group(field.schema):
            yield from ((*field.place, index) for index in range(len(value_at(spec, field.place))))


def value_at(spec: Spec, place: Place) -> Any:
    value: Any = spec
    for part in place:
        value = value[part]
    return value


def with_value(spec: Spec, place: Place, value: Any) -> Spec:
    """The same sample with one other value. What is not on the way to it is shared with the sample, not copied."""
    changed: Spec = _on_the_way(spec, place, lambda parent, key: parent.__setitem__(key, value))
    return changed


def without(spec: Spec, place: Place) -> Spec:
    """The same sample without one field."""
    changed: Spec = _on_the_way(spec, place, lambda parent, key: parent.__delitem__(key))
    return changed


def _on_the_way(value: Any, place: Place, change: Callable[[Any, Any], None]) -> Any:
    copied = copy.copy(value)
    key, *rest = place
    if rest:
        copied[key] = _on_the_way(copied[key], tuple(rest), change)
    else:
        change(copied, key)
    return copied
