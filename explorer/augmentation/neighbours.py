"""What pictures look like: the nearest of their own class and of the others, by their edges."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.augmentation.edges import NOWHERE, Floats, Images, edges_of, likeness, unit
from explorer.errors import AugmentationError

Labels = NDArray[np.integer[Any]]

MOST_NEIGHBOURS = 2_000
"""Pictures among which neighbours are looked for."""
NEIGHBOUR_BYTES = 400_000_000
"""Bytes of pictures that are read to find neighbours among them."""
FEWEST_NEIGHBOURS = 200
"""As many are read even if they are larger."""
NEAR = 1.4
"""A changed picture may be so many times as far from its look-alike as that one is from the nearest of its class."""
VOTERS = 3
"""So many of its nearest neighbours have to be of one other class: a single odd picture convinces nobody."""
SAME = 0.01
"""Distances below this are no difference: 1 − cosine."""


@dataclass(frozen=True, eq=False)
class Crowd:
    """The pictures among which neighbours are looked for, M of them.

    Attributes:
        images: all that were given.
        rows: int (M,), places of the chosen ones among them.
        labels: int (M,), their classes.
        edges: float32 (M, h, w, 2), their edges.
        asked: int (Q,), places among the chosen of those that are changed; each has another one of its class.
    """

    images: Images
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    edges: Floats
    asked: NDArray[np.int64]

    def label(self, place: int) -> int:
        """Class of a picture that is changed."""
        return int(self.labels[self.asked[place]])


@dataclass(frozen=True, eq=False)
class Looks:
    """What Q pictures look like.

    Attributes:
        own: float32 (Q,), likeness to the nearest other picture of the same class.
        other: float32 (Q,), likeness to the nearest picture of any other class.
        nearest: int (Q,), place of that one in the crowd.
        convincing: bool (Q,), as of an :class:`Example`.
    """

    own: Floats
    other: Floats
    nearest: NDArray[np.int64]
    convincing: NDArray[np.bool_]

    @property
    def margin(self) -> Floats:
        """How much nearer the other class is than the own one."""
        return self.other - self.own

    @property
    def lost(self) -> NDArray[np.bool_]:
        """Whether the own class is not the nearest. A picture without edges is near to nothing, so lost."""
        return self.other >= self.own


def crowd_of(images: Images, labels: Labels, names: Sequence[str], pictures: int, seed: int) -> Crowd:
    """The chosen pictures and their edges.

    Raises:
        AugmentationError: there are too few pictures or classes, or the arrays do not go together.
    """
    labels = np.asarray(labels)
    _check(images, labels, names, pictures)
    most = max(FEWEST_NEIGHBOURS, min(MOST_NEIGHBOURS, NEIGHBOUR_BYTES // math.prod(images.shape[1:])))
    rows = np.random.default_rng(seed).permutation(len(images))[:most]
    classes = labels[rows].astype(np.int64)
    asked = np.flatnonzero(np.bincount(classes)[classes] > 1)[:pictures]
    if not len(asked) or len(np.unique(classes)) < 2:
        raise AugmentationError(
            "To see whether labels survive there have to be pictures of two or more classes, and two or more of one."
        )
    return Crowd(images, rows, classes, edges_of(images[row] for row in rows), asked)


def _check(images: Images, labels: Labels, names: Sequence[str], pictures: int) -> None:
    shape = np.shape(images)
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or shape[3:] not in {(1,), (3,)} or 0 in shape:
        kind = getattr(images, "dtype", "no array")
        raise AugmentationError(f"Pictures are uint8 (N, H, W, 1 or 3), one or more; these are {kind} of {shape}.")
    if labels.shape != shape[:1] or labels.dtype.kind not in "iu":
        raise AugmentationError(
            f"Each of the {shape[0]:,} pictures needs one whole number as its label; the labels are {labels.dtype} of "
            f"the shape {labels.shape}."
        )
    if len(names) < 2:
        raise AugmentationError(f"Two or more classes are needed to mistake one for another; there are {len(names)}.")
    if labels.min() < 0 or labels.max() >= len(names):
        raise AugmentationError(
            f"The labels go from {labels.min()} to {labels.max()}; with {len(names)} classes they are 0 to "
            f"{len(names) - 1}."
        )
    whole = isinstance(pictures, int | np.integer) and not isinstance(pictures, bool)
    if not whole or not 1 <= pictures <= MOST_NEIGHBOURS:
        raise AugmentationError(f"pictures is {pictures!r}; it is a whole number from 1 to {MOST_NEIGHBOURS:,}.")


def look(crowd: Crowd, edges: Floats) -> Looks:
    """What the pictures that are asked about look like, by their edges: float32 (Q, h, w, 2)."""
    alike = likeness(edges, unit(crowd.edges))
    places = np.arange(len(edges))
    alike[places, crowd.asked] = NOWHERE  # a picture's own original is no neighbour
    same = crowd.labels[crowd.asked][:, None] == crowd.labels
    own = np.where(same, alike, NOWHERE).max(axis=1)
    others = np.where(same, NOWHERE, alike)
    nearest = others.argmax(axis=1)
    other = others[places, nearest]
    convincing = np.zeros(len(edges), np.bool_)
    lost = np.flatnonzero((other >= own) & (other > 0))
    near = 1 - other[lost] <= NEAR * (1 - _cohesion(crowd, nearest[lost])) + SAME
    convincing[lost] = near & _unanimous(crowd, alike[lost], crowd.labels[nearest[lost]])
    return Looks(own, other, nearest, convincing)


def _unanimous(crowd: Crowd, alike: Floats, label: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the nearest ``VOTERS`` are of that class, or all of it where it is smaller: bool (L,).

    Args:
        crowd: the M neighbours.
        alike: float32 (L, M).
        label: int (L,).
    """
    rival = np.where(label[:, None] == crowd.labels, NOWHERE, alike).max(axis=1)
    votes = (alike > rival[:, None]).sum(axis=1)
    return np.asarray(votes >= np.minimum(VOTERS, np.bincount(crowd.labels)[label]))


def _cohesion(crowd: Crowd, chosen: NDArray[np.int64]) -> Floats:
    """Likeness of chosen pictures to the nearest other one of their own class; 1 where there is none: float32."""
    found = np.ones(len(chosen), np.float32)
    for label in np.unique(crowd.labels[chosen]):
        members = np.flatnonzero(crowd.labels == label)
        of_label = np.flatnonzero(crowd.labels[chosen] == label)
        if len(members) > 1:
            alike = likeness(crowd.edges[chosen[of_label]], unit(crowd.edges[members]))
            alike[chosen[of_label][:, None] == members] = NOWHERE
            found[of_label] = alike.max(axis=1)
    return found
