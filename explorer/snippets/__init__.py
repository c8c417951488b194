"""The short program that reproduces what a page shows: complete, runnable, and of ``explorer`` only what has to be.

Programs read ``picture.png``, which the page offers for download, and write arrays and pictures beside it.
"""

from explorer.snippets.ascent import ascent_programs, diversify_programs, dream_programs, invert_programs
from explorer.snippets.attribution import attribution_program
from explorer.snippets.augmentation import augmentation_programs
from explorer.snippets.datasets import dataset_programs, own_dataset_programs
from explorer.snippets.feature_maps import feature_maps_program
from explorer.snippets.kernels import LIBRARIES, kernel_program
from explorer.snippets.training import training_program

__all__ = [
    "LIBRARIES",
    "ascent_programs",
    "attribution_program",
    "augmentation_programs",
    "dataset_programs",
    "diversify_programs",
    "dream_programs",
    "feature_maps_program",
    "invert_programs",
    "kernel_program",
    "own_dataset_programs",
    "training_program",
]
