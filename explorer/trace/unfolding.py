"""One channel unfolded into the sums that made it, and one of its values traced back to the numbers it is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.errors import LayerError
from explorer.models.classifier import Classifier
from explorer.models.graph import Visit
from explorer.models.layers import unknown_layer
from explorer.models.units import PICTURE, treats_alone
from explorer.trace.forms import Form, Gathering
from explorer.trace.gathering import gathering
from explorer.trace.geometry import Geometry
from explorer.trace.steps import Step, own_activation, step_of
from explorer.trace.wiring import Wiring, wired
from explorer.windows import receptive_fields

Floats = NDArray[np.float32]
INPUTS = 6
"""Input maps that are shown one by one; the others are added up."""
FEWEST = 2
"""So many are, however large they are."""
TERMS = 12
"""Products of a dense layer that are shown one by one."""


@dataclass(frozen=True, eq=False)
class Source:
    """One input of a sum.

    Attributes:
        path: the layer that it comes out of; empty for the picture.
        channel: of that layer; of a flattened layer its place in the row of numbers.
        place: channel, row and column that a number had before it was flattened; None where it was not.
        values: float32 (h, w), the map as the window slides over it; () the one number that goes into a dense layer.
        weights: float32 (kh, kw), its slice of the kernel; () its one weight; None where nothing is multiplied.
        part: float32 (H, W) or (), what it gives: its map convolved with its slice, or the product.
        flow: how much that is, ``Σ |part|``.
    """

    path: str
    channel: int
    place: tuple[int, int, int] | None
    values: Floats
    weights: Floats | None
    part: Floats
    flow: float


@dataclass(frozen=True, eq=False)
class Flattened:
    """The maps that a dense layer reads as one row of numbers, with its weights laid out like them.

    ``total = Σ parts of the sources, all their cells + rest + bias``. The cell (row, col) of a channel is number
    ``(row · W + col) · C + channel`` of the row.

    Attributes:
        shape: (H, W, C) of the maps.
        sources: the maps that give most, strongest first; ``weights`` and ``part`` are float32 (H, W) as well.
        others: how many maps are not among the sources.
        rest: what those give together.
    """

    shape: tuple[int, int, int]
    sources: tuple[Source, ...]
    others: int
    rest: float


@dataclass(frozen=True, eq=False)
class Unfolded:
    """One channel of one layer, and everything that makes it.

    ``total = Σ parts of the sources + rest + bias``, of a "product" the product of the parts, of a "maximum" or
    "minimum" the largest or smallest; ``result`` is what the steps make of the total.

    Attributes:
        path: the layer.
        channel: of it.
        gathers: the layer that adds up: the same, or the one before its normalisation and activation. Empty for the
            picture.
        kind: that layer's class.
        form: how it gathers, see :class:`~explorer.trace.forms.Gathering`.
        geometry: of its window, where it has one.
        sources: the inputs that give most, strongest first; for "max" and "mean" the one map.
        others: how many inputs are not among the sources.
        rest: float32 (H, W) or (), what those give together.
        bias: what is added once.
        total: float32 (H, W) or (), the sum.
        steps: what happens to it, in order.
        after: the values after each step as Keras computes them, each like ``total``.
        result: the channel as Keras computes it, like ``total``.
        flattened: of a dense layer behind maps the same sum, map by map; None of others, and where a single map would
            be too large.
    """

    path: str
    channel: int
    gathers: str
    kind: str
    form: Form
    geometry: Geometry | None
    sources: tuple[Source, ...]
    others: int
    rest: Floats
    bias: float
    total: Floats
    steps: tuple[Step, ...]
    after: tuple[Floats, ...]
    result: Floats
    flattened: Flattened | None = None

    @property
    def strongest(self) -> tuple[int, int]:
        """Row and column of the value furthest from zero, of equal ones that with the largest sum; else (0, 0)."""
        if self.result.ndim != 2 or self.result.shape != self.total.shape:
            return 0, 0
        size = np.abs(np.nan_to_num(self.result))
        sums = np.where(size == size.max(), np.abs(np.nan_to_num(self.total)), -1.0)
        row, col = np.unravel_index(int(sums.argmax()), size.shape)
        return int(row), int(col)


@dataclass(frozen=True, eq=False)
class UnitTrace:
    """One value of a network, and the numbers that it is the sum of.

    Attributes:
        field: the part of the picture that the value depends on: top, left, bottom, right (exclusive), beyond the
            picture where there is padding; None where it is not known.
        patch: float32 (kh, kw, C) of a convolution or pooling, (n,) otherwise: what goes in.
        weights: of the same shape.
        products: ``patch · weights``.
        bias: what is added.
        total: ``Σ products + bias``.
        output: the layer's value: the total after the steps, as Keras computes it.
        steps: each step after the sum with the value after it.
        form: how it is made, see :class:`~explorer.trace.forms.Gathering`.
    """

    field: tuple[int, int, int, int] | None
    patch: Floats
    weights: Floats
    products: Floats
    bias: float
    total: float
    output: float
    steps: tuple[tuple[Step, float], ...]
    form: Form


def unfold(
    wiring: Wiring,
    path: str,
    channel: int,
    *,
    inputs: int = INPUTS,
    terms: int = TERMS,
    most_bytes: int | None = None,
) -> Unfolded:
    """Everything that makes one channel of a layer, for one picture.

    What is shown of a sum is computed here from inputs and weights; only ``after`` and ``result`` are Keras's own.

    Args:
        wiring: the network with a picture's outputs.
        path: the layer; of a normalisation or an activation the layer before it, that adds up, is unfolded with it.
        channel: of the layer.
        inputs: at most so many input maps are told one by one.
        terms: at most so many products of a dense layer are.
        most_bytes: all arrays told together should not be larger than this; ``FEWEST`` input maps are told in any case.

    Raises:
        LayerError: no such layer or channel.

    >>> import keras
    >>> net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name="dense", kernel_initializer="ones")])
    >>> pixels = np.float32([1, 2, 4])
    >>> found = unfold(Wiring(net, {"dense": pixels.sum(keepdims=True)}, pixels), "dense", 0, terms=2)
    >>> [source.channel for source in found.sources], found.rest.item(), found.total.item()
    ([2, 1], 1.0, 7.0)
    """
    unit, calls = wiring.unit(path)
    last = calls[-1] if calls else unit.op
    if last is None:
        raise LayerError(unknown_layer(path, list(wiring.calls)))
    everything = wiring.value(last.outputs[0])
    _check_channel(path, channel, everything)
    result = everything[..., channel]
    if unit.op is None:
        return _of_picture(wiring, path, channel, calls, result)
    name = type(unit.op.layer).__name__
    if not _stays(wiring, unit.op, calls):
        return _nothing_known(path, channel, unit.op.path, name, result)
    gathered = gathering(unit.op, channel, wiring.value)
    if gathered.form == "other":
        return _nothing_known(path, channel, unit.op.path, name, result)
    parts = gathered.parts()
    flows = np.abs(parts).reshape(-1, parts.shape[-1]).sum(axis=0)
    order = np.argsort(-flows, kind="stable")
    steps, after = _steps(wiring, unit.op, calls, channel)
    if gathered.form == "dense":
        most = terms
    elif not gathered.adds:
        most = len(order)
    elif most_bytes is None:
        most = inputs
    else:
        left = most_bytes - 4 * parts[..., 0].size * (2 + max(1, len(after)))
        most = min(inputs, max(FEWEST, left // max(1, gathered.values[..., 0].nbytes)))
    shown, hidden = order[:most], np.sort(order[most:])
    rest = parts[..., hidden].sum(axis=-1, dtype=np.float64).astype(np.float32)
    total = (gathered.together(parts) + gathered.bias).astype(np.float32)
    vector = everything.ndim == 1
    return Unfolded(
        path=path,
        channel=channel,
        gathers=unit.op.path,
        kind=name,
        form=gathered.form,
        geometry=gathered.geometry,
        sources=tuple(_source(wiring, gathered, int(index), parts, float(flows[index])) for index in shown),
        others=len(hidden),
        rest=rest.reshape(()) if vector else rest,
        bias=gathered.bias,
        total=total.reshape(()) if vector else total,
        steps=steps,
        after=after,
        result=result,
        flattened=_flattened(wiring, gathered, parts, inputs, most_bytes) if gathered.form == "dense" else None,
    )


def trace_unit(  # noqa: PLR0917
    classifier: Classifier, image: NDArray[Any], layer: str, row: int, col: int, channel: int, *, crop: bool = True
) -> UnitTrace:
    """One value of a network, traced back to the numbers that it is made of.

    Args:
        classifier: the network.
        image: one picture, as for :meth:`~explorer.models.Classifier.fit`.
        layer: dotted path.
        row: of the layer's map, from 0; 0 for a layer without maps.
        col: the same.
        channel: of the layer.
        crop: as for :meth:`~explorer.models.Classifier.fit`.

    Raises:
        LayerError: no such layer, channel or place, or a layer of whose arithmetic nothing is known.
        ImageInputError: the array is no picture.

    >>> import keras
    >>> net = keras.Sequential([keras.Input((3, 3, 1)), keras.layers.Conv2D(1, 3, kernel_initializer="ones", name="c"),
    ...     keras.layers.Flatten(), keras.layers.Dense(2)])
    >>> found = trace_unit(Classifier(net, ("a", "b"), "tiny"), np.full((3, 3), 2, np.uint8), "c", 0, 0, 0)
    >>> found.patch.shape, found.total, found.output, found.field
    ((3, 3, 1), 18.0, 18.0, (0, 0, 3, 3))
    """
    wiring = wired(classifier, image, crop=crop)
    unit, calls = wiring.unit(layer)
    if unit.op is None:
        raise LayerError(f"The layer {layer} only prepares the picture: there is no sum to trace.")
    output = wiring.value((calls[-1] if calls else unit.op).outputs[0])
    _check_channel(layer, channel, output)
    gathered = gathering(unit.op, channel, wiring.value) if _stays(wiring, unit.op, calls) else None
    if gathered is None or gathered.form == "other":
        raise LayerError(f"How a {type(unit.op.layer).__name__} layer makes its values is not known here.")
    if output.ndim == 1 and (row, col) != (0, 0):
        raise LayerError(f"The layer {layer} has no maps: row and column have to be 0, not {row} and {col}.")
    patch, weights = gathered.patch(row, col)
    products = patch * weights
    total = float(products.sum(dtype=np.float64)) + gathered.bias
    steps, after = _steps(wiring, unit.op, calls, channel)
    at = (row, col) if output.ndim == 3 else ()
    told = tuple(
        (step, float(values[at] if values.ndim else values)) for step, values in zip(steps, after, strict=True)
    )
    value = float(output[(*at, channel)])
    size = (classifier.input_shape[0], classifier.input_shape[1])
    field = receptive_fields(classifier.model, input_size=size).get(layer)
    seen = None if field is None or not at else field.at(row, col)
    return UnitTrace(seen, patch, weights, products, gathered.bias, total, value, told, gathered.form)


def _stays(wiring: Wiring, op: Visit, calls: Sequence[Visit]) -> bool:
    """Whether everything is known that a call reads, and each value stays where it is: no Flatten, no padding."""
    shape = wiring.value(op.outputs[0]).shape if wiring.knows(op) else None
    return all(wiring.value(call.outputs[0]).shape == shape for call in calls) and shape is not None


def _check_channel(path: str, channel: int, values: Floats) -> None:
    if not 0 <= channel < values.shape[-1]:
        raise LayerError(f"The layer {path} has the channels 0 to {values.shape[-1] - 1}; there is no {channel}.")


def _steps(
    wiring: Wiring, op: Visit, calls: Sequence[Visit], channel: int
) -> tuple[tuple[Step, ...], tuple[Floats, ...]]:
    """What follows the sum, and the values after each as Keras has them."""
    steps, after = [], []
    if treats_alone(op):
        steps.append(step_of(op, channel, wiring.value(op.inputs[0])))
        after.append(wiring.value(op.outputs[0])[..., channel])
    elif own := own_activation(op):
        steps.append(own)
        after.append(wiring.value(op.outputs[0])[..., channel])
    for call in calls:
        steps.append(step_of(call, channel, wiring.value(call.inputs[0])))
        after.append(wiring.value(call.outputs[0])[..., channel])
    return tuple(steps), tuple(after)


def _source(wiring: Wiring, gathered: Gathering, index: int, parts: Floats, flow: float) -> Source:
    number, channel = gathered.channels[index]
    place = None
    if gathered.form == "dense" and (below := wiring.before_flattening(number)) is not None:
        row, col, at = np.unravel_index(channel, wiring.value(below).shape)
        place = (int(at), int(row), int(col))
    return Source(
        path=wiring.path(number),
        channel=channel,
        place=place,
        values=gathered.values[..., index],
        weights=None if gathered.weights is None else gathered.weights[..., index],
        part=parts[..., index],
        flow=flow,
    )


def _flattened(
    wiring: Wiring, gathered: Gathering, products: Floats, inputs: int, most_bytes: int | None
) -> Flattened | None:
    """The sum of a dense layer map by map; None where no maps of several cells were, or not even one may be told."""
    below = wiring.before_flattening(gathered.channels[0][0])
    if below is None or gathered.weights is None:
        return None
    height, width, count = wiring.value(below).shape
    most = inputs if most_bytes is None else min(inputs, most_bytes // (2 * 4 * height * width))
    if not most or height * width == 1:
        return None
    values, weights, parts = (
        each.reshape(height, width, count) for each in (gathered.values, gathered.weights, products)
    )
    sums = parts.sum(axis=(0, 1), dtype=np.float64)
    order = np.argsort(-np.abs(sums), kind="stable")
    sources = tuple(
        Source(
            path=wiring.path(below),
            channel=int(index),
            place=None,
            values=values[..., index],
            weights=weights[..., index],
            part=parts[..., index],
            flow=float(np.abs(parts[..., index]).sum()),
        )
        for index in order[:most]
    )
    return Flattened((height, width, count), sources, len(order[most:]), float(sums[order[most:]].sum()))


def _of_picture(wiring: Wiring, path: str, channel: int, calls: Sequence[Visit], result: Floats) -> Unfolded:
    given = wiring.value(PICTURE)
    if any(wiring.value(call.outputs[0]).shape != given.shape for call in calls):
        return _nothing_known(path, channel, "", type(calls[-1].layer).__name__, result)
    steps = tuple(step_of(call, channel, wiring.value(call.inputs[0])) for call in calls)
    after = tuple(wiring.value(call.outputs[0])[..., channel] for call in calls)
    source = Source(
        "", channel, None, given[..., channel], None, given[..., channel], float(np.abs(given[..., channel]).sum())
    )
    nothing = np.zeros_like(result)
    return Unfolded(
        path, channel, "", "Picture", "picture", None, (source,), 0, nothing, 0.0, source.part, steps, after, result
    )


def _nothing_known(path: str, channel: int, gathers: str, kind: str, result: Floats) -> Unfolded:
    nothing = np.zeros_like(result)
    return Unfolded(path, channel, gathers, kind, "other", None, (), 0, nothing, 0.0, result, (), (), result)
