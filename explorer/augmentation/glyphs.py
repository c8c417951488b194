"""Letters and digits, drawn by the app: some of which a mirror or half a turn makes others."""

import cv2
import numpy as np
from numpy.typing import NDArray

from explorer.augmentation.edges import SIDE, Images

GLYPHS = "bdpqnuszE369MWNOXATH"
"""What :func:`glyphs` draws. A mirror makes d of b and 3 of E; half a turn p of d, u of n, 9 of 6 and W of M."""
FACES = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX)
SLANTS = (-0.15, 0.0, 0.15)
SIZES = (0.85, 1.0, 1.15)
FINE = 6
"""Glyphs are drawn this many times larger and then averaged, so that their edges are smooth."""


def glyphs() -> tuple[Images, NDArray[np.int64], tuple[str, ...]]:
    """Letters and digits, white on black: some that a mirror or half a turn makes others of, and some that it does not.

    Each one in two faces, three sizes and three slants, as many to the left as to the right.

    Returns:
        uint8 (360, 28, 28, 1), int (360,), and the twenty names of the classes.

    >>> images, labels, names = glyphs()
    >>> images.shape, labels[:2].tolist(), names[0]
    ((360, 28, 28, 1), [0, 0], 'b')
    """
    drawn = [
        _glyph(character, face, size, slant)
        for character in GLYPHS
        for face in FACES
        for size in SIZES
        for slant in SLANTS
    ]
    each = len(drawn) // len(GLYPHS)
    return np.stack(drawn)[..., None], np.repeat(np.arange(len(GLYPHS)), each), tuple(GLYPHS)


def _glyph(character: str, face: int, size: float, slant: float) -> Images:
    """One character in the middle: uint8 (28, 28)."""
    side = SIDE * FINE
    canvas = np.zeros((side, side), np.uint8)
    cv2.putText(canvas, character, (side // 4, 2 * side // 3), face, 0.8 * FINE, 255, 2 * FINE, cv2.LINE_AA)
    left, top, width, height = cv2.boundingRect(canvas)
    middle_x, middle_y = left + (width - 1) / 2, top + (height - 1) / 2
    turn = np.array([[size, slant], [0, size]])
    move = (side - 1) / 2 - turn @ [middle_x, middle_y]
    placed = cv2.warpAffine(canvas, np.column_stack([turn, move]), (side, side))
    return np.asarray(cv2.resize(placed, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
