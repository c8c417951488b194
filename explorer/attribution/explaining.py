"""Why this class? One question to one method, and its answer as a map over the picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from explorer.attribution import passes
from explorer.attribution.contract import Cancelled, Computed, Floats, Method, Progress, Request, Terms
from explorer.attribution.layers import check_layer
from explorer.attribution.registry import METHODS
from explorer.attribution.targets import Asked, Target, as_target
from explorer.errors import ImageInputError, MethodError
from explorer.images.sizing import seen_part
from explorer.models import Classifier
from explorer.options import Value


@dataclass(frozen=True, eq=False)
class Explanation:
    """Where a picture speaks for a class.

    Attributes:
        values: float32 (H, W), at the size of the picture that was given: what the heatmap shows, nothing negative.
            Zero where the network saw nothing (outside the crop).
        signed: float32 (H, W): the same before the ReLU. Positive raises the target's score, negative lowers it.
        raw: float32 (h, w): the signed map at the method's own resolution, that of the layer or of the network's
            input.
        raw_values: float32 (h, w): that after the ReLU, from which ``values`` is enlarged.
        method: key of ``METHODS``.
        layer: dotted path of the layer; None for methods that look at none.
        target: what was asked, with the class that was meant.
        score: of the target: a logit, or a difference of two.
        probability: of the target's class, 0–1.
        terms: of a class activation map, what was added up.
        pixels: float32 (1, H', W', C), the picture as the network read it.
        options: the method's options.
        notes: sentences for the person, such as why a map is blank.
        start: the score of the baseline, of integrated gradients: the map adds up to ``score − start``.
        part: top, left, height and width of the part of the picture that the network saw.
    """

    values: Floats
    signed: Floats
    raw: Floats
    raw_values: Floats
    method: str
    layer: str | None
    target: Target
    score: float
    probability: float
    terms: Terms | None
    pixels: Floats
    options: Mapping[str, Value] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    start: float | None = None
    part: tuple[int, int, int, int] = (0, 0, 0, 0)


def explain(
    classifier: Classifier,
    image: NDArray[Any],
    *,
    method: str = "grad-cam",
    layer: str | None = None,
    target: Asked = None,
    crop: bool = True,
    on_progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    **options: object,
) -> Explanation:
    """Where one picture speaks for a class, by one method.

    Args:
        classifier: the network.
        image: (H, W, 3), (H, W, 1) or (H, W), as for :meth:`Classifier.fit`.
        method: key of ``METHODS``.
        layer: dotted path of a layer with maps; the last one before pooling when not given. Only class activation
            maps use it.
        target: a class by index or name, two of them for "this one against that one", a :class:`Target`, or None
            for the likeliest class.
        crop: as for :meth:`Classifier.fit`.
        on_progress: called with the share that is done, 0–1.
        cancelled: asked between batches; after a yes the map is of what was done by then, and a note says so.
        options: the method's own, see ``METHODS[method].options``.

    Raises:
        ImageInputError: the array is no picture.
        LayerError: there is no such layer, or it has no maps.
        MethodError: there is no such method, option or class.

    >>> import keras
    >>> from explorer.models import Classifier
    >>> net = keras.Sequential([keras.Input((1, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(2, use_bias=False)])
    >>> net.set_weights([np.float32([[3, 0], [0, -4]])])
    >>> found = explain(Classifier(net, ("a", "b"), "linear"), np.uint8([[9, 9]]), method="saliency", target="b")
    >>> found.signed.tolist(), found.values.tolist(), found.score
    ([[0.0, -4.0]], [[0.0, 4.0]], -36.0)
    """
    request, asked, sentences = _request(
        classifier, image, method, target, options, crop=crop, on_progress=on_progress, cancelled=cancelled
    )
    if METHODS[method].needs_layer:
        request = replace(request, layer=check_layer(classifier, layer))
    return _answer(request, method, asked, sentences, np.shape(image), crop=crop)


def explain_layers(
    classifier: Classifier,
    image: NDArray[Any],
    layers: Sequence[str],
    *,
    method: str = "grad-cam",
    target: Asked = None,
    crop: bool = True,
    on_progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    **options: object,
) -> list[Explanation]:
    """One class activation map for each of several layers, from one pass through the network.

    Arguments and errors as for :func:`explain`, for each layer.

    Raises:
        MethodError: also where the method looks at no layer.
    """
    if not known_method(method).needs_layer:
        raise MethodError(f"{known_method(method).title} looks at no layer; choose a class activation map.")
    paths = [check_layer(classifier, layer) for layer in layers]
    if not paths:
        return []
    request, asked, sentences = _request(
        classifier, image, method, target, options, crop=crop, on_progress=on_progress, cancelled=cancelled
    )
    looks = passes.maps_and_gradients_of(classifier, paths, request.pixels, request.direction)
    requests = [replace(request, layer=path, look=looks[path]) for path in paths]
    return [_answer(one, method, asked, sentences, np.shape(image), crop=crop) for one in requests]


def _request(
    classifier: Classifier,
    image: NDArray[Any],
    method: str,
    target: Asked,
    options: Mapping[str, object],
    *,
    crop: bool,
    on_progress: Progress | None,
    cancelled: Cancelled | None,
) -> tuple[Request, Target, tuple[str, ...]]:
    """The question to the method, checked; the target; and what was done to the picture."""
    chosen = known_method(method)
    asked = as_target(target, classifier)
    if np.ndim(image) == 4:
        raise ImageInputError("One picture at a time is explained: (H, W, 3), (H, W, 1) or (H, W).")
    pixels, sentences = classifier.fit(image, crop=crop)
    direction = asked.direction(len(classifier.class_names))
    request = Request(classifier, pixels, direction, options=chosen.check(options))
    if on_progress is not None:
        request = replace(request, on_progress=on_progress)
    if cancelled is not None:
        request = replace(request, cancelled=cancelled)
    return request, asked, sentences


def _answer(
    request: Request, method: str, asked: Target, sentences: tuple[str, ...], shape: tuple[int, ...], *, crop: bool
) -> Explanation:
    """What the method says, laid over the picture of that shape."""
    found, notes = _judged(METHODS[method].compute(request), METHODS[method], request.layer, against=asked.against)
    seen = seen_part(shape, request.classifier.input_shape[:2], crop=crop)
    index = int(found.direction.argmax()) if asked.index is None else asked.index
    return Explanation(
        values=over_picture(found.shown, shape, seen),
        signed=over_picture(found.signed, shape, seen),
        raw=found.signed,
        raw_values=found.shown,
        method=method,
        layer=request.layer,
        target=replace(asked, index=index),
        score=float(found.logits.astype(np.float64) @ found.direction),
        probability=_probability(request.classifier, found.logits, index),
        terms=found.terms,
        pixels=request.pixels,
        options=request.options,
        notes=(*sentences, *notes),
        start=found.start,
        part=seen,
    )


def known_method(method: str) -> Method:
    """The method of that name.

    Raises:
        MethodError: there is none.
    """
    if not isinstance(method, str) or method not in METHODS:
        raise MethodError(f"There is no method {method!r}; there are {', '.join(METHODS)}.")
    return METHODS[method]


def over_picture(values: Floats, picture: tuple[int, ...], seen: tuple[int, int, int, int]) -> Floats:
    """A map laid over the part of a picture that the network saw: float32 (H, W), zero elsewhere.

    Between the centres of cells lies what lies between their values (bilinear); where a map is larger than the part,
    areas are averaged.
    """
    top, left, height, width = seen
    way = cv2.INTER_AREA if values.shape[0] > height or values.shape[1] > width else cv2.INTER_LINEAR
    sized = cv2.resize(np.ascontiguousarray(values, np.float32), (width, height), interpolation=way)
    if (height, width) == tuple(picture[:2]):
        return np.asarray(sized, np.float32)
    whole = np.zeros(picture[:2], np.float32)
    whole[top : top + height, left : left + width] = sized
    return whole


def _probability(classifier: Classifier, logits: Floats, index: int) -> float:
    raw = logits if len(logits) > 2 or classifier.model.outputs[0].shape[-1] > 1 else logits[1:]
    return float(np.asarray(classifier.probabilities(raw[np.newaxis]))[0, index])


def _judged(found: Computed, method: Method, layer: str | None, *, against: bool) -> tuple[Computed, tuple[str, ...]]:
    """What was found, made finite, and sentences about a map that shows nothing."""
    notes = list(found.notes)
    bad = ~(np.isfinite(found.signed) & np.isfinite(found.shown))
    if bad.any():
        notes.append(
            f"{bad.mean():.0%} of the map is not a number, as in a network whose training has diverged; it is drawn "
            "as zero. Look at the feature maps to find the layer where it begins."
        )
        found = replace(found, signed=np.where(bad, 0, found.signed), shown=np.where(bad, 0, found.shown))
    if found.shown.max(initial=0) > 0 or found.excused or bad.all():
        return found, tuple(notes)
    elsewhere = "an earlier layer" if layer else "another method"
    if not found.signed.any():
        notes.append(
            "The map is blank: the score does not change with anything here. "
            + ("The layer's maps or their gradients are all zero (dead units). " if layer else "")
            + f"Look at {elsewhere}, or at another class."
        )
    elif against:
        notes.append(
            f"{method.title} finds nothing that speaks against it: every value is negative, so the ReLU leaves "
            "nothing, and that is the answer. The signed map shows what speaks for it."
        )
    else:
        notes.append(
            f"{method.title} finds nothing that speaks for this: every value is negative, so the ReLU leaves nothing. "
            "Look at the signed map, or ask what speaks against it."
        )
    return found, tuple(notes)
