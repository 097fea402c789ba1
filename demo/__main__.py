"""`python -m demo up|down|manifests`: what `make demo`, `make demo-down` and `make manifests` run."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from rich.console import Console

from demo.built_images import NAMES, built_image, reference
from demo.client_pod import ask_from_a_pod
from demo.install import ensure_namespace, install_operator, uninstall_operator
from demo.kubectl import CommandFailedError, Kubectl
from demo.manifests import write_or_check
from demo.paths import MODELS, ROOT, SAMPLES
from demo.picture import save
from demo.wait import NotInTimeError, inference_ready
from devcluster.state import cache_folder

NAMESPACE: Final = "glm-demo"
_CONSOLE: Final = Console(highlight=False)


def say(text: str) -> None:
    """Tell what is done now."""
    _CONSOLE.print(f"[bold cyan]==>[/] {text}")


def tell(text: str) -> None:
    """Tell how far it is."""
    _CONSOLE.print(f"    [bright_black]{text}[/]")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The demo."""


@main.command()
def up() -> None:
    """A cluster, the operator, a model and an answer from it."""
    begin = time.monotonic()
    try:
        _module("devcluster", "up")
        kubectl = Kubectl.connect()
        _images(kubectl)
        _sample_models()
        say("installing the operator with its Helm chart (about 10 s)")
        install_operator(kubectl)
        _serve(kubectl)
        _ask(kubectl)
    except (CommandFailedError, NotInTimeError, RuntimeError, LookupError) as error:
        _CONSOLE.print(f"[red]error:[/] {error}")
        _CONSOLE.print("to look closer: kubectl glm check; kubectl glm status -A; make cluster-status")
        sys.exit(1)
    _next_steps(kubectl, time.monotonic() - begin)


@main.command()
def down() -> None:
    """Remove every trace of the demo; a cluster that was not made here stays."""
    kubectl = Kubectl.connect()
    if kubectl.is_ours:
        _module("devcluster", "down")
        tell(f"left on purpose: build/ and .venv of this checkout, and what was compiled, in {cache_folder()}")
        return
    say("removing the demo from a cluster that is not ours, which stays")
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", timeout=180)
    uninstall_operator(kubectl)
    kubectl("delete", "namespace", "glm-system", "--ignore-not-found", timeout=180)
    kubectl("delete", "crd", "glminferences.serving.autoglm.io", "--ignore-not-found", timeout=60)


@main.command()
@click.option("--check", is_flag=True, help="Only tell whether it differs.")
def manifests(check: bool) -> None:
    """Render manifests/install.yaml from the chart."""
    sys.exit(write_or_check(check))


@main.command()
@click.argument("name")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("-n", "--namespace", default=NAMESPACE, show_default=True)
def picture(name: str, target: Path, namespace: str) -> None:
    """Save what `kubectl glm status NAME` shows now as SVG."""
    save(Kubectl.connect().kubeconfig or None, namespace, name, target)
    say(f"wrote {target}")


def _module(name: str, *arguments: str) -> None:
    """Run one of the project's own commands, which tells its progress itself."""
    ended = subprocess.run([sys.executable, "-m", name, *arguments], cwd=ROOT, check=False)
    if ended.returncode != 0:
        raise CommandFailedError(f"python -m {name} {' '.join(arguments)} failed; see above")


def _images(kubectl: Kubectl) -> None:
    _module("images.builder", "all")
    archives = [str(built_image(name).archive) for name in NAMES]
    _module("devcluster", "load-image", *archives)
    for name in NAMES:
        tell(f"image {reference(name, kubectl.is_ours)}")


def _sample_models() -> None:
    if not (MODELS / "samples.json").exists():
        say("training the sample models (about 20 s)")
        _module("images.models", str(MODELS))


def _serve(kubectl: Kubectl) -> None:
    say("applying manifests/samples/digits.yaml: two Triton servers with a classifier of handwritten digits")
    ensure_namespace(kubectl, NAMESPACE)
    kubectl.apply((MODELS / "digits-configmap.json").read_text(), namespace=NAMESPACE)
    kubectl.apply((SAMPLES / "digits.yaml").read_text(), namespace=NAMESPACE)
    begin = time.monotonic()
    inference_ready(kubectl, NAMESPACE, "digits", seconds=180, tell=tell)
    tell(f"ready after {time.monotonic() - begin:.0f} s")


def _ask(kubectl: Kubectl) -> None:
    say("asking the model through its Service, from a pod")
    url = kubectl.json("get", "glm", "digits", "-n", NAMESPACE)["status"]["url"]
    samples = _held_out_digits(3)
    script = (ROOT / "demo/ask_digits.py").read_text()
    answer = json.loads(ask_from_a_pod(kubectl, NAMESPACE, script, url, json.dumps(samples)))
    tell(f"POST {answer['url']}")
    for sample, guess in zip(samples, answer["answers"], strict=True):
        _CONSOLE.print(_picture(sample["pixels"]))
        right = "[green]right[/]" if guess["answer"] == guess["label"] else "[red]wrong[/]"
        tell(f"label {guess['label']}, the model says {guess['answer']} ({guess['confidence']:.0%}): {right}")
    tell(f"{len(samples)} pictures in one request, {answer['milliseconds']} ms")


def _held_out_digits(count: int) -> list[dict[str, Any]]:
    held_out = np.load(MODELS / "digits-holdout.npz")
    return [
        {"label": int(held_out["digits"][number]), "pixels": held_out["pictures"][number].tolist()}
        for number in range(count)
    ]


def _picture(pixels: list[float]) -> str:
    shades, top = " .:-=+*#%@", max(pixels) or 1
    rows = [pixels[row * 8 : row * 8 + 8] for row in range(8)]
    return "\n".join("      " + "".join(shades[int(pixel / top * 9)] * 2 for pixel in row) for row in rows)


def _next_steps(kubectl: Kubectl, seconds: float) -> None:
    environment = f"export KUBECONFIG={kubectl.kubeconfig} PATH=$PWD/.venv/bin:$PWD/.cluster/bin:$PATH"
    say(f"done in {seconds:.0f} s; what to try next:")
    for line in (
        environment,
        f"kubectl glm status digits -n {NAMESPACE}",
        f"kubectl glm explain digits -n {NAMESPACE}",
        f"kubectl scale glm digits --replicas=3 -n {NAMESPACE}; kubectl glm status digits -n {NAMESPACE} -w",
        "kubectl glm check",
        "make demo-down",
    ):
        _CONSOLE.print(f"    {line}")


if __name__ == "__main__":
    main()
