"""A GLMInference of the input, with what stands beside it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from glm_operator.analysis.documents import Document
from glm_operator.api.inference import GLMInference, GLMInferenceSpec


class Surroundings:
    """All documents of an input, to be found by kind, and by kind and name."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._by_kind: dict[str, list[Document]] = defaultdict(list)
        self._by_name: dict[tuple[str, str], list[Document]] = defaultdict(list)
        for document in documents:
            self._by_kind[document.kind].append(document)
            self._by_name[document.kind, document.name].append(document)

    def of_kind(self, kind: str) -> Iterator[Document]:
        """In the order of the input."""
        return iter(self._by_kind.get(kind, ()))

    def named(self, kind: str, name: str) -> Iterator[Document]:
        """Of any namespace."""
        return iter(self._by_name.get((kind, name), ()))


@dataclass(frozen=True, slots=True)
class Subject:
    """A resource that breaks no rule of the API."""

    document: Document
    inference: GLMInference
    surroundings: Surroundings

    @property
    def spec(self) -> GLMInferenceSpec:
        """Its spec."""
        return self.inference.spec

    def nearby(self, *kinds: str) -> Iterator[Document]:
        """Objects of these kinds that are, or may be, in the same namespace."""
        return (document for kind in kinds for document in self.surroundings.of_kind(kind) if self._is_near(document))

    def named(self, kind: str, name: str) -> Document | None:
        """The object of a kind and name that is, or may be, in the same namespace."""
        return next((document for document in self.surroundings.named(kind, name) if self._is_near(document)), None)

    def named_elsewhere(self, kind: str, name: str) -> Document | None:
        """The same in another namespace."""
        return next((document for document in self.surroundings.named(kind, name) if not self._is_near(document)), None)

    def is_given(self, path: str) -> bool:
        """Whether the user wrote a field, two levels below `spec` at most."""
        return path in self.inference.given

    def _is_near(self, document: Document) -> bool:
        """Whether an object may be in the same namespace; without one, it is wherever it is applied to."""
        ours, theirs = self.document.namespace, document.namespace
        return not ours or not theirs or ours == theirs
