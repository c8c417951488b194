"""The pattern that a filter, a class or a layer looks for: gradient ascent on the picture."""

from explorer.ascent.climbing import Frame, ascend, diversify, dream, invert
from explorer.ascent.picture import shown
from explorer.ascent.recipe import DREAMING, INVERTING, OPTIONS, PRESETS, Preset, Recipe, recipe_of

__all__ = [
    "DREAMING",
    "INVERTING",
    "OPTIONS",
    "PRESETS",
    "Frame",
    "Preset",
    "Recipe",
    "ascend",
    "diversify",
    "dream",
    "invert",
    "recipe_of",
    "shown",
]
