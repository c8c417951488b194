"""How far something trivial tells the classes apart, without any network: shortcuts that one could take."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explorer.datasets.dataset import Dataset, Split
from explorer.datasets.survey import Counts, Floats, Progress, chunks, evenly, part, thumbnails, values_each
from explorer.errors import DatasetError

FIT_PICTURES, MEASURE_PICTURES = 20_000, 10_000
"""Most pictures that a cue is learned from, and measured on; of more, evenly spread ones are taken."""
HELD_OUT = 5
"""Where only train has pictures, every so manieth is kept back to measure cues on."""
SHRINKAGE = 0.01
"""Share of the covariance that is replaced by the same variance in every direction."""
ACCIDENT = 3.2e-5
"""A cue is beyond chance if guesses would be right as often with a lower probability; of a normal distribution, this
much lies above four standard deviations."""


@dataclass(frozen=True)
class Cue:
    """How well a trivial trait of the pictures tells the classes apart, with no network at all.

    Attributes:
        name: of the trait: ``"colour"``, ``"thumbnail"`` or ``"corners"``.
        title: what is looked at, in words.
        accuracy: share of the measured pictures whose class it gets right, 0 to 1.
        chance: share of the most frequent class among them: what a guess gets right.
        split: where it was measured; ``"train"`` where pictures were kept back.
        counts: pictures that it was learned from, and measured on.
    """

    name: str
    title: str
    accuracy: float
    chance: float
    split: str
    counts: tuple[int, int]

    @property
    def beyond_chance(self) -> bool:
        """Whether guesses would hardly ever be right as often: a binomial test."""
        measured = self.counts[1]
        return _at_least(round(self.accuracy * measured), measured, self.chance) < ACCIDENT

    @property
    def sentence(self) -> str:
        """What was found, in words."""
        verdict = "tells the class of" if self.beyond_chance else "says nothing sure about the class; it is right for"
        return (
            f"{self.title} alone {verdict} {100 * self.accuracy:.0f} % of {self.counts[1]:,} pictures of {self.split}; "
            f"always guessing the most frequent class is right for {100 * self.chance:.0f} %."
        )


def cues(dataset: Dataset, *, on: str | None = None, on_progress: Progress = None) -> tuple[Cue, ...]:
    """How far colour, a thumbnail or the corners alone tell the classes apart.

    A network takes the easiest way to its answer; where one of these is far beyond chance, it need not look at the
    thing itself (Geirhos et al., "Shortcut learning in deep neural networks", 2020). Each trait is classified by
    linear discriminant analysis with a shrunken covariance, learned from train.

    Args:
        dataset: the pictures.
        on: the split to measure on, ``"validation"`` or ``"test"``; None for the first of them that has pictures, or
            every fifth picture of train, which is then not learned from.
        on_progress: told how much is done.

    Returns:
        a cue for each trait; none where there are too few pictures.

    Raises:
        DatasetError: the split asked for is not one to measure on, or is empty.
    """
    split = _measured_on(dataset, on)
    learned = np.arange(len(dataset.train))
    measured = np.arange(len(dataset.splits[split]))
    if split == "train":
        measured = learned[HELD_OUT - 1 :: HELD_OUT]
        learned = np.setdiff1d(learned, measured)
    learned, measured = evenly(learned, FIT_PICTURES), evenly(measured, MEASURE_PICTURES)
    if not len(learned) or not len(measured):
        return ()
    middle = len(learned) / (len(learned) + len(measured))
    known = _traits(dataset.train, learned, part(on_progress, 0, middle))
    unknown = _traits(dataset.splits[split], measured, part(on_progress, middle, 1))
    labels, truth = dataset.train.labels[learned], dataset.splits[split].labels[measured]
    chance = float(np.bincount(truth).max() / len(truth))
    return tuple(
        Cue(
            name,
            title,
            float(np.mean(_discriminate(known[name], labels, unknown[name]) == truth)),
            chance,
            split,
            (len(learned), len(measured)),
        )
        for name, title in TRAITS.items()
    )


def _at_least(right: int, measured: int, chance: float) -> float:
    """The probability that at least so many of the measured guesses are right.

    >>> round(_at_least(2, 2, 0.5), 6), round(_at_least(0, 9, 0.1), 6)
    (0.25, 1.0)
    """
    if not 0 < chance < 1:
        return 1.0
    times = np.arange(right, measured + 1)
    ways = math.lgamma(measured + 1) - np.array([math.lgamma(k + 1) + math.lgamma(measured - k + 1) for k in times])
    return float(np.exp(ways + times * math.log(chance) + (measured - times) * math.log(1 - chance)).sum())


TRAITS = {
    "colour": "The mean colour of a picture",
    "thumbnail": "A thumbnail of 4×4 pixels",
    "corners": "The mean colour of each corner",
}
"""The traits by name, in words."""


def _measured_on(dataset: Dataset, on: str | None) -> str:
    candidates = [name for name in ("validation", "test") if len(dataset.splits[name])]
    if on is None:
        return candidates[0] if candidates else "train"
    if on not in candidates:
        raise DatasetError(
            f"Cues cannot be measured on {on!r}; there is {' and '.join(candidates) or 'no such split'}."
        )
    return on


def _traits(split: Split, indices: NDArray[np.intp], tell: Callable[[float], object]) -> dict[str, Floats]:
    """Each trait of the chosen pictures: float32 (N, numbers)."""
    height, width = split.images.shape[1:3]
    down, across = max(1, height // 8), max(1, width // 8)
    corners = [
        (rows, cols) for rows in (slice(down), slice(-down, None)) for cols in (slice(across), slice(-across, None))
    ]
    found: dict[str, list[Floats]] = {name: [] for name in TRAITS}
    for rows in chunks(len(indices), 2 * values_each(split)):
        images = np.asarray(split.images[indices[rows]])
        found["colour"].append(images.mean(axis=(1, 2), dtype=np.float32))
        found["thumbnail"].append(thumbnails(images, 4).reshape(len(images), -1))
        patches = [images[:, down, across].mean(axis=(1, 2), dtype=np.float32) for down, across in corners]
        found["corners"].append(np.concatenate(patches, axis=1))
        tell(rows.stop / len(indices))
    return {name: np.concatenate(parts).reshape(len(indices), -1) for name, parts in found.items()}


def _discriminate(known: Floats, labels: Counts, unknown: Floats) -> Counts:
    """The classes of unknown vectors by linear discriminant analysis: int (M,).

    ``argmax_k m_kᵀ S⁻¹ x − m_kᵀ S⁻¹ m_k / 2 + ln p_k`` with the classes' means m and shares p, and the covariance S
    within them, mixed with ``SHRINKAGE`` of its mean variance.
    """
    classes, member, of_class = np.unique(labels, return_inverse=True, return_counts=True)
    centre = known.mean(axis=0, dtype=np.float64)
    inputs = known - centre
    means = np.stack([inputs[member == one].mean(axis=0) for one in range(len(classes))])
    residuals = inputs - means[member]
    covariance = residuals.T @ residuals / len(inputs)
    size = len(covariance)
    variance = max(float(np.trace(covariance)) / size, 1e-6)
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * variance * np.eye(size)
    directions = np.linalg.solve(covariance, means.T)
    scores = (unknown - centre) @ directions - (means.T * directions).sum(axis=0) / 2 + np.log(of_class / len(labels))
    return np.asarray(classes[scores.argmax(axis=1)])
