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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from explorer.augmentation import applying, drawing
from explorer.augmentation.drawing import Drawn
from explorer.augmentation.edges import Floats, Images, edges_of
from explorer.augmentation.neighbours import Crowd, Labels, Looks, crowd_of, look
from explorer.augmentation.policy import Augmentation, check_seed
from explorer.augmentation.registry import BATCH, SUPPLEMENTS, TRANSFORMS

Report = Callable[[float], object] | None
"""Told how much is done, 0 to 1; None where nobody asks."""

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
    crowd = crowd_of(images, labels, names, pictures, check_seed(seed))
    tell(0.3)
    before = look(crowd, crowd.edges[crowd.asked])
    tell(0.6)
    drawn = _draw(policy, crowd, seed)
    after = look(crowd, _changed(policy, crowd, drawn))
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
    crowd = crowd_of(images, labels, _names(class_names), pictures, check_seed(seed))
    before = look(crowd, crowd.edges[crowd.asked])
    found = []
    parts = alone(policy)
    for done, (parameter, part) in enumerate(parts.items(), 1):
        tell(done / (len(parts) + 1))
        after = look(crowd, _changed(part, crowd, _draw(part, crowd, seed)))
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


def _names(class_names: Sequence[str]) -> list[str]:
    """Names on one line; a class without a name is called by its number."""
    return [" ".join(str(name).split()) or f"class {number}" for number, name in enumerate(class_names)]


def _draw(policy: Augmentation, crowd: Crowd, seed: int) -> list[Drawn]:
    """What each picture that is changed draws."""
    shape = crowd.images.shape[1:]
    return [drawing.draw(policy, shape, int(seed), int(row)) for row in crowd.rows[crowd.asked]]


def _changed(policy: Augmentation, crowd: Crowd, drawn: Sequence[Drawn]) -> Floats:
    """The edges of the changed pictures."""
    rows = crowd.rows[crowd.asked]
    return edges_of(applying.apply(policy, crowd.images[row], one) for row, one in zip(rows, drawn, strict=True))


def _example(
    crowd: Crowd, names: Sequence[str], after: Looks, place: int, *, policy: Augmentation, drawn: Drawn
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
