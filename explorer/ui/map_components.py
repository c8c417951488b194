"""The browser components of the Feature maps page: the grid of one layer's channels, and the whole network's strip.

Python sends pictures and words. What comes back is what the person picked, and it comes from a stranger's
browser: it is checked here against what was sent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from explorer.ui.browser import picked, png_address, registered

Place = tuple[str, int]
"""The path of a stage and one of its channels, or :data:`WHOLE_STAGE`."""
WHOLE_STAGE = -1
"""Stands for the channel when the head of a stage's column was picked."""

GRID_SCRIPTS = ("window_math.js", "grid_view.js", "tiles.js", "channel_grid.js")
STRIP_SCRIPTS = ("window_math.js", "grid_view.js", "tiles.js", "strip.js")
STYLES = ("components.css", "maps.css")

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Stage:
    """One column of the strip: the picture, some maps of a layer, or the classes.

    Attributes:
        path: the layer's dotted path; unique in a strip.
        title: the column's head.
        shape_text: the output's shape, in words ("112 × 112 × 32").
        parameters_text: how many parameters ("864 parameters"), or nothing.
        tiles_png: PNG of ``len(channels)`` squares, one under the other without gaps; empty for a column of bars.
        side: side of one square of that PNG, in pixels.
        channels: the channel that each square shows.
        labels: what is said of each square when it is pointed at; "channel 37" where none are given.
        low, high: the values at the ends of the colour scale; None where colours are not values.
        signed: whether the scale is the diverging one, centred on zero, instead of viridis.
        bars: class names and probabilities (0-1), most probable first, instead of squares.
        opens: whether the person can pick this column and its squares.
    """

    path: str
    title: str
    shape_text: str
    parameters_text: str = ""
    tiles_png: bytes = b""
    side: int = 0
    channels: Sequence[int] = ()
    labels: Sequence[str] = ()
    low: float | None = None
    high: float | None = None
    signed: bool = False
    bars: Sequence[tuple[str, float]] = ()
    opens: bool = True


def channel_after(sent: object, channels: Sequence[int], selected: int | None) -> int | None:
    """The selected channel after what the browser sent: one that was clicked, or None when it was cleared.

    ``selected`` stays when nothing was sent, or nonsense, or a channel that is not shown.

    >>> channel_after({"channel": 7}, [3, 7], 3), channel_after({"channel": None}, [3, 7], 3)
    (7, None)
    >>> channel_after({"channel": 8}, [3, 7], 3), channel_after("<script>", [3, 7], 3), channel_after(None, [3, 7], 3)
    (3, 3, 3)
    """
    if not isinstance(sent, dict) or "channel" not in sent:
        return selected
    channel = sent["channel"]
    return channel if channel is None or (_is_whole(channel) and channel in channels) else selected


def place_after(sent: object, stages: Sequence[Stage], selected: Place | None) -> Place | None:
    """The selected place of the strip after what the browser sent; as :func:`channel_after`.

    >>> stages = [Stage("stem", "Stem", "8 × 8 × 4", channels=(2, 0))]
    >>> place_after({"path": "stem", "channel": 2}, stages, None), place_after({"path": None}, stages, ("stem", 2))
    (('stem', 2), None)
    >>> place_after({"path": "stem", "channel": -1}, stages, None)
    ('stem', -1)
    >>> place_after({"path": "stem", "channel": 1}, stages, None) is None
    True
    """
    if not isinstance(sent, dict) or "path" not in sent:
        return selected
    path, channel = sent["path"], sent.get("channel")
    if path is None:
        return None
    stage = next((each for each in stages if each.opens and each.path == path), None)
    if stage is None or not _is_whole(channel) or channel not in (WHOLE_STAGE, *stage.channels):
        return selected
    return stage.path, channel


def _is_whole(sent: object) -> bool:
    """Whether this is an int and not a bool or a float, which Python would find equal to one."""
    return type(sent) is int


def channel_grid(
    *,
    mosaic_png: bytes,
    columns: int,
    count: int,
    side: int,
    gap: int,
    channels: Sequence[int],
    labels: Sequence[str],
    selected: int | None,
    key: str,
    alt: str,
    widest: int = 132,
    hint: str = "Point at a map to see it larger; click to pick it.",
    on_pick: Callable[[int | None], None] | None = None,
) -> int | None:
    """Shows a mosaic of feature maps as a grid in which a map is picked by pointer, touch or keyboard.

    The browser lays the squares out anew for the width it has, with at most ``columns`` in a row, and none
    narrower than 56 px while there is room for that. Arrow keys move, Enter picks, Escape clears.

    Args:
        mosaic_png: PNG of ``count`` squares of ``side`` pixels, row by row, ``columns`` in a row, ``gap`` pixels
            between neighbours; width ``columns * side + (columns - 1) * gap``, height likewise.
        columns: squares in a row of the mosaic.
        count: squares in it.
        side: side of a square, in pixels.
        gap: pixels between squares.
        channels: the channel that each square shows, (count,).
        labels: what is said of each square when it is pointed at, (count,).
        selected: the channel that has the ring; it may be one that is not shown.
        key: key of the component.
        alt: what the picture is, for those who do not see it.
        widest: most pixels that a square is wide on the page.
        hint: the line below, while no square is pointed at or selected.
        on_pick: called with the channel, or with None, when the person picks another or clears, before the rerun.

    Returns:
        The channel that is selected now: the picked one, None after Escape, else ``selected``.

    Raises:
        ValueError: the mosaic, the channels or the labels do not fit each other.
    """
    if not len(channels) == len(labels) == count:
        raise ValueError(f"{count} maps, {len(channels)} channels and {len(labels)} labels; they must be as many.")
    rows = -(-count // columns)
    _check_size(mosaic_png, columns * (side + gap) - gap, rows * (side + gap) - gap)
    channels = [int(channel) for channel in channels]

    def pick() -> None:
        after = channel_after(picked(key), channels, selected)
        if on_pick and after != selected:
            on_pick(after)

    now = channel_after(picked(key), channels, selected)
    drawn = {
        "mosaic": png_address(mosaic_png),
        "columns": columns,
        "side": side,
        "gap": gap,
        "channels": channels,
        "labels": list(labels),
        "selected": now,
        "alt": alt,
        "widest": widest,
        "hint": hint,
    }
    registered("convnet_explorer_channel_grid", GRID_SCRIPTS, STYLES)(key=key, data=drawn, on_picked_change=pick)
    return now


def strip(
    *,
    stages: Sequence[Stage],
    selected: Place | None,
    key: str,
    alt: str = "The network from its picture to its classes",
    threads: bool = True,
    on_pick: Callable[[Place | None], None] | None = None,
) -> Place | None:
    """Shows a network from its picture to its classes, a column a stage, left to right; or other columns of pictures.

    A strip wider than the page scrolls in itself. Arrow keys move, Enter picks, Escape clears.

    Args:
        stages: the columns, in the order in which the network computes them.
        selected: the square, or the column (:data:`WHOLE_STAGE`), that has the ring.
        key: key of the component.
        alt: what it is, for those who do not see it.
        threads: draw lines between neighbouring columns: everything on the left goes into everything on the right.
        on_pick: called with the place, or with None, when the person picks another or clears, before the rerun.

    Returns:
        The place that is selected now: the picked one, None after Escape, else ``selected``.

    Raises:
        ValueError: two stages have the same path, or a stage's squares, channels and labels do not fit.
    """
    if len({stage.path for stage in stages}) != len(stages):
        raise ValueError("Two stages of the strip have the same path.")

    def pick() -> None:
        after = place_after(picked(key), stages, selected)
        if on_pick and after != selected:
            on_pick(after)

    now = place_after(picked(key), stages, selected)
    drawn = {
        "stages": [_column(stage) for stage in stages],
        "selected": None if now is None else list(now),
        "alt": alt,
        "threads": threads,
    }
    registered("convnet_explorer_strip", STRIP_SCRIPTS, STYLES)(key=key, data=drawn, on_picked_change=pick)
    return now


def _column(stage: Stage) -> dict[str, Any]:
    count = len(stage.channels)
    labels = list(stage.labels) or [f"channel {channel}" for channel in stage.channels]
    if len(labels) != count:
        raise ValueError(f"The stage {stage.path} has {count} squares and {len(labels)} labels.")
    if count:
        _check_size(stage.tiles_png, stage.side, count * stage.side)
    ends = [float(end) for end in (stage.low, stage.high) if end is not None and isfinite(end)]
    return {
        "path": stage.path,
        "title": stage.title,
        "shape": stage.shape_text,
        "parameters": stage.parameters_text,
        "tiles": png_address(stage.tiles_png) if count else None,
        "side": stage.side,
        "channels": [int(channel) for channel in stage.channels],
        "labels": labels,
        "range": ends if len(ends) == 2 else None,
        "signed": stage.signed,
        "bars": [[name, float(probability)] for name, probability in stage.bars],
        "opens": stage.opens,
    }


def _check_size(png: bytes, width: int, height: int) -> None:
    """Reads the size from the PNG's first chunk, so that a mosaic cut at the wrong places cannot be shown."""
    if png[:8] != PNG_SIGNATURE:
        raise ValueError("The squares must be given as a PNG.")
    found = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    if found != (width, height):
        raise ValueError(f"The PNG has {found[0]} × {found[1]} pixels; its squares ask for {width} × {height}.")
