"""What a trained network gets right and wrong: confusions, the figures of each class, the most confident mistakes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.training.checkpoints import DAMAGED
from explorer.training.folder import Folder


@dataclass(frozen=True)
class Judged:
    """What a network said of every test picture.

    Attributes:
        probabilities: of each class, float32 (N, K).
        labels: the true classes, int64 (N,).
    """

    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each picture, int64 (N,); the first of equals."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether that is the true one, bool (N,)."""
        return np.asarray(self.predicted == self.labels)

    @property
    def accuracy(self) -> float:
        """The share of pictures that it is right about."""
        return float(self.right.mean())


def read_judged(folder: Folder) -> Judged | None:
    """What the network said of the test pictures; None before it was tested, or where the file is damaged."""
    try:
        with folder.tested.open("rb") as file:  # NumPy leaves a damaged one open
            saved = np.load(file, allow_pickle=False)
            probabilities, labels = saved["probabilities"], saved["labels"]
    except DAMAGED:
        return None
    if not _fits(probabilities, labels):
        return None
    return Judged(probabilities.astype(np.float32), labels.astype(np.int64))


def _fits(probabilities: NDArray[Any], labels: NDArray[Any]) -> bool:
    """Whether these are finite numbers of shape (N, K), N at least 1, and N classes out of K."""
    shaped = probabilities.ndim == 2 and probabilities.size > 0 and labels.shape == probabilities.shape[:1]
    if not shaped or probabilities.dtype.kind != "f" or labels.dtype.kind not in "iu":
        return False
    classes = probabilities.shape[1]
    return bool(np.isfinite(probabilities).all() and labels.min() >= 0 and labels.max() < classes)


def confusion(labels: NDArray[Any], predicted: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """How often pictures of one class were taken for another.

    Args:
        labels: true classes, int (N,), 0 to ``classes`` − 1.
        predicted: what they were taken for, likewise.
        classes: K.

    Returns:
        int64 (K, K): a row a true class, a column a predicted one.

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    places = np.asarray(labels, np.int64) * classes + np.asarray(predicted, np.int64)
    return np.bincount(places, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


@dataclass(frozen=True)
class ClassFigures:
    """How well one class is told from the others.

    Attributes:
        name: of the class.
        pictures: how many of it there were.
        precision: the share that is right of what was taken for it; None where nothing was.
        recall: the share of its pictures that was found; None where it has none.
        f1: their harmonic mean, ``2 · right / (taken for it + of it)``; None where neither is any.
    """

    name: str
    pictures: int
    precision: float | None
    recall: float | None
    f1: float | None


def class_figures(matrix: NDArray[np.int64], class_names: Sequence[str]) -> list[ClassFigures]:
    """The figures of each class.

    Args:
        matrix: from :func:`confusion`, int (K, K).
        class_names: K names.

    >>> class_figures(np.array([[3, 1], [0, 2]]), ["cat", "dog"])[0]
    ClassFigures(name='cat', pictures=4, precision=1.0, recall=0.75, f1=0.8571428571428571)
    """
    right, of_it, taken = np.diagonal(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    return [
        ClassFigures(
            name,
            int(of_it[k]),
            _share(right[k], taken[k]),
            _share(right[k], of_it[k]),
            _share(2 * right[k], of_it[k] + taken[k]),
        )
        for k, name in enumerate(class_names)
    ]


def _share(part: np.int64, whole: np.int64) -> float | None:
    return float(part / whole) if whole else None


def mistakes(probabilities: NDArray[np.float32], labels: NDArray[Any], count: int) -> NDArray[np.int64]:
    """The places of wrong answers, the most confident first.

    Args:
        probabilities: float32 (N, K).
        labels: true classes, int (N,).
        count: at most so many.

    Returns:
        int64 (at most ``count``,); of equally confident ones the earlier place first.

    >>> mistakes(np.float32([[0.6, 0.4], [0.1, 0.9], [1.0, 0.0]]), np.array([1, 0, 0]), 5).tolist()
    [1, 0]
    """
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    confidence = probabilities[wrong].max(axis=1, initial=0.0)
    return wrong[np.argsort(-confidence, kind="stable")][:count].astype(np.int64)


def most_confused(matrix: NDArray[np.int64], class_names: Sequence[str], count: int = 3) -> list[tuple[str, str, int]]:
    """The most frequent mistakes: true class, what it was taken for, how often; the most frequent first.

    >>> most_confused(np.array([[9, 2, 0], [5, 9, 0], [0, 0, 9]]), ["cat", "dog", "cow"])
    [('dog', 'cat', 5), ('cat', 'dog', 2)]
    """
    wrong = matrix * (1 - np.eye(len(matrix), dtype=np.int64))
    places = np.argsort(-wrong, axis=None, kind="stable")[:count]
    pairs = [divmod(int(place), len(matrix)) for place in places]
    return [(class_names[row], class_names[col], int(wrong[row, col])) for row, col in pairs if wrong[row, col]]
