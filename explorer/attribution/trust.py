"""How far an explanation can be trusted: what happens to the answer when the pixels that it points at are taken away.

A map that names the right pixels makes the probability fall early when they are removed first (deletion), and rise
early when they are shown first (insertion). Maps that know nothing of the network,
:data:`explorer.attribution.baselines.BASELINES`, show how far chance, habit and contrast already get.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.attribution import passes
from explorer.attribution.baselines import enlarged
from explorer.attribution.contract import Cancelled, Floats, Progress, batch_of, in_batches, share_of_work
from explorer.attribution.explaining import Explanation, explain_layers
from explorer.attribution.perturbation import fill_of
from explorer.attribution.targets import Asked, as_target
from explorer.errors import ImageInputError, MethodError
from explorer.images.sizing import seen_part
from explorer.models import Classifier

Values = Explanation | NDArray[Any]
"""An explanation, or any map: numbers (h, w), the higher the more important."""

MAX_BATCH = 16
"""Masked pictures in one pass."""
EQUAL = 1e-6
"""Values that differ by less than this share of the largest one count as equal: resizing leaves such differences."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A probability while pixels are removed, or shown, the most important ones first.

    Attributes:
        shares: float (n + 1,), of the pixels that are removed or shown, rising from 0 to 1; to less where the work
            was cancelled.
        probabilities: float (n + 1,), 0–1.

    >>> Curve(np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.0, 0.0])).area
    0.25
    """

    shares: NDArray[np.float64]
    probabilities: NDArray[np.float64]

    @property
    def area(self) -> float:
        """The curve's mean height, 0–1, by the trapezoid rule: the area under it, over the width."""
        width = float(self.shares[-1] - self.shares[0])
        if width == 0:
            return float(self.probabilities.mean())
        return float(np.trapezoid(self.probabilities, self.shares)) / width

    @property
    def complete(self) -> bool:
        """Whether the work was not cancelled."""
        return bool(self.shares[-1] == 1)


@dataclass(frozen=True, eq=False)
class DeletionInsertion:
    """Both curves of one map.

    Attributes:
        deletion: the most important pixels are removed first; a low area is good.
        insertion: the most important pixels are shown first; a high area is good.
    """

    deletion: Curve
    insertion: Curve

    @property
    def faithfulness(self) -> float:
        """Area of the insertion curve minus that of the deletion curve, −1…1; of a useless map it is near 0."""
        return self.insertion.area - self.deletion.area


@dataclass(frozen=True)
class DropIncrease:
    """What remains of the probability when only what the map shows is kept.

    Attributes:
        drop: mean share of the probability that is lost, 0–1; low is good.
        increase: share of the pictures whose probability rises, 0–1; high is good.
        drops: the share that is lost, of each picture.
    """

    drop: float
    increase: float
    drops: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class LayerScore:
    """How faithful one layer's map is.

    Attributes:
        path: of the layer.
        explanation: of the picture as the network reads it, so at the size of its input; without its terms.
        result: the curves of its map.
    """

    path: str
    explanation: Explanation
    result: DeletionInsertion


def deletion_insertion(
    classifier: Classifier,
    image: NDArray[Any],
    values: Values,
    *,
    target: Asked = None,
    steps: int = 28,
    crop: bool = True,
    seed: int = 0,
    on_progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> DeletionInsertion:
    """The probability while the pixels that a map calls most important are taken away, and while only they are shown.

    V. Petsiuk, A. Das, K. Saenko, "RISE: Randomized input sampling for explanation of black-box models", 2018, section
    3.3. What is removed becomes the picture's mean colour. (The paper's zeros are those of the normalised picture,
    the mean colour of all pictures; black is for many networks a thing of its own.) What is not shown yet is the
    picture blurred, so that no hard edges appear. Pixels of equal value go in a random order, not from top to bottom.

    Args:
        classifier: the network.
        image: (H, W, 3), (H, W, 1) or (H, W).
        values: an :class:`Explanation` of this picture, of which ``raw_values`` counts, and ``raw`` where that is
            equal; or numbers (h, w). At the size of the picture they are cropped with it; at any other size they lie
            over all that the network sees.
        target: as for :func:`explain`; the class's probability is measured. When asked what speaks *against* a class,
            it is one minus the probability. None is the target of the explanation, for other maps the likeliest class.
        steps: in how many equal steps; at most one for each pixel.
        crop: as for :meth:`Classifier.fit`.
        seed: of the random order.
        on_progress: called with the share that is done, 0–1.
        cancelled: asked between batches; after a yes the curves end early, see :attr:`Curve.complete`.

    Raises:
        ImageInputError: the array is no picture.
        MethodError: the values are no map or not finite, the explanation is of another picture, there is no such
            class, or ``steps`` is below 1.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise MethodError(f"The number of steps is {steps!r}; it is a whole number from 1.")
    pixels = _one_picture(classifier, image, crop=crop)
    asked = values.target if target is None and isinstance(values, Explanation) else as_target(target, classifier)
    asked.direction(len(classifier.class_names))  # raises for a class that there is not
    places = _places(*_importance(values, classifier, pixels, np.shape(image), crop=crop), seed)
    counts = np.rint(np.linspace(0, places.size, min(steps, places.size) + 1)).astype(np.int64)
    mean, blur = fill_of(pixels, "mean"), fill_of(pixels, "blur")
    removed: list[Floats] = []
    shown: list[Floats] = []
    for first, last in in_batches(len(counts), batch_of(classifier, MAX_BATCH)):
        if removed and cancelled is not None and cancelled():
            break
        chosen = (places < counts[first:last, np.newaxis, np.newaxis]).astype(np.float32)
        removed.extend(passes.masked_scores(classifier, pixels, 1 - chosen, mean)[1])
        shown.extend(passes.masked_scores(classifier, pixels, chosen, blur)[1])
        if on_progress is not None:
            share_of_work(on_progress, last, len(counts))
    index = int(removed[0].argmax()) if asked.index is None else asked.index
    shares = counts[: len(removed)] / places.size
    curves = [Curve(shares, _measured(rows, index, against=asked.against)) for rows in (removed, shown)]
    return DeletionInsertion(*curves)


def compare(
    classifier: Classifier,
    image: NDArray[Any],
    maps: Mapping[str, Values],
    *,
    target: Asked = None,
    on_progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    **options: Any,
) -> dict[str, DeletionInsertion]:
    """The curves of several maps of one picture, in their order; those that were complete when it was cancelled.

    Args:
        classifier: the network.
        image: as for :func:`deletion_insertion`.
        maps: name → map.
        target: one for all of them. None is the target of the first explanation among the maps; where there is none,
            the likeliest class.
        on_progress: called with the share that is done, 0–1.
        cancelled: asked between batches.
        options: as for :func:`deletion_insertion`.

    Raises:
        ImageInputError: the array is no picture.
        MethodError: as for :func:`deletion_insertion`.
    """
    if target is None:
        target = next((values.target for values in maps.values() if isinstance(values, Explanation)), None)
    found: dict[str, DeletionInsertion] = {}
    for done, (name, values) in enumerate(maps.items()):
        if cancelled is not None and cancelled():
            break
        part = part_of_work(on_progress, done, len(maps))
        result = deletion_insertion(
            classifier, image, values, target=target, on_progress=part, cancelled=cancelled, **options
        )
        if not result.deletion.complete:
            break
        found[name] = result
    return found


def average_drop(
    classifier: Classifier,
    images: Sequence[NDArray[Any]],
    explanations: Sequence[Explanation],
    *,
    crop: bool = True,
) -> DropIncrease:
    r"""What remains of the probability when each picture is multiplied with its map.

    The drop is the mean of :math:`\max(0, Y - O) / Y`, the increase the share of the pictures with :math:`O > Y`,
    where Y is the probability of the explained class on the picture, and O that on the picture times its map, scaled
    to 0–1. A. Chattopadhyay et al., "Grad-CAM++", 2018, section 5.1.1.

    Args:
        classifier: the network.
        images: N pictures.
        explanations: one of each, in the same order.
        crop: as for :meth:`Classifier.fit`.

    Raises:
        ImageInputError: an array is no picture.
        MethodError: there are no pictures, not as many explanations, or one of another picture.
    """
    if not len(images) or len(images) != len(explanations):
        raise MethodError(f"Each picture needs an explanation; there are {len(images)} and {len(explanations)}.")
    pairs = [_kept(classifier, *pair, crop=crop) for pair in zip(images, explanations, strict=True)]
    drops = tuple(max(0.0, whole - kept) / whole if whole > 0 else 0.0 for whole, kept in pairs)
    return DropIncrease(
        drop=float(np.mean(drops)), increase=float(np.mean([kept > whole for whole, kept in pairs])), drops=drops
    )


def layer_finder(
    classifier: Classifier,
    image: NDArray[Any],
    layers: Sequence[str],
    *,
    method: str = "grad-cam",
    target: Asked = None,
    steps: int = 28,
    crop: bool = True,
    on_progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    **options: Any,
) -> list[LayerScore]:
    """How faithful the maps of several layers are, in the order of ``layers``; :func:`most_faithful` picks one.

    Args:
        classifier: the network.
        image: as for :func:`explain`.
        layers: dotted paths of layers with maps.
        method: a class activation map; the others look at no layer.
        target: as for :func:`explain`.
        steps: as for :func:`deletion_insertion`.
        crop: as for :meth:`Classifier.fit`.
        on_progress: called with the share that is done, 0–1.
        cancelled: asked between batches; after a yes the layers are returned that were done.
        options: the method's own.

    Raises:
        ImageInputError: the array is no picture.
        LayerError: there is no such layer, or it has no maps.
        MethodError: there is no such method, option or class, or the method looks at no layer.
    """
    seen = _one_picture(classifier, image, crop=crop)[0]
    explained = explain_layers(classifier, seen, layers, method=method, target=target, cancelled=cancelled, **options)
    scores: list[LayerScore] = []
    for done, found in enumerate(explained):
        if cancelled is not None and cancelled():
            break
        told = part_of_work(on_progress, done, len(explained))
        result = deletion_insertion(classifier, seen, found, steps=steps, on_progress=told, cancelled=cancelled)
        if not result.deletion.complete:
            break
        scores.append(LayerScore(str(found.layer), replace(found, terms=None), result))
    return scores


def most_faithful(scores: Sequence[LayerScore]) -> LayerScore:
    """The layer whose map is the most faithful; of equal ones the first.

    Raises:
        MethodError: there are none.
    """
    if not scores:
        raise MethodError("No layer has been tried yet.")
    return max(scores, key=lambda score: score.result.faithfulness)


def part_of_work(report: Progress | None, done: int, total: int) -> Progress | None:
    """A progress for the next one of ``total`` equal parts of some work, of which ``done`` are done."""
    return None if report is None else lambda share: report((done + share) / total)


def _one_picture(classifier: Classifier, image: NDArray[Any], *, crop: bool) -> Floats:
    if np.ndim(image) == 4:
        raise ImageInputError("One picture at a time is tested: (H, W, 3), (H, W, 1) or (H, W).")
    return classifier.fit(image, crop=crop)[0]


def _importance(
    values: Values, classifier: Classifier, pixels: Floats, picture: tuple[int, ...], *, crop: bool
) -> tuple[Floats, Floats]:
    """What orders the pixels, and what orders those that are equal by it: float32 (H, W) each, at the input's size."""
    if isinstance(values, Explanation):
        _check_same(values, pixels)
        return enlarged(values.raw_values, classifier.input_shape[:2]), enlarged(values.raw, classifier.input_shape[:2])
    array = np.asarray(values)
    if array.ndim != 2 or not array.size or array.dtype.kind not in "biuf":
        raise MethodError(f"A map is an array of numbers (height, width), not {array.dtype} {array.shape}.")
    if not np.isfinite(array).all():
        raise MethodError("The map holds values that are not finite numbers, so they have no order.")
    if array.shape == tuple(picture[:2]):
        top, left, height, width = seen_part(array.shape, classifier.input_shape[:2], crop=crop)
        array = array[top : top + height, left : left + width]
    sized = enlarged(array, classifier.input_shape[:2])
    return sized, sized


def _check_same(found: Explanation, pixels: Floats) -> None:
    if not np.array_equal(found.pixels, pixels):
        raise MethodError("The explanation is of another picture, or of another part of it. Explain this one first.")


def _places(first: Floats, then: Floats, seed: int) -> NDArray[np.int64]:
    """The place of each pixel (H, W) in the order of importance, 0 for the most important."""
    chance = np.random.default_rng(seed).permutation(first.size)
    order = np.lexsort((chance, -_rounded(then), -_rounded(first)))
    places = np.empty(first.size, np.int64)
    places[order] = np.arange(first.size)
    return places.reshape(first.shape)


def _rounded(values: Floats) -> NDArray[np.float64]:
    wide = values.astype(np.float64).ravel()
    return np.rint(wide / (np.abs(wide).max() or 1.0) / EQUAL)


def _measured(rows: list[Floats], index: int, *, against: bool) -> NDArray[np.float64]:
    probabilities = np.array([row[index] for row in rows], np.float64)
    return 1 - probabilities if against else probabilities


def _kept(classifier: Classifier, image: NDArray[Any], found: Explanation, *, crop: bool) -> tuple[float, float]:
    """The probability of the explained class on the picture, and on the picture times its map."""
    pixels = _one_picture(classifier, image, crop=crop)
    _check_same(found, pixels)
    sized = enlarged(found.raw_values, classifier.input_shape[:2])
    low, high = float(sized.min()), float(sized.max())
    scaled = (sized - low) / (high - low) if high > low else np.full_like(sized, high > 0)
    masks = np.stack([np.ones_like(scaled), scaled])
    _, probabilities = passes.masked_scores(classifier, pixels, masks, np.zeros_like(pixels))
    asked = probabilities[:, int(found.target.index or 0)].astype(np.float64)
    whole, kept = 1 - asked if found.target.against else asked
    return float(whole), float(kept)
