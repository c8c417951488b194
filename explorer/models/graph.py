"""The calls of a network's layers, one after the other, with those of the networks inside it.

Keras cannot wire the output of an inner network's layer to the outer input, so the graph that Keras keeps is walked
here, into a flat list of calls; no layer is patched and the network stays as it is.
"""

import inspect
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

import keras
import tensorflow as tf

from explorer.errors import ModelError

Model = Any
Tensor = Any
Shape = tuple[int | None, ...]

REARRANGING = frozenset({"Flatten", "Reshape", "Identity", "Dropout", "Cast", "Squeeze"})
"""Keras layers and operations that keep the values as they are, at most in another shape."""


@dataclass(frozen=True, eq=False)
class Visit:
    """One call of one layer.

    Attributes:
        path: dotted path, as :func:`layer_paths` lists it.
        layer: the Keras layer or operation; a whole network where ``node`` is of a network inside the network.
        node: Keras's record of the call, with its arguments.
        inputs: a number for each tensor that goes in.
        outputs: a number for each tensor that comes out.
    """

    path: str
    layer: Any
    node: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def inner(self) -> bool:
        """Whether this is a network whose layers are visits of their own."""
        return _graph(self.layer) is not None

    @property
    def shape(self) -> Shape:
        """The shape of the first output, without the batch."""
        return tuple(self.node.output_tensors[0].shape[1:])


def visits(model: Model, *, input_shape: Shape | None = None) -> list[Visit]:
    """Every layer call of a network and of those inside it; arguments and errors as in :func:`layer_paths`.

    Tensor number 0 is the picture; in a network of several inputs all of them are given the same picture.
    """
    _build(model, input_shape)
    graph = _graph(model)
    if graph is None:
        raise ModelError(
            f"The layers of {model.name!r} have no known order, because it is neither a Sequential nor a functional "
            "network. Write it with keras.Input and layer calls, and try again."
        )
    return list(_walk(graph, [0] * len(graph.inputs), "", _Numbers(), set()))


Walk = Generator[Visit, None, tuple[int, ...]]
"""Yields the calls of a network, and returns the numbers of its outputs."""


class _Numbers:
    """Numbers for tensors; 0 is the picture."""

    def __init__(self) -> None:
        self._last = 0

    def take(self, count: int) -> tuple[int, ...]:
        first = self._last + 1
        self._last += count
        return tuple(range(first, self._last + 1))


def _walk(graph: Any, inputs: Sequence[int], prefix: str, numbers: _Numbers, taken: set[str]) -> Walk:
    """The calls of one network, inner ones first; the order is Keras's own, by depth of the graph."""
    slots = {id(tensor): number for tensor, number in zip(graph.inputs, inputs, strict=True)}
    for node in _nodes(graph):
        name = prefix + node.operation.name
        path = next(path for path in chain([name], (f"{name}#{call}" for call in count(2))) if path not in taken)
        taken.add(path)
        below = tuple(slots[id(tensor)] for tensor in node.input_tensors)
        inner = _graph(node.operation)
        if inner is None:
            outputs = numbers.take(len(node.output_tensors))
        else:
            outputs = yield from _walk(inner, below, f"{path}.", numbers, taken)
        slots.update((id(tensor), number) for tensor, number in zip(node.output_tensors, outputs, strict=True))
        yield Visit(path, node.operation, node, below, outputs)
    return tuple(slots[id(tensor)] for tensor in graph.outputs)


def _nodes(graph: Any) -> Iterator[Any]:
    depths = getattr(graph, "_nodes_by_depth", {})
    for depth in sorted(depths, reverse=True):
        yield from (node for node in depths[depth] if not node.is_input)


def _graph(layer: Any) -> Any:
    """The graph of a functional network or a built Sequential; None for anything else."""
    if not isinstance(layer, keras.Model):
        return None
    graph = getattr(layer, "_functional", None) or layer  # a built Sequential keeps its graph there
    return graph if hasattr(graph, "_nodes_by_depth") else None


def _build(model: Model, input_shape: Shape | None) -> None:
    if not isinstance(model, keras.Sequential) or _graph(model) is not None:
        return
    if input_shape is None:
        raise ModelError(
            f"The network {model.name!r} does not know the size of its pictures yet, so its layers have no shapes. "
            "Begin it with keras.Input((height, width, channels)), or use it once on a picture."
        )
    model.build((None, *input_shape))


def in_reach(every: Sequence[Visit], path: str) -> bool:
    """Whether Keras's own ``get_layer(path).output`` is what this path means.

    It is not for a layer inside an inner network, for an inner network itself, for the second call of a shared layer,
    and for an operation written as arithmetic.

    >>> in_reach(visits(keras.Sequential([keras.Input((3,)), keras.layers.ReLU(name="relu")])), "relu")
    True
    """
    visit = next((visit for visit in every if visit.path == path), None)
    outer = visit is not None and not visit.inner and not {".", "#"} & set(path)
    return outer and visit is not None and isinstance(visit.layer, keras.layers.Layer)


def visits_for(every: Sequence[Visit], wanted: set[int]) -> list[Visit]:
    """The calls that make the wanted tensors, in order."""
    needed, steps = set(wanted), []
    for visit in reversed(every):
        if not visit.inner and needed.intersection(visit.outputs):
            needed.update(visit.inputs)
            steps.append(visit)
    return steps[::-1]


def call_arguments(visit: Visit, values: dict[int, Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What a layer was called with, its tensors replaced by values."""
    tensors = {id(t): values[slot] for t, slot in zip(visit.node.input_tensors, visit.inputs, strict=True)}
    args, kwargs = visit.node.arguments.fill_in(tensors)
    if "training" in inspect.signature(visit.layer.call).parameters:
        kwargs = {**kwargs, "training": False}
    return args, kwargs


def final_visit(every: Sequence[Visit]) -> Visit:
    """The call that makes the values of the output; a Flatten or the like after it is passed over."""
    maker = {number: visit for visit in every if not visit.inner for number in visit.outputs}
    visit = maker[every[-1].outputs[0]]
    while _passes(visit.layer) and visit.inputs[0] in maker:
        visit = maker[visit.inputs[0]]
    return visit


def _passes(layer: Any) -> bool:
    kind = type(layer).__name__
    return kind in REARRANGING or (kind == "Activation" and activation_name(layer) == "linear")


ALONE = frozenset({"Softmax", "Sigmoid", "ReLU", "Relu", "Relu6"})
"""Layers and operations that are an activation and nothing else."""


def activation_name(layer: Any) -> str:
    """The activation that a layer ends with, by its function's name; "linear" for none."""
    kind = type(layer).__name__
    if kind in ALONE:
        return kind.lower()
    function = getattr(layer, "activation", None)
    if isinstance(function, keras.layers.Layer):
        return activation_name(function) if type(function).__name__ in ALONE else type(function).__name__
    return "linear" if function is None else getattr(function, "__name__", type(function).__name__)


def without_activation(layer: Any) -> Callable[..., Tensor]:
    """The layer without its softmax or sigmoid. The layer itself is not changed."""
    activation = activation_name(layer)
    if activation not in {"softmax", "sigmoid"}:
        return layer  # type: ignore[no-any-return]
    if type(layer).__name__ in {"Activation", "Softmax", "Sigmoid"}:
        return lambda x, **_: x
    if isinstance(layer, keras.layers.Dense):
        return lambda x, **_: _affine(layer, x)
    return lambda *args, **kwargs: _undone(layer(*args, **kwargs), activation)


def without_relu(layer: Any) -> Callable[..., Tensor] | None:
    """The layer without its ReLU or ReLU6; None where it ends with neither, or cannot be had without."""
    if activation_name(layer) not in {"relu", "relu6"}:
        return None
    if type(layer).__name__ in {"Activation", "ReLU", "Relu", "Relu6"}:
        return lambda x, **_: x
    if isinstance(layer, keras.layers.Dense):
        return lambda x, **_: _affine(layer, x)
    if isinstance(layer, keras.layers.Conv2D):
        return lambda x, **_: _convolved(layer, x)
    return None


def _convolved(layer: Any, x: Tensor) -> Tensor:
    kernel = tf.cast(tf.convert_to_tensor(layer.kernel), layer.compute_dtype)
    product = layer.convolution_op(tf.cast(x, layer.compute_dtype), kernel)
    return product if layer.bias is None else product + tf.cast(tf.convert_to_tensor(layer.bias), product.dtype)


def _affine(layer: Any, x: Tensor) -> Tensor:
    kernel = tf.convert_to_tensor(layer.kernel)
    product = tf.tensordot(tf.cast(x, kernel.dtype), kernel, 1)
    return product if layer.bias is None else product + tf.convert_to_tensor(layer.bias)


def _undone(probabilities: Tensor, activation: str) -> Tensor:
    """Logits from probabilities: of a sigmoid exactly, of a softmax up to a constant for each picture."""
    tiny = keras.backend.epsilon()
    p = tf.clip_by_value(probabilities, tiny, 1 - tiny)
    return tf.math.log(p) if activation == "softmax" else tf.math.log(p) - tf.math.log1p(-p)
