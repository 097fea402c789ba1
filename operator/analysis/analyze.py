"""Texts in, findings out: the whole analysis."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from glm_operator.analysis.checks import CHECKS
from glm_operator.analysis.codes import CODES
from glm_operator.analysis.documents import Document, Source, read_documents
from glm_operator.analysis.finding import Finding, Problem, Severity, path_text
from glm_operator.analysis.schema import closest, schema_problems
from glm_operator.analysis.subject import Subject, Surroundings
from glm_operator.api import group
from glm_operator.api.inference import InvalidSpecError, parse

MAX_RESOURCE_BYTES: Final = 1_500_000
"""etcd's limit of one object, 1.5 MiB, with room for what the API server adds."""
MAX_ANNOTATION_BYTES: Final = 256 * 1024
"""Of all annotations of an object; client-side apply puts the whole resource into one."""
_SURELY_MEANT: Final = 0.9
"""Likeness of `difflib` at which a kind of another API group is taken for a misspelled one of ours."""
_PERHAPS_MEANT: Final = 0.7
"""The same in our own group, where there is no other kind."""
_TROUBLES: Final = {"syntax": "GLM001", "duplicate": "GLM002"}


def analyze(sources: Sequence[Source]) -> list[Finding]:
    """Everything that is found, in the order of files and lines."""
    documents: list[Document] = []
    found: list[Finding] = []
    for source in sources:
        read, troubles = read_documents(source)
        documents += read
        found += [_finding(Problem(_TROUBLES[t.kind], (), t.message), where, t.line) for t, where in troubles]
    surroundings = Surroundings(documents)
    for document in documents:
        problems = _of_ours(document, surroundings) if _is_ours(document) else _of_another(document)
        found += [_finding(problem, problem.document or document) for problem in problems]
    found += [_finding(problem, document) for document, problem in _of_all(documents, sources, found)]
    order = {source.name: index for index, source in enumerate(sources)}
    # A ConfigMap that two resources use is told of once.
    return sorted(dict.fromkeys(found), key=lambda f: (order.get(f.file, 0), f.line, f.code, f.path, f.message))


def _of_all(
    documents: Sequence[Document], sources: Sequence[Source], found: Sequence[Finding]
) -> Iterator[tuple[Document, Problem]]:
    ours = [document for document in documents if _is_ours(document)]
    yield from _same_names(ours)
    if not ours and not any(finding.code == "GLM001" for finding in found):
        nowhere = Document(sources[0].name if sources else "", None, {})
        yield nowhere, Problem("GLM003", (), f"there is no {group.KIND} in the input")


def exit_code(findings: Iterable[Finding], strict: bool) -> int:
    """1 when something is an error, or with `strict` a warning."""
    serious = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return int(any(finding.severity in serious for finding in findings))


def _is_ours(document: Document) -> bool:
    """Whether it is a GLMInference, or was meant to be one."""
    if not isinstance(document.data, Mapping):
        return False
    version = document.text_at("apiVersion")
    if document.kind == group.KIND or version.startswith(f"{group.GROUP}/"):
        return True
    return bool(closest(document.kind, [group.KIND], _SURELY_MEANT))


def _of_another(document: Document) -> Iterator[Problem]:
    data = document.data
    if not isinstance(data, Mapping):
        yield Problem("GLM005", (), "a document of the file is no mapping")
    elif not document.kind or not document.text_at("apiVersion"):
        yield Problem("GLM005", (), "a document of the file has no apiVersion and kind")


def _of_ours(document: Document, surroundings: Surroundings) -> Iterator[Problem]:
    for field, wanted in (("apiVersion", group.API_VERSION), ("kind", group.KIND)):
        if document.at(field) != wanted:
            yield Problem("GLM004", (field,), f"{field} is {document.at(field)!r}", f"write {field}: {wanted}")
    if not closest(document.kind, [group.KIND], _PERHAPS_MEANT):
        return
    if "status" in document.data:
        yield Problem("GLM018", ("status",), "status in a file has no effect")
    yield from _size(document)
    refused = list(schema_problems(document))
    yield from refused
    if refused:
        return
    metadata = document.data["metadata"]
    named = {"name": metadata.get("name", "generated"), "namespace": document.namespace or "default"}
    try:
        inference = parse({"metadata": named, "spec": document.at("spec")})
    except InvalidSpecError:  # a name that the API server makes up may be anything
        return
    subject = Subject(document, inference, surroundings)
    for check in CHECKS:
        yield from check(subject)


def _size(document: Document) -> Iterator[Problem]:
    size = len(json.dumps(document.data, separators=(",", ":")))
    if size > MAX_RESOURCE_BYTES:
        yield Problem("GLM015", (), f"it is {size} bytes, and at most {MAX_RESOURCE_BYTES} are taken")
    elif size > MAX_ANNOTATION_BYTES:
        message = f"it is {size} bytes: kubectl apply copies it into an annotation, which holds {MAX_ANNOTATION_BYTES}"
        yield Problem("GLM016", (), message)


def _same_names(subjects: Sequence[Document]) -> Iterator[tuple[Document, Problem]]:
    seen: dict[tuple[str, str], Document] = {}
    for document in subjects:
        if not document.name:
            continue
        first = seen.setdefault((document.namespace, document.name), document)
        if first is not document:
            where = f"{first.file}:{first.line_of(('metadata', 'name'))}"
            yield document, Problem("GLM014", ("metadata", "name"), f"{document.name} is defined in {where} already")


def _finding(problem: Problem, document: Document, line: int | None = None) -> Finding:
    code = CODES[problem.code]
    resource = f"{document.kind}/{document.name}" if document.kind else ""
    return Finding(
        code=problem.code,
        severity=code.severity,
        file=document.file,
        line=document.line_of(problem.path) if line is None else line,
        resource=resource,
        path=path_text(problem.path),
        message=problem.message,
        fix=problem.fix or code.fix,
    )
