"""Does the map change when the network forgets what it has learned?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from explorer.attribution.contract import Cancelled, Floats, Progress
from explorer.attribution.explaining import Explanation, explain, known_method
from explorer.attribution.targets import Asked
from explorer.attribution.trust import part_of_work
from explorer.errors import ImageInputError, MethodError, ModelError
from explorer.models import Classifier
from explorer.models.graph import visits

SAME = 0.55
"""From this mean rank correlation on, a map counts as unchanged; see :class:`RandomizationCheck`."""
COPY_TOLERANCE = 1e-3
"""Largest difference between the probabilities that a network and its copy give."""


@dataclass(frozen=True, eq=False)
class RandomizationPoint:
    """One step of the cascade.

    Attributes:
        path: the layer nearest to the picture whose weights have been shuffled; "" before the first step.
        correlation: Spearman's rank correlation of this map with the first, −1…1; 0 where one of them is blank.
        explanation: of the picture as the network reads it, so at the size of its input; without its terms.
    """

    path: str
    correlation: float
    explanation: Explanation


@dataclass(frozen=True, eq=False)
class RandomizationCheck:
    """What becomes of a map while the network's weights are shuffled, from its output to its input.

    Attributes:
        points: the untouched network first, then one for each step.
        changes: whether the map changes with the weights: the mean magnitude of the correlation over the steps after
            the output layer's is below 0.55. The output layer's own step is left out, because the layers below still
            see what they saw. The magnitude counts, because a map whose sign is turned still shows the same shapes.
            The threshold lies where methods part on the bundled network and photos: at least 0.57 is left of guided
            backpropagation, at most 0.51 of saliency, Grad-CAM and LayerCAM. None where it cannot be said, because the
            first map is blank or the check was cancelled.
        sentence: that in words.
    """

    points: tuple[RandomizationPoint, ...]
    changes: bool | None
    sentence: str


def randomization_check(
    classifier: Classifier,
    image: NDArray[Any],
    *,
    method: str = "grad-cam",
    layer: str | None = None,
    target: Asked = None,
    stages: int = 8,
    seed: int = 0,
    crop: bool = True,
    on_progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    **options: Any,
) -> RandomizationCheck:
    """Shuffle the weights layer by layer, from the output to the input, and compare each map with the first.

    J. Adebayo et al., "Sanity checks for saliency maps", 2018, section 3.1: the cascading randomization. The paper
    draws new weights from the initializer; here the numbers of each weight tensor change places. So they keep their
    distribution whatever the initializer was, the signals keep their size, and the variances of a batch
    normalization stay positive. A tensor whose numbers are all equal stays as it is. The output layer is a step of its
    own, the other layers share the rest evenly. All maps are of the class that the untouched network was asked about.

    Of class activation maps and perturbation methods the signed maps are compared; of gradient methods the magnitudes,
    because single gradients change their sign easily while the picture's edges stay.

    A class activation map changes even when only layers after its own are shuffled, because the gradients come
    through them. Eigen-CAM has no gradients: it changes from its own layer on.

    The network itself is not touched; the work is done on a copy, which needs as much memory as the network.

    Args:
        classifier: the network.
        image: as for :func:`explain`.
        method: key of ``METHODS``; give slow methods small options.
        layer: as for :func:`explain`.
        target: as for :func:`explain`.
        stages: in how many steps; at most one for each layer with weights.
        seed: of the shuffling.
        crop: as for :meth:`Classifier.fit`.
        on_progress: called with the share that is done, 0–1.
        cancelled: asked between steps and by slow methods; after a yes the points are returned that were done.
        options: the method's own.

    Raises:
        ImageInputError: the array is no picture.
        LayerError: there is no such layer, or it has no maps.
        MethodError: there is no such method, option or class, ``stages`` is below 1, or the network has no weights.
        ModelError: the network cannot be copied.
    """
    if isinstance(stages, bool) or not isinstance(stages, int) or stages < 1:
        raise MethodError(f"The number of steps is {stages!r}; it is a whole number from 1.")
    if np.ndim(image) == 4:
        raise ImageInputError("One picture at a time is tested: (H, W, 3), (H, W, 1) or (H, W).")
    seen = classifier.fit(image, crop=crop)[0][0]
    copy = copied(classifier)
    groups = _groups(copy, stages)
    rng = np.random.default_rng(seed)
    points: list[RandomizationPoint] = []
    for done, group in enumerate([[], *groups]):
        if points and cancelled is not None and cancelled():
            break
        for _, weighted in group:
            weighted.set_weights(
                [rng.permutation(weight.ravel()).reshape(weight.shape) for weight in weighted.get_weights()]
            )
        told = part_of_work(on_progress, done, len(groups) + 1)
        found = explain(
            copy, seen, method=method, layer=layer, target=target, on_progress=told, cancelled=cancelled, **options
        )
        if points and cancelled is not None and cancelled():
            break  # a slow method may have ended early, with a map of less than was asked for
        if not points:
            _check_copy(classifier, seen, found)
            target = found.target
        first = points[0].explanation if points else found
        correlation = rank_correlation(_compared(first), _compared(found)) if points else 1.0
        points.append(RandomizationPoint(group[-1][0] if group else "", correlation, replace(found, terms=None)))
        if on_progress is not None:
            on_progress((done + 1) / (len(groups) + 1))
    return _judged(points, len(groups), known_method(method).title)


def rank_correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Spearman's rank correlation of two arrays of the same size, −1…1; equal values share their mean rank.

    0 where all values of one of them are equal: it has no order that could agree.

    >>> rank_correlation(np.array([1, 2, 3]), np.array([10, 1000, 100]))
    0.5
    """
    first, second = (ranks - ranks.mean() for ranks in (_ranks(one), _ranks(other)))
    lengths = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / lengths if lengths > 0 else 0.0


def copied(classifier: Classifier) -> Classifier:
    """The same network with weights of its own.

    Raises:
        ModelError: its configuration does not describe it fully, as with code of one's own.
    """
    model = classifier.model
    try:
        copy = type(model).from_config(model.get_config())
        if not copy.built:
            copy.build((None, *classifier.input_shape))
        copy.set_weights(model.get_weights())
    except Exception as error:
        raise ModelError(_no_copy(classifier)) from error
    for visit in visits(copy):
        if isinstance(visit.layer, keras.layers.Normalization):
            visit.layer.finalize_state()  # it keeps its mean and variance outside its weights too
    return Classifier(copy, classifier.class_names, classifier.name)


def _check_copy(classifier: Classifier, seen: Floats, found: Explanation) -> None:
    probability = float(classifier.predict(seen)[0, int(found.target.index or 0)])
    if abs(probability - found.probability) > COPY_TOLERANCE:
        raise ModelError(_no_copy(classifier))


def _no_copy(classifier: Classifier) -> str:
    return (
        f"{classifier.name} cannot be copied from its configuration, and the check must not change the network itself. "
        "It works on networks of Keras's own layers."
    )


def _groups(classifier: Classifier, stages: int) -> list[Sequence[tuple[str, Any]]]:
    """Paths and layers with weights, from the output to the input: the output layer, and the others in even groups."""
    layers: dict[int, tuple[str, Any]] = {}
    for visit in reversed(visits(classifier.model)):
        preprocessing = isinstance(visit.layer, keras.layers.Normalization)  # nothing that was learned by training
        if not visit.inner and not preprocessing and getattr(visit.layer, "weights", None):
            layers.setdefault(id(visit.layer), (visit.path, visit.layer))
    if not layers:
        raise MethodError(f"{classifier.name} has no weights, so there is nothing that it could forget.")
    top, *others = layers.values()
    if stages == 1 or not others:
        return [[top, *others]]
    count = min(stages - 1, len(others))
    ends = np.rint(np.linspace(0, len(others), count + 1)).astype(int)
    return [[top], *(others[first:last] for first, last in pairwise(ends))]


def _compared(found: Explanation) -> Floats:
    """The numbers whose order is compared."""
    if known_method(found.method).family != "gradient":
        return found.raw
    is_cut = np.array_equal(found.raw_values, np.maximum(found.raw, 0))
    return np.abs(found.raw) if is_cut else found.raw_values


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    means = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(means[places.ravel()], np.float64)


def _judged(points: Sequence[RandomizationPoint], steps: int, title: str) -> RandomizationCheck:
    done = len(points) - 1
    if done < steps:
        sentence = f"Stopped after {done} of {steps} steps: whether the map changes with the weights cannot be said."
        return RandomizationCheck(tuple(points), None, sentence)
    if np.ptp(_compared(points[0].explanation)) == 0:
        sentence = "The map is blank before anything is shuffled: whether it changes cannot be said."
        return RandomizationCheck(tuple(points), None, sentence)
    later = points[min(2, done) :]
    mean = float(np.mean([abs(point.correlation) for point in later]))
    measured = f"rank correlation {mean:.2f} on average"
    if mean < SAME:
        sentence = (
            f"{title} changes when the weights do ({measured}): this map depends on what the network has learned."
        )
        return RandomizationCheck(tuple(points), True, sentence)
    sentence = f"{title} does not change when the weights do ({measured}): it shows the picture, not the network."
    return RandomizationCheck(tuple(points), False, sentence)
