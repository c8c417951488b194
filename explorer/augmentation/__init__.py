"""Random changes to pictures: one policy for the preview, for training and for the code that is shown."""

from explorer.augmentation.drawing import Drawn
from explorer.augmentation.feeding import feeds, seeds
from explorer.augmentation.packing import pack
from explorer.augmentation.policy import PRESETS, Augmentation, Preset
from explorer.augmentation.registry import FAMILIES, FILL_MODES, TRANSFORMS, Transform
from explorer.augmentation.sweeping import SWEEPS, sweep, swept
from explorer.augmentation.words import describe
from explorer.errors import AugmentationError

__all__ = [
    "FAMILIES",
    "FILL_MODES",
    "PRESETS",
    "SWEEPS",
    "TRANSFORMS",
    "Augmentation",
    "AugmentationError",
    "Drawn",
    "Preset",
    "Transform",
    "describe",
    "feeds",
    "pack",
    "seeds",
    "sweep",
    "swept",
]
