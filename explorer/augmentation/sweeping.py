"""One change at a time, from one end of its range to the other."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from explorer.augmentation.drawing import IDENTITY, Drawn
from explorer.augmentation.operations import LARGEST_MAGNITUDE, OPERATIONS
from explorer.augmentation.policy import Augmentation
from explorer.augmentation.registry import TRANSFORMS
from explorer.errors import AugmentationError
from explorer.options import Interval, Number

Share = Callable[[Augmentation, float, tuple[int, ...]], Drawn]
"""(policy, place in the range from 0 to 1, shape of the picture) → drawn values."""


def sweep(policy: Augmentation, name: str, shape: tuple[int, ...], steps: int = 9) -> list[Drawn]:
    """Drawn values that walk through the range of one parameter, everything else at rest.

    Args:
        policy: its range is walked through; where the policy does not use the parameter, all that a page offers.
        name: key of :data:`SWEEPS`.
        shape: height, width and channels of the picture.
        steps: how many, at least 2. A flip has two, RandAugment one for each of its operations.

    Raises:
        AugmentationError: this parameter has no range to walk through.

    >>> [drawn["theta"] for drawn in sweep(Augmentation(rotation_range=40), "rotation_range", (8, 8, 3), 3)]
    [-40.0, 0.0, 40.0]
    """
    if name not in SWEEPS:
        raise AugmentationError(f"There is no range of {name!r} to walk through; there is one of {', '.join(SWEEPS)}.")
    asked = policy if name in policy.active else policy.but(**{name: _widest(name)})
    if name == "rand_augment":
        share = asked.rand_augment_magnitude / LARGEST_MAGNITUDE
        return [{**IDENTITY, name: [[operation, entry.strength(share)]]} for operation, entry in OPERATIONS.items()]
    places = [0.0, 1.0] if name in TWO_SIDED else np.linspace(0, 1, steps).tolist()
    return [{**IDENTITY, **SWEEPS[name](asked, place, shape)} for place in places]


def swept(policy: Augmentation, name: str) -> Augmentation:
    """A policy of this parameter alone, as strong as :func:`sweep` walks, to say what was drawn with.

    >>> swept(Augmentation(rotation_range=40, zoom_range=0.2), "rotation_range").active
    ('rotation_range', 'fill_mode')
    """
    value = getattr(policy, name) if name in policy.active else _widest(name)
    return Augmentation(fill_mode=policy.fill_mode, cval=policy.cval, **{name: value})


def _widest(name: str) -> Any:
    """The strongest value that a page offers."""
    option = TRANSFORMS[name].option
    if isinstance(option, Interval):
        return option.low, option.high
    if not isinstance(option, Number):
        return True
    return option.low if name == "jpeg_quality" else option.high


def _around(span: float, place: float) -> float:
    return (2 * place - 1) * span


def _pixels(span: float, side: int) -> float:
    return span * side if span < 1 else span


def _zoom(policy: Augmentation, place: float, _: tuple[int, ...]) -> Drawn:
    low, high = policy.zoom
    factor = low + place * (high - low)
    return {"zx": factor, "zy": factor}


def _crop(policy: Augmentation, place: float, _: tuple[int, ...]) -> Drawn:
    side = 1 - place * policy.crop_range
    return {"crop": [(1 - side) / 2, (1 - side) / 2, side, side]}


def _brightness(policy: Augmentation, place: float, _: tuple[int, ...]) -> Drawn:
    low, high = policy.brightness_range or (1.0, 1.0)
    return {"brightness": low + place * (high - low)}


def _erasing(policy: Augmentation, place: float, shape: tuple[int, ...]) -> Drawn:
    side = np.sqrt(0.02 + place * (policy.erasing_area - 0.02))
    height, width = max(1, round(side * shape[0])), max(1, round(side * shape[1]))
    return {"erasing": [(shape[0] - height) // 2, (shape[1] - width) // 2, height, width], "erasing_seed": 0}


def _cutout(policy: Augmentation, place: float, shape: tuple[int, ...]) -> Drawn:
    """The square walks along the diagonal."""
    side = max(1, round(policy.cutout * min(shape[:2])))
    return {"cutout": [int(place * max(0, shape[0] - side)), int(place * max(0, shape[1] - side)), side, side]}


SWEEPS: Mapping[str, Share] = MappingProxyType(
    {
        "rotation_range": lambda policy, place, _: {"theta": _around(policy.rotation_range, place)},
        "shear_range": lambda policy, place, _: {"shear": _around(policy.shear_range, place)},
        "width_shift_range": lambda policy, place, shape: {
            "tx": -_around(_pixels(policy.width_shift_range, shape[1]), place)
        },
        "height_shift_range": lambda policy, place, shape: {
            "ty": -_around(_pixels(policy.height_shift_range, shape[0]), place)
        },
        "zoom_range": _zoom,
        "crop_range": _crop,
        "horizontal_flip": lambda _, place, __: {"flip_horizontal": place == 1},
        "vertical_flip": lambda _, place, __: {"flip_vertical": place == 1},
        "brightness_range": _brightness,
        "channel_shift_range": lambda policy, place, _: {
            "channel_shift_intensity": _around(policy.channel_shift_range, place)
        },
        "contrast_range": lambda policy, place, _: {"contrast": 1 + _around(policy.contrast_range, place)},
        "saturation_range": lambda policy, place, _: {"saturation": 1 + _around(policy.saturation_range, place)},
        "hue_range": lambda policy, place, _: {"hue": _around(policy.hue_range, place)},
        "grey_probability": lambda _, place, __: {"grey": place == 1},
        "blur_range": lambda policy, place, _: {"blur": place * policy.blur_range},
        "noise_range": lambda policy, place, _: {"noise": place * policy.noise_range, "noise_seed": 0},
        "jpeg_quality": lambda policy, place, _: {"jpeg": round(100 + place * (policy.jpeg_quality - 100))},
        "erasing_probability": _erasing,
        "cutout": _cutout,
        "rand_augment": lambda _, __, ___: {},
    }
)
"""The parameters with a range to walk through."""

TWO_SIDED = ("horizontal_flip", "vertical_flip", "grey_probability")
"""Changes that are made or not."""
