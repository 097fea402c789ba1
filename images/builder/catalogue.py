"""The images there are, and what goes into each."""

from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SUITE = "bookworm"
PYTHON = "3.11"  # Debian's in SUITE
BASE_FOLDER = REPOSITORY / "images/base"
BASE_PACKAGES = BASE_FOLDER / "packages.txt"


@dataclass(frozen=True, slots=True)
class PythonPackages:
    """Packages of a lock file with hashes, and the folder of the build context that they are unpacked into."""

    lock: Path
    into: str


@dataclass(frozen=True, slots=True)
class Image:
    """One image. Its build context is `folder`, plus `sources` at their own paths, plus the Python packages."""

    name: str  # without registry and tag
    folder: Path
    packages: tuple[PythonPackages, ...]
    sources: tuple[str, ...] = ()  # files and folders, relative to the repository
    project: tuple[str, ...] = ()  # what the project's wheel is built from; empty: the image has no such wheel
    expected_seconds: int = 60

    @property
    def repository(self) -> str:
        """The reference without its tag."""
        return f"localhost/{self.name}"

    @property
    def input_paths(self) -> tuple[Path, ...]:
        """All files and folders that decide what is in the image; a change in one of them makes a new tag."""
        build_steps = tuple(
            Path(__file__).with_name(name) for name in ("staging.py", "containers.py", "root_filesystem.py")
        )
        relative = (*self.sources, *self.project)
        locks = tuple(packages.lock for packages in self.packages)
        return (BASE_FOLDER, self.folder, *locks, *build_steps, *(REPOSITORY / path for path in relative))


TRITON_CPU = Image(
    name="glm-triton-cpu",
    folder=REPOSITORY / "images/triton-cpu",
    packages=(
        PythonPackages(REPOSITORY / "images/triton-cpu/server.txt", into="server"),
        PythonPackages(REPOSITORY / "images/triton-cpu/requirements.txt", into="site-packages"),
    ),
    sources=("images/__init__.py", "images/engines"),
)
OPERATOR = Image(
    name="glm-operator",
    folder=REPOSITORY / "images/operator",
    packages=(PythonPackages(REPOSITORY / "requirements/operator.txt", into="site-packages"),),
    project=("pyproject.toml", "README.md", "operator"),
)
ENVOY = Image(
    name="glm-envoy",
    folder=REPOSITORY / "images/envoy",
    packages=(PythonPackages(REPOSITORY / "images/envoy/requirements.txt", into="server"),),
    expected_seconds=30,
)
IMAGES = {"triton-cpu": TRITON_CPU, "operator": OPERATOR, "envoy": ENVOY}
