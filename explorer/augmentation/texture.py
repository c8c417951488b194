"""Changes of texture: blur, noise, JPEG's artefacts, and parts that are missing."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from explorer.augmentation.colour import rounded

Images = NDArray[np.uint8]

MISSING = 128
"""Grey level of a part that was cut out."""


def change(image: Images, drawn: dict[str, Any]) -> Images:
    """Blur, noise, JPEG, erasing, cutout, in this order.

    Args:
        image: uint8 (H, W, 1 or 3).
        drawn: as from ``drawing.draw``.

    Returns:
        uint8 (H, W, 1 or 3).
    """
    if drawn.get("blur"):
        blurred = cv2.GaussianBlur(image, (0, 0), drawn["blur"], borderType=cv2.BORDER_REFLECT)
        image = np.asarray(blurred, np.uint8).reshape(image.shape)
    if drawn.get("noise"):
        numbers = np.random.Generator(np.random.Philox(drawn.get("noise_seed", 0)))
        image = rounded(image + numbers.standard_normal(image.shape, np.float32) * np.float32(drawn["noise"]))
    if drawn.get("jpeg") is not None:
        image = _jpeg(image, int(drawn["jpeg"]))
    if drawn.get("erasing") is not None:
        image = _erased(image, drawn["erasing"], drawn.get("erasing_seed", 0))
    if drawn.get("cutout") is not None:
        image = image.copy()
        _part(image, drawn["cutout"])[...] = MISSING
    return image


def _jpeg(image: Images, quality: int) -> Images:
    """Saved and read again. OpenCV takes the channels for blue, green, red."""
    colourful = image.shape[2] == 3
    bgr = np.ascontiguousarray(image[..., ::-1] if colourful else image)
    encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, min(100, max(1, quality))])[1]
    read = cv2.imdecode(encoded, cv2.IMREAD_COLOR if colourful else cv2.IMREAD_GRAYSCALE)
    decoded = np.asarray(read, np.uint8).reshape(image.shape)
    return np.ascontiguousarray(decoded[..., ::-1]) if colourful else decoded


def _erased(image: Images, box: list[int], seed: int) -> Images:
    """A rectangle of levels drawn at random."""
    image = image.copy()
    part = _part(image, box)
    numbers = np.random.Generator(np.random.Philox(seed))
    part[...] = numbers.integers(0, 256, part.shape, np.uint8)
    return image


def _part(image: Images, box: list[int]) -> Images:
    """The box (top, left, height, width) of a picture, to be written to."""
    top, left, height, width = (int(side) for side in box)
    return image[top : top + height, left : left + width]
