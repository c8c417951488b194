"""What was drawn, done to a picture: the one path of the preview, of training and of the replay."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from explorer.augmentation import colour, operations, texture
from explorer.augmentation.drawing import IDENTITY
from explorer.augmentation.geometry import affine, warp
from explorer.errors import AugmentationError
from explorer.settings import MAX_AUGMENTED_SIDE

if TYPE_CHECKING:
    from explorer.augmentation.drawing import Drawn
    from explorer.augmentation.policy import Augmentation

Images = NDArray[np.uint8]

GEOMETRIC = ("theta", "tx", "ty", "shear", "zx", "zy", "flip_horizontal", "flip_vertical")


def as_picture(image: NDArray[Any]) -> Images:
    """A picture as uint8 (H, W, 1 or 3).

    Raises:
        AugmentationError: it is none.
    """
    picture = np.asarray(image)
    if picture.ndim == 2:
        picture = picture[..., None]
    if picture.ndim != 3 or picture.shape[2] not in (1, 3) or picture.size == 0:
        raise AugmentationError(f"A picture has the shape (H, W, 3), (H, W, 1) or (H, W), not {np.shape(image)}.")
    return as_levels(picture)


NORMALISED = 8
"""Pictures with negative values and none above this are taken for normalised ones, not for levels."""


def as_levels(pictures: NDArray[Any]) -> Images:
    """A picture or a batch as whole levels: uint8 of the same shape.

    Raises:
        AugmentationError: a side is too long, or the values are no numbers or no levels.
    """
    if (longest := max(pictures.shape[-3:])) > MAX_AUGMENTED_SIDE:
        raise AugmentationError(f"Sides are at most {MAX_AUGMENTED_SIDE:,} pixels here, not {longest:,}.")
    if pictures.dtype == np.uint8:
        return pictures
    if pictures.dtype.kind not in "iuf" or not np.isfinite(pictures).all():
        raise AugmentationError("The picture holds values that are not finite numbers; they have to lie in 0–255.")
    low, high = pictures.min(initial=0), pictures.max(initial=0)
    if pictures.dtype.kind == "f" and (0 < high <= 1 or (low < 0 and high <= NORMALISED)):
        raise AugmentationError(
            f"The values lie between {low:.3g} and {high:.3g}; change pictures before they are divided by 255 or "
            "normalised."
        )
    return colour.rounded(pictures)


def apply(policy: "Augmentation", image: Images, drawn: "Drawn") -> Images:
    """One picture changed as drawn.

    Args:
        policy: says how gaps are filled; its ranges play no part.
        image: uint8 (H, W, 1 or 3).
        drawn: as from ``drawing.draw``.

    Returns:
        uint8 (H, W, 1 or 3).
    """
    fill = policy.fill_mode, policy.cval
    if "crop" in drawn or any(drawn[name] != IDENTITY[name] for name in GEOMETRIC):
        image = warp(image, affine(drawn, *image.shape[:2]), *fill)
    image = colour.change(image, drawn)
    if drawn.get("rand_augment"):
        image = operations.apply_steps(image, drawn["rand_augment"], fill)
    if drawn.get("aug_mix"):
        image = operations.apply_chains(image, drawn["aug_mix"], fill)
    return texture.change(image, drawn)
