"""Small coloured maps put together: a mosaic of many, and one over the picture it comes from."""

from dataclasses import dataclass

import cv2
import numpy as np

from explorer.errors import LayerError
from explorer.maps.colours import MAGENTA, Pixels, between
from explorer.maps.values import Floats, checked, ends

MAX_TILE = 1024
"""Largest side of a tile in a mosaic, in pixels."""


@dataclass(frozen=True, eq=False)
class Mosaic:
    """Tiles in rows, as one picture.

    Attributes:
        pixels: uint8 (rows·(side + gap) − gap, columns·(side + gap) − gap, 3).
        columns: tiles in a row.
        side: height and width of the square that each tile has, in pixels.
        gap: pixels between two squares.
        count: tiles; the last row may be shorter.
    """

    pixels: Pixels
    columns: int
    side: int
    gap: int
    count: int


def mosaic(
    tiles: Pixels, columns: int, *, gap: int = 2, side: int = 64, ground: tuple[int, int, int] = (255, 255, 255)
) -> Mosaic:
    """Tiles side by side, row by row.

    A small tile is repeated a whole number of times, so that its cells stay equal squares: the mosaic's ``side``
    is then the largest such size that is not above ``side``. A large one is reduced by averaging areas. A tile
    that is not square keeps its form, in the middle of its square.

    Args:
        tiles: uint8 (C, H, W, 3).
        columns: tiles in a row, at least 1; no more than there are tiles are used.
        gap: pixels between tiles.
        side: wanted height and width of a tile, 1 to 1,024 pixels.
        ground: the colour of what no tile covers.

    Raises:
        LayerError: no tiles, or sizes that are not allowed.

    >>> made = mosaic(np.zeros((5, 7, 7, 3), np.uint8), 3, gap=1, side=16)
    >>> made.side, made.pixels.shape
    (14, (29, 44, 3))
    """
    if tiles.ndim != 4 or tiles.shape[3] != 3 or tiles.size == 0:
        raise LayerError(f"Tiles have the shape (count, height, width, 3), not {tiles.shape}; choose at least one map.")
    if columns < 1 or gap < 0 or not 1 <= side <= MAX_TILE:
        raise LayerError(
            f"A mosaic has 1 or more columns, a gap of 0 or more and tiles of 1 to {MAX_TILE} pixels; "
            f"these are {columns}, {gap} and {side}."
        )
    sized = [_sized(tile, side) for tile in tiles]
    height, width = sized[0].shape[:2]
    side, columns = max(height, width), min(columns, len(sized))
    rows, step = -(-len(sized) // columns), side + gap
    pixels: Pixels = np.full((rows * step - gap, columns * step - gap, 3), ground, np.uint8)
    for place, tile in enumerate(sized):
        top = place // columns * step + (side - height) // 2
        left = place % columns * step + (side - width) // 2
        pixels[top : top + height, left : left + width] = tile
    return Mosaic(pixels, columns, side, gap, len(sized))


def _sized(tile: Pixels, side: int) -> Pixels:
    """The tile with its longer side at most ``side``: enlarged a whole number of times, or reduced."""
    height, width = tile.shape[:2]
    longest = max(height, width)
    if longest > side:
        return _resized(tile, max(1, height * side // longest), max(1, width * side // longest), cv2.INTER_AREA)
    times = side // longest
    return tile.repeat(times, axis=0).repeat(times, axis=1)


def overlay(
    image: Pixels,
    values: Floats,
    *,
    opacity: float = 0.6,
    smooth: bool = False,
    low: float | None = None,
    high: float | None = None,
    dark: bool = False,
) -> Pixels:
    """One map, enlarged, over the picture that it comes from.

    The values are enlarged and then coloured, so that every colour stands for a value. ``opacity · map + (1 −
    opacity) · picture``, each map cell over an equal part of the picture.

    Args:
        image: uint8 (H, W, 3), or (H, W) or (H, W, 1) in grey.
        values: float32 (h, w), one map.
        opacity: of the map, 0–1.
        smooth: between the cells' centres draw what lies between their values (bilinear) instead of squares.
        low: lower end of the colours, such as the layer's own (``Coloured.low`` of "raw"); the map's own when
            not given. A negative one means the diverging colours.
        high: upper end of the colours.
        dark: for a dark page.

    Returns:
        uint8 (H, W, 3).

    Raises:
        LayerError: the map is not (h, w).

    >>> overlay(np.zeros((4, 4), np.uint8), np.float32([[0, 1]]), opacity=1)[0, :, 0].tolist()
    [68, 68, 253, 253]
    """
    if values.ndim != 2:
        raise LayerError(f"One map has the shape (height, width), not {values.shape}; choose one channel of the layer.")
    whole, bad = checked(values[..., np.newaxis])
    first, last = ends(whole)
    height, width = image.shape[:2]
    enlarged = _resized(whole[..., 0], height, width, cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST_EXACT)
    colours = between(enlarged, first if low is None else low, last if high is None else high, dark=dark)
    colours[_resized(bad[..., 0].astype(np.uint8), height, width, cv2.INTER_NEAREST_EXACT) > 0] = MAGENTA
    share = min(max(opacity, 0.0), 1.0)
    picture = image.reshape(height, width, -1).astype(np.float32)
    return np.asarray(np.rint(share * colours + (1 - share) * picture), np.uint8)


def _resized(array: np.ndarray, height: int, width: int, interpolation: int) -> np.ndarray:
    return np.asarray(cv2.resize(np.ascontiguousarray(array), (width, height), interpolation=interpolation))
