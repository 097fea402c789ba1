import pytest

from images.builder.apt_sources import AptSources, debian_sources
from images.builder.root_filesystem import package_names

DEBIAN = "Types: deb\nURIs: mirror\nSuites: bookworm bookworm-updates\nComponents: main\n"
SECURITY = "Types: deb\nURIs: security\nSuites: bookworm-security\nComponents: main\n"
VENDOR = "Types: deb\nURIs: vendor\nSuites: nodistro\nComponents: main\n"
LINE = "deb mirror bookworm main\n"
SIGNED_LINE = "deb [arch=amd64 signed-by=/key.gpg] mirror bookworm-security main\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({}, AptSources(), id="no files give no sources"),
        pytest.param({"debian.sources": DEBIAN}, AptSources(deb822=DEBIAN), id="a stanza of the release is taken"),
        pytest.param(
            {"debian.sources": f"# mirror\n{DEBIAN}\n{SECURITY}"},
            AptSources(deb822=f"{DEBIAN}\n{SECURITY}"),
            id="stanzas are separated by a blank line and comments are dropped",
        ),
        pytest.param({"node.sources": VENDOR}, AptSources(), id="another vendor's stanza is left out"),
        pytest.param({"debian.sources": f"Enabled: no\n{DEBIAN}"}, AptSources(), id="a disabled stanza is left out"),
        pytest.param({"debian.sources.disabled": DEBIAN}, AptSources(), id="a file that apt does not read is left out"),
        pytest.param({"sources.list": LINE}, AptSources(one_line=LINE), id="a line of the release is taken"),
        pytest.param(
            {"sources.list": SIGNED_LINE}, AptSources(one_line=SIGNED_LINE), id="a line with options is taken"
        ),
        pytest.param(
            {"x.list": "deb vendor cloud-sdk-bookworm main\n"}, AptSources(), id="a similar suite is left out"
        ),
        pytest.param(
            {"x.list": f"# {LINE}deb-src mirror bookworm main\n"}, AptSources(), id="comments and sources are left out"
        ),
        pytest.param({"sources.list": "deb mirror trixie main\n"}, AptSources(), id="another release is left out"),
    ],
)
def test_debian_sources(files, expected):
    assert debian_sources(files, "bookworm") == expected


def test_package_names_are_the_lines_without_comments():
    assert package_names("# why\npython3\n\ntini  # init\n") == ["python3", "tini"]
