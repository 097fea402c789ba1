"""What a model takes and gives."""

from dataclasses import dataclass

from glm_operator.quantization.errors import QuantizationError


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output. `dims` holds the batch dimension first; None is a dimension of any size."""

    name: str
    dtype: str  # NumPy's name of the element type
    dims: tuple[int | None, ...]

    @property
    def shape_text(self) -> str:
        """The shape for a message."""
        return f"[{', '.join('any' if size is None else str(size) for size in self.dims)}]"


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs and outputs of a model, in its order; at least one of each."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @property
    def batch_size(self) -> int | None:
        """The batch size that the model is fixed to; None: it takes any."""
        return self.inputs[0].dims[0]

    def scores(self, name: str | None) -> TensorSpec:
        """The output that holds a score for each class, or the class itself.

        Args:
            name: its name; None: the only one there is.

        Raises:
            QuantizationError: there is none of that name, or there are several to choose from.
        """
        names = ", ".join(output.name for output in self.outputs)
        if name is None and len(self.outputs) > 1:
            raise QuantizationError(f"the model has several outputs; name the classes' one with --output: {names}")
        found = next((output for output in self.outputs if name in {None, output.name}), None)
        if found is None:
            raise QuantizationError(f"the model has no output {name!r}; it has: {names}")
        return found
