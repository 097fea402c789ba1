"""Every change of one field of a sample, and every mistake in one."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from mutation.fields import Field, Place, Spec, fields_of, objects_of, path_of, value_at, with_value, without
from mutation.samples import refusal, samples
from mutation.values import edge_values, right_values, wrong_values

REMOVED = "removed"
UNKNOWN_FIELD = "namespace"
"""No object of a spec has a field of this name: nothing of another namespace can be named."""


@dataclass(frozen=True)
class Change:
    """One field of a sample with another value, or without any."""

    sample: str
    place: Place
    what: str
    """`other`, `removed`, or which of its edges."""
    spec: Spec

    @property
    def path(self) -> str:
        """The field in the schema."""
        return path_of(self.place)

    def made_in(self, spec: Spec) -> Spec:
        """The same change of another spec."""
        if self.what == REMOVED:
            return without(spec, self.place)
        return with_value(spec, self.place, value_at(self.spec, self.place))


@dataclass(frozen=True)
class Mistake:
    """A sample that must be refused."""

    path: str
    what: str
    spec: Spec
    spelled: str
    """What the message must name."""


@cache
def changes() -> dict[str, list[Change]]:
    """Path to its changes, each on the first sample that lets it stand; the sample itself is where all begin and end.

    A path's changes are of one sample as far as that goes, so that one resource can undergo them one after another.
    """
    found: dict[str, dict[str, Change]] = {}
    for name, sample in samples().items():
        for field in fields_of(sample):
            kept = found.setdefault(field.path, {})
            for change in _changes_of(name, sample, field):
                kept.setdefault(change.what, change)
    return {path: list(kept.values()) for path, kept in found.items()}


def _changes_of(name: str, sample: Spec, field: Field) -> Iterator[Change]:
    present = value_at(sample, field.place)
    wanted: list[tuple[str, Spec]] = []
    if field.is_leaf:
        others = [value for value in right_values(field.path, field.schema) if value != present]
        # Only what the rules let stand beside the sample's other fields.
        allowed = [value for value in others if not refusal(with_value(sample, field.place, value))]
        wanted += [("other", with_value(sample, field.place, value)) for value in allowed[:1]]
        edges = {what: value for what, value in edge_values(field.path, field.schema).items() if value != present}
        wanted += [(what, with_value(sample, field.place, value)) for what, value in edges.items()]
    if not field.required:
        wanted.append((REMOVED, without(sample, field.place)))
    yield from (Change(name, field.place, what, spec) for what, spec in wanted if not refusal(spec))


def folded(sample: str, together: list[Change]) -> Spec:
    """Many changes of different fields at once, but for those that don't go together."""
    spec = samples()[sample]
    for change in together:
        changed = change.made_in(spec)
        spec = spec if refusal(changed) else changed
    return spec


@cache
def mistakes() -> dict[str, Mistake]:
    """Name to mistake: each wrong value of a field, each field that is missing, an unknown one in each object."""
    found: dict[str, Mistake] = {}
    for sample in samples().values():
        for field in fields_of(sample):
            for mistake in _mistakes_of(sample, field):
                found.setdefault(f"{mistake.path}: {mistake.what}", mistake)
        for place in objects_of(sample):
            wrong = with_value(sample, (*place, UNKNOWN_FIELD), "kube-system")
            path = Field(place, {}, required=False)
            mistake = Mistake(path.path, "an unknown field", wrong, f"{path.spelled}.{UNKNOWN_FIELD}")
            found.setdefault(f"{mistake.path}: {mistake.what}", mistake)
    return found


def _mistakes_of(sample: Spec, field: Field) -> Iterator[Mistake]:
    for what, value in wrong_values(field.schema).items():
        yield Mistake(field.path, what, with_value(sample, field.place, value), field.spelled)
    if "maxItems" in field.schema and not field.is_leaf:
        many = value_at(sample, field.place)[:1] * (field.schema["maxItems"] + 1)
        yield Mistake(field.path, "too many", with_value(sample, field.place, many), field.spelled)
    if field.required:
        yield Mistake(field.path, "left out", without(sample, field.place), field.spelled)
