"""Strings that try to get out of the place they are put in, and the places of a spec that take a string."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from hypothesis import strategies as st

from mutation.fields import Place, Schema, Spec, fields_of, path_of, value_at, with_value
from mutation.samples import refusal, samples
from mutation.values import is_map

_TRICKS: Final = (
    '"', "'", '"} parameters { key: "a" value: { string_value: "b" } }', '" backend: "python', "\\", "\\\"", "\\n",
    "\n", "\r\n", "\x00", "\x1b[2J", "${HOME}", "$(HOME)", "$$(HOME)", "`id`", "$(id)", ";id", "&& id", "| id",
    "> /etc/passwd", "../", "../../etc/passwd", "..\\", "%2e%2e%2f", "/../", "//evil.example/", "@evil.example",
    "#fragment", "?query=1", "&a=b", "%00", "{{.Values.x}}", "{% raw %}", "{{}}", "{}", "[]", "{", "}", "- a", "a: b",
    "!!python/object:os.system", "&a *a", "--model-repository=/", " --http-port=1", "\t--http-port=1", "-", "--", "=",
    ",", "a=b,c=d", "a/b/c", "/", ".", "..", ":", "<script>", "]]>", "\u202e", "\u200b", "\ufeff", "\u2028",
    "\u0430dmin", "\uff0e\uff0e\uff0f", "\u00e9", "e\u0301", "\U0001f4a9", "\ud7ff", "null", "true", "0x10", "1e9",
    "~", "NaN", "kube-system", "metadata.name", "serving.autoglm.io", "*", "*.example", "Secret", "config.pbtxt",
    "repository.json", "\u0131", "\u212a",
)  # fmt: skip
_PIECES: Final = st.one_of(
    st.sampled_from(_TRICKS), st.text(max_size=12), st.sampled_from(["a", "0", "A", "-", ".", "x" * 62])
)
_LONG: Final = st.builds(lambda piece, times: piece * times, st.sampled_from(_TRICKS), st.sampled_from([300, 16_000]))


def hostile_texts(harmless: str) -> st.SearchStrategy[str]:
    """Tricks alone, put together, repeated to great length, and put into a string that the place allows."""
    joined = st.lists(_PIECES, min_size=1, max_size=4).map("".join)
    spliced = st.builds(
        lambda trick, at: harmless[:at] + trick + harmless[at:],
        st.one_of(st.sampled_from(_TRICKS), joined),
        st.integers(0, max(len(harmless), 1)),
    )
    return st.one_of(joined, spliced, st.one_of(joined, _LONG)).filter(bool)


@dataclass(frozen=True)
class Slot:
    """A place of a sample that takes a string."""

    sample: str
    place: Place
    """The field, down to the element of a list or the key of a map."""
    what: Literal["value", "key"]
    harmless: str
    """A string that the place allows and that stands nowhere else in the sample; empty when it allows only a choice."""

    @property
    def path(self) -> str:
        return f"{path_of(self.place)} ({self.what})"

    def filled(self, text: str) -> Spec:
        """The sample with `text` in this place."""
        sample = samples()[self.sample]
        if self.what == "value":
            return with_value(sample, self.place, text)
        parent, key = self.place[:-1], self.place[-1]
        return with_value(sample, parent, {text if k == key else k: v for k, v in value_at(sample, parent).items()})


@cache
def slots() -> dict[str, Slot]:
    """Every place of the schema that takes a string, once."""
    found: dict[str, Slot] = {}
    for name, sample in samples().items():
        for field in fields_of(sample):
            for place, what in _places(field.schema, field.place, value_at(sample, field.place)):
                slot = Slot(name, place, what, "")
                if slot.path not in found or not found[slot.path].harmless:
                    found[slot.path] = Slot(name, place, what, _harmless(slot))
    return found


def _places(schema: Schema, place: Place, value: Any) -> Iterator[tuple[Place, Literal["value", "key"]]]:
    free = schema.get("x-kubernetes-preserve-unknown-fields", False)
    if isinstance(value, str) and "enum" not in schema:
        yield place, "value"
    elif isinstance(value, list) and (free or schema["items"].get("type") == "string"):
        for index, element in enumerate(value):
            yield from _places(schema if free else schema["items"], (*place, index), element)
    elif isinstance(value, dict) and (free or is_map(schema)):
        for key, element in value.items():
            yield (*place, key), "key"
            yield from _places(schema if free else schema["additionalProperties"], (*place, key), element)


_HARMLESS: Final = (
    "marker", "marker.example/m", "--rate-limit=marker", "s3://marker/m", "https://marker.example/m", "f" * 64,
    "98.76", "987s", "987Mi", "0.9876",
)  # fmt: skip


def _harmless(slot: Slot) -> str:
    return next((text for text in _HARMLESS if not refusal(slot.filled(text))), "")
