"""The decision to build, with a container builder that only writes down what it was asked for."""

import json
from dataclasses import dataclass, field

import pytest

from images.builder import build as build_module
from images.builder.build import Build
from images.builder.catalogue import Image


@dataclass
class RecordingBuilder:
    built: list[str] = field(default_factory=list)
    fails: bool = False

    def build(self, context, reference, archive, log):
        archive.write_text("half" if self.fails else "whole")
        if self.fails:
            raise RuntimeError
        self.built.append(reference)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    (tmp_path / "image").mkdir()
    (tmp_path / "image/Containerfile").write_text("FROM scratch\n")
    monkeypatch.setattr(build_module, "REPOSITORY", tmp_path)
    monkeypatch.setattr(Image, "input_paths", property(lambda image: (image.folder,)))
    return tmp_path


@pytest.fixture
def image(checkout):
    return Image(name="glm-sample", folder=checkout / "image", packages=())


@pytest.fixture
def build(checkout):
    (checkout / "out").mkdir()
    (checkout / "scratch").mkdir()
    return Build(checkout / "out", checkout / "scratch", RecordingBuilder(), progress=lambda _: None)


def test_an_unchanged_image_is_built_once(build, image):
    first, second = build.image(image), build.image(image)
    assert (first, build.container_builder.built) == (second, [first.reference])


def test_an_image_whose_archive_is_gone_is_built_again(build, image):
    entry = build.image(image)
    (build.out / entry.archive).unlink()
    build.image(image)
    assert build.container_builder.built == [entry.reference] * 2


def test_a_changed_image_takes_the_place_of_the_old_one(build, image):
    old = build.image(image)
    (image.folder / "Containerfile").write_text("FROM other\n")
    new = build.image(image)
    archives = [path.name for path in build.out.glob("*.tar")]
    entries = json.loads((build.out / "images.json").read_text())
    assert new.tag != old.tag
    assert archives == [new.archive]
    assert entries == [
        {"name": "glm-sample", "tag": new.tag, "reference": f"localhost/glm-sample:{new.tag}", "archive": new.archive}
    ]


def test_a_failed_build_leaves_no_archive_and_no_entry(build, image):
    build.container_builder.fails = True
    with pytest.raises(RuntimeError):
        build.image(image)
    assert list(build.out.iterdir()) == []
