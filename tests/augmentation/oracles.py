"""What the tests compare with: pictures, a policy with everything, and a bilinear interpolation of four loops."""

import functools
import math

import cv2
import numpy as np

from explorer.augmentation import Augmentation
from explorer.images import SAMPLES, read_image

SCIPY_MOVED = "ignore:Please import .affine_transform. from the .scipy.ndimage. namespace:DeprecationWarning"
"""Keras's legacy ImageDataGenerator calls SciPy by an old name."""

EVERYTHING = Augmentation(
    rotation_range=30,
    width_shift_range=0.1,
    height_shift_range=0.15,
    brightness_range=(0.7, 1.3),
    shear_range=10,
    zoom_range=0.2,
    channel_shift_range=20,
    fill_mode="reflect",
    cval=40,
    horizontal_flip=True,
    vertical_flip=True,
    rescale=1 / 255,
    crop_range=0.3,
    contrast_range=0.3,
    saturation_range=0.4,
    hue_range=25,
    grey_probability=0.3,
    blur_range=1.5,
    noise_range=10,
    jpeg_quality=40,
    erasing_probability=0.5,
    erasing_area=0.3,
    cutout=0.25,
    rand_augment=2,
    rand_augment_magnitude=12,
    aug_mix=3,
    aug_mix_severity=4,
    mixup=0.4,
    cutmix=1,
)
"""No parameter is left at its default."""


@functools.cache
def photo(height=64, width=64):
    """A cat's face, uint8 (height, width, 3)."""
    cat = read_image(SAMPLES["chelsea"].read_bytes())[20:280, 70:330]
    small = cv2.resize(cat, (width, height), interpolation=cv2.INTER_AREA)
    small.flags.writeable = False
    return small


def noise(height, width, channels=3, seed=0):
    """Levels without any order, uint8 (height, width, channels)."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def whole(values):
    """Whole levels."""
    return np.clip(np.rint(np.asarray(values, np.float64)), 0, 255)


def apart(one, other):
    """How far two pictures are from each other, level by level."""
    return np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64))


def place(drawn, column, row, height, width):
    """Where in the picture the level of a pixel comes from, one step after the other: (x, y)."""
    if "crop" in drawn:
        top, left, tall, wide = drawn["crop"]
        column = (column + 0.5) * wide + left * width - 0.5
        row = (row + 0.5) * tall + top * height - 0.5
    x, y = column - (width - 1) / 2, row - (height - 1) / 2
    if drawn.get("flip_horizontal"):
        x = -x
    if drawn.get("flip_vertical"):
        y = -y
    x, y = x * drawn.get("zx", 1), y * drawn.get("zy", 1)
    shear = math.radians(drawn.get("shear", 0))
    x, y = x - math.sin(shear) * y, math.cos(shear) * y
    x, y = x + drawn.get("tx", 0), y + drawn.get("ty", 0)
    theta = math.radians(drawn.get("theta", 0))
    x, y = math.cos(theta) * x - math.sin(theta) * y, math.sin(theta) * x + math.cos(theta) * y
    return x + (width - 1) / 2, y + (height - 1) / 2


def _inside(index, side, fill_mode):
    """The pixel that stands at an index outside the picture."""
    if fill_mode == "reflect":
        index %= 2 * side
        return index if index < side else 2 * side - 1 - index
    return min(max(index, 0), side - 1)


def _wrapped(position, side):
    """The last pixel and the first lie on each other."""
    while position < 0:
        position += side - 1
    while position > side - 1:
        position -= side - 1
    return position


def bilinear(image, drawn, fill_mode, cval=0):
    """The geometric part of what was drawn, in four loops: float64 (H, W, C)."""
    height, width, channels = image.shape
    made = np.full(image.shape, float(cval))
    for row in range(height):
        for column in range(width):
            x, y = place(drawn, column, row, height, width)
            if fill_mode == "constant" and not (-1e-9 <= x <= width - 1 + 1e-9 and -1e-9 <= y <= height - 1 + 1e-9):
                continue
            if fill_mode == "wrap":
                x, y = _wrapped(x, width), _wrapped(y, height)
            left, top = math.floor(x), math.floor(y)
            level = np.zeros(channels)
            for down in (0, 1):
                for right in (0, 1):
                    share = abs(1 - right - (x - left)) * abs(1 - down - (y - top))
                    level += (
                        share * image[_inside(top + down, height, fill_mode), _inside(left + right, width, fill_mode)]
                    )
            made[row, column] = level
    return made
