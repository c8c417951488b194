"""What is seen of a network for one picture: columns with their channels, and what flows between these."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from explorer.overview.planning import Column

Floats = NDArray[np.float32]
Channels = NDArray[np.int64]


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
