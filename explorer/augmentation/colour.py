"""Changes of colour: tables of 256 levels where each channel is changed by itself, hue and saturation where not."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from explorer.images.pixels import to_grey

Images = NDArray[np.uint8]


def change(image: Images, drawn: dict[str, Any]) -> Images:
    """Channel shift, brightness, contrast, saturation, hue, grey, in this order.

    Args:
        image: uint8 (H, W, 1 or 3).
        drawn: as from ``drawing.draw``.

    Returns:
        uint8 (H, W, 1 or 3).
    """
    image = _levels(image, drawn)
    colourful = image.shape[2] == 3
    if colourful and (drawn.get("saturation") is not None or drawn.get("hue") is not None):
        image = _hue(image, drawn.get("saturation"), drawn.get("hue"))
    if colourful and drawn.get("grey"):
        image = rounded(to_grey(image))[..., None].repeat(3, axis=2)
    return image


def rounded(values: NDArray[Any]) -> Images:
    """Whole levels in 0–255."""
    levels: Images = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return levels


def _levels(image: Images, drawn: dict[str, Any]) -> Images:
    """What changes a level whatever the other channels are: one table for each channel, and one rounding."""
    shift, factor, contrast = drawn.get("channel_shift_intensity"), drawn.get("brightness"), drawn.get("contrast")
    if shift is None and factor is None and contrast is None:
        return image
    levels = np.arange(256, dtype=np.float64)
    if shift is not None:
        levels = np.clip(levels + shift, image.min(), image.max())
    if factor is not None:
        levels = np.clip(levels * factor, 0, 255)
    tables = np.repeat(levels[:, None], image.shape[2], axis=1)
    if contrast is not None:
        # The mean of each channel, from how often each level occurs: whole numbers, the same on every machine.
        counts = np.stack([np.bincount(plane.ravel(), minlength=256) for plane in np.moveaxis(image, 2, 0)], axis=1)
        mean = (counts * tables).sum(axis=0) / counts.sum(axis=0)
        tables = (tables - mean) * contrast + mean
    whole = rounded(tables)
    return np.stack([whole[:, channel][image[..., channel]] for channel in range(image.shape[2])], axis=2)


def _hue(image: Images, saturation: float | None, degrees: float | None) -> Images:
    """Hue turned and saturation multiplied in HSV, as ``tf.image.adjust_hue`` and ``adjust_saturation`` do it."""
    hsv = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)  # hue in degrees, the others 0–1
    if degrees is not None:
        hsv[..., 0] = np.mod(hsv[..., 0] + np.float32(degrees), 360)
    if saturation is not None:
        hsv[..., 1] = np.clip(hsv[..., 1] * np.float32(saturation), 0, 1)
    return rounded(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255)
