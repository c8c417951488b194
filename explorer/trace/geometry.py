"""How a window slides over maps, and what lies under it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from explorer import windows
from explorer.windows import pair

Floats = NDArray[np.float32]
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
    bordered = padded(values, geometry, shape)
    count, many = weights.shape[2:]
    at_once = max(1, MAX_BYTES // (4 * many * bordered.shape[0] * bordered.shape[1]))
    down, across = geometry.strides
    step = down if down == across else 1
    gaps = geometry.dilation if step == 1 else (1, 1)
    parts = []
    for first in range(0, count, at_once):
        some = slice(first, first + at_once)
        given = tf.constant(bordered[np.newaxis, :, :, some])
        kernel = tf.constant(np.ascontiguousarray(weights[:, :, some]))
        result = tf.nn.depthwise_conv2d(given, kernel, (1, step, step, 1), "VALID", dilations=gaps)
        parts.append(np.asarray(result)[0] if down == across else np.asarray(result)[0, ::down, ::across])
    every = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)
    return every[: shape[0], : shape[1]].reshape(*shape, count, many)


def geometry_of(values: Floats, size: Any, strides: Any, padding: str, dilation: Any = 1) -> Geometry:
    """How the window of a Keras layer slides over maps, float32 (h, w, n)."""
    size, strides, dilation = pair(size), pair(strides), pair(dilation)
    pad = (0, 0)
    if padding == "same":
        axes = zip(values.shape[:2], size, strides, dilation, strict=True)
        first, second = (windows.padding(cells, window, stride, "same", gap)[0] for cells, window, stride, gap in axes)
        pad = (first, second)
    return Geometry(size, strides, dilation, pad)


def size_of(values: Floats, geometry: Geometry, padding: str) -> tuple[int, int]:
    """Height and width of what it gives."""
    mode: windows.Padding = "same" if padding == "same" else "valid"
    axes = zip(values.shape[:2], geometry.size, geometry.strides, geometry.dilation, strict=True)
    height, width = (windows.output_size(cells, window, step, mode, gap) for cells, window, step, gap in axes)
    return height, width


def window(values: Floats, geometry: Geometry, row: int, col: int) -> tuple[Floats, NDArray[np.bool_]]:
    """The cells under one window, zero outside the map, (kh, kw, n); and which of them lie inside, of that shape."""
    rows, cols = geometry.rows(row)[:, np.newaxis], geometry.cols(col)[np.newaxis]
    height, width = values.shape[:2]
    inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
    seen = values[np.clip(rows, 0, height - 1), np.clip(cols, 0, width - 1)]
    every = np.broadcast_to(inside[..., np.newaxis], seen.shape)
    return np.where(every, seen, np.float32(0)), every


def padded(values: Floats, geometry: Geometry, shape: tuple[int, ...], fill: float = 0.0) -> Floats:
    """The maps with all the padding that the windows of a result of this shape need, and nothing more."""
    margins = []
    for axis in (0, 1):
        span = geometry.dilation[axis] * (geometry.size[axis] - 1) + 1
        end = (shape[axis] - 1) * geometry.strides[axis] + span - geometry.pad[axis]
        margins.append((geometry.pad[axis], max(0, end - values.shape[axis])))
    return np.pad(values, (*margins, (0, 0)), constant_values=fill)
