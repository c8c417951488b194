"""Every random change as an entry: from it a page draws its widget, and what is asked for is checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from explorer.options import Choice, Flag, Interval, Number, Option

GEOMETRY, COLOUR, TEXTURE, CHAINS, BATCH = "geometry", "colour", "texture", "chains", "batch"

FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        GEOMETRY: "Geometry",
        COLOUR: "Colour",
        TEXTURE: "Texture",
        CHAINS: "Recipes",
        BATCH: "Blends",
    }
)
"""Families of changes, in the order in which they are applied, and what a page calls them."""

NEAREST, REFLECT, WRAP, CONSTANT = "nearest", "reflect", "wrap", "constant"
FILL_MODES: Mapping[str, str] = MappingProxyType(
    {
        NEAREST: "aaaa|abcd|dddd: the border's pixels are repeated.",
        REFLECT: "dcba|abcd|dcba: the picture is mirrored at its border.",
        WRAP: "bcd|abcd|abc: the picture begins again.",
        CONSTANT: "kkkk|abcd|kkkk: one grey level.",
    }
)
"""What stands where a moved picture leaves a gap, as in SciPy's ``ndimage`` and in ImageDataGenerator."""


@dataclass(frozen=True)
class Transform:
    """One parameter of a policy.

    Attributes:
        family: key of :data:`FAMILIES`.
        option: its label, its widget's range and what it does. A script may ask for more than a widget offers.
        legacy: whether ImageDataGenerator has it, under the same name and with the same meaning.
    """

    family: str
    option: Option | Interval
    legacy: bool = False


TRANSFORMS: Mapping[str, Transform] = MappingProxyType(
    {
        "rotation_range": Transform(
            GEOMETRY,
            Number("Rotation °", 0.0, 0.0, 180.0, 1.0, "Turned by an angle of up to so many degrees, either way."),
            legacy=True,
        ),
        "shear_range": Transform(
            GEOMETRY,
            Number(
                "Shear °",
                0.0,
                0.0,
                60.0,
                0.1,
                "Slanted by up to so many degrees. The tutorials' 0.2 is too little to be seen.",
            ),
            legacy=True,
        ),
        "width_shift_range": Transform(
            GEOMETRY,
            Number("Shift sideways", 0.0, 0.0, 0.9, 0.01, "Moved left or right by up to this share of the width."),
            legacy=True,
        ),
        "height_shift_range": Transform(
            GEOMETRY,
            Number("Shift up, down", 0.0, 0.0, 0.9, 0.01, "Moved up or down by up to this share of the height."),
            legacy=True,
        ),
        "zoom_range": Transform(
            GEOMETRY,
            Number(
                "Zoom", 0.0, 0.0, 0.9, 0.01, "0.2: width and height, each on its own, from 17 % smaller to 25 % larger."
            ),
            legacy=True,
        ),
        "crop_range": Transform(
            GEOMETRY,
            Number("Random crop", 0.0, 0.0, 0.9, 0.01, "A part with sides of 1 − c to 1 times the whole, enlarged."),
        ),
        "horizontal_flip": Transform(GEOMETRY, Flag("Mirror ↔"), legacy=True),
        "vertical_flip": Transform(GEOMETRY, Flag("Flip ↕"), legacy=True),
        "fill_mode": Transform(
            GEOMETRY,
            Choice(
                "Gaps filled",
                NEAREST,
                {NEAREST: "nearest", REFLECT: "reflect", WRAP: "wrap", CONSTANT: "constant"},
                "  \n".join(f"{name}: {note}" for name, note in FILL_MODES.items()),
            ),
            legacy=True,
        ),
        "cval": Transform(
            GEOMETRY, Number("Grey of gaps", 0.0, 0.0, 255.0, 1.0, "Of fill mode “constant”."), legacy=True
        ),
        "brightness_range": Transform(
            COLOUR,
            Interval("Brightness", (1.0, 1.0), 0.0, 3.0, 0.05, "Every level times a factor of this range."),
            legacy=True,
        ),
        "channel_shift_range": Transform(
            COLOUR,
            Number("Channel shift", 0.0, 0.0, 128.0, 1.0, "All channels moved by up to so many levels, together."),
            legacy=True,
        ),
        "contrast_range": Transform(
            COLOUR, Number("Contrast", 0.0, 0.0, 1.0, 0.05, "Distance from the mean times 1 − c to 1 + c.")
        ),
        "saturation_range": Transform(
            COLOUR, Number("Saturation", 0.0, 0.0, 1.0, 0.05, "Saturation (HSV) times 1 − s to 1 + s.")
        ),
        "hue_range": Transform(COLOUR, Number("Hue °", 0.0, 0.0, 180.0, 1.0, "Turned on the colour circle.")),
        "grey_probability": Transform(COLOUR, Number("Grey", 0.0, 0.0, 1.0, 0.05, "This share loses its colour.")),
        "blur_range": Transform(
            TEXTURE, Number("Blur, pixels", 0.0, 0.0, 10.0, 0.1, "A Gaussian of up to this standard deviation.")
        ),
        "noise_range": Transform(
            TEXTURE, Number("Noise, levels", 0.0, 0.0, 100.0, 1.0, "Gaussian, of up to this standard deviation.")
        ),
        "jpeg_quality": Transform(
            TEXTURE,
            Number("JPEG quality", 100, 1, 100, 1, "Saved as JPEG of this quality or better; 100 leaves it as it is."),
        ),
        "erasing_probability": Transform(
            TEXTURE, Number("Erasing", 0.0, 0.0, 1.0, 0.05, "This share gets a rectangle of noise.")
        ),
        "erasing_area": Transform(
            TEXTURE, Number("Erased at most", 0.33, 0.02, 0.8, 0.01, "Share of the picture; at least 0.02.")
        ),
        "cutout": Transform(
            TEXTURE, Number("Cutout", 0.0, 0.0, 0.8, 0.05, "A grey square of this share of the shorter side.")
        ),
        "rand_augment": Transform(
            CHAINS, Number("RandAugment steps", 0, 0, 5, 1, "So many of fourteen changes, one after the other.")
        ),
        "rand_augment_magnitude": Transform(CHAINS, Number("Their strength", 9, 0, 30, 1, "30 is the strongest.")),
        "aug_mix": Transform(
            CHAINS, Number("AugMix chains", 0, 0, 5, 1, "So many chains of changes, blended with the original.")
        ),
        "aug_mix_severity": Transform(CHAINS, Number("Their severity", 3, 1, 10, 1, "10 is the strongest.")),
        "mixup": Transform(BATCH, Number("MixUp α", 0.0, 0.0, 2.0, 0.05, "Pictures and labels blended in pairs.")),
        "cutmix": Transform(BATCH, Number("CutMix α", 0.0, 0.0, 2.0, 0.05, "A box of another picture, and its label.")),
    }
)
"""Every parameter of an :class:`~explorer.augmentation.Augmentation` but ``rescale``, which is no change at random."""

OF_COLOURS = ("saturation_range", "hue_range", "grey_probability")
"""Parameters that change nothing in a picture with one channel."""

SUPPLEMENTS: Mapping[str, str] = MappingProxyType(
    {
        "cval": "fill_mode",
        "erasing_area": "erasing_probability",
        "rand_augment_magnitude": "rand_augment",
        "aug_mix_severity": "aug_mix",
    }
)
"""Parameters that say more about another one, and do nothing without it."""
