"""Small operations on pictures that are already arrays."""

import hashlib
import io

import cv2
import numpy as np
from PIL import Image

from explorer.errors import ImageInputError


def to_grey(image: np.ndarray) -> np.ndarray:
    """The luminance of a picture: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), not rounded.

    Args:
        image: (H, W, 3) RGB, or (H, W) or (H, W, 1), which is grey already; in 0–255.

    Returns:
        float32 (H, W), in the units of the image.

    Raises:
        ImageInputError: the array has another shape.

    >>> to_grey(np.array([[[255, 0, 0]]], np.uint8))
    array([[76.244995]], dtype=float32)
    """
    _check_shape(image)
    if image.ndim == 2 or image.shape[2] == 1:
        return image.reshape(image.shape[:2]).astype(np.float32)
    return np.asarray(image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32))


def to_rgb(image: np.ndarray) -> np.ndarray:
    """A picture (H, W, 1) or pictures (N, H, W, 1) with three equal channels; with three already, the same array.

    >>> to_rgb(np.zeros((2, 2, 1), np.uint8)).shape
    (2, 2, 3)
    """
    return image if image.shape[-1] == 3 else image.repeat(3, axis=-1)


def fingerprint(image: np.ndarray) -> str:
    """A name for exactly this array: the sha256 of its shape, type and bytes, in hexadecimal.

    >>> fingerprint(np.zeros((2, 3))) == fingerprint(np.zeros((3, 2)))
    False
    """
    digest = hashlib.sha256(f"{image.shape} {image.dtype.str} ".encode())
    digest.update(np.ascontiguousarray(image).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def reduce_to(image: np.ndarray, side: int) -> np.ndarray:
    """The picture made smaller, so that neither side is above ``side``, by averaging areas.

    Args:
        image: (H, W) or (H, W, C), uint8 or float32.
        side: largest height and width, in pixels, at least 1.

    Returns:
        The same array when it is small enough, else one of the same type and number of channels.

    Raises:
        ImageInputError: the array is no picture, or ``side`` is below 1.

    >>> reduce_to(np.array([[0, 4], [8, 8]], np.uint8), 1)
    array([[5]], dtype=uint8)
    """
    _check_shape(image)
    if side < 1:
        raise ImageInputError(f"A picture cannot be reduced to {side} pixels; at least 1 is needed.")
    height, width = image.shape[:2]
    longest = max(height, width)
    if longest <= side:
        return image
    size = (max(1, round(width * side / longest)), max(1, round(height * side / longest)))
    smaller = cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)
    return np.asarray(smaller).reshape(size[1], size[0], *image.shape[2:])


def crop(image: np.ndarray, top: int, left: int, height: int, width: int) -> np.ndarray:
    """A rectangle of the picture, moved and cut so that it lies inside.

    Args:
        image: (H, W) or (H, W, C).
        top: first row; moved up when the rectangle would stick out below.
        left: first column; moved left when the rectangle would stick out on the right.
        height: rows; at least 1, at most H.
        width: columns; at least 1, at most W.

    Returns:
        A view of the picture, (height, width) or (height, width, C).

    >>> crop(np.arange(9).reshape(3, 3), 2, -5, 2, 2)
    array([[3, 4],
           [6, 7]])
    """
    _check_shape(image)
    height = min(max(height, 1), image.shape[0])
    width = min(max(width, 1), image.shape[1])
    top = min(max(top, 0), image.shape[0] - height)
    left = min(max(left, 0), image.shape[1] - width)
    return image[top : top + height, left : left + width]


def encode_png(image: np.ndarray) -> bytes:
    """The picture as a PNG file, lightly compressed: it goes to the browser once.

    Args:
        image: uint8 (H, W), (H, W, 1) or (H, W, 3) RGB.

    Raises:
        ImageInputError: the array is not uint8, empty or of another shape.

    >>> encode_png(np.zeros((1, 1), np.uint8))[1:4]
    b'PNG'
    """
    _check_shape(image)
    if image.dtype != np.uint8:
        raise ImageInputError(f"Only uint8 pictures are written as PNG; these values are {image.dtype}.")
    ordered = image[:, :, ::-1] if image.ndim == 3 and image.shape[2] == 3 else image  # OpenCV wants B, G, R
    _, encoded = cv2.imencode(".png", np.ascontiguousarray(ordered), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return encoded.tobytes()


def encode_indexed_png(levels: np.ndarray, table: np.ndarray, *, compress: bool = True) -> bytes:
    """A picture of at most 256 colours as a PNG file: the places in a table of colours, and the table.

    Several times quicker to write than the same picture in full colour, and to the pixel the same.

    Args:
        levels: uint8 (H, W) or (H, W, 1), places in the table.
        table: uint8 (256, 3), RGB.
        compress: lightly; without it the file is as large as the picture, and written at once.

    Raises:
        ImageInputError: the array is not uint8, empty or of another shape.
    """
    _check_shape(levels)
    picture = Image.fromarray(np.ascontiguousarray(levels.reshape(levels.shape[:2])))
    picture.putpalette(table.tobytes())
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1 if compress else 0)
    return file.getvalue()


def _check_shape(image: np.ndarray) -> None:
    if not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (1, 3))) or image.size == 0:
        raise ImageInputError(f"A picture has the shape (H, W), (H, W, 1) or (H, W, 3), not {image.shape}.")
