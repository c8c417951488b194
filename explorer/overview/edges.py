"""The lines between shown channels: exact where one convolution lies between, else followed back layer by layer."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from explorer.overview.flow import Amounts, Share, shares
from explorer.overview.planning import Plan
from explorer.overview.seen import Edge, Hidden, Shown, Stop
from explorer.trace.gathering import convolutions
from explorer.trace.geometry import convolved_apart

Floats = NDArray[np.float32]
Channels = NDArray[np.int64]
FAINTEST = 0.03
"""The weakest edge that is drawn, as a share of the strongest between two columns."""
Pair = tuple[Floats, Floats]
"""How much flows, and that with its signs, both (channels of a column, channels of the one before)."""


def edges_into(shown: Sequence[Shown], index: int, pairs: Mapping[int, Pair]) -> list[Edge]:
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


def followed(plan: Plan, shown: Sequence[Shown], index: int, amounts: Amounts) -> dict[int, Pair]:
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


def exact(plan: Plan, shown: Sequence[Shown], index: int, values: Floats) -> dict[int, Pair]:
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


class Follow:
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
