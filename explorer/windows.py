"""The geometry of sliding windows: how many fit, which cells each one covers, how far a network's unit sees.

Everything here is integer arithmetic on one axis at a time; a picture is two axes. The rules are TensorFlow's
(https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2), so that the numbers agree with Keras.
"""

import contextlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from explorer.errors import KernelError, LayerError

Padding = Literal["same", "valid", "reflect", "edge"]
PADDINGS: tuple[str, ...] = get_args(Padding)
Pair = tuple[int, int]
Network = Any
"""A Keras model or layer, known by its attributes: Keras is not imported here."""

ELEMENTWISE = frozenset({
    "InputLayer", "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "BatchNormalization",
    "LayerNormalization", "UnitNormalization", "Dense", "Dropout", "SpatialDropout2D", "AlphaDropout",
    "GaussianDropout", "GaussianNoise", "ActivityRegularization", "Identity", "Rescaling",
    "Normalization", "Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Average", "Maximum",
    "Minimum", "Concatenate", "Relu", "Relu6", "Sigmoid", "Silu", "Gelu", "HardSigmoid", "HardSwish",
    "HardSilu", "Tanh", "Clip", "Negative", "Abs", "Absolute", "Square", "Sqrt", "Power", "Cast",
    "LayerScale", "StochasticDepth",
})  # fmt: skip
"""Keras layers and operations where an output cell looks only at the same cell of its inputs."""
WHOLE_PICTURE = frozenset({
    "GlobalAveragePooling2D", "GlobalMaxPooling2D", "Flatten", "Reshape", "GroupNormalization", "Mean",
    "Max", "Sum",
})  # fmt: skip


def output_size(size: int, window: int, stride: int = 1, padding: Padding = "valid", dilation: int = 1) -> int:
    """How many windows fit along one axis.

    With the span ``s = dilation·(window − 1) + 1``: ``⌊(size − s) / stride⌋ + 1`` for "valid" and
    ``⌈size / stride⌉`` for the padded modes.

    Args:
        size: cells along the axis.
        window: cells that a window looks at.
        stride: step from one window to the next, in cells.
        padding: "valid", "same", or "reflect" and "edge", which pad as much as "same".
        dilation: distance between two neighbouring cells of a window.

    Raises:
        KernelError: an option that is not positive or not known, or a "valid" window that does not fit.

    >>> output_size(28, 5), output_size(28, 3, stride=2, padding="same"), output_size(28, 3, dilation=4)
    (24, 14, 20)
    """
    _check(size, window, stride, padding, dilation)
    if padding != "valid":
        return -(-size // stride)
    span = _span(window, dilation)
    if span > size:
        raise KernelError(
            f"The window spans {span} cells, but the picture has only {size} on that side. "
            'Choose a smaller kernel or dilation, or the padding "same".'
        )
    return (size - span) // stride + 1


def padding(size: int, window: int, stride: int = 1, padding: Padding = "same", dilation: int = 1) -> Pair:
    """How many cells are added before and after an axis; of an odd number, the extra one is after.

    Arguments as in :func:`output_size`.

    >>> padding(28, 3), padding(28, 3, stride=2), padding(28, 2)
    ((1, 1), (0, 1), (0, 1))
    """
    return _margins(size, window, stride, padding, dilation)


def positions(
    size: int, window: int, stride: int = 1, padding: Padding = "same", dilation: int = 1
) -> NDArray[np.int64]:
    """The input index of each cell of each window.

    Arguments as in :func:`output_size`.

    Returns:
        int64 (out, window); an index that is negative or at least ``size`` is a padded cell.

    >>> positions(4, 3).tolist()
    [[-1, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4]]
    """
    count = output_size(size, window, stride, padding, dilation)
    before, _ = _margins(size, window, stride, padding, dilation)
    starts = np.arange(count, dtype=np.int64) * stride - before
    return starts[:, np.newaxis] + np.arange(window, dtype=np.int64) * dilation


def _span(window: int, dilation: int) -> int:
    return dilation * (window - 1) + 1


def _margins(size: int, window: int, stride: int, padding: Padding, dilation: int) -> Pair:
    _check(size, window, stride, padding, dilation)
    if padding == "valid":
        return 0, 0
    last_start = (output_size(size, window, stride, padding, dilation) - 1) * stride
    total = max(0, last_start + _span(window, dilation) - size)
    return total // 2, total - total // 2


def _check(size: int, window: int, stride: int, padding: str, dilation: int) -> None:
    for name, number in (("size", size), ("window", window), ("stride", stride), ("dilation", dilation)):
        if number < 1:
            raise KernelError(f"The {name} is {number}; it has to be 1 or more.")
    if padding not in PADDINGS:
        raise KernelError(f"The padding {padding!r} is not known; it can be {', '.join(PADDINGS)}.")


def pair(sides: int | Sequence[int]) -> Pair:
    """Two sides, where one number may stand for both: a layer holds two, an operation what it was given.

    >>> pair(3), pair([2, 4])
    ((3, 3), (2, 4))
    """
    return (sides, sides) if isinstance(sides, int) else (int(sides[0]), int(sides[1]))


@dataclass(frozen=True)
class ReceptiveField:
    """The part of the picture that the units of one layer can see.

    Attributes:
        size: height and width of the part, in pixels.
        stride: how far the part moves from one unit to the next, in pixels (0 where every unit sees it all).
        start: top and left of what unit (0, 0) sees, in pixels; negative where it reaches into padding.
    """

    size: Pair
    stride: Pair
    start: Pair

    def at(self, row: int, col: int) -> tuple[int, int, int, int]:
        """The top, left, bottom and right (both exclusive) of what unit (row, col) sees; may be outside.

        >>> ReceptiveField(size=(3, 3), stride=(2, 2), start=(-1, -1)).at(0, 2)
        (-1, 3, 2, 6)
        """
        top = self.start[0] + row * self.stride[0]
        left = self.start[1] + col * self.stride[1]
        return top, left, top + self.size[0], left + self.size[1]


def receptive_field(model: Network, layer: Network, *, input_size: Pair | None = None) -> ReceptiveField:
    """The part of the picture that the units of ``layer`` can see.

    Each layer's windows are composed with those below it, ``start ← start − before·stride``,
    ``size ← size + (span − 1)·stride``, ``stride ← stride·step``, and branches that meet are united
    (Araujo, Norris, Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019,
    https://distill.pub/2019/computing-receptive-fields). It is where a unit *can* look: weights may be zero.

    Args:
        model: a built Sequential or functional Keras network for pictures; networks inside it are entered.
        layer: a layer of it, its name, or a dotted path such as ``"base.conv1"``. Of a layer that is used
            several times, the first use counts.
        input_size: height and width of the picture, in pixels; only needed when the model accepts any size.

    Raises:
        LayerError: no such layer, or one below it whose windows are not known here.
    """
    try:
        for path, found, axes in _walk(model, _pixels(model, input_size)):
            if found is layer or path == layer:
                return _field(axes)
    except KernelError as error:
        raise LayerError(f"The picture is too small for this network. {error}") from error
    raise LayerError(f"The network {model.name!r} has no layer {getattr(layer, 'name', layer)!r}.")


def receptive_fields(model: Network, *, input_size: Pair | None = None) -> dict[str, ReceptiveField]:
    """The same for every layer, in one walk: dotted path → receptive field.

    Layers from the first one on whose windows are not known here are left out.

    Args:
        model: as in :func:`receptive_field`.
        input_size: as in :func:`receptive_field`.

    Raises:
        LayerError: the model has no fixed picture size and none is given, or it has no graph.
    """
    fields: dict[str, ReceptiveField] = {}
    inputs = _pixels(model, input_size)
    with contextlib.suppress(KernelError, LayerError):
        for path, _, axes in _walk(model, inputs):
            fields.setdefault(path, _field(axes))
    return fields


def _pixels(model: Network, input_size: Pair | None) -> list["_Axes"]:
    """Each input of the network: one pixel sees itself."""
    height, width = input_size or _input_size(model)
    return [(_Axis(height, 0, 1, 1, height), _Axis(width, 0, 1, 1, width)) for _ in _model_inputs(model)]


def _field(axes: "_Axes") -> ReceptiveField:
    rows, cols = axes
    return ReceptiveField((rows.extent, cols.extent), (rows.stride, cols.stride), (rows.start, cols.start))


@dataclass(frozen=True)
class _Axis:
    """Along one axis of a feature map, cell i sees ``extent`` pixels from ``start + i·stride``."""

    size: int
    start: int
    extent: int
    stride: int
    picture: int

    def through(self, before: int, span: int, step: int, size: int) -> "_Axis":
        start = self.start - before * self.stride
        return replace(
            self,
            size=size,
            start=start,
            extent=self.extent + (span - 1) * self.stride,
            stride=self.stride * step,
        )

    def whole(self) -> "_Axis":
        return replace(self, size=1, start=0, extent=self.picture, stride=0)


_Axes = tuple[_Axis, _Axis]
_Visit = tuple[str, Network, _Axes]


def _walk(model: Network, inputs: Sequence[_Axes], prefix: str = "") -> Generator[_Visit, None, list[_Axes]]:
    """Every layer with what its cells see, from the picture upwards, inner networks included."""
    graph = getattr(model, "_functional", None) or model  # a built Sequential keeps its graph there
    nodes = getattr(graph, "_nodes_by_depth", None)
    if nodes is None:
        raise LayerError(
            f"The network {model.name!r} is no Sequential or functional model, so its layers have no order."
        )
    seen = {id(tensor): axes for tensor, axes in zip(graph.inputs, inputs, strict=True)}
    for depth in sorted(nodes, reverse=True):
        for node in nodes[depth]:
            layer = node.operation
            path = prefix + layer.name
            below = [seen[id(tensor)] for tensor in (node.output_tensors if node.is_input else node.input_tensors)]
            if hasattr(layer, "layers"):
                outputs = yield from _walk(layer, below, f"{path}.")
            else:
                outputs = [_through(layer, _union(below, path))] * len(node.output_tensors)
            yield path, layer, outputs[0]
            seen.update((id(tensor), axes) for tensor, axes in zip(node.output_tensors, outputs, strict=True))
    return [seen[id(tensor)] for tensor in graph.outputs]


def _through(layer: Network, axes: _Axes) -> _Axes:
    """What the output cells of one layer see, when its input cells see ``axes``."""
    kinds = {kind.__name__ for kind in type(layer).__mro__}
    if kinds & WHOLE_PICTURE:
        return axes[0].whole(), axes[1].whole()
    if kinds & ELEMENTWISE or type(layer).__name__.startswith("Random"):  # random layers rest in use
        return axes
    if "ZeroPadding2D" in kinds:
        return _shifted(axes, layer.padding, 1)
    if "Cropping2D" in kinds:
        return _shifted(axes, layer.cropping, -1)
    window: Any = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    flat = isinstance(window, int) or (window is not None and len(window) == len(axes))
    channels_first = getattr(layer, "data_format", None) == "channels_first"
    if not flat or "Conv2DTranspose" in kinds or channels_first:
        raise LayerError(f"What a unit above the layer {layer.name!r} ({type(layer).__name__}) sees is not known here.")
    window, strides = pair(window), pair(layer.strides or window)
    dilation = getattr(layer, "dilation_rate", (1, 1))
    first, second = (_windowed(axes[i], window[i], strides[i], layer.padding, dilation[i]) for i in range(2))
    return first, second


def _windowed(axis: _Axis, window: int, stride: int, padding: Padding, dilation: int) -> _Axis:
    if axis.stride == 0:  # it sees the whole picture already
        return axis
    before, _ = _margins(axis.size, window, stride, padding, dilation)
    size = output_size(axis.size, window, stride, padding, dilation)
    return axis.through(before, _span(window, dilation), stride, size)


def _shifted(axes: _Axes, margins: Sequence[Pair], sign: int) -> _Axes:
    rows, cols = (
        axis if axis.stride == 0 else axis.through(sign * before, 1, 1, axis.size + sign * (before + after))
        for axis, (before, after) in zip(axes, margins, strict=True)
    )
    return rows, cols


def _union(branches: Sequence[_Axes], path: str) -> _Axes:
    """What a cell sees that looks at the same cell of several branches."""
    rows, cols = (_axis_union([branch[i] for branch in branches], path) for i in range(2))
    return rows, cols


def _axis_union(axes: Sequence[_Axis], path: str) -> _Axis:
    for axis in axes:
        if axis.stride == 0:
            return axis
    if len({(axis.stride, axis.size) for axis in axes}) > 1:
        raise LayerError(f"The branches that meet in the layer {path!r} do not have the same size.")
    start = min(axis.start for axis in axes)
    end = max(axis.start + axis.extent for axis in axes)
    return replace(axes[0], start=start, extent=end - start)


def _input_size(model: Network) -> Pair:
    shape = _model_inputs(model)[0].shape
    if len(shape) < 3 or None in shape[1:3]:
        raise LayerError(
            f"The network {model.name!r} has no fixed picture size (its input is {tuple(shape)}). "
            "Give the height and width of the picture."
        )
    return int(shape[1]), int(shape[2])


def _model_inputs(model: Network) -> list[Any]:
    inputs = getattr(model, "inputs", None)
    if not inputs:
        raise LayerError("The network has not been built: give it an input, or use it once on a picture.")
    return list(inputs)
