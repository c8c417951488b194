"""The browser component to draw on by hand: white on black, as the digits that networks learn from."""

import base64
import binascii
from typing import Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer.ui.browser import registered

Ink = Literal["white on black", "black on white"]

SCRIPTS = ("window_math.js", "grid_view.js", "tiles.js", "sketch.js")
STYLES = ("components.css", "sketch.css")
SIDE = 56
"""Rows and columns of a drawing."""
TEXT_LENGTH = len(base64.b64encode(bytes(SIDE * SIDE)))


def drawn_by(sent: object) -> NDArray[np.uint8] | None:
    """The drawing that the browser sent, uint8 (56, 56, 1); None for nothing, nonsense and an empty sheet.

    >>> dot = bytes(3135) + b"x"
    >>> drawn_by(base64.b64encode(dot).decode()).max(), drawn_by("?")
    (np.uint8(120), None)
    """
    if not isinstance(sent, str) or len(sent) != TEXT_LENGTH:
        return None
    try:
        levels = base64.b64decode(sent, validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(levels) != SIDE * SIDE or not any(levels):
        return None
    return np.frombuffer(levels, np.uint8).reshape(SIDE, SIDE, 1).copy()


def sketchpad(*, key: str, ink: Ink = "white on black", label: str = "Draw here") -> NDArray[np.uint8] | None:
    """A square to draw on with mouse, pen or finger; Python is told when a stroke ends.

    Args:
        key: of the component.
        ink: how it looks; what comes back is bright on black in any case.
        label: what is to be drawn: on the empty sheet, and for those who do not see it.

    Returns:
        uint8 (56, 56, 1), 0 where nothing is drawn; None for an empty sheet.
    """
    before = _sent(st.session_state.get(key))
    kept = before if drawn_by(before) is not None else ""
    registered("convnet_explorer_sketchpad", SCRIPTS, STYLES)(
        key=key, data={"side": SIDE, "drawn": kept, "ink": ink, "label": label}, on_drawn_change=lambda: None
    )
    return drawn_by(before)


def _sent(state: object) -> object:
    return state.get("drawn") if isinstance(state, dict) else None
