"""The programs of the Filters page: the pattern that a channel looks for, a dream, an inversion, several answers.

Each comes twice: in Keras alone, with the lines for those parts of the recipe that take part and no others, and as a
few lines that call :mod:`explorer.ascent`. They read ``network.keras`` and, where the recipe starts from a picture or
a picture's features are the goal, ``picture.png``; they write PNG files.
"""

from explorer.snippets.ascent.programs import ascent_programs, diversify_programs, dream_programs, invert_programs

__all__ = ["ascent_programs", "diversify_programs", "dream_programs", "invert_programs"]
