"""`digits`: a classifier of 8x8 pictures of handwritten digits, in two versions that answer differently.

Version 1 is a logistic regression, version 2 a network with one hidden layer. Both are trained here, from a fixed seed,
on the data set that scikit-learn brings; a third of it is held out, so that a server's answers can be checked.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from images.models.onnx_file import onnx_bytes

Array = NDArray[Any]

SEED = 20261123
PIXELS, CLASSES, HIDDEN = 64, 10, 48
BRIGHTEST = 16.0  # of a pixel in the data set; inputs are scaled to 0..1


@dataclass(frozen=True, slots=True)
class Split:
    """Pictures of shape [n, 64], float32 in 0..1, and their digits of shape [n]."""

    train_pictures: Array
    train_digits: Array
    holdout_pictures: Array
    holdout_digits: Array


@dataclass(frozen=True, slots=True)
class Layer:
    """A dense layer: `weights` is [inputs, outputs], `bias` is [outputs]."""

    weights: Array
    bias: Array


@cache
def data() -> Split:
    """The data set, cut the same way each time."""
    pictures, digits = load_digits(return_X_y=True)
    pictures = (pictures / BRIGHTEST).astype(np.float32)
    parts = train_test_split(pictures, digits, test_size=1 / 3, random_state=SEED, stratify=digits)
    return Split(parts[0], parts[2], parts[1], parts[3])


def train_version_1() -> tuple[Layer, ...]:
    """A logistic regression."""
    split = data()
    model = LogisticRegression(max_iter=2000).fit(split.train_pictures, split.train_digits)
    return (Layer(model.coef_.T, model.intercept_),)


def train_version_2() -> tuple[Layer, ...]:
    """A network with one hidden layer of ReLUs."""
    split = data()
    model = MLPClassifier((HIDDEN,), solver="lbfgs", alpha=0.01, max_iter=2000, random_state=SEED)
    model.fit(split.train_pictures, split.train_digits)
    return tuple(Layer(*layer) for layer in zip(model.coefs_, model.intercepts_, strict=True))


def probabilities(layers: tuple[Layer, ...], pictures: Array) -> Array:
    """What the ONNX file computes, in NumPy: [n, 64] in, [n, 10] out."""
    values = pictures
    for layer in layers[:-1]:
        values = np.maximum(values @ layer.weights + layer.bias, 0.0)
    logits = values @ layers[-1].weights + layers[-1].bias
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    normalised: Array = exponents / exponents.sum(axis=1, keepdims=True)
    return normalised


def holdout_accuracy(layers: tuple[Layer, ...]) -> float:
    """The share of the held-out pictures that are recognised."""
    split = data()
    return float(np.mean(probabilities(layers, split.holdout_pictures).argmax(axis=1) == split.holdout_digits))


def to_onnx(layers: tuple[Layer, ...]) -> bytes:
    """`layers` as a model `input` [batch, 64] -> `probabilities` [batch, 10]."""
    nodes, weights, value = [], {}, "input"
    for index, layer in enumerate(layers):
        weight, bias, logits = f"weights_{index}", f"bias_{index}", f"logits_{index}"
        weights[weight] = layer.weights.astype(np.float32)
        weights[bias] = layer.bias.astype(np.float32)
        nodes.append(helper.make_node("Gemm", [value, weight, bias], [logits]))
        value = logits
        if layer is not layers[-1]:
            value = f"hidden_{index}"
            nodes.append(helper.make_node("Relu", [logits], [value]))
    nodes.append(helper.make_node("Softmax", [value], ["probabilities"], axis=1))
    return onnx_bytes("digits", nodes, weights, {"input": ("batch", PIXELS)}, {"probabilities": ("batch", CLASSES)})
