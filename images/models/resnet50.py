"""`resnet50`: a network of ResNet-50's shape with random weights, to measure engines on real work.

Its answers mean nothing; its cost is that of the original: 4.1 billion multiply-adds a picture and 25.6 M parameters
(He et al. 2015, table 1, with the stride in the 3x3 convolution, as usual today).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper

from images.models.onnx_file import onnx_bytes

SEED = 50
STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # inner channels, blocks, stride of the first block
EXPANSION = 4  # of a block's output over its inner channels
PICTURE = (3, 224, 224)
CLASSES = 1000
RESIDUAL_SCALE = 0.25  # gamma of a block's last normalisation; keeps activations finite without training


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution and the batch normalisation after it."""

    name: str
    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    gamma: float = 1.0

    @property
    def parameters(self) -> int:
        """Trainable ones: the kernel, gamma and beta."""
        return self.outputs * self.inputs * self.kernel**2 + 2 * self.outputs


@dataclass(frozen=True, slots=True)
class Block:
    """A bottleneck: three convolutions, and one on the shortcut where the shape changes."""

    body: tuple[Convolution, Convolution, Convolution]
    shortcut: Convolution | None


STEM = Convolution("stem", PICTURE[0], 64, kernel=7, stride=2)


def blocks() -> Iterator[Block]:
    """The sixteen bottlenecks, in order."""
    channels = STEM.outputs
    for stage, (inner, count, first_stride) in enumerate(STAGES):
        outer = inner * EXPANSION
        for index in range(count):
            name, stride = f"stage{stage}.block{index}", first_stride if index == 0 else 1
            body = (
                Convolution(f"{name}.reduce", channels, inner, kernel=1),
                Convolution(f"{name}.spatial", inner, inner, kernel=3, stride=stride),
                Convolution(f"{name}.expand", inner, outer, kernel=1, gamma=RESIDUAL_SCALE),
            )
            shortcut = Convolution(f"{name}.shortcut", channels, outer, kernel=1, stride=stride)
            yield Block(body, shortcut if index == 0 else None)
            channels = outer


def parameter_count() -> int:
    """Trainable parameters of the whole network."""
    convolutions = [STEM]
    for block in blocks():
        convolutions += [*block.body, *([block.shortcut] if block.shortcut else [])]
    features = STAGES[-1][0] * EXPANSION
    return sum(convolution.parameters for convolution in convolutions) + (features + 1) * CLASSES


def to_onnx(seed: int = SEED) -> bytes:
    """The network as a model `input` [batch, 3, 224, 224] -> `logits` [batch, 1000], about 100 MB."""
    graph = _Graph(np.random.default_rng(seed))
    value = graph.node("Relu", [graph.convolution(STEM, "input")])
    value = graph.node("MaxPool", [value], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for block in blocks():
        value = graph.block(block, value)
    value = graph.node("Flatten", [graph.node("GlobalAveragePool", [value])])
    features = STAGES[-1][0] * EXPANSION
    weights = graph.weight("classifier.weights", graph.normal((features, CLASSES), fan_in=features))
    bias = graph.weight("classifier.bias", np.zeros(CLASSES))
    graph.nodes.append(helper.make_node("Gemm", [value, weights, bias], ["logits"]))
    return onnx_bytes(
        "resnet50", graph.nodes, graph.weights, {"input": ("batch", *PICTURE)}, {"logits": ("batch", CLASSES)}
    )


@dataclass(slots=True)
class _Graph:
    """Nodes and weights as they are added; a value is named for the node that makes it."""

    random: np.random.Generator
    nodes: list[Any] = field(default_factory=list)
    weights: dict[str, NDArray[Any]] = field(default_factory=dict)

    def node(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        output = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def weight(self, name: str, array: NDArray[Any]) -> str:
        self.weights[name] = array.astype(np.float32)
        return name

    def normal(self, shape: tuple[int, ...], fan_in: int) -> NDArray[Any]:
        """He initialisation: variance 2 / fan_in."""
        return self.random.standard_normal(shape, dtype=np.float32) * np.float32(np.sqrt(2 / fan_in))

    def convolution(self, spec: Convolution, value: str) -> str:
        shape, fan_in = (spec.outputs, spec.inputs, spec.kernel, spec.kernel), spec.inputs * spec.kernel**2
        kernel = self.weight(f"{spec.name}.weights", self.normal(shape, fan_in))
        padding = [spec.kernel // 2] * 4
        value = self.node("Conv", [value, kernel], strides=[spec.stride] * 2, pads=padding)
        ones, zeros = np.ones(spec.outputs), np.zeros(spec.outputs)
        statistics = {"gamma": spec.gamma * ones, "beta": zeros, "mean": zeros, "variance": ones}
        names = [self.weight(f"{spec.name}.{name}", array) for name, array in statistics.items()]
        return self.node("BatchNormalization", [value, *names])

    def block(self, block: Block, value: str) -> str:
        reduce, spatial, expand = block.body
        inner = self.node("Relu", [self.convolution(reduce, value)])
        inner = self.node("Relu", [self.convolution(spatial, inner)])
        inner = self.convolution(expand, inner)
        shortcut = self.convolution(block.shortcut, value) if block.shortcut else value
        return self.node("Relu", [self.node("Add", [inner, shortcut])])
