"""What can be said about a dataset before any network sees it: counts, flaws, mean images, colours, sizes.

Pictures are read a few megabytes at a time, so that a dataset that is mapped from a file may be larger than memory.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from explorer.datasets.dataset import Dataset, Split

Floats = NDArray[np.float32]
Counts = NDArray[np.int64]
Progress = Callable[[float], object] | None
"""Told how much is done, 0 to 1; None where nobody asks."""

CHUNK_BYTES = 64_000_000
"""Bytes of working memory for the pictures that are looked at together, by an estimate."""
LUMA = (0.299, 0.587, 0.114)
"""How much red, green and blue count for brightness, after ITU-R BT.601."""

IMBALANCE = 3.0
"""A class that is more than so many times as frequent as another in train is a flaw."""
FEW = 20
"""Fewer pictures of a class than this in train are a flaw."""
DISTORTION = 1.5
"""An aspect ratio that is more than so many times the dataset's, or the other way round, is a flaw."""
NAMED = 5
"""Most classes that a sentence names."""


def counts(dataset: Dataset) -> dict[str, Counts]:
    """How many pictures of each class there are: for each split int64 (K,).

    >>> from explorer.datasets.shapes import shapes
    >>> counts(shapes(5, 3, 0, size=16))["train"].tolist()
    [2, 2, 1]
    """
    classes = len(dataset.class_names)
    return {name: np.bincount(split.labels, minlength=classes) for name, split in dataset.splits.items()}


def chunks(count: int, bytes_each: int) -> Iterator[slice]:
    """The slices of ``count`` pictures that are looked at together, ``CHUNK_BYTES`` at a time and at least one.

    Args:
        count: pictures.
        bytes_each: working memory that a picture takes.

    >>> list(chunks(5, CHUNK_BYTES // 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = max(1, CHUNK_BYTES // max(bytes_each, 1))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def part(on_progress: Progress, start: float, stop: float) -> Callable[[float], object]:
    """The progress of a part of the work, which begins at ``start`` and ends at ``stop`` of the whole."""
    if on_progress is None:
        return lambda _share: None
    return lambda share: on_progress(start + (stop - start) * share)


def thumbnails(images: NDArray[np.uint8], side: int) -> Floats:
    """Pictures (N, H, W, C) made ``side`` × ``side`` by averaging areas, not rounded: float32 (N, side, side, C)."""
    channels = images.shape[3]
    small = np.empty((len(images), side, side, channels), np.float32)
    for index, image in enumerate(images):
        whole = np.asarray(image, np.float32)
        small[index] = cv2.resize(whole, (side, side), interpolation=cv2.INTER_AREA).reshape(side, side, channels)
    return small


def evenly(indices: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most so many of the indices, evenly spread.

    >>> evenly(np.arange(9), 3).tolist()
    [1, 4, 7]
    """
    if len(indices) <= most:
        return indices
    return indices[((np.arange(most) + 0.5) * len(indices) / most).astype(np.intp)]


# Flaws


def flaws(dataset: Dataset, *, on_progress: Progress = None) -> tuple[str, ...]:
    """What a person should know before training on these pictures, each flaw as a sentence.

    Splits that are empty; classes that are missing, scarce (below ``FEW``) or much rarer than another (more than
    ``IMBALANCE`` times); pictures that were enlarged or changed their aspect ratio (by more than ``DISTORTION``) when
    they were made to fit; pictures whose pixels are all equal. Names of classes stand in quotes as they are: they
    are not safe for Markdown.

    >>> from explorer.datasets.shapes import shapes
    >>> flaws(shapes(60, 3, 0, size=16))
    ('The test split is empty: the result cannot be judged by pictures that nobody has looked at before.',)
    """
    found = counts(dataset)
    sentences = [EMPTY[name] for name, split in dataset.splits.items() if not len(split)]
    sentences += _missing(dataset.class_names, found)
    sentences += _uneven(dataset.class_names, found["train"])
    sentences += _fitted(dataset)
    return (*sentences, *_flat(dataset, on_progress))


EMPTY = {
    "train": "The train split is empty: there is nothing to learn from.",
    "validation": "The validation split is empty: the learning cannot be watched on pictures that it does not see.",
    "test": "The test split is empty: the result cannot be judged by pictures that nobody has looked at before.",
}


def _missing(names: Sequence[str], found: dict[str, Counts]) -> list[str]:
    return [
        f"No picture in {split} shows {_named(names, np.flatnonzero(of_class == 0))}."
        for split, of_class in found.items()
        if of_class.any() and not of_class.all()
    ]


def _uneven(names: Sequence[str], of_class: Counts) -> list[str]:
    sentences = []
    present = np.flatnonzero(of_class)
    scarce = present[of_class[present] < FEW]
    if len(scarce):
        sentences.append(f"Train has fewer than {FEW} pictures of {_named(names, scarce)}.")
    if len(present):
        most, least = int(of_class.argmax()), int(present[of_class[present].argmin()])
        if of_class[most] > IMBALANCE * of_class[least]:
            sentences.append(
                f'Train has {of_class[most]:,} pictures of "{names[most]}" and {of_class[least]:,} of '
                f'"{names[least]}", {of_class[most] / of_class[least]:.1f} times fewer: a network does well by '
                "guessing the frequent class."
            )
    return sentences


def _named(names: Sequence[str], classes: Counts) -> str:
    """Classes as words, the first few by their names."""
    quoted = [f'"{names[one]}"' for one in classes[:NAMED]]
    more = len(classes) - len(quoted)
    if more:
        return f"{', '.join(quoted)} or {more} more {'class' if more == 1 else 'classes'}"
    return " or ".join(filter(None, (", ".join(quoted[:-1]), quoted[-1])))


def _fitted(dataset: Dataset) -> list[str]:
    """What making pictures fit did to them, where their sizes are known."""
    known = [split.sizes for split in dataset.splits.values() if split.sizes is not None and len(split)]
    if not known:
        return []
    sizes = np.concatenate(known).astype(np.float64)
    height, width, _ = dataset.image_shape
    enlarged = np.asarray((sizes < (height, width)).any(axis=1))
    change = (sizes[:, 0] * width) / (sizes[:, 1] * height)
    changed = np.maximum(change, 1 / change) > DISTORTION
    sentences = []
    if enlarged.any():
        sentences.append(
            f"{_share(enlarged)} {_were(enlarged)} smaller than {width}×{height} and had to be enlarged: "
            "they are blurred."
        )
    if changed.any():
        sentences.append(
            f"{_share(changed)} had an aspect ratio more than {DISTORTION} times off that of {width}×{height}: "
            "made to fit, they are distorted or lose a part."
        )
    return sentences


def _share(chosen: NDArray[np.bool_]) -> str:
    """So many of all the pictures, as words."""
    number = int(chosen.sum())
    percent = 100 * number / len(chosen)
    return f"{number:,} of {len(chosen):,} pictures ({f'{percent:.0f}' if percent >= 1 else 'under 1'} %)"


def _were(chosen: NDArray[np.bool_]) -> str:
    return "was" if chosen.sum() == 1 else "were"


def _flat(dataset: Dataset, on_progress: Progress) -> list[str]:
    total = max(1, sum(map(len, dataset.splits.values())))
    found, done = [], 0
    for split in dataset.splits.values():
        found.append(flat_pictures(split, on_progress=part(on_progress, done / total, (done + len(split)) / total)))
        done += len(split)
    chosen = np.concatenate(found)
    if not chosen.any():
        return []
    return [f"{_share(chosen)} {_were(chosen)} found to be flat: all pixels of such a picture are equal."]


def flat_pictures(split: Split, *, on_progress: Progress = None) -> NDArray[np.bool_]:
    """Of each picture whether all its pixels are equal: bool (N,).

    >>> flat_pictures(Split(np.zeros((2, 4, 4, 1), np.uint8), np.zeros(2, int))).tolist()
    [True, True]
    """
    tell = part(on_progress, 0, 1)
    flat = np.empty(len(split), bool)
    for rows in chunks(len(split), 2 * values_each(split)):
        images = np.asarray(split.images[rows])
        flat[rows] = (images == images[:, :1, :1]).all(axis=(1, 2, 3))
        tell(rows.stop / len(split))
    return flat


# Means and colours


@dataclass(frozen=True, eq=False)
class ClassImages:
    """What the pictures of each class have in common.

    Attributes:
        mean: float32 (K, H, W, C), grey levels 0–255; NaN for a class without pictures.
        deviation: float32 (K, H, W, C), the standard deviation (of the population) at each place.
        counts: int64 (K,), pictures of each class.
    """

    mean: Floats
    deviation: Floats
    counts: Counts


def mean_images(split: Split, classes: int, *, on_progress: Progress = None) -> ClassImages:
    """The mean picture of each class, and how much its pictures differ from it at each place.

    Args:
        split: the pictures.
        classes: how many classes are wanted, K: the first ones.
        on_progress: told how much is done.

    >>> pictures = np.array([0, 10, 7], np.uint8).reshape(3, 1, 1, 1)
    >>> found = mean_images(Split(pictures, np.array([0, 0, 1])), 2)
    >>> found.mean.ravel().tolist(), found.deviation.ravel().tolist()
    ([5.0, 7.0], [5.0, 0.0])
    """
    shape = split.images.shape[1:]
    mean, deviation = (np.full((classes, *shape), np.nan, np.float32) for _ in range(2))
    of_class = np.bincount(split.labels, minlength=classes)[:classes]
    sums, squares = np.zeros(shape, np.uint64), np.zeros(shape, np.uint64)  # whole numbers: nothing is rounded
    for label, _, images, last in _by_class(split, classes, part(on_progress, 0, 1)):
        sums += images.sum(axis=0, dtype=np.uint64)
        squares += np.square(images, dtype=np.uint16).sum(axis=0, dtype=np.uint64)
        if last:
            average = sums / of_class[label]
            mean[label] = average
            deviation[label] = np.sqrt(np.maximum(squares / of_class[label] - average**2, 0))
            sums[:], squares[:] = 0, 0
    return ClassImages(mean, deviation, of_class)


@dataclass(frozen=True, eq=False)
class Colours:
    """The values of the pictures, wherever in them they are.

    Attributes:
        mean: float64 (K, C), of all pixels of a class, grey levels; NaN for a class without pictures.
        deviation: float64 (K, C), their standard deviation.
        histogram: int64 (C, 256), how often each value occurs in the split.
        brightness: float32 (N,), the mean luminance of each picture, 0–255.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    histogram: Counts
    brightness: Floats


def colours(split: Split, classes: int, *, on_progress: Progress = None) -> Colours:
    """The colours of the classes, and the brightness of every picture.

    Args:
        split: the pictures.
        classes: how many classes there are, K.
        on_progress: told how much is done.

    >>> found = colours(Split(np.full((1, 2, 2, 3), 9, np.uint8), np.array([1])), 2)
    >>> found.mean.tolist(), found.histogram[:, 9].tolist(), found.brightness.tolist()
    ([[nan, nan, nan], [9.0, 9.0, 9.0]], [4, 4, 4], [9.0])
    """
    channels = split.images.shape[3]
    histograms = np.zeros((classes, channels, 256), np.int64)
    brightness = np.empty(len(split), np.float32)
    weights = np.array(LUMA) if channels == 3 else np.ones(1)
    for label, indices, images, _ in _by_class(split, classes, part(on_progress, 0, 1)):
        for channel in range(channels):
            histograms[label, channel] += np.bincount(images[..., channel].ravel(), minlength=256)
        brightness[indices] = images.mean(axis=(1, 2)) @ weights
    levels = np.arange(256)
    with np.errstate(invalid="ignore"):
        mean = histograms @ levels / histograms.sum(axis=2)
        deviation = np.sqrt(np.maximum(histograms @ levels**2 / histograms.sum(axis=2) - mean**2, 0))
    return Colours(mean, deviation, histograms.sum(axis=0), brightness)


def _by_class(
    split: Split, classes: int, tell: Callable[[float], object]
) -> Iterator[tuple[int, NDArray[np.intp], NDArray[np.uint8], bool]]:
    """The pictures class by class: label, places in the split, pictures, and whether they are the class's last."""
    done = 0
    for label in range(classes):
        members = np.flatnonzero(split.labels == label)
        for rows in chunks(len(members), 10 * values_each(split)):  # the values, and as bincount's 8-byte integers
            indices = members[rows]
            yield label, indices, np.asarray(split.images[indices]), rows.stop == len(members)
            done += len(indices)
            tell(done / len(split))


def values_each(split: Split) -> int:
    """How many values a picture has."""
    return int(np.prod(split.images.shape[1:]))


def size_counts(split: Split, limit: int) -> list[tuple[tuple[int, int], int]]:
    """The sizes that pictures had before they were made to fit, the most frequent first.

    Args:
        split: the pictures.
        limit: most sizes.

    Returns:
        ((height, width), pictures) each; of equally frequent ones the smaller first. Empty where nobody knows.
    """
    if split.sizes is None or not len(split):
        return []
    sizes, times = np.unique(split.sizes, axis=0, return_counts=True)
    order = np.argsort(-times, kind="stable")[:limit]
    return [((int(sizes[one, 0]), int(sizes[one, 1])), int(times[one])) for one in order]
