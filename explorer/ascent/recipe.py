"""How to climb: every part of a gradient ascent as data, and four published ways to put the parts together."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from explorer.errors import MethodError
from explorer.options import Choice, Flag, Number, Option
from explorer.settings import MAX_ASCENT_STEPS

MEAN, CENTRE, DREAM = "mean", "centre", "dream"
PIXELS, FOURIER = "pixels", "fourier"
GRADIENT, ADAM = "gradient", "adam"
GREY, NOISE, PICTURE = "grey", "noise", "picture"

OPTIONS: Mapping[str, Option] = {
    "objective": Choice(
        "Objective",
        MEAN,
        {MEAN: "mean of the map", CENTRE: "its centre unit", DREAM: "mean of its squares"},
        "What is made as large as possible. The mean leaves out up to two cells at each border.",
    ),
    "steps": Number("Steps", 30, 1, MAX_ASCENT_STEPS, 1, "More steps, stronger patterns."),
    "rule": Choice("Rule", GRADIENT, {GRADIENT: "normalised gradient", ADAM: "Adam"}, "How a gradient becomes a step."),
    "step_size": Number(
        "Step size",
        4.0,
        0.005,
        40.0,
        0.005,
        "Of a normalised gradient in pixels: grey levels that a pixel moves, root mean square.",
    ),
    "decay": Number("Step decay", 0.0, 0.0, 1.0, 0.05, "By what share the step has shrunk at the end."),
    "start": Choice(
        "Start", GREY, {GREY: "grey, a little noise", NOISE: "noise", PICTURE: "my picture"}, "What is grown from."
    ),
    "grey": Number("Grey level", 127.5, 0.0, 255.0, 0.5, "The middle of a grey start."),
    "noise": Number("Noise", 16.0, 0.0, 127.5, 0.5, "A grey start's pixels lie at most so many levels off the grey."),
    "parameterisation": Choice(
        "Picture held as",
        PIXELS,
        {PIXELS: "pixels", FOURIER: "waves (Fourier)"},
        "Waves share the steps evenly between coarse and fine.",
    ),
    "decorrelate": Flag("Natural colours", False, "Steps in colours that vary independently in photos."),
    "jitter": Number("Jitter, pixels", 0, 0, 64, 1, "The picture is shifted at random before each step."),
    "rotation": Number("Rotation, degrees", 0.0, 0.0, 45.0, 1.0, "It is turned at random, up to this angle."),
    "scale": Number("Scale", 0.0, 0.0, 0.5, 0.01, "It is enlarged or shrunk at random, up to this share."),
    "total_variation": Number(
        "Smoothness", 0.0, 0.0, 2.0, 0.02, "Weight of the total variation, which punishes differences of neighbours."
    ),
    "l2": Number("Towards grey", 0.0, 0.0, 2.0, 0.02, "Weight of the squared distance from grey."),
    "blur": Number("Blur, pixels", 0.0, 0.0, 3.0, 0.1, "Width of a Gaussian; it falls to zero until the last step."),
    "blur_every": Number("Blur every", 4, 1, 50, 1, "So many steps lie between two blurs."),
    "octaves": Number("Octaves", 1, 1, 5, 1, "First small, then larger: so many sizes."),
    "octave_scale": Number("Octave scale", 1.4, 1.1, 2.0, 0.1, "Each size is so many times the one before."),
    "clip": Flag("Keep in 0 to 255", False, "After each step, pixels outside are brought back."),
    "contrast": Number(
        "Contrast shown",
        0.15,
        0.0,
        0.5,
        0.01,
        "What is shown has this standard deviation as a share of the range. 0 shows the pixels as they are.",
    ),
}
"""Every part of a :class:`Recipe`: its widget, and what is allowed."""


@dataclass(frozen=True)
class Recipe:
    """All parts of an ascent; :data:`OPTIONS` says what each is, and its defaults are a plain ascent.

    Before the rule is applied the gradient is brought to a root mean square of 1 in each picture, so that step size,
    smoothness and pull towards grey mean the same in every layer.

    >>> Recipe(jitter=8).but(steps=10)  # doctest: +ELLIPSIS
    Recipe(objective='mean', steps=10, ...jitter=8, ...)
    >>> Recipe().but(steps=0)
    Traceback (most recent call last):
    explorer.errors.MethodError: steps is 0; it is a whole number from 1 to 2000.
    """

    objective: str = MEAN
    steps: int = 30
    rule: str = GRADIENT
    step_size: float = 4.0
    decay: float = 0.0
    start: str = GREY
    grey: float = 127.5
    noise: float = 16.0
    parameterisation: str = PIXELS
    decorrelate: bool = False
    jitter: int = 0
    rotation: float = 0.0
    scale: float = 0.0
    total_variation: float = 0.0
    l2: float = 0.0
    blur: float = 0.0
    blur_every: int = 4
    octaves: int = 1
    octave_scale: float = 1.4
    clip: bool = False
    contrast: float = 0.15

    def __post_init__(self) -> None:
        """Check every part.

        Raises:
            MethodError: a part is not allowed; the message says what is.
        """
        for name, value in asdict(self).items():
            OPTIONS[name].check(name, value)

    def but(self, **parts: Any) -> "Recipe":
        """The same with other parts.

        Raises:
            MethodError: there is no such part, or its value is not allowed.
        """
        unknown = [name for name in parts if name not in OPTIONS]
        if unknown:
            raise MethodError(f"An ascent has no part {unknown[0]!r}; its parts: {', '.join(OPTIONS)}.")
        return replace(self, **parts)


@dataclass(frozen=True)
class Preset:
    """A published way to climb.

    Attributes:
        title: what a page calls it.
        source: where it comes from.
        url: where to read it.
        sentence: what it does, in a sentence or two.
        recipe: its parts.
    """

    title: str
    source: str
    url: str
    sentence: str
    recipe: Recipe


PRESETS: Mapping[str, Preset] = {
    "smooth": Preset(
        "Smooth",
        "after Mordvintsev, Olah and Tyka 2015, Mahendran and Vedaldi 2015, Yosinski et al. 2015",
        "https://research.google/blog/inceptionism-going-deeper-into-neural-networks/",
        "Shifts, turns and enlarges the picture a little before each step, and keeps neighbours alike: only what "
        "survives that remains.",
        Recipe(
            steps=64,
            step_size=8.0,
            decay=0.7,
            noise=10.0,
            jitter=6,
            rotation=6.0,
            scale=0.06,
            total_variation=0.12,
            blur=0.6,
            blur_every=4,
            decorrelate=True,
            clip=True,
            contrast=0.2,
        ),
    ),
    "lucid": Preset(
        "Lucid",
        "Olah, Mordvintsev and Schubert, Feature Visualization, Distill 2017",
        "https://distill.pub/2017/feature-visualization/",
        "The picture is a sum of waves in colours that vary independently, moved about at random before each step, "
        "with Adam. The patterns look most like photos. What is shown is stretched to one contrast.",
        Recipe(
            steps=64,
            rule=ADAM,
            step_size=0.06,
            parameterisation=FOURIER,
            decorrelate=True,
            jitter=8,
            rotation=10.0,
            scale=0.1,
            contrast=0.2,
        ),
    ),
    "chollet": Preset(
        "Chollet",
        "Chollet, Deep Learning with Python, 1st edition 2017, section 5.4.2",
        "https://github.com/fchollet/deep-learning-with-python-notebooks",
        "Grey with noise from 0 to 20, 40 steps along the gradient divided by its root mean square. Pixels may leave "
        "0 to 255; what is shown is stretched to a standard deviation of a tenth.",
        Recipe(steps=40, step_size=1.0, grey=138.0, noise=10.0, contrast=0.1),
    ),
    "keras": Preset(
        "Keras example",
        "Chollet, Visualizing what convnets learn, keras.io 2020",
        "https://keras.io/examples/vision/visualizing_what_convnets_learn/",
        "30 steps along the gradient divided by its norm, the map's border left out. A step of 10 in −1 to 1 on "
        "180 × 180 pixels in colour is 4.1 grey levels a pixel.",
        Recipe(steps=30, step_size=4.1, noise=16.0, contrast=0.15),
    ),
}
"""Name → preset."""

DREAMING = Recipe(
    objective=DREAM,
    steps=60,
    step_size=3.0,
    start=PICTURE,
    jitter=4,
    total_variation=0.1,
    octaves=3,
    clip=True,
    contrast=0.0,
)
"""Deep dream: more of whatever a layer already sees (Mordvintsev, Olah and Tyka, Inceptionism, 2015)."""

INVERTING = Recipe(
    steps=80,
    rule=ADAM,
    step_size=0.05,
    decay=0.9,
    parameterisation=FOURIER,
    decorrelate=True,
    total_variation=0.02,
    contrast=0.0,
)
"""A picture with the same features (Mahendran and Vedaldi, Understanding Deep Image Representations, CVPR 2015)."""


def recipe_of(preset: "str | Recipe", **parts: Any) -> Recipe:
    """A preset's recipe, or one that is given, with other parts.

    Raises:
        MethodError: there is no such preset or part, or a value is not allowed.
    """
    if isinstance(preset, Recipe):
        return preset.but(**parts)
    if not isinstance(preset, str) or preset not in PRESETS:
        raise MethodError(f"There is no preset {preset!r}; there are {', '.join(PRESETS)}.")
    return PRESETS[preset].recipe.but(**parts)
