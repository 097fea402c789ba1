"""A Debian root file system as a tar, by mmdebstrap, kept in the user's cache."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from images.builder.apt_sources import debian_sources
from images.builder.catalogue import BASE_PACKAGES, SUITE
from images.builder.process import contained, run

EXPECTED_SECONDS = 60
# Not needed to run anything; licences stay.
EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/lintian/*")
INCLUDED = ("/usr/share/doc/*/copyright",)
APT_FOLDER = Path("/etc/apt")


def package_names(text: str) -> list[str]:
    """The packages named in `text`, one a line, without comments."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def cached_tar(cache: Path) -> Path:
    """Where the root file system lies; another list of packages, release or way of making it has another name."""
    recipe = "\0".join((SUITE, BASE_PACKAGES.read_text(), *EXCLUDED, *INCLUDED))
    return cache / f"{SUITE}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}.tar"


def make(tar: Path, scratch: Path, log: Path) -> None:
    """Write `tar`. `scratch` is an empty folder of the caller's."""
    unfinished = tar.with_suffix(".tar.part")
    command = ["mmdebstrap", "--variant=minbase", "--format=tar"]
    command += [f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED]
    command += [f"--dpkgopt=path-include={pattern}" for pattern in INCLUDED]
    command += [f"--include={','.join(package_names(BASE_PACKAGES.read_text()))}", SUITE, str(unfinished)]
    run(contained([*command, *_mirrors(scratch)]), log, {"TMPDIR": str(scratch)})
    unfinished.replace(tar)


def _mirrors(scratch: Path) -> Sequence[str]:
    """The host's own Debian sources as files; none: mmdebstrap takes its default."""
    found = [APT_FOLDER / "sources.list", *sorted((APT_FOLDER / "sources.list.d").glob("*"))]
    sources = debian_sources({path.name: path.read_text() for path in found if path.is_file()}, SUITE)
    files = {scratch / "debian.list": sources.one_line, scratch / "debian.sources": sources.deb822}
    for path, text in files.items():
        path.write_text(text)
    return [str(path) for path, text in files.items() if text]
