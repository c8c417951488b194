"""MixUp and CutMix: pictures of a batch blended in pairs, and their labels with them.

MixUp (Zhang and others, 2018, arXiv:1710.09412): λ · a + (1 − λ) · b for pictures and labels alike, λ from Beta(α, α).
CutMix (Yun and others, 2019, arXiv:1905.04899): a box with the share 1 − λ of the area comes from b; the labels are
weighted by the areas that are really seen, because a box that sticks out is cut off.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.augmentation.colour import rounded
from explorer.augmentation.drawing import stream
from explorer.errors import AugmentationError

BATCH = 2**63
"""The place of the batch among the streams of its pictures."""


@dataclass(frozen=True)
class Mixed:
    """A blended batch, and what was drawn for it.

    Attributes:
        images: uint8 (N, H, W, C).
        labels: float32 (N, K), shares of the classes.
        kind: "mixup", "cutmix", or nothing where the batch is as it came.
        partners: int (N,), the picture that each was blended with.
        weights: float (N,), the share λ of the picture itself.
        boxes: int (N, 4), top, left, height and width of what came from the partner; zeros for MixUp.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.float32]
    kind: str
    partners: NDArray[np.int64]
    weights: NDArray[np.float64]
    boxes: NDArray[np.int64]


def mix(images: NDArray[np.uint8], labels: NDArray[Any], *, mixup: float, cutmix: float, seed: int) -> Mixed:
    """Blend a batch; where both are asked for, a coin decides for the whole batch.

    Args:
        images: uint8 (N, H, W, C).
        labels: (N, K), one-hot or shares.
        mixup: α of MixUp, 0 for none.
        cutmix: α of CutMix, 0 for none.
        seed: the same gives the same.

    Raises:
        AugmentationError: the labels are not one row for each picture.
    """
    shares = np.asarray(labels, np.float32)
    if shares.ndim != 2 or len(shares) != len(images):
        raise AugmentationError(
            f"MixUp and CutMix need one-hot labels, a row for each of the {len(images)} pictures, "
            f"not an array of the shape {shares.shape}."
        )
    numbers, count = stream(seed, BATCH), len(images)
    kinds = [kind for kind, alpha in (("mixup", mixup), ("cutmix", cutmix)) if alpha]
    partners, weights, boxes = np.arange(count), np.ones(count), np.zeros((count, 4), np.int64)
    if not kinds or not count:
        return Mixed(images, shares, "", partners, weights, boxes)
    kind = kinds[int(numbers.random() * len(kinds))]
    alpha = mixup if kind == "mixup" else cutmix
    partners, weights = numbers.permutation(count), numbers.beta(alpha, alpha, count)
    if kind == "mixup":
        own = weights[:, None, None, None]
        blended = rounded(own * images + (1 - own) * images[partners])
    else:
        boxes = _boxes(numbers, weights, *images.shape[1:3])
        blended = images.copy()
        for index, (top, left, height, width) in enumerate(boxes):
            part = np.s_[top : top + height, left : left + width]
            blended[index][part] = images[partners[index]][part]
        weights = 1 - boxes[:, 2] * boxes[:, 3] / (images.shape[1] * images.shape[2])
    own = weights[:, None]
    shares = (own * shares + (1 - own) * shares[partners]).astype(np.float32)
    return Mixed(blended, shares, kind, partners, weights, boxes)


def _boxes(numbers: np.random.Generator, weights: NDArray[np.float64], height: int, width: int) -> NDArray[np.int64]:
    """Boxes of the picture's proportions with the share 1 − λ of its area; a centre may lie anywhere."""
    side = np.sqrt(1 - weights)
    centre_y, centre_x = numbers.integers(height, size=len(weights)), numbers.integers(width, size=len(weights))
    half_y, half_x = (side * height / 2).astype(int), (side * width / 2).astype(int)
    top, bottom = np.clip(centre_y - half_y, 0, height), np.clip(centre_y + half_y, 0, height)
    left, right = np.clip(centre_x - half_x, 0, width), np.clip(centre_x + half_x, 0, width)
    return np.stack([top, left, bottom - top, right - left], axis=1)
