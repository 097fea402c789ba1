import pytest

from images.builder.catalogue import IMAGES
from images.builder.process import contained
from images.builder.staging import wheel_platforms


def test_wheel_platforms_run_from_the_images_glibc_down():
    platforms = wheel_platforms("x86_64")
    assert platforms[0] == "manylinux_2_36_x86_64"
    assert {"manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"} <= set(platforms)
    assert "manylinux_2_37_x86_64" not in platforms


@pytest.mark.parametrize(
    "image", [pytest.param(image, id=f"{name} has all its files") for name, image in IMAGES.items()]
)
def test_images_are_made_of_files_that_exist(image):
    assert [path for path in image.input_paths if not path.exists()] == []
    assert (image.folder / "Containerfile").exists()


def test_a_contained_command_dies_with_the_builder():
    command = contained(["buildah", "info"])
    assert command[:3] == ["setpriv", "--pdeathsig", "KILL"]
    assert "--kill-child" in command
    assert command[-2:] == ["buildah", "info"]
