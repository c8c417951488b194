"""Whether changed pictures still look like their class: evidence from the pictures themselves, without a network.

A picture's nearest neighbour is found by its edges. Their directions are laid down on a coarse grid, and two pictures
are as alike as the cosine between their grids, at the best of a few small shifts. A changed picture that is nearest to
another class has lost the look of its own. That alone may only mean that nothing here looks like it. It has taken on
the other's look, and its label is in doubt, if its nearest pictures are all of that class and it is about as near to
them as pictures of that class are to each other. Many that a person would mistake do not pass, so the share is a least
one.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from explorer.augmentation import applying, drawing
from explorer.augmentation.drawing import Drawn
from explorer.augmentation.policy import Augmentation, check_seed
from explorer.augmentation.registry import BATCH, SUPPLEMENTS, TRANSFORMS
from explorer.errors import AugmentationError
from explorer.images.pixels import to_grey

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]
Labels = NDArray[np.integer[Any]]
Report = Callable[[float], object] | None
"""Told how much is done, 0 to 1; None where nobody asks."""

SIDE = 28
"""Pixels of the longer side that pictures are made to have."""
BLUR = 1.0
"""Standard deviation of the blur that follows, in pixels."""
CELL = 2
"""Pixels of a cell's side: directions of edges are averaged in cells."""
REACH = 2
"""Cells by which a picture is shifted at most, either way, to lie best on another."""
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
NOWHERE = np.float32(-2)
"""The likeness to a picture that does not count; less than any cosine."""

SURE = 0.01
"""A share has risen if a rise like it would come by accident with a lower probability."""
BREAKING = 0.015
"""By so much the share that looks like another class has to rise to be worth a warning. Few pass this strict test, and
of those every label is in doubt."""
LOSING = 0.1
"""By so much the share that is nearest to another class has to rise to be worth a word."""
MOST_EXAMPLES = 12


@dataclass(frozen=True, eq=False)
class Example:
    """A picture that was nearest to its own class until it was changed.

    Attributes:
        index: place of the picture among those given.
        original: uint8 (H, W, C).
        changed: the same after the change.
        drawn: what was drawn for it.
        label: name of its class.
        look_alike: uint8 (H, W, C), the picture of another class that the changed one is nearest to.
        other: name of that class.
        likeness: of the changed picture to its look-alike: cosine, at most 1.
        own_likeness: of the changed picture to the nearest other picture of its own class.
        convincing: whether its ``VOTERS`` nearest pictures are all of that class, and it is about as near to its
            look-alike as that one is to the nearest of its own class.
    """

    index: int
    original: Images
    changed: Images
    drawn: Drawn
    label: str
    look_alike: Images
    other: str
    likeness: float
    own_likeness: float
    convincing: bool


@dataclass(frozen=True)
class Turn:
    """How many pictures of one class took on the look of another."""

    label: str
    other: str
    pictures: int


@dataclass(frozen=True)
class Survival:
    """What became of the look of some pictures' classes. Shares are 0 to 1, all of the same pictures.

    Attributes:
        pictures: how many were changed, each once.
        before: share whose nearest other picture is of another class, unchanged.
        after: the same, changed; its own original does not count as a neighbour.
        convincing_before: share that looks like another class as examples do that are ``convincing``, unchanged.
        convincing_after: the same, changed.
        probability_lost: that ``before`` and ``after`` differ so, or more, by accident: exact one-sided McNemar test.
        probability: likewise of ``convincing_before`` and ``convincing_after``.
        chance: share of pairs of pictures that are of two classes: what ``before`` is where edges say nothing.
        examples: the most convincing ones first, by how much nearer they are to the other class than to their own.
        turned: which class took on which one's look, the most frequent first; only pictures whose unchanged
            originals are nearest to their own class.
    """

    pictures: int
    before: float
    after: float
    convincing_before: float
    convincing_after: float
    probability_lost: float
    probability: float
    chance: float
    examples: tuple[Example, ...]
    turned: tuple[Turn, ...]

    @property
    def breaks(self) -> bool:
        """Whether there is evidence that labels are no longer right."""
        return self.probability < SURE and self.convincing_after - self.convincing_before >= BREAKING

    @property
    def loses(self) -> bool:
        """Whether there is evidence that pictures lose the look of their class."""
        return self.probability_lost < SURE and self.after - self.before >= LOSING

    @property
    def doubtful(self) -> bool:
        """Whether edges tell the classes apart so badly that all this says little."""
        return self.before > self.chance / 2

    @property
    def accident(self) -> str:
        """How likely a rise like the verdict's is by accident, in words."""
        return _probability(self.probability if self.breaks or not self.loses else self.probability_lost)

    @property
    def verdict(self) -> str:
        """What the evidence says, in words; class names are as they came."""
        looks, looked = round(self.convincing_after * self.pictures), round(self.convincing_before * self.pictures)
        lost, was = round(self.after * self.pictures), round(self.before * self.pictures)
        if self.breaks:
            found = (
                f"Careful: at least {looks:,} of {self.pictures:,} changed pictures look like another class; unchanged "
                f"it was {looked:,}. Their labels are in doubt."
            )
            if self.turned:
                most = self.turned[0]
                found += f" Most often {_quoted(most.label)} became {_quoted(most.other)} ({most.pictures:,})."
        elif self.loses:
            found = (
                f"Of {self.pictures:,} changed pictures {lost:,} have lost the look of their class; unchanged it was "
                f"{was:,}. It is not shown that they became another class: only {looks:,} look like one, unchanged "
                f"{looked:,}."
            )
        else:
            found = (
                f"No evidence that labels break: of {self.pictures:,} changed pictures {looks:,} look like another "
                f"class, unchanged {looked:,}."
            )
        if self.doubtful:
            found += " Edges alone tell these classes apart badly, so this says little."
        return found


@dataclass(frozen=True)
class Blame:
    """What one parameter of a policy does alone; shares as in :class:`Survival`.

    Attributes:
        parameter: its name.
        pictures: how many were changed.
        before: share nearest to another class, unchanged.
        after: the same, changed by this parameter alone.
        convincing_before: share that looks like another class, unchanged.
        convincing_after: the same, changed by this parameter alone.
        probability: that these two differ so, or more, by accident: exact one-sided McNemar test.
    """

    parameter: str
    pictures: int
    before: float
    after: float
    convincing_before: float
    convincing_after: float
    probability: float

    @property
    def breaks(self) -> bool:
        """Whether there is evidence that labels are no longer right."""
        return self.probability < SURE and self.convincing_after - self.convincing_before >= BREAKING


def survival(
    policy: Augmentation,
    images: Images,
    labels: Labels,
    class_names: Sequence[str],
    *,
    pictures: int = 400,
    seed: int = 0,
    report: Report = None,
) -> Survival:
    """Change some pictures and look whether they still look like their class.

    Args:
        policy: the changes; MixUp and CutMix, which mix the labels as well, are left out.
        images: uint8 (N, H, W, 1 or 3); of more than 2,000, or of 400 MB, some are chosen.
        labels: int (N,), the number of each picture's class, from 0.
        class_names: of the classes, in the order of their numbers.
        pictures: how many are changed, at most; 1 to 2,000.
        seed: of the choice and of the changes: picture number i is changed as ``policy.augment(images, seed)`` does.
        report: told how much is done, 0 to 1; ends the work if it raises.

    Raises:
        AugmentationError: there are too few pictures or classes, or the arrays do not go together.

    >>> from explorer.augmentation.glyphs import glyphs
    >>> images, labels, names = glyphs()
    >>> mirrored = survival(Augmentation(horizontal_flip=True), images, labels, names)
    >>> mirrored.breaks, survival(Augmentation(), images, labels, names).breaks
    (True, False)
    """
    tell = report or (lambda _: None)
    names = _names(class_names)
    crowd = _crowd(images, labels, names, pictures, check_seed(seed))
    tell(0.3)
    before = _look(crowd, crowd.edges[crowd.asked])
    tell(0.6)
    drawn = _draw(policy, crowd, seed)
    after = _look(crowd, _changed(policy, crowd, drawn))
    tell(1.0)
    lost = np.flatnonzero(~before.lost & after.lost).tolist()
    best_first = sorted(lost, key=lambda place: (not after.convincing[place], -after.margin[place], place))
    turned = Counter(
        (crowd.label(place), crowd.labels[after.nearest[place]]) for place in lost if after.convincing[place]
    )
    shares = np.bincount(crowd.labels) / len(crowd.labels)
    return Survival(
        pictures=len(crowd.asked),
        before=float(before.lost.mean()),
        after=float(after.lost.mean()),
        convincing_before=float(before.convincing.mean()),
        convincing_after=float(after.convincing.mean()),
        probability_lost=_accident(before.lost, after.lost),
        probability=_accident(before.convincing, after.convincing),
        chance=float(1 - (shares**2).sum()),
        examples=tuple(
            _example(crowd, names, after, place, policy=policy, drawn=drawn[place])
            for place in best_first[:MOST_EXAMPLES]
        ),
        turned=tuple(
            Turn(names[label], names[other], count)
            for (label, other), count in sorted(turned.items(), key=lambda item: (-item[1], item[0]))
        ),
    )


def blame(
    policy: Augmentation,
    images: Images,
    labels: Labels,
    class_names: Sequence[str],
    *,
    pictures: int = 120,
    seed: int = 0,
    report: Report = None,
) -> tuple[Blame, ...]:
    """What each of a policy's parameters does alone, drawing the very values that it draws in the whole policy.

    Args:
        policy: whose active parameters are tried, each with what it needs, such as the fill mode.
        images: as for :func:`survival`, like the others.
        labels: likewise.
        class_names: likewise.
        pictures: how many are changed, by each parameter anew.
        seed: likewise.
        report: likewise.

    Returns:
        The worst first: by the share that looks like another class, then by the share that is nearest to one.

    Raises:
        AugmentationError: as :func:`survival`.
    """
    tell = report or (lambda _: None)
    crowd = _crowd(images, labels, _names(class_names), pictures, check_seed(seed))
    before = _look(crowd, crowd.edges[crowd.asked])
    found = []
    parts = alone(policy)
    for done, (parameter, part) in enumerate(parts.items(), 1):
        tell(done / (len(parts) + 1))
        after = _look(crowd, _changed(part, crowd, _draw(part, crowd, seed)))
        shares = [float(flags.mean()) for flags in (before.lost, after.lost, before.convincing, after.convincing)]
        shares.append(_accident(before.convincing, after.convincing))
        found.append(Blame(parameter, len(crowd.asked), *shares))
    tell(1.0)
    return tuple(sorted(found, key=lambda one: (-one.convincing_after, -one.after)))


def alone(policy: Augmentation) -> dict[str, Augmentation]:
    """For each active parameter a policy of nothing else but what it needs: its supplements, how gaps are filled.

    >>> {name: part.active for name, part in alone(Augmentation(rotation_range=9, horizontal_flip=True)).items()}
    {'rotation_range': ('rotation_range', 'fill_mode'), 'horizontal_flip': ('horizontal_flip',)}
    """
    needed = ("fill_mode", *SUPPLEMENTS)
    more = {name: getattr(policy, name) for name in needed}
    acting = [name for name in policy.active if name not in needed and TRANSFORMS[name].family != BATCH]
    return {name: Augmentation(**{**more, name: getattr(policy, name)}) for name in acting}


@dataclass(frozen=True, eq=False)
class _Crowd:
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
class _Looks:
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


def _crowd(images: Images, labels: Labels, names: Sequence[str], pictures: int, seed: int) -> _Crowd:
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
    return _Crowd(images, rows, classes, _edges(images[row] for row in rows), asked)


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


def _names(class_names: Sequence[str]) -> list[str]:
    """Names on one line; a class without a name is called by its number."""
    return [" ".join(str(name).split()) or f"class {number}" for number, name in enumerate(class_names)]


def _draw(policy: Augmentation, crowd: _Crowd, seed: int) -> list[Drawn]:
    """What each picture that is changed draws."""
    shape = crowd.images.shape[1:]
    return [drawing.draw(policy, shape, int(seed), int(row)) for row in crowd.rows[crowd.asked]]


def _changed(policy: Augmentation, crowd: _Crowd, drawn: Sequence[Drawn]) -> Floats:
    """The edges of the changed pictures."""
    rows = crowd.rows[crowd.asked]
    return _edges(applying.apply(policy, crowd.images[row], one) for row, one in zip(rows, drawn, strict=True))


def _edges(pictures: Iterable[Images]) -> Floats:
    """Strength and direction of the edges in each cell: float32 (N, h, w, 2).

    With the gradient (x, y) of the small grey picture, the mean in each cell of ``((x² − y²), 2xy) / √(x² + y²)``: a
    vector as long as the edge is strong, at twice its angle, so that from dark to light and from light to dark are the
    same direction. Brightness and the sides' colours play no part.
    """
    grey = np.stack([_small(picture) for picture in pictures])
    y, x = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(x, y) + np.float32(1e-6)
    vectors = np.stack([(x * x - y * y) / strength, 2 * x * y / strength], axis=-1)
    count, height, width = grey.shape
    cells = vectors.reshape(count, height // CELL, CELL, width // CELL, CELL, 2)
    return np.asarray(cells.mean(axis=(2, 4)), np.float32)


def _small(picture: Images) -> Floats:
    """Grey, ``SIDE`` pixels high or wide, both whole numbers of cells, and slightly blurred: float32 (h, w)."""
    height, width, channels = picture.shape
    scale = SIDE / max(height, width)
    size = [CELL * max(4, round(side * scale / CELL)) for side in (width, height)]
    if size != [width, height]:
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        picture = np.asarray(cv2.resize(picture, size, interpolation=way)).reshape(size[1], size[0], channels)
    return np.asarray(cv2.GaussianBlur(to_grey(picture), (0, 0), BLUR), np.float32)


def _look(crowd: _Crowd, edges: Floats) -> _Looks:
    """What the pictures that are asked about look like, by their edges: float32 (Q, h, w, 2)."""
    alike = _likeness(edges, _unit(crowd.edges))
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
    return _Looks(own, other, nearest, convincing)


def _unanimous(crowd: _Crowd, alike: Floats, label: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the nearest ``VOTERS`` are of that class, or all of it where it is smaller: bool (L,).

    Args:
        crowd: the M neighbours.
        alike: float32 (L, M).
        label: int (L,).
    """
    rival = np.where(label[:, None] == crowd.labels, NOWHERE, alike).max(axis=1)
    votes = (alike > rival[:, None]).sum(axis=1)
    return np.asarray(votes >= np.minimum(VOTERS, np.bincount(crowd.labels)[label]))


def _cohesion(crowd: _Crowd, chosen: NDArray[np.int64]) -> Floats:
    """Likeness of chosen pictures to the nearest other one of their own class; 1 where there is none: float32."""
    found = np.ones(len(chosen), np.float32)
    for label in np.unique(crowd.labels[chosen]):
        members = np.flatnonzero(crowd.labels == label)
        of_label = np.flatnonzero(crowd.labels[chosen] == label)
        if len(members) > 1:
            alike = _likeness(crowd.edges[chosen[of_label]], _unit(crowd.edges[members]))
            alike[chosen[of_label][:, None] == members] = NOWHERE
            found[of_label] = alike.max(axis=1)
    return found


def _likeness(edges: Floats, units: Floats) -> Floats:
    """Cosine between each picture and each other one, at the best of all shifts: float32 (Q, M)."""
    best = np.full((len(edges), len(units)), NOWHERE, np.float32)
    shifts = range(-REACH, REACH + 1)
    for down in shifts:
        for right in shifts:
            np.maximum(best, _unit(_shifted(edges, down, right)) @ units.T, out=best)
    return best


def _shifted(edges: Floats, down: int, right: int) -> Floats:
    """Moved by whole cells; nothing comes in from outside."""
    height, width = edges.shape[1:3]
    moved = np.zeros_like(edges)
    to_rows, from_rows = slice(max(down, 0), height + min(down, 0)), slice(max(-down, 0), height + min(-down, 0))
    to_cols, from_cols = slice(max(right, 0), width + min(right, 0)), slice(max(-right, 0), width + min(-right, 0))
    moved[:, to_rows, to_cols] = edges[:, from_rows, from_cols]
    return moved


def _unit(edges: Floats) -> Floats:
    """Vectors of length 1, or 0 where there are no edges: float32 (N, numbers)."""
    flat = edges.reshape(len(edges), -1)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(np.where(length > 1e-3, flat / np.maximum(length, 1e-3), 0), np.float32)


def _example(
    crowd: _Crowd, names: Sequence[str], after: _Looks, place: int, *, policy: Augmentation, drawn: Drawn
) -> Example:
    row, near = int(crowd.rows[crowd.asked[place]]), after.nearest[place]
    original = np.array(crowd.images[row])
    return Example(
        index=row,
        original=original,
        changed=applying.apply(policy, original, drawn),
        drawn=drawn,
        label=names[crowd.label(place)],
        look_alike=np.array(crowd.images[crowd.rows[near]]),
        other=names[crowd.labels[near]],
        likeness=float(after.other[place]),
        own_likeness=float(after.own[place]),
        convincing=bool(after.convincing[place]),
    )


def _accident(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> float:
    """The probability that at least so many of the pictures that differ got worse, if either way is as likely.

    The exact one-sided test of Q. McNemar, 1947: pictures that stay as they are say nothing.

    >>> before, after = np.zeros(4, bool), np.array([True, True, True, False])
    >>> _accident(before, after), _accident(before, before)
    (0.125, 1.0)
    """
    worse, better = int((after & ~before).sum()), int((before & ~after).sum())
    differ = worse + better
    ways = sum(math.comb(differ, count) for count in range(worse, differ + 1))
    return float(Fraction(ways, 2**differ))


def _probability(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _quoted(name: str) -> str:
    return f"“{name if len(name) <= 40 else name[:39] + '…'}”"
