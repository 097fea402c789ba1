"""`kubectl glm quantize`: a smaller model on this machine, and only if a hold-out set says that it is good enough."""

import json
import sys
from collections.abc import Iterable
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from glm_operator.cli.quantize_report import as_document, render
from glm_operator.quantization.advice import config_map, config_map_key, into_the_cluster
from glm_operator.quantization.errors import QuantizationError
from glm_operator.quantization.report import LABELS, Report, Request
from glm_operator.quantization.verdict import DEFAULT_MAX_LOSS

NEEDED: Final = ("onnx", "onnxruntime")
REFUSED: Final = 1

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Points(click.ParamType[Decimal]):
    """Percentage points, kept exact."""

    name = "points"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            points = Decimal(str(value))
            fits = 0 <= points <= 100  # noqa: PLR2004 per cent
        except ArithmeticError:  # also of a comparison with what is no number
            fits = False
        if not fits:
            self.fail(f"{value!r} is no number between 0 and 100", param, ctx)
        return points


@click.command("quantize")
@click.option("--model", type=_file, required=True, help="The float model, an ONNX file.")
@click.option("--calibration", type=_file, help="Samples (.npz) that ranges are taken from. Needed for INT8.")
@click.option("--holdout", type=_file, required=True, help="Other samples (.npz), with their labels.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file to write.")
@click.option("--precision", type=click.Choice(["INT8", "FP16"]), default="INT8", show_default=True)
@click.option(
    "--max-accuracy-loss", "max_loss", type=_Points(), default=DEFAULT_MAX_LOSS, show_default=True,
    help="Percentage points of top-1 accuracy on the hold-out set that may be lost.",
)  # fmt: skip
@click.option("--input", "inputs", multiple=True, metavar="INPUT=ARRAY", help="Array for an input of another name.")
@click.option("--output", metavar="NAME", help="Output with the scores of the classes, where there are several.")
@click.option("--labels", default=LABELS, show_default=True, metavar="ARRAY", help="Array with the labels.")
@click.option("--keep-float", "keep", multiple=True, metavar="NODE", help="Leave this node of the graph in FP32.")
@click.option("--symmetric", is_flag=True, help="INT8 with zero points of 0, as TensorRT wants them.")
@click.option("--model-name", metavar="NAME", help="The model's name in the resource; default: that of the file.")
@click.option("--model-version", type=click.IntRange(min=1), default=1, show_default=True, help="Its version there.")
@click.option("--configmap", metavar="NAME", help="Also write a ConfigMap with the model, beside it.")
@click.option("-o", "as_json", flag_value="json", type=click.Choice(["json"]), is_flag=False, help="Print JSON.")
def command(
    model: Path,
    calibration: Path | None,
    max_loss: Decimal,
    inputs: tuple[str, ...],
    model_name: str | None,
    model_version: int,
    configmap: str | None,
    as_json: str | None,
    out: Path,
    **rest: Any,
) -> None:
    """Make an INT8 or FP16 model of an ONNX file, and refuse it when it loses too much.

    The .npz files hold an array for each input of the model, by its name, the samples along the first dimension and
    prepared like real requests; the hold-out set also holds `labels`, the index of the right class of each sample. The
    loss is a difference of percentages: 95.0 % before and 93.0 % after are 2.0 points. For INT8 several recipes are
    tried until one is good enough. Exit code 1: refused, and nothing was written.
    """
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise click.ClickException(
            f"this command needs {' and '.join(missing)}: pip install 'glm-operator[quantize]'"
            " (in a checkout: pip install '.[quantize]')"
        )
    from glm_operator.quantization.job import quantize  # with NumPy, which no other command needs

    try:
        name = model_name or model.stem.lower()
        key = config_map_key(name, model_version)
        request = Request(
            model=model, calibration=calibration, target=out, max_loss=max_loss, inputs=_pairs(inputs), **rest
        )
        report = quantize(request, lambda line: click.echo(line, err=True))
        manifest = _write_config_map(report, configmap, key) if configmap and report.accepted else None
    except QuantizationError as error:
        raise click.ClickException(str(error)) from None
    advice = into_the_cluster(report, name, model_version, manifest)
    if as_json:
        click.echo(json.dumps(as_document(report, advice), indent=2))
    else:
        # Commands are to be copied: they are never wrapped.
        Console(highlight=False).print(render(report, advice), soft_wrap=True)
    sys.exit(0 if report.accepted else REFUSED)


def _pairs(texts: Iterable[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, array = text.rpartition("=")
        if not equals or not name or not array:
            raise click.UsageError(f"--input {text}: write INPUT=ARRAY")
        pairs[name] = array
    return pairs


def _write_config_map(report: Report, name: str, key: str) -> Path:
    target = report.request.target
    manifest = target.with_name(f"{target.name}.configmap.json")
    try:
        manifest.write_text(json.dumps(config_map(name, key, target.read_bytes()), indent=2) + "\n")
    except (OSError, QuantizationError) as error:
        raise QuantizationError(f"{target} is accepted and written, but no ConfigMap: {error}") from None
    return manifest
