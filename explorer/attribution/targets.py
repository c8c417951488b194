"""What is asked about: a class, one class against another, or what speaks against it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explorer.errors import MethodError
from explorer.models import Classifier


@dataclass(frozen=True)
class Target:
    """The question "why this class?", as a direction in the space of class scores.

    The scores are logits ``z``. The question's score is ``z[index]``; with ``versus`` it is
    ``z[index] − z[versus]``; with ``against`` its sign is turned, so that the map shows what speaks against it
    (R. Selvaraju et al., "Grad-CAM", 2017, section 3.3: counterfactual explanations).

    Attributes:
        index: the class; None for the likeliest one.
        versus: another class; "this one rather than that one".
        against: ask what speaks against it.
    """

    index: int | None = None
    versus: int | None = None
    against: bool = False

    def direction(self, classes: int) -> NDArray[np.float32]:
        """The score as a weight for each of the class scores: float32 (K,).

        All zeros stand for the likeliest class, which is only known after the pass.

        Raises:
            MethodError: a class that there is not, a class against itself, or a comparison without a class.

        >>> Target(0, versus=2).direction(3).tolist()
        [1.0, 0.0, -1.0]
        """
        weights = np.zeros(classes, np.float32)
        if self.index is None:
            if self.versus is not None or self.against:
                raise MethodError("Name the class that the question is about.")
            return weights
        weights[_checked(self.index, classes)] = 1
        if self.versus is not None:
            if self.versus == self.index:
                raise MethodError("A class cannot be asked about against itself; choose another one.")
            weights[_checked(self.versus, classes)] = -1
        return -weights if self.against else weights

    def named(self, names: tuple[str, ...]) -> str:
        """The question in words.

        >>> Target(1, versus=0, against=True).named(("cat", "dog"))
        'against dog rather than cat'
        """
        if self.index is None:
            return "the likeliest class"
        words = names[self.index] if self.versus is None else f"{names[self.index]} rather than {names[self.versus]}"
        return f"against {words}" if self.against else words


Asked = Target | int | str | tuple[int | str, int | str] | None
"""What a script may write for a target: an index, a class name, "this against that" as a pair, a Target, or nothing."""


def as_target(asked: Asked, classifier: Classifier) -> Target:
    """A target from what a script may write.

    Raises:
        MethodError: there is no such class.
    """
    if asked is None or isinstance(asked, Target):
        return asked or Target()
    if isinstance(asked, tuple) and len(asked) == 2:
        return Target(_index(asked[0], classifier.class_names), _index(asked[1], classifier.class_names))
    return Target(_index(asked, classifier.class_names))


def _index(asked: object, names: tuple[str, ...]) -> int:
    """The index of a class that is given by its index or its name."""
    if isinstance(asked, str):
        if asked not in names:
            raise MethodError(f"The network knows no class {asked!r}; its classes: {_some(names)}.")
        return names.index(asked)
    return _checked(asked, len(names))


def _checked(index: object, classes: int) -> int:
    """The index of a class that there is."""
    if isinstance(index, bool) or not isinstance(index, int | np.integer) or not 0 <= index < classes:
        raise MethodError(f"The class is {index!r}; the network's classes are 0 to {classes - 1}.")
    return int(index)


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
