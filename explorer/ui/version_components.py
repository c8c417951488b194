"""The browser component of the Augmentation page: versions of a picture, each with what was drawn for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explorer import images
from explorer.figures import enlarge
from explorer.ui.browser import jpeg_address, picked, png_address, registered

SCRIPTS = ("window_math.js", "grid_view.js", "tiles.js", "versions.js")
STYLES = ("components.css", "versions.css")
CRISP_SIDE = 64
"""Smaller pictures are sent without loss, and their pixels stay squares."""
SHOWN_SIDE = 320
"""Longest side of a version on the page, in pixels."""


@dataclass(frozen=True)
class Version:
    """One picture of the grid.

    Attributes:
        pixels: uint8 (H, W, 1 or 3).
        title: its name, in its corner; also what is said to those who do not see it.
        words: what was drawn, a short text each.
        mark: one line above them that stands out.
        tone: how the mark is coloured: "good", "bad" or nothing.
    """

    pixels: NDArray[np.uint8]
    title: str
    words: Sequence[str] = ()
    mark: str = ""
    tone: str = ""


def version_after(sent: object, count: int, selected: int | None) -> int | None:
    """The selected version after what the browser sent; as it was after nothing, or nonsense.

    >>> version_after({"version": 3}, 16, 0), version_after({"version": 16}, 16, 0), version_after("x", 16, None)
    (3, 0, None)
    """
    if not isinstance(sent, dict):
        return selected
    version = sent.get("version")
    return version if type(version) is int and 0 <= version < count else selected


def versions(
    shown: Sequence[Version],
    *,
    key: str,
    alt: str,
    columns: int = 4,
    narrow: int = 2,
    tallest: int = 340,
    brief: bool = False,
    selected: int | None = None,
    on_pick: Callable[[int], None] | None = None,
) -> None:
    """Draw versions of a picture in a grid.

    Args:
        shown: the pictures with their words.
        key: of the component.
        alt: what they are, for those who do not see them.
        columns: in a row.
        narrow: in a row on a phone.
        brief: of many words only the first three lines are seen, the rest when a picture is pointed at.
        tallest: most pixels that a picture is high on the page, but on a phone.
        selected: the one that has the ring.
        on_pick: called with another version's place when it is picked, before the rerun; None where none can be.
    """

    def pick() -> None:
        after = version_after(picked(key), len(shown), selected)
        if on_pick and after is not None and after != selected:
            on_pick(after)

    crisp = all(max(version.pixels.shape[:2]) <= CRISP_SIDE for version in shown)
    drawn = {
        "tiles": [
            {
                "src": address(version.pixels),
                "title": version.title,
                "words": list(version.words),
                "mark": version.mark,
                "tone": version.tone,
            }
            for version in shown
        ],
        "columns": columns,
        "narrow": narrow,
        "tallest": tallest,
        "brief": brief,
        "selected": selected,
        "alt": alt,
        "crisp": crisp,
        "picks": on_pick is not None,
    }
    registered("convnet_explorer_versions", SCRIPTS, STYLES)(key=key, data=drawn, on_picked_change=pick)


def address(pixels: NDArray[np.uint8]) -> str:
    """A version as an address: small ones to the pixel, larger ones as a JPEG of high quality."""
    if max(pixels.shape[:2]) <= CRISP_SIDE:
        return png_address(images.encode_png(enlarge(pixels, CRISP_SIDE)))
    return jpeg_address(np.ascontiguousarray(images.to_rgb(images.reduce_to(pixels, SHOWN_SIDE))))
