"""Maps that know nothing of the network, to compare explanations with."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from explorer.attribution.contract import Floats
from explorer.attribution.explaining import over_picture
from explorer.images import to_grey


def random_map(shape: tuple[int, int], seed: int = 0, *, cells: int = 7) -> Floats:
    """Chance, float32 (H, W) in 0–1: ``cells`` × ``cells`` random numbers, enlarged bilinearly.

    As coarse as a class activation map: single pixels strewn over the picture harm any network more than patches do,
    and would make the comparison one of grain.
    """
    numbers = np.random.default_rng(seed).random((min(cells, shape[0]), min(cells, shape[1])), dtype=np.float32)
    return enlarged(numbers, shape)


def centre_blob(shape: tuple[int, int]) -> Floats:
    """What photographers look at: a Gaussian in the middle, float32 (H, W) in 0–1.

    Its standard deviation is a quarter of each side.
    """
    down, right = (((np.arange(side) - (side - 1) / 2) / (side / 4)) ** 2 for side in shape)
    return np.exp(-(down[:, np.newaxis] + right) / 2).astype(np.float32)


def edges(image: NDArray[Any]) -> Floats:
    """Where brightness changes: the magnitude of the Sobel gradient of the grey picture, float32 (H, W).

    Args:
        image: (H, W, 3), (H, W, 1) or (H, W), in 0–255.

    Raises:
        ImageInputError: the array is no picture.
    """
    grey = to_grey(image)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *order, borderType=cv2.BORDER_REFLECT) for order in ((1, 0), (0, 1)))
    return np.asarray(np.hypot(across, down), np.float32)


BASELINES: Mapping[str, tuple[str, Callable[[Floats, int], Floats]]] = MappingProxyType(
    {
        "random": ("A random map", lambda pixels, seed: random_map(pixels.shape[1:3], seed)),
        "centre": ("A blob in the middle", lambda pixels, _: centre_blob(pixels.shape[1:3])),
        "edges": ("An edge detector", lambda pixels, _: edges(pixels[0])),
    }
)
"""Name → title, and a function of pixels float32 (1, H, W, C) and a seed that gives the map, float32 (H, W)."""


def enlarged(values: NDArray[Any], shape: tuple[int, int]) -> Floats:
    """A map at another size, float32: bilinear, by averaging areas where it gets smaller."""
    return over_picture(np.asarray(values, np.float32), shape, (0, 0, *shape))
