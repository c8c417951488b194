"""The pattern that a filter, a class or a layer looks for: gradient ascent on the picture."""

from explorer.ascent.asking import natural_size, reads_one_size
from explorer.ascent.checking import Selectivity, answers, selectivity
from explorer.ascent.climbing import Frame, ascend, diversify, dream, invert
from explorer.ascent.growth import Growth, animation, together
from explorer.ascent.picture import shown
from explorer.ascent.recipe import DREAMING, INVERTING, OPTIONS, PRESETS, Preset, Recipe, recipe_of

__all__ = [
    "DREAMING",
    "INVERTING",
    "OPTIONS",
    "PRESETS",
    "Frame",
    "Growth",
    "Preset",
    "Recipe",
    "Selectivity",
    "animation",
    "answers",
    "ascend",
    "diversify",
    "dream",
    "invert",
    "natural_size",
    "reads_one_size",
    "recipe_of",
    "selectivity",
    "shown",
    "together",
]
