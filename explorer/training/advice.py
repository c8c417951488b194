"""One sentence on how a training goes: whether it learns the pictures by heart, has not begun, or needs longer."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["overfitting", "underfitting", "learning", "stuck", "good"]

FIGURES = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
RISE = 1.1
"""Validation loss that is so many times its lowest has turned."""
SURE_RISE = 1.05
"""Each of the last two epochs lies so far above it, or it was one epoch's accident."""
GAP = 0.03
"""Smaller differences between training and validation accuracy are nobody's worry."""
WIDE_GAP = 0.07
"""From this difference on, standing still is enough to be called learning by heart."""
STANDS = 3
"""So many epochs without a better validation loss are standing still."""
FALL = 0.02
"""A loss that is lower by this share is lower; less is chance."""
CHANCE = 0.1
"""Of the way from guessing to knowing everything; below it, an accuracy is near chance."""
NO_LESSON = 0.98
"""Of ``ln classes``, the loss of guessing evenly: above it nothing was learned."""
KNOWS = 0.98
"""From this accuracy on there is little to gain."""
LOW = 0.85
"""A training accuracy that stands still below this asks for more network."""


@dataclass(frozen=True)
class Advice:
    """What can be said of a training.

    Attributes:
        kind: what it is.
        sentence: for the person at the page, with what to do.
    """

    kind: Kind
    sentence: str


@dataclass(frozen=True)
class _Curves:
    """The figures of the epochs that have all of them, float64 (E,) each, and two things that all rules ask for."""

    epochs: NDArray[np.float64]
    loss: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    val_loss: NDArray[np.float64]
    val_accuracy: NDArray[np.float64]

    @property
    def best(self) -> int:
        """The place of the lowest validation loss."""
        return int(self.val_loss.argmin())

    @property
    def since(self) -> int:
        """Epochs after it."""
        return len(self.epochs) - 1 - self.best

    @property
    def gap(self) -> float:
        """How much better it is in training, over the last two epochs."""
        return float(np.mean(self.accuracy[-2:] - self.val_accuracy[-2:]))

    @property
    def told(self) -> str:
        """The last epoch's accuracies, the beginning of a sentence."""
        return f"Training {_percent(self.accuracy[-1])}, validation {_percent(self.val_accuracy[-1])}"


def advise(history: Mapping[str, Sequence[Any]], classes: int) -> Advice | None:
    """What the curves so far say.

    One noisy epoch decides nothing: validation has turned when two epochs in a row lie well above its lowest loss.

    Args:
        history: lists by name, a value an epoch: epoch, loss, accuracy, val_loss, val_accuracy. Epochs where one of
            them is None or not finite are left out.
        classes: how many there are to tell apart.

    Returns:
        None where fewer than two epochs are left.

    >>> history = {"epoch": [1, 2, 3], "loss": [1.0, 0.5, 0.2], "accuracy": [0.6, 0.8, 0.95],
    ...            "val_loss": [0.9, 1.1, 1.4], "val_accuracy": [0.65, 0.62, 0.60]}
    >>> advise(history, 10).kind
    'overfitting'
    """
    curves = _curves(history)
    if len(curves.epochs) < 2:
        return None
    for rule in (_stuck, _turned, _stands):
        found = rule(curves, classes)
        if found is not None:
            return found
    return _going(curves)


def _curves(history: Mapping[str, Sequence[Any]]) -> _Curves:
    rows = zip(*(history.get(name, ()) for name in FIGURES), strict=False)
    whole = [row for row in rows if all(isinstance(each, int | float) and math.isfinite(each) for each in row)]
    return _Curves(*np.array(whole, np.float64).reshape(-1, len(FIGURES)).T)


def _stuck(curves: _Curves, classes: int) -> Advice | None:
    """Nothing was learned: accuracy and loss are those of guessing, or one answer is given to every picture."""
    chance = 1 / max(2, classes)
    near = curves.accuracy[-1] - chance < CHANCE * (1 - chance)
    moves = curves.accuracy[-1] - curves.accuracy[0] >= GAP and bool((np.diff(curves.loss) < 0).all())
    if near and not moves and curves.loss[-1] >= NO_LESSON * math.log(max(2, classes)):
        return Advice(
            "stuck",
            f"Training stays at {_percent(curves.accuracy[-1])}, and guessing among {classes} classes gives "
            f"{_percent(chance)}: try another learning rate. Weights that begin at zero never part.",
        )
    same = len(curves.epochs) >= STANDS and np.ptp(curves.val_accuracy) == 0 and curves.val_accuracy[-1] < KNOWS
    if same and curves.loss[-1] > curves.loss[0] * (1 - FALL):
        return Advice(
            "stuck",
            f"Validation is {_percent(curves.val_accuracy[-1])} after every epoch, and the loss does not fall: it "
            "seems to give the same answer to every picture. Try another learning rate.",
        )
    return None


def _turned(curves: _Curves, classes: int) -> Advice | None:  # noqa: ARG001
    """Validation loss has turned while training goes on."""
    lowest, last = curves.val_loss[curves.best], curves.val_loss[-2:]
    around = float(np.median(curves.val_loss[max(0, curves.best - 1) : curves.best + 2]))
    if (
        last.mean() < RISE * lowest
        or last.min() < SURE_RISE * lowest
        or last.mean() < SURE_RISE * around
        or curves.loss[-1] >= curves.loss[curves.best]
        or curves.gap < GAP
    ):
        return None
    epoch = int(curves.epochs[curves.best])
    falls = curves.val_accuracy[curves.best + 1 :].max() < curves.val_accuracy[curves.best]
    said = f"falling since epoch {epoch}" if falls else f"its loss rising since epoch {epoch}"
    return Advice("overfitting", f"{curves.told} and {said}: {_by_heart(epoch)}")


def _stands(curves: _Curves, classes: int) -> Advice | None:  # noqa: ARG001
    """Training has left validation far behind, which gets no better."""
    if curves.since < STANDS or curves.gap < WIDE_GAP or curves.loss[-1] >= curves.loss[curves.best]:
        return None
    epoch = int(curves.epochs[curves.best])
    return Advice("overfitting", f"{curves.told} and its loss no lower since epoch {epoch}: {_by_heart(epoch)}")


def _by_heart(epoch: int) -> str:
    return f"it learns the pictures by heart. Dropout, augmentation, or stop at epoch {epoch}."


def _going(curves: _Curves) -> Advice:
    """Nothing is wrong with it: it still learns, is done, or has come as far as it can."""
    if min(curves.accuracy[-1], curves.val_accuracy[-1]) >= KNOWS:
        return Advice("good", f"{curves.told}: there is little left to learn.")
    training, validation = _gains(curves.loss), _gains(curves.val_loss)
    early = len(curves.epochs) <= STANDS
    if validation:
        steady = all(each[-1] > each[-2] for each in (curves.accuracy, curves.val_accuracy))
        how = "both still rise" if steady else "it still learns, though not in every epoch"
        return Advice("learning", f"{curves.told}: {how}: more epochs.")
    if early or (training and curves.accuracy[-1] < LOW):
        return Advice("learning", f"{curves.told}: validation hesitates. The next epochs will show where it goes.")
    if curves.accuracy[-1] < LOW and curves.gap < WIDE_GAP:
        return Advice(
            "underfitting",
            f"{curves.told}, and neither gets much better: try a larger network, another learning rate, or less "
            "dropout and augmentation.",
        )
    epoch = int(curves.epochs[curves.best])
    return Advice("good", f"{curves.told}, its loss lowest at epoch {epoch}: more epochs will hardly help.")


def _gains(losses: NDArray[np.float64]) -> bool:
    """Whether the last three epochs brought a loss well below all before."""
    recent = min(STANDS, len(losses) - 1)
    return bool(losses[-recent:].min() < losses[:-recent].min() * (1 - FALL))


def _percent(share: float) -> str:
    """Whole percents; tenths close to all, and 100 % only where it is all.

    >>> _percent(0.714), _percent(0.9966), _percent(0.99999), _percent(1.0)
    ('71 %', '99.7 %', '99.9 %', '100 %')
    """
    if 0.995 <= share < 1:
        return f"{min(99.9, 100 * share):.1f} %"
    return f"{100 * share:.0f} %"
