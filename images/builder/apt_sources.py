"""Which of the host's apt sources a base image of one Debian release can be made from. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ONE_LINE = re.compile(r"deb\s+(\[[^]]*\]\s+)?\S+\s+(?P<suite>\S+)")
_SUITES = re.compile(r"^Suites:(?P<suites>.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class AptSources:
    """The same in apt's two formats, each "" when there is none of it."""

    one_line: str = ""
    deb822: str = ""


def debian_sources(files: Mapping[str, str], suite: str) -> AptSources:
    """The entries of `files` (name -> text) for `suite`, its updates and security fixes, without other vendors'."""
    wanted = {suite, f"{suite}-updates", f"{suite}-security"}
    lines, stanzas = [], []
    for name, text in files.items():
        if name.endswith(".list"):
            lines += [
                line for line in text.splitlines() if (entry := _ONE_LINE.match(line)) and entry["suite"] in wanted
            ]
        elif name.endswith(".sources"):
            stanzas += [stanza for stanza in _stanzas(text) if _suites(stanza) and _suites(stanza) <= wanted]
    return AptSources("".join(f"{line}\n" for line in lines), "\n".join(stanzas))


def _stanzas(text: str) -> list[str]:
    without_comments = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    return [f"{stanza.strip()}\n" for stanza in re.split(r"\n\s*\n", without_comments) if stanza.strip()]


def _suites(stanza: str) -> set[str]:
    found = _SUITES.search(stanza)
    return set(found["suites"].split()) if found and not re.search(r"^Enabled:\s*no", stanza, re.MULTILINE) else set()
