"""What chance decides: the values that one picture draws from a policy's ranges."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from explorer.augmentation import operations
from explorer.errors import AugmentationError

if TYPE_CHECKING:
    from explorer.augmentation.policy import Augmentation

Drawn = dict[str, Any]
"""What was drawn for one picture; plain numbers, ready for JSON.

Bearing the names and the meanings of ImageDataGenerator's ``apply_transform``: ``theta`` (degrees, counter-clockwise),
``tx`` and ``ty`` (pixels; positive moves the picture left and up), ``shear`` (degrees), ``zx`` and ``zy`` (below 1
widens, heightens), ``flip_horizontal``, ``flip_vertical``, ``channel_shift_intensity`` (levels), ``brightness``
(factor; both None when not drawn). Where the policy asks for them: ``crop`` (top, left, height, width, in shares of the
picture), ``contrast`` and ``saturation`` (factors), ``hue`` (degrees), ``grey``, ``blur`` (pixels), ``noise`` (levels)
and ``noise_seed``, ``jpeg`` (quality), ``erasing`` (top, left, height, width in pixels, or None) and ``erasing_seed``,
``cutout`` (likewise), ``rand_augment`` (operations with their strengths), ``aug_mix`` (``blend``, ``weights``,
``chains``).
"""

IDENTITY: Drawn = {
    "theta": 0.0,
    "tx": 0.0,
    "ty": 0.0,
    "shear": 0.0,
    "zx": 1.0,
    "zy": 1.0,
    "flip_horizontal": False,
    "flip_vertical": False,
    "channel_shift_intensity": None,
    "brightness": None,
}

PLACES = 32
"""Numbers that each picture draws first. Each parameter has its own place among them, so that a wider range of one
leaves alone what the others draw."""


def stream(seed: int, index: int, part: int = 0) -> np.random.Generator:
    """The random numbers of one picture, which can be had without those of the pictures before it.

    Parts of one picture's numbers that are drawn one by one, however many, do not move each other.

    The generator counts instead of going on from its last number: Philox, by Salmon and others, 2011.
    """
    return np.random.Generator(np.random.Philox(counter=[0, 0, 0, part], key=np.array([seed, index], np.uint64)))


def draw(policy: "Augmentation", shape: tuple[int, ...], seed: int, index: int) -> Drawn:
    """The values for one picture.

    Args:
        policy: the ranges; every value is drawn evenly from its own.
        shape: height, width and channels of the picture.
        seed: of the whole.
        index: the picture's number.
    """
    numbers = stream(seed, index)
    u = numbers.random(PLACES).tolist()
    drawn: Drawn = {
        "theta": _around(u[0], policy.rotation_range),
        "tx": _shift(u[1], policy.width_shift_range, shape[1]),
        "ty": _shift(u[2], policy.height_shift_range, shape[0]),
        "shear": _around(u[3], policy.shear_range),
        "zx": _between(u[4], *policy.zoom),
        "zy": _between(u[5], *policy.zoom),
        "flip_horizontal": bool(policy.horizontal_flip and u[6] < 0.5),
        "flip_vertical": bool(policy.vertical_flip and u[7] < 0.5),
        "channel_shift_intensity": _around(u[8], policy.channel_shift_range) if policy.channel_shift_range else None,
        "brightness": _between(u[9], *policy.brightness_range) if policy.brightness_range else None,
    }
    _draw_view(policy, u[10:], drawn)
    _draw_texture(policy, shape, u[17:], drawn)
    if policy.rand_augment:
        chosen = operations.choose(numbers, operations.RAND_AUGMENT, policy.rand_augment, policy.rand_augment_magnitude)
        drawn["rand_augment"] = chosen
    if policy.aug_mix:
        drawn["aug_mix"] = operations.choose_chains(stream(seed, index, 1), policy.aug_mix, policy.aug_mix_severity)
    return drawn


def _draw_view(policy: "Augmentation", u: list[float], drawn: Drawn) -> None:
    """Crop and colour, where the policy asks for them."""
    if policy.crop_range:
        side = 1 - u[0] * policy.crop_range
        drawn["crop"] = [u[1] * (1 - side), u[2] * (1 - side), side, side]
    if policy.contrast_range:
        drawn["contrast"] = 1 + _around(u[3], policy.contrast_range)
    if policy.saturation_range:
        drawn["saturation"] = 1 + _around(u[4], policy.saturation_range)
    if policy.hue_range:
        drawn["hue"] = _around(u[5], policy.hue_range)
    if policy.grey_probability:
        drawn["grey"] = u[6] < policy.grey_probability


def _draw_texture(policy: "Augmentation", shape: tuple[int, ...], u: list[float], drawn: Drawn) -> None:
    """Blur, noise, JPEG and what is missing, where the policy asks for them."""
    if policy.blur_range:
        drawn["blur"] = u[0] * policy.blur_range
    if policy.noise_range:
        drawn["noise"], drawn["noise_seed"] = u[1] * policy.noise_range, int(u[2] * 2**32)
    if policy.jpeg_quality < 100:
        drawn["jpeg"] = policy.jpeg_quality + int(u[3] * (101 - policy.jpeg_quality))
    if policy.erasing_probability:
        chosen = u[4] < policy.erasing_probability
        drawn["erasing"] = _rectangle(shape, u[5:9], policy.erasing_area) if chosen else None
        drawn["erasing_seed"] = int(u[9] * 2**32)
    if policy.cutout:
        drawn["cutout"] = _square(shape, u[10:12], policy.cutout)


def _around(u: float, span: float) -> float:
    """A number between −span and span."""
    return (2 * u - 1) * span


def _between(u: float, low: float, high: float) -> float:
    return low + u * (high - low)


def _shift(u: float, span: float, side: int) -> float:
    """Pixels: a share of the side when below 1; whole pixels, fewer than ``span``, when that is an int."""
    if isinstance(span, int) and span >= 1:  # evenly; Keras draws 0 twice as often as any other
        return float(math.floor(u * (2 * span - 1)) - (span - 1))
    return _around(u, span * side if span < 1 else span)


def _rectangle(shape: tuple[int, ...], u: list[float], largest: float) -> list[int]:
    """Random erasing (Zhong and others, 2020): 2 % of the area or more, 0.3 to 3.3 times as high as wide."""
    area = _between(u[0], 0.02, largest) * shape[0] * shape[1]
    ratio = math.exp(_between(u[1], math.log(0.3), math.log(1 / 0.3)))
    height = min(shape[0], max(1, round(math.sqrt(area * ratio))))
    width = min(shape[1], max(1, round(math.sqrt(area / ratio))))
    return [int(u[2] * (shape[0] - height + 1)), int(u[3] * (shape[1] - width + 1)), height, width]


def _square(shape: tuple[int, ...], u: list[float], share: float) -> list[int]:
    """Cutout (DeVries and Taylor, 2017): the centre lies anywhere, so that a part may stick out."""
    side = max(1, round(share * min(shape[:2])))
    top, left = int(u[0] * shape[0]) - side // 2, int(u[1] * shape[1]) - side // 2
    bottom, right = min(shape[0], top + side), min(shape[1], left + side)
    top, left = max(0, top), max(0, left)
    return [top, left, bottom - top, right - left]


FACTORS = ("zx", "zy")
NUMBERS = ("theta", "tx", "ty", "shear", *FACTORS)
OPTIONAL = ("channel_shift_intensity", "brightness", "contrast", "saturation", "hue", "blur", "noise", "jpeg")
LARGEST = 1e5
MAX_ZOOM = 100.0
"""Far more than a policy draws, and few enough mirrorings at the border."""
MAX_BLUR = 100.0
"""Pixels; a wider Gaussian would take minutes."""


def checked(parameters: Mapping[str, Any]) -> Drawn:
    """Parameters from somewhere else, such as a file, with what is missing in its place.

    Raises:
        AugmentationError: a name is unknown, or a value is not of its kind.
    """
    if not isinstance(parameters, Mapping):
        raise AugmentationError("The drawn parameters are a dictionary of names and values, as sample() returns it.")
    drawn: Drawn = {**IDENTITY, **parameters}
    unknown = [name for name in drawn if name not in KINDS]
    if unknown:
        raise AugmentationError(f"Nothing drawn is called {str(unknown[0])[:60]!r}; there are {', '.join(KINDS)}.")
    for name, value in drawn.items():
        if not KINDS[name](value):
            raise AugmentationError(f"What was drawn for {name} cannot be {str(value)[:60]!r}.")
    return drawn


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return bool(-LARGEST <= value <= LARGEST)  # which no infinity is, and no NaN


def _is_factor(value: Any) -> bool:
    return _is_number(value) and bool(0 < value <= MAX_ZOOM)


def _is_seed(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(0 <= value < 2**64)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_) or (isinstance(value, int) and value in (0, 1))


def _is_box(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 4 and all(_is_number(one) and one >= 0 for one in value)


def _or_nothing(value: Any) -> bool:
    return value is None or _is_number(value)


KINDS = {
    **dict.fromkeys(NUMBERS, _is_number),
    **dict.fromkeys(FACTORS, _is_factor),
    **dict.fromkeys(OPTIONAL, _or_nothing),
    "blur": lambda value: value is None or (_is_number(value) and 0 <= value <= MAX_BLUR),
    **dict.fromkeys(("noise_seed", "erasing_seed"), _is_seed),
    **dict.fromkeys(("flip_horizontal", "flip_vertical", "grey"), _is_flag),
    "crop": lambda value: _is_box(value) and max(value) <= 1 and value[2] > 0 and value[3] > 0,
    **dict.fromkeys(("erasing", "cutout"), lambda value: value is None or _is_box(value)),
    "rand_augment": operations.are_steps,
    "aug_mix": operations.are_chains,
}
"""What each drawn value may be."""
