"""A quantised model really serves, and loses through the server no more than it was allowed to."""

import json

import numpy as np

from demo.wait import inference_ready
from images.models import digits
from images.models.configmap import ModelFile, configmap
from support import DIGITS_MODEL, ask, inference, ready_condition
from test_plugin import plugin

ALLOWED_POINTS = 2
BATCH = 200  # as many pictures as the client's command line holds


def quantized(kubectl, folder, content, split):
    """The manifest of the ConfigMap that the plugin wrote, and its report."""
    (folder / "digits.onnx").write_bytes(content)
    np.savez(folder / "calibration.npz", input=split.train_pictures)
    np.savez(folder / "holdout.npz", input=split.holdout_pictures, labels=split.holdout_digits)
    files = {"model": "digits.onnx", "calibration": "calibration.npz", "holdout": "holdout.npz", "out": "int8.onnx"}
    paths = [f"--{option}={folder / name}" for option, name in files.items()]
    limit = f"--max-accuracy-loss={ALLOWED_POINTS}"
    made = plugin(
        kubectl, "quantize", *paths, limit, "--model-name=digits-int8", "--configmap=digits-files", "-o", "json"
    )
    assert made.returncode == 0, made.stderr
    return folder / "int8.onnx.configmap.json", json.loads(made.stdout)


def served_correct(kubectl, namespace, model, split):
    """How many of the held-out pictures the server answers right."""
    correct = 0
    for start in range(0, len(split.holdout_digits), BATCH):
        pictures = split.holdout_pictures[start : start + BATCH]
        tensors = {"input": {"shape": list(pictures.shape), "data": pictures.ravel().tolist()}}
        scores = ask(kubectl, namespace, "digits", model, tensors)["grpc"]["outputs"]["probabilities"]
        correct += int((np.argmax(scores, axis=1) == split.holdout_digits[start : start + BATCH]).sum())
    return correct


def test_int8_digits_lose_no_more_through_the_server_than_allowed(kubectl, namespace, tmp_path):
    split, content = digits.data(), digits.to_onnx(digits.train_version_2())
    total = len(split.holdout_digits)
    manifest, report = quantized(kubectl, tmp_path, content, split)
    both = [DIGITS_MODEL, DIGITS_MODEL | {"name": "digits-int8", "precision": "INT8"}]
    models = [model | {"maxBatchSize": BATCH} for model in both]
    # Server-side apply joins the two: each field manager owns the key of its own model.
    float_files = json.dumps(configmap("digits-files", {ModelFile("digits", 1, "model.onnx"): content}))
    apply = ("apply", "--server-side", "-n", namespace)
    kubectl(*apply, "--field-manager=float", "-f", "-", stdin=float_files)
    kubectl(*apply, "-f", str(manifest))
    kubectl.apply(inference("digits", models=models), namespace=namespace)
    resource = inference_ready(kubectl, namespace, "digits")

    correct = {model["name"]: served_correct(kubectl, namespace, model["name"], split) for model in models}
    assert 100 * (correct["digits"] - correct["digits-int8"]) <= ALLOWED_POINTS * total
    assert abs(100 * correct["digits-int8"] / total - report["after"]["accuracy"]) <= ALLOWED_POINTS
    assert "`kubectl glm quantize` makes such a file" in ready_condition(resource, "UnhandledFields")["message"]
