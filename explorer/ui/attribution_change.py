"""The Grad-CAM page's experiments: change the picture, and see score and map move together."""

from collections.abc import Collection

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import figures, images
from explorer.attribution import Explanation
from explorer.ui import attribution_options as options
from explorer.ui import cache, state
from explorer.ui.attribution_components import painter
from explorer.ui.attribution_stage import Explained, answer, over, unit_of
from explorer.ui.texts import plain

CELLS = 14
"""Cells across the picture that can be painted over."""
PAINTED = "_grad_cam_painted"
"""The painted cells of this session: the network's key and the picture's sha → cells."""

Cells = tuple[tuple[int, int], ...]


def change(shown: Explained) -> None:
    """The picture changed, and what becomes of the answer."""
    how = options.EDIT.draw()
    painted: Cells = ()
    _sliders(how)
    left, right = st.columns(2)
    with left:
        if how == "cover":
            painted = _paint(shown)
        else:
            _heat(shown, shown.fitted, shown.found, "The heatmap of the picture as it is")
    changed = altered(shown.fitted, how, painted)
    if np.array_equal(changed, shown.fitted):
        right.info(
            "Nothing is changed yet. Drag over the picture to cover a part of it."
            if how == "cover"
            else "Nothing is changed yet."
        )
        return
    with right:
        _after(shown, changed)


def _after(shown: Explained, changed: NDArray[np.uint8]) -> None:
    """Map and scores of the changed picture, beside those of the picture as it was."""
    asked = shown.asked
    sha = images.fingerprint(changed)
    found = answer(asked, changed, sha)
    _heat(shown, changed, found, "The heatmap of the changed picture")
    name = plain(asked.classifier.class_names[asked.target.index or 0])
    before, after = shown.found, found
    one, two = st.columns(2)
    one.metric(f"Probability of {name}", f"{after.probability:.1%}", _points(after.probability - before.probability))
    unit = unit_of(asked).rstrip(",").capitalize()
    two.metric(unit, f"{after.score:.3f}", f"{after.score - before.score:+.3f}")
    top = cache.top_classes(asked.classifier.key, sha, asked.classifier, changed)
    st.caption("Now the likeliest: " + ", ".join(f"{plain(label)} {share:.0%}" for _, label, share in top[:3]))


def _heat(shown: Explained, picture: NDArray[np.uint8], found: Explanation, alt: str) -> None:
    """A picture as the network reads it, with its map."""
    rgb = figures.enlarge(images.to_rgb(picture), 480)
    heat = over(rgb, (0, 0, *rgb.shape[:2]), found, dark=shown.dark)
    st.image(images.encode_png(heat.pixels), width="stretch", output_format="PNG", alt=alt)


def _points(change: float) -> str:
    """``−12.3 points``."""
    return f"{100 * change:+.1f} points"


def _paint(shown: Explained) -> Cells:
    """The picture as the network reads it, to paint over."""
    key = shown.key
    cells: Cells = state.get(PAINTED, {}).get(key, ())

    def keep(now: Cells) -> None:
        state.put(PAINTED, {key: now})

    picture = images.to_rgb(shown.fitted)
    now = painter(
        picture_png=images.encode_png(figures.enlarge(picture, 480)),
        cells=grid(shown.fitted),
        painted=cells,
        key="grad_cam.painter",
        alt="The picture as the network reads it; drag to cover parts",
        on_paint=keep,
    )
    keep(now)
    return now


def grid(picture: NDArray[np.uint8]) -> tuple[int, int]:
    """Rows and columns of the cells: about square, and never finer than a pixel."""
    height, width = picture.shape[:2]
    return min(CELLS, height), min(CELLS, width)


def _sliders(how: str) -> None:
    if how == "blur":
        options.BLUR.draw()
    elif how == "shift":
        options.SHIFT_X.draw()
        options.SHIFT_Y.draw()


def altered(picture: NDArray[np.uint8], how: str, painted: Collection[tuple[int, int]] = ()) -> NDArray[np.uint8]:
    """The picture after the chosen change.

    Args:
        picture: uint8 (H, W, C).
        how: key of ``EDITS``.
        painted: for "cover", the cells that become the picture's mean colour.
    """
    changed = picture.copy()
    height, width = picture.shape[:2]
    if how == "cover":
        rows, cols = grid(picture)
        for row, col in painted:
            tall = slice(row * height // rows, (row + 1) * height // rows)
            changed[tall, col * width // cols : (col + 1) * width // cols] = picture.mean(axis=(0, 1)).round()
    elif how == "blur":
        if sigma := options.BLUR.current() * max(height, width):
            changed = cv2.GaussianBlur(picture, (0, 0), sigma).reshape(picture.shape)
    elif how == "shift":
        right, down = round(options.SHIFT_X.current() * width), round(options.SHIFT_Y.current() * height)
        matrix = np.array([[1, 0, right], [0, 1, down]], np.float32)
        mean = [float(value) for value in picture.mean(axis=(0, 1))]
        moved = cv2.warpAffine(picture, matrix, (width, height), borderValue=mean)
        changed = moved.reshape(picture.shape)
    else:
        changed = picture[:, ::-1] if how == "mirror" else picture[::-1]
    return np.ascontiguousarray(changed)
