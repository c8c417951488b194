"""How one layer makes one channel from others: which inputs, with which weights, window by window.

What gathers is written as one sum, ``Σ patch · weights + bias``, wherever it is one. A mean over a window has the
weights 1/n, a largest value has the weight 1 where it was found and 0 elsewhere, an addition has the weight 1 for each
parent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from explorer import windows
from explorer.errors import LayerError
from explorer.models.graph import Visit
from explorer.models.units import kind, treats_alone

Floats = NDArray[np.float32]
Value = Callable[[int], Floats]
"""The number of a tensor → its values for one picture, without the batch."""
Form = Literal[
    "convolution", "dense", "max", "mean", "sum", "product", "maximum", "minimum", "copy", "picture", "other"
]
MAX_BYTES = 256_000_000
"""Most bytes of intermediate maps that are held at once."""


@dataclass(frozen=True)
class Geometry:
    """How a window slides. Each pair is (vertical, horizontal), in cells.

    Attributes:
        size: of the window.
        strides: from one window to the next.
        dilation: between two neighbouring cells of a window.
        pad: cells of padding above and to the left.
    """

    size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)

    def rows(self, row: int) -> NDArray[np.int64]:
        """The input rows that an output row looks at; those outside the map are padding."""
        return row * self.strides[0] - self.pad[0] + self.dilation[0] * np.arange(self.size[0])

    def cols(self, col: int) -> NDArray[np.int64]:
        """The same for columns."""
        return col * self.strides[1] - self.pad[1] + self.dilation[1] * np.arange(self.size[1])


@dataclass(frozen=True, eq=False, kw_only=True)
class Gathering:
    """How one channel of one layer comes about; this one of a layer whose arithmetic is not known.

    Attributes:
        form: "convolution" (a depthwise one has a single input), "dense", "max" and "mean" over a window, "sum" of
            parents, "product" of them, "maximum" and "minimum" of them, "copy" of one (a concatenation), or "other", of
            which nothing is known.
        values: the input maps, float32 (h, w, n), of a transposed convolution with zeros between their cells; (K,) of a
            dense layer.
        channels: for each input its tensor's number and its channel there.
        weights: float32 (kh, kw, n) of a convolution, (K,) of a dense layer, (n,) of a sum; None otherwise.
        bias: what is added.
        geometry: of the window; None where there is none.
        shape: (height, width) of the result; () of a dense layer.
    """

    form: Form = "other"
    values: Floats
    channels: tuple[tuple[int, int], ...] = ()
    weights: Floats | None = None
    bias: float = 0.0
    geometry: Geometry | None = None
    shape: tuple[int, ...] = ()

    def parts(self) -> Floats:
        """What each input gives on its own, before the bias: float32 (H, W, n); (K,) of a dense layer."""
        return self.values

    def together(self, parts: Floats) -> Floats:
        """What all the parts give, before the bias: float64 (H, W) or ()."""
        return np.asarray(parts.sum(axis=-1, dtype=np.float64))

    @property
    def adds(self) -> bool:
        """Whether the parts are added up, so that some of them can be told together."""
        return True

    def patch(self, row: int, col: int) -> tuple[Floats, Floats]:
        """What one result is made of: the inputs and their weights, of one shape: (kh, kw, n), (n,) or (K,).

        Raises:
            LayerError: there is no such place.
        """
        if self.shape and not (0 <= row < self.shape[0] and 0 <= col < self.shape[1]):
            raise LayerError(f"The map has {self.shape[0]} × {self.shape[1]} cells; there is no ({row}, {col}).")
        return self._patch(row, col)

    def _patch(self, row: int, col: int) -> tuple[Floats, Floats]:
        here = self.values[row, col] if self.shape else self.values
        return here, np.ones_like(here)


@dataclass(frozen=True, eq=False, kw_only=True)
class Convolution(Gathering):
    """``Σ`` over inputs of each map convolved with its own slice of the kernel."""

    form: Form = "convolution"
    weights: Floats
    geometry: Geometry

    def parts(self) -> Floats:
        """Each input map convolved with its slice, (H, W, n)."""
        return convolved_apart(self.values, self.weights[..., np.newaxis], self.geometry, self.shape)[..., 0]

    def _patch(self, row: int, col: int) -> tuple[Floats, Floats]:
        return _window(self.values, self.geometry, row, col)[0], self.weights


@dataclass(frozen=True, eq=False, kw_only=True)
class Pooling(Gathering):
    """The largest value, or the mean, of each window of one map. Padding does not count."""

    geometry: Geometry

    def parts(self) -> Floats:
        """The pooled map, (H, W, 1)."""
        geometry = self.geometry
        padded = _padded(self.values, geometry, self.shape, np.nan)[..., 0]
        seen = np.lib.stride_tricks.sliding_window_view(padded, geometry.size)
        seen = seen[:: geometry.strides[0], :: geometry.strides[1]][: self.shape[0], : self.shape[1]]
        reduced = np.nanmax(seen, axis=(2, 3)) if self.form == "max" else np.nanmean(seen, axis=(2, 3))
        return np.asarray(reduced, np.float32)[..., np.newaxis]

    def _patch(self, row: int, col: int) -> tuple[Floats, Floats]:
        patch, inside = _window(self.values, self.geometry, row, col)
        if self.form == "mean":
            return patch, np.asarray(inside / max(1, int(inside.sum())), np.float32)
        won = np.zeros(patch.size, np.float32)
        won[np.where(inside, patch, -np.inf).argmax()] = 1
        return patch, won.reshape(patch.shape)


@dataclass(frozen=True, eq=False, kw_only=True)
class Weighted(Gathering):
    """Each input times its one weight: a dense layer, or an addition of maps."""

    weights: Floats

    def parts(self) -> Floats:
        """The products, (K,) or (H, W, n)."""
        return self.values * self.weights

    def _patch(self, row: int, col: int) -> tuple[Floats, Floats]:
        return self.values[row, col] if self.shape else self.values, self.weights


@dataclass(frozen=True, eq=False, kw_only=True)
class Product(Gathering):
    """The product of several maps, as where an attention of channels is applied."""

    form: Form = "product"

    def together(self, parts: Floats) -> Floats:
        """The product."""
        return np.asarray(parts.prod(axis=-1, dtype=np.float64))

    @property
    def adds(self) -> bool:
        """No."""
        return False

    def _patch(self, row: int, col: int) -> tuple[Floats, Floats]:
        here = self.values[row, col] if self.shape else self.values
        return here[:1], np.prod(here[1:], keepdims=True, dtype=np.float32)


@dataclass(frozen=True, eq=False, kw_only=True)
class Extreme(Gathering):
    """The largest or the smallest of several maps at each place."""

    def together(self, parts: Floats) -> Floats:
        """The largest, or the smallest."""
        return np.asarray(parts.max(axis=-1) if self.form == "maximum" else parts.min(axis=-1), np.float64)

    @property
    def adds(self) -> bool:
        """No."""
        return False

    def _patch(self, row: int, col: int) -> tuple[Floats, Floats]:
        here = self.values[row, col] if self.shape else self.values
        won = np.zeros_like(here)
        won[here.argmax() if self.form == "maximum" else here.argmin()] = 1
        return np.where(np.isinf(here) & (won == 0), np.float32(0), here), won  # or 0 · ∞ would be no number


def convolved_apart(values: Floats, weights: Floats, geometry: Geometry, shape: tuple[int, ...]) -> Floats:
    """Every map convolved with its own slices, nothing added up: a depthwise convolution.

    Args:
        values: float32 (h, w, n).
        weights: float32 (kh, kw, n, m), m slices for each map.
        geometry: of the window.
        shape: (H, W) of the results.

    Returns:
        float32 (H, W, n, m).
    """
    padded = _padded(values, geometry, shape)
    count, many = weights.shape[2:]
    at_once = max(1, MAX_BYTES // (4 * many * padded.shape[0] * padded.shape[1]))
    down, across = geometry.strides
    step = down if down == across else 1
    gaps = geometry.dilation if step == 1 else (1, 1)
    parts = []
    for first in range(0, count, at_once):
        some = slice(first, first + at_once)
        given = tf.constant(padded[np.newaxis, :, :, some])
        kernel = tf.constant(np.ascontiguousarray(weights[:, :, some]))
        result = tf.nn.depthwise_conv2d(given, kernel, (1, step, step, 1), "VALID", dilations=gaps)
        parts.append(np.asarray(result)[0] if down == across else np.asarray(result)[0, ::down, ::across])
    every = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)
    return every[: shape[0], : shape[1]].reshape(*shape, count, many)


def gathering(op: Visit, channel: int, value: Value) -> Gathering:
    """How a call makes one of its channels.

    Args:
        op: the call.
        channel: of its output.
        value: gives the values of a tensor.
    """
    make = _as_it_is if treats_alone(op) else MAKERS.get(kind(op))
    told = make is not None and _channels_last(op) and len(op.shape) in {1, 2, 3}  # maps, rows or one row
    made = make(op, channel, value) if make is not None and told else None
    return made or Gathering(values=np.zeros((0,), np.float32))


def convolutions(op: Visit, channels: Sequence[int], values: Floats) -> list[Convolution]:
    """How a convolution makes some of its channels; its weights are read once.

    Args:
        op: the call.
        channels: of its output.
        values: what it reads, float32 (h, w, n).

    Returns:
        One for each of the channels; none at all where its arithmetic is not known.
    """
    if values.ndim != 3 or not _channels_last(op) or MAKERS.get(kind(op)) is not _convolution:
        return []
    layer, number, count = op.layer, op.inputs[0], values.shape[2]
    slices = _slices(op)
    size = _pair(layer.kernel_size)
    geometry = _geometry(values, size, layer.strides, layer.padding, layer.dilation_rate)
    shape = _size(values, geometry, layer.padding)
    made, named = [], {}
    for channel in channels:
        given, weights = slices(channel)
        if given not in named:
            named[given] = tuple((number, index) for index in given)
        made.append(
            Convolution(
                values=values if len(given) == count else np.ascontiguousarray(values[..., list(given)]),
                channels=named[given],
                weights=np.ascontiguousarray(weights, np.float32),
                bias=_bias(layer, channel),
                geometry=geometry,
                shape=shape,
            )
        )
    return made


def _slices(op: Visit) -> Callable[[int], tuple[range, Floats]]:
    """A channel of a convolution → the channels it reads, and a slice of the kernel for each, (kh, kw, n)."""
    layer = op.layer
    if kind(op) == "SeparableConv2D":  # a depthwise convolution and one of 1 × 1, with nothing between: their product
        each, mix = np.asarray(layer.depthwise_kernel, np.float32), np.asarray(layer.pointwise_kernel, np.float32)
        mix = mix.reshape(*each.shape[2:], -1)
        return lambda channel: (range(each.shape[2]), np.einsum("ijcm,cm->ijc", each, mix[..., channel]))
    kernel = np.asarray(layer.kernel, np.float32)
    inputs, many = kernel.shape[2:]
    if kind(op) == "DepthwiseConv2D":

        def depthwise(channel: int) -> tuple[range, Floats]:
            source, which = divmod(channel, many)
            return range(source, source + 1), kernel[:, :, source, which, np.newaxis]

        return depthwise
    group = many // layer.groups
    return lambda channel: (range(channel // group * inputs, (channel // group + 1) * inputs), kernel[..., channel])


def _transposed(op: Visit, channel: int, value: Value) -> Gathering | None:
    """A transposed convolution as the convolution that it is: of the map with zeros put between its cells.

    ``out[o] = Σ_i x[i] · k[o + p − s·i]`` with the stride s and p cells cut off at the beginning. With the zeros,
    ``z[s·i] = x[i]``, this is a convolution of z by the kernel turned by 180°, with stride 1 (Dumoulin and Visin 2016).
    """
    values, layer, number = value(op.inputs[0]), op.layer, op.inputs[0]
    if values.ndim != 3:
        return None
    size, strides, dilation = _pair(layer.kernel_size), _pair(layer.strides), _pair(layer.dilation_rate)
    shape = value(op.outputs[0]).shape[:2]
    sides = ((n - 1) * step + 1 for n, step in zip(values.shape[:2], strides, strict=True))
    spread = np.zeros((*sides, values.shape[2]), np.float32)
    spread[:: strides[0], :: strides[1]] = values
    pads = []
    for axis in (0, 1):
        reach = dilation[axis] * (size[axis] - 1)
        over = (values.shape[axis] - 1) * strides[axis] + reach + 1 - shape[axis] if layer.padding == "same" else 0
        pads.append(reach - max(0, over) // 2)
    return Convolution(
        values=spread,
        channels=tuple((number, index) for index in range(values.shape[2])),
        weights=np.ascontiguousarray(np.asarray(layer.kernel, np.float32)[::-1, ::-1, channel]),
        bias=_bias(layer, channel),
        geometry=Geometry(size, (1, 1), dilation, (pads[0], pads[1])),
        shape=shape,
    )


def _repeated(op: Visit, channel: int, value: Value) -> Gathering | None:
    """Each cell several times: the map as it is afterwards."""
    if op.layer.interpolation != "nearest":
        return None
    one, given = value(op.outputs[0])[..., channel : channel + 1], value(op.inputs[0])
    if tuple(side * times for side, times in zip(given.shape[:2], _pair(op.layer.size), strict=True)) != one.shape[:2]:
        return None
    repeated = given[..., channel : channel + 1].repeat(op.layer.size[0], axis=0).repeat(op.layer.size[1], axis=1)
    return Gathering(form="copy", values=repeated, channels=((op.inputs[0], channel),), shape=one.shape[:2])


def _channels_last(op: Visit) -> bool:
    return getattr(op.layer, "data_format", "channels_last") == "channels_last"


def _convolution(op: Visit, channel: int, value: Value) -> Gathering | None:
    made = convolutions(op, [channel], value(op.inputs[0]))
    return made[0] if made else None


def _dense(op: Visit, channel: int, value: Value) -> Gathering | None:
    """Of a row of numbers; of maps a dense layer is a convolution by one cell."""
    values, layer = value(op.inputs[0]), op.layer
    weights = np.asarray(layer.kernel, np.float32)[..., channel]
    channels = tuple((op.inputs[0], index) for index in range(weights.size))
    bias = _bias(layer, channel)
    if values.ndim == 1:
        return Weighted(form="dense", values=values, channels=channels, weights=weights, bias=bias)
    if values.ndim != 3:
        return None
    one, shape = Geometry((1, 1)), values.shape[:2]
    weights = weights[np.newaxis, np.newaxis]
    return Convolution(values=values, channels=channels, weights=weights, bias=bias, geometry=one, shape=shape)


def _pooling(op: Visit, channel: int, value: Value) -> Gathering | None:
    values, layer = value(op.inputs[0]), op.layer
    if values.ndim != 3:
        return None
    geometry = _geometry(values, layer.pool_size, layer.strides or layer.pool_size, layer.padding)
    return _pooled(op, channel, values, geometry, _size(values, geometry, layer.padding))


def _global_pooling(op: Visit, channel: int, value: Value) -> Gathering | None:
    values = value(op.inputs[0])
    if values.ndim != 3 or value(op.outputs[0]).shape not in {values.shape[2:], (1, 1, values.shape[2])}:
        return None
    rank = len(op.node.input_tensors[0].shape)
    if kind(op) in {"Max", "Mean"} and sorted(axis % rank for axis in np.ravel(op.layer.axis)) != [*range(1, rank - 1)]:
        return None
    return _pooled(op, channel, values, Geometry((values.shape[0], values.shape[1])), (1, 1))


def _pooled(op: Visit, channel: int, values: Floats, geometry: Geometry, shape: tuple[int, int]) -> Gathering:
    one = np.ascontiguousarray(values[..., channel : channel + 1])
    form: Form = "max" if "Max" in kind(op) else "mean"
    return Pooling(form=form, values=one, channels=((op.inputs[0], channel),), geometry=geometry, shape=shape)


def _together(op: Visit, channel: int, value: Value) -> Gathering | None:
    """Several tensors, channel by channel; one that is smaller is repeated, as Keras does."""
    if len(op.inputs) < 2:
        return None
    given = [value(number) for number in op.inputs]
    if len({len(tensor.shape) for tensor in op.node.input_tensors if len(tensor.shape) > 2}) > 1:
        return None  # rows of numbers on maps: Keras lays them along the width
    every = np.broadcast_shapes(*(each.shape for each in given))
    maps = np.stack([np.broadcast_to(each, every)[..., channel] for each in given], axis=-1).astype(np.float32)
    channels = tuple((number, channel % each.shape[-1]) for number, each in zip(op.inputs, given, strict=True))
    match kind(op):
        case "Multiply":
            return Product(values=maps, channels=channels, shape=every[:-1])
        case "Maximum" | "Minimum" as name:
            form: Form = "maximum" if name == "Maximum" else "minimum"
            return Extreme(form=form, values=maps, channels=channels, shape=every[:-1])
        case "Add" | "Subtract" as name:
            first, later = 1.0, 1.0 if name == "Add" else -1.0
        case "CustomScaleLayer":  # of Inception-ResNet: the sum of the first and a part of the second
            first, later = 1.0, float(op.layer.scale)
        case _:
            first = later = 1 / len(given)
    weights = np.asarray([first, *[later] * (len(given) - 1)], np.float32)
    return Weighted(form="sum", values=maps, channels=channels, weights=weights, shape=every[:-1])


def _copied(op: Visit, channel: int, value: Value) -> Gathering | None:
    """The channel of a concatenation, as the parent that it comes from has it."""
    before, dimensions = 0, len(op.shape)
    if op.layer.axis not in (-1, dimensions):
        return None
    for number in op.inputs:
        given = value(number)
        if channel < before + given.shape[-1]:
            one = given[..., channel - before, np.newaxis]
            return Gathering(form="copy", values=one, channels=((number, channel - before),), shape=given.shape[:-1])
        before += given.shape[-1]
    return None


def _as_it_is(op: Visit, channel: int, value: Value) -> Gathering | None:
    """A normalisation or an activation that stands alone, where its input goes to other places too."""
    given = value(op.inputs[0])
    if given.shape != value(op.outputs[0]).shape:
        return None
    one = given[..., channel, np.newaxis]
    return Gathering(form="copy", values=one, channels=((op.inputs[0], channel),), shape=given.shape[:-1])


MAKERS: Mapping[str, Callable[[Visit, int, Value], Gathering | None]] = MappingProxyType(
    {
        "Conv2D": _convolution,
        "DepthwiseConv2D": _convolution,
        "SeparableConv2D": _convolution,
        "Conv2DTranspose": _transposed,
        "Dense": _dense,
        "MaxPooling2D": _pooling,
        "AveragePooling2D": _pooling,
        "GlobalMaxPooling2D": _global_pooling,
        "GlobalAveragePooling2D": _global_pooling,
        "GlobalMaxPooling1D": _global_pooling,
        "GlobalAveragePooling1D": _global_pooling,
        "Max": _global_pooling,
        "Mean": _global_pooling,
        "Add": _together,
        "Subtract": _together,
        "Average": _together,
        "Maximum": _together,
        "Minimum": _together,
        "CustomScaleLayer": _together,
        "Multiply": _together,
        "UpSampling2D": _repeated,
        "Concatenate": _copied,
    }
)
"""How each kind of layer or operation gathers."""


def _bias(layer: Any, channel: int) -> float:
    bias = getattr(layer, "bias", None)
    return 0.0 if bias is None else float(np.asarray(bias)[channel])


def _pair(value: Any) -> tuple[int, int]:
    return (int(value), int(value)) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _geometry(values: Floats, size: Any, strides: Any, padding: str, dilation: Any = 1) -> Geometry:
    size, strides, dilation = _pair(size), _pair(strides), _pair(dilation)
    pad = (0, 0)
    if padding == "same":
        axes = zip(values.shape[:2], size, strides, dilation, strict=True)
        first, second = (windows.padding(cells, window, stride, "same", gap)[0] for cells, window, stride, gap in axes)
        pad = (first, second)
    return Geometry(size, strides, dilation, pad)


def _size(values: Floats, geometry: Geometry, padding: str) -> tuple[int, int]:
    mode: windows.Padding = "same" if padding == "same" else "valid"
    axes = zip(values.shape[:2], geometry.size, geometry.strides, geometry.dilation, strict=True)
    height, width = (windows.output_size(cells, window, step, mode, gap) for cells, window, step, gap in axes)
    return height, width


def _window(values: Floats, geometry: Geometry, row: int, col: int) -> tuple[Floats, NDArray[np.bool_]]:
    """The cells under one window, zero outside the map, (kh, kw, n); and which of them lie inside, of that shape."""
    rows, cols = geometry.rows(row)[:, np.newaxis], geometry.cols(col)[np.newaxis]
    height, width = values.shape[:2]
    inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
    seen = values[np.clip(rows, 0, height - 1), np.clip(cols, 0, width - 1)]
    every = np.broadcast_to(inside[..., np.newaxis], seen.shape)
    return np.where(every, seen, np.float32(0)), every


def _padded(values: Floats, geometry: Geometry, shape: tuple[int, ...], fill: float = 0.0) -> Floats:
    """The maps with all the padding that the windows of a result of this shape need, and nothing more."""
    margins = []
    for axis in (0, 1):
        span = geometry.dilation[axis] * (geometry.size[axis] - 1) + 1
        end = (shape[axis] - 1) * geometry.strides[axis] + span - geometry.pad[axis]
        margins.append((geometry.pad[axis], max(0, end - values.shape[axis])))
    return np.pad(values, (*margins, (0, 0)), constant_values=fill)
