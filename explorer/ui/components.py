"""The browser components of the Kernels page: the inspector of one step, and the picture as numbers.

Python sends pixels and a kernel; the browser computes every sum itself
(``assets/components/window_math.js``), so moving the pointer costs no round trip. What comes back is the
pinned cell, and it comes from a stranger's browser: it is checked here.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import streamlit as st
from numpy.typing import ArrayLike, NDArray

from explorer.errors import KernelError
from explorer.settings import MAX_INSPECTOR_SIZE, MAX_KERNEL_SIZE
from explorer.ui.browser import registered
from explorer.windows import Padding, output_size

Stage = Literal["convolution", "pooling"]
Pooling = tuple[Literal["max", "average"], int, int]
"""Kind, window size and stride, in cells of the output."""
Channel = tuple[str, ArrayLike]
"""A name ("Grey", "R", "G", "B") and pixels 0-255 (H, W)."""

Shape = tuple[int, ...]
"""Rows and columns."""
NO_CELLS: Shape = (0, 0)

INSPECTOR_SCRIPTS = ("window_math.js", "grid_view.js", "sum_panel.js", "inspector_drawing.js", "inspector.js")
NUMBERS_SCRIPTS = ("window_math.js", "grid_view.js", "numbers.js")
STYLES = ("components.css",)


@dataclass(frozen=True)
class Pin:
    """The cell that the person pinned in the inspector.

    Attributes:
        stage: ``"convolution"`` (after bias and ReLU) or ``"pooling"``.
        channel: index into the channels that were given.
        row: row of the cell in the grid of that stage, from 0.
        col: column of the cell, from 0.
    """

    stage: Stage
    channel: int
    row: int
    col: int


def as_pin(sent: object) -> Pin | None:
    """The pin that the browser sent, or None when it is nonsense.

    >>> as_pin({"stage": "convolution", "channel": 0, "row": 2, "col": 5})
    Pin(stage='convolution', channel=0, row=2, col=5)
    >>> as_pin({"stage": "convolution", "channel": 0, "row": -1, "col": "x"}) is None
    True
    """
    if not isinstance(sent, dict) or sent.get("stage") not in ("convolution", "pooling"):
        return None
    channel, row, col = (_place(sent.get(name)) for name in ("channel", "row", "col"))
    if channel is None or row is None or col is None:
        return None
    return Pin(sent["stage"], channel, row, col)


def _place(sent: object) -> int | None:
    if not isinstance(sent, int) or isinstance(sent, bool):
        return None
    return sent if 0 <= sent < MAX_INSPECTOR_SIZE else None


def pinned(key: str) -> Pin | None:
    """The pin of the inspector with this key as the browser last sent it, before the inspector is drawn.

    A page asks for it to compute what Keras says about that cell. Whether the cell lies in the present grid
    is checked by :func:`inspector`, which returns None when it does not.
    """
    state = st.session_state.get(key)
    return as_pin(state.get("pinned")) if isinstance(state, dict) else None


def inspector(
    *,
    channels: Sequence[Channel],
    kernel: ArrayLike,
    stride: int = 1,
    dilation: int = 1,
    padding: Padding = "same",
    bias: float = 0.0,
    relu: bool = False,
    pooling: Pooling | None = None,
    keras_says: tuple[Pin, float] | None = None,
    key: str,
    on_pin: Callable[[], None] | None = None,
) -> Pin | None:
    """Shows input, products and output of a convolution cell by cell, and returns the cell that is pinned.

    ``out[r, c] = ReLU(bias + Σ_ij kernel[i, j] · in[y_i, x_j])``, as in Keras, with
    ``y_i = r·stride + i·dilation - top`` and ``x_j = c·stride + j·dilation - left``;
    ``top`` and ``left`` count the padded cells above and to the left.

    Args:
        channels: one grey channel, or several with a switch between them; each (H, W), pixels 0-255, at most
            48 by 48.
        kernel: float (kh, kw), as applied (cross-correlation), at most 15 by 15.
        stride: step of the window, in pixels.
        dilation: distance between the cells that the kernel touches, in pixels.
        padding: ``"same"`` (TensorFlow's), ``"valid"``, ``"reflect"`` or ``"edge"``.
        bias: added to each sum.
        relu: whether negative sums become 0.
        pooling: kind, size and stride of pooling over the output (no padding), or None.
        keras_says: a cell and the value that Keras computes there (after bias, ReLU and, for a pooled cell,
            pooling), shown beside ours while that cell is pinned.
        key: key of the component; its state has the value ``pinned``.
        on_pin: called when the pin changes, before the rerun.

    Returns:
        The pinned cell, or None when no cell of the present grids is pinned.

    Raises:
        KernelError: a picture or a kernel of another size or shape than said here, or not finite.
    """
    grids = _grids(channels)
    weights = _matrix(kernel, "The kernel", MAX_KERNEL_SIZE)
    shape = (grids[0]["rows"], grids[0]["cols"])
    pin = pinned(key)
    after = _output_shape(shape, weights.shape, stride=stride, dilation=dilation, padding=padding)
    if pin and not _has(pin, len(grids), {"convolution": after, "pooling": _pooled_shape(after, pooling)}):
        pin = None
    sent = {
        "channels": grids,
        "kernel": _grid(weights),
        "stride": stride,
        "dilation": dilation,
        "padding": padding,
        "bias": float(bias),
        "relu": relu,
        "pooling": None if pooling is None else dict(zip(("kind", "size", "stride"), pooling, strict=True)),
        "keras": None if keras_says is None else {**asdict(keras_says[0]), "value": float(keras_says[1])},
        "pinned": None if pin is None else asdict(pin),
    }
    draw = registered("convnet_explorer_inspector", INSPECTOR_SCRIPTS, STYLES)
    draw(key=key, data=sent, default={"pinned": None}, on_pinned_change=on_pin or _nothing)
    return pin


def numbers(*, channels: Sequence[Channel], key: str) -> None:
    """Shows that a picture is numbers: its pixels, and beside them the matrix of their values.

    Args:
        channels: one or more of grey, R, G, B, each (H, W), pixels 0-255, at most 48 by 48; with R, G and B
            among them the picture is shown in its colours.
        key: key of the component.

    Raises:
        KernelError: a picture of another size or shape than said here, or values that are not finite.
    """
    registered("convnet_explorer_numbers", NUMBERS_SCRIPTS, STYLES)(key=key, data={"channels": _grids(channels)})


def _nothing() -> None:
    """Without a callback Streamlit would not keep the state value."""


def _matrix(values: ArrayLike, what: str, limit: int) -> NDArray[np.float64]:
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2 or min(matrix.shape) < 1 or max(matrix.shape) > limit:
        raise KernelError(f"{what} has shape {matrix.shape}; it can be from 1 × 1 to {limit} × {limit}.")
    if not np.isfinite(matrix).all():
        raise KernelError(f"{what} has values that are not finite numbers; every value must be.")
    return matrix


def _grid(matrix: NDArray[np.float64]) -> dict[str, Any]:
    rows, cols = matrix.shape
    return {"rows": rows, "cols": cols, "values": matrix.ravel().tolist()}


def _grids(channels: Sequence[Channel]) -> list[dict[str, Any]]:
    grids = []
    for name, pixels in channels:
        matrix = _matrix(pixels, f"The channel {name} of the inspected picture", MAX_INSPECTOR_SIZE)
        grids.append({"name": name, **_grid(matrix)})
    if len({(grid["rows"], grid["cols"]) for grid in grids}) != 1:
        raise KernelError("The inspector needs at least one channel, and all channels of the same size.")
    return grids


def _output_shape(picture: Shape, kernel: Shape, *, stride: int, dilation: int, padding: Padding) -> Shape:
    """Rows and columns of the output, none when the kernel does not fit: the browser then says so."""
    sizes = zip(picture, kernel, strict=True)
    try:
        return tuple(output_size(size, window, stride, padding, dilation) for size, window in sizes)
    except KernelError:
        return NO_CELLS


def _pooled_shape(output: Shape, pooling: Pooling | None) -> Shape:
    if pooling is None or output == NO_CELLS:
        return NO_CELLS
    _, size, stride = pooling
    return _output_shape(output, (size, size), stride=stride, dilation=1, padding="valid")


def _has(pin: Pin, channels: int, shapes: dict[str, Shape]) -> bool:
    rows, cols = shapes[pin.stage]
    return pin.channel < channels and pin.row < rows and pin.col < cols
