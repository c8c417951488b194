"""One pass through a network for all that its overview shows: the maps of the columns, and sums of all others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from explorer.models.classifier import Classifier, check_answer
from explorer.models.graph import Visit, activation_name
from explorer.models.layers import tap
from explorer.models.units import CONVOLUTIONS, PICTURE, POOLINGS, SUMS, Unit, kind, treats_alone
from explorer.overview.flow import MIXERS, Amounts, weights_of
from explorer.overview.planning import Column, Plan

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Measured:
    """What one picture made of a network.

    Attributes:
        maps: of the folded columns, and of what single convolutions between them read: path → (H, W, C), or (K,); ""
            is the picture.
        amounts: how much there is of each channel, by the tensors' numbers.
        scores: float32 (K,), of each class, before the softmax.
        probabilities: float32 (K,); they sum to 1, but for classes with a sigmoid each.
    """

    maps: Mapping[str, Floats]
    amounts: Amounts
    scores: Floats
    probabilities: Floats

    def likeliest(self) -> NDArray[np.int64]:
        """All classes, the likeliest first; those that are too unlikely for a float32 by their scores."""
        return np.lexsort((-self.scores, -self.probabilities))


def measure(classifier: Classifier, plan: Plan, pixels: Floats) -> Measured:
    """Show a network one picture; the function that does it is compiled once.

    Args:
        classifier: the network.
        plan: of it.
        pixels: float32 (H, W, C), as :meth:`~explorer.models.Classifier.fit` gives it.

    Raises:
        ModelError: the network gives something that is not a number.
    """
    wanted = _wanted(plan)
    run = classifier.compiled("overview", lambda: _compile(classifier, wanted, plan))
    maps, sizes, totals, scores, probabilities = run(tf.constant(pixels[np.newaxis], tf.float32))
    told = {path: values.numpy()[0] for path, values in maps.items()}
    told[""] = np.asarray(pixels, np.float32)
    check_answer(probabilities.numpy(), classifier.name)
    amounts = Amounts(
        {number: sizes[path].numpy() for number, path in wanted.sizes.items()},
        {number: told[path] for number, path in wanted.vectors.items()},
        plan.weights,
        {path: values.numpy() for path, values in totals.items()},
        {call.outputs[0]: width for call in plan.calls if (width := plan.shapes[call.path][-1]) is not None},
    )
    return Measured(told, amounts, scores.numpy()[0], probabilities.numpy()[0])


@dataclass(frozen=True)
class _Wanted:
    """Which outputs a pass has to give: paths of layers, "" for the picture, most of them by the tensor's number."""

    maps: tuple[str, ...]
    sizes: Mapping[int, str]
    vectors: Mapping[int, str]
    never_negative: frozenset[str]


def _wanted(plan: Plan) -> _Wanted:
    maker = {number: call for call in plan.calls for number in call.outputs}
    path = {PICTURE: ""} | {number: call.path for number, call in maker.items()}
    columns = plan.columns()[:-1]
    first = {PICTURE, *(call.outputs[0] for call in plan.calls)}  # of several outputs a path names the first
    read = {call.inputs[0] for call in plan.calls if kind(call) in MIXERS | {"Dense"}} & first
    added = {number for call in plan.calls if kind(call) in SUMS and len(call.inputs) > 1 for number in call.inputs}
    added &= first
    rows = {number for number in read if len(plan.shapes[path[number]]) == 1}
    maps = [column.group.told.path for column in columns]
    maps += direct(columns, maker).values()
    maps += [path[number] for number in rows]
    return _Wanted(
        maps=tuple(dict.fromkeys(filter(None, maps))),
        sizes={number: path[number] for number in read | added},
        vectors={number: path[number] for number in rows},
        never_negative=frozenset(call.path for call in plan.calls if _never_negative(call)),
    )


def direct(columns: Sequence[Column], maker: Mapping[int, Visit]) -> dict[Unit, str]:
    """The drawn convolutions that read a drawn column, perhaps padded or pooled, and the path of what each reads."""
    drawn = {column.group.told.output for column in columns}
    found = {}
    for unit in (column.group.told for column in columns):
        if unit.op is None or kind(unit.op) not in CONVOLUTIONS:
            continue
        number = unit.op.inputs[0]
        while number not in drawn and number in maker and _passes(maker[number]):
            number = maker[number].inputs[0]
        if number in drawn:
            found[unit] = "" if unit.op.inputs[0] == PICTURE else maker[unit.op.inputs[0]].path
    return found


def _never_negative(call: Visit) -> bool:
    """Whether nothing below zero can come out."""
    leaks = getattr(call.layer, "negative_slope", 0) or getattr(call.layer, "threshold", 0)
    return activation_name(call.layer) in {"relu", "relu6"} and not leaks


def _passes(call: Visit) -> bool:
    """Whether each channel comes from itself alone."""
    return treats_alone(call) or kind(call) in POOLINGS


def _compile(classifier: Classifier, wanted: _Wanted, plan: Plan) -> Any:
    paths = {*wanted.maps, *wanted.sizes.values()} - {""}
    last = classifier.output_path
    run = tap(classifier.model, [*sorted(paths - {last}), last], logits=True)
    mixers = [call for call in plan.calls if kind(call) in MIXERS and call.inputs[0] in wanted.sizes]
    weights = {call.path: weights_of(call, plan.weights).size for call in mixers}

    def everything(pixels: Any) -> Any:
        values = run(pixels) | {"": pixels}
        sizes = {
            path: _over_map(values[path] if path in wanted.never_negative else tf.abs(values[path]))
            for path in wanted.sizes.values()
        }
        totals = {
            call.path: tf.linalg.matvec(weights[call.path], sizes[wanted.sizes[call.inputs[0]]]) for call in mixers
        }
        maps = {path: tf.cast(values[path], tf.float32) for path in wanted.maps}
        raw = values[last]
        scores = classifier.class_scores(raw)
        own = tf.sigmoid(scores) if classifier.independent else classifier.probabilities(raw)
        return maps, sizes, totals, scores, own

    return tf.function(everything, autograph=False).get_concrete_function(classifier.spec)


def _over_map(values: Any) -> Any:
    """The sum over the places of one picture's map, float32 (C,)."""
    return tf.reduce_sum(tf.cast(values[0], tf.float32), axis=tuple(range(len(values.shape) - 2)))
