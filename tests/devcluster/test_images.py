import io
import tarfile
from pathlib import Path

import pytest

from devcluster import images
from devcluster.errors import ClusterError
from devcluster.node import PAUSE_IMAGE


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("redis", "docker.io/library/redis:latest", id="a bare name is the library's"),
        pytest.param("redis:7", "docker.io/library/redis:7", id="a tag is kept"),
        pytest.param("team/redis:7", "docker.io/team/redis:7", id="a folder is no registry"),
        pytest.param("localhost/triton:1", "localhost/triton:1", id="localhost is a registry"),
        pytest.param("localhost:5000/triton", "localhost:5000/triton:latest", id="a port is no tag"),
        pytest.param("registry.example/a/b:1", "registry.example/a/b:1", id="a domain is a registry"),
    ],
)
def test_canonical(name: str, expected: str) -> None:
    assert images.canonical(name) == expected


def test_the_same_program_makes_the_same_pause_image(tmp_path: Path) -> None:
    archive = tmp_path / "pause.tar"
    archive.write_bytes(images.pause_archive(b"program"))
    (image,) = images.images_in(archive)

    assert image.names == (PAUSE_IMAGE,)
    assert images.pause_archive(b"program") == archive.read_bytes()
    archive.write_bytes(images.pause_archive(b"another program"))
    assert images.images_in(archive)[0].digest != image.digest


def empty_tar() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w"):
        pass
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [pytest.param(b"no archive", id="some other file"), pytest.param(empty_tar(), id="a tar without a manifest")],
)
def test_what_is_no_docker_archive_is_refused_with_advice(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "x.tar"
    archive.write_bytes(content)
    with pytest.raises(ClusterError) as refused:
        images.images_in(archive)
    assert "docker-archive" in refused.value.hint
