"""The maps of a layer in an order, and in pages: a wide layer has 2,048 of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from explorer.maps.values import Floats, check_known, checked, statistics

Order = NDArray[np.int64]


def _by_index(maps: Floats) -> Order:
    return np.arange(maps.shape[2])


def _by_mean(maps: Floats) -> Order:
    return np.argsort(-statistics(maps).mean, kind="stable")


def _by_maximum(maps: Floats) -> Order:
    return np.argsort(-statistics(maps).maximum, kind="stable")


def _by_sparsity(maps: Floats) -> Order:
    return np.argsort(statistics(maps).zeros, kind="stable")


def _by_similarity(maps: Floats) -> Order:
    """A chain: from the strongest map always on to the most similar one that is left; maps of zeros last."""
    flat = maps.reshape(-1, maps.shape[2]).T
    flat = flat / (np.abs(flat).max() or np.float32(1))  # squares of very large values would overflow
    lengths = np.linalg.norm(flat, axis=1)
    living = np.flatnonzero(lengths)
    if not living.size:
        return _by_index(maps)
    directions = flat[living] / lengths[living, np.newaxis]
    cosines = directions @ directions.T
    current = int(np.argmax(lengths[living]))
    chain = [current]
    left = np.zeros(len(living), np.float32)  # minus infinity for a map that has its place
    for _ in range(len(living) - 1):
        left[current] = -np.inf
        current = int(np.argmax(cosines[current] + left))
        chain.append(current)
    return np.concatenate([living[chain], np.flatnonzero(lengths == 0)])


@dataclass(frozen=True)
class Sort:
    """One order of the maps of a layer."""

    name: str
    note: str
    order: Callable[[Floats], Order]


SORTS: Mapping[str, Sort] = MappingProxyType(
    {
        "index": Sort("Index", "as the layer has them", _by_index),
        "mean": Sort("Mean", "largest first", _by_mean),
        "maximum": Sort("Maximum", "largest first", _by_maximum),
        "sparsity": Sort("Sparsity", "fewest zeros first", _by_sparsity),
        "similarity": Sort("Similarity", "neighbours look alike (cosine)", _by_similarity),
    }
)


def order(maps: Floats, sort: str = "index") -> Order:
    """The channels of a layer in an order of ``SORTS``; of equal ones, the lower index is first.

    Args:
        maps: float32 (H, W, C).
        sort: a key of ``SORTS``.

    Returns:
        int (C,), each channel once.

    Raises:
        LayerError: no maps, or an order that is not known.

    >>> order(np.float32([[[1, 3, 2]]]), "mean").tolist()
    [1, 2, 0]
    """
    check_known(sort, SORTS, "order")
    return SORTS[sort].order(checked(maps)[0])


@dataclass(frozen=True, eq=False)
class Page:
    """Some channels out of many.

    Attributes:
        channels: int (K,), those of this page.
        number: which page it is, from 0.
        count: how many pages there are, at least 1.
    """

    channels: Order
    number: int
    count: int


def page(order: Order, number: int, per_page: int = 64) -> Page:
    """One page of an order; a number beyond the ends is the first or the last page.

    Args:
        order: int (C,).
        number: of the page, from 0.
        per_page: channels on a page, at least 1.

    >>> last = page(np.arange(10), 99, per_page=4)
    >>> last.channels.tolist(), last.number, last.count
    ([8, 9], 2, 3)
    """
    per_page = max(1, per_page)
    count = max(1, -(-len(order) // per_page))
    number = min(max(0, number), count - 1)
    return Page(order[number * per_page : (number + 1) * per_page], number, count)
