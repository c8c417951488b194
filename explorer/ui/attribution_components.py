"""The browser components of the Grad-CAM page: the ledger of a class activation map, and the painter over a picture.

The ledger only shows: every number that it tells was computed in Python, and pointing at it costs no round trip.
The painter sends the cells that were painted over; they come from a stranger's browser and are checked here.
"""

import base64
from collections.abc import Callable, Collection, Iterable
from hashlib import sha256
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from explorer import figures
from explorer.ui import state
from explorer.ui.browser import picked, png_address, registered

if TYPE_CHECKING:
    from explorer.attribution import Receipt

Cell = tuple[int, int]
"""Row and column, from 0."""

LEDGER_SCRIPTS = ("window_math.js", "grid_view.js", "tiles.js", "ledger.js")
PAINTER_SCRIPTS = ("window_math.js", "grid_view.js", "tiles.js", "painter.js")
STYLES = ("components.css", "attribution.css")

MOST_CELLS = 56
"""Maps higher or wider than this are shown as averages of blocks, in cells."""
MOST_PAINTED = 64
"""Most rows, and most columns, that a picture can be painted in."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def ledger(receipt: "Receipt", *, key: str) -> None:
    """Shows how a class activation map was added up: a row a channel, map × weight = product, and the sum so far.

    Pointing at a cell of any tile, by mouse, touch or arrow keys, marks it in every tile and tells its own sum. The
    colours follow the theme in the browser.

    Args:
        receipt: the lines, the rest, the sums, and the heatmap that they make.
        key: key of the component.
    """
    registered("convnet_explorer_ledger", LEDGER_SCRIPTS, STYLES)(key=key, data=account(receipt))


def account(receipt: "Receipt") -> dict[str, Any]:
    """What the ledger's script is given: numbers as base64 of little-endian float32, words as they are shown.

    Maps of more than 56 cells a side are averaged over blocks. A sum of averages is the average of the sum, so the
    lines still add up; a weight for each cell times its map, and the ReLU, are averaged after they were computed.
    """
    rows, cols = receipt.total.shape
    block = -(-max(rows, cols) // MOST_CELLS)
    per_cell = any(line.weight is None for line in receipt.lines)
    products = np.stack([*(line.product for line in receipt.lines), receipt.rest])
    weights = "hidden" if per_cell and block > 1 else "cells" if per_cell else "one"
    shown = block_means(receipt.shown, block)
    return {
        "rows": shown.shape[0],
        "cols": shown.shape[1],
        "channels": [line.channel for line in receipt.lines],
        "shares": [_percent(line.share) for line in receipt.lines],
        "others": receipt.others,
        "maps": _floats(block_means(np.stack([line.map for line in receipt.lines]), block)),
        "weighting": weights,
        "weights": _floats(_weights(receipt, weights)),
        "products": _floats(block_means(products, block)),
        "running": _floats(block_means(receipt.running, block)),
        "shown": _floats(shown),
        "averaged": block > 1,
        "caption": _caption(rows, cols, block, per_cell=per_cell),
        "check": check(receipt),
        "tables": {
            "viridis": _base64(figures.viridis_table()),
            "light": _base64(figures.diverging_table()),
            "dark": _base64(figures.diverging_table(dark=True)),
        },
    }


def check(receipt: "Receipt") -> str:
    """Whether all products together are the heatmap, in words."""
    count = len(receipt.lines) + receipt.others
    sum_of_all = f"{'The one product' if count == 1 else f'Sum of all {count:,} products'}, after the ReLU"
    if not isfinite(receipt.error) or not isfinite(receipt.largest):
        return f"{sum_of_all} ≠ the heatmap above: some of them are not numbers, and are drawn there as zero."
    difference = f"largest difference {_brief(receipt.error)}"
    if not receipt.agrees:
        return f"{sum_of_all} ≠ the heatmap above ({difference})."
    return f"{sum_of_all} = the heatmap above ✓ ({difference})"


def block_means(maps: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    """The mean of each block of ``block`` by ``block`` cells; blocks at the lower and right edge may be smaller.

    Args:
        maps: float32 (…, h, w).
        block: side of a block, in cells.

    Returns:
        float32 (…, ⌈h / block⌉, ⌈w / block⌉).

    >>> block_means(np.float32([[1, 3, 10], [5, 7, 20]]), 2).tolist()
    [[4.0, 15.0]]
    """
    means = maps.astype(np.float64)
    for axis in (-2, -1):
        starts = np.arange(0, maps.shape[axis], block)
        lengths = np.diff([*starts, maps.shape[axis]])
        means = np.add.reduceat(means, starts, axis=axis) / (lengths[:, None] if axis == -2 else lengths)
    return means.astype(np.float32)


def _weights(receipt: "Receipt", weighting: str) -> NDArray[np.float32]:
    if weighting == "hidden":
        return np.zeros(0, np.float32)
    if weighting == "cells":
        return np.stack([line.weights for line in receipt.lines])
    return np.array([line.weight for line in receipt.lines], np.float32)


def _caption(rows: int, cols: int, block: int, *, per_cell: bool) -> str:
    if block == 1:
        return ""
    own = (
        "each cell has its own weight w, and w × map and the ReLU were computed"
        if per_cell
        else "the ReLU was computed"
    )
    return (
        f"The layer's maps are {rows} × {cols}. Each cell here is the average of {block} × {block} of theirs; "
        f"{own} before averaging."
    )


def _percent(share: float) -> float | None:
    return 100 * share if isfinite(share) else None


def _brief(number: float) -> str:
    """One digit and a power of ten.

    >>> _brief(3.1e-8), _brief(0.0)
    ('3e-8', '0')
    """
    mantissa, _, power = f"{number:.0e}".partition("e")
    return f"{mantissa}e{int(power)}" if number else "0"


def _floats(values: NDArray[np.float32]) -> str:
    return _base64(np.ascontiguousarray(values, "<f4"))


def _base64(values: NDArray[Any]) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")


def cells_after(sent: object, cells: Cell, painted: Collection[Cell]) -> tuple[Cell, ...]:
    """The painted cells after what the browser sent: ``{"cells": [[row, column], …]}``, each once.

    ``painted`` stays when nothing was sent, or anything but that.

    Args:
        sent: what came from the browser.
        cells: rows and columns of the picture's grid.
        painted: the cells that were painted before.

    Returns:
        Rows and columns, sorted.

    >>> cells_after({"cells": [[2, 0], [0, 1]]}, (3, 3), [(1, 1)]), cells_after({"cells": []}, (3, 3), [(1, 1)])
    (((0, 1), (2, 0)), ())
    >>> cells_after({"cells": [[3, 0]]}, (3, 3), [(1, 1)]), cells_after(None, (3, 3), [(1, 1)])
    (((1, 1),), ((1, 1),))
    """
    before = tuple(sorted(painted))
    found = sent.get("cells") if isinstance(sent, dict) else None
    rows, cols = cells
    if not isinstance(found, list) or len(found) > rows * cols:
        return before
    if not all(_is_cell(each, rows, cols) for each in found):
        return before
    unique = {(row, col) for row, col in found}
    return tuple(sorted(unique)) if len(unique) == len(found) else before


def _is_cell(sent: object, rows: int, cols: int) -> bool:
    """Whether this is a row and a column of the grid. A bool or a float is not, which Python finds equal to one."""
    if not isinstance(sent, list | tuple) or len(sent) != 2:
        return False
    row, col = sent
    return type(row) is int and type(col) is int and 0 <= row < rows and 0 <= col < cols


def painter(
    *,
    picture_png: bytes,
    cells: Cell,
    painted: Iterable[Cell] = (),
    key: str,
    alt: str,
    on_paint: Callable[[tuple[Cell, ...]], object] | None = None,
) -> tuple[Cell, ...]:
    """Shows a picture whose parts are painted over by dragging, and again to clear; arrow keys and Space do it too.

    What is painted stays over reruns. It gives way to ``painted`` when that, the picture or the grid is another one
    than in the run before: a page's *Reset* passes on no cells, so it must have passed on the painted ones until
    then, as a page does that keeps what ``on_paint`` was told.

    Args:
        picture_png: PNG of the picture.
        cells: rows and columns of the grid over it, at most 64 each.
        painted: the cells that are painted over.
        key: key of the component.
        alt: what the picture is, for those who do not see it.
        on_paint: called with all painted cells, sorted, when a stroke has changed them, before the rerun.

    Returns:
        The cells that are painted over now, sorted.

    Raises:
        ValueError: the picture is no PNG, the grid is empty or too fine, or a painted cell is not in it.
    """
    width, height = _size(picture_png)
    rows, cols = cells
    if not (1 <= rows <= MOST_PAINTED and 1 <= cols <= MOST_PAINTED):
        raise ValueError(f"The grid is {rows} × {cols} cells; it can be from 1 × 1 to {MOST_PAINTED} × {MOST_PAINTED}.")
    given = tuple(sorted({(int(row), int(col)) for row, col in painted}))
    outside = [cell for cell in given if not _is_cell(cell, rows, cols)]
    if outside:
        raise ValueError(f"The painted cell {outside[0]} is not in the grid of {rows} × {cols} cells.")
    asked = (given, rows, cols, sha256(picture_png).digest())
    last_asked, last = state.taken(key) or (None, given)
    before = last if last_asked == asked else given

    now = cells_after(picked(key), cells, before)
    state.take(key, (asked, now))

    def paint() -> None:
        after = cells_after(picked(key), cells, now)
        if on_paint and after != now:
            on_paint(after)

    drawn = {
        "picture": png_address(picture_png),
        "width": width,
        "height": height,
        "rows": rows,
        "cols": cols,
        "painted": [list(cell) for cell in now],
        "alt": alt,
    }
    registered("convnet_explorer_painter", PAINTER_SCRIPTS, STYLES)(key=key, data=drawn, on_picked_change=paint)
    return now


def _size(png: bytes) -> Cell:
    """Width and height, from the PNG's first chunk."""
    if png[:8] != PNG_SIGNATURE or len(png) < 24:
        raise ValueError("The picture to paint over must be given as a PNG.")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
