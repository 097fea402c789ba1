"""`python -m images.models OUTDIR`: write the sample models.

OUTDIR/repository/MODEL/VERSION/  digits (1 and 2), resnet50, echo and truncated; config.pbtxt is the operator's to make
OUTDIR/digits-holdout.npz         `pictures` [n, 64] and `digits` [n], which no version was trained on
OUTDIR/digits-configmap.json      digits 1 as a ConfigMap; echo-configmap.json likewise
OUTDIR/samples.json               accuracy, first answers, parameter count and sha256 of the files
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from images.models import digits, resnet50
from images.models.configmap import ModelFile, configmap

ECHO = Path(__file__).with_name("echo_model.py")  # read, not imported: it needs Triton's own module
TRUNCATED_AT = 0.6  # of the file


@click.command(help=__doc__)
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
def main(out: Path) -> None:
    """Write the sample models to `out`."""
    versions = {1: digits.train_version_1(), 2: digits.train_version_2()}
    files = {ModelFile("digits", number, "model.onnx"): digits.to_onnx(layers) for number, layers in versions.items()}
    newest = files[ModelFile("digits", 2, "model.onnx")]
    files[ModelFile("truncated", 1, "model.onnx")] = newest[: int(len(newest) * TRUNCATED_AT)]
    files[ModelFile("resnet50", 1, "model.onnx")] = resnet50.to_onnx()
    files[ModelFile("echo", 1, "model.py")] = ECHO.read_bytes()
    for file, content in files.items():
        folder = out / "repository" / file.model / str(file.version)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file.name).write_bytes(content)
    split = digits.data()
    np.savez_compressed(out / "digits-holdout.npz", pictures=split.holdout_pictures, digits=split.holdout_digits)
    for file in (ModelFile("digits", 1, "model.onnx"), ModelFile("echo", 1, "model.py")):
        _write_json(out / f"{file.model}-configmap.json", configmap(f"{file.model}-model", {file: files[file]}))
    samples = _describe(versions, files)
    _write_json(out / "samples.json", samples)
    for number, version in samples["digits"].items():
        click.echo(f"digits version {number}: {version['holdout_accuracy']:.1%} of the held-out pictures recognised")
    click.echo(f"resnet50: {resnet50.parameter_count():,} parameters")


def _describe(versions: Mapping[int, tuple[digits.Layer, ...]], files: Mapping[ModelFile, bytes]) -> dict[str, Any]:
    first = digits.data().holdout_pictures[:1]
    return {
        "digits": {
            str(number): {
                "holdout_accuracy": digits.holdout_accuracy(layers),
                "first_probabilities": digits.probabilities(layers, first)[0].round(6).tolist(),
            }
            for number, layers in versions.items()
        },
        "resnet50": {"parameters": resnet50.parameter_count()},
        "sha256": {
            f"{file.model}/{file.version}/{file.name}": hashlib.sha256(content).hexdigest()
            for file, content in sorted(files.items())
        },
    }


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
