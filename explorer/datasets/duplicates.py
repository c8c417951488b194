"""Pictures that are in two splits at once: learned from, and then used to judge what was learned.

Such copies make a network look better than it is (B. Barz and J. Denzler, "Do we train on test data? Purging CIFAR of
near-duplicates", 2020). Equal pictures are found by their bytes. Nearly equal ones, stored anew as JPEG, brightened,
resized or moved by a pixel, are found in two steps: thumbnails say which picture of the other split is the nearest,
and this one is compared in colour. A pixel is much of a picture of 28×28: moved by one, it is mostly not found.

How alike two *different* pictures are depends on the dataset: any two ones of MNIST are more alike than a photo and
its JPEG. So a picture has to stand out, too: see ``NEARER``.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from explorer.datasets.dataset import Dataset, Split
from explorer.datasets.survey import LUMA, Progress, chunks, evenly, part, thumbnails
from explorer.errors import DatasetError

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

LIKENESS = 0.95
"""Two pictures whose pixels correlate less than this, at the best shift, are different."""
NEARER = 3.0
"""Two pictures are nearly equal if their unlikeness is so many times smaller than what is usual: than the unlikeness,
1 − correlation, between the later one's thumbnail and the best match in half of ``BLOCKS`` parts of the earlier split.
Up to 15 near copies of the same picture can be there without being taken for what is usual."""
BLOCKS = 32
COARSE = 0.8
"""Correlation of thumbnails above which two pictures are compared in colour."""
THUMBNAIL = 16
"""Height and width of a thumbnail, in pixels."""
FLAT = 0.5
"""Standard deviation of a thumbnail, in grey levels, below which it shows nothing that could be compared."""
COMPARED_SIDE = 64
"""Pictures that are larger are compared in colour at this height and width, in pixels."""
MAX_WORK = 2_000_000_000
"""Most comparisons of thumbnails for two splits; above it, evenly spread pictures of the earlier split are taken."""
PRODUCTS = 4_000_000
"""Most correlations of thumbnails that are kept at once."""
MAX_LISTED = 1000
"""Most pairs, and most groups of contradictory pictures in a split, that are listed; all of them are counted."""

ORDER = (("train", "validation"), ("train", "test"), ("validation", "test"))
"""The splits that are compared, the earlier one first."""


@dataclass(frozen=True)
class Pair:
    """A picture of a later split, and the one of an earlier split that is (nearly) the same.

    Attributes:
        earlier, earlier_index: a split's name, and the picture's place in it.
        later, later_index: the same of the later split.
        likeness: correlation of all pixels and colours, −1 to 1, at the best shift of at most a pixel.
        difference: mean absolute difference of the pictures as they are, in grey levels.
        exact: whether all bytes are equal.
        other_label: whether their labels differ.
    """

    earlier: str
    earlier_index: int
    later: str
    later_index: int
    likeness: float
    difference: float
    exact: bool
    other_label: bool


@dataclass(frozen=True)
class Compared:
    """What was found between two splits.

    Attributes:
        later: pictures of the later split; each of them was looked up.
        earlier: pictures of the earlier split.
        sampled: how many of those were looked at for near copies; equal copies are looked for among all.
        exact: pictures of the later split that are also in the earlier one, byte for byte.
        near: further ones that nearly are.
        other_label: how many of both have another label there.
    """

    later: int
    earlier: int
    sampled: int
    exact: int
    near: int
    other_label: int


@dataclass(frozen=True)
class Copies:
    """Equal pictures inside a split.

    Attributes:
        count: pictures that are equal, byte for byte, to an earlier one of the split.
        contradictory: groups of equal pictures with different labels, as places in the split; the first ones.
        contradictory_count: how many such groups there are.
    """

    count: int
    contradictory: tuple[tuple[int, ...], ...]
    contradictory_count: int


@dataclass(frozen=True)
class Duplicates:
    """Pictures that are there more than once.

    Attributes:
        pairs: the same picture in two splits; equal ones first, then by likeness. At most ``MAX_LISTED``. A picture of
            a later split is in at most one pair with an earlier split.
        compared: (earlier, later) → what was found; two splits of which one is empty are left out.
        within: split → equal pictures in it.
        limit: the likeness that was asked for.
    """

    pairs: tuple[Pair, ...]
    compared: Mapping[tuple[str, str], Compared]
    within: Mapping[str, Copies]
    limit: float

    @property
    def notes(self) -> tuple[str, ...]:
        """Where not everything was compared, as sentences."""
        return tuple(
            f"Near copies of {later} were looked for among {found.sampled:,} evenly spread pictures of the "
            f"{found.earlier:,} of {earlier}: there may be more. Equal ones were looked for among all."
            for (earlier, later), found in self.compared.items()
            if found.sampled < found.earlier
        )


def near_duplicates(dataset: Dataset, *, likeness: float = LIKENESS, on_progress: Progress = None) -> Duplicates:
    """Pictures of validation and test that are (nearly) also in an earlier split, and equal ones inside each split.

    Args:
        dataset: the pictures.
        likeness: least correlation of two nearly equal pictures, ``COARSE`` to 1; they have to stand out as well.
        on_progress: told how much is done.

    Raises:
        DatasetError: ``likeness`` is out of its range.

    >>> from explorer.datasets.shapes import shapes
    >>> drawn = shapes(9, 0, 3, size=16)
    >>> drawn.test.images[2] = drawn.train.images[5]
    >>> [(pair.earlier_index, pair.later_index, pair.exact) for pair in near_duplicates(drawn).pairs]
    [(5, 2, True)]
    """
    if not COARSE <= likeness <= 1:
        raise DatasetError(f"The least likeness of near copies is {likeness}; it can be {COARSE} to 1.")
    splits = dataset.splits
    stages = _stages(splits, on_progress)
    seen = {name: _look(split, stages[name]) for name, split in splits.items()}
    pairs: list[Pair] = []
    compared = {}
    for names in ORDER:
        if all(len(splits[name]) for name in names):
            found, compared[names] = _between(splits, seen, names, likeness, stages[names])
            pairs += found
    pairs.sort(key=lambda pair: (not pair.exact, -pair.likeness))
    within = {name: _copies(seen[name].digests, split.labels) for name, split in splits.items()}
    return Duplicates(tuple(pairs[:MAX_LISTED]), compared, within, likeness)


def _stages(splits: Mapping[str, Split], on_progress: Progress) -> dict[object, Callable[[float], object]]:
    """Each stage of the work with its part of the progress, by an estimate of what it costs."""
    costs: dict[object, float] = {name: len(split) for name, split in splits.items()}
    for earlier, later in ORDER:
        costs[earlier, later] = len(splits[later]) * (3 + min(len(splits[earlier]) / 3000, 60))
    total, done = max(sum(costs.values()), 1), 0.0
    stages = {}
    for stage, cost in costs.items():
        stages[stage] = part(on_progress, done / total, (done + cost) / total)
        done += cost
    return stages


@dataclass(frozen=True, eq=False)
class _Seen:
    """What is kept of a split: each picture's digest, and its standardised thumbnail, float16 (N, THUMBNAIL²)."""

    digests: Sequence[bytes]
    thumbnails: NDArray[np.float16]


def _look(split: Split, tell: Callable[[float], object]) -> _Seen:
    digests: list[bytes] = []
    vectors = np.empty((len(split), THUMBNAIL * THUMBNAIL), np.float16)
    weights = np.array(LUMA if split.images.shape[3] == 3 else (1,), np.float32)
    each = int(np.prod(split.images.shape[1:])) + 8 * vectors.shape[1] * len(weights)
    for rows in chunks(len(split), each):
        images = np.ascontiguousarray(split.images[rows])
        digests += [hashlib.blake2b(image.data, digest_size=16).digest() for image in images]
        vectors[rows] = _standardised((thumbnails(images, THUMBNAIL) @ weights).reshape(len(images), -1))
        tell(rows.stop / len(split))
    return _Seen(digests, vectors)


def _standardised(vectors: Floats) -> Floats:
    """Mean 0 and norm 1 each; zeros where there is next to nothing to see."""
    centred = vectors - vectors.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    shown = norms >= FLAT * np.sqrt(vectors.shape[1])
    return np.asarray(np.where(shown, centred / np.where(shown, norms, 1), 0), np.float32)


def _between(
    splits: Mapping[str, Split],
    seen: Mapping[str, _Seen],
    names: tuple[str, str],
    likeness: float,
    tell: Callable[[float], object],
) -> tuple[list[Pair], Compared]:
    """The pairs of two splits."""
    earlier, later = (splits[name] for name in names)

    def pair(one: int, other: int, alike: float, difference: float, *, exact: bool) -> Pair:
        differs = bool(earlier.labels[one] != later.labels[other])
        return Pair(names[0], one, names[1], other, alike, difference, exact, differs)

    first: dict[bytes, int] = {}
    for index, digest in enumerate(seen[names[0]].digests):
        first.setdefault(digest, index)
    places = [first.get(digest) for digest in seen[names[1]].digests]
    pairs = [pair(one, other, 1.0, 0.0, exact=True) for other, one in enumerate(places) if one is not None]
    exact = len(pairs)

    rest = np.array([other for other, one in enumerate(places) if one is None], np.intp)
    sample = evenly(np.arange(len(earlier)), max(1, MAX_WORK // max(len(rest), 1)))
    known, asked = (seen[name].thumbnails for name in names)
    nearest, coarse, usual = _nearest(known[sample], asked[rest], part(tell, 0, 0.7))
    chosen = coarse >= COARSE
    ones, others = sample[nearest[chosen]], rest[chosen]
    alike, differences = _compare(earlier.images, ones, later.images, others, part(tell, 0.7, 1))
    near = (alike >= likeness) & (NEARER * (1 - alike) <= 1 - usual[chosen])
    pairs += [
        pair(int(ones[at]), int(others[at]), float(alike[at]), float(differences[at]), exact=False)
        for at in np.flatnonzero(near)
    ]
    tell(1.0)
    other_label = sum(pair.other_label for pair in pairs)
    return pairs, Compared(len(later), len(earlier), len(sample), exact, len(pairs) - exact, other_label)


def _nearest(
    known: NDArray[np.float16], asked: NDArray[np.float16], tell: Callable[[float], object]
) -> tuple[Indices, Floats, Floats]:
    """For each asked thumbnail the nearest known one, their correlation, and what is usual, all (M,).

    What is usual is the median of the largest correlations with each of ``BLOCKS`` parts of the known ones.
    """
    edges = np.linspace(0, len(known), min(BLOCKS, len(known)) + 1).astype(int)
    best = np.zeros((len(edges) - 1, len(asked)), np.float32)
    place = np.zeros((len(edges) - 1, len(asked)), np.intp)
    for block, (start, stop) in enumerate(pairwise(edges)):
        columns = known[start:stop].astype(np.float32).T
        step = max(1, PRODUCTS // (stop - start))
        for low in range(0, len(asked), step):
            products = asked[low : low + step].astype(np.float32) @ columns
            found = products.argmax(axis=1)
            place[block, low : low + step] = start + found
            best[block, low : low + step] = products[np.arange(len(found)), found]
        tell((block + 1) / (len(edges) - 1))
    winner = best.argmax(axis=0)
    each = np.arange(len(asked))
    return place[winner, each], best[winner, each], np.median(best, axis=0)


def _compare(
    earlier: NDArray[np.uint8],
    ones: Indices,
    later: NDArray[np.uint8],
    others: Indices,
    tell: Callable[[float], object],
) -> tuple[Floats, Floats]:
    """The likeness of pairs of pictures in colour, and their mean absolute difference in grey levels: (P,) each."""
    alike, differences = np.zeros(len(ones), np.float32), np.zeros(len(ones), np.float32)
    for rows in chunks(len(ones), 24 * int(np.prod(earlier.shape[1:]))):
        one, other = np.asarray(earlier[ones[rows]]), np.asarray(later[others[rows]])
        differences[rows] = [cv2.absdiff(left, right).mean() for left, right in zip(one, other, strict=True)]
        alike[rows] = aligned_likeness(_comparable(one), _comparable(other))
        tell(rows.stop / len(ones))
    return alike, differences


def _comparable(images: NDArray[np.uint8]) -> Floats:
    """Pictures as float32, larger ones reduced."""
    if max(images.shape[1:3]) > COMPARED_SIDE:
        return thumbnails(images, COMPARED_SIDE)
    return images.astype(np.float32)


def aligned_likeness(ones: Floats, others: Floats) -> Floats:
    """The correlation of pictures with pictures, at the best of the nine shifts by at most a pixel.

    The inner part of the second picture, without a border of one pixel, is laid over the first at each shift:
    ``max_s Σ (a_s − mean a_s)(b − mean b) / (|a_s − mean a_s| |b − mean b|)`` over all pixels and colours.

    Args:
        ones: float32 (P, H, W, C), at least 3×3 pixels; smaller ones are not shifted.
        others: the same.

    Returns:
        float32 (P,), −1 to 1; 0 where one of them is flat.

    >>> row = np.float32([0, 5, 1, 9, 4, 7, 7, 2]) * np.ones((5, 1), np.float32)
    >>> moved = np.roll(row, 1, axis=1)
    >>> aligned_likeness(row.reshape(1, 5, 8, 1), moved.reshape(1, 5, 8, 1)).round(6).tolist()
    [1.0]
    """
    height, width = ones.shape[1:3]
    down, across = (1 if side >= 3 else 0 for side in (height, width))
    inner = _centred(others[:, down : height - down, across : width - across])
    norms = np.linalg.norm(inner, axis=1)
    best = np.full(len(ones), -1, np.float32)
    for top in range(2 * down + 1):
        for left in range(2 * across + 1):
            window = _centred(ones[:, top : top + height - 2 * down, left : left + width - 2 * across])
            scale = np.linalg.norm(window, axis=1) * norms
            products = np.einsum("pv,pv->p", window, inner)
            best = np.maximum(best, np.where(scale > 0, products / np.where(scale > 0, scale, 1), 0))
    return np.asarray(np.clip(best, -1, 1), np.float32)


def _centred(images: Floats) -> Floats:
    """Pictures as vectors of mean 0: float32 (P, values)."""
    vectors = images.reshape(len(images), -1)
    return np.asarray(vectors - vectors.mean(axis=1, keepdims=True))


def _copies(digests: Sequence[bytes], labels: NDArray[np.int64]) -> Copies:
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index, digest in enumerate(digests):
        groups[digest].append(index)
    torn = [tuple(group) for group in groups.values() if len(group) > 1 and len(set(labels[group].tolist())) > 1]
    return Copies(len(digests) - len(groups), tuple(torn[:MAX_LISTED]), len(torn))
