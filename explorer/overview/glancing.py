"""The whole network at a glance for one picture: which channels each column shows, and what flows between them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from explorer.models.classifier import Classifier
from explorer.models.layers import tap
from explorer.overview.edges import Follow, edges_into, exact, followed
from explorer.overview.measuring import Measured, direct
from explorer.overview.planning import Column, Plan
from explorer.overview.seen import Channels, Floats, Glance, Shown

CHANNELS = 10
"""Channels in a column that has its level for itself."""
FEWEST = 2
"""Channels in one of many branches."""
CLASSES = 8
"""Classes in the last column."""


@dataclass(frozen=True)
class Rule:
    """Which channels of a layer are shown."""

    name: str
    note: str


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "variance": Rule("vary most", "largest variance over the picture: they answer to something in it"),
        "activity": Rule("are most active", "largest mean of the magnitude"),
        "class": Rule("speak for the class", "largest sum of value × gradient of the class's score"),
    }
)


MapOf = Callable[[str], Floats]
"""A layer's path → its output for the picture, without the batch."""


def glance(
    plan: Plan,
    measured: Measured,
    map_of: MapOf,
    *,
    opened: Collection[str] = (),
    rule: str = "variance",
    count: int = CHANNELS,
    pinned: Mapping[str, Sequence[int]] | None = None,
    importance: Mapping[str, Floats] | None = None,
) -> Glance:
    """What to show of a network for one picture.

    Args:
        plan: of the network.
        measured: what the picture made of it.
        map_of: gives what is not among the measured maps, which folded columns never need.
        opened: ids of the groups that are unfolded.
        rule: a key of ``RULES``.
        count: channels in a column.
        pinned: path → channels that are shown in any case.
        importance: of the rule "class": path → float32 (C,), as :func:`class_importance` gives it.
    """
    columns = plan.columns(opened)
    look = _Look(measured, map_of)
    chosen = _Choice(rule, count, pinned or {}, importance or {})
    shown = [
        Shown(column, values := look.at(column.group.told.path), chosen(column, values)) for column in columns[:-1]
    ]
    wanted = (pinned or {}).get(columns[-1].group.told.path, ())
    shown.append(Shown(columns[-1], measured.scores, _likeliest(measured.likeliest(), wanted)))
    reads = direct(columns[:-1], {number: call for call in plan.calls for number in call.outputs})
    edges = []
    for index, column in enumerate(columns[1:], start=1):
        read = reads.get(column.group.told)
        pairs = {} if read is None else exact(plan, shown, index, look.at(read))
        edges += edges_into(shown, index, pairs or followed(plan, shown, index, measured.amounts))
    follow = Follow(plan, shown, edges, measured.amounts)
    return Glance(tuple(shown), tuple(edges), measured.probabilities, follow.hidden(), follow.strongest())


def _likeliest(every: Channels, wanted: Sequence[int]) -> Channels:
    """The likeliest of all classes, and those that are wanted in any case, the likeliest first."""
    order = every.tolist()
    there = [index for index in wanted if 0 <= index < len(order)][:CLASSES]
    shown = set(list(dict.fromkeys([*there, *order[: 2 * CLASSES]]))[:CLASSES])
    return np.asarray([index for index in order if index in shown], np.int64)


def class_importance(
    classifier: Classifier, plan: Plan, pixels: Floats, index: int, *, opened: Collection[str] = ()
) -> dict[str, Floats]:
    """How much each channel of the columns speaks for a class: ``Σ x · ∂score/∂x`` over its map.

    "Gradient × input" (Shrikumar et al. 2016), summed over the places of a channel.

    Args:
        classifier: the network.
        plan: of it.
        pixels: float32 (H, W, C), as the network reads it.
        index: of the class.
        opened: ids of the groups that are unfolded.

    Returns:
        Path of a column → float32 (C,).
    """
    paths = [column.group.told.path for column in plan.columns(opened)[:-1] if column.group.told.path]
    last = classifier.output_path
    run = tap(classifier.model, [*paths, last], logits=True)

    def importance(given: NDArray[np.float32], target: int) -> dict[str, NDArray[np.float32]]:
        with tf.GradientTape() as tape:
            tape.watch(given)
            values = run(given)
            score = classifier.class_scores(values[last])[:, target]
        slopes = tape.gradient(score, [values[path] for path in paths], unconnected_gradients="zero")
        return {
            path: tf.reduce_sum(tf.cast(values[path] * slope, tf.float32), axis=tuple(range(len(slope.shape) - 1)))
            for path, slope in zip(paths, slopes, strict=True)
        }

    spec = (classifier.spec, tf.TensorSpec((), tf.int32))
    compiled = classifier.compiled(
        ("overview-class", tuple(paths)), lambda: tf.function(importance, autograph=False).get_concrete_function(*spec)
    )
    found = compiled(tf.constant(pixels[np.newaxis], tf.float32), tf.constant(index, tf.int32))
    return {path: values.numpy() for path, values in found.items()}


class _Look:
    """The maps that are there, and those that are fetched."""

    def __init__(self, measured: Measured, map_of: MapOf) -> None:
        self._maps = measured.maps
        self._map_of = map_of

    def at(self, path: str) -> Floats:
        return self._maps[path] if path in self._maps else self._map_of(path)


@dataclass(frozen=True)
class _Choice:
    """Which channels a column shows."""

    rule: str
    count: int
    pinned: Mapping[str, Sequence[int]]
    importance: Mapping[str, Floats]

    def __call__(self, column: Column, values: Floats) -> Channels:
        """The strongest first; those pinned by hand are always among them."""
        total, path = values.shape[-1], column.group.told.path
        if column.level == 0 and values.ndim == 3:
            return np.arange(min(total, self.count))
        fits = max(FEWEST, self.count // column.lanes)
        order = np.argsort(-_weight(values, self.rule, self.importance.get(path)), kind="stable")
        pinned = [channel for channel in self.pinned.get(path, ()) if 0 <= channel < total][:fits]
        shown = set(list(dict.fromkeys([*pinned, *order[: 2 * fits].tolist()]))[:fits])
        return np.asarray([channel for channel in order.tolist() if channel in shown], np.int64)


def _weight(values: Floats, rule: str, importance: Floats | None) -> Floats:
    """What the channels are ordered by."""
    if rule == "class" and importance is not None:
        return importance
    flat = values.reshape(-1, values.shape[-1])
    if len(flat) == 1 or rule == "activity":  # a single number does not vary
        return np.asarray(np.abs(flat).mean(axis=0))
    off = flat - flat.mean(axis=0)
    return np.asarray(np.einsum("pc,pc->c", off, off) / len(flat))  # half the time of flat.var(axis=0)
