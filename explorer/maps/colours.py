"""The maps of a layer in colours: each alone, on one scale, or with their true values."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from explorer import figures
from explorer.errors import LayerError
from explorer.maps.values import Floats, check_known, checked, ends

Pixels = NDArray[np.uint8]
Channels = NDArray[np.int64]

MID_GREY = (128, 128, 128)
MAGENTA = (255, 0, 255)
_NOT_FINITE = "Magenta is no finite number."


@dataclass(frozen=True, eq=False)
class Coloured:
    """The maps of a layer as small pictures.

    Attributes:
        tiles: uint8 (C, H, W, 3), one for each map.
        low, high: what the two ends of the colours stand for, in the unit that the legend names.
        signed: whether the colours tell negative from positive.
        legend: what the colours mean, in a sentence or two.
        constant: bool (C,): maps whose values are all the same.
        clipped: float (C,): the share of each map's values outside the range, 0–1; drawn as if at its end.
    """

    tiles: Pixels
    low: float
    high: float
    signed: bool
    legend: str
    constant: NDArray[np.bool_]
    clipped: NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """One way to give the maps of a layer colours."""

    name: str
    note: str


SCALES: Mapping[str, Scale] = MappingProxyType(
    {
        "each": Scale("Each map alone", "mean 128, 64 a standard deviation"),
        "shared": Scale("One for the layer", "mean 128, 64 a standard deviation of the layer"),
        "raw": Scale("True values", "with a colour bar"),
    }
)


def coloured(maps: Floats, scale: str = "each", *, channels: Channels | None = None, dark: bool = False) -> Coloured:
    """The maps of a layer in colours.

    - "each": ``(x − mean) / deviation · 64 + 128``, clipped to 0–255, in viridis, with each map's own mean and
      standard deviation (F. Chollet, "Deep Learning with Python", "Visualizing intermediate activations"). It
      shows where a map is high, not how high; a constant map has no deviation and is mid-grey.
    - "shared": the same with the mean and deviation of the whole layer, so that maps can be compared.
    - "raw": the values themselves. With a negative one among them, in red and blue around zero up to the largest
      magnitude; else in viridis from the smallest to the largest.

    Args:
        maps: float32 (H, W, C), the whole layer: a scale for the layer needs every map.
        scale: a key of ``SCALES``.
        channels: int (K,), the maps to draw; all of them when not given.
        dark: for a dark page.

    Raises:
        LayerError: no maps, a scale that is not known, or a channel that the layer does not have.

    >>> coloured(np.float32([[[0.0, 7.0], [4.0, 7.0]]]), "raw").high
    7.0
    >>> coloured(np.float32([[[0.0, 7.0], [4.0, 7.0]]])).constant.tolist()
    [False, True]
    """
    check_known(scale, SCALES, "scale")
    values, bad = checked(maps)
    chosen = _chosen(channels, values.shape[2])
    drawn = np.ascontiguousarray(np.moveaxis(values[..., chosen], 2, 0))
    constant = drawn.max(axis=(1, 2)) == drawn.min(axis=(1, 2))
    if scale == "raw":
        result = _raw(drawn, values, constant, dark=dark)
    else:
        result = _standardised(drawn, values if scale == "shared" else None, constant)
    result.tiles[np.moveaxis(bad[..., chosen], 2, 0)] = MAGENTA
    if not bad.any():
        return result
    return replace(result, legend=f"{result.legend} {_NOT_FINITE}")


def _standardised(drawn: Floats, layer: Floats | None, constant: NDArray[np.bool_]) -> Coloured:
    """Colours of ``(x − mean) / deviation · 64 + 128``, of each map or of the layer when it is given."""
    wide = drawn.astype(np.float64)  # float32 sums of a large map lose the small deviations
    if layer is None:
        mean, deviation = wide.mean(axis=(1, 2), keepdims=True), wide.std(axis=(1, 2), keepdims=True)
        flat = constant.reshape(-1, 1, 1) | (deviation == 0)
        legend = "Each map has its own scale: ±2 of its standard deviations around its mean, violet to yellow."
        if constant.any():
            legend += " A map that is the same everywhere is mid-grey."
    else:
        mean, deviation = layer.mean(dtype=np.float64), layer.std(dtype=np.float64)
        flat = np.full((len(drawn), 1, 1), deviation == 0 or layer.max() == layer.min())
        legend = "One scale for the layer: ±2 of its standard deviations around its mean, violet to yellow."
    scaled = (wide - mean) / np.where(flat, 1.0, deviation) * 64 + 128
    clipped = np.mean((scaled < 0) | (scaled > 255), axis=(1, 2))
    tiles = figures.viridis_table()[np.clip(scaled, 0, 255).astype(np.uint8)]
    tiles[flat[:, 0, 0]] = MID_GREY
    return Coloured(tiles, -128 / 64, 127 / 64, signed=False, legend=legend, constant=constant, clipped=clipped)


def _raw(drawn: Floats, layer: Floats, constant: NDArray[np.bool_], *, dark: bool) -> Coloured:
    low, high = ends(layer)
    signed = low < 0
    legend = (
        "Blue is positive, red is negative, neutral is zero."
        if signed
        else "Violet is the smallest, yellow the largest."
    )
    tiles = between(drawn, low, high, dark=dark)
    return Coloured(tiles, low, high, signed, legend, constant, np.zeros(len(drawn)))


def between(values: Floats, low: float, high: float, *, dark: bool = False) -> Pixels:
    """Colours from low to high: the diverging map when low is negative, else viridis.

    Args:
        values: float32 of any shape.
        low: the one end, in the units of the values.
        high: the other; ``-low`` when ``low`` is negative, so that zero is in the middle.
        dark: for a dark page.

    Returns:
        uint8 (*shape, 3).

    >>> between(np.float32([0, 1]), -1, 1).tolist()
    [[248, 247, 245], [20, 73, 140]]
    """
    index, table = indexed(values, low, high, dark=dark)
    pixels: Pixels = table[index]
    return pixels


def indexed(values: Floats, low: float, high: float, *, dark: bool = False) -> tuple[Pixels, Pixels]:
    """The same as places in a table of colours, uint8 of the values' shape, and the table, uint8 (256, 3)."""
    span = (high - low) or 1.0
    share = np.clip((values.astype(np.float64) - low) / span, 0, 1)
    if low < 0:  # the diverging table's ends are 1 and 255, its middle 128
        return np.rint(share * 254).astype(np.uint8) + np.uint8(1), figures.diverging_table(dark=dark)
    return np.rint(share * 255).astype(np.uint8), figures.viridis_table()


def colour_bar(low: float, high: float, *, dark: bool = False) -> Pixels:
    """The colours of a scale from its lowest to its highest value: uint8 (10, 256, 3)."""
    values = np.linspace(low, high, 256, dtype=np.float32)[np.newaxis].repeat(10, axis=0)
    return between(values, low, high, dark=dark)


def _chosen(channels: Channels | None, count: int) -> Channels:
    chosen = np.arange(count) if channels is None else np.asarray(channels, np.int64).reshape(-1)
    absent = chosen[(chosen < 0) | (chosen >= count)]
    if absent.size:
        raise LayerError(f"The layer has the channels 0 to {count - 1}; there is no {absent[0]}.")
    return chosen
