import pytest

from images.builder.inputs import MissingInputError, archive_path, content_tag, outdated_archives


@pytest.fixture
def sources(tmp_path):
    (tmp_path / "image").mkdir()
    (tmp_path / "image/Containerfile").write_text("FROM scratch\n")
    (tmp_path / "image/run").write_text("#!/bin/sh\n")
    (tmp_path / "lock.txt").write_text("numpy==1.26.4\n")
    return tmp_path


def tag(sources):
    return content_tag([sources / "image", sources / "lock.txt"], sources)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda root: (root / "lock.txt").write_text("numpy==1.26.5\n"), id="a changed lock"),
        pytest.param(lambda root: (root / "image/Containerfile").write_text("FROM x\n"), id="a changed Containerfile"),
        pytest.param(lambda root: (root / "image/new").write_text(""), id="a new file"),
        pytest.param(lambda root: (root / "image/run").unlink(), id="a removed file"),
        pytest.param(lambda root: (root / "image/run").rename(root / "image/start"), id="a renamed file"),
        pytest.param(lambda root: (root / "image/run").chmod(0o755), id="a file made executable"),
    ],
)
def test_a_change_makes_a_new_tag(sources, change):
    before = tag(sources)
    change(sources)
    assert tag(sources) != before


def write_byte_code(root):
    (root / "image/__pycache__").mkdir()
    (root / "image/__pycache__/x.pyc").write_bytes(b"0")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(write_byte_code, id="byte code"),
        pytest.param(lambda root: (root / "elsewhere").write_text("x"), id="a file that the image is not made of"),
        pytest.param(
            lambda root: (root / "lock.txt").write_text("numpy==1.26.4\n"), id="the same content written again"
        ),
    ],
)
def test_the_tag_stays(sources, change):
    before = tag(sources)
    change(sources)
    assert tag(sources) == before


def test_the_tag_does_not_depend_on_where_the_checkout_lies(sources, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("clone") / "checkout"
    before = tag(sources)
    sources.rename(elsewhere)
    assert tag(elsewhere) == before


def test_a_missing_input_is_named(sources):
    with pytest.raises(MissingInputError, match="requirements"):
        content_tag([sources / "requirements.txt"], sources)


def test_outdated_archives_are_those_of_the_same_image_with_another_tag(tmp_path):
    current, older = archive_path(tmp_path, "glm-operator", "b" * 12), archive_path(tmp_path, "glm-operator", "a" * 12)
    another_image = archive_path(tmp_path, "glm-operator-extra", "a" * 12)
    for archive in (current, older, another_image):
        archive.touch()
    assert outdated_archives(tmp_path, "glm-operator", "b" * 12) == [older]
