"""YAML text as documents that know the line of each of their values. Whatever the text is, nothing here raises."""

import base64
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import yaml

MAX_VALUES: Final = 200_000
"""More values than any cluster would take; a few nested anchors make billions of them."""
MAX_DEPTH: Final = 100
_LARGEST_NUMBER: Final = 2**63

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Source:
    """One input."""

    name: str
    """As it is told to the user: the file's path, or `<stdin>`."""
    text: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something wrong with the text itself."""

    kind: str
    """`syntax` or `duplicate`."""
    line: int
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One object of an input."""

    file: str
    data: Any
    lines: Mapping[tuple[str | int, ...], int] = field(repr=False)
    """Path to line, counted from 1."""

    def line_of(self, path: Iterable[str | int]) -> int:
        """The line of a value, or of the nearest one around it that there is."""
        parts = tuple(path)
        while parts and parts not in self.lines:
            parts = parts[:-1]
        return self.lines.get(parts, 0)

    def at(self, *path: str | int) -> Any:
        """The value at a path; None where there is none."""
        value = self.data
        for part in path:
            if not _holds(value, part):
                return None
            value = value[part]
        return value

    def text_at(self, *path: str | int) -> str:
        """The text at a path; empty where there is none."""
        value = self.at(*path)
        return value if isinstance(value, str) else ""

    @property
    def kind(self) -> str:
        """Its kind; empty where it has none."""
        return self.text_at("kind")

    @property
    def name(self) -> str:
        """Its name."""
        return self.text_at("metadata", "name")

    @property
    def namespace(self) -> str:
        """Its namespace; empty: wherever it is applied to."""
        return self.text_at("metadata", "namespace")


def _holds(value: Any, part: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, Mapping) and part in value


class _TooLargeError(Exception):
    pass


def read_documents(source: Source) -> tuple[list[Document], list[tuple[Trouble, Document]]]:
    """All documents of an input, Lists taken apart, and what is wrong with the text, each with where it stands."""
    documents: list[Document] = []
    troubles: list[tuple[Trouble, Document]] = []
    loader = None
    try:
        _refuse_depth(source.text)
        loader = _LOADER(source.text)
        while loader.check_node():
            node = loader.get_node()
            walk = _Walk()
            walk.visit(cast("yaml.Node", node), (), 0)
            whole = Document(source.name, _plain(loader.construct_document(node)), walk.lines)
            troubles += [(trouble, whole) for trouble in walk.duplicates]
            if whole.data is not None:
                documents += _apart(whole)
    except (yaml.YAMLError, _TooLargeError, ValueError, RecursionError, TypeError, AttributeError) as error:
        # Beside syntax errors: dates that don't exist, tags that nobody knows, keys that are lists, endless nesting.
        trouble = Trouble("syntax", *_place(error))
        troubles.append((trouble, Document(source.name, None, {(): trouble.line})))
    finally:
        if loader is not None:
            loader.dispose()
    return documents, troubles


def _refuse_depth(text: str) -> None:
    """Count the nesting before anything follows it: the C library would end the process on a line of brackets.

    Raises:
        _TooLargeError: when it is nested too deep.
    """
    depth = 0
    try:
        for event in yaml.parse(text, _LOADER):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    raise _TooLargeError(f"it is nested more than {MAX_DEPTH} deep")
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except yaml.YAMLError:
        return  # the reader comes to the same place, with what stands before it


def _place(error: Exception) -> tuple[int, str]:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    parts = (getattr(error, "context", None), getattr(error, "problem", None) or getattr(error, "reason", None))
    text = ", ".join(str(part) for part in parts if part) or " ".join(str(error).split()) or type(error).__name__
    return (mark.line + 1 if mark is not None else 1), text


def _apart(document: Document) -> Iterator[Document]:
    """The objects of a List, each with its own lines; any other object as it is."""
    items = document.at("items")
    if not document.kind.endswith("List") or not isinstance(items, list):
        yield document
        return
    for index, item in enumerate(items):
        prefix = ("items", index)
        lines = {path[2:]: line for path, line in document.lines.items() if path[:2] == prefix}
        yield Document(document.file, item, lines)


class _Walk:
    """The lines of all values, and the keys that stand twice in a mapping."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str | int, ...], int] = {}
        self.duplicates: list[Trouble] = []
        self._seen = 0

    def visit(self, node: yaml.Node, path: tuple[str | int, ...], depth: int) -> None:
        self._seen += 1
        if self._seen > MAX_VALUES or depth > MAX_DEPTH:
            raise _TooLargeError(f"its anchors make more than {MAX_VALUES} values, or more than {MAX_DEPTH} levels")
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            self._visit_mapping(node, path, depth)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.visit(item, (*path, index), depth + 1)

    def _visit_mapping(self, node: yaml.MappingNode, path: tuple[str | int, ...], depth: int) -> None:
        keys: set[str] = set()
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            if name in keys and name != "<<":
                message = f"the key {name!r} stands twice in the same mapping; the last one wins, silently"
                self.duplicates.append(Trouble("duplicate", key.start_mark.line + 1, message))
            keys.add(name)
            self.lines[*path, name] = key.start_mark.line + 1
            self.visit(value, (*path, name), depth + 1)


def _plain(value: Any) -> Any:
    """The value as JSON would have it."""
    if isinstance(value, Mapping):
        return {_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    return _scalar(value)


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    return "null" if key is None else str(_scalar(key))


def _scalar(value: Any) -> Any:
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _LARGEST_NUMBER:
        return "a number of more than 63 bits"
    return value
