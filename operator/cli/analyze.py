"""`kubectl glm analyze`: reads files, and shows what the analysis finds in them. It needs no cluster."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from glm_operator.analysis.analyze import analyze, exit_code
from glm_operator.analysis.codes import CODES, GROUPS
from glm_operator.analysis.documents import Source
from glm_operator.analysis.finding import Finding, Severity

STDIN: Final = "-"
_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})
_MAX_FILE_BYTES: Final = 64 * 1024 * 1024
_COLOURS: Final = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}


@click.command(name="analyze")
@click.option("-f", "--filename", "names", multiple=True, help="File or folder; - for standard input. May be repeated.")
@click.option("-R", "--recursive", is_flag=True, help="Also the folders below a folder.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Format.")
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--explain", "explained", metavar="CODE", help="Say what a code means, and nothing else.")
@click.option("--list-codes", is_flag=True, help="List all codes, and nothing else.")
def analyze_command(
    names: tuple[str, ...], recursive: bool, output: str, strict: bool, explained: str | None, list_codes: bool
) -> None:
    """Check GLMInferences in files, together with the objects beside them. Exit code 1 when something is an error."""
    if list_codes or explained is not None:
        _show_codes(explained)
        return
    if not names:
        raise click.UsageError("name the files: -f FILE, or - for standard input")
    findings = analyze(list(_sources(names, recursive)))
    if output == "json":
        click.echo(json.dumps([finding.as_json() for finding in findings], indent=2))
    else:
        _show(findings)
    sys.exit(exit_code(findings, strict))


def _sources(names: Sequence[str], recursive: bool) -> Iterator[Source]:
    seen: set[Path] = set()
    # A file that is named twice, or beside its folder, is one file.
    for name in dict.fromkeys(names):
        if name == STDIN:
            yield Source("<stdin>", _decoded("standard input", sys.stdin.buffer.read(_MAX_FILE_BYTES)))
            continue
        for path in _files(Path(name), recursive):
            if path.resolve() not in seen:
                yield Source(str(path), _read(path))
            seen.add(path.resolve())


def _files(path: Path, recursive: bool) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = path.rglob("*") if recursive else path.iterdir()
    files = sorted(file for file in found if file.suffix in _SUFFIXES and file.is_file())
    if not files:
        raise click.ClickException(f"{path} holds no YAML or JSON files" + ("" if recursive else "; -R looks below it"))
    return files


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise click.ClickException(
                f"{path} is larger than {_MAX_FILE_BYTES} bytes; no cluster takes such an object"
            )
        return _decoded(str(path), path.read_bytes())
    except OSError as error:
        raise click.ClickException(f"{path} can't be read: {error.strerror or error}") from None


def _decoded(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{name} is not text in UTF-8: byte {error.start} can't be read") from None


def _show(findings: Sequence[Finding]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        place = f"{finding.file}:{finding.line}" if finding.line else finding.file
        colour = _COLOURS[finding.severity]
        subject = " ".join(part for part in (finding.resource, finding.path) if part)
        console.print(
            Text.assemble(
                (_printable(place), "bold"),
                "  ",
                (f"{finding.severity} {finding.code}", colour),
                f"  {_printable(subject)}",
            )
        )
        console.print(Text(f"    {_printable(finding.message)}"))
        console.print(Text(f"    → {_printable(finding.fix)}", "bright_black"))
    console.print(_summary(findings))


def _printable(text: str) -> str:
    """Names of files and keys may hold anything, and must not steer the terminal."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def _summary(findings: Iterable[Finding]) -> Text:
    counts = dict.fromkeys(Severity, 0)
    for finding in findings:
        counts[finding.severity] += 1
    if not any(counts.values()):
        return Text("nothing found", "green")
    words = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
    parts = [f"{count} {words[severity]}{'' if count == 1 else 's'}" for severity, count in counts.items() if count]
    return Text(", ".join(parts), "red" if counts[Severity.ERROR] else "yellow")


def _show_codes(wanted: str | None) -> None:
    if wanted is not None:
        code = CODES.get(wanted.upper())
        if code is None:
            raise click.ClickException(f"there is no code {wanted}; --list-codes shows all")
        click.echo(f"{wanted.upper()} ({code.severity}): {code.title}.\nWhat to do: {code.fix}.")
        return
    for digit, title in GROUPS.items():
        click.echo(f"{title}:")
        for name, code in CODES.items():
            if name[3] == digit:
                click.echo(f"  {name}  {code.severity:7}  {code.title}")
