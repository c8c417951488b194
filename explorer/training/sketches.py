"""A drawing made into what a network was trained on: placed and scaled as the digits of MNIST were."""

import cv2
import numpy as np
from numpy.typing import NDArray

BOX = 20 / 28
"""The longer side of what is drawn, as a share of the picture's side."""
INK = 16
"""Darker than this counts as empty."""


def as_trained(drawing: NDArray[np.uint8], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Places a drawing as MNIST's digits are (LeCun et al. 1998).

    What is drawn is cut out, scaled so that its longer side is 20/28 of the picture's shorter one, proportions kept,
    and put so that its centre of mass is in the middle, as near to that as it stays inside.

    Args:
        drawing: uint8 (H, W, 1), bright on black.
        shape: height, width and channels (1 or 3) of the network's pictures.

    Returns:
        uint8 of that shape; all black where nothing is drawn.

    >>> square = np.zeros((56, 56, 1), np.uint8)
    >>> square[:10, :10] = 255
    >>> placed = as_trained(square, (28, 28, 1))
    >>> [(int(each.min()), int(each.max())) for each in np.nonzero(placed[..., 0])]
    [(4, 23), (4, 23)]
    """
    height, width, channels = shape
    canvas = np.zeros((height, width), np.uint8)
    rows, cols = np.nonzero(drawing[..., 0] > INK)
    if rows.size:
        ink = _scaled(drawing[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1, 0], min(height, width))
        top, left = (_start(ink, axis, side) for axis, side in enumerate((height, width)))
        canvas[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return np.repeat(canvas[..., np.newaxis], channels, axis=2)


def _scaled(ink: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """With a longer side of 20/28 of the picture's: averaged where it becomes smaller."""
    longer = max(ink.shape)
    target = max(1.0, BOX * side)
    rows, cols = (max(1, round(each * target / longer)) for each in ink.shape)
    how = cv2.INTER_AREA if target < longer else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(ink), (cols, rows), interpolation=how), np.uint8)


def _start(ink: NDArray[np.uint8], axis: int, side: int) -> int:
    """Where it begins along an axis: its centre of mass comes to pixel ``side / 2``, where MNIST's digits have it."""
    along = ink.sum(axis=1 - axis, dtype=np.float64)
    centre = float(along @ np.arange(len(along)) / along.sum()) if along.any() else (len(along) - 1) / 2
    return int(np.clip(round(side / 2 - centre), 0, side - len(along)))
