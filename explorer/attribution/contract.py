"""What an attribution method is given, what it gives back, and how it is registered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from explorer.errors import MethodError
from explorer.models import Classifier
from explorer.options import Option, Value

Floats = NDArray[np.float32]
Family = Literal["cam", "gradient", "perturbation"]
Progress = Callable[[float], object]
Cancelled = Callable[[], bool]


def _quiet(share: float) -> None:
    """Tell nobody."""


def _never() -> bool:
    """Go on."""
    return False


@dataclass(frozen=True, eq=False)
class Request:
    """One question to a method.

    Attributes:
        classifier: the network.
        pixels: float32 (1, H, W, C), the picture as the network reads it.
        direction: float32 (K,), the target: its score is ``direction · class scores``. All zeros ask for the
            likeliest class.
        layer: dotted path, for a method that looks at one; None otherwise.
        options: every option of the method, checked.
        on_progress: called with the share that is done, 0–1.
        cancelled: asked between batches; after a yes the method ends with what it has, and says so.
        look: the layer's maps and gradients, class scores and direction, where they have been computed already.
    """

    classifier: Classifier
    pixels: Floats
    direction: Floats
    layer: str | None = None
    options: Mapping[str, Value] = field(default_factory=dict)
    on_progress: Progress = _quiet
    cancelled: Cancelled = _never
    look: tuple[Floats, Floats, Floats, Floats] | None = None

    def number(self, name: str) -> float:
        """A numeric option."""
        return float(self.options[name])

    def whole(self, name: str) -> int:
        """A whole-numbered option."""
        return int(self.options[name])

    def choice(self, name: str) -> str:
        """A named option."""
        return str(self.options[name])


@dataclass(frozen=True, eq=False)
class Terms:
    """What a class activation map is the sum of: over the channels k, ``Σ weights[k] · maps[k]``.

    Attributes:
        maps: float32 (h, w, C), the layer's maps.
        weights: float32 (C,), one for each map; or (h, w, C), one for each cell of each map.
    """

    maps: Floats
    weights: Floats

    @property
    def products(self) -> Floats:
        """Weight times map: float32 (h, w, C)."""
        return np.asarray(self.maps * self.weights, np.float32)


@dataclass(frozen=True, eq=False)
class Computed:
    """What a method found, at its own resolution.

    Attributes:
        signed: float32 (h, w): positive raises the target's score, negative lowers it; what that means for a method
            is in its ``signs``.
        shown: float32 (h, w), nothing negative: what the heatmap shows.
        logits: float32 (K,), the class scores of the picture.
        direction: float32 (K,), the target that was explained; not all zeros any more.
        terms: of a class activation map, what was added up; None for other methods.
        notes: sentences for the person.
        excused: the notes say already why there may be nothing to see, such as that it was cancelled.
        start: the score of the baseline, from which a method adds up; None for methods without one.
    """

    signed: Floats
    shown: Floats
    logits: Floats
    direction: Floats
    terms: Terms | None = None
    notes: tuple[str, ...] = ()
    excused: bool = False
    start: float | None = None


@dataclass(frozen=True)
class Method:
    """One attribution method.

    Attributes:
        title: its name in the literature.
        family: "cam" (a weighted sum of a layer's maps), "gradient" (of the score by the pixels) or
            "perturbation" (what happens to the score when parts are hidden).
        compute: does it.
        sentence: what it does, in a sentence for a beginner.
        paper: authors, title, year.
        formula: LaTeX.
        cost: in passes through the network.
        weakness: what it is known to get wrong, in a sentence.
        options: name → option.
        slow: whether it takes seconds, so that a page shows its progress.
        light: options for a test that asks many times; empty where the defaults are quick.
        shows: what the heatmap shows, as the end of "It shows …".
        signs: what the signed map's colours mean.
    """

    title: str
    family: Family
    compute: Callable[[Request], Computed]
    sentence: str
    paper: str
    formula: str
    cost: str
    weakness: str
    options: Mapping[str, Option] = field(default_factory=dict)
    slow: bool = False
    light: Mapping[str, Value] = field(default_factory=dict)
    shows: str = "what raises the score that is asked about"
    signs: str = "blue raises the score that is asked about, red lowers it"

    @property
    def needs_layer(self) -> bool:
        """Whether it looks at one layer's maps."""
        return self.family == "cam"

    def check(self, options: Mapping[str, object]) -> dict[str, Value]:
        """Every option's value: the given one, checked, or the default.

        Raises:
            MethodError: an option that the method does not have, or a value that is not allowed.
        """
        unknown = [name for name in options if name not in self.options]
        if unknown:
            known = ", ".join(self.options) or "none"
            raise MethodError(f"{self.title} has no option {unknown[0]!r}; its options: {known}.")
        return {
            name: option.check(name, options[name]) if name in options else option.default
            for name, option in self.options.items()
        }


def share_of_work(report: Progress, done: int, total: int) -> None:
    """Tell how much of ``total`` is done."""
    report(min(1.0, done / max(1, total)))


def batch_of(classifier: Classifier, most: int) -> int:
    """Pictures in one pass: ``most`` of a network that reads up to 256 × 256 pixels, fewer where it reads more."""
    height, width, _ = classifier.input_shape
    return max(1, min(most, most * 256**2 // (height * width)))


def in_batches(total: int, size: int) -> Sequence[tuple[int, int]]:
    """The ends of batches of at most ``size``.

    >>> in_batches(5, 2)
    [(0, 2), (2, 4), (4, 5)]
    """
    return [(first, min(total, first + size)) for first in range(0, total, size)]
