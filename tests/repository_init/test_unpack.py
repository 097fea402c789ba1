"""Archives that nobody vouches for: nothing leaves the folder, nothing but files, and not without end."""

import gzip
import io
import tarfile
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archives import Entry, folder, hardlink, noise, symlink, tar_gz
from glm_operator.repository_init import unpack as module
from glm_operator.repository_init.budget import Clock, Progress, Space
from glm_operator.repository_init.failure import FetchError
from glm_operator.repository_init.unpack import ArchiveError, unpack

LIMIT = 1 << 20


def unpacked(tmp_path, archive, limit=LIMIT):
    (tmp_path / "a.tar.gz").write_bytes(archive)
    target = tmp_path / "outside" / "content"
    target.mkdir(parents=True)
    progress = Progress("archive", 60, Clock(), print)
    unpack(tmp_path / "a.tar.gz", target, Space(limit), progress)
    return target


def escaped(tmp_path):
    """What is there that the archive should not have made."""
    expected = {tmp_path / "a.tar.gz", tmp_path / "outside", tmp_path / "outside" / "content"}
    inside = tmp_path / "outside" / "content"
    return [path for path in tmp_path.rglob("*") if path not in expected and inside not in path.parents]


def test_files_folders_and_links_inside_are_made(tmp_path):
    target = unpacked(
        tmp_path,
        tar_gz(
            folder("./"),
            folder("echo/"),
            Entry("./echo/1/model.py", b"code", mode=0o4777),
            Entry("echo/1/data", b"", mode=0o600),
            symlink("echo/2", "1"),
            symlink("echo/1/up", "../1/model.py"),
            hardlink("echo/1/same", "echo/1/model.py"),
        ),
    )
    assert (target / "echo/2/model.py").read_bytes() == b"code"
    assert (target / "echo/1/up").read_bytes() == b"code"
    assert (target / "echo/1/same").samefile(target / "echo/1/model.py")
    assert [oct((target / f"echo/1/{name}").stat().st_mode & 0o7777) for name in ("model.py", "data")] == [
        "0o755",
        "0o644",
    ]


def test_a_file_that_stands_there_twice_is_the_later_one(tmp_path):
    target = unpacked(tmp_path, tar_gz(Entry("a", b"first, and longer"), Entry("a", b"second")))
    assert (target / "a").read_bytes() == b"second"


@pytest.mark.parametrize("options", [{"format": tarfile.PAX_FORMAT}, {"format": tarfile.GNU_FORMAT}])
def test_long_names_are_taken(tmp_path, options):
    name = "/".join(["n" * 100] * 5)
    assert (unpacked(tmp_path, tar_gz(Entry(name, b"x"), **options)) / name).read_bytes() == b"x"


def pax_bomb():
    """An extended header that says it has a gigabyte."""
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 1 << 30
    return gzip.compress(info.tobuf() + b"\0" * 4096)


def sparse_map_bomb():
    """A map of holes that has no end; it is read into memory before there is a member."""
    head = tarfile.TarInfo("GNUSparseFile.0/a")
    head.size = 8 << 20
    records = b"".join(
        b"%d %s\n" % (len(record) + 4, record)
        for record in (b"GNU.sparse.major=1", b"GNU.sparse.minor=0", b"GNU.sparse.realsize=9")
    )
    pax = tarfile.TarInfo("pax")
    pax.type, pax.size = tarfile.XHDTYPE, len(records)
    body = b"9999999\n" + b"0\n" * (4 << 20)
    return gzip.compress(pax.tobuf() + records.ljust(512, b"\0") + head.tobuf() + body)


@pytest.mark.parametrize(
    ("archive", "expected"),
    [
        pytest.param(tar_gz(Entry("/etc/passwd", b"x")), "leads out", id="an absolute path"),
        pytest.param(tar_gz(Entry("../evil", b"x")), "leads out", id="a step up"),
        pytest.param(tar_gz(Entry("a/../../evil", b"x")), "leads out", id="a step up from inside"),
        pytest.param(tar_gz(folder("../evil/")), "leads out", id="a folder outside"),
        pytest.param(tar_gz(Entry("a\\..\\evil", b"x")), "leads out", id="a backslash"),
        pytest.param(tar_gz(Entry("a\nb", b"x")), "control characters", id="a line's end in a name"),
        pytest.param(tar_gz(Entry(".", b"x")), "whole folder", id="a file in place of the folder"),
        pytest.param(tar_gz(symlink("a", "/etc")), "link out", id="a link to an absolute path"),
        pytest.param(tar_gz(symlink("a", "../..")), "link out", id="a link out"),
        pytest.param(tar_gz(symlink("a/b/c", "../../../x")), "link out", id="a link out from below"),
        pytest.param(tar_gz(symlink("a", "")), "can't be made", id="a link to nothing"),
        pytest.param(tar_gz(symlink("a", "a")), "link out", id="a link to itself"),
        pytest.param(
            tar_gz(symlink("a", "../x"), Entry("a/evil", b"x")), "twice|link out", id="a file through a link out"
        ),
        pytest.param(
            tar_gz(folder("d"), symlink("a", "d"), Entry("a/evil", b"x")), "twice", id="a file through a link inside"
        ),
        pytest.param(
            tar_gz(symlink("x", "d/.."), symlink("d", "."), symlink("x/evil", "d")),
            "behind a link|link out",
            id="a link that a later one turns outwards",
        ),
        pytest.param(
            tar_gz(symlink("x", "d/../.."), symlink("d", "a/b/c"), Entry("a/b/c/f")),
            "link out",
            id="a link through one that isn't there yet",
        ),
        pytest.param(
            tar_gz(symlink("x", "d/.."), symlink("d", ".")), "link out", id="two links that lead out together"
        ),
        pytest.param(tar_gz(hardlink("a", "/etc/passwd")), "leads out", id="a hard link to an absolute path"),
        pytest.param(tar_gz(hardlink("a", "../../a.tar.gz")), "leads out", id="a hard link out"),
        pytest.param(tar_gz(hardlink("a", "gone")), "no file of the archive", id="a hard link to nothing"),
        pytest.param(
            tar_gz(symlink("s", "."), hardlink("h", "s")), "no file of the archive", id="a hard link to a link"
        ),
        pytest.param(tar_gz(Entry("dev", kind=tarfile.CHRTYPE)), "device or pipe", id="a device"),
        pytest.param(tar_gz(Entry("dev", kind=tarfile.BLKTYPE)), "device or pipe", id="a disk"),
        pytest.param(tar_gz(Entry("pipe", kind=tarfile.FIFOTYPE)), "device or pipe", id="a pipe"),
        pytest.param(tar_gz(Entry("a", b"x"), Entry("a/b", b"x")), "can't be made", id="a folder that is a file"),
        pytest.param(tar_gz(folder("a"), Entry("a", b"x")), "can't be made", id="a file that is a folder"),
        pytest.param(pax_bomb(), "header of more than", id="a header that fills the memory"),
        pytest.param(sparse_map_bomb(), "header of more than", id="a map of holes that fills the memory"),
        pytest.param(b"no archive", "no .tar.gz", id="no archive at all"),
        pytest.param(gzip.compress(b"no tar" * 200), "no .tar.gz", id="something else that is compressed"),
        pytest.param(tar_gz(Entry("a", noise(9000)))[:5000], "damaged", id="half an archive"),
    ],
)
def test_a_hostile_or_broken_archive_is_refused_and_leaves_nothing_outside(tmp_path, archive, expected):
    with pytest.raises(ArchiveError, match=expected):
        unpacked(tmp_path, archive)
    assert escaped(tmp_path) == []


@pytest.mark.parametrize(
    "archive",
    [
        pytest.param(tar_gz(Entry("zeros", b"\0" * (4 * LIMIT))), id="one file that grows"),
        pytest.param(tar_gz(*(Entry(f"f{n}", b"x") for n in range(300))), id="many that take a block each"),
        pytest.param(tar_gz(*(folder(f"d{n}") for n in range(300))), id="many folders"),
    ],
)
def test_a_bomb_by_size_stops_at_the_limit(tmp_path, archive):
    with pytest.raises(FetchError, match="sizeLimit"):
        unpacked(tmp_path, archive)
    written = sum(path.stat().st_size for path in (tmp_path / "outside").rglob("*") if path.is_file())
    assert written <= LIMIT


def test_a_bomb_by_count_stops_at_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_MEMBERS", 10)
    with pytest.raises(ArchiveError, match="more than 10 entries"):
        unpacked(tmp_path, tar_gz(*(Entry(f"f{n}") for n in range(11))))


NAMES = st.lists(st.sampled_from(["a", "b", "..", ".", "", "c"]), min_size=1, max_size=4).map("/".join)
ENTRIES = st.lists(
    st.one_of(
        st.builds(lambda name: Entry(name, b"x"), NAMES),
        st.builds(folder, NAMES),
        st.builds(symlink, NAMES, NAMES),
        st.builds(hardlink, NAMES, NAMES),
    ),
    max_size=6,
)


@given(ENTRIES)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_an_archive_holds_stays_inside(tmp_path_factory, entries):
    tmp_path = tmp_path_factory.mktemp("any")
    try:
        target = unpacked(tmp_path, tar_gz(*entries))
    except ArchiveError:
        target = None
    assert escaped(tmp_path) == []
    for path in target.rglob("*") if target else ():
        assert path.resolve().is_relative_to(target.resolve()), path


@given(st.binary(max_size=2000))
@settings(max_examples=100)
def test_any_bytes_at_all_are_an_archive_or_told_to_be_none(tmp_path_factory, content):
    tmp_path = tmp_path_factory.mktemp("bytes")
    for archive in (content, gzip.compress(content), gzip.compress(damaged(content))):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        with suppress(FetchError):
            unpacked(folder, archive)


def damaged(content):
    """A whole archive with these bytes in the middle of it."""
    good = bytearray(gzip.decompress(tar_gz(Entry("a", b"x" * 700), symlink("b", "a"))))
    good[100 : 100 + len(content)] = content
    return bytes(good)


def test_the_builder_of_hostile_archives_builds_archives():
    with tarfile.open(fileobj=io.BytesIO(tar_gz(symlink("a", "b"), Entry("c", b"d")))) as tar:
        assert [member.name for member in tar] == ["a", "c"]
