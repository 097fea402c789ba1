"""A GLMInference of the input, with what stands beside it."""

from collections.abc import Iterator
from dataclasses import dataclass

from glm_operator.analysis.documents import Document
from glm_operator.api.inference import GLMInference, GLMInferenceSpec


@dataclass(frozen=True, slots=True)
class Subject:
    """A resource that breaks no rule of the API."""

    document: Document
    inference: GLMInference
    documents: tuple[Document, ...]
    """All of the input, with this one."""

    @property
    def spec(self) -> GLMInferenceSpec:
        """Its spec."""
        return self.inference.spec

    def nearby(self, *kinds: str) -> Iterator[Document]:
        """Objects of these kinds that are, or may be, in the same namespace."""
        for document in self.documents:
            if document.kind in kinds and document is not self.document and self.is_near(document):
                yield document

    def is_near(self, document: Document) -> bool:
        """Whether an object may be in the same namespace; without one, it is wherever it is applied to."""
        ours, theirs = self.document.namespace, document.namespace
        return not ours or not theirs or ours == theirs

    def named(self, kind: str, name: str) -> Document | None:
        """The object of a kind and name nearby."""
        return next((document for document in self.nearby(kind) if document.name == name), None)

    def named_elsewhere(self, kind: str, name: str) -> Document | None:
        """The same in another namespace."""
        return next(
            (d for d in self.documents if d.kind == kind and d.name == name and not self.is_near(d)),
            None,
        )

    def is_given(self, path: str) -> bool:
        """Whether the user wrote a field, two levels below `spec` at most."""
        return path in self.inference.given
