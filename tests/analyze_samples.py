"""The samples of `kubectl glm analyze`: files, and those that are made here because they must be very large."""

from functools import cache
from pathlib import Path
from typing import Final

import yaml

from bodies import model

FOLDER: Final = Path(__file__).parent / "cli/analyze/samples"
WORDS: Final = ("fail", "pass")

_IMAGE: Final = {"image": {"reference": f"registry.example/models@sha256:{'0123456789abcdef' * 4}"}}
_RUNTIME: Final = {"version": "2.73", "resources": {"limits": {"memory": "1Gi"}}}


def _inference(parameters: int, models: int = 16, **spec: object) -> str:
    """A resource with so many parameters of a kilobyte for each model."""
    values = {f"parameter-{index}": "x" * 1000 for index in range(parameters)}
    listed = [model(name=f"m{index}", parameters=values) for index in range(models)]
    wanted = {"models": listed, "repository": _IMAGE, "runtime": _RUNTIME, "replicas": 2} | spec
    body = {
        "apiVersion": "serving.autoglm.io/v1alpha1",
        "kind": "GLMInference",
        "metadata": {"name": "sample"},
        "spec": wanted,
    }
    return yaml.dump(body, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)


def _with_config_map(kilobytes: int) -> str:
    code = "class TritonPythonModel:\n    def execute(self, requests):\n        return []\n"
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "files"},
        "data": {"m0.1.model.py": code + "#" * 1024 * kilobytes},
    }
    inference = _inference(0, models=1, repository={"configMap": {"name": "files"}})
    return inference + "---\n" + yaml.safe_dump(config_map)


_MADE: Final = {
    ("GLM015", "fail"): lambda: _inference(64, models=24),
    ("GLM015", "pass"): lambda: _inference(2),
    ("GLM016", "fail"): lambda: _inference(20),
    ("GLM016", "pass"): lambda: _inference(2),
    ("GLM211", "fail"): lambda: _with_config_map(1100),
    ("GLM211", "pass"): lambda: _with_config_map(10),
    ("GLM216", "fail"): lambda: _inference(64, models=20),
    ("GLM216", "pass"): lambda: _inference(20),
}


@cache
def sample(code: str, word: str) -> str:
    """The text of a sample.

    Raises:
        FileNotFoundError: when there is none.
    """
    make = _MADE.get((code, word))
    return (FOLDER / f"{code}-{word}.yaml").read_text() if make is None else make()


def sample_codes() -> set[str]:
    """Codes that have both samples."""
    files = {path.stem for path in FOLDER.iterdir()}
    by_file = {name.split("-")[0] for name in files if all(f"{name.split('-')[0]}-{word}" in files for word in WORDS)}
    return by_file | {code for code, _ in _MADE}
