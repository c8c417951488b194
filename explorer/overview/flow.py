"""How much flows from the channels of one column to those of another.

Between two columns with a single convolution between them it is ``Σ |kernel slice ∗ input map|``. Where more lies
between, shares are followed back layer by layer, as attention is in "attention rollout" (Abnar and Zuidema 2020): of
all that goes into a channel, an input i has the share ``|w_io| · Σ|x_i|`` of the sum of these over its inputs;
normalisation, activation and pooling pass a channel on; an addition shares by ``Σ|x|`` of its parents. The sign is that
of the weights along the way, for an input that is above zero.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from explorer.models.graph import Visit
from explorer.models.units import SUMS, kind, summands

Floats = NDArray[np.float32]
MIXERS = frozenset({"Conv2D", "SeparableConv2D", "Conv2DTranspose"})
"""Kinds of convolution that add up over channels."""
GAINS: Mapping[str, str] = MappingProxyType(
    {
        "BatchNormalization": "gamma",
        "LayerNormalization": "gamma",
        "GroupNormalization": "gamma",
        "RMSNormalization": "scale",
        "LayerScale": "gamma",
        "Rescaling": "scale",
    }
)
"""Kinds of layers that multiply each channel by a number, and what that is called in them."""
ONE_THREAD = 2**18
"""Multiplications up to which OpenBLAS, and so NumPy, makes a product of matrices in a single thread."""


@dataclass(frozen=True, eq=False)
class Share:
    """For some channels, rows, how much comes from each channel of a tensor, columns.

    Attributes:
        size: float32 (n, C), of what goes in; at most 1 a row.
        net: float32 (n, C), the same with the signs of the weights, so that what cancels is small.
    """

    size: Floats
    net: Floats

    def plus(self, other: "Share | None") -> "Share":
        """What comes both ways."""
        return self if other is None else Share(self.size + other.size, self.net + other.net)

    def through(self, weights: "Weights", size: Floats, total: Floats | None = None) -> "Share":
        """One layer further back.

        Args:
            weights: of the layer, (outputs, inputs).
            size: float32 (inputs,), how much of each there is.
            total: float32 (outputs,), ``Σ |w_io| · size_i``, where it is known.
        """
        if total is None:
            total = _product(size[np.newaxis], np.asarray(weights.size).T)
        total = np.maximum(total, np.float32(1e-30))
        strong, signed = _product(self.size / total, weights.size), _product(self.net / total, weights.net)
        return Share(strong * size, signed * size)

    def of(self, channels: NDArray[np.intp]) -> "Share":
        """Some of the columns."""
        return Share(self.size[:, channels], self.net[:, channels])

    def turned(self, signs: Any) -> "Share":
        """Each column with another sign; of one that is zero only the net is lost."""
        return Share(self.size, self.net * signs)

    def scaled(self, factor: Any) -> "Share":
        """Each column times a number between −1 and 1; sizes lose its sign."""
        return Share(self.size * np.abs(factor), self.net * factor)


def _product(rows: Floats, matrix: Any) -> Floats:
    """The matrix product.

    Of small ones NumPy's, which is there at once; of others TensorFlow's, because NumPy's threads, which only those
    have, wait for each other in circles where the machine is busy.
    """
    if len(rows) * matrix.shape[0] * matrix.shape[1] <= ONE_THREAD:
        return np.asarray(rows @ np.asarray(matrix))
    return np.asarray(tf.raw_ops.MatMul(a=rows, b=matrix))  # raw: the checks around it take longer than the product


@dataclass(frozen=True, eq=False)
class Weights:
    """A layer's weights added up over the window.

    Attributes:
        size: float32 tensor (outputs, inputs), of their magnitudes; of a depthwise convolution (inputs, multiplier).
        net: the same with signs.
    """

    size: Any
    net: Any


class Kept:
    """Sums of weights, each computed once for a network: they do not depend on the picture.

    >>> Kept().get("conv", lambda: Weights(np.ones((1, 2)), np.zeros((1, 2)))).size.shape
    (1, 2)
    """

    def __init__(self) -> None:
        """None yet."""
        self._of: dict[str, Weights] = {}

    def get(self, path: str, compute: Callable[[], Weights]) -> Weights:
        """Those of a layer."""
        if path not in self._of:
            self._of[path] = compute()
        return self._of[path]


@dataclass(frozen=True, eq=False)
class Amounts:
    """How much there is of each channel.

    Attributes:
        sizes: the number of a tensor → ``Σ|x|`` over the map, float32 (C,).
        vectors: the number of a tensor without maps → its values, float32 (K,).
        weights: of the network.
        totals: a convolution's path → how much goes into each of its channels, float32 (outputs,), where it is known.
        widths: the number of a tensor → its channels, where the network itself leaves them open.
    """

    sizes: Mapping[int, Floats]
    vectors: Mapping[int, Floats]
    weights: Kept
    totals: Mapping[str, Floats] = field(default_factory=dict)
    widths: Mapping[int, int] = field(default_factory=dict)

    def read_by(self, call: Visit) -> list[int | None]:
        """Channels of each tensor that a call reads; None where they are not known."""
        pairs = zip(call.inputs, call.node.input_tensors, strict=True)
        return [tensor.shape[-1] or self.widths.get(number) for number, tensor in pairs]

    def size(self, number: int, channels: int) -> Floats:
        """How much there is of each channel of a tensor; evenly where it is not known."""
        return self.sizes.get(number, np.ones(channels, np.float32))


def shares(
    start: int, rows: Floats, stops: Sequence[int], calls: Sequence[Visit], amounts: Amounts
) -> dict[int, Share]:
    """What the channels of a tensor get from those of earlier ones.

    Args:
        start: the number of the tensor.
        rows: float32 (n, C), a row for each channel wanted: 1 where it is, 0 elsewhere.
        stops: numbers of the tensors at which to stop.
        calls: of the whole network, in order.
        amounts: how much there is of each channel.

    Returns:
        For each of the stops that was reached its share, (n, channels there).
    """
    waiting = {start: Share(np.abs(rows), rows)}
    found: dict[int, Share] = {}
    ends = set(stops) - {start}
    for call in reversed(calls):
        if not waiting:
            break
        given = [waiting.pop(number) for number in call.outputs if number in waiting]
        if not given:
            continue
        for number, share in _back(call, given[0], amounts):
            place = found if number in ends else waiting
            place[number] = share.plus(place.get(number))
    found.update({number: share for number, share in waiting.items() if number in ends})
    return found


def _back(call: Visit, share: Share, amounts: Amounts) -> list[tuple[int, Share]]:
    """The same one call further back."""
    if len(call.inputs) > 1:
        return _joined(call, share, amounts)
    return [(call.inputs[0], _before(call, share, amounts))]


def _before(call: Visit, share: Share, amounts: Amounts) -> Share:
    """What a call with one input got of that."""
    name, number = kind(call), call.inputs[0]
    match name:
        case _ if name in MIXERS:
            weights = weights_of(call, amounts.weights)
            size = amounts.size(number, weights.size.shape[1])
            return share.through(weights, size, amounts.totals.get(call.path))
        case "DepthwiseConv2D":
            kept = amounts.weights.get(call.path, lambda: _summed(np.asarray(call.layer.kernel, np.float32)))
            return _depthwise(share, kept)
        case "Dense":
            return _dense(share, call, amounts)
        case _ if name in GAINS:
            kept = amounts.weights.get(call.path, lambda: _gain(getattr(call.layer, GAINS[name], None)))
            return _turned(share, kept.net[0])
    return _same(share, call, amounts)


def weights_of(call: Visit, kept: Kept) -> Weights:
    """Those of a convolution, added up over its window."""
    return kept.get(call.path, lambda: _summed(_kernel(call.layer, kind(call)).swapaxes(2, 3)))


def _summed(kernel: Floats) -> Weights:
    """Of (kh, kw, …, …) over the window."""
    return Weights(tf.constant(np.abs(kernel).sum(axis=(0, 1))), tf.constant(kernel.sum(axis=(0, 1))))


def _gain(gamma: Any) -> Weights:
    """The signs of a normalisation's gains; 1 where it has none."""
    signs = np.ones(1, np.float32) if gamma is None else np.sign(np.asarray(gamma, np.float32)).reshape(-1)
    return Weights(np.abs(signs)[np.newaxis], signs[np.newaxis])


def _turned(share: Share, signs: Floats) -> Share:
    return share if (signs == 1).all() or signs.size not in {1, share.size.shape[1]} else share.turned(signs)


def _kernel(layer: Any, name: str) -> Floats:
    """The weights as (kh, kw, inputs, outputs), of a convolution in groups with zeros between them."""
    if name == "SeparableConv2D":
        each, mix = np.asarray(layer.depthwise_kernel, np.float32), np.asarray(layer.pointwise_kernel, np.float32)
        return np.asarray(np.einsum("ijcm,cmk->ijck", each, mix.reshape(*each.shape[2:], -1), optimize=True))
    kernel = np.asarray(layer.kernel, np.float32)
    if name == "Conv2DTranspose":
        return kernel.swapaxes(2, 3)
    if layer.groups == 1:
        return kernel
    inputs, outputs = kernel.shape[2], kernel.shape[3] // layer.groups
    whole = np.zeros((*kernel.shape[:2], inputs * layer.groups, kernel.shape[3]), np.float32)
    for group in range(layer.groups):
        columns = slice(group * outputs, (group + 1) * outputs)
        whole[:, :, group * inputs : (group + 1) * inputs, columns] = kernel[..., columns]
    return whole


def _depthwise(share: Share, weights: Weights) -> Share:
    """Each output has one input, so all of it comes from there."""
    signs = np.sign(np.asarray(weights.net))  # (inputs, multiplier)
    shape = (-1, *signs.shape)
    each = share.turned(signs.reshape(-1))
    return Share(share.size.reshape(shape).sum(axis=2), each.net.reshape(shape).sum(axis=2))


def _dense(share: Share, call: Visit, amounts: Amounts) -> Share:
    """Through a dense layer, of which only the outputs asked for are looked at; of a row each product is known."""
    number = call.inputs[0]
    inputs = call.layer.kernel.shape[0]
    size = np.abs(amounts.vectors[number]) if number in amounts.vectors else amounts.size(number, inputs)
    asked = np.flatnonzero(share.size.any(axis=0))
    kernel = np.ascontiguousarray(
        tf.gather(tf.convert_to_tensor(call.layer.kernel), asked, axis=1).numpy().T, np.float32
    )
    return share.of(asked).through(Weights(tf.constant(np.abs(kernel)), tf.constant(kernel)), size)


def _unflattened(share: Share, channels: int) -> Share:
    """All the places of a channel added up."""
    shape = (len(share.size), -1, channels)
    return Share(share.size.reshape(shape).sum(axis=1), share.net.reshape(shape).sum(axis=1))


def _same(share: Share, call: Visit, amounts: Amounts) -> Share:
    """Channel by channel; where their number changes in a way that is not known, evenly."""
    channels = amounts.read_by(call)[0]
    if channels is None or channels == share.size.shape[1]:
        return share
    if kind(call) in {"Flatten", "Reshape"} and share.size.shape[1] % channels == 0:
        return _unflattened(share, int(channels))
    return _evenly(share, int(channels))


def _evenly(share: Share, channels: int) -> Share:
    """Every channel with the same share, where nothing is known."""
    even = np.full((share.size.shape[1], channels), 1 / channels, np.float32)
    return Share(share.size @ even, share.net @ even)


def _joined(call: Visit, share: Share, amounts: Amounts) -> list[tuple[int, Share]]:
    """Through a call with several parents."""
    name, channels = kind(call), share.size.shape[1]
    widths = [channels if width is None else width for width in amounts.read_by(call)]
    if name == "Concatenate" and sum(widths) == channels:
        edges = np.cumsum([0, *widths]).tolist()
        cuts = [slice(start, end) for start, end in pairwise(edges)]
        return [(n, Share(share.size[:, cut], share.net[:, cut])) for n, cut in zip(call.inputs, cuts, strict=True)]
    parts = []
    known = name in SUMS and all(number in amounts.sizes for number in call.inputs)
    even = np.ones(channels, np.float32)
    known = known and set(widths) <= {1, channels}
    sizes = [np.broadcast_to(amounts.sizes[number], channels) if known else even for number in call.inputs]
    given = [weight * size for weight, size in zip(summands(call), sizes, strict=True)]
    total = np.maximum(np.abs(given).sum(axis=0), 1e-30)
    for number, width, amount in zip(call.inputs, widths, given, strict=True):
        part = share.scaled((amount / total).astype(np.float32))
        if width == 1 and channels > 1:
            part = Share(part.size.sum(axis=1, keepdims=True), part.net.sum(axis=1, keepdims=True))
        elif width != channels:
            part = _evenly(part, width)
        parts.append((number, part))
    return parts
