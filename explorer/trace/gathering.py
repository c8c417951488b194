"""How one layer makes one channel from others: which inputs, with which weights, window by window."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.models.graph import Visit
from explorer.models.units import GLOBAL_POOLINGS, POOLINGS, SUMS, kind, summands, treats_alone
from explorer.trace.forms import Convolution, Extreme, Form, Gathering, Pooling, Product, Weighted
from explorer.trace.geometry import Geometry, geometry_of, size_of
from explorer.windows import pair

Floats = NDArray[np.float32]
Value = Callable[[int], Floats]
"""The number of a tensor → its values for one picture, without the batch."""


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
    size = pair(layer.kernel_size)
    geometry = geometry_of(values, size, layer.strides, layer.padding, layer.dilation_rate)
    shape = size_of(values, geometry, layer.padding)
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
    size, strides, dilation = pair(layer.kernel_size), pair(layer.strides), pair(layer.dilation_rate)
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
    if tuple(side * times for side, times in zip(given.shape[:2], pair(op.layer.size), strict=True)) != one.shape[:2]:
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
    geometry = geometry_of(values, layer.pool_size, layer.strides or layer.pool_size, layer.padding)
    return _pooled(op, channel, values, geometry, size_of(values, geometry, layer.padding))


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
        case "Maximum":
            return Extreme(form="maximum", values=maps, channels=channels, shape=every[:-1])
        case "Minimum":
            return Extreme(form="minimum", values=maps, channels=channels, shape=every[:-1])
    weights = np.asarray(summands(op), np.float32)
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
        **dict.fromkeys(POOLINGS, _pooling),
        **dict.fromkeys(GLOBAL_POOLINGS, _global_pooling),
        **dict.fromkeys(SUMS | {"Multiply"}, _together),
        "UpSampling2D": _repeated,
        "Concatenate": _copied,
    }
)
"""How each kind of layer or operation gathers."""


def _bias(layer: Any, channel: int) -> float:
    bias = getattr(layer, "bias", None)
    return 0.0 if bias is None else float(np.asarray(bias)[channel])
