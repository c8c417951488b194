"""The Filters page's long work: pictures grow on the page, step by step, until they are done or stopped."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import figures, maps, overview
from explorer.ascent import Frame, Growth, ascend, diversify, dream, invert, together
from explorer.errors import LayerError
from explorer.ui import cache, state
from explorer.ui import filter_options as options
from explorer.ui.browser import jpeg_address
from explorer.ui.filter_options import ANSWERS, DREAM, INVERT, Asked
from explorer.ui.progress import progress

REDRAW_SECONDS = 0.5
"""Between two pictures of a growing grid. The work itself goes on in between."""
GAP = 6
SHEET_SIDE = 640
"""About the width of the grid, in pixels."""
LARGEST = 512
"""Height and width of a picture in it, in pixels, at most."""

GROWN = "_filters_grown"
"""The session's last growth with what it was asked for: ``(key, Growth)`` or None."""


@dataclass(frozen=True)
class Sheet:
    """Pictures side by side.

    Attributes:
        pixels: uint8 (H, W, 3).
        columns: pictures in a row.
        side: height and width of each, in pixels.
    """

    pixels: NDArray[np.uint8]
    columns: int
    side: int


def sheet(pictures: NDArray[np.uint8], *, dark: bool, side: int | None = None) -> Sheet:
    """Pictures (N, H, W, C) side by side, as square as can be."""
    count = len(pictures)
    columns = max(1, round(np.sqrt(count)))
    rgb = pictures if pictures.shape[3] == 3 else pictures.repeat(3, axis=3)
    wanted = side or max(64, min((SHEET_SIDE - GAP * (columns - 1)) // columns, LARGEST))
    drawn = maps.mosaic(rgb, columns, gap=GAP, side=wanted, ground=figures.ground(dark=dark))
    return Sheet(drawn.pixels, drawn.columns, drawn.side)


def found(asked: Asked) -> Growth | None:
    """What has been grown for exactly this question: finished by anybody, or as far as this session came."""
    finished: Growth | None = cache.shelf().get(asked.key)
    if finished is not None:
        return finished
    kept = state.get(GROWN)
    return kept[1] if kept is not None and kept[0] == asked.key else None


def grow(asked: Asked, *, dark: bool, stop: str = "filters.stop", remember: bool = True) -> Growth:
    """Let the pictures grow where the page is being drawn.

    *Stop*, or any other choice, ends the work at its next step; what has grown stays in the session.

    Args:
        asked: what is to be grown.
        dark: whether the page is dark.
        stop: key of the button.
        remember: whether the session keeps it as its last growth.

    Raises:
        ExplorerError: as the functions of :mod:`explorer.ascent`.
    """
    check_work(asked)
    growth = Growth(labels(asked))
    place = st.empty()
    with place.container():
        left, right = st.columns([1.55, 1], gap="medium")
    with right:
        bar, curves = st.container(), st.empty()
        st.caption(f"Growing {what(asked)}.")
    grid = left.empty()
    with _emptied(place), bar, progress(stop, "Compiling the climb…") as report:
        drawn = time.monotonic()
        frames = climb(asked)
        for frame in frames:
            growth.add(frame)
            now = time.monotonic()
            if frame.step == 0 and remember:
                state.put(GROWN, (asked.key, growth))
            if frame.step == 0 or now - drawn > REDRAW_SECONDS:
                _draw(grid, curves, growth, dark=dark)
                drawn = time.monotonic()
            report(frame.step / max(1, frame.steps))
    growth.newest()
    cache.shelf().get_or_make(asked.key, lambda: growth, lambda one: one.nbytes)
    return growth


@contextmanager
def _emptied(place: Any) -> Iterator[None]:
    """Leave nothing half grown on the page, whether the work is done or ends with an error."""
    try:
        yield
    finally:
        place.empty()


def _draw(grid: Any, curves: Any, growth: Growth, *, dark: bool) -> None:
    """The pictures and their scores as they are now."""
    # whole in its address: a file would be gone when a slow browser asks for it
    picture = jpeg_address(sheet(growth.newest(), dark=dark).pixels)
    grid.image(picture, width="stretch", alt=f"{len(growth.labels)} pictures at step {growth.step}")
    if growth.step > 0:
        scores = np.stack(growth.scores)
        curves.image(figures.growth_curves(scores, growth.steps, dark=dark), width="stretch", alt="Scores by step")


def climb(asked: Asked) -> Iterator[Frame]:
    """The frames of what is asked for."""
    model, layer = asked.classifier, asked.layer.path
    recipe: Any = {"size": asked.size, "seed": asked.seed}
    picture = asked.chosen.picture.pixels
    if asked.mode == DREAM:
        return dream(model, layer, picture, channels=asked.channels or None, recipe=asked.recipe, **recipe)
    if asked.mode == INVERT:
        depths = inverted(asked)
        return together([invert(model, path, picture, recipe=asked.recipe, **recipe) for path in depths])
    recipe.update(preset=asked.recipe, direction=asked.direction, image=picture)
    if asked.mode == ANSWERS:
        return diversify(model, layer, asked.channels[0], count=asked.count, diversity=asked.diversity, **recipe)
    return ascend(model, layer, asked.channels, **recipe)


def inverted(asked: Asked) -> tuple[str, ...]:
    """The layers at which the picture is inverted: along the network up to the chosen one, which is the last."""
    paths = [layer.path for layer in asked.layers]
    last = paths.index(asked.layer.path)
    before = overview.stages(asked.layers[: last + 1], options.INVERTED - 1)
    return tuple(dict.fromkeys([*(layer.path for layer in before if layer.path != asked.layer.path), asked.layer.path]))


def labels(asked: Asked) -> tuple[str, ...]:
    """What each picture is."""
    if asked.mode == DREAM:
        return (f"{asked.layer.path} dreams",)
    if asked.mode == INVERT:
        return inverted(asked)
    if asked.mode == ANSWERS:
        return tuple(f"{asked.named(asked.channels[0])}, answer {place + 1}" for place in range(asked.count))
    return tuple(asked.named(channel) for channel in asked.channels)


def what(asked: Asked) -> str:
    """What is grown, in words."""
    count = len(labels(asked))
    height, width = asked.size
    pictures = "one picture" if count == 1 else f"{count} pictures"
    return f"{pictures} of {height} × {width} pixels in {asked.recipe.steps} steps"


def check_work(asked: Asked) -> None:
    """Raise a :class:`LayerError` where it would take a shared machine too long."""
    limit = cache.limits().max_ascent_work
    pixels = len(labels(asked)) * asked.size[0] * asked.size[1]
    work = pixels * asked.recipe.steps
    if work > limit:
        raise LayerError(
            f"That is {what(asked)}: {work / limit:.1f} times what this copy allows at once. Take fewer channels or "
            "steps, or a smaller size."
        )
    if pixels > cache.limits().max_ascent_pixels:
        raise LayerError(
            f"That is {what(asked)}: more than this copy holds at once. Take fewer channels, or a smaller size."
        )
