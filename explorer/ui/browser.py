"""What every browser component needs: its scripts and styles from ``assets/components``, and what it sent.

A component's JavaScript sends what the person did as the trigger ``picked`` (``keepMounted`` in ``tiles.js``).
"""

import base64
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer.settings import ASSETS

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

FOLDER = ASSETS / "components"


@cache
def registered(name: str, scripts: tuple[str, ...], styles: tuple[str, ...]) -> "ComponentRenderer":
    """The component, registered once; its renderer registers itself again in a runtime that lacks it.

    Args:
        name: of the component, unique in the app.
        scripts: files of ``assets/components``, joined in this order; the last one has the default export.
        styles: likewise.
    """
    script, style = (
        "\n".join((FOLDER / file).read_text(encoding="utf-8") for file in files) for files in (scripts, styles)
    )
    return st.components.v2.component(name, css=style, js=script)


def picked(key: str) -> object:
    """What the browser sent with this rerun: Streamlit forgets it after the run, so nothing is picked twice."""
    state = st.session_state.get(key)
    return state.get("picked") if isinstance(state, dict) else None


def png_address(png: bytes) -> str:
    """A PNG as an address that a picture element understands."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def jpeg_address(pixels: NDArray[np.uint8]) -> str:
    """A picture, uint8 (H, W, 3), as a small JPEG in an address that a picture element understands."""
    encoded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")
