"""How alike two pictures are by their edges.

The directions of a picture's edges are laid down on a coarse grid, and two pictures are as alike as the cosine between
their grids, at the best of a few small shifts.
"""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from explorer.images.pixels import to_grey

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]

SIDE = 28
"""Pixels of the longer side that pictures are made to have."""
BLUR = 1.0
"""Standard deviation of the blur that follows, in pixels."""
CELL = 2
"""Pixels of a cell's side: directions of edges are averaged in cells."""
REACH = 2
"""Cells by which a picture is shifted at most, either way, to lie best on another."""
NOWHERE = np.float32(-2)
"""The likeness to a picture that does not count; less than any cosine."""


def edges_of(pictures: Iterable[Images]) -> Floats:
    """Strength and direction of the edges in each cell: float32 (N, h, w, 2).

    With the gradient (x, y) of the small grey picture, the mean in each cell of ``((x² − y²), 2xy) / √(x² + y²)``: a
    vector as long as the edge is strong, at twice its angle, so that from dark to light and from light to dark are the
    same direction. Brightness and the sides' colours play no part.
    """
    grey = np.stack([_small(picture) for picture in pictures])
    y, x = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(x, y) + np.float32(1e-6)
    vectors = np.stack([(x * x - y * y) / strength, 2 * x * y / strength], axis=-1)
    count, height, width = grey.shape
    cells = vectors.reshape(count, height // CELL, CELL, width // CELL, CELL, 2)
    return np.asarray(cells.mean(axis=(2, 4)), np.float32)


def _small(picture: Images) -> Floats:
    """Grey, ``SIDE`` pixels high or wide, both whole numbers of cells, and slightly blurred: float32 (h, w)."""
    height, width, channels = picture.shape
    scale = SIDE / max(height, width)
    size = [CELL * max(4, round(side * scale / CELL)) for side in (width, height)]
    if size != [width, height]:
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        picture = np.asarray(cv2.resize(picture, size, interpolation=way)).reshape(size[1], size[0], channels)
    return np.asarray(cv2.GaussianBlur(to_grey(picture), (0, 0), BLUR), np.float32)


def likeness(edges: Floats, units: Floats) -> Floats:
    """Cosine between each picture and each other one, at the best of all shifts: float32 (Q, M)."""
    best = np.full((len(edges), len(units)), NOWHERE, np.float32)
    shifts = range(-REACH, REACH + 1)
    for down in shifts:
        for right in shifts:
            np.maximum(best, unit(_shifted(edges, down, right)) @ units.T, out=best)
    return best


def _shifted(edges: Floats, down: int, right: int) -> Floats:
    """Moved by whole cells; nothing comes in from outside."""
    height, width = edges.shape[1:3]
    moved = np.zeros_like(edges)
    to_rows, from_rows = slice(max(down, 0), height + min(down, 0)), slice(max(-down, 0), height + min(-down, 0))
    to_cols, from_cols = slice(max(right, 0), width + min(right, 0)), slice(max(-right, 0), width + min(-right, 0))
    moved[:, to_rows, to_cols] = edges[:, from_rows, from_cols]
    return moved


def unit(edges: Floats) -> Floats:
    """Vectors of length 1, or 0 where there are no edges: float32 (N, numbers)."""
    flat = edges.reshape(len(edges), -1)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(np.where(length > 1e-3, flat / np.maximum(length, 1e-3), 0), np.float32)
