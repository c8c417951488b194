"""The whole network at a glance for one picture: which channels each column shows, and what flows between them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from explorer.models.classifier import Classifier
from explorer.models.layers import tap
from explorer.overview.flow import Amounts, Share, shares
from explorer.overview.measuring import Measured, direct
from explorer.overview.planning import Column, Plan
from explorer.trace.gathering import convolutions
from explorer.trace.geometry import convolved_apart

Floats = NDArray[np.float32]
Channels = NDArray[np.int64]

CHANNELS = 10
"""Channels in a column that has its level for itself."""
FEWEST = 2
"""Channels in one of many branches."""
CLASSES = 8
"""Classes in the last column."""
FAINTEST = 0.03
"""The weakest edge that is drawn, as a share of the strongest between two columns."""


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


@dataclass(frozen=True, eq=False)
class Shown:
    """One column with what it shows.

    Attributes:
        column: where it is drawn.
        values: float32 (H, W, C), or (K,) without maps; of the classes their scores (K,).
        channels: int (n,), those shown, the strongest first; of the classes, the likeliest first.
    """

    column: Column
    values: Floats
    channels: Channels


class Edge(NamedTuple):
    """What flows from a shown channel to another.

    Attributes:
        start: index of the column it leaves.
        out: place among the channels that column shows.
        end: index of the column it enters.
        into: place among the channels that one shows.
        strength: 0–1; 1 is the strongest between these columns.
        sign: −1, 0 or 1: whether it takes away or adds on the whole.
    """

    start: int
    out: int
    end: int
    into: int
    strength: float
    sign: int


class Stop(NamedTuple):
    """A channel on the way through the network, which need not be among those that its column shows."""

    column: int
    channel: int


class Hidden(NamedTuple):
    """Where most of what a shown channel gets comes from, where its column does not show that channel.

    Attributes:
        start: index of the column that it comes from.
        channel: of that column.
        end: index of the column it enters.
        into: place among the channels that one shows.
    """

    start: int
    channel: int
    end: int
    into: int


@dataclass(frozen=True, eq=False)
class Glance:
    """What the overview shows.

    Attributes:
        columns: the picture first, the classes last.
        edges: between their channels.
        probabilities: float32 (K,), of all classes.
        hidden: of shown channels that no edge enters, where most of what they get comes from.
        strongest: the way of the strongest flow, the picture first and the likeliest class last.
    """

    columns: tuple[Shown, ...]
    edges: tuple[Edge, ...]
    probabilities: Floats
    hidden: tuple[Hidden, ...] = ()
    strongest: tuple[Stop, ...] = ()


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
    shown.append(Shown(columns[-1], measured.scores, _likeliest(measured.probabilities, wanted)))
    reads = direct(columns[:-1], {number: call for call in plan.calls for number in call.outputs})
    edges = []
    for index, column in enumerate(columns[1:], start=1):
        read = reads.get(column.group.told)
        pairs = {} if read is None else _exact(plan, shown, index, look.at(read))
        edges += _into(shown, index, pairs or _followed(plan, shown, index, measured.amounts))
    follow = _Follow(plan, shown, edges, measured.amounts)
    return Glance(tuple(shown), tuple(edges), measured.probabilities, follow.hidden(), follow.strongest())


class _Follow:
    """Where channels get most from, also where that is no channel that is shown."""

    def __init__(self, plan: Plan, shown: Sequence[Shown], edges: Sequence[Edge], amounts: Amounts) -> None:
        self.plan, self.shown, self.amounts = plan, shown, amounts
        self.best: dict[tuple[int, int], Edge] = {}
        for edge in edges:
            known = self.best.get((edge.end, edge.into))
            if known is None or edge.strength > known.strength:
                self.best[edge.end, edge.into] = edge

    def hidden(self) -> tuple[Hidden, ...]:
        """Of all shown channels that no edge enters."""
        found = []
        for end, shown in enumerate(self.shown[1:], start=1):
            alone = [into for into in range(len(shown.channels)) if (end, into) not in self.best]
            sources = self.sources(end, shown.channels[alone])
            found += [
                Hidden(source.column, source.channel, end, into)
                for into, source in zip(alone, sources, strict=True)
                if source is not None and source.channel not in self.shown[source.column].channels
            ]
        return tuple(found)

    def strongest(self) -> tuple[Stop, ...]:
        """From the likeliest class back: along the strongest drawn edge where there is one."""
        way = [Stop(len(self.shown) - 1, int(self.shown[-1].channels[0]))]
        while way[0].column:
            before = self.before(way[0])
            if before is None:
                break
            way.insert(0, before)
        return tuple(way)

    def before(self, stop: Stop) -> Stop | None:
        """Where most of what a channel gets comes from."""
        place = np.flatnonzero(self.shown[stop.column].channels == stop.channel)
        edge = self.best.get((stop.column, int(place[0]))) if place.size else None
        if edge is not None:
            return Stop(edge.start, int(self.shown[edge.start].channels[edge.out]))
        return self.sources(stop.column, np.asarray([stop.channel]))[0]

    def sources(self, end: int, channels: Channels) -> list[Stop | None]:
        """The same for several channels of a column at once, whether they are shown or not."""
        if not len(channels):
            return []
        given = replace(self.shown[end], channels=channels)
        shares = _shares(self.plan, [*self.shown[:end], given, *self.shown[end + 1 :]], end, self.amounts)
        found: list[Stop | None] = [None] * len(channels)
        most = np.zeros(len(channels))
        for column, share in shares.items():
            for row, sizes in enumerate(share.size):
                if sizes.size and sizes.max() > most[row]:
                    most[row] = sizes.max()
                    found[row] = Stop(column, int(sizes.argmax()))
        return found


def _likeliest(probabilities: Floats, wanted: Sequence[int]) -> Channels:
    """The likeliest classes, and those that are wanted in any case, the likeliest first."""
    order = np.argsort(-probabilities, kind="stable").tolist()
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


Pair = tuple[Floats, Floats]


def _into(shown: Sequence[Shown], index: int, pairs: Mapping[int, Pair]) -> list[Edge]:
    """The edges that end in one column, from how much flows and with which sign, by the tensor that it begins in."""
    place = {shown[parent].column.group.told.output: parent for parent in shown[index].column.parents}
    edges = []
    for number, (size, net) in pairs.items():
        top = float(size.max()) if size.size else 0.0
        if not (0 < top < np.inf and np.isfinite(size).all() and np.isfinite(net).all()):
            continue
        seen = size >= FAINTEST * top
        ends, strengths, turns = np.argwhere(seen).tolist(), (size[seen] / top).tolist(), np.sign(net[seen]).tolist()
        edges += [
            Edge(place[number], before, index, into, strength, int(sign))
            for (into, before), strength, sign in zip(ends, strengths, turns, strict=True)
        ]
    return edges


def _followed(plan: Plan, shown: Sequence[Shown], index: int, amounts: Amounts) -> dict[int, Pair]:
    """Shares of what flows into the channels of a column, followed back layer by layer to the columns before it."""
    pairs = {}
    for parent, share in _shares(plan, shown, index, amounts).items():
        before = shown[parent]
        out = before.channels
        signs = np.sign(before.values[..., out].reshape(-1, len(out)).sum(axis=0))
        pairs[before.column.group.told.output] = (share.size[:, out], share.net[:, out] * signs)
    return pairs


def _shares(plan: Plan, shown: Sequence[Shown], index: int, amounts: Amounts) -> dict[int, Share]:
    """What share of a column's channels comes from every channel of the columns before it, by their indices."""
    column, unit = shown[index].column, shown[index].column.group.told
    place = {shown[parent].column.group.told.output: parent for parent in column.parents}
    last = index == len(shown) - 1
    start = unit.calls[-1].outputs[0] if last and unit.calls else unit.output
    found = shares(start, _rows(shown[index], plan, last=last), list(place), plan.calls, amounts)
    return {place[number]: share for number, share in found.items()}


def _rows(shown: Shown, plan: Plan, *, last: bool) -> Floats:
    """A row for each shown channel: 1 where it is. With one unit for two classes, the first class is its opposite."""
    calls = shown.column.group.told.calls
    width = int(plan.shapes[calls[-1].path][-1] or 1) if last and calls else shown.values.shape[-1]
    if last and width == 1:
        return np.asarray([[1.0 if channel else -1.0] for channel in shown.channels], np.float32)
    rows = np.zeros((len(shown.channels), width), np.float32)
    rows[np.arange(len(shown.channels)), shown.channels] = 1
    return rows


def _exact(plan: Plan, shown: Sequence[Shown], index: int, values: Floats) -> dict[int, Pair]:
    """Where a single convolution lies between two columns: ``Σ |slice ∗ map|`` and ``Σ slice ∗ map`` of each pair."""
    unit = shown[index].column.group.told
    if unit.op is None or len(shown[index].column.parents) != 1:
        return {}
    before, after = shown[shown[index].column.parents[0]], shown[index].values
    shape = plan.shapes[unit.op.path]
    if values.shape[-1] != before.values.shape[-1] or (len(shape), shape[-1]) != (after.ndim, after.shape[-1]):
        return {}  # laid out anew before it or after it
    made = convolutions(unit.op, shown[index].channels.tolist(), values)
    size = np.zeros((len(made), len(before.channels)), np.float32)
    net = np.zeros_like(size)
    for reads in {each.channels for each in made}:  # all of them the same, but of a depthwise or grouped convolution
        rows = [row for row, each in enumerate(made) if each.channels == reads]
        place = {channel: index for index, (_, channel) in enumerate(reads)}
        drawn = [
            (column, place[channel]) for column, channel in enumerate(before.channels.tolist()) if channel in place
        ]
        first = made[rows[0]]
        if not drawn:
            continue
        columns, inputs = (list(each) for each in zip(*drawn, strict=True))
        slices = np.stack([made[row].weights[..., inputs] for row in rows], axis=3)
        parts = convolved_apart(first.values[..., inputs], slices, first.geometry, first.shape)
        flat = parts.reshape(-1, len(inputs), len(rows))
        size[np.ix_(rows, columns)] = np.einsum("pio->oi", np.abs(flat))
        net[np.ix_(rows, columns)] = np.einsum("pio->oi", flat)
    return {before.column.group.told.output: (size, net)} if size.any() else {}
