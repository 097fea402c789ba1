"""Filling a build context on the host: the image's folder, sources, locked Python packages, the project's own wheel."""

import platform
import shutil
import sys
from pathlib import Path

from images.builder.catalogue import PYTHON, REPOSITORY, Image, PythonPackages
from images.builder.process import run

GLIBC_MINOR = 36  # Debian bookworm has glibc 2.36
OLDEST_GLIBC_MINOR = 5  # of manylinux1


def fill_context(image: Image, context: Path, log: Path) -> None:
    """Put all that the Containerfile of `image` copies into the empty folder `context`."""
    shutil.copytree(image.folder, context, dirs_exist_ok=True)
    for source in image.sources:
        _copy(REPOSITORY / source, context / source)
    for packages in image.packages:
        _install(packages, context, log)
    if image.project:
        _install_project(image, context, log)


def wheel_platforms(machine: str) -> list[str]:
    """The wheel tags that run in the image on `machine` ("x86_64"), newest first, as pip's `--platform` wants them."""
    modern = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC_MINOR, OLDEST_GLIBC_MINOR - 1, -1)]
    return [*modern, f"manylinux2014_{machine}", f"manylinux2010_{machine}", f"manylinux1_{machine}"]


def _install(packages: PythonPackages, context: Path, log: Path) -> None:
    """Exactly what the lock names, checked against its hashes; nothing is built from source."""
    target = ["--python-version", PYTHON, "--implementation", "cp", "--target", str(context / packages.into)]
    for name in wheel_platforms(platform.machine()):
        target += ["--platform", name]
    checks = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--no-compile"]
    run([*_pip("install"), *checks, *target, "--requirement", str(packages.lock)], log)


def _install_project(image: Image, context: Path, log: Path) -> None:
    """The project's wheel, built from a copy: setuptools leaves folders where it builds."""
    copy, wheels = context / ".project", context / ".wheels"
    for source in image.project:
        _copy(REPOSITORY / source, copy / source)
    run([*_pip("wheel"), "--no-deps", "--wheel-dir", str(wheels), str(copy)], log)
    for wheel in wheels.glob("*.whl"):
        run(
            [*_pip("install"), "--no-deps", "--no-compile", "--target", str(context / "site-packages"), str(wheel)], log
        )
    shutil.rmtree(copy)
    shutil.rmtree(wheels)


def _pip(command: str) -> list[str]:
    return [sys.executable, "-m", "pip", command, "--disable-pip-version-check", "--no-input"]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    else:
        shutil.copyfile(source, target)
        target.chmod(source.stat().st_mode)
