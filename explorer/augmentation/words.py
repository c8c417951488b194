"""What was drawn, in a few words for under a picture."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from explorer.augmentation.drawing import IDENTITY
from explorer.augmentation.operations import OPERATIONS, SHARE, Step
from explorer.augmentation.registry import OF_COLOURS

if TYPE_CHECKING:
    from explorer.augmentation.drawing import Drawn
    from explorer.augmentation.policy import Augmentation


def describe(policy: "Augmentation", drawn: "Drawn", channels: int = 3) -> list[str]:
    """A short text for each value that was drawn, of the parameters that the policy has.

    Of a picture with one channel, changes of hue, saturation and grey are left out: they change nothing there.
    Directions are those in which the picture was moved, factors those by which it was enlarged.

    >>> from explorer.augmentation import Augmentation
    >>> describe(Augmentation(rotation_range=40), {"theta": -12.34})
    ['↻ 12.3°']
    """
    drawn = {**IDENTITY, **drawn}
    mute = OF_COLOURS if channels == 1 else ()
    said = [WORDS[name](drawn) for name in policy.active if name in WORDS and name not in mute]
    return [text for texts in said for text in ([texts] if isinstance(texts, str) else texts) if text]


def _signed(value: float, signs: str, unit: str, digits: int = 1) -> str:
    """A size behind its direction: ``signs`` are those of a positive, a negative and no value."""
    size = f"{abs(value):.{digits}f}"
    sign = signs[2] if not float(size) else signs[0] if value > 0 else signs[1]
    return f"{sign} {size}{unit}".strip()


def _zoom(drawn: "Drawn") -> list[str]:
    return [f"×{1 / drawn['zx']:.2f} wide", f"×{1 / drawn['zy']:.2f} high"]


def _plus(value: float, digits: int = 0) -> str:
    """A number with its sign, where it is not zero as it is written."""
    return f"{value:+z.{digits}f}".replace("-", "−")


def _step(step: Step) -> str:
    name, strength = str(step[0]), float(step[1])
    unit = OPERATIONS[name].unit
    if unit is None:
        return name
    size = f"{100 * strength:z.0f} %" if unit == SHARE else f"{strength:z.0f}{unit}"
    return f"{name} {size}".replace("-", "−")


def _chains(drawn: "Drawn") -> list[str]:
    """Each chain's share of the blend and the names of its operations."""
    mix = drawn["aug_mix"]
    chains = [
        f"{mix['blend'] * weight:.0%} {' › '.join(name for name, _ in steps)}"
        for weight, steps in zip(mix["weights"], mix["chains"], strict=True)
    ]
    return [f"{1 - mix['blend']:.0%} itself", *chains]


WORDS: Mapping[str, Callable[[dict[str, Any]], str | list[str]]] = MappingProxyType(
    {
        "rotation_range": lambda drawn: _signed(drawn["theta"], "↺↻ ", "°"),
        "shear_range": lambda drawn: f"shear {drawn['shear']:z.2f}°".replace("-", "−"),
        "width_shift_range": lambda drawn: _signed(-drawn["tx"], "→←↔", " px", 0),
        "height_shift_range": lambda drawn: _signed(-drawn["ty"], "↓↑↕", " px", 0),
        "zoom_range": _zoom,
        "crop_range": lambda drawn: f"crop {drawn['crop'][2]:.0%}",
        "horizontal_flip": lambda drawn: "mirrored" if drawn["flip_horizontal"] else "",
        "vertical_flip": lambda drawn: "upside down" if drawn["flip_vertical"] else "",
        "brightness_range": lambda drawn: f"bright ×{drawn['brightness']:.2f}",
        "channel_shift_range": lambda drawn: f"levels {_plus(drawn['channel_shift_intensity'])}",
        "contrast_range": lambda drawn: f"contrast ×{drawn['contrast']:.2f}",
        "saturation_range": lambda drawn: f"saturation ×{drawn['saturation']:.2f}",
        "hue_range": lambda drawn: f"hue {_plus(drawn['hue'])}°",
        "grey_probability": lambda drawn: "grey" if drawn["grey"] else "",
        "blur_range": lambda drawn: f"blur {drawn['blur']:.1f} px",
        "noise_range": lambda drawn: f"noise {drawn['noise']:.0f}",
        "jpeg_quality": lambda drawn: f"JPEG {drawn['jpeg']}",
        "erasing_probability": lambda drawn: "erased" if drawn["erasing"] else "",
        "cutout": lambda _: "cut out",
        "rand_augment": lambda drawn: list(map(_step, drawn["rand_augment"])),
        "aug_mix": _chains,
    }
)
