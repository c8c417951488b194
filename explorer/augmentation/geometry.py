"""All geometric changes as one affine map, and the one resampling that it takes.

With (x, y) the column and row of a pixel of the result, seen from the centre, the level comes from the place

    R(θ) · T(tx, ty) · S(shear) · Z(zx, zy) · F · C · (x, y)

of the picture: rotation, shift, shear, zoom as in ImageDataGenerator, then the flips F and the crop C. Resampled once,
a picture stays as sharp as one bilinear interpolation leaves it.

Keras's own version exchanges height and width when it looks for the centre, so that a picture that is not square turns
around another point, and draws ``tx``, which moves sideways, from the range of the height. Both are put right here; on
square pictures the same values give the same picture.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from explorer.augmentation.registry import CONSTANT, NEAREST, REFLECT, WRAP

Matrix = NDArray[np.float64]
Images = NDArray[np.uint8]

BORDERS = {NEAREST: cv2.BORDER_REPLICATE, REFLECT: cv2.BORDER_REFLECT, CONSTANT: cv2.BORDER_REPLICATE}
ROUNDING = 1e-6
"""Pixels by which a place may lie outside through rounding alone."""


def affine(drawn: dict[str, Any], height: int, width: int) -> Matrix:
    """The map from pixels of the result to places in the picture: float64 (2, 3), acting on (column, row, 1).

    Args:
        drawn: as from ``drawing.draw``.
        height: of the picture, in pixels.
        width: likewise.

    >>> affine({"tx": 2, "ty": 0}, 4, 6).tolist()
    [[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]]
    """
    theta, shear = np.deg2rad([drawn.get("theta", 0.0), drawn.get("shear", 0.0)])
    rotation = _matrix(np.cos(theta), -np.sin(theta), 0, np.sin(theta), np.cos(theta), 0)
    shift = _matrix(1, 0, drawn.get("tx", 0.0), 0, 1, drawn.get("ty", 0.0))
    shearing = _matrix(1, -np.sin(shear), 0, 0, np.cos(shear), 0)
    zoom = _matrix(drawn.get("zx", 1.0), 0, 0, 0, drawn.get("zy", 1.0), 0)
    mirrored = -1 if drawn.get("flip_horizontal") else 1
    turned = -1 if drawn.get("flip_vertical") else 1
    flips = _matrix(mirrored, 0, 0, 0, turned, 0)
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    to_centre, back = _matrix(1, 0, -centre_x, 0, 1, -centre_y), _matrix(1, 0, centre_x, 0, 1, centre_y)
    whole: Matrix = (
        back @ rotation @ shift @ shearing @ zoom @ flips @ to_centre @ _crop(drawn.get("crop"), height, width)
    )
    return whole[:2]


def _matrix(*two_rows: float) -> Matrix:
    return np.array([*two_rows, 0, 0, 1], np.float64).reshape(3, 3)


def _crop(box: list[float] | None, height: int, width: int) -> Matrix:
    """From the enlarged part to its place in the whole; pixels are squares, their centres at halves."""
    if box is None:
        return np.eye(3)
    top, left, tall, wide = box
    return _matrix(wide, 0, left * width + wide / 2 - 0.5, 0, tall, top * height + tall / 2 - 0.5)


def warp(image: Images, matrix: Matrix, fill_mode: str, cval: float) -> Images:
    """The picture resampled once, bilinearly.

    Args:
        image: uint8 (H, W, C).
        matrix: as from :func:`affine`.
        fill_mode: key of ``FILL_MODES``.
        cval: grey level of the fill mode "constant": of every place that lies outside the pixels' centres.

    Returns:
        uint8 (H, W, C), rounded.
    """
    height, width = image.shape[:2]
    flipped = _only_flips(matrix, height, width)
    if flipped is not None:
        return np.ascontiguousarray(image[:: flipped[0], :: flipped[1]])
    if fill_mode == WRAP:
        columns, rows = _places(matrix, height, width)
        return _shaped(
            cv2.remap(
                image,
                _wrapped(columns, width),
                _wrapped(rows, height),
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            ),
            image,
        )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = _shaped(cv2.warpAffine(image, matrix, (width, height), flags=flags, borderMode=BORDERS[fill_mode]), image)
    if fill_mode == CONSTANT:
        columns, rows = _places(matrix, height, width)
        inside = _inside(columns, width) & _inside(rows, height)
        moved = np.where(inside[..., None], moved, np.uint8(round(cval)))
    return moved


def _only_flips(matrix: Matrix, height: int, width: int) -> tuple[int, int] | None:
    """The steps through rows and columns, 1 or −1, where the map is no more than that."""
    (a, b, c), (d, e, f) = matrix
    if (
        b == d == 0
        and abs(a) == abs(e) == 1
        and c == (0 if a == 1 else width - 1)
        and f == (0 if e == 1 else height - 1)
    ):
        return int(e), int(a)
    return None


def _shaped(moved: Any, image: Images) -> Images:
    """OpenCV drops the axis of a single channel."""
    return np.asarray(moved, np.uint8).reshape(image.shape)


def _places(matrix: Matrix, height: int, width: int) -> tuple[Matrix, Matrix]:
    """Column and row, in the picture, of each pixel of the result: float64 (H, W) each."""
    (a, b, c), (d, e, f) = matrix
    x, y = np.arange(width), np.arange(height)[:, None]
    return a * x + (b * y + c), d * x + (e * y + f)


def _inside(places: Matrix, side: int) -> NDArray[np.bool_]:
    return (places >= -ROUNDING) & (places <= side - 1 + ROUNDING)


def _wrapped(places: Matrix, side: int) -> NDArray[np.float32]:
    """Into 0 to side − 1, as SciPy's mode "wrap" does it: the last pixel and the first lie on each other."""
    period = max(1, side - 1)
    before, behind = places < -ROUNDING, places > side - 1 + ROUNDING
    turns = np.where(before, np.ceil(-places / period), np.where(behind, -np.floor(places / period), 0))
    inside: NDArray[np.float32] = np.clip(places + turns * period, 0, side - 1).astype(np.float32)
    return inside
