"""The checkout itself: what would break for others is found here."""

import subprocess

import pytest

from demo.paths import ROOT


def tracked(*patterns: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.split()


def test_the_root_folder_does_not_shadow_pythons_own_operator_module():
    assert not (ROOT / "operator/__init__.py").exists()
    started = subprocess.run(
        ["python3", "-c", "import operator; print(operator.add(1, 1))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert started.stdout == "2\n"


def test_every_package_is_in_the_wheel():
    import tomllib

    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.removesuffix("/__init__.py") for path in tracked("operator/*/__init__.py")}
    assert {name.replace(".", "/").replace("glm_operator", "operator") for name in listed} == folders | {"operator"}


@pytest.mark.parametrize("path", tracked("requirements/*.txt", "images/*/*.txt"))
def test_a_lock_names_no_index(path):
    text = (ROOT / path).read_text()
    assert "--index-url" not in text
    assert "://" not in text


def test_no_tracked_file_is_large():
    large = [path for path in tracked() if (ROOT / path).stat().st_size > 1_000_000]
    assert large == []
