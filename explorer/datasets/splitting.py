"""Which pictures are for training, for validation and for test: stratified, by a seed, copies kept together."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from explorer.datasets.dataset import SPLITS
from explorer.errors import DatasetError

SHARES = (0.7, 0.15, 0.15)
"""Of each class, how much goes into train, validation and test."""
SMALL = (1000, 500, 500)
"""Pictures of each class in a small split, as in Chollet's cats and dogs."""

Splits = NDArray[np.int8]
"""For each picture the number of its split in ``SPLITS``, or −1 for none."""


def quotas(count: int) -> tuple[int, int, int]:
    """How many of a class's pictures go into each split: the shares, rounded so that they add up.

    From three pictures on, each split has one at least.

    >>> quotas(100), quotas(10), quotas(3), quotas(1)
    ((70, 15, 15), (7, 1, 2), (1, 1, 1), (1, 0, 0))
    """
    if count < 3:
        return (1, 0, count - 1) if count else (0, 0, 0)
    held_out = max(2, round(count * (1 - SHARES[0])))
    return count - held_out, held_out // 2, held_out - held_out // 2


def split(labels: Sequence[int], contents: Sequence[Hashable], seed: int) -> Splits:
    """Each class split by the shares.

    Files of the same content go into the same split, so that no picture is learned and then asked for; where no split
    has room for so many, into train. Only a class of nothing but copies of one picture is spread like any other.

    Args:
        labels: the number of each picture's class.
        contents: equal for equal pictures.
        seed: another one gives another split.

    >>> split([0] * 4 + [1] * 4, range(8), seed=0).tolist().count(0)
    4
    """
    result = np.full(len(labels), -1, np.int8)
    home: dict[Hashable, int] = {}
    numbers = np.asarray(labels, int)
    for label in range(max(labels, default=-1) + 1):
        members = np.flatnonzero(numbers == label).tolist()
        order = np.random.default_rng((seed, label)).permutation(len(members))
        left = list(quotas(len(members)))
        groups = _groups([members[place] for place in order], contents)
        only_copies = len(groups) == 1 and len(members) >= len(SPLITS)
        for group in [[index] for index in groups[0]] if only_copies else groups:
            content = contents[group[0]]
            place = home[content] if content in home and not only_copies else _room(left, len(group))
            result[group] = place
            left[place] -= len(group)
            home.setdefault(content, place)
    return result


def _groups(members: Sequence[int], contents: Sequence[Hashable]) -> list[list[int]]:
    """Pictures of the same content together, the largest groups first."""
    groups: dict[Hashable, list[int]] = {}
    for index in members:
        groups.setdefault(contents[index], []).append(index)
    return sorted(groups.values(), key=len, reverse=True)


def _room(left: Sequence[int], wanted: int) -> int:
    """The first split with so much room; train where there is none."""
    return next((place for place, room in enumerate(left) if room >= wanted), 0)


def small(
    labels: Sequence[int],
    splits: Splits,
    class_names: Sequence[str],
    seed: int,
    contents: Sequence[Hashable] | None = None,
) -> Splits:
    """A small part of a larger dataset: 1,000 pictures of each class to train with, 500 and 500 to look at.

    A split that is empty is filled from the pictures to train with; of their copies only the first is taken.

    Args:
        labels: the number of each picture's class.
        splits: where each picture is now.
        class_names: for the sentence.
        seed: another one takes others.
        contents: equal for equal pictures; None where all are taken to differ.

    Raises:
        DatasetError: a class has too few pictures.
    """
    splits = splits if contents is None else _without_copies(splits, contents)
    numbers = np.asarray(labels)
    result = np.full(len(numbers), -1, np.int8)
    for label, name in enumerate(class_names):
        random = np.random.default_rng((seed, label))
        pools = [random.permutation(np.flatnonzero((numbers == label) & (splits == place))) for place in range(3)]
        used = 0
        for place, wanted in enumerate(SMALL):
            empty = not (splits == place).any()
            pool = pools[0][used:] if empty or place == 0 else pools[place]
            if len(pool) < wanted:
                raise DatasetError(
                    f"The small split takes {' + '.join(map(str, SMALL))} pictures of each class; the class {name!r} "
                    f"has only {len(pool):,} left for {SPLITS[place]}. Switch the small split off."
                )
            result[pool[:wanted]] = place
            used += wanted if empty or place == 0 else 0
    return result


def _without_copies(splits: Splits, contents: Sequence[Hashable]) -> Splits:
    """The same splits, in which pictures to train with are in none if the same one came before."""
    result = splits.copy()
    seen: set[Hashable] = set()
    for index in np.flatnonzero(splits == 0).tolist():
        if contents[index] in seen:
            result[index] = -1
        seen.add(contents[index])
    return result
